//! Offline: a bag through the walk, message by message in log-time order, no clock and no ROS.

use super::recorded::RecordedProposals;
use super::source::{Loss, Source, SourceError, TopicInfo};
use crate::pipeline::{FrameError, FrameReport, Input, Output, OutputError, Outputs, Reason, Walk, WalkError};
use crate::types::{Cancel, RawMessage, Stamp};
use crate::wire;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// Damaged places of a bag that are passed over, each one reported.
pub(super) const MAX_DAMAGES: usize = 1000;

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

/// Why a bag cannot feed the walk.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A remapped topic is not in the bag.
    #[error("no topic {topic} ({type_name}) in the bag for {input}, it has {found}", input = input.name())]
    NoSuchTopic {
        /// What it is wanted for.
        input: Input,
        /// The remapped name.
        topic: String,
        /// The type that is wanted.
        type_name: &'static str,
        /// All topics of the bag, with types.
        found: String,
    },
    /// Nothing to look at.
    #[error("no {type_name} topic in the bag, it has {found}")]
    NoImages {
        /// The type that is wanted.
        type_name: &'static str,
        /// All topics of the bag, with types.
        found: String,
    },
    /// Several image topics and none named.
    #[error("the bag has several image topics, name one with --remap image:=TOPIC: {found}")]
    SeveralImages {
        /// The image topics.
        found: String,
    },
    /// The bag cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Results cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
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

    /// The names, for [`Source::select`].
    pub fn names(&self) -> Vec<&str> {
        let mut names = vec![self.image.as_str()];
        names.extend(self.camera_info.as_deref());
        names.extend(self.odom.as_deref());
        names.extend(self.proposal.as_deref());
        names
    }

    fn input(&self, topic: &str) -> Option<Input> {
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

/// What became of the messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayReport {
    /// Images read.
    pub images: u64,
    /// Images that gave results.
    pub processed: u64,
    /// Messages that cost something, by cause: `image: out_of_order`.
    pub lost: BTreeMap<String, u64>,
    /// Stamps of the first and last processed image.
    pub span: Option<(Stamp, Stamp)>,
    /// Processed frames by the plan's decision.
    pub decisions: BTreeMap<&'static str, u64>,
    /// Published boxes.
    pub detections: u64,
    /// Answers of a language model, by what became of them.
    pub proposals: BTreeMap<&'static str, u64>,
    /// What the files had lost, in words.
    pub source_losses: Vec<String>,
}

impl ReplayReport {
    /// Whether anything that was recorded is missing in the results.
    pub fn has_loss(&self) -> bool {
        !self.lost.is_empty() || !self.source_losses.is_empty()
    }
}

/// Watches a replay, frame by frame.
pub trait ReplayObserver {
    /// After a frame whose results have left. `image_cdr` is the sensor_msgs/Image that they came from. False ends
    /// the replay.
    fn frame(&mut self, walk: &Walk, image_cdr: &[u8], report: &FrameReport) -> bool;
    /// A message was lost.
    fn lost(&mut self, input: Input, error: &FrameError);
}

/// Nobody watches.
impl ReplayObserver for () {
    fn frame(&mut self, _: &Walk, _: &[u8], _: &FrameReport) -> bool {
        true
    }

    fn lost(&mut self, _: Input, _: &FrameError) {}
}

/// A source that ends after so many messages of one topic: where the next one would be.
pub struct Limited<'a> {
    source: &'a mut dyn Source,
    topic: &'a str,
    left: Option<u64>,
    has_ended: bool,
}

impl<'a> Limited<'a> {
    /// `limit` messages of `topic`, all of them without one. What is recorded between them is given too, and behind the
    /// last one: the camera_info of the last image may come after it.
    pub fn new(source: &'a mut dyn Source, topic: &'a str, limit: Option<NonZeroU64>) -> Self {
        Self { source, topic, left: limit.map(NonZeroU64::get), has_ended: false }
    }
}

impl Source for Limited<'_> {
    fn topics(&self) -> &[TopicInfo] {
        self.source.topics()
    }

    fn select(&mut self, topics: &[&str]) -> Result<(), SourceError> {
        self.source.select(topics)
    }

    fn next_message(&mut self) -> Result<Option<RawMessage<'_>>, SourceError> {
        if self.has_ended {
            return Ok(None);
        }
        let message = self.source.next_message()?;
        if let (Some(left), Some(message)) = (&mut self.left, &message)
            && message.topic == self.topic
        {
            if *left == 0 {
                self.has_ended = true;
                return Ok(None);
            }
            *left -= 1;
        }
        Ok(message)
    }

    fn losses(&self) -> Vec<Loss> {
        self.source.losses()
    }
}

/// Runs the walk over all messages of `source`, without a language model: as [`replay_reasoning`] with none.
///
/// # Errors
/// As [`replay_reasoning`].
pub fn replay(
    source: &mut dyn Source,
    topics: &ReplayTopics,
    walk: &mut Walk,
    outputs: &mut dyn Outputs,
    observer: &mut dyn ReplayObserver,
) -> Result<ReplayReport, ReplayError> {
    replay_reasoning(source, topics, walk, None, outputs, observer)
}

/// Runs the walk over all messages of `source`.
///
/// `reason` answers the walk's questions between two images, however long that takes. Where the bag has proposals
/// ([`ReplayTopics::with_proposals`]), those are given at the images of their stamps instead and nobody is asked,
/// whether there is a model or not: the same plans come out as when they were recorded.
///
/// An image whose camera_info has not come yet is held until that comes, the next image comes or the bag ends.
///
/// # Errors
/// When the bag can no longer be read or results no longer be written; what is lost on the way is counted instead.
pub fn replay_reasoning(
    source: &mut dyn Source,
    topics: &ReplayTopics,
    walk: &mut Walk,
    reason: Option<&mut Reason>,
    outputs: &mut dyn Outputs,
    observer: &mut dyn ReplayObserver,
) -> Result<ReplayReport, ReplayError> {
    let mut report = ReplayReport::default();
    let advice = match &topics.proposal {
        Some(topic) => {
            let recorded = RecordedProposals::read(source, topic)?;
            if recorded.broken() > 0 {
                report.lost.insert("proposal: bad_message".to_owned(), recorded.broken());
            }
            walk.stop_asking();
            Advice::Recorded(recorded)
        }
        None => reason.map_or(Advice::Nobody, Advice::Model),
    };
    source.select(&topics.names())?;
    walk.expect_camera_info(topics.camera_info.is_some());
    let mut run = Run { walk, advice, outputs, observer, report, goes_on: true };
    let mut held: Option<Stamp> = None;
    let mut held_cdr = Vec::new();
    let mut damages = 0;
    while run.goes_on {
        let message = match source.next_message() {
            Ok(Some(message)) => message,
            Ok(None) => break,
            // The source goes on behind the damage; one that finds nothing else is no source.
            Err(error) if damages < MAX_DAMAGES => {
                damages += 1;
                run.report.source_losses.push(error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let Some(input) = topics.input(message.topic) else { continue };
        match input {
            Input::Image => {
                if held.take().is_some() {
                    run.image(&held_cdr)?;
                }
                match wire::peek_stamp(message.cdr) {
                    Ok(stamp) if !run.walk.is_ready_for(stamp) => {
                        held = Some(stamp);
                        held_cdr.clear();
                        held_cdr.extend_from_slice(message.cdr);
                    }
                    _ => run.image(message.cdr)?,
                }
            }
            Input::CameraInfo => {
                let result = run.walk.camera_info(message.cdr);
                run.side(input, result);
                if held.is_some_and(|stamp| run.walk.is_ready_for(stamp)) {
                    held = None;
                    run.image(&held_cdr)?;
                }
            }
            Input::Odom => {
                let result = run.walk.odom(message.cdr);
                run.side(input, result);
            }
        }
    }
    if held.is_some() && run.goes_on {
        run.image(&held_cdr)?;
    }
    let mut report = run.report;
    report.source_losses.extend(source.losses().iter().map(Loss::to_string));
    Ok(report)
}

/// Who proposes.
enum Advice<'a> {
    Recorded(RecordedProposals),
    Model(&'a mut Reason),
    Nobody,
}

struct Run<'a> {
    walk: &'a mut Walk,
    advice: Advice<'a>,
    outputs: &'a mut dyn Outputs,
    observer: &'a mut dyn ReplayObserver,
    report: ReplayReport,
    goes_on: bool,
}

impl Run<'_> {
    fn image(&mut self, cdr: &[u8]) -> Result<(), ReplayError> {
        self.report.images += 1;
        if let (Advice::Recorded(recorded), Ok(stamp)) = (&mut self.advice, wire::peek_stamp(cdr)) {
            for proposed in recorded.take(stamp, self.walk.labels()) {
                self.walk.propose(proposed);
            }
        }
        match self.walk.image(cdr, self.outputs) {
            Ok(frame) => {
                let report = &mut self.report;
                report.processed += 1;
                report.detections += frame.detections as u64;
                *report.decisions.entry(frame.decision.as_str()).or_default() += 1;
                if let Some(status) = frame.proposal {
                    *report.proposals.entry(status.as_str()).or_default() += 1;
                }
                let first = report.span.map_or(frame.stamp, |(first, _)| first);
                report.span = Some((first, frame.stamp));
                self.goes_on = self.observer.frame(self.walk, cdr, &frame);
                if self.goes_on {
                    self.reason();
                }
                Ok(())
            }
            Err(WalkError::Frame(error)) => {
                self.lose(Input::Image, &error);
                Ok(())
            }
            Err(WalkError::Output(error)) => Err(error.into()),
        }
    }

    /// Inline: the answer is there before the next image, which it could be live too.
    fn reason(&mut self) {
        if let Advice::Model(reason) = &mut self.advice
            && let Some(job) = self.walk.take_job()
        {
            self.walk.propose(reason.run(job, &Cancel::new(), &mut |_| ()));
        }
    }

    fn side(&mut self, input: Input, result: Result<(), FrameError>) {
        if let Err(error) = result {
            self.lose(input, &error);
        }
    }

    fn lose(&mut self, input: Input, error: &FrameError) {
        *self.report.lost.entry(format!("{}: {}", input.name(), error.cause())).or_default() += 1;
        self.observer.lost(input, error);
    }
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
