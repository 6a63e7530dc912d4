//! What the other threads want of the lane, beside pictures: done between two frames.

use crate::config::Config;
use crate::config::assembly::PromptsRefused;
use crate::pipeline::{Asker, Inquiry, Proposed, ReasonJob};
use crate::zoo::EncodedPrompts;
use std::sync::Arc;
use std::sync::mpsc::Sender;

/// One order. Orders are done as they come, before the next picture, and at once when no picture comes.
pub enum Order {
    /// Begin anew: the node has become active.
    Begin,
    /// Let other parameters hold.
    Change {
        /// All of them.
        config: Arc<Config>,
        /// Where the prompts are others: encoded already.
        prompts: Option<EncodedPrompts>,
        /// Gets the walk's word once they are in force, or why they are not.
        reply: Sender<Result<(), PromptsRefused>>,
    },
    /// Make a job of the next picture.
    Ask {
        /// What is asked.
        inquiry: Inquiry,
        /// Who asks.
        asker: Asker,
    },
    /// The question with this number is no longer wanted.
    Withdraw(u64),
    /// What came of a job that was to be a proposal.
    Proposed(Box<Proposed>),
    /// A job whose answer were words.
    TakenBack(Box<ReasonJob>),
    /// Nobody answers any more: make no more jobs.
    StopAsking,
}
