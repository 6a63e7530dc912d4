//! A message as it travels: bytes with a topic and a time.

use super::Stamp;

/// A serialised ROS message, from DDS or from a bag; the bytes are borrowed from whoever received them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawMessage<'a> {
    /// The resolved topic name, `/camera/image`.
    pub topic: &'a str,
    /// When it was recorded or received. Bags are read in this order; the core takes no other meaning from it.
    pub log_time: Stamp,
    /// CDR with its four-byte encapsulation header.
    pub cdr: &'a [u8],
}
