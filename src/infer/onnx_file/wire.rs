//! Protobuf's wire format, read from a file of any size: what is not wanted is skipped and never in memory.
//!
//! Source: Protocol Buffers documentation, "Encoding". Groups, which ONNX does not have, are refused.

use std::io::{self, BufRead, BufReader, Read, Seek};

/// The most bytes of names, notes and shapes that are kept of one file.
const MAX_KEPT_BYTES: u64 = 64 << 20;

/// How deep messages may lie in each other: a branch in a branch in a loop is some twenty.
const MAX_DEPTH: usize = 100;

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::infer) enum Broken {
    /// The system does not give them.
    #[error("{0}")]
    Unreadable(String),
    /// A field goes on behind the end of the file.
    #[error("it ends in the middle, after {length} bytes: what begins at byte {at} ends at byte {end}")]
    CutOff { at: u64, end: u64, length: u64 },
    /// No message is written so.
    #[error("no ONNX model: {what} at byte {at}")]
    Malformed { what: &'static str, at: u64 },
}

/// What a field holds. The reader stands at the first byte of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::infer) enum Value {
    /// A number, read already.
    Number(u64),
    /// Text, bytes or a message, up to this byte of the file.
    Until(u64),
    /// A number of fixed length, which ONNX has only where we do not look.
    Skipped,
}

/// A place in a file of messages.
pub(in crate::infer) struct Reader<R> {
    inner: BufReader<R>,
    at: u64,
    /// Where the field began that was given last, and where the next one begins.
    field: (u64, u64),
    length: u64,
    kept: u64,
    depth: usize,
}

impl<R: Read + Seek> Reader<R> {
    /// At the first byte of `length`.
    pub fn new(inner: R, length: u64) -> Self {
        Self { inner: BufReader::new(inner), at: 0, field: (0, 0), length, kept: 0, depth: 0 }
    }

    /// Where it stands.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Where the field begins that was given last.
    pub fn field_at(&self) -> u64 {
        self.field.0
    }

    /// Where that field ends.
    pub fn next_at(&self) -> u64 {
        self.field.1
    }

    /// The bytes of the file.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Gives each field of the message that ends at byte `end` to `each`, which reads of it what it wants.
    ///
    /// # Errors
    /// [`Broken`], as `each` does.
    pub fn message(
        &mut self,
        end: u64,
        each: &mut dyn FnMut(&mut Self, u64, Value) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        if self.depth == MAX_DEPTH {
            return Err(Broken::Malformed { what: "messages in messages without end", at: self.at });
        }
        self.depth += 1;
        while self.at < end {
            let at = self.at;
            let tag = self.varint(end)?;
            let (value, next) = match tag & 7 {
                0 => (Value::Number(self.varint(end)?), self.at),
                1 => (Value::Skipped, self.at.saturating_add(8)),
                2 => {
                    let length = self.varint(end)?;
                    let next = self.at.saturating_add(length);
                    (Value::Until(next), next)
                }
                5 => (Value::Skipped, self.at.saturating_add(4)),
                _ => return Err(Broken::Malformed { what: "a field of no known kind", at }),
            };
            if next > self.length {
                return Err(Broken::CutOff { at, end: next, length: self.length });
            }
            if next > end || tag >> 3 == 0 {
                return Err(Broken::Malformed { what: "a field that cannot be", at });
            }
            self.field = (at, next);
            each(self, tag >> 3, value)?;
            self.skip_to(next)?;
        }
        self.depth -= 1;
        Ok(())
    }

    /// A text that ends at byte `end`; what is no UTF-8 in it is replaced.
    ///
    /// # Errors
    /// [`Broken`], also where more is kept than a model has names for.
    pub fn text(&mut self, end: u64) -> Result<String, Broken> {
        let length = end.saturating_sub(self.at);
        self.keep(length)?;
        let mut bytes = Vec::new();
        let read = self.inner.by_ref().take(length).read_to_end(&mut bytes).map_err(unreadable)?;
        self.at += read as u64;
        if (read as u64) < length {
            return Err(self.shorter());
        }
        Ok(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }

    /// Counts `bytes` that the caller keeps of the file.
    ///
    /// # Errors
    /// [`Broken::Malformed`] where more is kept than a model has names for.
    pub fn keep(&mut self, bytes: u64) -> Result<(), Broken> {
        self.kept = self.kept.saturating_add(bytes);
        if self.kept > MAX_KEPT_BYTES {
            return Err(Broken::Malformed { what: "more than 64 MiB of names and notes", at: self.at });
        }
        Ok(())
    }

    /// A number that ends before byte `end`.
    ///
    /// # Errors
    /// [`Broken`] where none does.
    pub fn varint(&mut self, end: u64) -> Result<u64, Broken> {
        let begin = self.at;
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            if self.at >= end {
                return Err(if end == self.length {
                    Broken::CutOff { at: begin, end: end.saturating_add(1), length: self.length }
                } else {
                    Broken::Malformed { what: "a number that does not end", at: begin }
                });
            }
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Broken::Malformed { what: "a number of more than 64 bits", at: begin })
    }

    fn byte(&mut self) -> Result<u8, Broken> {
        let byte = self.inner.fill_buf().map_err(unreadable)?.first().copied();
        let byte = byte.ok_or_else(|| self.shorter())?;
        self.inner.consume(1);
        self.at += 1;
        Ok(byte)
    }

    fn skip_to(&mut self, next: u64) -> Result<(), Broken> {
        let ahead = next.checked_sub(self.at).and_then(|ahead| i64::try_from(ahead).ok());
        let ahead = ahead.ok_or(Broken::Malformed { what: "a field that overlaps the next", at: self.at })?;
        if ahead > 0 {
            self.inner.seek_relative(ahead).map_err(unreadable)?;
            self.at = next;
        }
        Ok(())
    }

    /// The file has become shorter than it was.
    fn shorter(&self) -> Broken {
        Broken::CutOff { at: self.at, end: self.length, length: self.at }
    }
}

fn unreadable(error: io::Error) -> Broken {
    Broken::Unreadable(error.to_string())
}
