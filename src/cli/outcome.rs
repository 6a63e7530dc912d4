//! How a command ends.

use vedette::infer::InferError;
use vedette::zoo::ZooError;

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

/// Reason and cure, where an error is that the first provider does not run under the strict policy.
pub fn strictly_refused(error: &anyhow::Error) -> Option<(String, String)> {
    error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(ZooError::Infer(InferError::Strict { reason, cure, .. })) => Some((reason.clone(), cure.clone())),
        _ => None,
    })
}
