//! The framing of MCAP records (<https://mcap.dev/spec>) and the few records that a reader needs, checked against the
//! bytes that are there: no length field is believed further than its record goes.

use super::blocks::{Blocks, to_usize};
use crate::bag::inflate::{Codec, MAX_INFLATED, inflated_limit};
use crate::bag::source::SourceError;
use ::mcap::records::op;
use std::collections::BTreeMap;

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

/// Reads the body of a record as a whole.
pub(super) fn parse<T>(
    blocks: &mut Blocks,
    frame: Frame,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<T, SourceError> {
    if frame.body > MAX_PARSED {
        let reason = format!("record 0x{:02x} holds {} bytes, expected at most {MAX_PARSED}", frame.opcode, frame.body);
        return Err(blocks.corrupt(frame.at, reason));
    }
    let body = blocks.peek(frame.body_at(), to_usize(frame.body))?;
    match read(&mut Fields(body)) {
        Some(value) => Ok(value),
        None => Err(blocks.corrupt(frame.at, format!("record 0x{:02x} does not parse", frame.opcode))),
    }
}

/// The fields of a record, one after another; `None` where its bytes end or are no text.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    /// So many bytes, by a length of 32 bits.
    fn block(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (block, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(block)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.block()?).ok()
    }

    /// A map with keys of 16 and values of 64 bits.
    fn by_channel(&mut self) -> Option<BTreeMap<u16, u64>> {
        let mut entries = Fields(self.block()?);
        let mut map = BTreeMap::new();
        while !entries.0.is_empty() {
            map.insert(entries.u16()?, entries.u64()?);
        }
        Some(map)
    }
}

/// A channel record.
#[derive(Debug, Clone)]
pub(super) struct ChannelRecord {
    pub(super) schema: u16,
    pub(super) topic: String,
    pub(super) encoding: String,
}

/// Channels by id and schema names by id, wherever they were found.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) channels: BTreeMap<u16, ChannelRecord>,
    pub(super) schemas: BTreeMap<u16, String>,
}

impl Definitions {
    /// Takes a channel or schema record; the first of an id counts, as the format wants them all equal. `None` when
    /// its fields do not parse.
    pub(super) fn add(&mut self, opcode: u8, fields: &mut Fields<'_>) -> Option<()> {
        let id = fields.u16()?;
        if opcode == op::SCHEMA {
            let name = fields.text()?.to_owned();
            self.schemas.entry(id).or_insert(name);
        } else {
            let schema = fields.u16()?;
            let (topic, encoding) = (fields.text()?.to_owned(), fields.text()?.to_owned());
            self.channels.entry(id).or_insert(ChannelRecord { schema, topic, encoding });
        }
        Some(())
    }
}

/// A chunk index record.
#[derive(Debug, Clone)]
pub(super) struct ChunkIndex {
    pub(super) start_ns: i64,
    /// Where the chunk record begins.
    pub(super) at: u64,
    /// Bytes of the chunk record with its frame.
    pub(super) length: u64,
    /// Bytes of the message indexes behind it.
    pub(super) index_length: u64,
    /// The channels with messages in it, sorted; none where the file does not tell.
    pub(super) channels: Vec<u16>,
}

impl ChunkIndex {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (start, _end, at, length) = (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
        let channels = fields.by_channel()?.into_keys().collect();
        Some(Self { start_ns: log_time_ns(start), at, length, index_length: fields.u64()?, channels })
    }
}

/// Messages by channel, as a statistics record counts them; `None` when it contradicts itself or does not parse.
pub(super) fn message_counts(fields: &mut Fields<'_>) -> Option<BTreeMap<u16, u64>> {
    let total = fields.u64()?;
    // schemas u16, channels, attachments, metadata and chunks u32, start and end u64.
    fields.bytes::<{ 2 + 4 * 4 + 2 * 8 }>()?;
    let counts = fields.by_channel()?;
    let sum = counts.values().try_fold(0_u64, |sum, count| sum.checked_add(*count))?;
    (sum == total).then_some(counts)
}

/// What a footer says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Footer {
    /// Where the summary begins, 0 when there is none.
    pub(super) summary_start: u64,
    /// 0 when there is none.
    pub(super) summary_crc: u32,
}

impl Footer {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let (summary_start, _offsets) = (fields.u64()?, fields.u64()?);
        Some(Self { summary_start, summary_crc: fields.u32()? })
    }
}

/// Log time and channel of a message record from the start of its body.
pub(super) fn message_header(body: &[u8]) -> Option<(u16, i64)> {
    let mut fields = Fields(body);
    let (channel, _sequence, log_time) = (fields.u16()?, fields.u32()?, fields.u64()?);
    (body.len() >= MESSAGE_HEADER).then_some((channel, log_time_ns(log_time)))
}

/// Log times beyond the year 2262 saturate.
fn log_time_ns(log_time: u64) -> i64 {
    i64::try_from(log_time).unwrap_or(i64::MAX)
}

/// What a chunk record says about its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkHeader {
    pub(super) start_ns: i64,
    pub(super) codec: Codec,
    /// How much comes out, in a chunk that is cut off at most.
    pub(super) inflated: usize,
    pub(super) crc: u32,
    /// Where the compressed bytes begin in the file.
    pub(super) data_at: u64,
    /// How many there are; in a chunk that is cut off, how many are left of them.
    pub(super) data: usize,
    /// Whether that is as many as it says.
    pub(super) is_all_there: bool,
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
    let mut fields = Fields(head);
    let header = (|| {
        let (start, _end, inflated) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let crc = fields.u32()?;
        let name = fields.block().filter(|name| name.len() <= NAME)?;
        Some((start, inflated, crc, String::from_utf8_lossy(name), fields.u64()?))
    })();
    let Some((start, inflated, crc, name, data)) = header else {
        return Err(blocks.corrupt(frame.at, "chunk header does not parse"));
    };
    let data_at = frame.body_at() + (head.len() - fields.0.len()) as u64;
    let Some(codec) = Codec::from_name(&name) else {
        let found = name.into_owned();
        let expected = "none, zstd or lz4";
        return Err(SourceError::UnknownCompression { path: blocks.path().to_owned(), found, expected });
    };
    let start_ns = log_time_ns(start);
    let available = end.saturating_sub(data_at);
    if !whole {
        let is_all_there = data <= available;
        let data = data.min(available).min(MAX_INFLATED);
        return Ok(ChunkHeader {
            start_ns,
            codec,
            inflated: to_usize(inflated_limit(data)),
            crc,
            data_at,
            data: to_usize(data),
            is_all_there,
        });
    }
    let limit = inflated_limit(data);
    let wrong = if data > available {
        Some(format!("chunk claims {data} bytes of records, its record has room for {available}"))
    } else if inflated.max(data) > limit {
        Some(format!("chunk of {data} bytes claims to hold {inflated}, expected at most {limit}"))
    } else if inflated == 0 && data < available {
        // What zeros over the header leave.
        Some(format!("chunk claims to be empty, its record has {available} bytes of content"))
    } else {
        None
    };
    match wrong {
        Some(reason) => Err(blocks.corrupt(frame.at, reason)),
        None => Ok(ChunkHeader {
            start_ns,
            codec,
            inflated: to_usize(inflated),
            crc,
            data_at,
            data: to_usize(data),
            is_all_there: true,
        }),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_goes_beyond_its_record_gives_nothing() {
        let record = |length: u32| [&7_u16.to_le_bytes()[..], &length.to_le_bytes(), b"name", &[0; 8]].concat();
        let mut definitions = Definitions::default();
        assert_eq!(definitions.add(op::SCHEMA, &mut Fields(&record(4))), Some(()));
        assert_eq!(definitions.schemas[&7], "name");
        for length in [13, 1 << 20, u32::MAX] {
            assert_eq!(definitions.add(op::SCHEMA, &mut Fields(&record(length))), None, "{length}");
        }
    }

    #[test]
    fn statistics_that_contradict_themselves_are_not_believed() {
        let statistics = |total: u64| {
            let entries = [&1_u16.to_le_bytes()[..], &5_u64.to_le_bytes(), &2_u16.to_le_bytes(), &6_u64.to_le_bytes()];
            let entries = entries.concat();
            let length = u32::try_from(entries.len()).unwrap().to_le_bytes();
            [&total.to_le_bytes()[..], &[0; 34], &length, &entries].concat()
        };
        assert_eq!(message_counts(&mut Fields(&statistics(11))), Some(BTreeMap::from([(1, 5), (2, 6)])));
        assert_eq!(message_counts(&mut Fields(&statistics(12))), None);
        assert_eq!(message_counts(&mut Fields(&statistics(11)[..60])), None);
    }
}
