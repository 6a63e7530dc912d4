//! Protobuf's wire format, written.
//!
//! Source: Protocol Buffers documentation, "Encoding".

use std::ops::Range;

/// Bytes of a file, within its graph, and what takes their place.
pub(super) struct Change {
    pub at: Range<u64>,
    pub bytes: Vec<u8>,
}

/// Begins a field that holds so many bytes: text, bytes or a message.
pub(super) fn header(out: &mut Vec<u8>, field: u64, bytes: u64) {
    varint(out, field << 3 | 2);
    varint(out, bytes);
}

/// A field of text, bytes or a message.
pub(super) fn bytes(out: &mut Vec<u8>, field: u64, content: &[u8]) {
    header(out, field, content.len() as u64);
    out.extend_from_slice(content);
}

/// A field of a number.
pub(super) fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(u8::try_from(value & 0x7f).unwrap_or_default() | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_documentation_has_them() {
        let mut out = Vec::new();
        number(&mut out, 1, 150);
        bytes(&mut out, 2, b"testing");
        assert_eq!(out, b"\x08\x96\x01\x12\x07testing");
        out.clear();
        number(&mut out, 1, u64::MAX);
        assert_eq!(out.len(), 11);
    }
}
