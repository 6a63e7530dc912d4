//! `models/<name>/model.toml`: what a checkpoint is, which files it has and where they come from.
//!
//! ```toml
//! family = "yolo"
//! task = "detect"            # the family's
//! layout = "end_to_end"      # only where the graph can be read in two ways: see LayoutName
//! source = "where the weights come from, in words"
//! verified = true            # the default; false: nobody has run these files yet
//! labels = ["red", "green"]  # only to stand in for the names in the model's own files
//!
//! [input]                    # yolo and detr, and only what the graph leaves open or the layout has wrong
//! width_px = 640             # both or none
//! height_px = 640
//! fit = "letterbox"          # letterbox, corner, stretch
//! colors = "rgb"             # rgb, bgr
//! range = 1                  # 1: bytes become 0..=1, 255: they stay; or:
//! mean = [0.485, 0.456, 0.406]  # of 0..=1, in the order red, green, blue
//! std = [0.229, 0.224, 0.225]
//!
//! [scoring]                  # clip and siglip
//! logit_scale = 100.0        # the factor itself, not its logarithm
//! logit_bias = 0.0           # the default
//!
//! [generation]               # smolvlm and florence2
//! context_tokens = 8192
//! shared_cache_tokens = 2048 # only for graphs whose cache is one buffer of fixed length
//!
//! [license]
//! name = "AGPL-3.0"
//! notice = "what whoever fetches the weights should know"
//!
//! [[files]]                   # the first is the ONNX file, or the first of several
//! path = "yolov12n.onnx"      # beside the manifest
//! role = "model"              # left out: the stem of the file's name
//! bytes = 10678697
//! sha256 = "e548ab3a406227202334bf5a6623c9814ac6286ff04e68aeb4dc2357732d1a4f"
//! url = "https://..."         # where one request fetches it; left out otherwise
//! ```

use crate::types::Size;
use crate::zoo::{Family, LayoutName, ManifestError, Pixels, Task};
use serde::Deserialize;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The terms of the weights.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct License {
    /// SPDX name.
    pub name: String,
    /// What a person who fetches the weights is told; may be empty.
    #[serde(default)]
    pub notice: String,
}

/// What a manifest says of the tensor that takes the picture; the graph says the rest.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Input {
    /// Its name.
    pub name: Option<String>,
    /// Its size. It must be the graph's, where that has one.
    pub size: Option<Size>,
    /// What its pixels are, where the manifest says it.
    pub pixels: Pixels,
}

impl Input {
    /// A tensor whose pixels are as its layout has them.
    pub fn new(name: String, size: Size) -> Self {
        Self { name: Some(name), size: Some(size), pixels: Pixels::default() }
    }
}

/// How a similarity of picture and words becomes a logit: `logit_scale * similarity + logit_bias`. A graph that gives
/// embeddings does not hold the two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Scoring {
    /// The factor, above 0: `exp` of the parameter that checkpoints store.
    pub logit_scale: f32,
    /// What is added; 0 for families without it.
    #[serde(default)]
    pub logit_bias: f32,
}

/// What a generative model has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Generation {
    /// The longest question and answer together, in tokens, the picture's included.
    pub context_tokens: NonZeroUsize,
    /// Length of the key and value buffers in tokens, where past and present share one buffer (GroupQueryAttention).
    pub shared_cache_tokens: Option<NonZeroUsize>,
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
    /// Its length. Known in a verified manifest.
    pub bytes: Option<u64>,
    /// Its SHA-256, 64 lower-case hexadecimal digits. Known in a verified manifest.
    pub sha256: Option<String>,
}

impl ModelFile {
    /// What the family uses it for. External weights (`.onnx_data`, `.data`) have no role: the ONNX file names them.
    pub fn role(&self) -> Option<&str> {
        let is_data = self.path.extension().is_some_and(|extension| extension == "data" || extension == "onnx_data");
        let stem = || self.path.file_stem().filter(|_| !is_data)?.to_str();
        self.role.as_deref().or_else(stem)
    }
}

/// A checked manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The name of its folder.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What decodes it.
    pub family: Family,
    /// What it is for: the family's task.
    pub task: Task,
    /// How its outputs hold boxes, where the manifest says it.
    pub layout: Option<LayoutName>,
    /// Where the weights come from, in words.
    pub source: String,
    /// Whether its writer has fetched these files and run them. Only then size and hash of every file are known.
    pub verified: bool,
    /// Whether there is a `model.toml`. Where nobody has written one, all this is what the model's own files say.
    pub is_written: bool,
    /// What the manifest says of the tensor that takes the picture, if anything.
    pub input: Option<Input>,
    /// From similarity to logit, where the manifest says it. See [`Manifest::scoring`].
    pub scoring: Option<Scoring>,
    /// The room of a generative model, where the manifest says it. See [`Manifest::generation`].
    pub generation: Option<Generation>,
    /// The class names, where they are not to come from the model's own files.
    pub labels: Option<Vec<String>>,
    /// The terms of the weights.
    pub license: License,
    /// At least one; the first is the ONNX file, or the first of several.
    pub files: Vec<ModelFile>,
}

impl Manifest {
    /// From similarity to logit.
    ///
    /// # Errors
    /// [`ManifestError::NoTable`] where the manifest does not say it.
    pub fn scoring(&self) -> Result<Scoring, ManifestError> {
        self.scoring.ok_or_else(|| self.no_table("scoring", "logit_scale and, where the model has it, logit_bias"))
    }

    /// The room of a generative model.
    ///
    /// # Errors
    /// [`ManifestError::NoTable`] where the manifest does not say it.
    pub fn generation(&self) -> Result<Generation, ManifestError> {
        self.generation.ok_or_else(|| self.no_table("generation", "context_tokens"))
    }

    fn no_table(&self, table: &'static str, expected: &'static str) -> ManifestError {
        ManifestError::NoTable { model: self.name.clone(), table, expected }
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

    /// The ONNX file, or the first of several.
    pub fn model_path(&self) -> PathBuf {
        // A manifest without files is refused when it is read.
        self.files.first().map_or_else(|| self.folder.clone(), |file| self.folder.join(&file.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::manifest::samples::{MINIMAL, UNVERIFIED, loaded, write_manifest};

    #[test]
    fn a_minimal_manifest_takes_labels_and_the_inputs_name_from_the_model() {
        let root = tempfile::tempdir().unwrap();
        let manifest = Manifest::load(&write_manifest(root.path(), "tiny", MINIMAL)).unwrap();
        let size = Size { width_px: 64, height_px: 32 };
        assert_eq!(manifest.input, Some(Input { name: None, size: Some(size), pixels: Pixels::default() }));
        assert_eq!((manifest.name.as_str(), manifest.verified, &manifest.labels), ("tiny", true, &None));
        assert_eq!(manifest.model_path(), root.path().join("tiny/tiny.onnx"));
    }

    #[test]
    fn an_unverified_manifest_needs_no_size_and_hash() {
        let manifest = loaded(UNVERIFIED);
        assert!(!manifest.verified && manifest.files.iter().all(|file| file.bytes.is_none() && file.sha256.is_none()));
        assert_eq!(manifest.scoring().unwrap(), Scoring { logit_scale: 10.0, logit_bias: -5.0 });
    }

    #[test]
    fn a_table_that_a_family_needs_and_the_manifest_has_not_is_named() {
        let manifest = loaded(UNVERIFIED);
        let error = manifest.generation().unwrap_err().to_string();
        assert_eq!(error, "model tiny: the manifest has no [generation], expected one with context_tokens");
        assert!(loaded(MINIMAL).scoring().unwrap_err().to_string().contains("logit_scale"));
    }

    #[test]
    fn a_file_is_found_by_its_role_or_by_its_stem() {
        let manifest = loaded(UNVERIFIED);
        assert!(manifest.path_of("text_model").unwrap().ends_with("onnx/text_model_quantized.onnx"));
        assert!(manifest.path_of("vision_model").unwrap().ends_with("onnx/vision_model.onnx"));
        let error = manifest.path_of("tokenizer").unwrap_err().to_string();
        let expected = "model tiny: no file with the role \"tokenizer\", the manifest has text_model, vision_model";
        assert_eq!(error, expected, "external weights have no role");
    }
}
