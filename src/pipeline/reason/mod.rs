//! Beside the walk, and never waited for: when a language model is asked, what it is asked, and what came of it.
//!
//! [`Reason`]'s module describes the seam. In: frames with their tracks, questions, what came back. Out: jobs, and the
//! proposals that the next plan is held against. Who runs the model, and on which thread, is left to the edge.

pub(super) mod advice;
mod inquiry;
mod job;
mod snapshot;
mod triggers;
mod view;

pub use inquiry::{Asker, Inquiry, InquiryError};
pub use job::{Cause, Failure, Proposed, Reason, ReasonJob};
pub use snapshot::Snapshot;
pub use triggers::Trigger;
