//! What a model's file says of itself before it is loaded, and what is said of one that does not load.

use crate::onnx_runtime::{cpu, runtime_or_skip, small_model};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use vedette::infer::{Backend, InferError, OnnxFile, OrtBackend};

fn small_models() -> Vec<PathBuf> {
    let folder = small_model("yolo_rows").parent().unwrap().to_owned();
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "onnx")).collect()
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// The bytes of a small model with `from` written over by `to`, once.
fn changed(model: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = std::fs::read(small_model(model)).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from).expect("what is to be changed is there");
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

#[test]
fn a_file_says_what_a_session_says() {
    let Some(runtime) = runtime_or_skip("a file and its session") else { return };
    let mut compared = 0;
    for path in small_models() {
        let file = OnnxFile::read(&path).unwrap();
        assert!((3..=13).contains(&file.ir_version) && file.opsets.contains_key("ai.onnx"), "{}", path.display());
        // Inputs of types that we do not pass are refused by a session.
        let Ok(backend) = OrtBackend::open(runtime, &path, &cpu(), &[]) else { continue };
        let (file, session) = (file.signature, backend.signature());
        assert_eq!(file.inputs, session.inputs, "{}", path.display());
        assert_eq!(file.metadata, session.metadata);
        let names = |specs: &[vedette::infer::TensorSpec]| -> Vec<_> {
            specs.iter().map(|spec| (spec.name.clone(), spec.element, spec.shape.len())).collect()
        };
        assert_eq!(names(&file.outputs), names(&session.outputs));
        compared += 1;
    }
    assert!(compared > 8, "only {compared} models were compared");
}

#[test]
fn weights_in_files_of_their_own_are_named_and_counted() {
    let file = OnnxFile::read(&small_model("external_weights")).unwrap();
    assert_eq!(file.external_files().collect::<Vec<_>>(), ["external_weights.onnx_data"]);
    let folder = tempfile::tempdir().unwrap();
    let alone = folder.path().join("m.onnx");
    std::fs::copy(small_model("external_weights"), &alone).unwrap();
    let error = OnnxFile::check(&alone).unwrap_err();
    assert!(matches!(error, InferError::WeightsMissing { .. }), "{error}");
    assert!(error.to_string().contains("missing beside it: external_weights.onnx_data; copy or fetch"), "{error}");
    written(folder.path(), "external_weights.onnx_data", b"cut");
    let error = OnnxFile::check(&alone).unwrap_err().to_string();
    assert!(error.contains("external_weights.onnx_data hold 3 bytes, expected at least 16: fetch or copy"), "{error}");
    let weights = small_model("external_weights").with_extension("onnx_data");
    std::fs::copy(weights, folder.path().join("external_weights.onnx_data")).unwrap();
    OnnxFile::check(&alone).unwrap();
}

#[test]
fn a_model_without_an_operator_set_is_told_before_it_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), "m.onnx", &[8, 8, 0x3a, 0]);
    OnnxFile::read(&path).unwrap();
    assert!(OnnxFile::check(&path).unwrap_err().to_string().contains("names no operator set (opset_import)"));
}

#[test]
fn weights_outside_of_the_models_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let name = "external_weights.onnx_data";
    for location in ["/etc/ternal_weights.onnx_d", "../ernal_weights.onnx_data", "a/../../_weights.onnx_data"] {
        let bytes = changed("external_weights", name.as_bytes(), location.as_bytes());
        let error = OnnxFile::read(&written(folder.path(), "m.onnx", &bytes)).unwrap_err();
        assert!(matches!(error, InferError::WeightsElsewhere { .. }), "{error}");
        assert!(
            error.to_string().contains(&format!("at {location:?}, expected a path below its own folder")),
            "{error}"
        );
    }
}

#[test]
fn a_model_that_is_too_new_is_told_with_what_this_runtime_reads() {
    let Some(runtime) = runtime_or_skip("too new models") else { return };
    let folder = tempfile::tempdir().unwrap();
    let version = runtime.version();
    let told = |name: &str, bytes: Vec<u8>| {
        let path = written(folder.path(), name, &bytes);
        let error = OrtBackend::open(runtime, &path, &cpu(), &[]).unwrap_err();
        assert!(matches!(error, InferError::Unsupported(_)), "{error}");
        let start = format!("model file {}: ", path.display());
        error.to_string().strip_prefix(&start).unwrap_or_else(|| panic!("{error}")).to_owned()
    };
    // The first field is the version of the format.
    let ir = told("ir.onnx", changed("yolo_rows", &[8, 8], &[8, 99]));
    assert!(ir.starts_with(&format!("IR version 99, this ONNX Runtime ({version}) reads up to ")), "{ir}");
    assert!(ir.ends_with(": export with an older opset or take a newer runtime"), "{ir}");
    // The last one imports opset 17: of the empty domain, version 17.
    let opset = told("opset.onnx", changed("yolo_rows", &[0x0a, 0, 0x10, 17], &[0x0a, 0, 0x10, 120]));
    assert!(opset.starts_with(&format!("opset 120 of ai.onnx, this ONNX Runtime ({version}) reads up to ")), "{opset}");
    let operator = told("operator.onnx", changed("yolo_rows", b"GlobalAveragePool", b"GlobalAveragePoll"));
    let expected =
        format!("operator GlobalAveragePoll of opset 17, this ONNX Runtime ({version}) has no such operator");
    assert!(operator.starts_with(&expected), "{operator}");
}

#[test]
fn what_lies_where_a_model_should_is_named_with_the_cure() {
    let Some(runtime) = runtime_or_skip("no models") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, expected) in [
        (
            "lfs.onnx",
            &b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"[..],
            "is no ONNX model but a Git LFS pointer, not the file it stands for: run `git lfs pull` where it was cloned",
        ),
        ("page.onnx", b"<!DOCTYPE html><html>", "is no ONNX model but an HTML page: the download brought a page"),
        (
            "best.pt",
            b"PK\x03\x04\0\0\x08\x08\0\0archive/data.pkl",
            "but a zip archive, as PyTorch (.pt, .pth) and Keras",
        ),
        ("empty.onnx", b"", "is no ONNX model but empty: fetch it again"),
    ] {
        let path = written(folder.path(), name, bytes);
        let error = OrtBackend::open(runtime, &path, &cpu(), &[]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("model file {} is no", path.display())), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let whole = std::fs::read(small_model("yolo_rows")).unwrap();
    let path = written(folder.path(), "cut.onnx", &whole[..whole.len() / 2]);
    let error = OnnxFile::read(&path).unwrap_err().to_string();
    let expected = format!("does not load: it ends in the middle, after {} bytes: ", whole.len() / 2);
    assert!(error.contains(&expected) && error.ends_with("fetch or copy it again"), "{error}");
}

fn any_damage() -> impl Strategy<Value = Vec<u8>> {
    let models = small_models();
    let whole = (0..models.len()).prop_map(move |index| std::fs::read(&models[index]).unwrap());
    whole.prop_flat_map(|bytes| {
        let changes = proptest::collection::vec((0..bytes.len(), any::<u8>()), 0..8);
        (changes, 0..=bytes.len()).prop_map(move |(changes, length)| {
            let mut bytes = bytes.clone();
            for (at, byte) in changes {
                bytes[at] = byte;
            }
            bytes.truncate(length);
            bytes
        })
    })
}

proptest! {
    #[test]
    fn a_damaged_file_is_read_or_refused_by_name(bytes in any_damage()) {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "damaged.onnx", &bytes);
        if let Err(error) = OnnxFile::check(&path) {
            prop_assert!(error.to_string().contains("damaged.onnx"), "{error}");
            prop_assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let _ = OnnxFile::check(&written(folder.path(), "any.onnx", &bytes));
    }
}
