//! One rosbag2 sqlite3 file, read in log-time order.
//!
//! Tables as rosbag2_storage_sqlite3 makes them, schema versions 1 to 4 (up to Jazzy): `topics` with id, name, type and
//! serialization_format, `messages` with id, topic_id, timestamp and data; the later versions only add to them. All rows
//! are listed once at the start without their data (24 bytes of memory each), so that the order needs no index in the
//! file; data is read row by row into one buffer.

mod connect;
mod write_ahead_log;

use super::source::{Loss, SourceError};
use super::storage::{Bound, Channel, Step, Storage};
use connect::{Connected, connect};
use rusqlite::{Connection, MAIN_DB};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A message by its place.
#[derive(Debug, Clone, Copy)]
struct Row {
    log_time: i64,
    id: i64,
    channel: usize,
}

/// An open sqlite3 bag file.
pub(super) struct SqliteFile {
    connection: Connection,
    /// What errors name.
    path: PathBuf,
    channels: Vec<Channel>,
    /// By log time, then as they were recorded.
    rows: Vec<Row>,
    wanted: Vec<bool>,
    next: usize,
    data: Vec<u8>,
    /// Bytes of the file: no message is longer.
    len: u64,
    losses: Vec<Loss>,
    /// Messages that could not be read because the file is cut off, and what the library said about the first.
    unreadable: Option<(u64, String)>,
}

impl SqliteFile {
    /// Opens `file` and lists its messages; `path` is what errors name.
    pub(super) fn open(file: &Path, path: &Path) -> Result<Self, SourceError> {
        let failed = |error: rusqlite::Error| SourceError::Sqlite { path: path.to_owned(), reason: error.to_string() };
        let Connected { connection, mut file, log_loss } = connect(file).map_err(failed)?;
        let len = file.metadata().map_err(|source| SourceError::Io { path: path.to_owned(), source })?.len();
        let mut losses = Vec::new();
        losses.extend(log_loss.map(|(log, reason)| Loss::Log { path: path.to_owned(), log, reason }));
        if let Some((found, expected)) = missing_pages(&mut file, len) {
            // Without this, sqlite refuses a database that is shorter than its header says.
            connection.pragma_update(None, "writable_schema", true).map_err(failed)?;
            losses.push(Loss::Pages { path: path.to_owned(), expected, found });
        }
        let Topics { ids, mut channels, stopped } = topics(&connection).map_err(failed)?;
        if let Some(reason) = stopped {
            let reason = format!("the list of topics ends after {}: {reason}", channels.len());
            losses.push(Loss::Unreadable { path: path.to_owned(), messages: 1, reason });
        }
        let Listed { rows, unknown, stopped } = list(&connection, &ids).map_err(failed)?;
        if let Some((messages, reason)) = unknown {
            losses.push(Loss::Unreadable { path: path.to_owned(), messages, reason });
        }
        if let Some(reason) = stopped {
            let reason = format!("the list of messages ends after {}: {reason}", rows.len());
            losses.push(Loss::Unreadable { path: path.to_owned(), messages: 1, reason });
        }
        for row in &rows {
            *channels[row.channel].messages.get_or_insert(0) += 1;
        }
        Ok(Self {
            connection,
            path: path.to_owned(),
            wanted: vec![true; channels.len()],
            channels,
            rows,
            next: 0,
            data: Vec::new(),
            len,
            losses,
            unreadable: None,
        })
    }

    fn read(&mut self, id: i64) -> Result<(), String> {
        let failed = |error: rusqlite::Error| error.to_string();
        let blob = self.connection.blob_open(MAIN_DB, "messages", "data", id, true).map_err(failed)?;
        if blob.len() as u64 > self.len {
            return Err(format!("claims {} bytes, the file holds {}", blob.len(), self.len));
        }
        self.data.resize(blob.len(), 0);
        blob.read_at_exact(&mut self.data, 0).map_err(failed)
    }
}

/// Pages found and expected, when the file of `len` bytes holds fewer than its header says.
fn missing_pages(file: &mut File, len: u64) -> Option<(u64, u64)> {
    let mut header = [0; 100];
    file.read_exact(&mut header).ok()?;
    // Offset 16: page size (1 stands for 65536); 24 and 92: change counters, equal where the page count at 28 holds.
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let expected = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    let valid = header[24..28] == header[92..96] && page >= 512;
    (valid && len / page < expected).then(|| (len / page, expected))
}

/// What the table of topics gave.
struct Topics {
    /// Their ids as indexes into the channels.
    ids: BTreeMap<i64, usize>,
    channels: Vec<Channel>,
    /// What ended the list early, or is wrong with a row of it.
    stopped: Option<String>,
}

fn topics(connection: &Connection) -> rusqlite::Result<Topics> {
    let mut topics = Topics { ids: BTreeMap::new(), channels: Vec::new(), stopped: None };
    let mut statement = connection.prepare("SELECT id, name, type, serialization_format FROM topics ORDER BY id")?;
    let mut found = statement.query([])?;
    loop {
        let row = match found.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(topics),
            Err(error) => {
                topics.stopped = Some(error.to_string());
                return Ok(topics);
            }
        };
        let channel = (|| {
            let channel =
                Channel { topic: row.get(1)?, type_name: row.get(2)?, serialization: row.get(3)?, messages: Some(0) };
            Ok::<_, rusqlite::Error>((row.get(0)?, channel))
        })();
        match channel {
            // Pages that are linked in a ring give the same ids again.
            Ok((id, _)) if topics.ids.contains_key(&id) => {
                topics.stopped = Some(format!("topic {id} is there twice"));
                return Ok(topics);
            }
            Ok((id, channel)) => {
                topics.ids.insert(id, topics.channels.len());
                topics.channels.push(channel);
            }
            Err(error) => topics.stopped = Some(error.to_string()),
        }
    }
}

/// What the table of messages gave.
struct Listed {
    /// In log-time order.
    rows: Vec<Row>,
    /// Rows that are no messages of a topic, and what is wrong with the first.
    unknown: Option<(u64, String)>,
    /// What ended the list early.
    stopped: Option<String>,
}

/// Lists all messages. Their ids rise in a table that is whole, so pages that are linked in a ring end the list.
fn list(connection: &Connection, ids: &BTreeMap<i64, usize>) -> rusqlite::Result<Listed> {
    let mut listed = Listed { rows: Vec::new(), unknown: None, stopped: None };
    let mut statement = connection.prepare("SELECT id, topic_id, timestamp FROM messages ORDER BY id")?;
    let mut found = statement.query([])?;
    let mut last = None;
    loop {
        let row = match found.next() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(error) => {
                listed.stopped = Some(error.to_string());
                break;
            }
        };
        let id: i64 = match row.get(0) {
            Ok(id) if last.is_none_or(|last| id > last) => id,
            Ok(id) => {
                listed.stopped = Some(format!("message {id} comes behind {}", last.unwrap_or(id)));
                break;
            }
            Err(error) => {
                listed.stopped = Some(error.to_string());
                break;
            }
        };
        last = Some(id);
        let channel = row.get(1).map(|topic: i64| ids.get(&topic).copied().ok_or(topic));
        let reason = match (channel, row.get(2)) {
            (Ok(Ok(channel)), Ok(log_time)) => {
                listed.rows.push(Row { log_time, id, channel });
                continue;
            }
            (Ok(Err(topic)), _) => format!("message {id} has topic {topic}, which is not in the table of topics"),
            (Err(error), _) | (_, Err(error)) => format!("message {id}: {error}"),
        };
        listed.unknown.get_or_insert((0, reason)).0 += 1;
    }
    listed.rows.sort_by_key(|row| row.log_time);
    Ok(listed)
}

impl Storage for SqliteFile {
    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    fn select(&mut self, wanted: &[bool]) {
        self.wanted.clear();
        self.wanted.extend_from_slice(wanted);
        self.next = 0;
        self.unreadable = None;
    }

    fn bound(&mut self) -> Option<Bound> {
        while self.rows.get(self.next).is_some_and(|row| !self.wanted[row.channel]) {
            self.next += 1;
        }
        self.rows.get(self.next).map(|row| Bound { log_time: row.log_time, ready: true })
    }

    fn load(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    fn step(&mut self) -> Result<Option<Step>, SourceError> {
        let Some(&row) = self.rows.get(self.next) else { return Ok(None) };
        self.next += 1;
        match self.read(row.id) {
            Ok(()) => Ok(Some(Step { channel: row.channel, log_time: row.log_time })),
            Err(reason) if !self.losses.is_empty() => {
                self.unreadable.get_or_insert((0, reason)).0 += 1;
                Ok(None)
            }
            Err(reason) => {
                let reason = format!("message {}: {reason}", row.id);
                Err(SourceError::Sqlite { path: self.path.clone(), reason })
            }
        }
    }

    fn data(&self) -> &[u8] {
        &self.data
    }

    fn losses(&self) -> Vec<Loss> {
        let mut losses = self.losses.clone();
        if let Some((messages, reason)) = &self.unreadable {
            losses.push(Loss::Unreadable { path: self.path.clone(), messages: *messages, reason: reason.clone() });
        }
        losses
    }
}
