//! Class names as exporters write them into a model's metadata.
//!
//! Ultralytics writes Python's `str` of a dict, `{0: 'person', 1: "driver's door"}`; others write a list or JSON. All of
//! them are YAML's flow style but for one thing: where a name holds a backslash, a line end, a character that cannot be
//! printed, or quotes of both kinds, Python escapes it between single quotes, where YAML knows no escapes. So texts
//! between single quotes are put between double ones first, whose escapes are the same in both. Source: the Python
//! Language Reference, "String and Bytes literals"; YAML 1.2, 7.3.1 and 7.4.

use crate::infer::Signature;
use crate::zoo::ZooError;
use std::collections::BTreeMap;

/// The names in a graph's metadata; none where the key is missing or holds nothing.
///
/// # Errors
/// As [`parse`].
pub(in crate::zoo) fn names_in_metadata(signature: &Signature) -> Result<Option<Vec<String>>, ZooError> {
    let text = signature.metadata.get("names").map(|text| text.trim());
    text.filter(|text| !matches!(*text, "" | "{}" | "[]" | "None" | "null")).map(parse).transpose()
}

/// The names of a dict from 0..n in any order, or of a list.
///
/// # Errors
/// [`ZooError::Names`] with what is wrong with the text, or which class has no name.
fn parse(text: &str) -> Result<Vec<String>, ZooError> {
    let refused = |reason: String| ZooError::Names { reason };
    let yaml = in_double_quotes(text);
    let names: Vec<String> = if yaml.trim_start().starts_with('[') {
        serde_saphyr::from_str(&yaml).map_err(|error| unreadable(text, &error))?
    } else {
        // JSON writes class numbers between quotes.
        let dict: BTreeMap<String, String> = serde_saphyr::from_str(&yaml).map_err(|error| unreadable(text, &error))?;
        let number = |(key, name): (String, String)| {
            let number: usize = key.parse().map_err(|_| refused(format!("{key:?} is no class number")))?;
            Ok((number, name))
        };
        let by_number = dict.into_iter().map(number).collect::<Result<BTreeMap<_, _>, ZooError>>()?;
        if let Some(class) = (0..by_number.len()).find(|class| !by_number.contains_key(class)) {
            return Err(refused(format!("class {class} has no name of its own")));
        }
        by_number.into_values().collect()
    };
    if names.is_empty() {
        return Err(refused("the list is empty".to_owned()));
    }
    Ok(names)
}

fn unreadable(text: &str, error: &serde_saphyr::Error) -> ZooError {
    let reason = error.to_string();
    let reason = reason.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let start: String = text.chars().take(40).collect();
    ZooError::Names { reason: format!("{reason}, in a metadata that begins {start:?}") }
}

/// The text with `"` around what is between single quotes.
fn in_double_quotes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, inside) {
            ('\\', Some(_)) => match characters.next() {
                Some('\'') => out.push('\''),
                escaped => {
                    out.push('\\');
                    out.extend(escaped);
                }
            },
            ('\'' | '"', None) => {
                inside = Some(character);
                out.push('"');
            }
            (quote, Some(open)) if quote == open => {
                inside = None;
                out.push('"');
            }
            ('"', Some(_)) => out.push_str("\\\""),
            (other, _) => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_python_dict_gives_its_names_in_the_order_of_the_classes() {
        assert_eq!(parse("{1: 'car', 0: 'person',}").unwrap(), ["person", "car"]);
        let many: Vec<String> = (0..12).map(|class| format!("{class}: 'class{class}'")).collect();
        assert_eq!(parse(&format!("{{{}}}", many.join(", "))).unwrap()[10], "class10", "by number, not by letters");
    }

    #[test]
    fn metadata_without_any_name_is_as_none() {
        let names = |text: &str| {
            let metadata = [("names".to_owned(), text.to_owned())].into();
            names_in_metadata(&Signature { metadata, ..Signature::default() })
        };
        for nothing in ["", " ", "{}", "[]", "None"] {
            assert_eq!(names(nothing), Ok(None), "{nothing:?}");
        }
        assert_eq!(names("['person']"), Ok(Some(vec!["person".to_owned()])));
        assert!(names("person, car").is_err());
        assert_eq!(names_in_metadata(&Signature::default()), Ok(None));
    }

    #[test]
    fn quotes_and_escapes_are_pythons() {
        let text =
            r#"{0: "driver's door", 1: 'a\'b"c', 2: 'caf\\é', 3: 'traffic light, red', 4: 'a\nb\x07\u200b', 5: 'yes'}"#;
        let expected = ["driver's door", "a'b\"c", "caf\\é", "traffic light, red", "a\nb\u{7}\u{200b}", "yes"];
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse("{0: 'a: b', 1: '{c}', 2: '# d', 3: '7', 4: ''}").unwrap(), ["a: b", "{c}", "# d", "7", ""]);
    }

    #[test]
    fn lists_and_json_objects_are_read_too() {
        assert_eq!(parse("['person', 'car']").unwrap(), ["person", "car"]);
        assert_eq!(parse(r#"{"0": "person", "1": "car"}"#).unwrap(), ["person", "car"]);
        assert_eq!(parse(r#"{"0":"person","1":"it's"}"#).unwrap(), ["person", "it's"]);
    }

    #[test]
    fn a_hole_in_the_classes_is_refused() {
        let error = parse("{0: 'person', 2: 'car'}").unwrap_err();
        assert_eq!(error.to_string(), "class names: class 1 has no name of its own");
        assert!(parse("{0: 'person', 0: 'car'}").is_err());
    }

    #[test]
    fn what_is_no_list_of_names_is_refused_with_its_beginning() {
        for (text, expected) in [
            ("person, car", "in a metadata that begins \"person, car\""),
            ("{0: 'person'", "in a metadata that begins \"{0: 'person'\""),
            ("{0: 'pers", "in a metadata that begins"),
            ("['a'] b", "in a metadata that begins"),
            ("{a: 'person'}", "\"a\" is no class number"),
            ("{-1: 'person'}", "\"-1\" is no class number"),
            ("{}", "is empty"),
            ("", "is empty"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains('\n'), "{text}: {error}");
        }
    }

    /// As Python's `repr` writes a text, as far as these have characters that it escapes.
    fn repr(name: &str) -> String {
        let quote = if name.contains('\'') && !name.contains('"') { '"' } else { '\'' };
        let escaped: String = name
            .chars()
            .map(|character| match character {
                '\\' => "\\\\".to_owned(),
                '\n' => "\\n".to_owned(),
                '\t' => "\\t".to_owned(),
                '\u{7f}' => "\\x7f".to_owned(),
                character if character == quote => format!("\\{quote}"),
                character => character.to_string(),
            })
            .collect();
        format!("{quote}{escaped}{quote}")
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn names_survive_the_way_through_a_dict_and_a_list(
            names in proptest::collection::vec("[a-zé☕ '\"\\\\\n\t\u{7f}:,{}#\\[\\]0-9~-]{0,8}", 1..5),
        ) {
            let written: Vec<String> = names.iter().map(|name| repr(name)).collect();
            prop_assert_eq!(&parse(&format!("[{}]", written.join(", "))).unwrap(), &names);
            let numbered: Vec<String> =
                written.iter().enumerate().map(|(number, name)| format!("{number}: {name}")).collect();
            prop_assert_eq!(&parse(&format!("{{{}}}", numbered.join(", "))).unwrap(), &names);
        }
    }
}
