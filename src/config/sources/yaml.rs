//! The text of a parameter file, taken apart into settings: section, key, value, line.
//!
//! Enters the text, leaves a flat list; which sections hold for a node is `sheet`'s affair. The parser is
//! serde-saphyr's event parser; what the events mean is rcl_yaml_param_parser's: nested names are joined by `/`
//! above `ros__parameters` and by `.` below it, lists are flat and of one type, a quoted scalar and one tagged
//! `!!str` is a string, aliases are refused, `<<` is a name like any other, and a repeated key takes its last value
//! (here with a warning). Where rcl would crash or guess (an empty name, a list of maps, no value) this refuses.

use crate::config::value;
use crate::types::ParameterValue;
use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput, Tag};
use std::collections::HashMap;

/// Depth of nested maps and lists.
const MAX_DEPTH: usize = 32;
/// Settings in one file, and bytes in one full key: a small file cannot grow into a large table.
const MAX_SETTINGS: usize = 10_000;
const MAX_NAME_LENGTH: usize = 1024;

/// One value of a file.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) struct YamlSetting {
    /// The node name pattern as written, nested names joined by `/`: `/**`, `vedette`, `/front/vedette`.
    pub section: String,
    /// The parameter, nested names joined by `.`.
    pub key: String,
    /// Its value.
    pub value: ParameterValue,
    /// Line, counted from 1.
    pub line: usize,
    /// The line of the same key before, in the same section of the same file.
    pub repeats_line: Option<usize>,
}

/// What is wrong with the text, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct YamlError {
    /// Line, counted from 1.
    pub line: usize,
    /// In words.
    pub problem: String,
}

/// All settings of a file, in its order.
///
/// # Errors
/// The first thing that is no parameter file.
pub(in crate::config) fn settings_from(text: &str) -> Result<Vec<YamlSetting>, YamlError> {
    let mut reader = Reader::new(text);
    let mut settings = Settings::default();
    while let Some((event, line)) = reader.next()? {
        match event {
            Event::MappingStart(..) => reader.sections(&mut Vec::new(), 1, &mut settings)?,
            Event::SequenceStart(..) => return Err(problem(line, "a list where node names were expected")),
            Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty() => {}
            Event::Scalar(text, ..) => {
                return Err(problem(line, format!("{:?} where node names were expected", shortened(&text))));
            }
            _ => {}
        }
    }
    Ok(settings.list)
}

/// The value of a `-p key:=value`: a scalar or a flat list.
///
/// # Errors
/// What is no such value.
pub(in crate::config) fn value_from(text: &str) -> Result<ParameterValue, YamlError> {
    let mut reader = Reader::new(text);
    let mut value = None;
    while let Some((event, line)) = reader.next()? {
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) | Event::DocumentEnd => {}
            _ if value.is_some() => return Err(problem(line, "more than one value")),
            Event::MappingStart(..) => return Err(problem(line, "a map where a value was expected")),
            event => value = Some(reader.value(event, line)?),
        }
    }
    value.ok_or_else(|| problem(1, "no value"))
}

#[derive(Default)]
struct Settings {
    list: Vec<YamlSetting>,
    lines: HashMap<(String, String), usize>,
}

impl Settings {
    fn add(&mut self, section: &str, key: String, value: ParameterValue, line: usize) -> Result<(), YamlError> {
        if self.list.len() == MAX_SETTINGS {
            return Err(problem(line, format!("more than {MAX_SETTINGS} parameters in one file")));
        }
        let repeats_line = self.lines.insert((section.to_owned(), key.clone()), line);
        self.list.push(YamlSetting { section: section.to_owned(), key, value, line, repeats_line });
        Ok(())
    }
}

struct Reader<'text> {
    parser: Parser<'text, StrInput<'text>>,
}

impl<'text> Reader<'text> {
    fn new(text: &'text str) -> Self {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.block_nesting_limit = MAX_DEPTH;
        options.flow_nesting_limit = MAX_DEPTH;
        Self { parser: Parser::new_from_str_with_options(text, options) }
    }

    fn next(&mut self) -> Result<Option<(Event<'text>, usize)>, YamlError> {
        match self.parser.next_event() {
            None => Ok(None),
            // Where nothing stands the parser says `~`; only the empty span tells it from a written one.
            Some(Ok((Event::Scalar(_, ScalarStyle::Plain, anchor, tag), span))) if span.is_empty() => {
                Ok(Some((Event::Scalar("".into(), ScalarStyle::Plain, anchor, tag), line_of(&span))))
            }
            Some(Ok((event, span))) => Ok(Some((event, line_of(&span)))),
            Some(Err(error)) => Err(problem(error.marker().line().max(1), error.info())),
        }
    }

    fn need(&mut self) -> Result<(Event<'text>, usize), YamlError> {
        self.next()?.ok_or_else(|| problem(1, "the text ends inside a value"))
    }

    /// A map above `ros__parameters`, its start already read; `names` are the keys that lead here.
    fn sections(&mut self, names: &mut Vec<String>, depth: usize, out: &mut Settings) -> Result<(), YamlError> {
        while let Some((name, line)) = self.key(depth)? {
            let (event, value_line) = self.need()?;
            if !matches!(event, Event::MappingStart(..)) {
                let expected =
                    if name == "ros__parameters" { "parameters below it" } else { "ros__parameters below it" };
                return Err(problem(value_line, format!("{:?} has no map, expected {expected}", shortened(&name))));
            }
            if name == "ros__parameters" {
                let section = names.join("/");
                check_section(&section, line)?;
                self.parameters(&section, "", depth + 1, out)?;
            } else {
                names.push(name);
                self.sections(names, depth + 1, out)?;
                names.pop();
            }
        }
        Ok(())
    }

    /// A map of parameters, its start already read; `prefix` is empty or ends with a dot.
    fn parameters(&mut self, section: &str, prefix: &str, depth: usize, out: &mut Settings) -> Result<(), YamlError> {
        while let Some((name, line)) = self.key(depth)? {
            let key = format!("{prefix}{name}");
            if key.len() > MAX_NAME_LENGTH {
                return Err(problem(line, format!("a parameter name longer than {MAX_NAME_LENGTH} bytes")));
            }
            match self.need()? {
                (Event::MappingStart(..), _) => self.parameters(section, &format!("{key}."), depth + 1, out)?,
                (Event::Scalar(text, ScalarStyle::Plain, ..), at) if text.is_empty() => {
                    return Err(problem(at, format!("{:?} has no value", shortened(&key))));
                }
                (event, at) => {
                    let value = self.value(event, at)?;
                    out.add(section, key, value, line)?;
                }
            }
        }
        Ok(())
    }

    /// The next key of a map, or none at its end.
    fn key(&mut self, depth: usize) -> Result<Option<(String, usize)>, YamlError> {
        match self.need()? {
            (Event::MappingEnd, _) => Ok(None),
            (_, line) if depth > MAX_DEPTH => {
                Err(problem(line, format!("more than {MAX_DEPTH} maps inside each other")))
            }
            (Event::Scalar(name, ..), line) if !name.is_empty() => Ok(Some((name.into_owned(), line))),
            (Event::Scalar(..), line) => Err(problem(line, "an empty name")),
            (Event::Alias(_), line) => Err(no_alias(line)),
            (_, line) => Err(problem(line, "a map or a list where a name was expected")),
        }
    }

    /// A scalar or a flat list whose first event is given.
    fn value(&mut self, event: Event<'text>, line: usize) -> Result<ParameterValue, YamlError> {
        match event {
            Event::Scalar(text, style, _, tag) => scalar(&text, style, tag.as_deref(), line),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.need()? {
                        (Event::SequenceEnd, _) => break,
                        (Event::Scalar(text, style, _, tag), at) => {
                            items.push(scalar(&text, style, tag.as_deref(), at)?)
                        }
                        (Event::Alias(_), line) => return Err(no_alias(line)),
                        (_, line) => return Err(problem(line, "a list or a map inside a list")),
                    }
                }
                value::from_items(items).map_err(|mixed| {
                    problem(line, format!("a list of one type was expected: {} in {}", mixed.item, mixed.list))
                })
            }
            Event::Alias(_) => Err(no_alias(line)),
            _ => Err(problem(line, "a value was expected")),
        }
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, line: usize) -> Result<ParameterValue, YamlError> {
    let quoted = matches!(style, ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted);
    if quoted || tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str")) {
        Ok(ParameterValue::String(text.to_owned()))
    } else if text.is_empty() {
        Err(problem(line, "no value"))
    } else {
        Ok(value::from_plain(text))
    }
}

/// A section is a node name, full or relative, in which a part may be `*` or `**`.
fn check_section(section: &str, line: usize) -> Result<(), YamlError> {
    if section.is_empty() {
        return Err(problem(line, "ros__parameters stands under no node name, expected /** or a node above it"));
    }
    let tokens = section.strip_prefix('/').unwrap_or(section);
    let fits = tokens.split('/').all(|token| {
        let plain = token.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        matches!(token, "*" | "**") || (plain && token.starts_with(|c: char| !c.is_ascii_digit()))
    });
    if fits && section.len() <= MAX_NAME_LENGTH {
        return Ok(());
    }
    Err(problem(line, format!("{:?} is no node name, expected names of letters, digits and _", shortened(section))))
}

fn no_alias(line: usize) -> YamlError {
    problem(line, "an alias (*name): ROS parameter files have none")
}

fn problem(line: usize, problem: impl Into<String>) -> YamlError {
    YamlError { line, problem: problem.into() }
}

fn line_of(span: &Span) -> usize {
    span.start.line().max(1)
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(text: &str) -> Vec<(String, String, String)> {
        let settings = settings_from(text).unwrap();
        settings.into_iter().map(|s| (s.section, s.key, s.value.to_string())).collect()
    }

    fn row(section: &str, key: &str, value: &str) -> (String, String, String) {
        (section.into(), key.into(), value.into())
    }

    #[test]
    fn nested_names_join_by_slash_above_and_by_dot_below() {
        let text =
            "ns:\n  vedette:\n    ros__parameters:\n      a: 1\n      b:\n        c: {d: [u, v]}\n        e: \"1\"\n";
        assert_eq!(
            table(text),
            [
                row("ns/vedette", "a", "1"),
                row("ns/vedette", "b.c.d", r#"["u", "v"]"#),
                row("ns/vedette", "b.e", "\"1\"")
            ]
        );
    }

    /// As rcl of ROS 2 Jazzy read the same file.
    #[test]
    fn quotes_and_the_str_tag_make_strings_and_a_merge_key_is_a_name() {
        let text = "/**:\n  ros__parameters:\n    a: 'true'\n    b: !!str 5\n    c: yes\n    <<: {d: 1}\n    e: |\n      5\n    f: []\n";
        let rows = [("a", "\"true\""), ("b", "\"5\""), ("c", "true"), ("<<.d", "1"), ("e", "\"5\\n\""), ("f", "[]")];
        assert_eq!(table(text), rows.map(|(key, value)| row("/**", key, value)));
    }

    #[test]
    fn a_repeated_key_keeps_both_values_and_names_the_earlier_line() {
        let settings = settings_from("/**:\n  ros__parameters:\n    a: 1\n    a: 2\n").unwrap();
        assert_eq!((settings[0].repeats_line, settings[1].repeats_line), (None, Some(3)));
    }

    #[test]
    fn an_empty_file_and_one_of_comments_set_nothing() {
        for text in ["", "# nothing\n", "---\n", "---\n...\n", "{}", "/**:\n  ros__parameters: {}\n"] {
            assert_eq!(table(text), [], "{text:?}");
        }
    }

    #[test]
    fn each_malformed_file_is_refused_at_its_line() {
        let with = |line: &str| format!("/**:\n  ros__parameters:\n    {line}\n");
        for (text, error) in [
            (with("a: *b"), "line 3: "),
            (with("a: &b 1\n    c: *b"), "line 4: an alias (*name): ROS parameter files have none"),
            (with("a: [1, 2.0]"), "line 3: a list of one type was expected: double in integer[]"),
            (with("a: [1, [2]]"), "line 3: a list or a map inside a list"),
            (with("a:"), "line 3: \"a\" has no value"),
            (with("a:\n      - b\n      -"), "line 5: no value"),
            (with("\"\": 1"), "line 3: an empty name"),
            (with("? [a]\n    : 1"), "line 3: a map or a list where a name was expected"),
            (with("a: [1"), "line "),
            (with("a: 1\n   b: 2"), "line 4: "),
            (
                "/**:\n  ros__parameters:\n".into(),
                "line 2: \"ros__parameters\" has no map, expected parameters below it",
            ),
            ("ros__parameters:\n  a: 1\n".into(), "line 1: ros__parameters stands under no node name"),
            ("vedette:\n  score: 1\n".into(), "line 2: \"score\" has no map, expected ros__parameters below it"),
            ("a-b:\n  ros__parameters: {a: 1}\n".into(), "line 2: \"a-b\" is no node name"),
            ("//v:\n  ros__parameters: {a: 1}\n".into(), "line 2: \"//v\" is no node name"),
            ("- a\n".into(), "line 1: a list where node names were expected"),
            ("text\n".into(), "line 1: \"text\" where node names were expected"),
        ] {
            let found = settings_from(&text).unwrap_err().to_string();
            assert!(found.starts_with(error), "{text:?}: {found}");
            assert!(found.len() > "line 3: ".len(), "{text:?}: {found}");
        }
    }

    #[test]
    fn a_deep_a_wide_and_a_long_named_file_meet_their_limits() {
        let deep = format!("{}a: 1{}", "{a: ".repeat(100_000), "}".repeat(100_000));
        assert!(settings_from(&deep).is_err());
        let mut wide = String::from("/**:\n  ros__parameters:\n");
        wide.extend((0..=MAX_SETTINGS).map(|i| format!("    p{i}: 1\n")));
        assert!(settings_from(&wide).unwrap_err().problem.starts_with("more than 10000 parameters"));
        let long = format!("/**:\n  ros__parameters:\n    {}:\n      {}: 1\n", "a".repeat(600), "b".repeat(600));
        assert!(settings_from(&long).unwrap_err().problem.starts_with("a parameter name longer"));
    }

    #[test]
    fn an_override_is_a_scalar_or_a_flat_list() {
        assert_eq!(value_from("'5'").unwrap().to_string(), "\"5\"");
        assert_eq!(value_from("[1, 2]").unwrap().to_string(), "[1, 2]");
        assert_eq!(value_from("\"\"").unwrap().to_string(), "\"\"");
        for text in ["", "{a: 1}", "a: b", "[[1]]", "*a", "[1"] {
            assert!(value_from(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = settings_from(&text);
            let _ = value_from(&text);
        }

        #[test]
        fn any_yaml_like_text_is_read_or_refused(
            text in "(/\\*\\*:\n  ros__parameters:\n)?([ \\-\\[\\]{}:,#&*!|>'\"%@`a-c0-9.\n\t~?]|: |- |  ){0,60}"
        ) {
            let _ = settings_from(&text);
            let _ = value_from(&text);
        }
    }
}
