//! What can be wrong with parameters, and what is merely worth a warning.

use super::naming::NodeName;
use super::sources::YamlError;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An error with its causes in one line. A cause that the words before it hold already is not said again.
pub fn in_words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        source = cause.source();
    }
    words
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of a parameter file.
    File {
        /// The file.
        path: Arc<Path>,
        /// Line, counted from 1.
        line: usize,
    },
    /// The command line.
    Override {
        /// As it was written: `score_threshold:=0.3`.
        text: String,
    },
    /// Nobody set it.
    Default,
    /// A client of the running node wants it.
    Request,
    /// It held before that.
    InForce,
}

impl Origin {
    /// Before a message about one value: `params.yaml:7: `. A client knows what it has asked for.
    fn before(&self) -> String {
        if *self == Self::Request { String::new() } else { format!("{self}: ") }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Override { text } => write!(f, "-p {text}"),
            Self::Default => f.write_str("default"),
            Self::Request => f.write_str("the request"),
            Self::InForce => f.write_str("in force"),
        }
    }
}

/// A parameter with its value, as a message about two of them shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The key.
    pub key: String,
    /// The value as a file holds it.
    pub value: String,
    /// Where it was set.
    pub origin: Origin,
}

impl Shown {
    /// `max_age_ms, which is 200 (default)`.
    fn which(&self) -> String {
        let origin = if self.origin == Origin::Request { String::new() } else { format!(" ({})", self.origin) };
        format!("{}, which is {}{origin}", self.key, self.value)
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.key, self.value)?;
        if self.origin == Origin::Request { Ok(()) } else { write!(f, " ({})", self.origin) }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read parameter file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is no ROS parameter file.
    #[error("parameter file {}: {problem}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Line and problem.
        problem: YamlError,
    },
    /// A value on the command line is none.
    #[error("parameter override {found:?}: {problem}, expected key:=value or node:key:=value")]
    Override {
        /// As it was written, shortened.
        found: String,
        /// What is wrong.
        problem: String,
    },
    /// A value has another type.
    #[error("{}{key} is {found} ({found_type}), expected {expected}", origin.before())]
    WrongType {
        /// Where.
        origin: Origin,
        /// The parameter.
        key: String,
        /// The value, shortened.
        found: String,
        /// Its type.
        found_type: &'static str,
        /// The allowed values in words.
        expected: String,
    },
    /// A value has the right type and is not allowed.
    #[error("{}{key} is {found}, expected {expected}", origin.before())]
    OutOfRange {
        /// Where.
        origin: Origin,
        /// The parameter.
        key: String,
        /// The value, shortened.
        found: String,
        /// The allowed values in words.
        expected: String,
    },
    /// The node's own section, or the command line, names a parameter that there is not.
    #[error("{}there is no parameter {key}, the nearest is {nearest}", origin.before())]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The parameter.
        key: String,
        /// The known one that is spelled most like it.
        nearest: String,
    },
    /// Two values, each allowed, do not go together.
    #[error("{left}, expected {relation} {}", right.which())]
    Inconsistent {
        /// The one.
        left: Shown,
        /// What it must be to the other: `at most`.
        relation: &'static str,
        /// The other.
        right: Box<Shown>,
    },
    /// The robot could not stop inside the corridor that it looks at.
    #[error(
        "{length}, expected at least {needed_m:.2}, the way to stop from max_speed_mps by latency_budget_ms, \
         deceleration_mps2 and stop_margin_m"
    )]
    CorridorTooShort {
        /// `corridor_length_m`.
        length: Shown,
        /// The least length, in meters.
        needed_m: f64,
    },
}

/// Something in the parameters that is not used as its writer may have meant it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigWarning {
    /// A section for several nodes holds a key that this node does not know.
    #[error("{origin}: there is no parameter {key} (ignored, it may be another node's), the nearest is {nearest}")]
    UnknownKey {
        /// Where.
        origin: Origin,
        /// The parameter.
        key: String,
        /// The known one that is spelled most like it.
        nearest: String,
    },
    /// A key stands twice in one section of one file; the later value counts.
    #[error("{origin}: {key} was set in line {first_line} already, this value counts")]
    Repeated {
        /// Where the value that counts stands.
        origin: Origin,
        /// The parameter.
        key: String,
        /// The line before.
        first_line: usize,
    },
    /// A value from the command line is covered by a file, as ROS's order of sections has it.
    #[error(
        "-p {text} has no effect: {by} sets the same parameter for {node} in section {section}, which ROS reads \
         later; set it in that section of a later file"
    )]
    Covered {
        /// The override.
        text: String,
        /// The value that counts.
        by: Origin,
        /// This node.
        node: String,
        /// The section of the value that counts.
        section: String,
    },
    /// A file in which nothing is meant for this node.
    #[error("parameter file {}: nothing in it is for {node}: its sections are {sections}, {advice}", path.display())]
    NoSection {
        /// The file.
        path: PathBuf,
        /// This node.
        node: String,
        /// The names of the sections, the first few.
        sections: String,
        /// What to write instead.
        advice: String,
    },
    /// A prompt that looks like several.
    #[error("{origin}: {hint}")]
    CommaInPrompt {
        /// Where.
        origin: Origin,
        /// In words.
        hint: String,
    },
    /// A policy that rclcpp knows and this node leaves alone.
    #[error(
        "{origin}: {key} is not applied, only reliability, durability, history and depth of a topic's subscription are"
    )]
    NotApplied {
        /// Where.
        origin: Origin,
        /// The parameter.
        key: String,
    },
}

impl ConfigWarning {
    /// For a file with these sections, none of which holds for `node`.
    pub(super) fn no_section(path: &Path, node: &NodeName, sections: &[String]) -> Self {
        const SHOWN: usize = 5;
        let mut shown = sections.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        if let Some(more) = sections.len().checked_sub(SHOWN).filter(|&more| more > 0) {
            shown = format!("{shown} and {more} more");
        }
        let name_of = |section: &str| section.rsplit('/').next().unwrap_or_default().to_owned();
        let is_other_namespace = sections.iter().any(|section| name_of(section) == node.name());
        let advice = match near(node.name(), sections.iter().map(String::as_str)) {
            _ if is_other_namespace => {
                format!("expected {node}, or /**/{} for the node in any namespace", node.name())
            }
            Some(section) => format!("the nearest is {section}, expected {node} or /**"),
            None => format!("expected {node} or /**"),
        };
        Self::NoSection { path: path.to_owned(), node: node.to_string(), sections: shown, advice }
    }

    pub(super) fn covered(text: String, by: Origin, node: &NodeName, section: String) -> Self {
        Self::Covered { text, by, node: node.to_string(), section }
    }
}

/// The name that is spelled most like `found`.
pub(super) fn nearest<'name>(found: &str, names: impl Iterator<Item = &'name str>) -> Option<&'name str> {
    names.max_by(|a, b| likeness(found, a).total_cmp(&likeness(found, b)))
}

/// The same, where it is so much like `found` that it may have been meant.
pub(super) fn near<'name>(found: &str, names: impl Iterator<Item = &'name str>) -> Option<&'name str> {
    const LEAST: f64 = 0.6;
    nearest(found, names).filter(|name| likeness(found, name) >= LEAST)
}

/// 1 for the same word, 0 for one that has nothing in common.
fn likeness(found: &str, name: &str) -> f64 {
    // The distance of two words grows with the product of their lengths; no known key is longer than 40.
    let found: String = found.chars().take(64).collect();
    strsim::normalized_damerau_levenshtein(&found, name)
}
