//! The summary at the end of an MCAP file: what it promises, where it can be believed.

use super::blocks::{Blocks, to_usize};
use super::records::{ChunkIndex, Definitions, FRAME, Fields, Footer, Frame, frame, message_counts, parse};
use crate::bag::source::SourceError;
use ::mcap::records::op;
use std::collections::BTreeMap;

/// summary_start u64, summary_offset_start u64, summary_crc u32.
pub(super) const FOOTER_BODY: u64 = 20;
const MAGIC: u64 = 8;

/// What a summary holds for us.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) definitions: Definitions,
    /// By the offset of the chunk record.
    pub(super) chunks: BTreeMap<u64, ChunkIndex>,
    /// Messages by channel.
    pub(super) counts: Option<BTreeMap<u16, u64>>,
}

/// The summary; `None` when the file has none. What is wrong with one that cannot be believed is an error, which only
/// costs the reader the index.
pub(super) fn read(blocks: &mut Blocks) -> Result<Option<Summary>, SourceError> {
    let Some(footer_at) = blocks.len().checked_sub(FRAME + FOOTER_BODY + MAGIC).filter(|at| *at >= MAGIC) else {
        return Ok(None);
    };
    let footer = match frame(blocks, footer_at)? {
        Some(frame) if frame.opcode == op::FOOTER && frame.body == FOOTER_BODY => frame,
        _ => return Ok(None),
    };
    if blocks.peek(footer_at + FRAME + FOOTER_BODY, ::mcap::MAGIC.len())? != ::mcap::MAGIC {
        return Ok(None);
    }
    let footer = parse(blocks, footer, Footer::read)?;
    if footer.summary_start == 0 {
        return Ok(None);
    }
    if !(MAGIC..=footer_at).contains(&footer.summary_start) {
        let reason = format!("footer puts the summary at byte {}, which is not before it", footer.summary_start);
        return Err(blocks.corrupt(footer_at, reason));
    }
    check_crc(blocks, footer.summary_start, footer_at + FRAME + FOOTER_BODY - 4, footer.summary_crc)?;
    let mut summary = Summary::default();
    let mut at = footer.summary_start;
    while at < footer_at {
        let record = frame(blocks, at)?.filter(|record| record.end().is_some_and(|end| end <= footer_at));
        let Some(record) = record else { return Err(blocks.corrupt(at, "summary record is not whole")) };
        at = record.body_at() + record.body;
        take(blocks, record, footer.summary_start, &mut summary)?;
    }
    Ok(Some(summary))
}

fn take(blocks: &mut Blocks, record: Frame, data_end: u64, summary: &mut Summary) -> Result<(), SourceError> {
    match record.opcode {
        opcode @ (op::SCHEMA | op::CHANNEL) => {
            parse(blocks, record, |fields: &mut Fields<'_>| summary.definitions.add(opcode, fields))
        }
        op::CHUNK_INDEX => {
            let index = parse(blocks, record, ChunkIndex::read)?;
            let end = index.at.checked_add(index.length).and_then(|end| end.checked_add(index.index_length));
            if index.length < FRAME || end.is_none_or(|end| end > data_end) {
                return Err(blocks.corrupt(record.at, "indexed chunk does not lie before the summary"));
            }
            summary.chunks.insert(index.at, index);
            Ok(())
        }
        op::STATISTICS => {
            summary.counts = parse(blocks, record, |fields: &mut Fields<'_>| Some(message_counts(fields)))?;
            Ok(())
        }
        _ => Ok(()),
    }
}

fn check_crc(blocks: &mut Blocks, begin: u64, end: u64, expected: u32) -> Result<(), SourceError> {
    if expected == 0 {
        return Ok(());
    }
    let mut hasher = crc32fast::Hasher::new();
    let mut at = begin;
    while at < end {
        let piece = blocks.peek(at, to_usize((end - at).min(64 * 1024)))?;
        if piece.is_empty() {
            break;
        }
        hasher.update(piece);
        at += piece.len() as u64;
    }
    let found = hasher.finalize();
    if found != expected {
        return Err(blocks.corrupt(begin, format!("summary has CRC {found:08x}, expected {expected:08x}")));
    }
    Ok(())
}
