//! Which topics of a bag feed the walk, by the names of the node or by their types.

use super::error::ReplayError;
use crate::bag::TopicInfo;
use crate::config::{CameraName, Config, ImageTransport, Names, camera_info_beside, image_of_compressed};
use crate::pipeline::{Input, Output, Transport, video_cure};
use crate::types::CameraId;

/// Which topics of a bag feed the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayTopics {
    /// Those of each camera, in the order of the parameter `cameras`.
    pub cameras: Vec<CameraTopics>,
    /// Odometry, where the bag has it.
    pub odom: Option<String>,
    /// Moving transforms, where the bag has them.
    pub tf: Option<String>,
    /// Static ones.
    pub tf_static: Option<String>,
    /// Proposals of a language model, where the bag has them: they are given to the walk in place of a model's.
    pub proposal: Option<String>,
    /// What was changed when the bag was recorded, where it has that: it is changed again.
    pub events: Option<String>,
}

/// The topics of one camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraTopics {
    /// The pictures.
    pub image: String,
    /// How they travel.
    pub transport: Transport,
    /// Their camera_info, where the bag has it.
    pub camera_info: Option<String>,
}

impl ReplayTopics {
    /// As [`choose_for`](Self::choose_for), by the defaults of all parameters: one camera, however its pictures travel.
    ///
    /// # Errors
    /// As [`choose_for`](Self::choose_for).
    pub fn choose(topics: &[TopicInfo], names: &Names) -> Result<Self, ReplayError> {
        Self::choose_for(topics, names, &Config::default())
    }

    /// Chooses the topics that a node with these names and parameters would read: for each of `cameras` raw pictures or
    /// compressed ones, as `image_transport` says. Where there is no image at the name of a node's only camera and no rule
    /// renames it, the only image topic serves, with the camera_info beside it or else the only one.
    ///
    /// # Errors
    /// When a topic to which an input is remapped is missing, a named camera has no pictures, or no single image topic is
    /// there to take.
    pub fn choose_for(topics: &[TopicInfo], names: &Names, config: &Config) -> Result<Self, ReplayError> {
        let bag = Bag { topics, names };
        let camera = |camera: &CameraName| bag.camera(camera, config.of_camera(camera).image_transport);
        let of_robot = |input: Input| bag.named(input, input.name());
        Ok(Self {
            cameras: config.camera_names().iter().map(camera).collect::<Result<_, _>>()?,
            odom: of_robot(Input::Odom)?,
            tf: of_robot(Input::Tf)?,
            tf_static: of_robot(Input::TfStatic)?,
            proposal: None,
            events: None,
        })
    }

    /// Takes the proposals that were recorded under this name (`~/proposal`, resolved), if there are any.
    #[must_use]
    pub fn with_proposals(self, topics: &[TopicInfo], name: &str) -> Self {
        Self { proposal: recorded(topics, Output::Proposal, name), ..self }
    }

    /// Takes the events that were recorded under this name (`~/events`, resolved), if there are any.
    #[must_use]
    pub fn with_events(self, topics: &[TopicInfo], name: &str) -> Self {
        Self { events: recorded(topics, Output::Events, name), ..self }
    }

    /// The names, for [`Source::select`](crate::bag::Source::select).
    pub fn names(&self) -> Vec<&str> {
        let Self { cameras, odom, tf, tf_static, proposal, events } = self;
        let mut names = Vec::new();
        for CameraTopics { image, camera_info, .. } in cameras {
            names.push(image.as_str());
            names.extend(camera_info.as_deref());
        }
        names.extend([odom, tf, tf_static, proposal, events].into_iter().filter_map(Option::as_deref));
        names
    }

    /// The topics of the pictures.
    pub fn images(&self) -> Vec<&str> {
        self.cameras.iter().map(|camera| camera.image.as_str()).collect()
    }

    /// The inputs that a topic feeds: a camera_info may be that of several cameras.
    pub(crate) fn inputs(&self, topic: &str) -> impl Iterator<Item = (CameraId, Input)> {
        let of_camera = move |(at, camera): (usize, &CameraTopics)| {
            let is_info = camera.camera_info.as_deref() == Some(topic);
            let input = (camera.image == topic).then_some(camera.transport.input());
            Some((CameraId(at), input.or(is_info.then_some(Input::CameraInfo))?))
        };
        let of_robot = [(&self.odom, Input::Odom), (&self.tf, Input::Tf), (&self.tf_static, Input::TfStatic)];
        let of_robot = of_robot.into_iter().filter(move |(name, _)| name.as_deref() == Some(topic));
        let of_robot = of_robot.map(|(_, input)| (CameraId(0), input));
        self.cameras.iter().enumerate().filter_map(of_camera).chain(of_robot)
    }
}

/// The topics of a bag, and the names by which they are chosen.
struct Bag<'a> {
    topics: &'a [TopicInfo],
    names: &'a Names,
}

impl<'a> Bag<'a> {
    fn of_type(&self, input: Input) -> impl Iterator<Item = &'a TopicInfo> + use<'a> {
        self.topics.iter().filter(move |topic| topic.type_name == input.type_name())
    }

    fn at(&self, input: Input, name: &str) -> Option<String> {
        self.of_type(input).find(|topic| topic.name == name).map(|topic| topic.name.clone())
    }

    /// The topic at the name of an input that the program calls `called`; one to which it is remapped must be there.
    fn named(&self, input: Input, called: &str) -> Result<Option<String>, ReplayError> {
        match self.at(input, &self.names.resolve_input(called)) {
            None if self.names.is_remapped(called) => Err(self.missing(input, called)),
            found => Ok(found),
        }
    }

    fn missing(&self, input: Input, called: &str) -> ReplayError {
        ReplayError::NoSuchTopic {
            input: called.to_owned(),
            topic: self.names.resolve_input(called),
            type_name: input.type_name(),
            found: listed(self.topics.iter()),
        }
    }

    fn camera(&self, camera: &CameraName, by: ImageTransport) -> Result<CameraTopics, ReplayError> {
        let (topics, names) = (self.topics, self.names);
        let by = names.transport(camera, by);
        let called = |input: Input| input.name_for(camera);
        let preferred = if Transport::Raw.is_allowed(by) { Transport::Raw } else { Transport::Compressed };
        let only = |input: Input| {
            let mut topics = self.of_type(input);
            topics.next().filter(|_| topics.next().is_none()).map(|topic| topic.name.clone())
        };
        let pictures = Pictures::of(topics, by);
        let is_remapped = Transport::ALL.into_iter().any(|transport| names.is_remapped(&called(transport.input())));
        let at_name = pictures.at(|transport| names.resolve_input(&called(transport.input())));
        let (picture, camera_info) = match at_name {
            Some(picture) => (picture, self.named(Input::CameraInfo, &called(Input::CameraInfo))?),
            None if is_remapped || !camera.as_str().is_empty() => {
                if let Some(video) = video(topics, &names.resolve_input(&called(Input::Image))) {
                    return Err(video);
                }
                let is_raw = !is_remapped || names.is_remapped(&called(Input::Image));
                let input = if is_raw { preferred.input() } else { Input::CompressedImage };
                return Err(self.missing(input, &called(input)));
            }
            None => {
                let picture = pictures.only().map_err(|several| match several {
                    true => ReplayError::SeveralImages { found: listed(pictures.topics()) },
                    false => video(topics, "").unwrap_or_else(|| ReplayError::NoImages {
                        type_name: preferred.input().type_name(),
                        found: listed(topics.iter()),
                    }),
                })?;
                let camera_info = if names.is_remapped(Input::CameraInfo.name()) {
                    self.named(Input::CameraInfo, Input::CameraInfo.name())?
                } else {
                    let beside = names.resolve(&camera_info_beside(image_of(&picture.topic.name)));
                    self.at(Input::CameraInfo, &beside).or_else(|| only(Input::CameraInfo))
                };
                (picture, camera_info)
            }
        };
        let Picture { topic, transport } = picture;
        if transport == Transport::Compressed && by == ImageTransport::Auto {
            tracing::warn!("no raw pictures of {camera} are there: those of {} are taken, compressed", topic.name);
        }
        Ok(CameraTopics { image: topic.name.clone(), transport, camera_info })
    }
}

/// The topic of that name, if an output of that kind was recorded under it.
fn recorded(topics: &[TopicInfo], output: Output, name: &str) -> Option<String> {
    let is_there =
        |topic: &&TopicInfo| topic.name == name && topic.type_name == output.type_name() && topic.messages != Some(0);
    topics.iter().find(is_there).map(|topic| topic.name.clone())
}

/// The image topics of a bag that may be taken.
struct Pictures<'a>(Vec<Picture<'a>>);

#[derive(Clone, Copy)]
struct Picture<'a> {
    topic: &'a TopicInfo,
    transport: Transport,
}

impl<'a> Pictures<'a> {
    /// The best first: recorders write down topics of which nothing came, too; and raw pictures need no decoding.
    fn of(topics: &'a [TopicInfo], by: ImageTransport) -> Self {
        let mut found: Vec<Picture> = Transport::ALL
            .into_iter()
            .filter(|transport| transport.is_allowed(by))
            .flat_map(|transport| topics.iter().map(move |topic| Picture { topic, transport }))
            .filter(|Picture { topic, transport }| topic.type_name == transport.input().type_name())
            // Distances, which have the type of pictures.
            .filter(|picture| !picture.topic.name.ends_with("/compressedDepth"))
            .collect();
        found.sort_by_key(|picture| picture.topic.messages == Some(0));
        Self(found)
    }

    fn topics(&self) -> impl Iterator<Item = &'a TopicInfo> {
        self.0.iter().map(|picture| picture.topic)
    }

    /// The one at the name that its transport has.
    fn at(&self, name: impl Fn(Transport) -> String) -> Option<Picture<'a>> {
        self.0.iter().find(|picture| picture.topic.name == name(picture.transport)).copied()
    }

    /// The best where all are of one camera; else whether there are several.
    fn only(&self) -> Result<Picture<'a>, bool> {
        let best = self.0.first().ok_or(false)?;
        let is_same = |picture: &Picture| image_of(&picture.topic.name) == image_of(&best.topic.name);
        if self.0.iter().all(is_same) { Ok(*best) } else { Err(true) }
    }
}

/// The name of the raw pictures of which this topic has those, compressed perhaps.
pub(super) fn image_of(topic: &str) -> &str {
    image_of_compressed(topic).unwrap_or(topic)
}

/// The refusal of the first video of this name or below it; all names are below the empty one.
fn video(topics: &[TopicInfo], image: &str) -> Option<ReplayError> {
    let is_meant = |topic: &str| topic.strip_prefix(image).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let mut videos = topics.iter().filter(|topic| is_meant(&topic.name));
    videos.find_map(|TopicInfo { name, type_name, .. }| {
        let cure = video_cure(type_name)?;
        Some(ReplayError::Video { topic: name.clone(), type_name: type_name.clone(), cure })
    })
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
    fn an_image_that_is_renamed_to_compressed_pictures_means_those() {
        let bag = [topic("/camera/image", Input::Image), topic("/camera/image/compressed", Input::CompressedImage)];
        let chosen =
            |rule: &str| ReplayTopics::choose(&bag, &names(&[rule])).map(|chosen| chosen.cameras[0].image.clone());
        assert_eq!(chosen("image:=/camera/image").unwrap(), "/camera/image");
        assert_eq!(chosen("image:=/camera/image/compressed").unwrap(), "/camera/image/compressed");
        let only_raw = ReplayTopics::choose(&bag[..1], &names(&["image:=/camera/image/compressed"]));
        assert!(matches!(only_raw, Err(ReplayError::NoSuchTopic { .. })), "{only_raw:?}");
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
            assert_eq!(
                (chosen.cameras[0].camera_info.as_deref(), chosen.odom.as_deref()),
                (camera_info, odom),
                "{rules:?}"
            );
            assert_eq!(chosen.cameras[0].image, names.resolve_input("image"), "{rules:?}");
            if let Some(camera_info) = camera_info {
                assert_eq!(camera_info, names.resolve_input("camera_info"), "{rules:?}");
            }
        }
    }

    #[test]
    fn an_image_at_the_nodes_own_name_is_taken_from_among_several() {
        let bag = [topic("/rear/image", Input::Image), topic("/image", Input::Image)];
        assert_eq!(ReplayTopics::choose(&bag, &Names::default()).unwrap().images(), ["/image"]);
    }

    #[test]
    fn several_image_topics_are_listed() {
        let bag = [topic("/front/image", Input::Image), topic("/rear/image", Input::Image)];
        let error = ReplayTopics::choose(&bag, &Names::default()).unwrap_err().to_string();
        assert!(
            error.contains("--remap image:=TOPIC") && error.contains("/front/image") && error.contains("/rear/image")
        );
        let rear = ReplayTopics::choose(&bag, &names(&["image:=/rear/image"])).unwrap();
        assert_eq!(
            rear,
            ReplayTopics {
                cameras: vec![CameraTopics {
                    image: "/rear/image".into(),
                    transport: Transport::Raw,
                    camera_info: None,
                }],
                odom: None,
                tf: None,
                tf_static: None,
                proposal: None,
                events: None
            }
        );
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
    fn compressed_pictures_are_found_under_the_name_of_their_image_where_only_they_are_there() {
        let (raw, compressed) = ("/front/image_raw", "/front/image_raw/compressed");
        let empty = |name, input| TopicInfo { messages: Some(0), ..topic(name, input) };
        let info = topic("/front/camera_info", Input::CameraInfo);
        let only = vec![topic(compressed, Input::CompressedImage), info.clone()];
        let both = vec![topic(compressed, Input::CompressedImage), topic(raw, Input::Image), info.clone()];
        let nothing_raw = vec![empty(raw, Input::Image), topic(compressed, Input::CompressedImage), info];
        for rules in [&[][..], &["image:=/front/image_raw"], &["image:=/front/image_raw/compressed"]] {
            let names_compressed = rules.iter().any(|rule| rule.ends_with("/compressed"));
            for (bag, by, image) in [
                (&only, ImageTransport::Auto, Some(compressed)),
                (&only, ImageTransport::Compressed, Some(compressed)),
                (&only, ImageTransport::Raw, None),
                (&both, ImageTransport::Auto, Some(if names_compressed { compressed } else { raw })),
                (&both, ImageTransport::Compressed, Some(compressed)),
                (&nothing_raw, ImageTransport::Auto, Some(compressed)),
            ] {
                let config = Config { image_transport: by, ..Config::default() };
                let chosen = ReplayTopics::choose_for(bag, &names(rules), &config).ok();
                let chosen = chosen.map(|mut topics| topics.cameras.remove(0));
                assert_eq!(chosen.as_ref().map(|camera| camera.image.as_str()), image, "{rules:?} {by:?}");
                if let Some(chosen) = chosen {
                    assert_eq!(chosen.camera_info.as_deref(), Some("/front/camera_info"), "{rules:?} {by:?}");
                    assert_eq!(chosen.transport == Transport::Compressed, chosen.image == compressed);
                }
            }
        }
    }

    #[test]
    fn distances_are_no_pictures_and_two_compressed_cameras_are_several() {
        let depth = topic("/depth/image/compressedDepth", Input::CompressedImage);
        let front = topic("/front/image/compressed", Input::CompressedImage);
        let chosen = ReplayTopics::choose(&[depth.clone(), front.clone()], &Names::default()).unwrap();
        assert_eq!(chosen.images(), ["/front/image/compressed"]);
        let rear = topic("/rear/image/compressed", Input::CompressedImage);
        let error = ReplayTopics::choose(&[depth.clone(), front, rear], &Names::default()).unwrap_err();
        assert!(matches!(error, ReplayError::SeveralImages { .. }), "{error}");
        let error = ReplayTopics::choose(&[depth], &Names::default()).unwrap_err();
        assert!(matches!(error, ReplayError::NoImages { .. }), "{error}");
    }

    #[test]
    fn video_is_refused_by_name_with_the_cure() {
        let of =
            |name: &str, type_name: &str| TopicInfo { name: name.into(), type_name: type_name.into(), messages: None };
        let foxglove = of("/camera/image", "foxglove_msgs/msg/CompressedVideo");
        let ffmpeg = of("/camera/image/ffmpeg", "ffmpeg_image_transport_msgs/msg/FFMPEGPacket");
        for rules in [&[][..], &["image:=/camera/image"]] {
            for (video, cure) in [(&foxglove, "raw or jpeg pictures"), (&ffmpeg, "republish")] {
                let error = ReplayTopics::choose(std::slice::from_ref(video), &names(rules)).unwrap_err().to_string();
                assert!(error.starts_with(&format!("{} ({})", video.name, video.type_name)), "{error}");
                assert!(error.contains(cure), "{error}");
            }
        }
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
