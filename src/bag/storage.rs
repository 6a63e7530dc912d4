//! What the merge asks of one bag file.

use super::source::{Loss, SourceError};

/// A topic, or one of several channels on a topic, in one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Channel {
    pub(super) topic: String,
    pub(super) type_name: String,
    /// `cdr`, else it cannot be read.
    pub(super) serialization: String,
    pub(super) messages: Option<u64>,
}

/// The log time below which a file has nothing left to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) log_time: i64,
    /// Whether a message with this very log time lies ready; else [`Storage::load`] brings the next part in.
    pub(super) ready: bool,
}

/// The message that [`Storage::step`] went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Index into [`Storage::channels`].
    pub(super) channel: usize,
    pub(super) log_time: i64,
}

/// One file, read in log-time order.
pub(super) trait Storage: Send {
    fn channels(&self) -> &[Channel];
    /// Chooses channels (one flag for each) and starts from the beginning.
    fn select(&mut self, wanted: &[bool]);
    /// `None` at the end.
    fn bound(&mut self) -> Option<Bound>;
    /// Reads the next part of the file. After an error that part is left out.
    fn load(&mut self) -> Result<(), SourceError>;
    /// Goes to the ready message; `None` when it turned out to be lost.
    fn step(&mut self) -> Result<Option<Step>, SourceError>;
    /// The bytes of the message of the last step.
    fn data(&self) -> &[u8];
    fn losses(&self) -> Vec<Loss>;
}
