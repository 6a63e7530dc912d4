//! One rosbag2 sqlite3 file, read in log-time order.
//!
//! Tables as rosbag2_storage_sqlite3 makes them, schema versions 1 to 4 (up to Jazzy): `topics` with id, name, type and
//! serialization_format, `messages` with id, topic_id, timestamp and data; the later versions only add to them. All rows
//! are listed once at the start without their data (24 bytes of memory each), so that the order needs no index in the
//! file; data is read row by row into one buffer.

use super::source::{Loss, SourceError};
use super::storage::{Bound, Channel, Step, Storage};
use rusqlite::{Connection, MAIN_DB, OpenFlags};
use std::collections::BTreeMap;
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
        let io_failed = |source| SourceError::Io { path: path.to_owned(), source };
        let len = std::fs::metadata(file).map_err(io_failed)?.len();
        let connection = connect(file).map_err(failed)?;
        let mut losses = Vec::new();
        if let Some((found, expected)) = missing_pages(file, path)? {
            // Without this, sqlite refuses a database that is shorter than its header says.
            connection.pragma_update(None, "writable_schema", true).map_err(failed)?;
            losses.push(Loss::Pages { path: path.to_owned(), expected, found });
        }
        let mut ids = BTreeMap::new();
        let mut channels = Vec::new();
        let mut topics = connection
            .prepare("SELECT id, name, type, serialization_format FROM topics ORDER BY id")
            .map_err(failed)?;
        let mut found = topics.query([]).map_err(failed)?;
        while let Some(row) = found.next().map_err(failed)? {
            let channel = (|| {
                let id: i64 = row.get(0)?;
                Ok((
                    id,
                    Channel {
                        topic: row.get(1)?,
                        type_name: row.get(2)?,
                        serialization: row.get(3)?,
                        messages: Some(0),
                    },
                ))
            })();
            let (id, channel) = channel.map_err(failed)?;
            ids.insert(id, channels.len());
            channels.push(channel);
        }
        drop(found);
        drop(topics);
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

/// Opens for reading; from a folder that cannot be written, where sqlite may want to keep a lock, as immutable.
fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let usual = Connection::open_with_flags(file, flags).and_then(|connection| {
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok(connection)
    });
    match (usual, file.to_str()) {
        (Err(error), Some(name)) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::CannotOpen) => {
            let name = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
            let flags = flags | OpenFlags::SQLITE_OPEN_URI;
            Connection::open_with_flags(format!("file:{name}?immutable=1"), flags)
        }
        (Err(error), _) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            Connection::open_with_flags(file, flags)
        }
        (usual, _) => usual,
    }
}

/// Pages found and expected, when the file holds fewer than its header says.
fn missing_pages(file: &Path, path: &Path) -> Result<Option<(u64, u64)>, SourceError> {
    let failed = |source| SourceError::Io { path: path.to_owned(), source };
    let mut header = [0; 100];
    let mut opened = std::fs::File::open(file).map_err(failed)?;
    let len = opened.metadata().map_err(failed)?.len();
    if opened.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    // Offset 16: page size (1 stands for 65536); 24 and 92: change counters, equal where the page count at 28 holds.
    let page = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let expected = u64::from(u32::from_be_bytes([header[28], header[29], header[30], header[31]]));
    let valid = header[24..28] == header[92..96] && page >= 512;
    Ok((valid && len / page < expected).then(|| (len / page, expected)))
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
