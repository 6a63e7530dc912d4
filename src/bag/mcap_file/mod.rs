//! One MCAP file, read chunk by chunk in log-time order.
//!
//! Memory holds the chunks whose time ranges overlap the current time (one, in what recorders write) in buffers that
//! are used again, and the list of chunks. What the file lacks at its end is a [`Loss`]; a chunk that contradicts its
//! CRC, its sizes or its index is an error when its time comes. Where the file counts its messages, the count is held
//! against what was given.
//!
//! The `mcap` crate writes here and does not read. Its readers (0.26) allocate up to 4 GiB for the length that a string
//! claims before a byte of it is there; the indexed one checks no CRC, asks for the same chunk for ever once it does not
//! decompress, knows no messages outside chunks, and gives messages of one log time out of file order where a later
//! chunk begins earlier.

mod blocks;
mod chunk;
mod records;
mod resync;
mod summary;
mod survey;

use crate::bag::source::{Loss, SourceError};
use crate::bag::storage::{Bound, Channel, Step, Storage};
use ::mcap::records::op;
use blocks::Blocks;
use chunk::{ChunkLoader, LoadedChunk};
use records::{frame, parse};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use survey::Survey;

/// Order of messages: log time, then place in the file.
type Key = (i64, u64, usize);

/// Where the message of the last step is.
#[derive(Clone, Copy)]
enum Current {
    Loose,
    /// Entry `.1` of loaded chunk `.0`.
    Chunk(usize, usize),
}

/// An open MCAP file.
pub(super) struct McapFile {
    blocks: Blocks,
    loader: ChunkLoader,
    survey: Survey,
    channels: Vec<Channel>,
    /// Channel id in the file to index into `channels`.
    index_of: BTreeMap<u16, usize>,
    wanted: Vec<bool>,
    /// Messages given since the start.
    given: u64,
    /// Whether everything was given.
    has_ended: bool,
    next_chunk: usize,
    next_loose: usize,
    loaded: Vec<LoadedChunk>,
    spare: Vec<LoadedChunk>,
    loose_data: Vec<u8>,
    current: Current,
}

impl McapFile {
    /// Surveys the file; `path` is what errors name.
    pub(super) fn open(file: File, path: &Path) -> Result<Self, SourceError> {
        let mut blocks = Blocks::new(file, path)?;
        let mut loader = ChunkLoader::new();
        let survey = survey::survey(&mut blocks, &mut loader)?;
        refuse_ros1(&mut blocks, &survey)?;
        let mut index_of = BTreeMap::new();
        let mut channels = Vec::new();
        for (id, channel) in &survey.definitions.channels {
            index_of.insert(*id, channels.len());
            channels.push(Channel {
                topic: channel.topic.clone(),
                type_name: survey.definitions.schemas.get(&channel.schema).cloned().unwrap_or_default(),
                serialization: channel.encoding.clone(),
                messages: survey.counts.as_ref().map(|counts| counts.get(id).copied().unwrap_or(0)),
            });
        }
        Ok(Self {
            blocks,
            loader,
            survey,
            wanted: vec![true; channels.len()],
            channels,
            index_of,
            given: 0,
            has_ended: false,
            next_chunk: 0,
            next_loose: 0,
            loaded: Vec::new(),
            spare: Vec::new(),
            loose_data: Vec::new(),
            current: Current::Loose,
        })
    }

    fn wants(index_of: &BTreeMap<u16, usize>, wanted: &[bool], channel: u16) -> bool {
        index_of.get(&channel).is_some_and(|index| wanted[*index])
    }

    /// Puts away what has been given, steps over what is not wanted.
    fn tidy(&mut self) {
        let mut place = 0;
        while place < self.loaded.len() {
            if self.loaded[place].next >= self.loaded[place].entries.len() {
                self.spare.push(self.loaded.swap_remove(place));
            } else {
                place += 1;
            }
        }
        let wants = |channel| Self::wants(&self.index_of, &self.wanted, channel);
        while self.survey.loose.get(self.next_loose).is_some_and(|message| !wants(message.channel)) {
            self.next_loose += 1;
        }
        while self.survey.chunks.get(self.next_chunk).is_some_and(|chunk| {
            chunk.channels.as_ref().is_some_and(|channels| !channels.iter().any(|channel| wants(*channel)))
        }) {
            self.next_chunk += 1;
        }
    }

    /// The first message in memory or outside chunks: its order, and which loaded chunk holds it.
    fn ready(&self) -> Option<(Key, Option<usize>)> {
        let chunks = self.loaded.iter().enumerate().filter_map(|(place, chunk)| {
            let entry = chunk.entries.get(chunk.next)?;
            Some(((entry.log_time, chunk.at, entry.data.start), Some(place)))
        });
        let loose = self.survey.loose.get(self.next_loose).map(|message| ((message.log_time, message.at, 0), None));
        chunks.chain(loose).min()
    }
}

/// ROS 1 has bytes of its own in MCAP, which no reader of CDR understands.
fn refuse_ros1(blocks: &mut Blocks, survey: &Survey) -> Result<(), SourceError> {
    let header = frame(blocks, ::mcap::MAGIC.len() as u64)?.filter(|record| record.opcode == op::HEADER);
    let profile = header.and_then(|record| parse(blocks, record, |fields| fields.text().map(str::to_owned)).ok());
    let mut encodings = survey.definitions.channels.values().map(|channel| channel.encoding.as_str()).peekable();
    let is_ros1 =
        profile.as_deref() == Some("ros1") || encodings.peek().is_some() && encodings.all(|name| name == "ros1");
    if !is_ros1 {
        return Ok(());
    }
    Err(SourceError::Ros1 {
        path: blocks.path().to_owned(),
        found: "a ROS 1 recording in MCAP",
        what: "the ROS 1 bag that it was made from",
        cure: "rosbags-convert",
    })
}

impl Storage for McapFile {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn select(&mut self, wanted: &[bool]) {
        self.wanted.clear();
        self.wanted.extend_from_slice(wanted);
        self.given = 0;
        self.has_ended = false;
        self.next_chunk = 0;
        self.next_loose = 0;
        self.spare.append(&mut self.loaded);
    }

    fn bound(&mut self) -> Option<Bound> {
        self.tidy();
        let ready = self.ready().map(|(key, _)| key);
        let chunk = self.survey.chunks.get(self.next_chunk).map(|chunk| (chunk.start_ns, chunk.frame.at, 0));
        match (ready, chunk) {
            (Some(ready), chunk) if chunk.is_none_or(|chunk| ready < chunk) => {
                Some(Bound { log_time: ready.0, ready: true })
            }
            (_, Some(chunk)) => Some(Bound { log_time: chunk.0, ready: false }),
            (_, None) => {
                self.has_ended = true;
                None
            }
        }
    }

    fn load(&mut self) -> Result<(), SourceError> {
        let Some(chunk) = self.survey.chunks.get(self.next_chunk) else { return Ok(()) };
        self.next_chunk += 1;
        let mut into = self.spare.pop().unwrap_or_default();
        let wants = |channel| Self::wants(&self.index_of, &self.wanted, channel);
        match self.loader.load(&mut self.blocks, chunk, wants, &mut into) {
            Ok(()) => {
                self.loaded.push(into);
                Ok(())
            }
            Err(error) => {
                self.spare.push(into);
                Err(error)
            }
        }
    }

    fn step(&mut self) -> Result<Option<Step>, SourceError> {
        let Some((_, place)) = self.ready() else { return Ok(None) };
        let (channel, log_time) = if let Some(place) = place {
            let chunk = &mut self.loaded[place];
            let entry = &chunk.entries[chunk.next];
            self.current = Current::Chunk(place, chunk.next);
            chunk.next += 1;
            (entry.channel, entry.log_time)
        } else {
            let message = self.survey.loose[self.next_loose];
            self.next_loose += 1;
            self.loose_data.resize(message.data, 0);
            self.blocks.read(message.data_at(), &mut self.loose_data)?;
            self.current = Current::Loose;
            (message.channel, message.log_time)
        };
        let Some(&channel) = self.index_of.get(&channel) else { return Ok(None) };
        self.given += 1;
        Ok(Some(Step { channel, log_time }))
    }

    fn data(&self) -> &[u8] {
        match self.current {
            Current::Loose => &self.loose_data,
            Current::Chunk(place, entry) => {
                self.loaded.get(place).map_or(&[], |chunk| &chunk.bytes[chunk.entries[entry].data.clone()])
            }
        }
    }

    fn losses(&self) -> Vec<Loss> {
        let mut losses = self.survey.losses.clone();
        if let Some(promised) = self.survey.promised.as_ref().filter(|_| self.has_ended) {
            let wanted = |id: &u16| Self::wants(&self.index_of, &self.wanted, *id);
            let counts = promised.iter().filter(|(id, _)| wanted(id)).map(|(_, count)| *count);
            let expected = counts.fold(0, u64::saturating_add);
            if self.given < expected {
                let path = self.blocks.path().to_owned();
                losses.push(Loss::Missing { path, expected, found: self.given });
            }
        }
        losses
    }
}
