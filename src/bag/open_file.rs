//! From a file to what reads it.
//!
//! Files are told apart by their first bytes, not by their names.

use super::mcap_file::McapFile;
use super::source::{Loss, NO_BYTES, SourceError};
use super::sqlite_file::SqliteFile;
use super::storage::Storage;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";
const ROS1_MAGICS: [&[u8]; 2] = [b"#ROSBAG V", b"#ROSRECORD V"];
/// With these bytes begins what zstd compressed, a file or a message. No CDR begins so.
pub(super) const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Enough to tell the kinds apart.
const FIRST_BYTES: u64 = 32;

/// A compressed file may hold this much however small it is, in bytes, and [`RATIO`] times its size beyond.
const ALWAYS: u64 = 16 << 30;
const RATIO: u64 = 256;

/// An open file of a bag.
pub(super) struct OpenFile {
    pub(super) storage: Box<dyn Storage>,
    pub(super) path: PathBuf,
    loss: Option<Loss>,
}

impl OpenFile {
    /// Opens a file by its first bytes. One that is compressed as a whole is first decompressed into the folder for
    /// temporary files (`TMPDIR`), into a file that loses its name here: whoever ends the process frees its room.
    pub(super) fn open(path: &Path) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        if !first_bytes(&mut file).map_err(failed)?.starts_with(ZSTD_MAGIC) {
            let storage = open_storage(file, path, path)?;
            return Ok(Self { storage, path: path.to_owned(), loss: None });
        }
        let mut decompressed = NamedTempFile::new().map_err(failed)?;
        let limit = file.metadata().map_err(failed)?.len().saturating_mul(RATIO).max(ALWAYS);
        let stopped = decompress(&file, decompressed.as_file_mut(), limit).map_err(failed)?;
        let bytes = decompressed.as_file_mut().stream_position().map_err(failed)?;
        decompressed.as_file_mut().rewind().map_err(failed)?;
        let content = decompressed.reopen().map_err(failed)?;
        let storage = match (open_storage(content, decompressed.path(), path), &stopped) {
            (Err(_), Some(reason)) => {
                let reason = format!("does not decompress beyond {bytes} bytes of content, too few to open: {reason}");
                return Err(SourceError::Corrupt { path: path.to_owned(), offset: 0, reason });
            }
            (storage, _) => storage?,
        };
        let loss = stopped.map(|reason| Loss::Compressed { path: path.to_owned(), bytes, reason });
        Ok(Self { storage, path: path.to_owned(), loss })
    }

    pub(super) fn losses(&self) -> Vec<Loss> {
        self.loss.iter().cloned().chain(self.storage.losses()).collect()
    }
}

/// Opens what lies at `place`; `path` is what errors name.
fn open_storage(mut file: File, place: &Path, path: &Path) -> Result<Box<dyn Storage>, SourceError> {
    let first = first_bytes(&mut file).map_err(|source| SourceError::Io { path: path.to_owned(), source })?;
    if first.starts_with(::mcap::MAGIC) || is_mcap_behind_its_magic(&first) {
        Ok(Box::new(McapFile::open(file, path)?))
    } else if first.starts_with(SQLITE_MAGIC) {
        Ok(Box::new(SqliteFile::open(place, path)?))
    } else if ROS1_MAGICS.iter().any(|magic| first.starts_with(magic)) {
        Err(SourceError::Ros1 { path: path.to_owned(), found: "a ROS 1 bag", what: "it", cure: "rosbags-convert" })
    } else {
        let found: Vec<String> = first.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let found = if found.is_empty() { NO_BYTES.to_owned() } else { found.join(" ") };
        Err(SourceError::BadMagic { path: path.to_owned(), found })
    }
}

/// Whether the eight bytes of the magic are damaged and a header record follows them: its opcode, its length, the
/// length of the profile's name.
fn is_mcap_behind_its_magic(first: &[u8]) -> bool {
    let Some((magic, record)) = first.split_at_checked(::mcap::MAGIC.len()) else { return false };
    let Some((&::mcap::records::op::HEADER, fields)) = record.split_first() else { return false };
    let Some((length, rest)) = fields.split_first_chunk::<8>() else { return false };
    let Some((profile, _)) = rest.split_first_chunk::<4>() else { return false };
    let (length, profile) = (u64::from_le_bytes(*length), u64::from(u32::from_le_bytes(*profile)));
    let alike = magic.iter().zip(::mcap::MAGIC).filter(|(found, expected)| found == expected).count();
    profile + 8 <= length && length < 4096 && (alike > 0 || magic.iter().all(|byte| *byte == 0))
}

fn first_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    file.take(FIRST_BYTES).read_to_end(&mut first)?;
    file.rewind()?;
    Ok(first)
}

/// Decompresses all of `from`, up to about `limit` bytes. What stops the decompressor is given back; that the result
/// cannot be written is an error.
fn decompress(from: &File, to: &mut File, limit: u64) -> io::Result<Option<String>> {
    let mut decoder = zstd::Decoder::new(from)?;
    let mut buffer = vec![0; 1 << 20];
    let mut bytes = 0;
    loop {
        match decoder.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(_) if bytes >= limit => return Ok(Some(format!("holds more than {limit} bytes"))),
            Ok(count) => {
                io::Write::write_all(to, &buffer[..count])?;
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Some(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressed_file_is_decompressed_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zeros.zstd");
        std::fs::write(&path, zstd::bulk::compress(&vec![0; 8 << 20], 1).unwrap()).unwrap();
        let decompress = |limit| {
            let mut to = tempfile::tempfile().unwrap();
            let stopped = decompress(&File::open(&path).unwrap(), &mut to, limit).unwrap();
            (stopped, to.metadata().unwrap().len())
        };
        assert_eq!(decompress(8 << 20), (None, 8 << 20));
        let (stopped, bytes) = decompress(3 << 20);
        assert_eq!(stopped.as_deref(), Some("holds more than 3145728 bytes"));
        assert!(bytes < 5 << 20, "{bytes}");
    }

    #[test]
    fn what_is_no_bag_is_refused_with_its_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.mcap");
        for (content, found) in [(&b""[..], "nothing"), (b"PK\x03\x04", "50 4b 03 04")] {
            std::fs::write(&path, content).unwrap();
            let error = OpenFile::open(&path).err().unwrap().to_string();
            assert!(
                error.contains(&format!("x.mcap: begins with {found}, expected the magic bytes of MCAP")),
                "{error}"
            );
        }
    }
}
