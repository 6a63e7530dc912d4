//! Finding the way again behind damage that no index leads around.
//!
//! A record has no mark at its beginning, so a place is believed where a chunk or a message of a known channel would fit
//! and a few more records follow, one right behind the other. Picture data does not look like that: a length has eight
//! bytes, of which most must be zero.

use super::blocks::{Blocks, to_usize};
use super::records::{Definitions, FRAME, Frame, MESSAGE_HEADER, chunk_header, frame, message_header};
use crate::bag::source::SourceError;
use ::mcap::records::op;

/// How many records must follow one another.
const CHAIN: usize = 4;

/// Bytes that are searched at once.
const PIECE: u64 = 48 * 1024;

/// The first place from `from` on where a chunk or a message seems to begin.
pub(super) fn next_record(
    blocks: &mut Blocks,
    from: u64,
    definitions: &Definitions,
) -> Result<Option<u64>, SourceError> {
    let mut candidates = Vec::new();
    let mut begin = from;
    while begin < blocks.len() {
        let len = blocks.len();
        let piece = blocks.peek(begin, to_usize(PIECE + FRAME))?;
        candidates.clear();
        for (place, head) in piece.windows(to_usize(FRAME)).enumerate().take(to_usize(PIECE)) {
            let Some((&(op::CHUNK | op::MESSAGE), length)) = head.split_first() else { continue };
            let Ok(length) = <[u8; 8]>::try_from(length) else { continue };
            let (at, body) = (begin + place as u64, u64::from_le_bytes(length));
            if body >= MESSAGE_HEADER as u64 && body <= len - at {
                candidates.push(Frame { opcode: head[0], at, body });
            }
        }
        for candidate in &candidates {
            if fits(blocks, *candidate, definitions)? && is_chain(blocks, *candidate)? {
                return Ok(Some(candidate.at));
            }
        }
        begin += PIECE;
    }
    Ok(None)
}

/// Whether the body is what the opcode says.
fn fits(blocks: &mut Blocks, candidate: Frame, definitions: &Definitions) -> Result<bool, SourceError> {
    let Some(end) = candidate.end().filter(|end| *end <= blocks.len()) else { return Ok(false) };
    if candidate.opcode == op::CHUNK {
        return Ok(chunk_header(blocks, candidate, end, true).is_ok());
    }
    let header = message_header(blocks.peek(candidate.body_at(), MESSAGE_HEADER)?);
    Ok(header.is_some_and(|(channel, _)| definitions.channels.contains_key(&channel)))
}

/// Whether records follow, up to the end of the file or what ends its data.
pub(super) fn is_chain(blocks: &mut Blocks, first: Frame) -> Result<bool, SourceError> {
    let mut at = first.end();
    for _ in 0..CHAIN {
        let Some(begin) = at.filter(|begin| *begin <= blocks.len()) else { return Ok(false) };
        match frame(blocks, begin)? {
            // The file ends within what would be the next record.
            None => return Ok(true),
            Some(record) if record.opcode == op::DATA_END => return Ok(true),
            Some(record) if (op::HEADER..op::DATA_END).contains(&record.opcode) => at = record.end(),
            Some(_) => return Ok(false),
        }
    }
    Ok(true)
}
