//! The beginning of a recording.

use crate::bag::{Loss, Source, SourceError, TopicInfo};
use crate::types::RawMessage;
use std::num::NonZeroU64;

/// A source that ends after so many messages of some topics together: where the next one would be.
pub struct Limited<'a> {
    source: &'a mut dyn Source,
    topics: &'a [&'a str],
    left: Option<u64>,
    has_ended: bool,
}

impl<'a> Limited<'a> {
    /// `limit` messages of `topics`, all of them without one. What is recorded between them is given too, and behind the
    /// last one: the camera_info of the last image may come after it.
    pub fn new(source: &'a mut dyn Source, topics: &'a [&'a str], limit: Option<NonZeroU64>) -> Self {
        Self { source, topics, left: limit.map(NonZeroU64::get), has_ended: false }
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
            && self.topics.contains(&message.topic)
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
