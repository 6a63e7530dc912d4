//! The live edge: a ROS 2 node around one [`Walk`](crate::pipeline::Walk).
//!
//! In come DDS messages, questions, prompts and the clock, out go the walk's messages, answers, the edge's own stop and
//! diagnostics. [`Edge`] takes over signals before anything else and runs the node. The threads:
//!
//! - the **spin thread** takes CDR from DDS the moment it comes and puts it into the `Inbox`,
//!   where a new picture replaces one that waits; it looks who publishes our inputs. It never decodes and never waits for
//!   anything but DDS.
//! - the **lane** owns the walk: it takes the newest picture, checks its age against ROS time, joins what belongs to it,
//!   runs the walk and publishes. Between two pictures it does what the others order.
//! - the **watch thread** says `stop` when the newest plan that has left is too old. It shares nothing with the others but
//!   the `Gate` through which every plan leaves.
//! - the **prompts thread** owns the text encoder: from words to a set that the lane puts in force.
//! - the **load thread** makes the models, at each `configure`.
//! - the **reason thread**, where there is a language model, owns it: it takes jobs from the
//!   `Desk` and gives what came of them back to the lane.
//! - the **edge thread** is tokio's: signals, parameters, `~/set_prompts`, `~/ask`, diagnostics and the look at who
//!   subscribes to our outputs are tasks there, which wait for whatever comes next. No picture passes through it: from DDS to the lane there is one hand-over, of one
//!   thread to another, and a runtime between them could only add to it. Nor does the watchdog, which must not wait for
//!   a task that does not give way.
//!
//! It is a managed node ([`lifecycle`]): there at once, with services, logs and diagnostics; what has to do with models comes
//! with `configure` and goes with `cleanup`. `managed` does what the transitions say.
//!
//! A thread that ends in a panic ends the node, after its last stop, where the node cannot do without it; without the
//! prompts thread and the reason thread perception goes on.
//!
//! What happens between picture and plan is none of this module's business (`pipeline`), and nothing measured here
//! enters it. `r2r` and `r2r_rcl` are named nowhere else.

mod clock;
mod error;
mod intake;
mod lane;
mod lifecycle;
mod managed;
mod node;
mod order;
mod publishers;
mod reason;
mod report;
mod services;
mod shared;
mod spin;
mod threads;
mod watch;

pub use error::NodeError;
pub use managed::{Load, LoadFailed, Parts};
pub use node::Edge;
pub use report::log::RosLog;
