//! The definitions of the messages as text, for MCAP's `ros2msg` schemas.
//!
//! `definitions/<package>/<Type>.msg` holds one message each, in the fields and order of the package that a ROS 2
//! installation has, without its comments; this module only puts a message and all that it is made of together.

use std::sync::LazyLock;

macro_rules! definitions {
    ($($name:literal),+ $(,)?) => {
        [$(Definition { name: $name, text: include_str!(concat!("definitions/", $name, ".msg")) }),+]
    };
}

/// One message as its package defines it.
#[derive(Debug)]
struct Definition {
    /// `std_msgs/Header`.
    name: &'static str,
    /// One field or constant a line.
    text: &'static str,
}

static DEFINITIONS: &[Definition] = &definitions![
    "builtin_interfaces/Duration",
    "builtin_interfaces/Time",
    "diagnostic_msgs/DiagnosticArray",
    "diagnostic_msgs/DiagnosticStatus",
    "diagnostic_msgs/KeyValue",
    "foxglove_msgs/CircleAnnotation",
    "foxglove_msgs/Color",
    "foxglove_msgs/ImageAnnotations",
    "foxglove_msgs/KeyValuePair",
    "foxglove_msgs/Point2",
    "foxglove_msgs/PointsAnnotation",
    "foxglove_msgs/TextAnnotation",
    "geometry_msgs/Point",
    "geometry_msgs/Pose",
    "geometry_msgs/PoseStamped",
    "geometry_msgs/PoseWithCovariance",
    "geometry_msgs/Quaternion",
    "geometry_msgs/Transform",
    "geometry_msgs/TransformStamped",
    "geometry_msgs/Twist",
    "geometry_msgs/TwistWithCovariance",
    "geometry_msgs/Vector3",
    "nav_msgs/Odometry",
    "nav_msgs/Path",
    "rcl_interfaces/Parameter",
    "rcl_interfaces/ParameterValue",
    "rosgraph_msgs/Clock",
    "sensor_msgs/CameraInfo",
    "sensor_msgs/CompressedImage",
    "sensor_msgs/Image",
    "sensor_msgs/RegionOfInterest",
    "std_msgs/ColorRGBA",
    "std_msgs/Header",
    "tf2_msgs/TFMessage",
    "vedette_msgs/Event",
    "vedette_msgs/Plan",
    "vedette_msgs/PlanStep",
    "vedette_msgs/Proposal",
    "vedette_msgs/ProposedStep",
    "vision_msgs/BoundingBox2D",
    "vision_msgs/Detection2D",
    "vision_msgs/Detection2DArray",
    "vision_msgs/LabelInfo",
    "vision_msgs/ObjectHypothesis",
    "vision_msgs/ObjectHypothesisWithPose",
    "vision_msgs/Point2D",
    "vision_msgs/Pose2D",
    "vision_msgs/VisionClass",
    "vision_msgs/VisionInfo",
    "visualization_msgs/Marker",
    "visualization_msgs/MarkerArray",
    "visualization_msgs/MeshFile",
    "visualization_msgs/UVCoordinate",
];

/// The text of a type (`vision_msgs/msg/Detection2DArray`) and, behind it, of every type that it is made of, each
/// once, breadth first, under a line of 80 `=` and a line `MSG: package/Type`: the form of rosbag2 and Foxglove.
/// `None` for a type that Vedette neither reads nor writes.
pub fn message_definition(type_name: &str) -> Option<&'static str> {
    static TEXTS: LazyLock<Vec<String>> = LazyLock::new(|| (0..DEFINITIONS.len()).map(text_with_parts).collect());
    let (package, name) = type_name.split_once("/msg/")?;
    let known = |definition: &Definition| definition.name.split_once('/') == Some((package, name));
    TEXTS.get(DEFINITIONS.iter().position(known)?).map(String::as_str)
}

fn text_with_parts(root: usize) -> String {
    let mut text = DEFINITIONS[root].text.to_owned();
    let mut order = vec![root];
    let mut next = 0;
    while let Some(&index) = order.get(next) {
        for (field_type, _) in fields(DEFINITIONS[index].text) {
            let Some(part) = DEFINITIONS.iter().position(|known| known.name == field_type) else { continue };
            if !order.contains(&part) {
                order.push(part);
                let separator = "=".repeat(80);
                text += &format!("{separator}\nMSG: {field_type}\n{}", DEFINITIONS[part].text);
            }
        }
        next += 1;
    }
    text
}

/// The fields of a definition: the type's name, and what stands in the brackets behind it (`""` for a sequence).
/// Constants and comments are no fields.
fn fields(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.contains('='));
    lines.filter_map(|line| line.split_whitespace().next()).map(|token| match token.split_once('[') {
        Some((element, length)) => (element, Some(length.trim_end_matches(']'))),
        None => (token, None),
    })
}

/// The fields of one of the messages, by name as in the definitions; `None` for a primitive type.
#[cfg(test)]
pub(super) fn fields_of(name: &str) -> Option<impl Iterator<Item = (&'static str, Option<&'static str>)>> {
    DEFINITIONS.iter().find(|known| known.name == name).map(|known| fields(known.text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        diagnostic_msgs, foxglove_msgs, nav_msgs, rosgraph_msgs, sensor_msgs, tf2_msgs, vedette_msgs, vision_msgs,
        visualization_msgs,
    };

    #[test]
    fn vedette_msgs_have_the_fields_of_their_ros_package() {
        for (name, text) in [
            ("vedette_msgs/Plan", include_str!("../../msgs/vedette_msgs/msg/Plan.msg")),
            ("vedette_msgs/PlanStep", include_str!("../../msgs/vedette_msgs/msg/PlanStep.msg")),
            ("vedette_msgs/Proposal", include_str!("../../msgs/vedette_msgs/msg/Proposal.msg")),
            ("vedette_msgs/ProposedStep", include_str!("../../msgs/vedette_msgs/msg/ProposedStep.msg")),
        ] {
            let without_comment = |line: &'static str| line.split('#').next().unwrap_or_default().trim();
            let field_lines = |text: &'static str| -> Vec<&str> {
                text.lines().map(without_comment).filter(|line| !line.is_empty() && !line.contains('=')).collect()
            };
            let ours = DEFINITIONS.iter().find(|known| known.name == name).unwrap();
            assert_eq!(field_lines(ours.text), field_lines(text), "{name}");
        }
    }

    #[test]
    fn every_type_that_is_read_or_written_has_a_definition() {
        for name in [
            diagnostic_msgs::DIAGNOSTIC_ARRAY,
            foxglove_msgs::IMAGE_ANNOTATIONS,
            nav_msgs::ODOMETRY,
            nav_msgs::PATH,
            rosgraph_msgs::CLOCK,
            sensor_msgs::CAMERA_INFO,
            sensor_msgs::COMPRESSED_IMAGE,
            sensor_msgs::IMAGE,
            tf2_msgs::TF_MESSAGE,
            vedette_msgs::EVENT,
            vedette_msgs::PLAN,
            vedette_msgs::PROPOSAL,
            vision_msgs::DETECTION_2D_ARRAY,
            vision_msgs::LABEL_INFO,
            vision_msgs::VISION_INFO,
            visualization_msgs::MARKER_ARRAY,
        ] {
            assert!(message_definition(name).is_some(), "{name}");
        }
    }

    #[test]
    fn every_part_of_a_definition_is_known() {
        const PRIMITIVES: [&str; 11] =
            ["bool", "byte", "float32", "float64", "int32", "int64", "string", "uint16", "uint32", "uint64", "uint8"];
        for definition in DEFINITIONS {
            for (field_type, _) in fields(definition.text) {
                let known = PRIMITIVES.contains(&field_type) || fields_of(field_type).is_some();
                assert!(known, "{field_type} in {}", definition.name);
            }
        }
    }

    /// The expected texts are put together by tests/data/cdr/generate.py, which has rosbags parse them.
    #[test]
    fn a_definition_is_followed_by_its_parts_as_rosbags_parses_them() {
        let texts = [
            (vision_msgs::DETECTION_2D_ARRAY, include_str!("../../tests/data/cdr/Detection2DArray.ros2msg.txt")),
            (vedette_msgs::PLAN, include_str!("../../tests/data/cdr/Plan.ros2msg.txt")),
            (vedette_msgs::PROPOSAL, include_str!("../../tests/data/cdr/Proposal.ros2msg.txt")),
        ];
        for (name, text) in texts {
            assert_eq!(message_definition(name), Some(text));
        }
    }

    #[test]
    fn an_unknown_type_has_none() {
        for name in ["std_msgs/msg/String", "vision_msgs/Detection2DArray", "Header", ""] {
            assert_eq!(message_definition(name), None);
        }
    }
}
