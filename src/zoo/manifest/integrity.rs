//! Whether a model's files are those of its manifest, and `fetched.toml`: what the first fetch saw.
//!
//! A manifest that nobody has verified may leave out size and hash. Whoever fetches such a file first has to trust
//! what comes; its size and hash are then kept in `fetched.toml` beside the manifest, and from then on the file must
//! stay as it is. What the manifest itself says always counts first.
//!
//! ```toml
//! [[files]]
//! path = "onnx/model.onnx"
//! bytes = 3
//! sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
//! from = "https://example.org/model.onnx"
//! ```

use super::reading::{MOST_TEXT_BYTES, syntax};
use crate::infer::{InferError, OnnxFile, file_sha256, open_regular, read_short_text};
use crate::zoo::{Manifest, ManifestError, ModelFile};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

/// The name of the record beside the manifest.
const RECORD: &str = "fetched.toml";

/// How the `source` of a manifest begins that `vedette models add` has written; the path follows.
pub const ADDED: &str = "vedette models add ";

/// What is known of a model's files when none of them is missing or changed. The weakest file decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Integrity {
    /// Nobody has written a manifest: the files are what they are.
    Unwritten,
    /// A file is there that neither the manifest nor a record describes.
    Unverified,
    /// Every file is as the manifest says, or as it was when it was first fetched.
    AsFirstFetched,
    /// Every file is as the manifest says.
    Whole,
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unwritten => "taken as they are: no manifest (`vedette models add` writes one)",
            Self::Unverified => "unverified: no size and hash in the manifest",
            Self::AsFirstFetched => "as first fetched, unverified: no size and hash in the manifest",
            Self::Whole => "whole",
        })
    }
}

/// What a file must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its length, if that is known.
    pub bytes: Option<u64>,
    /// Its SHA-256, if that is known.
    pub sha256: Option<String>,
    /// What is known of a file that is so.
    pub integrity: Integrity,
}

/// A file as it was first fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedFile {
    /// As in the manifest.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Where it came from.
    pub from: String,
}

/// The files of a model that were fetched without a size and hash in the manifest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchRecord {
    files: Vec<FetchedFile>,
}

impl FetchRecord {
    /// The record beside the manifest; an empty one where there is none.
    ///
    /// # Errors
    /// [`ManifestError::Unreadable`], [`ManifestError::Syntax`] with the file and the reason.
    pub fn load(manifest: &Manifest) -> Result<Self, ManifestError> {
        let path = Self::path(manifest);
        match read_short_text(&path, MOST_TEXT_BYTES) {
            Ok(text) => toml::from_str(&text).map_err(|error| syntax(&path, &text, &error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ManifestError::Unreadable { path, reason: error.to_string() }),
        }
    }

    /// Where it is.
    pub fn path(manifest: &Manifest) -> PathBuf {
        manifest.folder.join(RECORD)
    }

    /// Takes in a file in place of what was known of it, and writes the record anew, whole or not at all.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn keep(&mut self, manifest: &Manifest, file: FetchedFile) -> io::Result<()> {
        self.files.retain(|known| known.path != file.path);
        self.files.push(file);
        let text = toml::to_string(self).map_err(io::Error::other)?;
        let mut written = tempfile::NamedTempFile::new_in(&manifest.folder)?;
        written.write_all(text.as_bytes())?;
        written.as_file().sync_all()?;
        written.persist(Self::path(manifest)).map_err(|error| error.error)?;
        Ok(())
    }

    /// What the manifest, or else this record, says of a file.
    pub fn expected(&self, file: &ModelFile) -> Expected {
        let known = self.files.iter().find(|known| known.path == file.path);
        let integrity = match (&file.sha256, known) {
            (Some(_), _) => Integrity::Whole,
            (None, Some(_)) => Integrity::AsFirstFetched,
            (None, None) => Integrity::Unverified,
        };
        let known = known.filter(|_| integrity == Integrity::AsFirstFetched);
        Expected {
            bytes: file.bytes.or(known.map(|known| known.bytes)),
            sha256: file.sha256.clone().or(known.map(|known| known.sha256.clone())),
            integrity,
        }
    }
}

impl Manifest {
    /// Compares the files on disk, by length and by hash, with the manifest, and with the record of the first fetch
    /// where the manifest does not know them.
    ///
    /// # Errors
    /// [`ManifestError::FileMissing`], [`ManifestError::FileSize`], [`ManifestError::FileHash`],
    /// [`ManifestError::FileBroken`] for the first file that is not as it should be; [`ManifestError::Model`] for a model
    /// without a manifest whose weights are not; as [`FetchRecord::load`].
    pub fn verify(&self) -> Result<Integrity, ManifestError> {
        if !self.is_written {
            // Its weights are told as those of the model, and not as files of a manifest.
            OnnxFile::check(&self.model_path()).map_err(|error| ManifestError::Model(Box::new(error)))?;
        }
        let record = FetchRecord::load(self)?;
        let mut weakest = if self.is_written { Integrity::Whole } else { Integrity::Unwritten };
        for file in &self.files {
            let expected = record.expected(file);
            self.verify_file(file, &expected)?;
            weakest = weakest.min(expected.integrity);
        }
        Ok(weakest)
    }

    /// Compares one file with what it must be.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_file(&self, file: &ModelFile, expected: &Expected) -> Result<(), ManifestError> {
        let (model, path) = (self.name.clone(), self.folder.join(&file.path));
        let Ok(metadata) = fs::metadata(&path) else {
            let origin = file.url.clone().unwrap_or_else(|| self.source.clone());
            return Err(ManifestError::FileMissing { model, path, cure: self.cure_of_missing(file), origin });
        };
        let first = if expected.integrity == Integrity::AsFirstFetched { " as it was first fetched" } else { "" };
        if let Some(bytes) = expected.bytes.filter(|bytes| metadata.len() != *bytes) {
            let (found, expected) = (metadata.len(), format!("{bytes}{first}"));
            return Err(ManifestError::FileSize { model, path, found, expected, cure: self.cure_of_other(file) });
        }
        let Some(sha256) = &expected.sha256 else {
            let (named, cure) = (file.path.as_path(), self.cure_of_other(file));
            return check_contents(&path, named).map_err(|reason| ManifestError::FileBroken {
                model,
                path,
                reason,
                cure,
            });
        };
        let found = hash_of(&path)?;
        if found != *sha256 {
            let expected = format!("{sha256}{first}");
            return Err(ManifestError::FileHash { model, path, found, expected, cure: self.cure_of_other(file) });
        }
        Ok(())
    }

    /// What brings a file that is not there.
    fn cure_of_missing(&self, file: &ModelFile) -> String {
        match self.origin_of(file) {
            FileOrigin::Address => format!("`vedette models fetch {}` fetches it", self.name),
            FileOrigin::Beside => "the model's file names it: copy it there too, under this name".to_owned(),
            FileOrigin::Added => "copy it there again, or remove the folder and add the model again".to_owned(),
            FileOrigin::Export => "`make setup` fetches it".to_owned(),
        }
    }

    /// What brings a file in place of one that is another than it should be.
    fn cure_of_other(&self, file: &ModelFile) -> String {
        match self.origin_of(file) {
            FileOrigin::Address => format!("remove it and run `vedette models fetch {}`", self.name),
            FileOrigin::Beside => "fetch or copy it again".to_owned(),
            FileOrigin::Added => {
                "copy the old one there again, or, if the new one is meant, remove the folder and add the model again"
                    .to_owned()
            }
            FileOrigin::Export => "remove it and run `make setup`".to_owned(),
        }
    }

    fn origin_of(&self, file: &ModelFile) -> FileOrigin {
        match file.url {
            Some(_) => FileOrigin::Address,
            None if !self.is_written => FileOrigin::Beside,
            None if self.source.starts_with(ADDED) => FileOrigin::Added,
            None => FileOrigin::Export,
        }
    }
}

/// Who brings a file.
enum FileOrigin {
    /// `vedette models fetch`.
    Address,
    /// Whoever brought the model, which has no manifest.
    Beside,
    /// Whoever ran `vedette models add`.
    Added,
    /// `make setup`, as for all models of this repository.
    Export,
}

/// Whether a file holds what its name promises, where no hash says it: an ONNX model, or JSON. `named` is the name that
/// it has or is to have; files of other names may hold anything.
///
/// # Errors
/// The reason, which does not name the file.
pub fn check_contents(path: &Path, named: &Path) -> Result<(), String> {
    let extension = named.extension().and_then(OsStr::to_str).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "onnx" => OnnxFile::read(path).map(drop).map_err(|error| match error {
            InferError::NoModel { what, cure, .. } => format!("no ONNX model but {what}: {cure}"),
            InferError::ModelBroken { reason, .. } => reason,
            other => other.to_string(),
        }),
        "json" => {
            let file = open_regular(path).map_err(|error| error.to_string())?;
            let parsed = serde_json::from_reader::<_, IgnoredAny>(BufReader::new(file));
            parsed.map(drop).map_err(|error| format!("no JSON: {error}"))
        }
        _ => Ok(()),
    }
}

fn hash_of(path: &Path) -> Result<String, ManifestError> {
    file_sha256(path).map_err(|error| ManifestError::Unreadable { path: path.to_path_buf(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::manifest::samples::{MINIMAL, UNVERIFIED, write_manifest};

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    /// An ONNX model of version 8 with an empty graph.
    const MODEL: [u8; 4] = [8, 8, 0x3a, 0];

    fn abc(path: &str) -> FetchedFile {
        FetchedFile { path: path.into(), bytes: 3, sha256: ABC.to_owned(), from: "a test".to_owned() }
    }

    #[test]
    fn a_file_that_is_missing_short_or_changed_is_named() {
        let root = tempfile::tempdir().unwrap();
        let manifest = Manifest::load(&write_manifest(root.path(), "tiny", MINIMAL)).unwrap();
        let error = manifest.verify().unwrap_err().to_string();
        assert!(error.contains("is missing; `make setup` fetches it") && error.contains("made by hand"), "{error}");
        fs::write(manifest.model_path(), b"ab").unwrap();
        assert!(manifest.verify().unwrap_err().to_string().contains("holds 2 bytes, expected 3;"));
        fs::write(manifest.model_path(), b"abd").unwrap();
        assert!(matches!(manifest.verify(), Err(ManifestError::FileHash { .. })));
        fs::write(manifest.model_path(), b"abc").unwrap();
        assert_eq!(manifest.verify(), Ok(Integrity::Whole));
    }

    #[test]
    fn files_without_size_and_hash_are_held_to_the_record_of_their_first_fetch() {
        let root = tempfile::tempdir().unwrap();
        let manifest = Manifest::load(&write_manifest(root.path(), "tiny", UNVERIFIED)).unwrap();
        let error = manifest.verify().unwrap_err().to_string();
        assert!(error.contains("is missing; `vedette models fetch tiny` fetches it (https://example.org/"), "{error}");

        fs::create_dir(manifest.folder.join("onnx")).unwrap();
        for file in &manifest.files {
            fs::write(manifest.folder.join(&file.path), MODEL).unwrap();
        }
        assert_eq!(manifest.verify(), Ok(Integrity::Unverified));
        let sha256 = file_sha256(&manifest.model_path()).unwrap();
        let abc = |path: &str| FetchedFile { bytes: MODEL.len() as u64, sha256: sha256.clone(), ..abc(path) };

        let mut record = FetchRecord::load(&manifest).unwrap();
        record.keep(&manifest, abc("onnx/vision_model.onnx")).unwrap();
        assert_eq!(manifest.verify(), Ok(Integrity::Unverified), "two are still unknown");
        record.keep(&manifest, abc("onnx/vision_model.onnx_data")).unwrap();
        record.keep(&manifest, abc("onnx/text_model_quantized.onnx")).unwrap();
        assert_eq!(manifest.verify(), Ok(Integrity::AsFirstFetched));
        assert_eq!(FetchRecord::load(&manifest).unwrap(), record, "the record survives the file");

        fs::write(manifest.model_path(), [8, 9, 0x3a, 0]).unwrap();
        let error = manifest.verify().unwrap_err().to_string();
        let expected =
            format!("expected {sha256} as it was first fetched; remove it and run `vedette models fetch tiny`");
        assert!(error.ends_with(&expected), "{error}");
    }

    #[test]
    fn a_file_that_nobody_has_a_hash_of_must_be_what_its_name_says() {
        let root = tempfile::tempdir().unwrap();
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 123\n";
        for (name, bytes, expected) in [
            (
                "model.onnx",
                &pointer[..],
                "no ONNX model but a Git LFS pointer, not the file it stands for: run `git lfs",
            ),
            ("MODEL.ONNX", b"<html>", "no ONNX model but an HTML page: "),
            ("model.onnx", &MODEL[..3], "it ends in the middle, after 3 bytes: "),
            ("config.json", b"<html>", "no JSON: expected value at line 1 column 1"),
            ("config.json", b"{\"a\": 1", "no JSON: EOF while parsing"),
        ] {
            let path = root.path().join("file");
            fs::write(&path, bytes).unwrap();
            let reason = check_contents(&path, Path::new(name)).unwrap_err();
            assert!(reason.starts_with(expected), "{name}: {reason}");
        }
        fs::write(root.path().join("file"), "anything").unwrap();
        check_contents(&root.path().join("file"), Path::new("merges.txt")).unwrap();

        let manifest = Manifest::load(&write_manifest(root.path(), "tiny", UNVERIFIED)).unwrap();
        fs::create_dir(manifest.folder.join("onnx")).unwrap();
        fs::write(manifest.model_path(), pointer).unwrap();
        let error = manifest.verify().unwrap_err().to_string();
        assert!(error.contains("text_model_quantized.onnx: no ONNX model but a Git LFS pointer"), "{error}");
        assert!(error.ends_with("remove it and run `vedette models fetch tiny`"), "{error}");
    }

    #[test]
    fn the_manifest_counts_before_the_record() {
        let root = tempfile::tempdir().unwrap();
        let manifest = Manifest::load(&write_manifest(root.path(), "tiny", MINIMAL)).unwrap();
        fs::write(manifest.model_path(), b"abc").unwrap();
        let other = FetchedFile { bytes: 9, sha256: "0".repeat(64), ..abc("tiny.onnx") };
        FetchRecord::default().keep(&manifest, other).unwrap();
        assert_eq!(manifest.verify(), Ok(Integrity::Whole));
    }

    #[test]
    fn a_broken_record_is_named() {
        let root = tempfile::tempdir().unwrap();
        let manifest = Manifest::load(&write_manifest(root.path(), "tiny", MINIMAL)).unwrap();
        fs::write(FetchRecord::path(&manifest), "files = 3").unwrap();
        let error = manifest.verify().unwrap_err().to_string();
        assert!(error.contains("fetched.toml: line 1: invalid type"), "{error}");
    }
}
