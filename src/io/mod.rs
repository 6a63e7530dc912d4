//! Where messages come from and go to: bags offline, DDS live.
//!
//! The edge of the walk. Here live clocks, queues, freshness and drops, files and ROS; none of them is known to
//! `pipeline`, which this module drives ([`replay`] for bags, `ros` live).

pub mod bag;
mod recorded;
mod replay;
#[cfg(feature = "ros")]
pub mod ros;
mod source;

pub use replay::{Limited, ReplayError, ReplayObserver, ReplayReport, ReplayTopics, replay, replay_reasoning};
pub use source::{Loss, Source, SourceError, TopicInfo};
