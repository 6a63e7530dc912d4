//! std_msgs: the Header that nearly every message begins with.

use super::builtin_interfaces::{read_time, write_time};
use super::cdr::{Reader, Writer};
use super::error::WireError;
use crate::types::{FrameId, Stamp, Stamped};

/// The type name of [`bool_message`].
pub const BOOL: &str = "std_msgs/msg/Bool";

/// A std_msgs/msg/Bool.
pub const fn bool_message(data: bool) -> [u8; 5] {
    // The encapsulation of little endian CDR, and the byte.
    [0, 1, 0, 0, data as u8]
}

/// A header, its frame name borrowed from the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderRef<'a> {
    /// When the content was true.
    pub stamp: Stamp,
    /// The TF frame in which it is expressed.
    pub frame_id: &'a str,
}

impl<'a, T> From<&'a Stamped<T>> for HeaderRef<'a> {
    fn from(stamped: &'a Stamped<T>) -> Self {
        Self { stamp: stamped.stamp(), frame_id: stamped.frame_id().as_str() }
    }
}

/// A header on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// When the content was true.
    pub stamp: Stamp,
    /// The TF frame in which it is expressed.
    pub frame_id: FrameId,
}

impl From<HeaderRef<'_>> for Header {
    fn from(header: HeaderRef<'_>) -> Self {
        Self { stamp: header.stamp, frame_id: FrameId::new(header.frame_id) }
    }
}

/// Bytes of a Header with an empty frame name, at the least.
pub const HEADER_LEAST_BYTES: usize = 12;

/// The field `header`.
pub fn read_header<'a>(reader: &mut Reader<'a>) -> Result<HeaderRef<'a>, WireError> {
    Ok(HeaderRef { stamp: read_time(reader, "header.stamp")?, frame_id: reader.str("header.frame_id")? })
}

/// The field `header`.
pub fn write_header(writer: &mut Writer<'_>, header: HeaderRef<'_>) {
    write_time(writer, header.stamp);
    writer.str(header.frame_id);
}

/// The stamp of any message that begins with a Header, without a look at the rest.
///
/// # Errors
/// [`WireError`] when the bytes end before the stamp does, or are no plain CDR, or hold no stamp.
pub fn peek_stamp(cdr: &[u8]) -> Result<Stamp, WireError> {
    read_time(&mut Reader::new(cdr, "std_msgs/msg/Header")?, "stamp")
}

/// The frame_id of any message that begins with a Header, without a look at the rest.
///
/// # Errors
/// As [`peek_stamp`], and when there is no text.
pub fn peek_frame_id(cdr: &[u8]) -> Result<&str, WireError> {
    let mut reader = Reader::new(cdr, "std_msgs/msg/Header")?;
    read_time(&mut reader, "stamp")?;
    reader.str("frame_id")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamp_is_read_without_the_rest() {
        assert_eq!(peek_stamp(&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]).unwrap(), Stamp::from_ns(1_000_000_002));
    }

    #[test]
    fn a_second_of_nanoseconds_is_refused() {
        let error = peek_stamp(&[0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 2]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "std_msgs/msg/Header stamp at byte 8: stamp 1 s + 4278190082 ns: nanoseconds must be below 1000000000"
        );
    }
}
