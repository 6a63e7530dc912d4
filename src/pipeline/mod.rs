//! The walk: message in, perceive, plan, messages out.
//!
//! In come CDR messages of one camera ([`Input`]), out go CDR messages under the source image's header
//! ([`Output`]), through whatever implements [`Outputs`]: publishers live, an MCAP file in replay. Between the two
//! nothing asks a clock, ROS or TF, so that the same messages give the same bytes. Freshness, queues and drops are
//! the edge's business (`io`).
//!
//! Beside that walk, and never waited for, runs the reason lane: [`Walk::take_job`] gives what a language model is to
//! look at, [`Walk::propose`] takes what came of it; [`Walk::ask`] puts somebody's own question first. The module of [`Reason`] describes that seam.

mod join;
mod perceive;
pub mod reason;
mod topics;
mod walk;

pub use join::{CameraInfoJoin, SpeedJoin};
pub use perceive::Perceive;
pub use reason::{Failure, Inquiry, InquiryError, Picture, Proposed, Reason, ReasonJob, Trigger};
pub use topics::{Input, Output, OutputError, Outputs};
pub use walk::{FrameError, FrameReport, Walk, WalkError};
