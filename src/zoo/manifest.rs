//! `models/<name>/model.toml`: what a checkpoint is, which files it has and where they come from.
//!
//! ```toml
//! family = "yolo"
//! task = "detect"
//! source = "where the weights come from, in words"
//! labels = ["red", "green"]   # only to stand in for the names in the model's own metadata
//!
//! [input]
//! name = "images"             # the default
//! width_px = 640
//! height_px = 640
//!
//! [license]
//! name = "AGPL-3.0"
//! notice = "what whoever fetches the weights should know"
//!
//! [[files]]                   # the first is the ONNX file
//! path = "yolov12n.onnx"      # beside the manifest
//! bytes = 10678697
//! sha256 = "e548ab3a406227202334bf5a6623c9814ac6286ff04e68aeb4dc2357732d1a4f"
//! url = "https://..."         # where one request fetches it; left out otherwise
//! ```

use super::{ManifestError, keys};
use crate::infer::file_sha256;
use crate::types::Size;
use serde::Deserialize;
use std::path::{Component, Path, PathBuf};
use std::{fmt, fs};

/// The longest side of an input that is taken for meant.
const MAX_SIDE_PX: u32 = 8192;

/// A family of models that share tensor names, preprocessing and output layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// YOLO detectors as Ultralytics exports them.
    Yolo,
    /// RT-DETR, D-FINE and RF-DETR.
    Detr,
    /// OWL-ViT and OWLv2: boxes for prompts.
    Owl,
    /// Grounding DINO: boxes for prompts.
    GroundingDino,
    /// CLIP: pictures and words in one space.
    Clip,
    /// SigLIP: the same, with independent scores.
    Siglip,
    /// Sentences to vectors.
    SentenceEncoder,
    /// SmolVLM, SmolVLM2 and Idefics3: answers about pictures.
    Smolvlm,
    /// Florence-2: answers, boxes and captions by task prompts.
    #[serde(rename = "florence2")]
    Florence2,
}

impl Family {
    /// What its models are for.
    pub const fn task(self) -> Task {
        match self {
            Self::Yolo | Self::Detr | Self::Owl | Self::GroundingDino => Task::Detect,
            Self::Clip | Self::Siglip => Task::Score,
            Self::SentenceEncoder => Task::Embed,
            Self::Smolvlm | Self::Florence2 => Task::Answer,
        }
    }
}

impl fmt::Display for Family {
    /// The word in manifests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yolo => "yolo",
            Self::Detr => "detr",
            Self::Owl => "owl",
            Self::GroundingDino => "grounding_dino",
            Self::Clip => "clip",
            Self::Siglip => "siglip",
            Self::SentenceEncoder => "sentence_encoder",
            Self::Smolvlm => "smolvlm",
            Self::Florence2 => "florence2",
        })
    }
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Boxes with classes, fixed ones or prompts.
    Detect,
    /// How well words fit a picture.
    Score,
    /// Words to vectors.
    Embed,
    /// Answers about a picture.
    Answer,
}

impl fmt::Display for Task {
    /// The word in manifests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Detect => "detect",
            Self::Score => "score",
            Self::Embed => "embed",
            Self::Answer => "answer",
        })
    }
}

/// The terms of the weights.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct License {
    /// SPDX name.
    pub name: String,
    /// What a person who fetches the weights is told; may be empty.
    #[serde(default)]
    pub notice: String,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ModelFile {
    /// Relative to the manifest's folder, below it.
    pub path: PathBuf,
    /// What the family uses it for, where that is not the stem of its name.
    pub role: Option<String>,
    /// Where one request fetches it, if there is such a place.
    pub url: Option<String>,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

impl ModelFile {
    /// What the family uses it for.
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref().or_else(|| self.path.file_stem().and_then(|stem| stem.to_str()))
    }
}

/// A checked manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The name of its folder.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What decodes it.
    pub family: Family,
    /// What it is for.
    pub task: Task,
    /// Where the weights come from, in words.
    pub source: String,
    /// The name of the input that takes the picture.
    pub input_name: String,
    /// The size of the input tensor.
    pub input: Size,
    /// The class names, where they are not to come from the model's own metadata.
    pub labels: Option<Vec<String>>,
    /// The terms of the weights.
    pub license: License,
    /// At least one; the first is the ONNX file.
    pub files: Vec<ModelFile>,
}

#[derive(Deserialize)]
struct RawManifest {
    family: Family,
    task: Task,
    source: String,
    input: RawInput,
    labels: Option<Vec<String>>,
    license: License,
    files: Vec<ModelFile>,
}

#[derive(Deserialize)]
struct RawInput {
    #[serde(default = "default_input_name")]
    name: String,
    width_px: u32,
    height_px: u32,
}

fn default_input_name() -> String {
    "images".to_owned()
}

impl Manifest {
    /// Reads and checks a `model.toml`. The model's files need not be there yet.
    ///
    /// # Errors
    /// [`ManifestError`] with the file, the key, its value and what was expected.
    pub fn load(file: &Path) -> Result<Self, ManifestError> {
        let text = fs::read_to_string(file)
            .map_err(|error| ManifestError::Unreadable { path: file.to_path_buf(), reason: error.to_string() })?;
        let syntax = |error: toml::de::Error| {
            let words: Vec<_> = error.message().split_whitespace().collect();
            let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let place = line.map_or_else(String::new, |line| format!("line {line}: "));
            ManifestError::Syntax { path: file.to_path_buf(), reason: format!("{place}{}", words.join(" ")) }
        };
        let document: toml::Table = toml::from_str(&text).map_err(syntax)?;
        if let Some(keys::UnknownKey { key, nearest }) = keys::find_unknown(&document) {
            return Err(ManifestError::UnknownKey { path: file.to_path_buf(), key, nearest });
        }
        toml::from_str::<RawManifest>(&text).map_err(syntax)?.checked(file)
    }

    /// Where the file of a role is: `tokenizer`, `preprocessor_config`, `text_model`, `decoder_model_merged`, ... A
    /// file's role is the stem of its name, unless the manifest says otherwise.
    ///
    /// # Errors
    /// [`ManifestError::NoRole`] with the roles that there are.
    pub fn path_of(&self, role: &str) -> Result<PathBuf, ManifestError> {
        let found = self.files.iter().find(|file| file.role() == Some(role));
        found.map(|file| self.folder.join(&file.path)).ok_or_else(|| ManifestError::NoRole {
            model: self.name.clone(),
            role: role.to_owned(),
            found: self.files.iter().filter_map(ModelFile::role).collect::<Vec<_>>().join(", "),
        })
    }

    /// The ONNX file.
    pub fn model_path(&self) -> PathBuf {
        // `checked` refuses a manifest without files.
        self.files.first().map_or_else(|| self.folder.clone(), |file| self.folder.join(&file.path))
    }

    /// Compares the files on disk with the manifest, by length and by hash.
    ///
    /// # Errors
    /// [`ManifestError::FileMissing`], [`ManifestError::FileSize`], [`ManifestError::FileHash`] for the first file
    /// that is not as it should be.
    pub fn verify(&self) -> Result<(), ManifestError> {
        for ModelFile { path, bytes, sha256, url, .. } in &self.files {
            let (model, path) = (self.name.clone(), self.folder.join(path));
            let Ok(metadata) = fs::metadata(&path) else {
                let origin = url.clone().unwrap_or_else(|| self.source.clone());
                return Err(ManifestError::FileMissing { model, path, origin });
            };
            if metadata.len() != *bytes {
                return Err(ManifestError::FileSize { model, path, found: metadata.len(), expected: *bytes });
            }
            let found = file_sha256(&path)
                .map_err(|error| ManifestError::Unreadable { path: path.clone(), reason: error.to_string() })?;
            if found != *sha256 {
                return Err(ManifestError::FileHash { model, path, found, expected: sha256.clone() });
            }
        }
        Ok(())
    }
}

impl RawManifest {
    fn checked(self, file: &Path) -> Result<Manifest, ManifestError> {
        let value = |key: &str, found: String, expected| {
            Err(ManifestError::Value { path: file.to_path_buf(), key: key.to_owned(), found, expected })
        };
        let sides = [("input.width_px", self.input.width_px), ("input.height_px", self.input.height_px)];
        for (key, side) in sides {
            if !(1..=MAX_SIDE_PX).contains(&side) {
                return value(key, side.to_string(), "1 to 8192");
            }
        }
        if self.input.name.is_empty() {
            return value("input.name", "empty".to_owned(), "the name of the model's input");
        }
        if self.labels.as_ref().is_some_and(Vec::is_empty) {
            return value("labels", "empty".to_owned(), "a name for each class, or no such key");
        }
        if self.files.is_empty() {
            return value("files", "empty".to_owned(), "at least the ONNX file");
        }
        for (index, ModelFile { path, bytes, sha256, .. }) in self.files.iter().enumerate() {
            let below = path.components().all(|part| matches!(part, Component::Normal(_)));
            if !below || path.as_os_str().is_empty() {
                let found = format!("{:?}", path.display().to_string());
                return value(&format!("files[{index}].path"), found, "a path below the manifest's folder");
            }
            if *bytes == 0 {
                return value(&format!("files[{index}].bytes"), "0".to_owned(), "the length of the file");
            }
            if sha256.len() != 64 || !sha256.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
                let expected = "64 lower-case hexadecimal digits";
                return value(&format!("files[{index}].sha256"), format!("{sha256:?}"), expected);
            }
        }
        let folder = file.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let absolute = fs::canonicalize(&folder).unwrap_or_else(|_| folder.clone());
        let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Manifest {
            name,
            folder,
            family: self.family,
            task: self.task,
            source: self.source,
            input_name: self.input.name,
            input: Size { width_px: self.input.width_px, height_px: self.input.height_px },
            labels: self.labels,
            license: self.license,
            files: self.files,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) const MINIMAL: &str = r#"
family = "yolo"
task = "detect"
source = "made by hand"
[input]
width_px = 64
height_px = 32
[license]
name = "Apache-2.0"
[[files]]
path = "tiny.onnx"
bytes = 3
sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
"#;

    pub(in super::super) fn write_manifest(root: &Path, name: &str, text: &str) -> PathBuf {
        fs::create_dir_all(root.join(name)).unwrap();
        let file = root.join(name).join("model.toml");
        fs::write(&file, text).unwrap();
        file
    }

    fn refusal(text: &str) -> String {
        let root = tempfile::tempdir().unwrap();
        let file = write_manifest(root.path(), "tiny", text);
        let error = Manifest::load(&file).unwrap_err().to_string();
        let start = format!("manifest {}: ", file.display());
        error.strip_prefix(&start).unwrap_or_else(|| panic!("the file is missing in: {error}")).to_owned()
    }

    #[test]
    fn a_minimal_manifest_takes_labels_from_the_model_and_the_input_images() {
        let root = tempfile::tempdir().unwrap();
        let manifest = Manifest::load(&write_manifest(root.path(), "tiny", MINIMAL)).unwrap();
        assert_eq!((manifest.name.as_str(), manifest.input_name.as_str()), ("tiny", "images"));
        assert_eq!(manifest.input, Size { width_px: 64, height_px: 32 });
        assert_eq!(manifest.labels, None);
        assert_eq!(manifest.model_path(), root.path().join("tiny/tiny.onnx"));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_path_and_the_nearest() {
        let error = refusal(&MINIMAL.replace("sha256", "sha265"));
        assert_eq!(error, "unknown key \"files[0].sha265\", did you mean \"sha256\"?");
        assert_eq!(refusal(&MINIMAL.replace("task", "tusk")), "unknown key \"tusk\", did you mean \"task\"?");
        let error = refusal(&MINIMAL.replace("width_px", "with_px"));
        assert_eq!(error, "unknown key \"input.with_px\", did you mean \"width_px\"?");
    }

    #[test]
    fn each_bad_value_is_refused_with_what_was_expected() {
        for (from, to, expected) in [
            ("width_px = 64", "width_px = 0", "input.width_px is 0, expected 1 to 8192"),
            ("height_px = 32", "height_px = 9000", "input.height_px is 9000, expected 1 to 8192"),
            ("[license]", "name = \"\"\n[license]", "input.name is empty, expected the name of the model's input"),
            ("[input]", "labels = []\n[input]", "labels is empty, expected a name for each class, or no such key"),
            ("bytes = 3", "bytes = 0", "files[0].bytes is 0, expected the length of the file"),
            (
                "tiny.onnx",
                "../tiny.onnx",
                "files[0].path is \"../tiny.onnx\", expected a path below the manifest's folder",
            ),
            ("tiny.onnx", "/tiny.onnx", "files[0].path is \"/tiny.onnx\", expected a path below the manifest's folder"),
            ("ba7816bf", "BA7816BF", "expected 64 lower-case hexadecimal digits"),
            ("\"yolo\"", "\"yolov\"", "line 2: unknown variant `yolov`, expected one of `yolo`, `detr`"),
            ("width_px = 64", "width_px = \"64\"", "line 6: invalid type: string \"64\", expected u32"),
            ("bytes = 3\n", "", "missing field `bytes`"),
            ("[input]", "[input", "line 5: "),
        ] {
            let error = refusal(&MINIMAL.replace(from, to));
            assert!(error.contains(expected), "{to}: {error}");
        }
    }

    #[test]
    fn a_file_that_is_missing_short_or_changed_is_named() {
        let root = tempfile::tempdir().unwrap();
        let manifest = Manifest::load(&write_manifest(root.path(), "tiny", MINIMAL)).unwrap();
        let error = manifest.verify().unwrap_err().to_string();
        assert!(error.contains("is missing") && error.contains("(made by hand)"), "{error}");
        fs::write(manifest.model_path(), b"ab").unwrap();
        assert!(manifest.verify().unwrap_err().to_string().contains("holds 2 bytes, expected 3"));
        fs::write(manifest.model_path(), b"abd").unwrap();
        assert!(matches!(manifest.verify(), Err(ManifestError::FileHash { .. })));
        fs::write(manifest.model_path(), b"abc").unwrap();
        assert_eq!(manifest.verify(), Ok(()));
    }
}
