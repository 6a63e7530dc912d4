//! What a replay tells: frame by frame to whoever watches, and in numbers at its end.

use super::repeated::Repeats;
use crate::pipeline::{FrameError, FrameReport, Input, Moment, Remark, Said};
use crate::types::Stamp;
use std::collections::BTreeMap;

/// What became of the messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayReport {
    /// Images read.
    pub images: u64,
    /// Images that gave results.
    pub processed: u64,
    /// Messages that cost something, by cause: `image: out_of_order`.
    pub lost: BTreeMap<String, u64>,
    /// The same in words.
    pub reasons: Repeats,
    /// Images that were not processed, as the parameters want it, by [`PassedOver::cause`](crate::pipeline::PassedOver::cause).
    pub passed_over: BTreeMap<&'static str, u64>,
    /// Images that showed nothing, which are among the lost ones, by [`Blind::cause`](crate::vision::Blind::cause).
    pub blind: BTreeMap<&'static str, u64>,
    /// Stamps of the first and last processed image.
    pub span: Option<(Stamp, Stamp)>,
    /// Processed frames by the plan's decision.
    pub decisions: BTreeMap<&'static str, u64>,
    /// Published boxes.
    pub detections: u64,
    /// Answers of a language model, by what became of them.
    pub proposals: BTreeMap<&'static str, u64>,
    /// What the files had lost, in words; damage that repeats is told with its count.
    pub source_losses: Vec<String>,
    /// What was odd and cost nothing by itself, in words, each kind once.
    pub remarks: Vec<String>,
}

impl ReplayReport {
    /// A frame's results have left.
    pub(super) fn processed(&mut self, frame: &FrameReport) {
        self.processed += 1;
        self.detections += frame.detections as u64;
        *self.decisions.entry(frame.decision.as_str()).or_default() += 1;
        if let Some(status) = frame.proposal {
            *self.proposals.entry(status.as_str()).or_default() += 1;
        }
        let first = self.span.map_or(frame.stamp, |(first, _)| first);
        self.span = Some((first, frame.stamp));
    }

    /// A message was lost.
    pub(super) fn lost(&mut self, input: Input, error: &FrameError) {
        let cause = format!("{}: {}", input.name(), error.cause());
        self.reasons.count(&cause, &error.to_string());
        *self.lost.entry(cause).or_default() += 1;
        if let FrameError::Blind(blind) = error {
            *self.blind.entry(blind.cause()).or_default() += 1;
        }
    }

    /// What was changed when the recording was made could not be changed again.
    pub(super) fn not_applied(&mut self, words: &str) {
        const CAUSE: &str = "event: not_applied";
        self.reasons.count(CAUSE, words);
        *self.lost.entry(CAUSE.to_owned()).or_default() += 1;
    }

    /// Whether anything that was recorded is missing in the results.
    pub fn has_loss(&self) -> bool {
        !self.lost.is_empty() || !self.source_losses.is_empty()
    }
}

/// Watches a replay, frame by frame.
pub trait ReplayObserver {
    /// After a frame whose results have left: what they came from, and what was said. False ends the replay.
    fn frame(&mut self, moment: &Moment<'_>, said: &Said<'_>) -> bool;
    /// A message was lost.
    fn lost(&mut self, input: Input, error: &FrameError);
    /// Something is odd and costs nothing by itself. Told once.
    fn remarked(&mut self, remark: &Remark);
}

/// Nobody watches.
impl ReplayObserver for () {
    fn frame(&mut self, _: &Moment<'_>, _: &Said<'_>) -> bool {
        true
    }

    fn lost(&mut self, _: Input, _: &FrameError) {}

    fn remarked(&mut self, _: &Remark) {}
}
