//! Remap rules: `image:=/camera/image`, `__ns:=/front`, `__node:=scout`, `scout:image:=/rear/image`.
//!
//! The same words for the node (`--ros-args -r`) and for a replay (`--remap`). As in rcl the first rule that fits
//! counts, a remapped name is not remapped again, and a rule with a node name before it holds for that node only.

use super::camera_name::CameraName;
use super::ros_names::{NameError, NodeName, check_namespace, check_node_name, check_topic};
use crate::config::error::near;
use crate::config::parameters::ImageTransport;
use std::fmt;
use std::str::FromStr;

/// One remap rule, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemapRule {
    node: Option<String>,
    action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Topic {
        from: String,
        to: String,
    },
    /// `rosservice://…`: rcl's own affair; no topic is renamed by it.
    Service {
        from: String,
        to: String,
    },
    Namespace(String),
    NodeName(String),
}

impl FromStr for RemapRule {
    type Err = NameError;

    fn from_str(rule: &str) -> Result<Self, NameError> {
        let incomplete = || NameError::Rule { found: rule.chars().take(80).collect() };
        let (from, to) = rule.split_once(":=").ok_or_else(incomplete)?;
        if from.is_empty() || to.is_empty() {
            return Err(incomplete());
        }
        let scheme_at = ["rostopic://", "rosservice://"].into_iter().find_map(|scheme| from.find(scheme));
        let (node, from) = match from.split_once(':') {
            Some((node, from)) if scheme_at != Some(0) => (Some(node), from),
            _ => (None, from),
        };
        if let Some(node) = node {
            check_node_name(node)?;
        }
        let action = match from {
            "__ns" => {
                check_namespace(to)?;
                Action::Namespace(to.to_owned())
            }
            "__node" | "__name" => {
                check_node_name(to)?;
                Action::NodeName(to.to_owned())
            }
            _ => match from.strip_prefix("rosservice://") {
                Some(service) => {
                    check_topic(service)?;
                    check_topic(to)?;
                    Action::Service { from: service.to_owned(), to: to.to_owned() }
                }
                None => {
                    let from = from.strip_prefix("rostopic://").unwrap_or(from);
                    check_topic(from)?;
                    check_topic(to)?;
                    Action::Topic { from: from.to_owned(), to: to.to_owned() }
                }
            },
        };
        Ok(Self { node: node.map(str::to_owned), action })
    }
}

impl fmt::Display for RemapRule {
    /// As it was written, but for the scheme.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "{node}:")?;
        }
        match &self.action {
            Action::Topic { from, to } => write!(f, "{from}:={to}"),
            Action::Service { from, to } => write!(f, "rosservice://{from}:={to}"),
            Action::Namespace(to) => write!(f, "__ns:={to}"),
            Action::NodeName(to) => write!(f, "__node:={to}"),
        }
    }
}

impl RemapRule {
    fn holds_for(&self, node: &str) -> bool {
        self.node.as_deref().is_none_or(|only| only == node)
    }
}

/// A remap rule that renames nothing of this node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("remap rule {rule} renames nothing of {node}, {expected}")]
pub struct UnusedRule {
    /// The rule.
    pub rule: String,
    /// This node.
    pub node: String,
    /// What its writer may have meant.
    pub expected: String,
}

/// Topics below `/` that launch files rename for all nodes alike, whether a node has them or not.
const OF_ALL_NODES: [&str; 7] =
    ["/tf", "/tf_static", "/clock", "/rosout", "/diagnostics", "/parameter_events", "/bond"];

/// The names of one node: its own, and those of its topics after remapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    node: NodeName,
    /// Full name to full name, first match wins.
    topics: Vec<(String, String)>,
}

impl Names {
    /// Applies the rules to a node that calls itself `node`: first its name, then its namespace, then its topics.
    pub fn new(node: NodeName, rules: &[RemapRule]) -> Self {
        let mut node = node;
        let first = |node: &NodeName, replacement: fn(&Action) -> Option<&String>| {
            let mut rules = rules.iter().filter(|rule| rule.holds_for(node.name()));
            rules.find_map(|rule| replacement(&rule.action)).cloned()
        };
        let name = first(&node, |action| if let Action::NodeName(to) = action { Some(to) } else { None });
        // The checks of `RemapRule` are those of `NodeName`, so a refusal cannot happen and would change nothing.
        if let Some(name) = name {
            node = NodeName::new(node.namespace(), &name).unwrap_or(node);
        }
        let namespace = first(&node, |action| if let Action::Namespace(to) = action { Some(to) } else { None });
        if let Some(namespace) = namespace {
            node = NodeName::new(&namespace, node.name()).unwrap_or(node);
        }
        let topics = rules
            .iter()
            .filter(|rule| rule.holds_for(node.name()))
            .filter_map(|rule| match &rule.action {
                Action::Topic { from, to } => Some((node.expand(from), node.expand(to))),
                _ => None,
            })
            .collect();
        Self { node, topics }
    }

    /// The node's name after remapping.
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    /// The full name of a topic that the program calls `name` (`image`, `/clock`, `~/plan`).
    pub fn resolve(&self, name: &str) -> String {
        let full = self.node.expand(name);
        self.rule(&full).cloned().unwrap_or(full)
    }

    /// Whether a rule renames the topic that the program calls `name`.
    pub fn is_remapped(&self, name: &str) -> bool {
        self.rule(&self.node.expand(name)).is_some()
    }

    /// What the program calls the input `name`, before the rules are applied to that: `name` itself, but for a
    /// `camera_info` that no rule renames, which stands beside its image (`/front/camera_info` for an `image` at
    /// `/front/image_raw`; the input `rear/camera_info` has the image `rear/image`). As in image_transport, a rule may
    /// rename the one beside the image too.
    ///
    /// In the same way `image/compressed` has the name of its image with `/compressed` behind it; and an `image` that is
    /// renamed to such a topic is that one's, so that both rules come to the same.
    ///
    /// A ROS subscription is made by this name: rcl applies the rules to it. Whoever reads a bag takes
    /// [`resolve_input`](Self::resolve_input).
    pub fn input(&self, name: &str) -> String {
        let camera_of =
            |input: &str| name.strip_suffix(input).filter(|camera| camera.is_empty() || camera.ends_with('/'));
        let image_of = |camera: &str| self.resolve(&format!("{camera}{IMAGE}"));
        if camera_of(IMAGE).is_some() {
            let image = self.resolve(name);
            return image_of_compressed(&image).map_or_else(|| name.to_owned(), str::to_owned);
        }
        if self.is_remapped(name) {
            return name.to_owned();
        }
        if let Some(camera) = camera_of(COMPRESSED_IMAGE) {
            let image = image_of(camera);
            return if image_of_compressed(&image).is_some() { image } else { format!("{image}{COMPRESSED}") };
        }
        match camera_of(CAMERA_INFO) {
            Some(camera) => {
                let image = image_of(camera);
                camera_info_beside(image_of_compressed(&image).unwrap_or(&image))
            }
            None => name.to_owned(),
        }
    }

    /// The full name of the topic that the input `name` (`image`, `camera_info`, `odom`) is read from, the same live
    /// and in a replay.
    pub fn resolve_input(&self, name: &str) -> String {
        self.resolve(&self.input(name))
    }

    /// How a camera's pictures travel under these names: an `image` that is renamed to a topic of compressed pictures means those, and
    /// no others, unless parameter `image_transport` insists.
    pub fn transport(&self, camera: &CameraName, by: ImageTransport) -> ImageTransport {
        let image = camera.input(IMAGE);
        let names_compressed = self.is_remapped(&image) && image_of_compressed(&self.resolve(&image)).is_some();
        if by == ImageTransport::Auto && names_compressed { ImageTransport::Compressed } else { by }
    }

    /// The rules that were meant for this node and rename nothing of it. `inputs` and `outputs` are what the program calls
    /// its topics. Other names below `~/` (services, actions) are taken as known where they are not nearly an output's.
    pub fn unused<'names>(
        &self,
        rules: &[RemapRule],
        inputs: &[&'names str],
        outputs: &[&'names str],
    ) -> Vec<UnusedRule> {
        let known: Vec<&'names str> = inputs.iter().chain(outputs).copied().collect();
        let own = self.node.expand("~/");
        let is_used = |from: &str| {
            let of_input = |input: &&str| from == self.node.expand(&self.input(input));
            OF_ALL_NODES.contains(&from)
                || known.iter().any(|name| from == self.node.expand(name))
                || inputs.iter().any(of_input)
        };
        // Likeness is that of the last parts: `/robot1/` and `~/` are alike in all.
        let bare = |name: &'names str| name.trim_start_matches("~/");
        let unused = |rule: &RemapRule| {
            let Action::Topic { from, .. } = &rule.action else { return None };
            let from = self.node.expand(from);
            if !rule.holds_for(self.node.name()) || is_used(&from) {
                return None;
            }
            let private = from.strip_prefix(&own);
            let relative = from.strip_prefix(&self.node.expand("")).unwrap_or(&from).trim_start_matches('/');
            let nearest = near(private.unwrap_or(relative), known.iter().map(|name| bare(name)));
            let meant = nearest.and_then(|nearest| known.iter().find(|name| bare(name) == nearest));
            let expected = match meant {
                Some(name) => format!("did you mean {name}?"),
                None if private.is_some() => return None,
                None => format!("its inputs are {}", inputs.join(", ")),
            };
            Some(UnusedRule { rule: rule.to_string(), node: self.node.to_string(), expected })
        };
        rules.iter().filter_map(unused).collect()
    }

    fn rule(&self, full: &str) -> Option<&String> {
        self.topics.iter().find(|(from, _)| from == full).map(|(_, to)| to)
    }
}

impl Default for Names {
    /// Those of `/vedette`, nothing renamed.
    fn default() -> Self {
        Self::new(NodeName::default(), &[])
    }
}

const IMAGE: &str = "image";
const COMPRESSED_IMAGE: &str = "image/compressed";
/// What image_transport puts behind an image's name.
const COMPRESSED: &str = "/compressed";

/// The image of which this topic has the compressed pictures, by their names.
pub fn image_of_compressed(topic: &str) -> Option<&str> {
    topic.strip_suffix(COMPRESSED).filter(|image| !image.is_empty())
}

/// The last part of the name of every camera_info.
const CAMERA_INFO: &str = "camera_info";

/// The camera_info beside an image, by their full names: the same namespace, the base name `camera_info`.
pub fn camera_info_beside(image: &str) -> String {
    let namespace = image.rsplit_once('/').map_or("", |(namespace, _)| namespace);
    format!("{namespace}/{CAMERA_INFO}")
}

/// Whether a topic is called rectified: `/camera/image_rect_color`, `/zed/rgb/rect/image`. `/direct/image` is not.
pub fn names_rectified(topic: &str) -> bool {
    topic.split(['/', '_']).any(|part| part == "rect" || part == "rectified")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn names(rules: &[&str]) -> Names {
        let rules: Vec<RemapRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Names::new(NodeName::default(), &rules)
    }

    #[test]
    fn a_rectified_topic_is_known_by_its_name() {
        for topic in ["/camera/image_rect", "/a/image_rect_color", "/zed/rgb/rect/image", "/image_rectified/compressed"]
        {
            assert!(names_rectified(topic), "{topic}");
        }
        for topic in ["/camera/image_raw", "/direct/image", "/rectangle/image", "/image_correction", "image"] {
            assert!(!names_rectified(topic), "{topic}");
        }
    }

    /// Rules, the node's full name, and what names resolve to.
    type Row = (&'static [&'static str], &'static str, &'static [(&'static str, &'static str)]);

    /// Every row was asked of rclpy (Jazzy): the node's full name and `resolve_topic_name`.
    #[test]
    fn names_resolve_as_in_rcl() {
        let table: &[Row] = &[
            (&[], "/vedette", &[("image", "/image"), ("~/plan", "/vedette/plan")]),
            (
                &["image:=/camera/image"],
                "/vedette",
                &[("image", "/camera/image"), ("/image", "/camera/image"), ("~/image", "/vedette/image")],
            ),
            (&["/image:=x"], "/vedette", &[("image", "/x")]),
            (&["image:=x", "image:=y", "x:=z"], "/vedette", &[("image", "/x"), ("x", "/z")]),
            (&["~/plan:=plan"], "/vedette", &[("~/plan", "/plan"), ("/vedette/plan", "/plan"), ("plan", "/plan")]),
            (&["vedette/plan:=/p"], "/vedette", &[("~/plan", "/p")]),
            (
                &["__ns:=/front", "image:=cam"],
                "/front/vedette",
                &[("image", "/front/cam"), ("/image", "/image"), ("~/plan", "/front/vedette/plan")],
            ),
            (&["__node:=scout", "vedette:image:=a", "scout:image:=b"], "/scout", &[("image", "/b")]),
            (&["vedette:__node:=scout", "scout:__ns:=/s", "vedette:__ns:=/v"], "/s/scout", &[("image", "/s/image")]),
            (&["__node:=a", "__node:=b"], "/a", &[("~/x", "/a/x")]),
            (&["rosservice://image:=x"], "/vedette", &[("image", "/image")]),
            (&["rostopic://image:=x"], "/vedette", &[("image", "/x")]),
            (&["other:rostopic://image:=x"], "/vedette", &[("image", "/image")]),
        ];
        for (rules, node, topics) in table {
            let names = names(rules);
            assert_eq!(names.node().to_string(), *node, "{rules:?}");
            for (name, full) in *topics {
                assert_eq!(names.resolve(name), *full, "{rules:?} {name}");
            }
        }
    }

    /// Rules, and where `image` and `camera_info` are then read.
    #[test]
    fn camera_info_stands_beside_the_image_unless_remapped() {
        for (rules, image, camera_info) in [
            (&[][..], "/image", "/camera_info"),
            (&["image:=/front/image_raw"], "/front/image_raw", "/front/camera_info"),
            (&["image:=image_raw"], "/image_raw", "/camera_info"),
            (&["image:=cam/left/image_rect"], "/cam/left/image_rect", "/cam/left/camera_info"),
            (&["image:=~/image"], "/vedette/image", "/vedette/camera_info"),
            (&["__ns:=/front"], "/front/image", "/front/camera_info"),
            (&["__ns:=/front", "image:=cam/image"], "/front/cam/image", "/front/cam/camera_info"),
            (&["__ns:=/front", "image:=/rear/image"], "/rear/image", "/rear/camera_info"),
            (&["__ns:=/front", "__node:=scout", "image:=~/i"], "/front/scout/i", "/front/scout/camera_info"),
            (&["camera_info:=/calibration"], "/image", "/calibration"),
            (&["image:=/front/image_raw", "camera_info:=/calibration"], "/front/image_raw", "/calibration"),
            (&["image:=/front/image_raw", "camera_info:=info"], "/front/image_raw", "/info"),
            (&["image:=/front/image_raw", "/camera_info:=~/info"], "/front/image_raw", "/vedette/info"),
            (&["image:=/front/image_raw", "/front/camera_info:=/calibration"], "/front/image_raw", "/calibration"),
            (&["image:=/front/image_raw", "camera_info:=camera_info"], "/front/image_raw", "/camera_info"),
            (&["other:camera_info:=/x", "vedette:image:=/front/image"], "/front/image", "/front/camera_info"),
        ] {
            let names = names(rules);
            assert_eq!(names.resolve_input("image"), image, "{rules:?}");
            assert_eq!(names.resolve_input("camera_info"), camera_info, "{rules:?}");
        }
    }

    #[test]
    fn each_camera_has_its_camera_info_beside_its_image() {
        let names = names(&["front/image:=/cam0/image_raw"]);
        let read = |input| names.resolve_input(input);
        assert_eq!(
            (read("front/camera_info"), read("rear/camera_info")),
            ("/cam0/camera_info".into(), "/rear/camera_info".into())
        );
        assert_eq!(names.input("odom"), "odom");
        assert_eq!(names.input("my_camera_info"), "my_camera_info", "no input of ours");
    }

    /// Rules, and where raw and compressed pictures and camera_info are then read.
    #[test]
    fn compressed_pictures_have_the_name_of_their_image_and_more() {
        for (rules, image, compressed, camera_info) in [
            (&[][..], "/image", "/image/compressed", "/camera_info"),
            (&["image:=/front/image_raw"], "/front/image_raw", "/front/image_raw/compressed", "/front/camera_info"),
            (&["image:=/front/image/compressed"], "/front/image", "/front/image/compressed", "/front/camera_info"),
            (&["image/compressed:=/front/jpeg"], "/image", "/front/jpeg", "/camera_info"),
            (&["image:=/a/b", "/a/b/compressed:=/a/jpeg"], "/a/b", "/a/jpeg", "/a/camera_info"),
            (&["__ns:=/front", "image:=cam"], "/front/cam", "/front/cam/compressed", "/front/camera_info"),
        ] {
            let names = names(rules);
            let found = ["image", "image/compressed", "camera_info"].map(|input| names.resolve_input(input));
            assert_eq!(found, [image, compressed, camera_info], "{rules:?}");
        }
        let names = names(&["front/image:=/cam0/image_raw"]);
        assert_eq!(names.resolve_input("front/image/compressed"), "/cam0/image_raw/compressed");
    }

    /// Rules, and what is said of those that rename nothing.
    #[test]
    fn a_rule_that_renames_nothing_is_told_with_the_nearest_name() {
        let said = |rules: &[&str]| {
            let rules: Vec<RemapRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
            let names = Names::new(NodeName::default(), &rules);
            let inputs = ["image", "image/compressed", "camera_info", "odom"];
            let unused = names.unused(&rules, &inputs, &["~/plan", "~/detections"]);
            unused.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        for (rules, expected) in [
            (&["imgae:=/x"][..], "remap rule imgae:=/x renames nothing of /vedette, did you mean image?"),
            (&["__ns:=/r", "imgae:=/x"], "remap rule imgae:=/x renames nothing of /r/vedette, did you mean image?"),
            (&["/camerainfo:=/x"], "remap rule /camerainfo:=/x renames nothing of /vedette, did you mean camera_info?"),
            (&["~/plans:=/x"], "remap rule ~/plans:=/x renames nothing of /vedette, did you mean ~/plan?"),
            (
                &["vedette:scan:=/x"],
                "remap rule vedette:scan:=/x renames nothing of /vedette, its inputs are image, image/compressed, \
                 camera_info, odom",
            ),
            (&["__ns:=/r", "/image:=/x"], "remap rule /image:=/x renames nothing of /r/vedette, did you mean image?"),
        ] {
            assert_eq!(said(rules), [expected], "{rules:?}");
        }
        for rules in [
            &["image:=/x"][..],
            &["/image:=/x", "odom:=/wheels/odom"],
            &["image:=/front/image_raw", "/front/camera_info:=/calibration", "/front/image_raw/compressed:=/jpeg"],
            &["image/compressed:=/x"],
            &["~/plan:=/plan", "vedette/detections:=/boxes", "~/set_prompts:=/words", "~/get_state:=/state"],
            &["/tf:=tf", "/tf_static:=tf_static", "/diagnostics:=diagnostics"],
            &["other:imgae:=/x", "rosservice://imgae:=/x", "__node:=vedette"],
        ] {
            assert_eq!(said(rules), [""; 0], "{rules:?}");
        }
    }

    #[test]
    fn a_rule_that_rcl_refuses_is_refused() {
        for rule in [
            "image=/a",
            "image:=",
            ":=x",
            "image:=/a b",
            "im*:=/x",
            "image:=*",
            "__ns:=x",
            "__ns:=/1a",
            "__node:=a-b",
            "/v:image:=x",
            "image:=rostopic://x",
            "image:=image/",
            "~:=x",
            ":image:=x",
        ] {
            assert!(rule.parse::<RemapRule>().is_err(), "{rule}");
        }
    }

    #[test]
    fn a_wildcard_and_a_missing_sign_are_named() {
        let error = "im*:=/x".parse::<RemapRule>().unwrap_err().to_string();
        assert!(error.starts_with("topic name \"im*\": wildcards are not implemented"), "{error}");
        let error = "image=/x".parse::<RemapRule>().unwrap_err().to_string();
        assert!(error.starts_with("remap rule \"image=/x\" has nothing on one side or no :="), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_as_a_rule_is_taken_or_refused(from in "[a-z:/~_*]{0,12}", to in any::<String>()) {
            if let Ok(rule) = format!("{from}:={to}").parse::<RemapRule>() {
                let names = Names::new(NodeName::default(), &[rule]);
                prop_assert!(names.resolve("image").starts_with('/'));
            }
        }
    }
}
