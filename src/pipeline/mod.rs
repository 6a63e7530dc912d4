//! The walk: message in, perceive, plan, messages out.
//!
//! In come CDR messages of one camera ([`Input`]), out go CDR messages under the source image's header
//! ([`Output`]), through whatever implements [`Outputs`]: publishers live, an MCAP file in replay. Between the two
//! nothing asks a clock, ROS or TF, so that the same messages give the same bytes. Freshness, queues and drops are
//! the edge's business (`io`).

mod class_choice;
mod join;
mod load;
mod perceive;
mod prompter;
mod settings;
mod topics;
mod walk;

pub use class_choice::ClassError;
pub use join::{CameraInfoJoin, SpeedJoin};
pub use load::{LoadError, LoadedModel, load_model};
pub use perceive::Perceive;
pub use prompter::{OpenEncoder, Prompter, PromptsRefused};
pub use topics::{Input, Output, OutputError, Outputs};
pub use walk::{FrameError, FrameReport, Walk, WalkError};
