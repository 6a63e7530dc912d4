//! Where the messages of an MCAP file lie: from its index, and by walking along whatever the index does not cover.
//!
//! The walk goes from record to record. Chunks that the index knows are stepped over; others are decompressed once to
//! learn their times and channels; messages outside chunks are noted one by one (32 bytes each). So a file without
//! index, one that was cut off, and one written without chunks need no other treatment than the usual one.

use super::blocks::{Blocks, to_usize};
use super::chunk::{ChunkLoader, ChunkRef, LoadedChunk};
use super::records::{
    ChunkIndex, ChunkRecords, Definitions, FRAME, Fields, Frame, MESSAGE_HEADER, chunk_header, frame, message_header,
    parse,
};
use super::resync::{is_chain, next_record};
use super::summary::{self, FOOTER_BODY, Summary};
use crate::bag::inflate::{Codec, MAX_INFLATED};
use crate::bag::source::{Loss, MAX_DAMAGES, SourceError};
use ::mcap::records::op;
use std::collections::BTreeMap;

/// data_section_crc u32.
const DATA_END_BODY: u64 = 4;

/// The first opcode that MCAP keeps for its future.
const FIRST_RESERVED: u8 = op::DATA_END + 1;

/// A message that lies in no chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct LooseMessage {
    pub(super) log_time: i64,
    /// Where its record begins.
    pub(super) at: u64,
    /// Bytes behind the message header.
    pub(super) data: usize,
    pub(super) channel: u16,
}

impl LooseMessage {
    pub(super) fn data_at(&self) -> u64 {
        self.at + FRAME + MESSAGE_HEADER as u64
    }
}

/// All that is known about a file before its messages are read.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) definitions: Definitions,
    /// By start time, then as they lie in the file.
    pub(super) chunks: Vec<ChunkRef>,
    /// By log time, then as they lie in the file.
    pub(super) loose: Vec<LooseMessage>,
    /// Messages by channel, where that is known for all of them.
    pub(super) counts: Option<BTreeMap<u16, u64>>,
    /// Messages by channel, as the file's statistics count them.
    pub(super) promised: Option<BTreeMap<u16, u64>>,
    pub(super) losses: Vec<Loss>,
}

/// Surveys a file.
pub(super) fn survey(blocks: &mut Blocks, loader: &mut ChunkLoader) -> Result<Survey, SourceError> {
    let summary = summary::read(blocks).unwrap_or_else(|error| {
        tracing::warn!("summary left aside: {error}");
        None
    });
    let has_summary = summary.is_some();
    let Summary { definitions, chunks, counts: promised } = summary.unwrap_or_default();
    let mut walk = Walk {
        blocks,
        loader,
        index: chunks,
        has_summary,
        survey: Survey { definitions, ..Survey::default() },
        counts: BTreeMap::new(),
        damage: None,
        unread: false,
        scanned: 0,
        scratch: LoadedChunk::default(),
    };
    walk.run()?;
    walk.look_into_unknown_chunks(promised.as_ref());
    walk.count_undefined();
    let Walk { mut survey, counts, damage, unread, scanned, .. } = walk;
    survey.losses.extend(damage);
    let path = blocks.path().display();
    if scanned > 0 || !has_summary {
        tracing::warn!(%path, chunks = scanned, "no index, the file was read through once");
    } else if !survey.loose.is_empty() {
        tracing::info!(%path, messages = survey.loose.len(), "written without chunks, its messages were listed by a scan");
    }
    survey.chunks.sort_by_key(|chunk| (chunk.start_ns, chunk.frame.at));
    survey.loose.sort_by_key(|message| message.log_time);
    survey.counts = match &promised {
        Some(promised) if survey.losses.is_empty() => Some(promised.clone()),
        _ => (!unread).then_some(counts),
    };
    survey.promised = promised;
    Ok(survey)
}

/// Where the walk goes on.
enum Next {
    /// Behind the record.
    Behind,
    At(u64),
    Nowhere,
}

/// How many bytes of a torn chunk's content come before its last record: the one that something follows that is none in
/// a chunk, or that reaches into what follows the chunk.
fn believed(content: &[u8]) -> usize {
    let (mut last, mut end) = (0, 0);
    for record in ChunkRecords::new(content) {
        match record {
            Ok((op::SCHEMA | op::CHANNEL | op::MESSAGE, begin, body)) => {
                last = end;
                end = begin + body.len();
            }
            _ => break,
        }
    }
    last
}

struct Walk<'a> {
    blocks: &'a mut Blocks,
    loader: &'a mut ChunkLoader,
    index: BTreeMap<u64, ChunkIndex>,
    has_summary: bool,
    survey: Survey,
    /// Messages found in what was looked into.
    counts: BTreeMap<u16, u64>,
    /// Records outside chunks that are none.
    damage: Option<Loss>,
    /// Whether a chunk was not looked into.
    unread: bool,
    /// Chunks that no index knows.
    scanned: u64,
    scratch: LoadedChunk,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), SourceError> {
        let mut at = ::mcap::MAGIC.len() as u64;
        loop {
            if let Some(index) = self.index.get(&at) {
                self.survey.chunks.push(ChunkRef {
                    frame: Frame { opcode: op::CHUNK, at, body: index.length - FRAME },
                    start_ns: index.start_ns,
                    channels: (!index.channels.is_empty()).then(|| index.channels.clone()),
                    whole: true,
                    believed: None,
                });
                at += index.length + index.index_length;
                continue;
            }
            let record = frame(self.blocks, at)?.filter(|record| record.opcode != 0);
            let record = record.filter(|record| match record.opcode {
                op::DATA_END => record.body == DATA_END_BODY,
                op::FOOTER => record.body == FOOTER_BODY,
                _ => true,
            });
            if let Some(record) = record.filter(|record| matches!(record.opcode, op::DATA_END | op::FOOTER)) {
                return self.look_behind(record);
            }
            match record.and_then(|record| Some((record, record.end()?))) {
                Some((record, end)) if end <= self.blocks.len() => {
                    at = match self.take(record) {
                        Err(SourceError::Corrupt { offset, reason, .. }) => {
                            self.damaged(offset, reason);
                            end
                        }
                        Ok(Next::Behind) => end,
                        Ok(Next::At(next)) => next,
                        Ok(Next::Nowhere) => return Ok(()),
                        Err(error) => return Err(error),
                    };
                }
                _ => match self.cut(at, record)? {
                    Some(next) => at = next,
                    None => return Ok(()),
                },
            }
        }
    }

    /// A record that is whole.
    fn take(&mut self, record: Frame) -> Result<Next, SourceError> {
        match record.opcode {
            opcode @ (op::SCHEMA | op::CHANNEL) => {
                let definitions = &mut self.survey.definitions;
                parse(self.blocks, record, |fields| definitions.add(opcode, fields))?;
            }
            op::MESSAGE => {
                let size = to_usize(record.body);
                match message_header(self.blocks.peek(record.body_at(), size.min(MESSAGE_HEADER))?) {
                    Some(_) if record.body > MAX_INFLATED => {
                        let reason = format!("message record holds {size} bytes, expected at most {MAX_INFLATED}");
                        return Err(self.blocks.corrupt(record.at, reason));
                    }
                    Some((channel, log_time)) => {
                        let data = size - MESSAGE_HEADER;
                        self.survey.loose.push(LooseMessage { log_time, at: record.at, data, channel });
                        *self.counts.entry(channel).or_default() += 1;
                    }
                    None => return Err(self.blocks.corrupt(record.at, "message record is shorter than its header")),
                }
            }
            op::CHUNK => {
                self.scanned += 1;
                let chunk = ChunkRef { frame: record, start_ns: i64::MIN, channels: None, whole: true, believed: None };
                let (looked_into, is_read) = self.look_into(chunk.clone());
                if !is_read && !is_chain(self.blocks, record)? {
                    return self.torn(chunk);
                }
                self.survey.chunks.push(looked_into);
            }
            // MCAP has none of these; applications take those from 0x80 on.
            opcode @ FIRST_RESERVED..=0x7f => {
                return Err(self.blocks.corrupt(record.at, format!("no kind of record is 0x{opcode:02x}")));
            }
            _ => {}
        }
        Ok(Next::Behind)
    }

    /// A chunk that does not end where its length says: bytes of it are missing, or there are too many. Its records
    /// before the damage are kept, but for the last, whose own bytes were moved; behind it the way is looked for.
    fn torn(&mut self, chunk: ChunkRef) -> Result<Next, SourceError> {
        let mut torn = ChunkRef { whole: false, ..chunk };
        let header = chunk_header(self.blocks, torn.frame, self.blocks.len(), false).ok();
        let mut from = torn.frame.at + 1;
        let mut recovered = 0;
        self.scratch.bytes.clear();
        if self.loader.load(self.blocks, &torn, |_| true, &mut self.scratch).is_ok() {
            let believed = believed(&self.scratch.bytes);
            torn.believed = Some(believed);
            let (torn, _) = self.look_into(torn);
            recovered = self.scratch.entries.len() as u64;
            if recovered > 0 {
                self.survey.chunks.push(torn);
            }
            if let Some(header) = header {
                from = header.data_at + if header.codec == Codec::Plain { believed as u64 + 1 } else { 0 };
            }
        }
        let next = match self.survey.losses.len() < MAX_DAMAGES {
            true => next_record(self.blocks, from, &self.survey.definitions)?,
            false => None,
        };
        let at = from - 1;
        let bytes = next.unwrap_or(self.blocks.len()).saturating_sub(at);
        self.survey.losses.push(Loss::Cut { path: self.blocks.path().to_owned(), at, bytes, recovered });
        Ok(next.map_or(Next::Nowhere, Next::At))
    }

    /// What lies behind the closing records belongs to no recording that could be read with this one: its channels
    /// have numbers of their own.
    fn look_behind(&mut self, mut record: Frame) -> Result<(), SourceError> {
        if self.has_summary {
            return Ok(());
        }
        while record.opcode != op::FOOTER {
            let Some(end) = record.end().filter(|end| *end <= self.blocks.len()) else { return Ok(()) };
            match frame(self.blocks, end)? {
                Some(next) if next.opcode != 0 => record = next,
                _ => return Ok(()),
            }
        }
        let at = record.end().and_then(|end| end.checked_add(::mcap::MAGIC.len() as u64));
        if let Some(at) = at.filter(|at| record.body == FOOTER_BODY && *at < self.blocks.len()) {
            let bytes = self.blocks.len() - at;
            self.survey.losses.push(Loss::Behind { path: self.blocks.path().to_owned(), at, bytes });
        }
        Ok(())
    }

    /// A record that contradicts the format is stepped over.
    fn damaged(&mut self, at: u64, reason: String) {
        match &mut self.damage {
            Some(Loss::Damaged { records, .. }) => *records += 1,
            _ => self.damage = Some(Loss::Damaged { path: self.blocks.path().to_owned(), records: 1, at, reason }),
        }
    }

    /// At `at` no whole record begins: the file ends there, or was damaged. Gives the next chunk that the index knows,
    /// or else the next place that looks like a record.
    fn cut(&mut self, at: u64, record: Option<Frame>) -> Result<Option<u64>, SourceError> {
        let mut next = self.index.range(at..).next().map(|(next, _)| *next);
        let mut recovered = 0;
        if next.is_none() {
            let mut from = at + 1;
            if let Some(mut record) = record.filter(|record| record.opcode == op::CHUNK) {
                self.scanned += 1;
                let end = self.blocks.len();
                let header = chunk_header(self.blocks, record, end, false).ok();
                let whole = header.is_some_and(|header| header.is_all_there && header.data > 0);
                if let Some(header) = header {
                    from = header.data_at + header.data as u64;
                    if whole {
                        // Only the length before its header is wrong.
                        record.body = from - record.body_at();
                    }
                }
                let (chunk, _) = self.look_into(ChunkRef {
                    frame: record,
                    start_ns: i64::MIN,
                    channels: None,
                    whole,
                    believed: None,
                });
                recovered = self.scratch.entries.len() as u64;
                if recovered > 0 {
                    self.survey.chunks.push(chunk);
                } else {
                    from = at + 1;
                }
            }
            if self.survey.losses.len() < MAX_DAMAGES {
                next = next_record(self.blocks, from, &self.survey.definitions)?;
            }
        }
        let bytes = next.unwrap_or(self.blocks.len()) - at;
        self.survey.losses.push(Loss::Cut { path: self.blocks.path().to_owned(), at, bytes, recovered });
        Ok(next)
    }

    /// Decompresses a chunk to learn its definitions, channels and times. One that is damaged is noted as it is: its
    /// error belongs to the moment when it is read. Tells whether it could be read.
    fn look_into(&mut self, mut chunk: ChunkRef) -> (ChunkRef, bool) {
        self.scratch.entries.clear();
        self.scratch.bytes.clear();
        if self.loader.load(self.blocks, &chunk, |_| true, &mut self.scratch).is_err() {
            self.scratch.entries.clear();
            self.unread = true;
            let end = self.blocks.len();
            if let Ok(header) = chunk_header(self.blocks, chunk.frame, end, chunk.whole) {
                chunk.start_ns = header.start_ns;
            }
            return (chunk, false);
        }
        let mut broken = None;
        for (opcode, _, body) in ChunkRecords::new(&self.scratch.bytes).map_while(Result::ok) {
            if matches!(opcode, op::SCHEMA | op::CHANNEL)
                && self.survey.definitions.add(opcode, &mut Fields(body)).is_none()
            {
                broken = Some(format!("chunk's record 0x{opcode:02x} does not parse"));
            }
        }
        if let Some(reason) = broken {
            self.damaged(chunk.frame.at, reason);
        }
        let mut channels = Vec::new();
        for entry in &self.scratch.entries {
            *self.counts.entry(entry.channel).or_default() += 1;
            if let Err(place) = channels.binary_search(&entry.channel) {
                channels.insert(place, entry.channel);
            }
        }
        chunk.start_ns = self.scratch.entries.first().map_or(chunk.start_ns, |entry| entry.log_time);
        chunk.channels = Some(channels);
        (chunk, true)
    }

    /// An index that names a channel without defining it, or no channels at all, leaves only the chunk itself to ask.
    fn look_into_unknown_chunks(&mut self, promised: Option<&BTreeMap<u16, u64>>) {
        let known = |walk: &Self, id: &u16| walk.survey.definitions.channels.contains_key(id);
        let all_known = promised.is_some_and(|promised| promised.keys().all(|id| known(self, id)));
        for place in 0..self.survey.chunks.len() {
            let chunk = &self.survey.chunks[place];
            if !self.index.contains_key(&chunk.frame.at) {
                continue;
            }
            let understood = match &chunk.channels {
                Some(channels) => channels.iter().all(|id| known(self, id)),
                None => all_known,
            };
            if understood {
                self.unread = true;
            } else {
                self.survey.chunks[place] = self.look_into(chunk.clone()).0;
            }
        }
    }

    /// Messages of channels that nothing defines cannot be given to anyone.
    fn count_undefined(&mut self) {
        let channels = &self.survey.definitions.channels;
        let mut undefined = self.counts.iter().filter(|(id, _)| !channels.contains_key(id)).peekable();
        if let Some((id, _)) = undefined.peek() {
            let reason = format!("channel {id} is not defined in the file");
            let messages = undefined.map(|(_, count)| count).sum();
            self.survey.losses.push(Loss::Unreadable { path: self.blocks.path().to_owned(), messages, reason });
        }
    }
}
