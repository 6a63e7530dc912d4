//! `metadata.yaml` of a rosbag2 folder: which files make the bag, and how they are stored and compressed.
//!
//! Versions 1 to 9 (up to Jazzy and Rolling) hold the fields that are read here under the same names; what else a
//! version has is left alone. Source: rosbag2_storage's `BagMetadata`.

use super::source::SourceError;
use crate::infer::read_short_text;
use serde::Deserialize;
use std::io;
use std::path::Path;

/// The most bytes of a metadata.yaml: hundreds of thousands of splits.
const MOST_BYTES: u64 = 64 << 20;

/// The storage plugin that wrote the bag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StorageId {
    /// `mcap`.
    Mcap,
    /// `sqlite3`.
    Sqlite3,
}

/// What rosbag2 itself compressed with zstd, apart from MCAP's own chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BagCompression {
    /// Nothing.
    None,
    /// Each file as a whole, named `.zstd`.
    File,
    /// Each message by itself.
    Message,
}

/// A checked metadata.yaml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BagMetadata {
    /// How the files are stored.
    pub storage: StorageId,
    /// What is compressed.
    pub compression: BagCompression,
    /// The files in the order in which they were recorded, relative to the folder.
    pub files: Vec<String>,
    /// Messages in the whole bag.
    pub message_count: Option<u64>,
}

#[derive(Deserialize)]
struct RawFile {
    rosbag2_bagfile_information: RawInformation,
}

#[derive(Deserialize)]
struct RawInformation {
    storage_identifier: String,
    relative_file_paths: Vec<String>,
    message_count: Option<u64>,
    #[serde(default)]
    compression_format: Option<String>,
    #[serde(default)]
    compression_mode: Option<String>,
}

impl BagMetadata {
    /// Reads and checks a file; `None` when there is none.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when it cannot be read, is no text or is too long to be one.
    pub fn read(path: &Path) -> Result<Option<Self>, SourceError> {
        let text = match read_short_text(path, MOST_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SourceError::Io { path: path.to_owned(), source }),
        };
        Self::parse(path, &text).map(Some)
    }

    /// Reads and checks the text of `path`.
    ///
    /// # Errors
    /// When it is no rosbag2 metadata, or names a storage or compression that is not known here.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SourceError> {
        let refused = |reason: String| SourceError::Metadata { path: path.to_owned(), reason };
        if text.is_empty() {
            return Err(refused("holds no bytes".to_owned()));
        }
        let raw: RawFile =
            serde_saphyr::from_str(text).map_err(|error| refused(error.without_snippet().to_string()))?;
        let raw = raw.rosbag2_bagfile_information;
        let storage = match raw.storage_identifier.as_str() {
            "mcap" => StorageId::Mcap,
            "sqlite3" => StorageId::Sqlite3,
            other => {
                return Err(SourceError::UnknownStorage { path: path.to_owned(), found: other.to_owned() });
            }
        };
        let unknown =
            |found: String, expected| SourceError::UnknownCompression { path: path.to_owned(), found, expected };
        let mode = raw.compression_mode.unwrap_or_default();
        let compression = match mode.to_ascii_uppercase().as_str() {
            "" | "NONE" => BagCompression::None,
            "FILE" => BagCompression::File,
            "MESSAGE" => BagCompression::Message,
            _ => return Err(unknown(format!("mode {mode}"), "mode NONE, FILE or MESSAGE")),
        };
        let format = raw.compression_format.unwrap_or_default();
        if compression != BagCompression::None && format != "zstd" {
            return Err(unknown(format!("format {format:?}"), "format zstd"));
        }
        if raw.relative_file_paths.is_empty() {
            return Err(refused("relative_file_paths is empty, expected the bag's files".to_owned()));
        }
        Ok(Self { storage, compression, files: raw.relative_file_paths, message_count: raw.message_count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As rosbag2 of Humble writes it (version 5): numbers in a quoted QoS text.
    const HUMBLE: &str = "rosbag2_bagfile_information:
  version: 5
  storage_identifier: sqlite3
  duration:
    nanoseconds: 400
  starting_time:
    nanoseconds_since_epoch: 1700000000000000000
  message_count: 12
  topics_with_message_count:
    - topic_metadata:
        name: /chatter
        type: std_msgs/msg/String
        serialization_format: cdr
        offered_qos_profiles: \"- history: 3\\n  depth: 0\"
      message_count: 12
  compression_format: zstd
  compression_mode: FILE
  relative_file_paths:
    - bag_0.db3.zstd
    - bag_1.db3.zstd
  files:
    - path: bag_0.db3
      starting_time:
        nanoseconds_since_epoch: 1700000000000000000
      duration:
        nanoseconds: 400
      message_count: 12
";

    fn parse(text: &str) -> Result<BagMetadata, SourceError> {
        BagMetadata::parse(Path::new("bag/metadata.yaml"), text)
    }

    #[test]
    fn a_humble_bag_is_understood() {
        let expected = BagMetadata {
            storage: StorageId::Sqlite3,
            compression: BagCompression::File,
            files: vec!["bag_0.db3.zstd".into(), "bag_1.db3.zstd".into()],
            message_count: Some(12),
        };
        assert_eq!(parse(HUMBLE).unwrap(), expected);
    }

    #[test]
    fn an_unknown_storage_is_named() {
        let error = parse(&HUMBLE.replace("sqlite3", "rocksdb")).unwrap_err();
        assert_eq!(error.to_string(), "bag/metadata.yaml: storage_identifier is rocksdb, expected mcap or sqlite3");
    }

    #[test]
    fn an_unknown_compression_format_or_mode_is_named() {
        let error = parse(&HUMBLE.replace("format: zstd", "format: lzma")).unwrap_err();
        assert_eq!(error.to_string(), "bag/metadata.yaml: compression is format \"lzma\", expected format zstd");
        let error = parse(&HUMBLE.replace("mode: FILE", "mode: PAGE")).unwrap_err();
        assert!(error.to_string().ends_with("compression is mode PAGE, expected mode NONE, FILE or MESSAGE"));
    }

    #[test]
    fn text_that_is_no_metadata_is_refused_with_the_path() {
        for text in ["", "[]", "a: 1", "rosbag2_bagfile_information: 3", "{", "\u{0}"] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, SourceError::Metadata { .. }), "{text:?}");
            assert!(error.to_string().starts_with("bag/metadata.yaml: "), "{error}");
        }
        let cut = parse(&format!("{HUMBLE}  files: [")).unwrap_err().to_string();
        assert!(cut.contains(" at line ") && !cut.contains('\n'), "one line, without a picture of the text: {cut}");
    }
}
