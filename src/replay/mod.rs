//! Offline: a bag through the walk, message by message in log-time order, no clock and no ROS.
//!
//! In: any [`Source`](crate::bag::Source) and the topics that were chosen of it ([`ReplayTopics`]). Out: the walk's
//! messages and a [`ReplayReport`]. Files are left to `bag`, what happens between picture and plan to `pipeline`.

mod recorded;
mod run;
mod topic_choice;

pub use run::{Limited, ReplayError, ReplayObserver, ReplayReport, replay, replay_reasoning};
pub use topic_choice::ReplayTopics;
