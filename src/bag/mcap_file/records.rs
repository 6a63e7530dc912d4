//! The framing of MCAP records (<https://mcap.dev/spec>), checked against the bytes that are there.

use super::blocks::{Blocks, to_usize};
use crate::bag::SourceError;
use crate::bag::inflate::{Codec, MAX_INFLATED};
use ::mcap::records::op;

/// Opcode (1 byte) and length (8 bytes).
pub(super) const FRAME: u64 = 9;
/// channel_id u16, sequence u32, log_time u64, publish_time u64.
pub(super) const MESSAGE_HEADER: usize = 22;
/// Bodies that are parsed as a whole (schemas, channels, indexes) are smaller than this.
const MAX_PARSED: u64 = 64 << 20;

/// A record as its frame announces it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) opcode: u8,
    /// Where the frame begins.
    pub(super) at: u64,
    /// Bytes behind the frame.
    pub(super) body: u64,
}

impl Frame {
    pub(super) fn body_at(&self) -> u64 {
        self.at + FRAME
    }

    /// Where the next record begins, if that can be said at all.
    pub(super) fn end(&self) -> Option<u64> {
        self.body_at().checked_add(self.body)
    }
}

/// The frame at `at`; `None` when fewer than its nine bytes are left.
pub(super) fn frame(blocks: &mut Blocks, at: u64) -> Result<Option<Frame>, SourceError> {
    let bytes = blocks.peek(at, to_usize(FRAME))?;
    let Some((&opcode, length)) = bytes.split_first() else { return Ok(None) };
    let Ok(length) = <[u8; 8]>::try_from(length) else { return Ok(None) };
    Ok(Some(Frame { opcode, at, body: u64::from_le_bytes(length) }))
}

/// The body of a record that is parsed as a whole.
pub(super) fn parse(blocks: &mut Blocks, frame: Frame) -> Result<::mcap::records::Record<'static>, SourceError> {
    if frame.body > MAX_PARSED {
        let reason = format!("record 0x{:02x} holds {} bytes, expected at most {MAX_PARSED}", frame.opcode, frame.body);
        return Err(blocks.corrupt(frame.at, reason));
    }
    let body = blocks.peek(frame.body_at(), to_usize(frame.body))?;
    match ::mcap::parse_record(frame.opcode, body) {
        Ok(record) => Ok(record.into_owned()),
        Err(error) => Err(blocks.corrupt(frame.at, format!("record 0x{:02x} does not parse: {error}", frame.opcode))),
    }
}

/// Log time and channel of a message record from the start of its body.
pub(super) fn message_header(body: &[u8]) -> Option<(u16, i64)> {
    let (channel, rest) = body.split_first_chunk::<2>()?;
    let log_time = rest.get(4..12)?.first_chunk::<8>()?;
    (body.len() >= MESSAGE_HEADER).then(|| (u16::from_le_bytes(*channel), log_time_ns(u64::from_le_bytes(*log_time))))
}

/// Log times beyond the year 2262 saturate.
pub(super) fn log_time_ns(log_time: u64) -> i64 {
    i64::try_from(log_time).unwrap_or(i64::MAX)
}

/// What a chunk record says about its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkHeader {
    pub(super) start_ns: i64,
    pub(super) codec: Codec,
    pub(super) inflated: usize,
    pub(super) crc: u32,
    /// Where the compressed bytes begin in the file.
    pub(super) data_at: u64,
    /// How many there are; in a chunk that is cut off, how many are left of them.
    pub(super) data: usize,
}

/// The header of the chunk record `frame`, of which the file holds the bytes before `end`.
///
/// `whole`: whether sizes must fit; a chunk that was cut off while it was written has none yet.
pub(super) fn chunk_header(
    blocks: &mut Blocks,
    frame: Frame,
    end: u64,
    whole: bool,
) -> Result<ChunkHeader, SourceError> {
    const FIXED: usize = 8 + 8 + 8 + 4 + 4;
    const NAME: usize = 64;
    let head = blocks.peek(frame.body_at(), FIXED + NAME + 8)?;
    let header = (|| {
        let u64_at = |at: usize| Some(u64::from_le_bytes(*head.get(at..at + 8)?.first_chunk()?));
        let u32_at = |at: usize| Some(u32::from_le_bytes(*head.get(at..at + 4)?.first_chunk()?));
        let name_len = usize::try_from(u32_at(28)?).ok().filter(|len| *len <= NAME)?;
        let name = String::from_utf8_lossy(head.get(FIXED..FIXED + name_len)?);
        let codec = Codec::from_name(&name).ok_or_else(|| name.into_owned());
        Some((u64_at(0)?, u64_at(16)?, u32_at(24)?, (codec, name_len), u64_at(FIXED + name_len)?))
    })();
    let Some((start, inflated, crc, (codec, name_len), data)) = header else {
        return Err(blocks.corrupt(frame.at, "chunk header does not parse"));
    };
    let codec = codec.map_err(|found| SourceError::UnknownCompression {
        path: blocks.path().to_owned(),
        found,
        expected: "none, zstd or lz4",
    })?;
    let data_at = frame.body_at() + (FIXED + name_len + 8) as u64;
    let available = end.saturating_sub(data_at);
    if whole && data > available {
        let reason = format!("chunk claims {data} bytes of records, its record has room for {available}");
        return Err(blocks.corrupt(frame.at, reason));
    }
    if whole && inflated.max(data) > MAX_INFLATED as u64 {
        let reason = format!("chunk of {data} bytes claims to hold {inflated}, expected at most {MAX_INFLATED}");
        return Err(blocks.corrupt(frame.at, reason));
    }
    Ok(ChunkHeader {
        start_ns: log_time_ns(start),
        codec,
        inflated: if whole { to_usize(inflated) } else { MAX_INFLATED },
        crc,
        data_at,
        data: to_usize(if whole { data } else { data.min(available).min(MAX_INFLATED as u64) }),
    })
}

/// The records inside a decompressed chunk: opcode and body, then the end or where a record is not whole.
pub(super) struct ChunkRecords<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> ChunkRecords<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl<'a> Iterator for ChunkRecords<'a> {
    /// Opcode, where the body begins in the chunk, and the body; `Err` with the place of the record that is not whole.
    type Item = Result<(u8, usize, &'a [u8]), usize>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let record = (|| {
            let (&opcode, rest) = rest.split_first()?;
            let (length, rest) = rest.split_first_chunk::<8>()?;
            let body = rest.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
            let begin = self.at + to_usize(FRAME);
            (opcode != op::MESSAGE || body.len() >= MESSAGE_HEADER).then_some((opcode, begin, body))
        })();
        Some(match record {
            Some((opcode, begin, body)) => {
                self.at = begin + body.len();
                Ok((opcode, begin, body))
            }
            None => Err(std::mem::replace(&mut self.at, self.bytes.len())),
        })
    }
}
