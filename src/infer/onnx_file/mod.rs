//! A model's file before it is loaded: whether it is one, what it says of itself, and what ONNX Runtime's refusal means.

mod complaint;
mod disguise;
mod header;
mod wire;

pub(super) use complaint::{in_words, is_about_the_model};
pub use header::OnnxFile;

use super::InferError;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use wire::{Broken, Reader};

impl OnnxFile {
    /// Reads what a file says of itself. Its weights are skipped: a file of gigabytes takes milliseconds and no memory.
    ///
    /// # Errors
    /// [`InferError::ModelMissing`]; [`InferError::NoModel`] for what is something else, with the cure;
    /// [`InferError::ModelBroken`] for one that is cut off or garbled.
    pub fn read(path: &Path) -> Result<Self, InferError> {
        let broken = |reason: String| InferError::ModelBroken { path: path.to_path_buf(), reason };
        let mut file = match File::open(path) {
            Ok(file) if path.is_file() => file,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(broken(error.to_string())),
            _ => return Err(InferError::ModelMissing { path: path.to_path_buf() }),
        };
        let (first, length) = beginning(&mut file).map_err(|error| broken(error.to_string()))?;
        if let Some(disguise::Disguise { what, cure }) = disguise::of(&first, length) {
            return Err(InferError::NoModel { path: path.to_path_buf(), what, cure });
        }
        header::read(&mut Reader::new(file, length)).map_err(|reason| {
            broken(match reason {
                Broken::CutOff { .. } => format!("{reason}: fetch or copy it again"),
                reason => reason.to_string(),
            })
        })
    }

    /// Whether ONNX Runtime can begin with a file: it is a model, and the files of weights that it names are beside it
    /// and long enough.
    ///
    /// # Errors
    /// As [`read`](Self::read), and [`InferError::WeightsMissing`], [`InferError::WeightsShort`].
    pub fn check(path: &Path) -> Result<(), InferError> {
        if is_ort_format(path) {
            return Ok(());
        }
        let file = Self::read(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let missing: Vec<&str> = file.external_files().filter(|name| !folder.join(name).is_file()).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Err(InferError::WeightsMissing { path: path.to_path_buf(), missing });
        }
        for (name, &needed) in &file.external {
            let weights = folder.join(name);
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

/// The first bytes, and how many there are in all. The file stands at its beginning after that.
fn beginning(file: &mut File) -> io::Result<(Vec<u8>, u64)> {
    let length = file.metadata()?.len();
    let mut first = Vec::new();
    file.by_ref().take(disguise::LOOKED_AT as u64).read_to_end(&mut first)?;
    file.rewind()?;
    Ok((first, length))
}

fn is_ort_format(path: &Path) -> bool {
    let first = File::open(path).and_then(|mut file| beginning(&mut file));
    first.is_ok_and(|(first, _)| disguise::is_ort_format(&first))
}
