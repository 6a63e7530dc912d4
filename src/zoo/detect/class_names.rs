//! Class names as exporters write them into a model's metadata: a Python literal.
//!
//! Ultralytics writes `{0: 'person', 1: "driver's door"}`; others write a list, `['person', 'car']`. Source: the
//! Python Language Reference, "String and Bytes literals" (the escapes of `repr`).

use crate::zoo::ZooError;

/// The names of a dict from 0..n in any order, or of a list.
///
/// # Errors
/// [`ZooError::Names`] saying where the text stops being such a literal, or which class has no name.
pub(in crate::zoo) fn parse(text: &str) -> Result<Vec<String>, ZooError> {
    let mut reader = Reader { rest: text.trim(), text: text.trim() };
    let names = if reader.take('{') { reader.dict()? } else { reader.list()? };
    reader.skip_spaces();
    if !reader.rest.is_empty() {
        return Err(reader.error("the end"));
    }
    if names.is_empty() {
        return Err(ZooError::Names { reason: "the list is empty".to_owned() });
    }
    Ok(names)
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Reader<'_> {
    fn dict(&mut self) -> Result<Vec<String>, ZooError> {
        let mut entries = Vec::new();
        while !self.take('}') {
            let key = self.integer()?;
            self.expect(':', "a colon")?;
            entries.push((key, self.string()?));
            if !self.take(',') && !self.rest.starts_with('}') {
                return Err(self.error("a comma or }"));
            }
        }
        entries.sort_by_key(|(key, _)| *key);
        if let Some(index) = (0..entries.len()).find(|&index| entries[index].0 != index) {
            return Err(ZooError::Names { reason: format!("class {index} has no name of its own") });
        }
        Ok(entries.into_iter().map(|(_, name)| name).collect())
    }

    fn list(&mut self) -> Result<Vec<String>, ZooError> {
        self.expect('[', "{ or [")?;
        let mut names = Vec::new();
        while !self.take(']') {
            names.push(self.string()?);
            if !self.take(',') && !self.rest.starts_with(']') {
                return Err(self.error("a comma or ]"));
            }
        }
        Ok(names)
    }

    /// A class number, bare or, as in JSON, in quotes.
    fn integer(&mut self) -> Result<usize, ZooError> {
        self.skip_spaces();
        let digits = if self.rest.starts_with(['\'', '"']) {
            self.string()?
        } else {
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            self.rest = rest;
            digits.to_owned()
        };
        digits.parse().map_err(|_| self.error("a class number"))
    }

    fn string(&mut self) -> Result<String, ZooError> {
        self.skip_spaces();
        let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let quote = quote.ok_or_else(|| self.error("a name in quotes"))?;
        let mut name = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some((_, 'n')) => name.push('\n'),
                    Some((_, 't')) => name.push('\t'),
                    Some((_, escaped @ ('\\' | '\'' | '"'))) => name.push(escaped),
                    _ => return Err(self.error("a name without exotic escapes")),
                },
                end if end == quote => {
                    self.rest = &self.rest[at + 1..];
                    self.skip_spaces();
                    return Ok(name);
                }
                other => name.push(other),
            }
        }
        Err(self.error("a closing quote"))
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_spaces();
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, wanted: char, expected: &str) -> Result<(), ZooError> {
        if self.take(wanted) { Ok(()) } else { Err(self.error(expected)) }
    }

    fn error(&self, expected: &str) -> ZooError {
        let at = self.text.len() - self.rest.len();
        let found: String = self.rest.chars().take(20).collect();
        ZooError::Names { reason: format!("found {found:?} at byte {at} of the metadata, expected {expected}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_python_dict_gives_its_names_in_the_order_of_the_classes() {
        assert_eq!(parse("{1: 'car', 0: 'person',}").unwrap(), ["person", "car"]);
    }

    #[test]
    fn quotes_and_escapes_are_pythons() {
        let names = parse(r#"{0: "driver's door", 1: 'a\'b', 2: 'caf\\é', 3: 'traffic light, red'}"#).unwrap();
        assert_eq!(names, ["driver's door", "a'b", "caf\\é", "traffic light, red"]);
    }

    #[test]
    fn lists_and_json_objects_are_read_too() {
        assert_eq!(parse("['person', 'car']").unwrap(), ["person", "car"]);
        assert_eq!(parse(r#"{"0": "person", "1": "car"}"#).unwrap(), ["person", "car"]);
    }

    #[test]
    fn a_hole_in_the_classes_is_refused() {
        let error = parse("{0: 'person', 2: 'car'}").unwrap_err();
        assert_eq!(error.to_string(), "class names: class 1 has no name of its own");
    }

    #[test]
    fn what_is_no_literal_is_refused_with_the_place() {
        for (text, place) in [
            ("person, car", "at byte 0"),
            ("{0: person}", "at byte 4"),
            ("{0: 'person'", "expected a comma or }"),
            ("{0: 'pers", "expected a closing quote"),
            ("{}", "is empty"),
            ("['a'] b", "expected the end"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(place), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn names_survive_the_way_through_a_literal(names in proptest::collection::vec("[a-z '\"\\\\]{1,8}", 1..5)) {
            let quoted: Vec<_> =
                names.iter().map(|name| format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"))).collect();
            prop_assert_eq!(parse(&format!("[{}]", quoted.join(", "))).unwrap(), names);
        }
    }
}
