//! CDR bytes to types and back, one file per message package.
//!
//! Many files: one for each message package.
//!
//! Enters: the serialized messages that DDS and bags carry (XCDR1 plain CDR, little or big endian, with its four-byte
//! encapsulation header). Leaves: borrowed views ([`sensor_msgs::ImageRef`]) and values of [`crate::types`]; and, the
//! other way, little endian bytes in a buffer that the caller keeps from frame to frame, so that nothing is allocated
//! once it has grown. An Image is decoded in constant time: its bytes are borrowed, never copied.
//!
//! Bytes from outside are not trusted: every read is checked, a sequence's length is held against the bytes that are
//! left before anything is allocated, and a [`WireError`] names message, field and offset. Bytes behind a message's
//! end are ignored (some DDS implementations pad to four).
//!
//! Many files: one for each message package.
//!
//! Which topic a message belongs to, and when it came, is left to others.
//!
//! Source: OMG DDS-RTPS 2.5 section 10 (encapsulation), OMG CDR (alignment); layouts are those of ROS 2 Jazzy's
//! common_interfaces, of tf2_msgs, of vision_msgs 4, of foxglove_msgs and of this project's vedette_msgs. [`schema`] holds them as text.

mod builtin_interfaces;
mod cdr;
mod error;
mod geometry_msgs;
mod rcl_interfaces;
mod std_msgs;

pub mod bond;
pub mod diagnostic_msgs;
pub mod foxglove_msgs;
pub mod nav_msgs;
pub mod rosgraph_msgs;
pub mod schema;
pub mod sensor_msgs;
pub mod tf2_msgs;
pub mod vedette_msgs;
pub mod vision_msgs;
pub mod visualization_msgs;

#[cfg(test)]
mod bad_bytes;
#[cfg(test)]
mod big_endian;

pub use error::{Place, WireError};
pub use std_msgs::{BOOL, Header, HeaderRef, bool_message, peek_frame_id, peek_stamp};
