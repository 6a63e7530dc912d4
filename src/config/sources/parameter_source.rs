//! Where parameters come from: files, and values on a command line.

use super::yaml::value_from;
use crate::config::error::ConfigError;
use crate::config::naming::ros_names::check_node_name;
use crate::infer::read_short_text;
use crate::types::ParameterValue;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Bytes of the largest parameter file that is read; Nav2's largest hold some 20,000.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// One source of parameters; several are given in the order of the command line.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterSource {
    /// `--params-file`.
    File(PathBuf),
    /// `-p`.
    Override(ParameterOverride),
}

/// `key:=value` or `node:key:=value`; the value is YAML: a scalar or a flat list.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterOverride {
    node: Option<String>,
    key: String,
    value: ParameterValue,
    text: String,
}

impl ParameterOverride {
    /// The node for which alone it is meant: the name without namespace.
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// The parameter.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its value.
    pub fn value(&self) -> &ParameterValue {
        &self.value
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl FromStr for ParameterOverride {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let refused = |problem: String| ConfigError::Override { found: text.chars().take(120).collect(), problem };
        let (name, value) = text.split_once(":=").ok_or_else(|| refused("there is no :=".to_owned()))?;
        let (node, key) = name.split_once(':').map_or((None, name), |(node, key)| (Some(node), key));
        if let Some(node) = node {
            check_node_name(node).map_err(|error| refused(error.to_string()))?;
        }
        if key.is_empty() || key.contains(|c: char| c.is_whitespace() || c == ':') {
            return Err(refused(format!("{key:?} is no parameter name")));
        }
        let value = value_from(value).map_err(|error| refused(format!("the value: {}", error.problem)))?;
        Ok(Self { node: node.map(str::to_owned), key: key.to_owned(), value, text: text.to_owned() })
    }
}

/// The text of a parameter file.
pub(in crate::config) fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    read_short_text(path, MAX_FILE_BYTES).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_names_a_key_and_perhaps_a_node() {
        let over: ParameterOverride = "scout:classes:=[person, car]".parse().unwrap();
        assert_eq!((over.node(), over.key()), (Some("scout"), "classes"));
        let over: ParameterOverride = "qos_overrides./image.subscription.depth:=2".parse().unwrap();
        assert_eq!(over.key(), "qos_overrides./image.subscription.depth");
        assert_eq!(over.value(), &ParameterValue::Integer(2));
    }

    /// rcl (Jazzy) refuses the same ones.
    #[test]
    fn each_malformed_override_is_refused_with_its_problem() {
        for (text, problem) in [
            ("x=1", "there is no :="),
            (":=1", "\"\" is no parameter name"),
            ("a b:=1", "\"a b\" is no parameter name"),
            ("/vedette:x:=1", "node name \"/vedette\""),
            ("x:=", "the value: no value"),
            ("x:={a: 1}", "the value: a map where a value was expected"),
            ("x:=a: b", "the value: a map where a value was expected"),
            ("x:=[1, a]", "the value: a list of one type was expected"),
            ("x:=*a", "the value: "),
        ] {
            let error = text.parse::<ParameterOverride>().unwrap_err().to_string();
            let start = format!("parameter override {text:?}: {problem}");
            assert!(error.starts_with(&start), "{error}");
        }
    }
}
