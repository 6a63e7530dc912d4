//! The live edge: a ROS 2 node around one [`Walk`](crate::pipeline::Walk).
//!
//! In come DDS messages, questions, prompts and the clock, out go the walk's messages, answers, the watchdog's stop and
//! diagnostics. The threads:
//!
//! - the **spin thread** (the one that calls [`run`]) takes CDR from DDS the moment it comes and puts it into the
//!   [`Inbox`], where a new picture replaces one that waits; it answers parameter services, watches the graph and
//!   the clock, and publishes diagnostics and the watchdog's stop. It takes goals of `~/ask` and requests of `~/set_prompts`, and
//!   says what the threads below make of them. It never decodes and never waits for a model.
//! - the **lane** owns the walk: it takes the newest picture, checks its age against ROS time, joins its
//!   camera_info, runs the walk and publishes. Between two pictures it does what the others order.
//! - the **prompts thread** owns the text encoder: from words to a set that the lane puts in force.
//! - the **reason thread**, where there is a language model, owns it: it takes jobs from the [`Desk`](desk::Desk) and
//!   gives what came of them back to the lane.
//!
//! What happens between picture and plan is none of this module's business (`pipeline`), and nothing measured here
//! enters it. `r2r` is named nowhere else.

mod clock;
mod intake;
mod lane;
mod node;
mod order;
mod publishers;
mod reason;
mod report;
mod services;
mod spin;
mod watch;

pub use node::{NodeError, Parts, run};
pub use report::log::RosLog;
