//! Why bytes are no message.

use crate::types::{ImageError, StampError};
use std::fmt;

/// Which field of which message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The message's type, `vision_msgs/msg/Detection2DArray`.
    pub message: &'static str,
    /// The path of the field, `detections[3].results[0].hypothesis.class_id`.
    pub field: String,
    /// Bytes from the message's start, its encapsulation header included.
    pub offset: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at byte {}", self.message, self.field, self.offset)
    }
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WireError {
    /// Not even an encapsulation header.
    #[error("{message}: {found} bytes, expected an encapsulation header of 4 bytes and the message")]
    Empty {
        /// The message that was expected.
        message: &'static str,
        /// Bytes there are.
        found: usize,
    },
    /// Another encapsulation than plain CDR (XCDR2, parameter lists, XML).
    #[error("{message}: encapsulation 0x{found:04x}, expected 0x0000 or 0x0001 (plain CDR, big or little endian)")]
    Encapsulation {
        /// The message that was expected.
        message: &'static str,
        /// The representation identifier.
        found: u16,
    },
    /// The bytes end inside a field.
    #[error("{place}: {found} bytes left, expected {expected}")]
    Truncated {
        /// Where.
        place: Place,
        /// Bytes that are left.
        found: usize,
        /// Bytes that the field takes.
        expected: usize,
    },
    /// A sequence claims more elements than the bytes that are left can hold.
    #[error("{place}: a sequence of {found}, expected at most {expected} in the {left} bytes left")]
    Count {
        /// Where.
        place: Place,
        /// Elements that the length field claims.
        found: usize,
        /// Elements that fit at most.
        expected: usize,
        /// Bytes that are left.
        left: usize,
    },
    /// A string does not end in NUL.
    #[error("{place}: a string that ends in 0x{found:02x}, expected a closing 0x00")]
    Terminator {
        /// Where the last byte is.
        place: Place,
        /// The last byte.
        found: u8,
    },
    /// A string is not UTF-8.
    #[error("{place}: byte 0x{found:02x} in a string, expected UTF-8")]
    Utf8 {
        /// Where the first byte that does not fit is.
        place: Place,
        /// That byte.
        found: u8,
    },
    /// A value that the field may not have.
    #[error("{place}: {found}, expected {expected}")]
    Value {
        /// Where.
        place: Place,
        /// The value, cut to 64 characters.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Seconds and nanoseconds that are no stamp.
    #[error("{place}: {reason}")]
    Stamp {
        /// Where.
        place: Place,
        /// Why.
        reason: StampError,
    },
    /// The fields of an Image do not fit together.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl WireError {
    /// The same error seen from the message around it: `class_id` becomes `detections[3].class_id`.
    pub(super) fn inside(mut self, parent: impl fmt::Display) -> Self {
        if let Self::Truncated { place, .. }
        | Self::Count { place, .. }
        | Self::Terminator { place, .. }
        | Self::Utf8 { place, .. }
        | Self::Value { place, .. }
        | Self::Stamp { place, .. } = &mut self
        {
            place.field = format!("{parent}.{}", place.field);
        }
        self
    }
}
