//! Bags: MCAP and sqlite3 in, MCAP out.
//!
//! In: [`BagSource`] gives the messages of rosbag2 folders and bare files, CDR as recorded, in log-time order; it knows
//! files, compression and topics, and nothing of what the messages mean. Out: [`McapSink`] takes the walk's
//! [`Outputs`](crate::pipeline::Outputs) and writes an MCAP file that rosbag2, rosbags and Foxglove read.
//!
//! Sources: the MCAP specification (<https://mcap.dev/spec>), and rosbag2's storage plugins and compression up to
//! Jazzy.

mod files;
mod inflate;
mod mcap_file;
mod metadata;
mod open_file;
mod out_file;
mod reader;
mod sink;
mod source;
mod sqlite_file;
mod storage;
#[cfg(test)]
mod tests;

pub use metadata::{BagCompression, BagMetadata, StorageId};
pub use out_file::{OutFile, OutFileError, Replace};
pub use reader::BagSource;
pub use sink::{McapSink, SinkError};
pub use source::{Loss, MAX_DAMAGES, Source, SourceError, TopicInfo};
