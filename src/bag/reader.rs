//! Bags as one [`Source`]: all files of all bags, merged by log time.

use super::files::{self, BagFiles};
use super::inflate::{Codec, Inflater, inflated_limit};
use super::open_file::{OpenFile, ZSTD_MAGIC};
use super::source::{Loss, Source, SourceError, TopicInfo};
use super::storage::{Bound, Channel, Step};
use crate::types::{RawMessage, Stamp};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One or several bags, read in log-time order.
///
/// Memory holds the chunks that overlap the current time, and lists of chunks (MCAP), of messages outside chunks (MCAP
/// without chunks, 32 bytes each) and of rows (sqlite3, 24 bytes each). Nothing is allocated for a message once the
/// buffers have grown.
pub struct BagSource {
    members: Vec<Member>,
    /// The paths that were given.
    bags: Vec<PathBuf>,
    topics: Vec<TopicInfo>,
    /// Topics that have another type in another file, by name.
    conflicts: BTreeMap<String, Conflict>,
    /// Whether the members know what to give.
    selected: bool,
    inflater: Inflater,
    inflated: Vec<u8>,
    /// Whether it was said that messages are compressed by themselves where no metadata.yaml says so.
    says_compressed: bool,
    /// What the bags had lost before their files were opened.
    losses: Vec<Loss>,
    /// By folder: messages that metadata.yaml counts and the files do not hold.
    fewer: Vec<Loss>,
}

struct Member {
    file: OpenFile,
    /// Index into the paths that were given.
    bag: usize,
    /// Whether metadata.yaml says that each message is compressed by itself; said when it is found without.
    message_zstd: bool,
    /// Index into the topics for each channel of the file.
    topic_of: Vec<usize>,
    /// As long as nothing has been taken from the file since it was asked.
    bound: Option<Option<Bound>>,
}

/// A topic's second type.
struct Conflict {
    path: PathBuf,
    found: String,
}

impl BagSource {
    /// Opens bags: rosbag2 folders, `.mcap` and `.db3` files, and either of them compressed as a whole (`.zstd`). The
    /// latter are decompressed here, all of them, into the folder for temporary files (`TMPDIR`), until this source is
    /// dropped or the process ends.
    ///
    /// # Errors
    /// When a path is no bag, or nothing of it can be read. What a bag has lost, whole files among it, is no error, see
    /// [`Source::losses`].
    pub fn open(paths: &[PathBuf]) -> Result<Self, SourceError> {
        if paths.is_empty() {
            return Err(SourceError::NoBags);
        }
        let mut members = Vec::new();
        let (mut topics, mut conflicts) = (BTreeMap::new(), BTreeMap::new());
        let (mut losses, mut fewer) = (Vec::new(), Vec::new());
        for (bag, path) in paths.iter().enumerate() {
            let BagFiles { files, is_folder, message_zstd, message_count, losses: lost } = files::find(path)?;
            let mut found = Some(0);
            let (opened, told) = (members.len(), losses.len());
            losses.extend(lost);
            for path in files {
                let file = match OpenFile::open(&path) {
                    Ok(file) => file,
                    Err(error) if is_folder => {
                        losses.push(Loss::left_out(&path, &error));
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                found = collect_topics(&file, &mut topics, &mut conflicts).and_then(|messages| Some(found? + messages));
                members.push(Member { file, bag, message_zstd, topic_of: Vec::new(), bound: None });
            }
            if members.len() == opened {
                return Err(files::nothing_readable(path, &losses[told..]));
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
        let (inflater, inflated) = (Inflater::new(), Vec::new());
        Ok(Self {
            members,
            bags: paths.to_vec(),
            topics,
            conflicts,
            selected: false,
            inflater,
            inflated,
            says_compressed: false,
            losses,
            fewer,
        })
    }

    /// The bags, as they were given, that have none of these topics.
    pub fn without(&self, topics: &[&str]) -> Vec<&Path> {
        let has = |member: &Member| {
            member.file.storage.channels().iter().any(|channel| topics.contains(&channel.topic.as_str()))
        };
        let is_without = |bag: &usize| !self.members.iter().any(|member| member.bag == *bag && has(member));
        (0..self.bags.len()).filter(is_without).map(|bag| self.bags[bag].as_path()).collect()
    }

    /// Chooses topics and starts from the beginning. A chosen topic that is not CDR or has two types is an error and
    /// left out.
    fn choose(&mut self, wanted: impl Fn(&str) -> bool) -> Result<(), SourceError> {
        let mut refused = None;
        for member in &mut self.members {
            let mut flags = Vec::new();
            for channel in member.file.storage.channels() {
                let (topic, path) = (&channel.topic, &member.file.path);
                let error = if !wanted(topic) {
                    None
                } else if channel.serialization != "cdr" {
                    let found = channel.serialization.clone();
                    Some(SourceError::Serialization { path: path.clone(), topic: topic.clone(), found })
                } else {
                    let first = self.topics.iter().find(|first| first.name == *topic);
                    let expected = first.map(|first| first.type_name.clone()).unwrap_or_default();
                    self.conflicts.get(topic).map(|Conflict { path, found }| {
                        let (path, topic, found) = (path.clone(), topic.clone(), found.clone());
                        SourceError::TypeConflict { path, topic, found, expected }
                    })
                };
                flags.push(wanted(topic) && error.is_none());
                refused = refused.or(error);
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
fn collect_topics(
    file: &OpenFile,
    topics: &mut BTreeMap<String, TopicInfo>,
    conflicts: &mut BTreeMap<String, Conflict>,
) -> Option<u64> {
    let mut total = Some(0);
    for channel in file.storage.channels() {
        let add = |count: Option<u64>| Some(count? + channel.messages?);
        total = add(total);
        let type_name = type_name_of(channel);
        let Some(topic) = topics.get_mut(&channel.topic) else {
            let topic = TopicInfo {
                name: channel.topic.clone(),
                type_name: type_name.into_owned(),
                messages: channel.messages,
            };
            topics.insert(channel.topic.clone(), topic);
            continue;
        };
        topic.messages = add(topic.messages);
        if topic.type_name.is_empty() {
            // The file that told of it first is cut and has lost the name.
            topic.type_name = type_name.into_owned();
        } else if !type_name.is_empty() && topic.type_name != type_name {
            let conflict = || Conflict { path: file.path.clone(), found: type_name.into_owned() };
            conflicts.entry(channel.topic.clone()).or_insert_with(conflict);
        }
    }
    total
}

/// A channel's type; some writers of MCAP leave out the part in the middle, as in ROS 1.
fn type_name_of(channel: &Channel) -> Cow<'_, str> {
    match channel.type_name.split_once('/') {
        Some((package, name)) if channel.serialization == "cdr" && !name.contains('/') => {
            format!("{package}/msg/{name}").into()
        }
        _ => channel.type_name.as_str().into(),
    }
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
        let member = &mut self.members[place];
        let topic = self.topics[member.topic_of[step.channel]].name.as_str();
        let log_time = Stamp::from_ns(step.log_time);
        let data = member.file.storage.data();
        let is_compressed = data.starts_with(ZSTD_MAGIC);
        if is_compressed && !member.message_zstd {
            member.message_zstd = true;
            if !std::mem::replace(&mut self.says_compressed, true) {
                tracing::warn!(file = %member.file.path.display(), "each message is compressed by itself, which no metadata.yaml says");
            }
        }
        // Where some are compressed, what begins as CDR does is not.
        if !is_compressed && (!member.message_zstd || data.first() == Some(&0)) {
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
        self.losses.iter().cloned().chain(files).chain(self.fewer.iter().cloned()).collect()
    }
}
