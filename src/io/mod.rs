//! Where messages come from and go to: bags offline, DDS live.
//!
//! The edge of the walk. Here live clocks, queues, freshness and drops, files and ROS; none of them is known to
//! `pipeline`, which this module drives ([`replay`] for bags, `ros` live).

pub mod bag;
mod recorded;
mod replay;
mod replay_topics;
#[cfg(feature = "ros")]
pub mod ros;
mod source;

pub use replay::{Limited, ReplayError, ReplayObserver, ReplayReport, replay, replay_reasoning};
pub use replay_topics::ReplayTopics;
pub use source::{Loss, Source, SourceError, TopicInfo};
