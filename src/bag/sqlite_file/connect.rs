//! Opening a sqlite3 file to read it, with what lies beside it, without leaving anything in its folder.
//!
//! A recorder in the mode `wal` (rosbag2's preset `resilient`) writes into a log beside the file, `<file>-wal`, and now
//! and then merges it; one that was killed leaves both. Other modes leave `<file>-journal`, with what must be undone.
//! sqlite reads such a pair only where it may write beside it. So the pair is copied into the folder for temporary files
//! (`TMPDIR`) and merged there, unless `<file>-shm`, the index of the log, is there too: a pair with it is read in place,
//! also while the recorder still runs.

use super::write_ahead_log;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

const WRITE_AHEAD: &str = "-wal";
const JOURNAL: &str = "-journal";
const INDEX: &str = "-shm";

/// A file that is open.
pub(super) struct Connected {
    pub(super) connection: Connection,
    /// The same bytes that the connection reads.
    pub(super) file: File,
    /// A log whose messages are missing, or the last of them: its name, and what is wrong with it.
    pub(super) log_loss: Option<(String, String)>,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As it is, with sqlite's locks.
    InPlace,
    /// As one that nobody changes: without locks, and without looking for a log.
    Immutable,
    /// A copy of it, with its log merged.
    Copy,
}

impl Way {
    /// `is_wal`: whether its header says that it has been written with a write-ahead log. `log`: the log that lies beside
    /// it. `has_index`: whether the log's index does.
    fn of(is_wal: bool, log: Option<&str>, has_index: bool) -> Self {
        match log {
            Some(WRITE_AHEAD) if has_index => Self::InPlace,
            Some(_) => Self::Copy,
            // In place, sqlite would make an empty log and its index.
            None if is_wal => Self::Immutable,
            None => Self::InPlace,
        }
    }
}

/// Opens `path`.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connected> {
    let mut connected = with_log(path)?;
    if connected.log_loss.is_none() {
        connected.log_loss =
            write_ahead_log::damage(&beside(path, WRITE_AHEAD)).map(|reason| (log_name(path, WRITE_AHEAD), reason));
    }
    Ok(connected)
}

fn log_name(path: &Path, log: &str) -> String {
    beside(path, log).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn with_log(path: &Path) -> rusqlite::Result<Connected> {
    let log = [WRITE_AHEAD, JOURNAL]
        .into_iter()
        .find(|suffix| fs::metadata(beside(path, suffix)).is_ok_and(|log| log.len() > 0));
    let way = Way::of(is_wal(path), log, beside(path, INDEX).exists());
    let connected = |connection, log_loss| Ok(Connected { connection, file: opened(path)?, log_loss });
    if way == Way::Immutable {
        return connected(immutable(path)?, None);
    }
    if way == Way::InPlace {
        match in_place(path) {
            Ok(connection) => return connected(connection, None),
            Err(error) if log.is_none() => {
                return match error.sqlite_error_code() {
                    // A folder that cannot be written, where sqlite may want to keep a lock.
                    Some(ErrorCode::CannotOpen) => connected(immutable(path)?, None),
                    // What is left of it is read all the same.
                    Some(ErrorCode::DatabaseCorrupt) => connected(Connection::open_with_flags(path, READ)?, None),
                    _ => Err(error),
                };
            }
            Err(_) => {}
        }
    }
    let log = log.unwrap_or(WRITE_AHEAD);
    match merged(path, log) {
        Ok(connected) => Ok(connected),
        Err(reason) => connected(immutable(path)?, Some((log_name(path, log), format!("is not read: {reason}")))),
    }
}

const READ: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

fn in_place(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, READ)?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

fn immutable(path: &Path) -> rusqlite::Result<Connection> {
    let Some(name) = path.to_str() else { return Connection::open_with_flags(path, READ) };
    let name = name.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Connection::open_with_flags(format!("file:{name}?immutable=1"), READ | OpenFlags::SQLITE_OPEN_URI)
}

/// A copy with its log merged. It loses its name here: whoever ends the process frees its room.
fn merged(path: &Path, log: &str) -> Result<Connected, String> {
    let failed = |error: io::Error| format!("no copy can be made: {error}");
    let folder = tempfile::tempdir().map_err(failed)?;
    let copy = folder.path().join("copy.db3");
    // The log first: what a recorder that still runs merges meanwhile is then in both, and not in neither.
    fs::copy(beside(path, log), beside(&copy, log)).map_err(failed)?;
    fs::copy(path, &copy).map_err(failed)?;
    make_writable(&copy).and_then(|()| make_writable(&beside(&copy, log))).map_err(failed)?;
    let refused = |error: rusqlite::Error| error.to_string();
    let writer = Connection::open(&copy).map_err(refused)?;
    writer.pragma_update_and_check(None, "journal_mode", "DELETE", |row| row.get::<_, String>(0)).map_err(refused)?;
    drop(writer);
    let connection = in_place(&copy).map_err(refused)?;
    Ok(Connected { connection, file: File::open(&copy).map_err(failed)?, log_loss: None })
}

/// A copy has the permissions of its original.
fn make_writable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))
}

fn opened(path: &Path) -> rusqlite::Result<File> {
    File::open(path)
        .map_err(|error| rusqlite::Error::InvalidPath(PathBuf::from(format!("{}: {error}", path.display()))))
}

/// Bytes 18 and 19 of the header are the versions for writing and reading: 2 with a write-ahead log.
fn is_wal(path: &Path) -> bool {
    let mut header = [0; 20];
    File::open(path).is_ok_and(|mut file| file.read_exact(&mut header).is_ok() && header[18..] == [2, 2])
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database of ten rows, one of them in the file and the others in the log beside it, as a killed recorder
    /// leaves it. `index`: with the index of the log.
    fn killed(folder: &Path, index: bool) -> PathBuf {
        let live = folder.join("live.db3");
        let connection = Connection::open(&live).unwrap();
        connection
            .execute_batch("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(x); INSERT INTO t VALUES (0); PRAGMA wal_checkpoint(TRUNCATE);")
            .unwrap();
        for row in 1..10 {
            connection.execute("INSERT INTO t VALUES (?)", [row]).unwrap();
        }
        let dead = folder.join("dead.db3");
        let suffixes: &[&str] = if index { &["", WRITE_AHEAD, INDEX] } else { &["", WRITE_AHEAD] };
        for suffix in suffixes {
            fs::copy(beside(&live, suffix), beside(&dead, suffix)).unwrap();
        }
        dead
    }

    fn rows(connected: &Connected) -> i64 {
        connected.connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_log_is_never_passed_over() {
        for is_wal in [false, true] {
            assert_eq!(Way::of(is_wal, Some(WRITE_AHEAD), true), Way::InPlace);
            assert_eq!(Way::of(is_wal, Some(WRITE_AHEAD), false), Way::Copy);
            assert_eq!(Way::of(is_wal, Some(JOURNAL), true), Way::Copy);
        }
        assert_eq!(Way::of(true, None, false), Way::Immutable);
        assert_eq!(Way::of(false, None, false), Way::InPlace);
    }

    #[test]
    fn what_the_log_holds_is_read_and_the_folder_stays_as_it_is() {
        for index in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let dead = killed(folder.path(), index);
            let before = names(folder.path());
            let connected = connect(&dead).unwrap();
            assert_eq!(rows(&connected), 10);
            assert_eq!((names(folder.path()), connected.log_loss), (before, None));
        }
    }

    #[test]
    fn a_log_that_was_cut_or_is_none_is_a_loss_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let dead = killed(folder.path(), false);
        let log = beside(&dead, WRITE_AHEAD);
        let whole = fs::read(&log).unwrap();
        let mut overwritten = whole.clone();
        overwritten[whole.len() / 2..][..100].fill(7);
        for (bytes, found) in [
            (&whole[..whole.len() / 2 + 100], "is cut off: its last "),
            (&overwritten, "is damaged from byte "),
            (&[0x5a; 5000][..], "is not read: it begins with 5a5a5a5a, "),
            (&whole[..20], "is not read: it holds 20 bytes, "),
        ] {
            fs::write(&log, bytes).unwrap();
            let (name, reason) = connect(&dead).unwrap().log_loss.unwrap();
            assert_eq!(name, "dead.db3-wal");
            assert!(reason.starts_with(found), "{reason}");
        }
    }

    #[test]
    fn without_a_log_nothing_is_made_beside_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let dead = killed(folder.path(), false);
        fs::remove_file(beside(&dead, WRITE_AHEAD)).unwrap();
        let before = names(folder.path());
        let connected = connect(&dead).unwrap();
        assert_eq!(rows(&connected), 1);
        assert_eq!(names(folder.path()), before);
    }

    #[test]
    fn what_a_journal_has_to_undo_is_undone_in_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let (live, dead) = (folder.path().join("live.db3"), folder.path().join("dead.db3"));
        let connection = Connection::open(&live).unwrap();
        // A cache of one page: changes are on the disk before they are committed.
        connection.execute_batch("PRAGMA cache_size=1; CREATE TABLE t(x); INSERT INTO t VALUES (0); BEGIN;").unwrap();
        for row in 0..2000 {
            connection.execute("INSERT INTO t VALUES (?)", [row]).unwrap();
        }
        for suffix in ["", JOURNAL] {
            fs::copy(beside(&live, suffix), beside(&dead, suffix)).unwrap();
        }
        let bytes = fs::read(&dead).unwrap();
        let connected = connect(&dead).unwrap();
        assert_eq!(rows(&connected), 1);
        assert!(fs::read(&dead).unwrap() == bytes && beside(&dead, JOURNAL).exists());
    }

    #[test]
    fn a_log_that_cannot_be_read_is_a_loss_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let dead = killed(folder.path(), false);
        fs::remove_file(beside(&dead, WRITE_AHEAD)).unwrap();
        // A folder has a length and is no log.
        fs::create_dir(beside(&dead, WRITE_AHEAD)).unwrap();
        let connected = connect(&dead).unwrap();
        assert_eq!(rows(&connected), 1);
        let (name, reason) = connected.log_loss.unwrap();
        assert_eq!(name, "dead.db3-wal");
        assert!(reason.starts_with("is not read: no copy can be made: "), "{reason}");
    }
}
