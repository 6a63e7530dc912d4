//! The walk: messages in, moments, perceive, plan, messages out.
//!
//! An [`Intake`] for each camera joins its messages ([`Input`]) into complete [`Moment`]s; [`Walk::frame`] perceives, plans and
//! hands back what is to be said of one ([`Said`]), messages under the source image's header ([`Output`]). Nothing in
//! here sends anything, and nothing asks a clock or ROS, so that the same messages give the same bytes. Freshness,
//! queues and drops are the edge's business (`ros` live, `replay` for bags).
//!
//! Beside that walk, and never waited for, runs the reason lane: [`Walk::take_job`] gives what a language model is to
//! look at, [`Walk::propose`] takes what came of it; [`Walk::ask`] puts somebody's own question first. The module of
//! [`Reason`] describes that seam.

mod events;
mod intake;
mod intakes;
pub mod interface;
mod joins;
mod loss;
mod pace;
mod perceive;
mod picture_reader;
pub mod reason;
mod remarks;
mod said;
mod shown;
mod topics;
mod walk;

pub use intake::{Intake, Moment, Taken};
pub use intakes::Intakes;
pub use joins::Transforms;
pub use loss::{Blind, FrameError};
pub use pace::Pace;
pub use reason::{Asker, Cause, Failure, Inquiry, InquiryError, Proposed, Reason, ReasonJob, Snapshot, Trigger};
pub use remarks::{Misfit, Moved, Number, Remark};
pub use said::{FrameReport, Said, Wanted};
pub use shown::{FrameView, Shown, Strip, WorldMarkers};
pub use topics::{
    Input, Outlet, Output, OutputError, Outputs, STOP, Transport, inputs, transport_of, unused_rules, video_cure,
};
pub use walk::{Entered, PassedOver, Walk};
