//! Offline: a bag through the walk, message by message in log-time order, no clock and no ROS.
//!
//! In: any [`Source`](crate::bag::Source), a bag or other [`Footage`], and the topics that were chosen of it
//! ([`ReplayTopics`]). Out: the walk's
//! messages and a [`ReplayReport`]. Files are left to `bag`, what happens between picture and plan to `pipeline`.

mod changes;
mod error;
mod footage;
mod limited;
mod recorded;
mod repeated;
mod report;
mod run;
mod taken;
mod topic_choice;

pub use error::ReplayError;
pub use footage::{Footage, FootageError, Rate};
pub use limited::Limited;
pub use repeated::{Repeated, Repeats};
pub use report::{ReplayObserver, ReplayReport};
pub use run::{Beside, replay, replay_beside};
pub use taken::TakenTopic;
pub use topic_choice::{CameraTopics, ReplayTopics};
