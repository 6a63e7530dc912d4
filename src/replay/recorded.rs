//! What a language model proposed when a bag was recorded, by the image at which it was first applied.

use super::error::ReplayError;
use crate::bag::{MAX_DAMAGES, Source};
use crate::pipeline::Proposed;
use crate::types::{Labels, Stamp};
use crate::wire::vedette_msgs::{ProposalMessage, decode_proposal};
use std::collections::BTreeMap;

/// The proposals of a bag. They are read ahead of all images: live, a proposal is logged behind the image that it
/// belongs to, whose stamp it carries.
#[derive(Debug)]
pub(crate) struct RecordedProposals {
    by_stamp: BTreeMap<Stamp, Vec<ProposalMessage>>,
    broken: u64,
}

impl RecordedProposals {
    /// Reads all of `topic`. Damage of the source is left to whoever reads it next, with this topic among others.
    pub(crate) fn read(source: &mut dyn Source, topic: &str) -> Result<Self, ReplayError> {
        source.select(&[topic])?;
        let mut recorded = Self { by_stamp: BTreeMap::new(), broken: 0 };
        let mut damages = 0;
        loop {
            match source.next_message() {
                Ok(Some(message)) if message.topic == topic => match decode_proposal(message.cdr) {
                    Ok(proposal) => recorded.by_stamp.entry(proposal.header.stamp).or_default().push(proposal),
                    Err(_) => recorded.broken += 1,
                },
                Ok(Some(_)) => {}
                Ok(None) => return Ok(recorded),
                Err(_) if damages < MAX_DAMAGES => damages += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Messages that are no proposals.
    pub(crate) fn broken(&self) -> u64 {
        self.broken
    }

    /// What belongs to the image with this stamp, under the labels in force at it.
    pub(crate) fn take(&mut self, stamp: Stamp, labels: &Labels) -> Vec<Proposed> {
        let messages = self.by_stamp.remove(&stamp).unwrap_or_default();
        messages.into_iter().map(|message| Proposed::recorded(message, labels)).collect()
    }
}
