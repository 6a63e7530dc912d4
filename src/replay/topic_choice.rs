//! Which topics of a bag feed the walk, by the names of the node or by their types.

use super::error::ReplayError;
use crate::bag::TopicInfo;
use crate::config::{Names, camera_info_beside};
use crate::pipeline::{Input, Output};

/// Which topics of a bag feed the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayTopics {
    /// The pictures.
    pub image: String,
    /// Their camera_info, where the bag has it.
    pub camera_info: Option<String>,
    /// Odometry, where the bag has it.
    pub odom: Option<String>,
    /// Proposals of a language model, where the bag has them: they are given to the walk in place of a model's.
    pub proposal: Option<String>,
}

impl ReplayTopics {
    /// Chooses the topics that a node with these names would read. Where there is no image at its name and no rule
    /// renames it, the only image topic serves, with the camera_info beside it or else the only one.
    ///
    /// # Errors
    /// When a topic to which an input is remapped is missing, or no single image topic is there to take.
    pub fn choose(topics: &[TopicInfo], names: &Names) -> Result<Self, ReplayError> {
        let of_type = |input: Input| topics.iter().filter(move |topic| topic.type_name == input.type_name());
        let at =
            |input: Input, name: &str| of_type(input).find(|topic| topic.name == name).map(|topic| topic.name.clone());
        let named = |input: Input| {
            let name = names.resolve_input(input.name());
            match at(input, &name) {
                None if names.is_remapped(input.name()) => Err(ReplayError::NoSuchTopic {
                    input,
                    topic: name,
                    type_name: input.type_name(),
                    found: listed(topics.iter()),
                }),
                found => Ok(found),
            }
        };
        let only = |input: Input| {
            let mut topics = of_type(input);
            topics.next().filter(|_| topics.next().is_none()).map(|topic| topic.name.clone())
        };
        let (image, camera_info) = match named(Input::Image)? {
            Some(image) => (image, named(Input::CameraInfo)?),
            None => {
                let image = only(Input::Image).ok_or_else(|| match of_type(Input::Image).next() {
                    Some(_) => ReplayError::SeveralImages { found: listed(of_type(Input::Image)) },
                    None => ReplayError::NoImages { type_name: Input::Image.type_name(), found: listed(topics.iter()) },
                })?;
                let camera_info = if names.is_remapped(Input::CameraInfo.name()) {
                    named(Input::CameraInfo)?
                } else {
                    at(Input::CameraInfo, &names.resolve(&camera_info_beside(&image)))
                        .or_else(|| only(Input::CameraInfo))
                };
                (image, camera_info)
            }
        };
        Ok(Self { image, camera_info, odom: named(Input::Odom)?, proposal: None })
    }

    /// Takes the proposals that were recorded under this name (`~/proposal`, resolved), if there are any.
    #[must_use]
    pub fn with_proposals(self, topics: &[TopicInfo], name: &str) -> Self {
        let is_there = |topic: &&TopicInfo| {
            topic.name == name && topic.type_name == Output::Proposal.type_name() && topic.messages != Some(0)
        };
        Self { proposal: topics.iter().find(is_there).map(|topic| topic.name.clone()), ..self }
    }

    /// The names, for [`Source::select`](crate::bag::Source::select).
    pub fn names(&self) -> Vec<&str> {
        let mut names = vec![self.image.as_str()];
        names.extend(self.camera_info.as_deref());
        names.extend(self.odom.as_deref());
        names.extend(self.proposal.as_deref());
        names
    }

    pub(crate) fn input(&self, topic: &str) -> Option<Input> {
        if topic == self.image {
            Some(Input::Image)
        } else if Some(topic) == self.camera_info.as_deref() {
            Some(Input::CameraInfo)
        } else if Some(topic) == self.odom.as_deref() {
            Some(Input::Odom)
        } else {
            None
        }
    }
}

fn listed<'a>(topics: impl Iterator<Item = &'a TopicInfo>) -> String {
    let listed: Vec<String> = topics.map(|topic| format!("{} ({})", topic.name, topic.type_name)).collect();
    if listed.is_empty() { "no topics".to_owned() } else { listed.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NodeName, RemapRule};

    fn topic(name: &str, input: Input) -> TopicInfo {
        TopicInfo { name: name.into(), type_name: input.type_name().into(), messages: None }
    }

    fn names(rules: &[&str]) -> Names {
        let rules: Vec<RemapRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        Names::new(NodeName::default(), &rules)
    }

    #[test]
    fn the_only_image_topic_needs_no_remap_and_brings_its_camera_info() {
        let bag = [
            topic("/front/image_raw", Input::Image),
            topic("/rear/camera_info", Input::CameraInfo),
            topic("/front/camera_info", Input::CameraInfo),
            topic("/odom", Input::Odom),
        ];
        let chosen = ReplayTopics::choose(&bag, &Names::default()).unwrap();
        assert_eq!(chosen.names(), ["/front/image_raw", "/front/camera_info", "/odom"]);
    }

    /// What is chosen is what the node reads under the same rules, so that one remap has one answer.
    #[test]
    fn a_replay_reads_the_topics_that_the_node_reads_under_the_same_rules() {
        let bag = [
            topic("/front/image_raw", Input::Image),
            topic("/front/camera_info", Input::CameraInfo),
            topic("/rear/image", Input::Image),
            topic("/camera_info", Input::CameraInfo),
            topic("/front/odom", Input::Odom),
            topic("/calibration", Input::CameraInfo),
        ];
        for (rules, camera_info, odom) in [
            (&["image:=/front/image_raw"][..], Some("/front/camera_info"), None),
            (&["__ns:=/front", "image:=image_raw"], Some("/front/camera_info"), Some("/front/odom")),
            (&["image:=/front/image_raw", "camera_info:=/calibration"], Some("/calibration"), None),
            (&["image:=/front/image_raw", "/front/camera_info:=/calibration"], Some("/calibration"), None),
            (&["image:=/front/image_raw", "camera_info:=camera_info"], Some("/camera_info"), None),
            // Beside it is none: the node would wait there, so another camera's does not serve.
            (&["image:=/rear/image"], None, None),
            (&["__ns:=/rear"], None, None),
        ] {
            let names = names(rules);
            let chosen = ReplayTopics::choose(&bag, &names).unwrap();
            assert_eq!((chosen.camera_info.as_deref(), chosen.odom.as_deref()), (camera_info, odom), "{rules:?}");
            assert_eq!(chosen.image, names.resolve_input("image"), "{rules:?}");
            if let Some(camera_info) = camera_info {
                assert_eq!(camera_info, names.resolve_input("camera_info"), "{rules:?}");
            }
        }
    }

    #[test]
    fn an_image_at_the_nodes_own_name_is_taken_from_among_several() {
        let bag = [topic("/rear/image", Input::Image), topic("/image", Input::Image)];
        assert_eq!(ReplayTopics::choose(&bag, &Names::default()).unwrap().image, "/image");
    }

    #[test]
    fn several_image_topics_are_listed() {
        let bag = [topic("/front/image", Input::Image), topic("/rear/image", Input::Image)];
        let error = ReplayTopics::choose(&bag, &Names::default()).unwrap_err().to_string();
        assert!(
            error.contains("--remap image:=TOPIC") && error.contains("/front/image") && error.contains("/rear/image")
        );
        let rear = ReplayTopics::choose(&bag, &names(&["image:=/rear/image"])).unwrap();
        assert_eq!(rear, ReplayTopics { image: "/rear/image".into(), camera_info: None, odom: None, proposal: None });
    }

    #[test]
    fn proposals_are_taken_where_their_topic_has_any() {
        let of = |type_name: &str, messages| {
            let name = "/vedette/proposal";
            let bag =
                [topic("/image", Input::Image), TopicInfo { name: name.into(), type_name: type_name.into(), messages }];
            ReplayTopics::choose(&bag, &Names::default()).unwrap().with_proposals(&bag, name).proposal
        };
        let ours = Output::Proposal.type_name();
        assert_eq!(of(ours, Some(3)).as_deref(), Some("/vedette/proposal"));
        assert_eq!(of(ours, None).as_deref(), Some("/vedette/proposal"), "the file does not tell");
        assert_eq!(of(ours, Some(0)), None);
        assert_eq!(of("std_msgs/msg/String", Some(3)), None);
    }

    #[test]
    fn a_bag_without_images_says_what_it_has() {
        let error = ReplayTopics::choose(&[topic("/odom", Input::Odom)], &Names::default()).unwrap_err().to_string();
        assert_eq!(error, "no sensor_msgs/msg/Image topic in the bag, it has /odom (nav_msgs/msg/Odometry)");
    }

    #[test]
    fn a_remap_to_a_missing_topic_or_another_type_is_refused() {
        let bag = [topic("/image", Input::Image), topic("/odom", Input::Odom)];
        let error = ReplayTopics::choose(&bag, &names(&["image:=/odom"])).unwrap_err();
        assert!(error.to_string().starts_with("no topic /odom (sensor_msgs/msg/Image) in the bag for image"));
    }
}
