//! Which topics of a bag feed the walk, by the names that the user gave or by their types.

use super::error::ReplayError;
use crate::bag::TopicInfo;
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
    /// Chooses the topics. `remap` gives the name that the user set for an input, if he did. Without one, the only
    /// image topic serves; its camera_info is the topic beside it (`/camera/image` has `/camera/camera_info`), else
    /// the only one in the bag; odometry is `/odom`.
    ///
    /// # Errors
    /// When a named topic is missing, or no single image topic is there to take.
    pub fn choose(topics: &[TopicInfo], remap: impl Fn(Input) -> Option<String>) -> Result<Self, ReplayError> {
        let named = |input: Input| match remap(input) {
            None => Ok(None),
            Some(topic) if topics.iter().any(|t| t.name == topic && t.type_name == input.type_name()) => {
                Ok(Some(topic))
            }
            Some(topic) => Err(ReplayError::NoSuchTopic {
                input,
                topic,
                type_name: input.type_name(),
                found: listed(topics.iter()),
            }),
        };
        let of_type = |input: Input| topics.iter().filter(move |topic| topic.type_name == input.type_name());
        let image = match named(Input::Image)? {
            Some(topic) => topic,
            None => {
                let mut images = of_type(Input::Image);
                match (images.next(), images.next()) {
                    (Some(only), None) => only.name.clone(),
                    (None, _) => {
                        return Err(ReplayError::NoImages {
                            type_name: Input::Image.type_name(),
                            found: listed(topics.iter()),
                        });
                    }
                    _ => return Err(ReplayError::SeveralImages { found: listed(of_type(Input::Image)) }),
                }
            }
        };
        let camera_info = named(Input::CameraInfo)?.or_else(|| {
            let beside = format!("{}/camera_info", image.rsplit_once('/').map_or("", |(namespace, _)| namespace));
            let mut infos = of_type(Input::CameraInfo);
            let found = infos.clone().find(|topic| topic.name == beside);
            let only = infos.next().filter(|_| infos.next().is_none());
            found.or(only).map(|topic| topic.name.clone())
        });
        let odom = named(Input::Odom)?
            .or_else(|| of_type(Input::Odom).find(|topic| topic.name == "/odom").map(|topic| topic.name.clone()));
        Ok(Self { image, camera_info, odom, proposal: None })
    }

    /// Takes the proposals that were recorded under this name (`~/proposal`, resolved), if there are any.
    #[must_use]
    pub fn with_proposals(self, topics: &[TopicInfo], name: &str) -> Self {
        let is_there = |topic: &&TopicInfo| {
            topic.name == name && topic.type_name == Output::Proposal.type_name() && topic.messages != Some(0)
        };
        Self { proposal: topics.iter().find(is_there).map(|topic| topic.name.clone()), ..self }
    }

    /// The names, for [`Source::select`](super::Source::select).
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

    fn topic(name: &str, input: Input) -> TopicInfo {
        TopicInfo { name: name.into(), type_name: input.type_name().into(), messages: None }
    }

    fn no_remap(_: Input) -> Option<String> {
        None
    }

    #[test]
    fn the_only_image_topic_needs_no_remap_and_brings_its_camera_info() {
        let bag = [
            topic("/front/image_raw", Input::Image),
            topic("/rear/camera_info", Input::CameraInfo),
            topic("/front/camera_info", Input::CameraInfo),
            topic("/odom", Input::Odom),
        ];
        let chosen = ReplayTopics::choose(&bag, no_remap).unwrap();
        assert_eq!(chosen.names(), ["/front/image_raw", "/front/camera_info", "/odom"]);
    }

    #[test]
    fn several_image_topics_are_listed() {
        let bag = [topic("/front/image", Input::Image), topic("/rear/image", Input::Image)];
        let error = ReplayTopics::choose(&bag, no_remap).unwrap_err().to_string();
        assert!(
            error.contains("--remap image:=TOPIC") && error.contains("/front/image") && error.contains("/rear/image")
        );
        let rear = ReplayTopics::choose(&bag, |input| (input == Input::Image).then(|| "/rear/image".into())).unwrap();
        assert_eq!(rear, ReplayTopics { image: "/rear/image".into(), camera_info: None, odom: None, proposal: None });
    }

    #[test]
    fn proposals_are_taken_where_their_topic_has_any() {
        let of = |type_name: &str, messages| {
            let name = "/vedette/proposal";
            let bag =
                [topic("/image", Input::Image), TopicInfo { name: name.into(), type_name: type_name.into(), messages }];
            ReplayTopics::choose(&bag, no_remap).unwrap().with_proposals(&bag, name).proposal
        };
        let ours = Output::Proposal.type_name();
        assert_eq!(of(ours, Some(3)).as_deref(), Some("/vedette/proposal"));
        assert_eq!(of(ours, None).as_deref(), Some("/vedette/proposal"), "the file does not tell");
        assert_eq!(of(ours, Some(0)), None);
        assert_eq!(of("std_msgs/msg/String", Some(3)), None);
    }

    #[test]
    fn a_bag_without_images_says_what_it_has() {
        let error = ReplayTopics::choose(&[topic("/odom", Input::Odom)], no_remap).unwrap_err().to_string();
        assert_eq!(error, "no sensor_msgs/msg/Image topic in the bag, it has /odom (nav_msgs/msg/Odometry)");
    }

    #[test]
    fn a_remap_to_a_missing_topic_or_another_type_is_refused() {
        let bag = [topic("/image", Input::Image), topic("/odom", Input::Odom)];
        let error = ReplayTopics::choose(&bag, |input| (input == Input::Image).then(|| "/odom".into())).unwrap_err();
        assert!(error.to_string().starts_with("no topic /odom (sensor_msgs/msg/Image) in the bag for image"));
    }
}
