//! A model's file before it is loaded: whether it is one, what it says of itself, and what ONNX Runtime's refusal means.

mod complaint;
mod disguise;
pub(super) mod header;
pub(super) mod wire;

pub(super) use complaint::{in_words, is_about_the_model};
pub use header::OnnxFile;

use super::InferError;
use super::regular_file::open_regular;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Component, Path, PathBuf};
use wire::{Broken, Reader};

impl OnnxFile {
    /// Reads what a file says of itself. Its weights are skipped: a file of gigabytes takes milliseconds and no memory.
    ///
    /// # Errors
    /// [`InferError::ModelMissing`]; [`InferError::NoModel`] for what is something else, with the cure;
    /// [`InferError::ModelBroken`] for one that is cut off or garbled; [`InferError::WeightsElsewhere`] for one that names
    /// files outside of its folder.
    pub fn read(path: &Path) -> Result<Self, InferError> {
        let broken = |reason: String| InferError::ModelBroken { path: path.to_path_buf(), reason };
        let mut file = open_regular(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => InferError::ModelMissing { path: path.to_path_buf() },
            _ => broken(error.to_string()),
        })?;
        let (first, length) = beginning(&mut file).map_err(|error| broken(error.to_string()))?;
        if let Some(disguise::Disguise { what, cure }) = disguise::of(&first, length) {
            return Err(InferError::NoModel { path: path.to_path_buf(), what, cure });
        }
        let file = header::read(&mut Reader::new(file, length)).map_err(|reason| {
            broken(match reason {
                Broken::CutOff { .. } => format!("{reason}: fetch or copy it again"),
                reason => reason.to_string(),
            })
        })?;
        if let Some(location) = file.external_files().find(|location| !is_beside(location)) {
            let location: String = location.chars().take(MOST_TOLD).collect();
            return Err(InferError::WeightsElsewhere { path: path.to_path_buf(), location });
        }
        Ok(file)
    }

    /// Whether ONNX Runtime can begin with a file: it is a model, and the files of weights that it names are beside it
    /// and long enough.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`InferError::WeightsMissing`], [`InferError::WeightsShort`],
    /// [`InferError::NoWeights`]; [`InferError::ModelBroken`] for one without an operator set.
    pub fn check(path: &Path) -> Result<(), InferError> {
        if is_ort_format(path) {
            return Ok(());
        }
        let file = Self::read(path)?;
        if file.opsets.is_empty() {
            let reason = "it names no operator set (opset_import), without which no operator is known: export it again";
            return Err(InferError::ModelBroken { path: path.to_path_buf(), reason: reason.to_owned() });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let missing: Vec<&str> = file.external_files().filter(|name| !folder.join(name).is_file()).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(InferError::WeightsMissing { path: path.to_path_buf(), missing });
        }
        for (name, &needed) in &file.external {
            let weights = folder.join(name);
            if let Some(disguise::Disguise { what, cure }) = pointer_at(&weights) {
                return Err(InferError::NoWeights { path: path.to_path_buf(), weights, what, cure });
            }
            let found = weights.metadata().map_or(0, |metadata| metadata.len());
            if found < needed {
                return Err(InferError::WeightsShort { path: path.to_path_buf(), weights, found, needed });
            }
        }
        Ok(())
    }

    /// Where the files of weights are that a model at `path` names.
    pub fn external_paths(&self, path: &Path) -> Vec<PathBuf> {
        let folder = path.parent().unwrap_or(Path::new(""));
        self.external_files().map(|name| folder.join(name)).collect()
    }
}

/// How many characters of a location are told.
const MOST_TOLD: usize = 200;

/// Whether a file of weights is where ONNX allows it: at a relative path below the model's folder, without `..`.
fn is_beside(location: &str) -> bool {
    let mut parts = Path::new(location).components().filter(|part| *part != Component::CurDir).peekable();
    parts.peek().is_some()
        && !location.ends_with('/')
        && !location.contains(char::is_control)
        && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// The first bytes, and how many there are in all. The file stands at its beginning after that.
fn beginning(file: &mut File) -> io::Result<(Vec<u8>, u64)> {
    let length = file.metadata()?.len();
    let mut first = Vec::new();
    file.by_ref().take(disguise::LOOKED_AT as u64).read_to_end(&mut first)?;
    file.rewind()?;
    Ok((first, length))
}

/// What stands for a file of weights. These may hold any bytes, so that nothing else is told by their beginning.
fn pointer_at(path: &Path) -> Option<disguise::Disguise> {
    let (first, _) = open_regular(path).and_then(|mut file| beginning(&mut file)).ok()?;
    disguise::pointer(&first)
}

fn is_ort_format(path: &Path) -> bool {
    let first = open_regular(path).and_then(|mut file| beginning(&mut file));
    first.is_ok_and(|(first, _)| disguise::is_ort_format(&first))
}
