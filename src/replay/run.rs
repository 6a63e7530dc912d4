//! Offline: a bag through the walk, message by message in log-time order, no clock and no ROS.

use super::recorded::RecordedProposals;
use super::topic_choice::ReplayTopics;
use crate::bag::{Loss, Source, SourceError, TopicInfo};
use crate::pipeline::{FrameError, FrameReport, Input, OutputError, Outputs, Reason, Walk, WalkError};
use crate::types::{Cancel, RawMessage, Stamp};
use crate::wire;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// Damaged places of a bag that are passed over, each one reported.
pub(crate) const MAX_DAMAGES: usize = 1000;

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
