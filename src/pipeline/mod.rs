//! The walk: message in, perceive, plan, messages out.
//!
//! In come CDR messages of one camera ([`Input`]), out go CDR messages under the source image's header
//! ([`Output`]), through whatever implements [`Outputs`]: publishers live, an MCAP file in replay. Between the two
//! nothing asks a clock, ROS or TF, so that the same messages give the same bytes. Freshness, queues and drops are
//! the edge's business (`io`).
//!
//! Beside that walk, and never waited for, runs the reason lane: [`Walk::take_job`] gives what a language model is to
//! look at, [`Walk::propose`] takes what came of it; [`Walk::ask`] puts somebody's own question first. The module of [`Reason`] describes that seam.

mod advice;
mod class_choice;
mod inquiry;
mod join;
mod load;
mod perceive;
mod picture;
mod prompter;
mod question;
mod reason;
mod settings;
mod topics;
mod triggers;
mod walk;

pub use class_choice::ClassError;
pub use inquiry::{Inquiry, InquiryError};
pub use join::{CameraInfoJoin, MotionJoin};
pub use load::{LoadError, LoadedModel, LoadedReasonModel, load_model, load_reason_model};
pub use perceive::{Bounds, Perceive};
pub use picture::Picture;
pub use prompter::{OpenEncoder, Prompter, PromptsRefused};
pub use reason::{Failure, Proposed, Reason, ReasonJob};
pub use topics::{Input, Output, OutputError, Outputs};
pub use triggers::Trigger;
pub use walk::{FrameError, FrameReport, Walk, WalkError};
