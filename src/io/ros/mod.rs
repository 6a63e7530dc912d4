//! The live edge: a ROS 2 node around one [`Walk`](crate::pipeline::Walk).
//!
//! In come DDS messages and the clock, out go the walk's messages, the watchdog's stop and diagnostics. Two threads:
//!
//! - the **spin thread** (the one that calls [`run`]) takes CDR from DDS the moment it comes and puts it into the
//!   [`Inbox`], where a new picture replaces one that waits; it answers parameter services, watches the graph and
//!   the clock, and publishes diagnostics and the watchdog's stop. It never decodes and never waits for the model.
//! - the **lane** owns the walk: it takes the newest picture, checks its age against ROS time, joins its
//!   camera_info, runs the walk and publishes.
//!
//! What happens between picture and plan is none of this module's business (`pipeline`), and nothing measured here
//! enters it. `r2r` is named nowhere else.

mod clock;
mod diagnostics;
mod gaps;
mod graph;
mod health;
mod inbox;
mod lane;
mod log;
mod node;
mod parameters;
mod publishers;
mod qos;
mod signals;
mod spin;
mod stop;
mod watchdog;

pub use log::RosLog;
pub use node::{NodeError, run};
