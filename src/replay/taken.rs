//! Which topics a replay takes, and why: what was chosen without being named must be said.

use super::topic_choice::{ReplayTopics, image_of};
use crate::bag::TopicInfo;
use crate::config::{CameraName, Names, camera_info_beside};
use crate::pipeline::{Input, Output};
use std::fmt;

/// One input, and the topic that feeds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenTopic {
    /// `image`, `camera_info` (`front/image` and so on where cameras have names), `odom`, `/tf`, `/tf_static`, `proposal` or
    /// `events`.
    pub input: String,
    /// The topic as the bag tells it; `None` when there is none.
    pub topic: Option<TopicInfo>,
    /// Why this one, or why none.
    pub why: String,
}

impl ReplayTopics {
    /// Why these topics were chosen out of `topics` under these names; `cameras` are those of the
    /// parameters. Proposals are left out where there are none.
    pub fn why(&self, topics: &[TopicInfo], names: &Names, cameras: &[CameraName]) -> Vec<TakenTopic> {
        let none = CameraName::default();
        let mut chosen = Vec::new();
        for (at, of_camera) in self.cameras.iter().enumerate() {
            let camera = cameras.get(at).unwrap_or(&none);
            chosen.push((camera, of_camera.transport.input(), Some(&of_camera.image)));
            chosen.push((camera, Input::CameraInfo, of_camera.camera_info.as_ref()));
        }
        chosen.push((&none, Input::Odom, self.odom.as_ref()));
        chosen.push((&none, Input::Tf, self.tf.as_ref()));
        chosen.push((&none, Input::TfStatic, self.tf_static.as_ref()));
        let image_beside = |camera: &CameraName| {
            let at = cameras.iter().position(|name| name == camera).unwrap_or(0);
            self.cameras.get(at).map(|of_camera| camera_info_beside(image_of(&of_camera.image)))
        };
        let inputs = chosen.into_iter().map(|(camera, input, chosen)| {
            let (called, image) = (input.name_for(camera), Input::Image.name_for(camera));
            let name = names.resolve_input(&called);
            // The compressed pictures of an image that is remapped are beside it.
            let is_remapped = names.is_remapped(&called) || input.is_picture() && names.is_remapped(&image);
            let topic = chosen.and_then(|chosen| topics.iter().find(|topic| topic.name == *chosen));
            let why = match topic {
                Some(topic) if topic.name == name && is_remapped => "remapped".to_owned(),
                Some(topic)
                    if input == Input::CameraInfo && Some(topic.name.as_str()) == image_beside(camera).as_deref() =>
                {
                    "beside the image".to_owned()
                }
                Some(topic) if topic.name == name => "the node's own name".to_owned(),
                Some(_) if names.is_remapped(&image) => format!("in place of {name}, which the bag has not"),
                Some(_) => "guessed, as the only one of its type".to_owned(),
                None => without(input, &called, &name, topics, &self.names()),
            };
            TakenTopic { input: called, topic: topic.cloned(), why }
        });
        let proposal = self.proposal.as_ref().map(|name| TakenTopic {
            input: "proposal".to_owned(),
            topic: topics.iter().find(|topic| topic.name == *name).cloned(),
            why: format!("recorded as {}: no language model runs", Output::Proposal.name()),
        });
        let events = self.events.as_ref().map(|name| TakenTopic {
            input: "events".to_owned(),
            topic: topics.iter().find(|topic| topic.name == *name).cloned(),
            why: format!("recorded as {}: what was changed changes again", Output::Events.name()),
        });
        inputs.chain(proposal).chain(events).collect()
    }
}

/// Why an input has no topic, and which others of its type it could have.
fn without(input: Input, called: &str, name: &str, topics: &[TopicInfo], taken: &[&str]) -> String {
    let is_of_type = |topic: &&TopicInfo| topic.type_name == input.type_name();
    let is_free = |name: &&str| !taken.contains(name);
    let others: Vec<&str> = topics.iter().filter(is_of_type).map(|topic| topic.name.as_str()).filter(is_free).collect();
    match &others[..] {
        [] if topics.iter().any(|topic| is_of_type(&topic)) => format!("the bag has none at {name}"),
        [] => format!("the bag has no {}", input.type_name()),
        [other] => format!("the bag has none at {name}, but --remap {}:={other} takes that one", called),
        others => {
            format!("the bag has none at {name}, but others to --remap {} to: {}", called, others.join(", "))
        }
    }
}

/// `image /camera/image (sensor_msgs/msg/Image, 12 messages): remapped`, in two columns.
impl fmt::Display for TakenTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<11} ", self.input)?;
        match &self.topic {
            Some(TopicInfo { name, type_name, messages: Some(1) }) => write!(f, "{name} ({type_name}, 1 message)")?,
            Some(TopicInfo { name, type_name, messages: Some(count) }) => {
                write!(f, "{name} ({type_name}, {count} messages)")?
            }
            Some(TopicInfo { name, type_name, messages: None }) => write!(f, "{name} ({type_name})")?,
            None => f.write_str("none")?,
        }
        write!(f, ": {}", self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NodeName, RemapRule};

    fn topic(name: &str, input: Input) -> TopicInfo {
        TopicInfo { name: name.into(), type_name: input.type_name().into(), messages: Some(12) }
    }

    fn told(bag: &[TopicInfo], rules: &[&str]) -> Vec<String> {
        let rules: Vec<RemapRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let names = Names::new(NodeName::default(), &rules);
        let chosen = ReplayTopics::choose(bag, &names).unwrap();
        chosen.why(bag, &names, &[CameraName::default()]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_guess_is_called_a_guess() {
        let bag = [topic("/front/image_raw", Input::Image), topic("/front/camera_info", Input::CameraInfo)];
        let expected = [
            "image       /front/image_raw (sensor_msgs/msg/Image, 12 messages): guessed, as the only one of its type",
            "camera_info /front/camera_info (sensor_msgs/msg/CameraInfo, 12 messages): beside the image",
            "odom        none: the bag has no nav_msgs/msg/Odometry",
            "/tf         none: the bag has no tf2_msgs/msg/TFMessage",
            "/tf_static  none: the bag has no tf2_msgs/msg/TFMessage",
        ];
        assert_eq!(told(&bag, &[]), expected);
        let compressed = [topic("/front/image_raw/compressed", Input::CompressedImage), bag[1].clone()];
        let expected =
            "image/compressed /front/image_raw/compressed (sensor_msgs/msg/CompressedImage, 12 messages): remapped";
        assert_eq!(told(&compressed, &["image:=/front/image_raw"])[0], expected);
        assert!(told(&compressed, &[])[1].ends_with(": beside the image"));
        let bag = [topic("/front/image_raw", Input::Image), topic("/calibration", Input::CameraInfo)];
        assert!(told(&bag, &[])[1].ends_with("12 messages): guessed, as the only one of its type"));
    }

    #[test]
    fn tf_is_taken_at_its_name_and_no_other_topic_of_its_type_is_offered_for_it() {
        let bag = [topic("/image", Input::Image), topic("/tf_static", Input::TfStatic)];
        let expected = "/tf_static  /tf_static (tf2_msgs/msg/TFMessage, 12 messages): the node's own name";
        assert_eq!(told(&bag, &[])[3..], ["/tf         none: the bag has none at /tf", expected]);
        let bag = [topic("/image", Input::Image), topic("/robot/tf", Input::Tf)];
        assert!(told(&bag, &[])[3].ends_with("but --remap /tf:=/robot/tf takes that one"));
        assert!(told(&bag, &["/tf:=/robot/tf"])[3].ends_with(": remapped"));
    }

    #[test]
    fn a_name_that_was_asked_for_is_called_that_and_what_could_be_asked_for_is_named() {
        let bag = [
            topic("/image", Input::Image),
            topic("/rear/image", Input::Image),
            topic("/camera_info", Input::CameraInfo),
            topic("/robot/odom", Input::Odom),
        ];
        let own = told(&bag, &[]);
        assert!(own[0].ends_with(": the node's own name") && own[1].ends_with(": beside the image"), "{own:?}");
        assert_eq!(own[2], "odom        none: the bag has none at /odom, but --remap odom:=/robot/odom takes that one");
        let rear = told(&bag, &["image:=/rear/image", "odom:=/robot/odom"]);
        assert!(rear[0].ends_with(": remapped") && rear[2].ends_with(": remapped"), "{rear:?}");
        assert!(
            rear[1].starts_with("camera_info none: the bag has none at /rear/camera_info, but --remap camera_info:=")
        );
    }
}
