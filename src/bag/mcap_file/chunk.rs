//! One chunk in memory: read, decompressed, checked, and its messages in log-time order.

use super::blocks::Blocks;
use super::records::{ChunkRecords, Frame, MESSAGE_HEADER, chunk_header, message_header};
use crate::bag::inflate::{Codec, Inflater};
use crate::bag::source::SourceError;
use ::mcap::records::op;
use std::ops::Range;

/// A chunk as the survey found it.
#[derive(Debug, Clone)]
pub(super) struct ChunkRef {
    pub(super) frame: Frame,
    /// No message in it is earlier.
    pub(super) start_ns: i64,
    /// The channels that have messages in it, sorted, where that is known.
    pub(super) channels: Option<Vec<u16>>,
    /// Whether the file holds it to its end.
    pub(super) whole: bool,
    /// How many bytes of its content are believed, where records behind them are none.
    pub(super) believed: Option<usize>,
}

/// A message in a chunk.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) log_time: i64,
    pub(super) channel: u16,
    /// Its data among the chunk's bytes.
    pub(super) data: Range<usize>,
}

/// Buffers that hold one chunk and are used again for the next.
#[derive(Debug, Default)]
pub(super) struct LoadedChunk {
    /// Where the chunk record begins in the file.
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
    /// Messages in log-time order, those with equal times as they lie in the chunk.
    pub(super) entries: Vec<Entry>,
    /// The first entry that has not been given yet.
    pub(super) next: usize,
}

/// Brings chunks into memory.
pub(super) struct ChunkLoader {
    inflater: Inflater,
    compressed: Vec<u8>,
}

impl ChunkLoader {
    pub(super) fn new() -> Self {
        Self { inflater: Inflater::new(), compressed: Vec::new() }
    }

    /// Reads `chunk` into `into`, with the messages whose channel is `wanted`. A chunk that was cut off gives what can
    /// be decompressed of it; of a whole one, sizes and CRC must fit.
    pub(super) fn load(
        &mut self,
        blocks: &mut Blocks,
        chunk: &ChunkRef,
        mut wanted: impl FnMut(u16) -> bool,
        into: &mut LoadedChunk,
    ) -> Result<(), SourceError> {
        into.entries.clear();
        into.next = 0;
        into.at = chunk.frame.at;
        self.read(blocks, chunk, &mut into.bytes)?;
        into.bytes.truncate(chunk.believed.unwrap_or(usize::MAX));
        let mut sorted = true;
        for record in ChunkRecords::new(&into.bytes) {
            let (opcode, begin, body) = match record {
                Ok(record) => record,
                Err(_) if !chunk.whole => break,
                Err(place) => {
                    let reason = format!("chunk's record at byte {place} of its content is not whole");
                    return Err(blocks.corrupt(chunk.frame.at, reason));
                }
            };
            if opcode != op::MESSAGE {
                continue;
            }
            let Some((channel, log_time)) = message_header(body) else { continue };
            if !wanted(channel) {
                continue;
            }
            if log_time < chunk.start_ns {
                let reason =
                    format!("chunk is indexed from log time {} on, holds a message of {log_time}", chunk.start_ns);
                return Err(blocks.corrupt(chunk.frame.at, reason));
            }
            sorted &= into.entries.last().is_none_or(|last| last.log_time <= log_time);
            into.entries.push(Entry { log_time, channel, data: begin + MESSAGE_HEADER..begin + body.len() });
        }
        if !sorted {
            into.entries.sort_by_key(|entry| entry.log_time);
        }
        Ok(())
    }

    fn read(&mut self, blocks: &mut Blocks, chunk: &ChunkRef, bytes: &mut Vec<u8>) -> Result<(), SourceError> {
        let at = chunk.frame.at;
        let end = if chunk.whole { chunk.frame.end().unwrap_or(blocks.len()) } else { blocks.len() };
        let header = chunk_header(blocks, chunk.frame, end, chunk.whole)?;
        let inflated = if header.codec == Codec::Plain {
            bytes.resize(header.data, 0);
            blocks.read(header.data_at, bytes)
        } else {
            self.compressed.resize(header.data, 0);
            blocks.read(header.data_at, &mut self.compressed)?;
            self.inflater
                .inflate(header.codec, &self.compressed, header.inflated, bytes)
                .map_err(|error| blocks.corrupt(at, format!("chunk does not decompress: {error}")))
        };
        if !chunk.whole {
            return Ok(());
        }
        inflated?;
        if bytes.len() != header.inflated {
            let reason = format!("chunk decompresses to {} bytes, expected {}", bytes.len(), header.inflated);
            return Err(blocks.corrupt(at, reason));
        }
        let crc = if header.crc == 0 { 0 } else { crc32fast::hash(bytes) };
        if crc != header.crc {
            return Err(blocks.corrupt(at, format!("chunk has CRC {crc:08x}, expected {:08x}", header.crc)));
        }
        Ok(())
    }
}
