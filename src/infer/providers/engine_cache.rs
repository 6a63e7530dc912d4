//! Where TensorRT engines are kept: one folder for each combination that needs an engine of its own.
//!
//! An engine fits one model, chip, TensorRT and ONNX Runtime version, precision and shape profile. Each is part of the
//! path, so that a change of any of them builds anew instead of loading what does not fit.

use super::gpu::Gpu;
use crate::infer::checksum;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file name endings that ONNX Runtime's TensorRT provider writes.
const CACHE_ENDINGS: [&str; 4] = ["engine", "profile", "timing", "cache"];

/// All that an engine depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::infer) struct EngineKey {
    /// SHA-256 of the model file, in hexadecimal.
    pub model_sha256: String,
    /// The chip.
    pub gpu: Gpu,
    /// TensorRT's version, as far as it is known.
    pub tensorrt: String,
    /// ONNX Runtime's version.
    pub onnxruntime: String,
    /// `fp16` or `fp32`.
    pub precision: &'static str,
    /// The min, opt and max shapes of all inputs.
    pub profile: String,
}

impl EngineKey {
    /// `<root>/<gpu>-sm<capability>/trt<version>-ort<version>-<precision>/<model>-<profile>`, model and profile by the
    /// first digits of their hashes.
    pub fn folder(&self, root: &Path) -> PathBuf {
        let model: String = self.model_sha256.chars().take(16).collect();
        let mut profile = checksum::text_sha256(&self.profile);
        profile.truncate(12);
        root.join(format!("{}-sm{}", slug(&self.gpu.name), slug(&self.gpu.compute_capability)))
            .join(format!("trt{}-ort{}-{}", slug(&self.tensorrt), slug(&self.onnxruntime), self.precision))
            .join(format!("{}-{profile}", slug(&model)))
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

/// TensorRT's version by the name of the library that the process has loaded: `10.14.1`, or `10` where the file's name
/// says no more; `unknown` when it is not loaded.
pub(in crate::infer) fn loaded_tensorrt_version() -> String {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    tensorrt_version_in(&maps).unwrap_or_else(|| "unknown".to_owned())
}

fn tensorrt_version_in(maps: &str) -> Option<String> {
    maps.lines().find_map(|line| line.rsplit_once("/libnvinfer.so.")).map(|(_, version)| version.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> EngineKey {
        EngineKey {
            model_sha256: "e548ab3a406227202334bf5a6623c9814ac6286ff04e68aeb4dc2357732d1a4f".to_owned(),
            gpu: Gpu { name: "NVIDIA H100 80GB HBM3".to_owned(), compute_capability: "9.0".to_owned() },
            tensorrt: "10.14.1".to_owned(),
            onnxruntime: "1.32.0".to_owned(),
            precision: "fp16",
            profile: "images:1x3x640x640 images:1x3x640x640 images:4x3x640x640".to_owned(),
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
            |key| key.profile.push('0'),
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
    fn the_version_of_tensorrt_is_read_from_the_loaded_library() {
        let maps = "7f00-7f01 r-xp 00000000 08:01 42 /usr/lib/libc.so.6\n\
                    7f02-7f03 r-xp 00000000 08:01 43 /opt/trt/libnvinfer.so.10.14.1\n";
        assert_eq!(tensorrt_version_in(maps).as_deref(), Some("10.14.1"));
        assert_eq!(tensorrt_version_in("7f00-7f01 r-xp 0 0 0 [heap]"), None);
    }
}
