//! How a command ends.

/// How a command ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is done.
    Done,
    /// The command ran and its answer is no: a check that found a fault.
    Refused,
    /// Done, but frames or messages were lost on the way.
    WithLoss,
    /// Ended in order by a signal, before all was done.
    Interrupted,
}

/// An error with its causes in one line.
pub fn in_words(error: &anyhow::Error) -> String {
    vedette::config::in_words(error.as_ref())
}
