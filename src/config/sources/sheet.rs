//! Which of all the settings in files and on the command line hold for one node, in ROS's order.
//!
//! rcl keeps sections in the order in which their names first appear, over all files and overrides of a command
//! line; an override without a node name goes into section `/**`, one with a name into that name's. rclcpp then
//! walks the sections that match the node, and the later value wins. So the order of *sections* counts, not how
//! narrow they are, and a `-p` loses against the node's own section when `/**` came before that: the surprise is
//! kept, as every other node has it, and told ([`ConfigWarning::Covered`]).

use super::parameter_source::ParameterOverride;
use super::yaml::{YamlError, settings_from};
use crate::config::error::{ConfigWarning, Origin};
use crate::config::naming::ros_names::NodeName;
use crate::types::ParameterValue;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// All sections, in ROS's order.
#[derive(Default)]
pub(in crate::config) struct Sheet {
    sections: Vec<(String, Vec<Setting>)>,
    index: HashMap<String, usize>,
}

struct Setting {
    key: String,
    value: ParameterValue,
    origin: Origin,
    repeats_line: Option<usize>,
}

/// The value of one key that holds for the node.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::config) struct Effective {
    pub value: ParameterValue,
    pub origin: Origin,
    /// Said to this node and to no other: in a section that names it, or on its command line.
    pub is_own: bool,
}

impl Sheet {
    /// The settings of a file's text; the names of its sections that set something, each once.
    pub fn add_text(&mut self, path: &Path, text: &str) -> Result<Vec<String>, YamlError> {
        let path: Arc<Path> = Arc::from(path);
        let mut sections: Vec<String> = Vec::new();
        for setting in settings_from(text)? {
            if sections.last() != Some(&setting.section) && !sections.contains(&setting.section) {
                sections.push(setting.section.clone());
            }
            let origin = Origin::File { path: Arc::clone(&path), line: setting.line };
            let (key, value, repeats_line) = (setting.key, setting.value, setting.repeats_line);
            self.section(setting.section).push(Setting { key, value, origin, repeats_line });
        }
        Ok(sections)
    }

    /// One value of the command line.
    pub fn add_override(&mut self, over: &ParameterOverride) {
        let setting = Setting {
            key: over.key().to_owned(),
            value: over.value().clone(),
            origin: Origin::Override { text: over.text().to_owned() },
            repeats_line: None,
        };
        self.section(over.node().unwrap_or("/**").to_owned()).push(setting);
    }

    fn section(&mut self, name: String) -> &mut Vec<Setting> {
        let index = *self.index.entry(name).or_insert_with_key(|name| {
            self.sections.push((name.clone(), Vec::new()));
            self.sections.len() - 1
        });
        &mut self.sections[index].1
    }

    /// What holds for `node`, by key.
    pub fn into_effective(self, node: &NodeName, warnings: &mut Vec<ConfigWarning>) -> BTreeMap<String, Effective> {
        let full_name = node.to_string();
        let mut effective: BTreeMap<String, Effective> = BTreeMap::new();
        for (section, settings) in self.sections {
            if !matches(&section, &full_name) {
                continue;
            }
            let names_node = !section.ends_with('*');
            for Setting { key, value, origin, repeats_line } in settings {
                if let Some(first_line) = repeats_line {
                    warnings.push(ConfigWarning::Repeated { origin: origin.clone(), key: key.clone(), first_line });
                }
                let from_file = matches!(origin, Origin::File { .. });
                let before = effective.get(&key);
                if let (true, Some(Effective { origin: Origin::Override { text }, .. })) = (from_file, before) {
                    warnings.push(ConfigWarning::covered(text.clone(), origin.clone(), node, section.clone()));
                }
                let is_own = names_node || !from_file || before.is_some_and(|before| before.is_own);
                effective.insert(key, Effective { value, origin, is_own });
            }
        }
        effective
    }
}

/// Whether a section holds for a node: `*` stands for one part of its full name, `**` for any number of them.
pub(in crate::config) fn matches(section: &str, full_name: &str) -> bool {
    let pattern: Vec<&str> = section.trim_start_matches('/').split('/').collect();
    let name: Vec<&str> = full_name.trim_start_matches('/').split('/').collect();
    let (mut at_pattern, mut at_name) = (0, 0);
    // After the last `**`: where the pattern goes on, and how much of the name the `**` has taken.
    let mut retry: Option<(usize, usize)> = None;
    while at_name < name.len() {
        match pattern.get(at_pattern) {
            Some(&"**") => {
                at_pattern += 1;
                retry = Some((at_pattern, at_name));
            }
            Some(&part) if part == "*" || part == name[at_name] => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => match &mut retry {
                None => return false,
                Some((pattern_after, taken)) => {
                    *taken += 1;
                    (at_pattern, at_name) = (*pattern_after, *taken);
                }
            },
        }
    }
    pattern[at_pattern..].iter().all(|&part| part == "**")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effective(sources: &[Result<&str, &str>], node: &NodeName) -> (BTreeMap<String, Effective>, Vec<ConfigWarning>) {
        let mut sheet = Sheet::default();
        for source in sources {
            match source {
                Ok(text) => drop(sheet.add_text(Path::new("a.yaml"), text).unwrap()),
                Err(over) => sheet.add_override(&over.parse().unwrap()),
            }
        }
        let mut warnings = Vec::new();
        (sheet.into_effective(node, &mut warnings), warnings)
    }

    fn x(sources: &[Result<&str, &str>]) -> String {
        effective(sources, &NodeName::default()).0["x"].value.to_string()
    }

    const ALL: &str = "/**:\n  ros__parameters: {x: 1}\n";
    const OWN: &str = "/vedette:\n  ros__parameters: {x: 2}\n";

    #[test]
    fn the_section_that_appears_later_wins() {
        assert_eq!(x(&[Ok(ALL), Ok(OWN)]), "2");
        assert_eq!(x(&[Ok(OWN), Ok(ALL)]), "1");
        assert_eq!(x(&[Ok(ALL), Ok(OWN), Ok("/**:\n  ros__parameters: {x: 3}\n")]), "2");
        assert_eq!(x(&[Ok(OWN), Ok("vedette:\n  ros__parameters: {x: 4}\n")]), "4");
    }

    #[test]
    fn an_override_goes_into_the_section_for_all() {
        assert_eq!(x(&[Ok(ALL), Err("x:=9")]), "9");
        assert_eq!(x(&[Err("x:=9"), Ok(ALL)]), "1");
        assert_eq!(x(&[Ok(OWN), Err("x:=9")]), "9");
        assert_eq!(x(&[Ok(ALL), Ok(OWN), Err("vedette:x:=9")]), "9");
        assert_eq!(x(&[Ok(ALL), Err("other:x:=9")]), "1");
    }

    #[test]
    fn an_override_that_a_section_covers_is_told() {
        let (settings, warnings) = effective(&[Ok(ALL), Ok(OWN), Err("x:=9")], &NodeName::default());
        assert_eq!(settings["x"].value, ParameterValue::Integer(2));
        let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
        let text = warning.to_string();
        assert!(text.starts_with("-p x:=9 has no effect: a.yaml:2 sets the same parameter for /vedette"), "{text}");
    }

    #[test]
    fn a_section_is_the_nodes_own_when_its_last_part_is_a_name() {
        let own = |source| effective(&[source], &NodeName::default()).0["x"].is_own;
        assert!(own(Ok(OWN)) && own(Err("x:=1")) && own(Ok("/**/vedette:\n  ros__parameters: {x: 1}\n")));
        assert!(!own(Ok(ALL)) && !own(Ok("/*:\n  ros__parameters: {x: 1}\n")));
    }

    /// rclcpp's reading: `/*` is one part, `/**` any number, the whole name must match.
    #[test]
    fn wildcards_match_parts_of_the_full_name() {
        for (section, name, expected) in [
            ("/**", "/vedette", true),
            ("**", "/a/b/vedette", true),
            ("/*", "/vedette", true),
            ("/*", "/a/vedette", false),
            ("/*/vedette", "/a/vedette", true),
            ("/*/vedette", "/vedette", false),
            ("/**/vedette", "/vedette", true),
            ("/**/vedette", "/a/b/vedette", true),
            ("/**/vedette", "/vedette/b", false),
            ("/a/**", "/a", true),
            ("/a/**", "/a/b/c", true),
            ("/a/**", "/ab", false),
            ("/**/b/*", "/b/b/c", true),
            ("/**/b/**/c", "/a/b/x/b/c", true),
            ("vedette", "/vedette", true),
            ("vedette", "/a/vedette", false),
            ("a/vedette", "/a/vedette", true),
            ("/**/**", "/vedette", true),
        ] {
            assert_eq!(matches(section, name), expected, "{section} {name}");
        }
    }
}
