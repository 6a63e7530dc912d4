//! What was said in a recording and is given to the walk again, by the image at which it was applied first.

use super::error::ReplayError;
use crate::bag::{MAX_DAMAGES, Source};
use crate::pipeline::Proposed;
use crate::types::{FrameId, Labels, Stamp};
use crate::wire::WireError;
use crate::wire::vedette_msgs::{EventMessage, ProposalMessage, decode_event, decode_proposal};
use std::collections::{BTreeMap, VecDeque};

/// Reads all of `topic` ahead of all images: live, what was said of an image is logged behind it. Gives each message to
/// `take` with its log time; returns how many were none. Damage of the source is left to whoever reads it next, with this
/// topic among others.
fn read_ahead<T>(
    source: &mut dyn Source,
    topic: &str,
    decode: impl Fn(&[u8]) -> Result<T, WireError>,
    mut take: impl FnMut(Stamp, T),
) -> Result<u64, ReplayError> {
    source.select(&[topic])?;
    let (mut damages, mut broken) = (0, 0);
    loop {
        match source.next_message() {
            Ok(Some(message)) if message.topic == topic => match decode(message.cdr) {
                Ok(decoded) => take(message.log_time, decoded),
                Err(_) => broken += 1,
            },
            Ok(Some(_)) => {}
            Ok(None) => return Ok(broken),
            Err(_) if damages < MAX_DAMAGES => damages += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// The proposals of a bag.
#[derive(Debug)]
pub(crate) struct RecordedProposals {
    by_stamp: BTreeMap<Stamp, Vec<ProposalMessage>>,
    broken: u64,
}

impl RecordedProposals {
    /// Reads all of `topic`.
    pub(crate) fn read(source: &mut dyn Source, topic: &str) -> Result<Self, ReplayError> {
        let mut by_stamp: BTreeMap<Stamp, Vec<ProposalMessage>> = BTreeMap::new();
        let broken = read_ahead(source, topic, decode_proposal, |_, proposal| {
            by_stamp.entry(proposal.header.stamp).or_default().push(proposal);
        })?;
        Ok(Self { by_stamp, broken })
    }

    /// Messages that are no proposals.
    pub(crate) fn broken(&self) -> u64 {
        self.broken
    }

    /// What belongs to the image with this stamp and frame, under the labels in force at it.
    pub(crate) fn take(&mut self, stamp: Stamp, frame_id: &FrameId, labels: &Labels) -> Vec<Proposed> {
        let Some(messages) = self.by_stamp.get_mut(&stamp) else { return Vec::new() };
        let taken = messages.extract_if(.., |message| message.header.frame_id == *frame_id);
        taken.map(|message| Proposed::recorded(message, labels)).collect()
    }
}

/// The events of a bag, in the order in which they were said.
#[derive(Debug, Default)]
pub(crate) struct RecordedEvents {
    waiting: VecDeque<(Stamp, EventMessage)>,
    broken: u64,
}

impl RecordedEvents {
    /// How long behind an event, in the log, the image that it governs first can have been taken: none.
    const LATEST_NS: i64 = 2_000_000_000;

    /// Reads all of `topic`.
    pub(crate) fn read(source: &mut dyn Source, topic: &str) -> Result<Self, ReplayError> {
        let mut waiting = VecDeque::new();
        let broken = read_ahead(source, topic, decode_event, |log_time, event| waiting.push_back((log_time, event)))?;
        Ok(Self { waiting, broken })
    }

    /// Messages that are no events.
    pub(crate) fn broken(&self) -> u64 {
        self.broken
    }

    /// The next event that is to be applied before the image with this stamp and frame_id, logged then. An event is logged
    /// behind the image that it governs first; where that image is not in the recording, the first one serves that is
    /// logged clearly behind the event.
    pub(crate) fn take(&mut self, stamp: Stamp, frame_id: &str, log_time: Stamp) -> Option<EventMessage> {
        let is_its_own =
            |event: &EventMessage| event.header.stamp == stamp && event.header.frame_id.as_str() == frame_id;
        let governs = self.waiting.iter().any(|(_, event)| is_its_own(event));
        let (logged, _) = self.waiting.front()?;
        let is_past = log_time.ns_since(*logged) > Self::LATEST_NS;
        (governs || is_past).then(|| self.waiting.pop_front()).flatten().map(|(_, event)| event)
    }
}
