//! Names of nodes and topics: what ROS 2 allows, and how a relative one becomes a full one.

use std::fmt;

/// rmw's limit for a full topic name.
const MAX_TOPIC_LENGTH: usize = 247;
/// rmw's limit for a node name.
const MAX_NODE_NAME_LENGTH: usize = 255;

/// Why a name is none in ROS, or a remap rule no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// A node name is one token.
    #[error("node name {found:?}: {problem}, expected letters, digits and _, no digit first")]
    Node {
        /// The name.
        found: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A namespace is absolute.
    #[error("namespace {found:?}: {problem}, expected / or /name or /name/name")]
    Namespace {
        /// The namespace.
        found: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A topic name is relative, absolute or private.
    #[error("topic name {found:?}: {problem}, expected name, /name or ~/name of letters, digits and _")]
    Topic {
        /// The name.
        found: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A remap rule has two sides.
    #[error("remap rule {found:?} has nothing on one side or no :=, expected from:=to, as in image:=/camera/image")]
    Rule {
        /// The rule.
        found: String,
    },
}

/// A node's full name: the namespace and the name in it. It selects the sections of parameter files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName {
    namespace: String,
    name: String,
}

impl Default for NodeName {
    /// `/vedette`.
    fn default() -> Self {
        Self { namespace: "/".to_owned(), name: "vedette".to_owned() }
    }
}

impl NodeName {
    /// A node in a namespace: `("/", "vedette")` is `/vedette`, `("/front", "vedette")` is `/front/vedette`.
    ///
    /// # Errors
    /// [`NameError::Node`] or [`NameError::Namespace`] when rmw would not take it.
    pub fn new(namespace: &str, name: &str) -> Result<Self, NameError> {
        check_node_name(name)?;
        check_namespace(namespace)?;
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }

    /// The namespace: `/`, or `/a/b` without a slash at its end.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name in the namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A topic name made full, before any remapping: `image` is in the namespace, `~/plan` below the node's own
    /// name, `/clock` is full already.
    pub fn expand(&self, topic: &str) -> String {
        match topic.strip_prefix('~') {
            Some(private) => format!("{self}{private}"),
            None if topic.starts_with('/') => topic.to_owned(),
            None => format!("{}/{topic}", self.namespace.trim_end_matches('/')),
        }
    }
}

impl fmt::Display for NodeName {
    /// The full name: `/front/vedette`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace.trim_end_matches('/'), self.name)
    }
}

pub(in crate::config) fn check_node_name(name: &str) -> Result<(), NameError> {
    let problem = if name.len() > MAX_NODE_NAME_LENGTH { Some("it is longer than 255") } else { token_problem(name) };
    problem.map_or(Ok(()), |problem| Err(NameError::Node { found: shortened(name), problem }))
}

pub(in crate::config) fn check_namespace(namespace: &str) -> Result<(), NameError> {
    let problem = match namespace.strip_prefix('/') {
        Some("") => None,
        Some(tokens) => tokens.split('/').find_map(token_problem),
        None => Some("it does not begin with /"),
    };
    problem.map_or(Ok(()), |problem| Err(NameError::Namespace { found: shortened(namespace), problem }))
}

/// A topic as a remap rule names it. rcl's own rules, which forbid a double underscore here.
pub(in crate::config) fn check_topic(topic: &str) -> Result<(), NameError> {
    let tokens = topic.strip_prefix("~/").or_else(|| topic.strip_prefix('/')).unwrap_or(topic);
    let problem = if topic.len() > MAX_TOPIC_LENGTH {
        Some("it is longer than 247")
    } else if topic.contains('*') {
        Some("wildcards are not implemented")
    } else if topic.contains("__") {
        Some("two underscores in a row are not allowed")
    } else {
        tokens.split('/').find_map(token_problem)
    };
    problem.map_or(Ok(()), |problem| Err(NameError::Topic { found: shortened(topic), problem }))
}

fn token_problem(token: &str) -> Option<&'static str> {
    let first = match token.chars().next() {
        None => return Some("a part of it is empty"),
        Some(first) => first,
    };
    if first.is_ascii_digit() {
        return Some("a part of it begins with a digit");
    }
    let fits = token.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (!fits).then_some("a character in it is not allowed")
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn relative_absolute_and_private_names_expand_as_in_rcl() {
        let root = NodeName::default();
        let front = NodeName::new("/a/front", "scout").unwrap();
        for (topic, at_root, at_front) in [
            ("image", "/image", "/a/front/image"),
            ("/image", "/image", "/image"),
            ("~/plan", "/vedette/plan", "/a/front/scout/plan"),
            ("cam/image", "/cam/image", "/a/front/cam/image"),
        ] {
            assert_eq!((root.expand(topic).as_str(), front.expand(topic).as_str()), (at_root, at_front));
        }
    }

    #[test]
    fn a_node_name_is_one_token_and_a_namespace_begins_with_a_slash() {
        for name in ["", "1a", "a-b", "a/b"] {
            assert!(matches!(NodeName::new("/", name), Err(NameError::Node { .. })), "{name}");
        }
        for namespace in ["", "a", "/a/", "//", "/1a"] {
            assert!(matches!(NodeName::new(namespace, "v"), Err(NameError::Namespace { .. })), "{namespace}");
        }
    }

    /// The verdicts are those of rcl (Jazzy) on the same names in a remap rule.
    #[test]
    fn topic_names_are_judged_as_rcl_judges_them() {
        for topic in ["image", "/image", "~/a", "a_", "a/b/c"] {
            assert_eq!(check_topic(topic), Ok(()));
        }
        for topic in ["", "/", "~", "~a", "a//b", "a/", "1a", "a/1b", "__x", "a__b", "a b", "*", "im*", "/a/~/b"] {
            assert!(check_topic(topic).is_err(), "{topic}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_a_panic(text in any::<String>()) {
            let _ = check_topic(&text);
            let _ = NodeName::new(&text, &text);
            let _ = NodeName::default().expand(&text);
        }
    }
}
