//! Bags as one [`Source`]: all files of all bags, merged by log time.

use super::files::{self, BagFiles, OpenFile};
use super::inflate::{Codec, Inflater, inflated_limit};
use super::source::{Loss, Source, SourceError, TopicInfo};
use super::storage::{Bound, Step};
use crate::types::{RawMessage, Stamp};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One or several bags, read in log-time order.
///
/// Memory holds the chunks that overlap the current time, and lists of chunks (MCAP), of messages outside chunks (MCAP
/// without chunks, 32 bytes each) and of rows (sqlite3, 24 bytes each). Nothing is allocated for a message once the
/// buffers have grown.
pub struct BagSource {
    members: Vec<Member>,
    topics: Vec<TopicInfo>,
    /// Whether the members know what to give.
    selected: bool,
    inflater: Inflater,
    inflated: Vec<u8>,
    /// By folder: messages that metadata.yaml counts and the files do not hold.
    fewer: Vec<Loss>,
}

struct Member {
    file: OpenFile,
    message_zstd: bool,
    /// Index into the topics for each channel of the file.
    topic_of: Vec<usize>,
    /// As long as nothing has been taken from the file since it was asked.
    bound: Option<Option<Bound>>,
}

impl BagSource {
    /// Opens bags: rosbag2 folders, `.mcap` and `.db3` files, and either of them compressed as a whole (`.zstd`). The
    /// latter are decompressed here, all of them, into the folder for temporary files (`TMPDIR`), until this source is
    /// dropped or the process ends.
    ///
    /// # Errors
    /// When a path is no bag, a file of it is missing or cannot be read, or a topic has two types. What a file has lost
    /// at its end is no error, see [`Source::losses`].
    pub fn open(paths: &[PathBuf]) -> Result<Self, SourceError> {
        if paths.is_empty() {
            return Err(SourceError::NoBags);
        }
        let mut members = Vec::new();
        let mut topics = BTreeMap::new();
        let mut fewer = Vec::new();
        for path in paths {
            let BagFiles { files, message_zstd, message_count } = files::find(path)?;
            let mut found = Some(0);
            for file in files {
                let file = OpenFile::open(&file)?;
                found = collect_topics(&file, &mut topics)?.and_then(|messages| Some(found? + messages));
                members.push(Member { file, message_zstd, topic_of: Vec::new(), bound: None });
            }
            if let (Some(found), Some(expected)) = (found, message_count)
                && found < expected
            {
                fewer.push(Loss::Fewer { path: path.clone(), expected, found });
            }
        }
        let topics: Vec<TopicInfo> = topics.into_values().collect();
        for member in &mut members {
            let place = |name: &str| topics.binary_search_by(|topic| topic.name.as_str().cmp(name)).unwrap_or_default();
            member.topic_of = member.file.storage.channels().iter().map(|channel| place(&channel.topic)).collect();
        }
        Ok(Self { members, topics, selected: false, inflater: Inflater::new(), inflated: Vec::new(), fewer })
    }

    /// Chooses topics and starts from the beginning. A chosen topic that is not CDR is an error and left out.
    fn choose(&mut self, wanted: impl Fn(&str) -> bool) -> Result<(), SourceError> {
        let mut refused = None;
        for member in &mut self.members {
            let mut flags = Vec::new();
            for channel in member.file.storage.channels() {
                let wanted = wanted(&channel.topic);
                let readable = channel.serialization == "cdr";
                if wanted && !readable && refused.is_none() {
                    refused = Some(SourceError::Serialization {
                        path: member.file.path.clone(),
                        topic: channel.topic.clone(),
                        found: channel.serialization.clone(),
                    });
                }
                flags.push(wanted && readable);
            }
            member.file.storage.select(&flags);
            member.bound = None;
        }
        self.selected = true;
        refused.map_or(Ok(()), Err)
    }

    /// Goes to the next message: which member has it, and what it is.
    fn advance(&mut self) -> Result<Option<(usize, Step)>, SourceError> {
        loop {
            let mut first: Option<(usize, Bound)> = None;
            for (place, member) in self.members.iter_mut().enumerate() {
                let storage = &mut member.file.storage;
                let bound = *member.bound.get_or_insert_with(|| storage.bound());
                if let Some(bound) = bound
                    && first.is_none_or(|(_, first)| bound.log_time < first.log_time)
                {
                    first = Some((place, bound));
                }
            }
            let Some((place, bound)) = first else { return Ok(None) };
            let member = &mut self.members[place];
            member.bound = None;
            if !bound.ready {
                member.file.storage.load()?;
            } else if let Some(step) = member.file.storage.step()? {
                return Ok(Some((place, step)));
            }
        }
    }
}

/// Adds the topics of a file; gives its number of messages where that is known.
fn collect_topics(file: &OpenFile, topics: &mut BTreeMap<String, TopicInfo>) -> Result<Option<u64>, SourceError> {
    let mut total = Some(0);
    for channel in file.storage.channels() {
        let add = |count: Option<u64>| Some(count? + channel.messages?);
        total = add(total);
        match topics.get_mut(&channel.topic) {
            None => {
                let name = channel.topic.clone();
                let topic = TopicInfo { name, type_name: channel.type_name.clone(), messages: channel.messages };
                topics.insert(channel.topic.clone(), topic);
            }
            Some(topic) if topic.type_name == channel.type_name => topic.messages = add(topic.messages),
            Some(topic) => {
                return Err(SourceError::TypeConflict {
                    path: file.path.clone(),
                    topic: channel.topic.clone(),
                    found: channel.type_name.clone(),
                    expected: topic.type_name.clone(),
                });
            }
        }
    }
    Ok(total)
}

impl Source for BagSource {
    fn topics(&self) -> &[TopicInfo] {
        &self.topics
    }

    fn select(&mut self, topics: &[&str]) -> Result<(), SourceError> {
        self.choose(|topic| topics.contains(&topic))
    }

    fn next_message(&mut self) -> Result<Option<RawMessage<'_>>, SourceError> {
        if !self.selected {
            self.choose(|_| true)?;
        }
        let Some((place, step)) = self.advance()? else { return Ok(None) };
        let member = &self.members[place];
        let topic = self.topics[member.topic_of[step.channel]].name.as_str();
        let log_time = Stamp::from_ns(step.log_time);
        let data = member.file.storage.data();
        if !member.message_zstd {
            return Ok(Some(RawMessage { topic, log_time, cdr: data }));
        }
        let limit = usize::try_from(inflated_limit(data.len() as u64)).unwrap_or(usize::MAX);
        match self.inflater.inflate(Codec::Zstd, data, limit, &mut self.inflated) {
            Ok(()) => Ok(Some(RawMessage { topic, log_time, cdr: &self.inflated })),
            Err(error) => Err(SourceError::MessageCompression {
                path: member.file.path.clone(),
                topic: topic.to_owned(),
                log_time,
                reason: error.to_string(),
            }),
        }
    }

    fn losses(&self) -> Vec<Loss> {
        let files = self.members.iter().flat_map(|member| member.file.losses());
        files.chain(self.fewer.iter().cloned()).collect()
    }
}
