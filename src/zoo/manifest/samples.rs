//! Manifests for tests.

use crate::zoo::Manifest;
use std::fs;
use std::path::{Path, PathBuf};

pub(in crate::zoo) const MINIMAL: &str = r#"
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

/// A manifest of another family, of which nobody has fetched the files.
pub(in crate::zoo) const UNVERIFIED: &str = r#"
family = "siglip"
task = "score"
source = "made by hand"
verified = false
[scoring]
logit_scale = 10.0
logit_bias = -5.0
[license]
name = "Apache-2.0"
[[files]]
path = "onnx/text_model_quantized.onnx"
role = "text_model"
url = "https://example.org/text_model_quantized.onnx"
[[files]]
path = "onnx/vision_model.onnx"
[[files]]
path = "onnx/vision_model.onnx_data"
"#;

pub(in crate::zoo) fn write_manifest(root: &Path, name: &str, text: &str) -> PathBuf {
    fs::create_dir_all(root.join(name)).unwrap();
    let file = root.join(name).join("model.toml");
    fs::write(&file, text).unwrap();
    file
}

pub(in crate::zoo) fn loaded(text: &str) -> Manifest {
    let root = tempfile::tempdir().unwrap();
    Manifest::load(&write_manifest(root.path(), "tiny", text)).unwrap()
}
