//! Recorded messages, one after another in log-time order, whatever file they lie in.
//!
//! A [`Source`] lends one [`RawMessage`] at a time out of buffers that it reuses. What a file had lost before it was
//! read is no error: the source gives everything that is whole, ends, and tells in [`Source::losses`] what is missing.

use crate::types::RawMessage;
use std::path::{Path, PathBuf};

/// Damaged places of one recording that are passed over, each one reported: one with more is no source.
pub const MAX_DAMAGES: usize = 1000;

/// A topic of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// `/camera/image`.
    pub name: String,
    /// `sensor_msgs/msg/Image`; empty where the file does not tell.
    pub type_name: String,
    /// How many messages there are, where the file tells without reading them all.
    pub messages: Option<u64>,
}

/// Gives recorded messages in log-time order; those with equal log times in the order of their files, and within one
/// file in the order in which they lie there.
pub trait Source: Send {
    /// All topics, sorted by name, whether selected or not.
    fn topics(&self) -> &[TopicInfo];

    /// Chooses the topics to read and starts from the beginning; the others are neither decompressed nor given. A
    /// name that no topic has matches nothing. Without this call, all topics are read.
    ///
    /// # Errors
    /// [`SourceError::Serialization`] when a chosen topic is not CDR, [`SourceError::TypeConflict`] when it has two
    /// types. Both are left out.
    fn select(&mut self, topics: &[&str]) -> Result<(), SourceError>;

    /// The next message, or `None` at the end; it is lent until the next call.
    ///
    /// # Errors
    /// When a part of the file is damaged. The next call goes on behind the damage.
    fn next_message(&mut self) -> Result<Option<RawMessage<'_>>, SourceError>;

    /// What was missing in the files: complete once [`next_message`](Self::next_message) has given `None`. A caller
    /// that finds any has finished with loss (exit code 3).
    fn losses(&self) -> Vec<Loss>;
}

/// Something that a file should hold and does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Loss {
    /// The file stops before its closing records: the recorder was killed, or the copy is not complete. Or bytes in its
    /// middle, before a chunk that the index knows, are no records.
    #[error(
        "{path}: cut off or damaged: {bytes} bytes from byte {at} on are no whole record, {recovered} messages could be read \
         from them",
        path = path.display()
    )]
    Cut {
        /// The file.
        path: PathBuf,
        /// Where the last whole record ends.
        at: u64,
        /// How many bytes up to the end, or to the next chunk; 0 when the file stops between two records.
        bytes: u64,
        /// Messages that could still be read from those bytes.
        recovered: u64,
    },
    /// Bytes behind the closing records of an MCAP file, as of another one that was appended.
    #[error(
        "{path}: {bytes} bytes from byte {at} on lie behind the end of the recording and are not read, as of a file that \
         was appended: expected each in a file of its own",
        path = path.display()
    )]
    Behind {
        /// The file.
        path: PathBuf,
        /// Where the recording ends.
        at: u64,
        /// How many bytes follow.
        bytes: u64,
    },
    /// A compressed file stops, or is damaged, before its end; what came out of it was read.
    #[error("{path}: decompressing stopped after {bytes} bytes of content: {reason}", path = path.display())]
    Compressed {
        /// The compressed file.
        path: PathBuf,
        /// Bytes that came out.
        bytes: u64,
        /// What the decompressor says.
        reason: String,
    },
    /// A sqlite3 file is shorter than its header says.
    #[error("{path}: the file holds {found} of its {expected} pages", path = path.display())]
    Pages {
        /// The file.
        path: PathBuf,
        /// Pages by the header.
        expected: u64,
        /// Pages that are there.
        found: u64,
    },
    /// Messages whose place is known and whose content cannot be read.
    #[error("{path}: {messages} messages cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// How many at least.
        messages: u64,
        /// What the library says about the first.
        reason: String,
    },
    /// Records that contradict the format; what they held is missing.
    #[error("{path}: damaged records: {records}, the first at byte {at}: {reason}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How many.
        records: u64,
        /// Where the first begins.
        at: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// An MCAP file gave fewer messages than its own statistics count.
    #[error(
        "{path}: its statistics count {expected} messages on the topics that were read, {found} could be read",
        path = path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// Messages by the statistics.
        expected: u64,
        /// Messages that were given.
        found: u64,
    },
    /// A rosbag2 folder's metadata.yaml says nothing that could be used: its files were looked for without it.
    #[error("{path}: {reason}; the bag files of the folder are read without it", path = path.display())]
    Metadata {
        /// The metadata.yaml.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Files that metadata.yaml names are not there, neither compressed nor decompressed.
    #[error("{path}: names {}", absent(file, *more), path = path.display())]
    Gone {
        /// The metadata.yaml.
        path: PathBuf,
        /// The first of the files as it is named.
        file: String,
        /// How many there are besides.
        more: usize,
    },
    /// A file of a bag of which nothing can be read.
    #[error("{path}: left out, {reason}", path = path.display())]
    LeftOut {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What sqlite3 keeps beside a file until it is merged into it could not be used, or not to its end: the newest
    /// messages are missing.
    #[error("{path}: {log} beside it {reason}", path = path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// The name of the log.
        log: String,
        /// What is wrong with it: `is not read: …`.
        reason: String,
    },
    /// A rosbag2 folder holds fewer messages than its metadata.yaml counts.
    #[error("{path}: metadata.yaml counts {expected} messages, the files hold {found}", path = path.display())]
    Fewer {
        /// The folder.
        path: PathBuf,
        /// Messages by metadata.yaml.
        expected: u64,
        /// Messages found.
        found: u64,
    },
}

impl Loss {
    /// A file that cannot be opened, in the words of its error.
    pub(super) fn left_out(path: &Path, error: &SourceError) -> Self {
        let reason = match error {
            SourceError::Io { source, .. } => source.to_string(),
            SourceError::BadMagic { found, .. } if found == NO_BYTES => "it holds no bytes".to_owned(),
            other => other.without_path(path),
        };
        Self::LeftOut { path: path.to_owned(), reason }
    }
}

fn absent(file: &str, more: usize) -> String {
    match more {
        0 => format!("{file}, which is not in the folder"),
        more => format!("{file} and {more} more files, which are not in the folder"),
    }
}

/// What a file without bytes begins with.
pub(super) const NO_BYTES: &str = "nothing";

/// Why a source cannot be read, or no further.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing was given.
    #[error("no bag given, expected at least one rosbag2 folder, .mcap or .db3 file")]
    NoBags,
    /// The file system says no.
    #[error("cannot read {path}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A pipe, a device or a socket: a bag is read here and there.
    #[error("{path}: is no regular file, expected a rosbag2 folder, an .mcap or a .db3 file", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A folder with neither metadata.yaml nor bag files.
    #[error("{path}: no bag in this folder, expected metadata.yaml or .mcap or .db3 files, or pictures", path = path.display())]
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// metadata.yaml is no rosbag2 metadata.
    #[error("{path}: {reason}", path = path.display())]
    Metadata {
        /// The metadata.yaml.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
    /// A bag none of whose files can be read.
    #[error("{path}: nothing of this bag can be read: {reasons}", path = path.display())]
    NothingReadable {
        /// The folder.
        path: PathBuf,
        /// What is wrong with each of its parts.
        reasons: String,
    },
    /// A recording of ROS 1, whose messages are no CDR.
    #[error("{path}: {found}: convert {what} first ({cure})", path = path.display())]
    Ros1 {
        /// The file.
        path: PathBuf,
        /// `a ROS 1 bag`.
        found: &'static str,
        /// What is to be converted.
        what: &'static str,
        /// The command.
        cure: &'static str,
    },
    /// A storage plugin that is not known here.
    #[error("{path}: storage_identifier is {found}, expected mcap or sqlite3", path = path.display())]
    UnknownStorage {
        /// The metadata.yaml.
        path: PathBuf,
        /// The name as found.
        found: String,
    },
    /// A compression that is not known here.
    #[error("{path}: compression is {found}, expected {expected}", path = path.display())]
    UnknownCompression {
        /// The file, or the metadata.yaml.
        path: PathBuf,
        /// The name as found.
        found: String,
        /// The names that are known.
        expected: &'static str,
    },
    /// A file that is no bag.
    #[error(
        "{path}: begins with {found}, expected the magic bytes of MCAP, of sqlite3, or of zstd around one of them",
        path = path.display()
    )]
    BadMagic {
        /// The file.
        path: PathBuf,
        /// Its first bytes in hexadecimal, or `nothing`.
        found: String,
    },
    /// A part of an MCAP file contradicts the format or itself.
    #[error("{path}: at byte {offset}: {reason}", path = path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Where the damaged record begins.
        offset: u64,
        /// What was found and expected.
        reason: String,
    },
    /// sqlite3 says no.
    #[error("{path}: {reason}", path = path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What the library says, and about what.
        reason: String,
    },
    /// Messages of a chosen topic are not CDR.
    #[error("{path}: topic {topic} is serialized as {found:?}, expected \"cdr\"", path = path.display())]
    Serialization {
        /// The file.
        path: PathBuf,
        /// The topic.
        topic: String,
        /// Its serialization format as found.
        found: String,
    },
    /// One topic under two types.
    #[error("{path}: topic {topic} is {found}, elsewhere it is {expected}", path = path.display())]
    TypeConflict {
        /// The file with the second type.
        path: PathBuf,
        /// The topic.
        topic: String,
        /// The type in this file.
        found: String,
        /// The type that was found first.
        expected: String,
    },
    /// A picture of a folder or of a video that does not decode.
    #[error("{of}: {reason}")]
    Picture {
        /// The file, or a frame of one.
        of: String,
        /// What the decoder says.
        reason: String,
    },
    /// A message that was compressed by itself does not decompress.
    #[error("{path}: message on {topic} logged at {log_time}: {reason}", path = path.display())]
    MessageCompression {
        /// The file.
        path: PathBuf,
        /// The topic.
        topic: String,
        /// Its log time.
        log_time: crate::types::Stamp,
        /// What the decompressor says.
        reason: String,
    },
}

impl SourceError {
    /// In words, for somebody who has been told of `path` already.
    pub(super) fn without_path(&self, path: &Path) -> String {
        let words = self.to_string();
        words.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&words).to_owned()
    }
}
