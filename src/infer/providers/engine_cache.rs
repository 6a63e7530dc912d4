//! Where TensorRT engines are kept: one folder for each combination that needs an engine of its own.
//!
//! An engine fits one model, chip, TensorRT and ONNX Runtime version, precision and shape profile. Each is part of the
//! path, so that a change of any of them builds anew instead of loading what does not fit.

use super::cure::NOT_KEPT;
use super::engine_shapes::EngineShapes;
use super::gpu::Gpu;
use super::kept_engines::{KeptEngines, engines_in};
use super::{Precision, tensorrt_version};
use crate::infer::{OnnxFile, checksum};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file name endings that ONNX Runtime's TensorRT provider writes.
const CACHE_ENDINGS: [&str; 4] = ["engine", "profile", "timing", "cache"];

/// The file that a process holds locked while it reads or builds an engine.
const LOCK: &str = "lock";

/// The folder of one engine, ours alone for as long as this value lives: ONNX Runtime writes an engine in place, so that
/// another process would read half of it.
#[derive(Debug)]
pub(in crate::infer) struct Engines {
    folder: PathBuf,
    were_there: bool,
    _lock: File,
}

impl Engines {
    /// Makes the folder where it is not there, and waits for a process that uses it.
    ///
    /// # Errors
    /// The reason against TensorRT when it cannot be made, written or locked.
    pub fn open(root: &Path, key: &EngineKey) -> Result<Self, String> {
        let folder = key.folder(root);
        let reason = format!("{NOT_KEPT} {}", folder.display());
        Self::locked(folder).map_err(|error| format!("{reason}: {error}"))
    }

    fn locked(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let lock = File::options().create(true).append(true).open(folder.join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                tracing::info!(folder = %folder.display(), "waiting for another program that builds this engine");
                lock.lock()?;
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let were_there = engines_in(&folder).next().is_some();
        Ok(Self { folder, were_there, _lock: lock })
    }

    /// What is to be told of it.
    pub fn kept(&self) -> KeptEngines {
        KeptEngines { folder: self.folder.clone(), were_there: self.were_there }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// All that an engine depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::infer) struct EngineKey {
    /// SHA-256 of the model's file and of its files of weights, in hexadecimal.
    pub model_sha256: String,
    /// The chip.
    pub gpu: Gpu,
    /// TensorRT's version.
    pub tensorrt: String,
    /// ONNX Runtime's version.
    pub onnxruntime: String,
    /// `fp16` or `fp32`.
    pub precision: &'static str,
    /// The sizes that it is built for.
    pub shapes: String,
}

impl EngineKey {
    /// That of a model on a device of this machine, for the TensorRT that is loaded.
    ///
    /// # Errors
    /// When a file of the model cannot be read.
    pub fn of(
        model: &Path,
        file: &OnnxFile,
        device_id: u32,
        onnxruntime: &str,
        precision: Precision,
        shapes: &EngineShapes,
    ) -> io::Result<Self> {
        let mut hashes = checksum::file_sha256(model)?;
        for weights in file.external_paths(model) {
            hashes += &checksum::file_sha256(&weights)?;
        }
        Ok(Self {
            model_sha256: checksum::text_sha256(&hashes),
            gpu: Gpu::query(device_id),
            tensorrt: tensorrt_version::loaded(),
            onnxruntime: onnxruntime.to_owned(),
            precision: precision.name(),
            shapes: shapes.key(),
        })
    }

    /// `<root>/<gpu>-sm<capability>/trt<version>-ort<version>-<precision>/<model>-<shapes>`, model and shapes by the
    /// first digits of their hashes.
    pub fn folder(&self, root: &Path) -> PathBuf {
        let model: String = self.model_sha256.chars().take(16).collect();
        let mut shapes = checksum::text_sha256(&self.shapes);
        shapes.truncate(12);
        root.join(format!("{}-sm{}", slug(&self.gpu.name), slug(&self.gpu.compute_capability)))
            .join(format!("trt{}-ort{}-{}", slug(&self.tensorrt), slug(&self.onnxruntime), self.precision))
            .join(format!("{}-{shapes}", slug(&model)))
    }
}

/// Letters, digits and dots as they are, anything else a dash.
fn slug(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

/// Removes what the TensorRT provider wrote into `folder` and nothing else; the number of files removed. A folder that
/// does not exist is empty.
///
/// # Errors
/// When a file cannot be removed.
pub(in crate::infer) fn clear(folder: &Path) -> io::Result<usize> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    let mut removed = 0;
    for entry in entries {
        let path = entry?.path();
        let ours = path.extension().is_some_and(|ending| CACHE_ENDINGS.iter().any(|known| ending == *known));
        if ours && path.is_file() {
            fs::remove_file(&path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether an error says that an engine is there and cannot be read: cut off, or of another version or GPU. Any other one,
/// out of memory among them, says nothing against it.
pub(in crate::infer) fn is_unreadable(reason: &str) -> bool {
    // As ONNX Runtime 1.31 words it: "TensorRT EP could not deserialize engine from cache: <path>", "... from encrypted
    // cache: <path>", "TensorRT EP failed to deserialize engine".
    let reason = reason.to_lowercase();
    reason.contains("deserialize") && reason.contains("engine")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{Provider, Refusal};

    fn key() -> EngineKey {
        EngineKey {
            model_sha256: "e548ab3a406227202334bf5a6623c9814ac6286ff04e68aeb4dc2357732d1a4f".to_owned(),
            gpu: Gpu { name: "NVIDIA H100 80GB HBM3".to_owned(), compute_capability: "9.0".to_owned() },
            tensorrt: "10.14.1".to_owned(),
            onnxruntime: "1.32.0".to_owned(),
            precision: "fp16",
            shapes: "images:1x3x640x640 images:1x3x640x640 images:4x3x640x640".to_owned(),
        }
    }

    #[test]
    fn the_folder_can_be_read_by_a_person() {
        let folder = key().folder(Path::new("/cache"));
        let text = folder.to_string_lossy();
        let start = "/cache/NVIDIA-H100-80GB-HBM3-sm9.0/trt10.14.1-ort1.32.0-fp16/e548ab3a40622720-";
        assert!(text.starts_with(start), "{text}");
    }

    #[test]
    fn every_part_of_the_key_changes_the_folder() {
        let changed: [fn(&mut EngineKey); 7] = [
            |key| key.model_sha256 = "00".repeat(32),
            |key| key.gpu.name = "Orin".to_owned(),
            |key| key.gpu.compute_capability = "8.7".to_owned(),
            |key| key.tensorrt = "10.13.0".to_owned(),
            |key| key.onnxruntime = "1.31.1".to_owned(),
            |key| key.precision = "fp32",
            |key| key.shapes.push('0'),
        ];
        for change in changed {
            let mut other = key();
            change(&mut other);
            assert_ne!(other.folder(Path::new("/cache")), key().folder(Path::new("/cache")), "{other:?}");
        }
    }

    #[test]
    fn a_name_from_outside_cannot_leave_the_root() {
        let mut hostile = key();
        hostile.gpu.name = "../../etc".to_owned();
        assert_eq!(hostile.folder(Path::new("/cache")).components().count(), 5);
    }

    #[test]
    fn clearing_removes_engines_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a_sm90.engine", "a.profile", "sm90.timing", "notes.txt"] {
            fs::write(folder.path().join(name), b"x").unwrap();
        }
        assert_eq!(clear(folder.path()).unwrap(), 3);
        assert!(folder.path().join("notes.txt").exists());
        assert_eq!(clear(&folder.path().join("missing")).unwrap(), 0);
    }

    #[test]
    fn only_an_engine_that_cannot_be_read_is_taken_for_one() {
        assert!(is_unreadable("TensorRT EP could not deserialize engine from cache: /cache/a_sm90.engine"));
        for other in [
            "TensorRT EP could not build engine for fused node: TensorrtExecutionProvider_TRTKernel_graph_torch_jit",
            "CUDA failure 2: out of memory",
            "TensorRT EP Failed to create engine from network.",
        ] {
            assert!(!is_unreadable(other), "{other}");
        }
    }

    #[test]
    fn engines_that_are_there_are_told_from_those_that_are_built_now() {
        let root = tempfile::tempdir().unwrap();
        let first = Engines::open(root.path(), &key()).unwrap().kept();
        assert_eq!((first.were_there, first.bytes()), (false, 0));
        fs::write(first.folder.join("a_sm90.engine"), b"1234").unwrap();
        fs::write(first.folder.join("a_sm90.profile"), b"1").unwrap();
        assert_eq!(first.bytes(), 4, "as it is now");
        assert!(Engines::open(root.path(), &key()).unwrap().kept().were_there);
    }

    #[test]
    fn a_second_process_waits_for_the_folder() {
        let root = tempfile::tempdir().unwrap();
        let engines = Engines::open(root.path(), &key()).unwrap();
        let lock = fs::File::open(engines.folder().join(LOCK)).unwrap();
        assert!(matches!(lock.try_lock(), Err(TryLockError::WouldBlock)));
        drop(engines);
        lock.try_lock().unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_a_reason_against_tensorrt_with_its_path_and_cure() {
        let root = tempfile::tempdir().unwrap();
        let taken = root.path().join("engines");
        fs::write(&taken, "a file").unwrap();
        let reason = Engines::open(&taken, &key()).unwrap_err();
        let refusal = Refusal::new(Provider::TensorRt, reason);
        assert!(refusal.reason.contains(&taken.display().to_string()), "{refusal:?}");
        assert!(refusal.cure.contains("engine_cache_dir"), "{refusal:?}");
    }
}
