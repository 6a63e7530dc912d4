//! From a path to the files of a bag, and from a file to what reads it.
//!
//! Files are told apart by their first bytes, not by their names.

use super::mcap_file::McapFile;
use super::metadata::{BagCompression, BagMetadata};
use super::source::{Loss, SourceError};
use super::sqlite_file::SqliteFile;
use super::storage::Storage;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// What one path stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BagFiles {
    /// In the order in which they were recorded.
    pub(super) files: Vec<PathBuf>,
    /// Whether each message is compressed by itself.
    pub(super) message_zstd: bool,
    /// Messages that metadata.yaml counts.
    pub(super) message_count: Option<u64>,
}

/// Finds the files of a bag: a rosbag2 folder, or one file.
pub(super) fn find(path: &Path) -> Result<BagFiles, SourceError> {
    let failed = |source| SourceError::Io { path: path.to_owned(), source };
    let kind = std::fs::metadata(path).map_err(failed)?;
    if !kind.is_dir() {
        if !kind.is_file() {
            return Err(SourceError::NotAFile { path: path.to_owned() });
        }
        return Ok(BagFiles { files: vec![path.to_owned()], message_zstd: false, message_count: None });
    }
    let metadata_path = path.join("metadata.yaml");
    match std::fs::read_to_string(&metadata_path) {
        Ok(text) => from_metadata(path, &metadata_path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => without_metadata(path),
        Err(source) => Err(SourceError::Io { path: metadata_path, source }),
    }
}

fn from_metadata(folder: &Path, metadata_path: &Path, text: &str) -> Result<BagFiles, SourceError> {
    let metadata = BagMetadata::parse(metadata_path, text)?;
    let mut files = Vec::with_capacity(metadata.files.len());
    for name in metadata.files {
        // The first versions put the folder's own name before the file's.
        let plain = Path::new(&name).file_name().map(|file| folder.join(file));
        let candidates = [Some(folder.join(&name)), plain];
        match candidates.into_iter().flatten().find(|file| file.is_file()) {
            Some(file) => files.push(file),
            None => return Err(SourceError::MissingFile { path: metadata_path.to_owned(), file: name }),
        }
    }
    Ok(BagFiles {
        files,
        message_zstd: metadata.compression == BagCompression::Message,
        message_count: metadata.message_count,
    })
}

/// A recorder that was killed leaves no metadata.yaml.
fn without_metadata(folder: &Path) -> Result<BagFiles, SourceError> {
    let failed = |source| SourceError::Io { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let inner = name.strip_suffix(".zstd").unwrap_or(name);
        if path.is_file() && (inner.ends_with(".mcap") || inner.ends_with(".db3")) {
            files.push((record_order(inner), path));
        }
    }
    if files.is_empty() {
        return Err(SourceError::EmptyFolder { path: folder.to_owned() });
    }
    files.sort();
    tracing::warn!(folder = %folder.display(), files = files.len(), "no metadata.yaml, all bag files of the folder are read");
    Ok(BagFiles { files: files.into_iter().map(|(_, path)| path).collect(), message_zstd: false, message_count: None })
}

/// `bag_10.mcap` comes after `bag_9.mcap`.
fn record_order(name: &str) -> (String, u64) {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let numbered = stem.rsplit_once('_').and_then(|(stem, number)| Some((stem.to_owned(), number.parse().ok()?)));
    numbered.unwrap_or_else(|| (stem.to_owned(), 0))
}

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
    if first.starts_with(::mcap::MAGIC) {
        Ok(Box::new(McapFile::open(file, path)?))
    } else if first.starts_with(SQLITE_MAGIC) {
        Ok(Box::new(SqliteFile::open(place, path)?))
    } else {
        let found: Vec<String> = first.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let found = if found.is_empty() { "nothing".to_owned() } else { found.join(" ") };
        Err(SourceError::BadMagic { path: path.to_owned(), found })
    }
}

fn first_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    file.take(SQLITE_MAGIC.len() as u64).read_to_end(&mut first)?;
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
    fn split_files_without_metadata_come_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["bag_10.mcap", "bag_9.mcap", "bag_0.mcap.zstd", "other.db3", "notes.txt"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let found = find(folder.path()).unwrap();
        let names: Vec<_> = found.files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["bag_0.mcap.zstd", "bag_9.mcap", "bag_10.mcap", "other.db3"]);
    }

    #[test]
    fn an_empty_folder_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let error = find(folder.path()).unwrap_err().to_string();
        let expected = "no bag in this folder, expected metadata.yaml or .mcap or .db3 files";
        assert_eq!(error, format!("{}: {expected}", folder.path().display()));
    }

    #[test]
    fn a_file_that_metadata_names_and_that_is_not_there_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let text = "rosbag2_bagfile_information: {storage_identifier: mcap, relative_file_paths: [gone_0.mcap]}";
        std::fs::write(folder.path().join("metadata.yaml"), text).unwrap();
        let error = find(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("metadata.yaml: names gone_0.mcap, which is not in the folder"), "{error}");
    }

    #[test]
    fn the_folder_name_that_the_first_versions_put_before_the_file_is_no_obstacle() {
        let folder = tempfile::tempdir().unwrap();
        let text = "rosbag2_bagfile_information: {storage_identifier: mcap, relative_file_paths: [old/old_0.mcap]}";
        std::fs::write(folder.path().join("metadata.yaml"), text).unwrap();
        std::fs::write(folder.path().join("old_0.mcap"), b"").unwrap();
        assert_eq!(find(folder.path()).unwrap().files, [folder.path().join("old_0.mcap")]);
    }

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
