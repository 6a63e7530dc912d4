//! Models without a manifest: what is read from a file or a checkpoint's folder, and what is refused.

use crate::onnx_runtime::{cpu, runtime_or_skip, small_model};
use std::fs;
use std::path::{Path, PathBuf};
use vedette::infer::Runtime;
use vedette::types::{Detection, ImageView, PixelFormat, Size};
use vedette::zoo::{self, Family, Integrity, LayoutName, Manifest, NamesFrom, Thresholds};

const SIZE: Size = Size { width_px: 96, height_px: 64 };

fn checkpoint(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/parity").join(family).join("checkpoint")
}

/// What a detector sees in a picture of a ramp, however poor its score.
fn seen(runtime: &'static Runtime, manifest: &Manifest) -> Vec<Detection> {
    let pixels: Vec<u8> =
        (0..SIZE.width_px * SIZE.height_px).flat_map(|at| [250, (at % 200) as u8, (at / 96 % 200) as u8]).collect();
    let picture = ImageView::new(&pixels, SIZE, 3 * SIZE.width_px, PixelFormat::Rgb8).unwrap();
    let mut out = Vec::new();
    let thresholds = Thresholds { score: 0.01, iou: 0.5, max_detections: 20, classes: None };
    zoo::load(manifest, runtime, &cpu()).unwrap().detect(&picture, &thresholds, &mut out).unwrap();
    out
}

/// A manifest that says the same as `found` and a size, as a person would write it.
fn written(folder: &Path, family: &str, files: &[&str], more: &str) -> Manifest {
    let files: String = files.iter().map(|path| format!("[[files]]\npath = \"{path}\"\n")).collect();
    let text = format!(
        "family = \"{family}\"\ntask = \"detect\"\nsource = \"a test\"\nverified = false\nlicense = {{ name = \"MIT\" }}\n\
         {more}\n{files}"
    );
    fs::write(folder.join("model.toml"), text).unwrap();
    Manifest::load(&folder.join("model.toml")).unwrap()
}

#[test]
fn a_file_alone_is_the_detector_that_its_manifest_would_make_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("best.onnx");
    fs::copy(small_model("yolo_rows"), &path).unwrap();
    let found = zoo::find(&[], &path.to_string_lossy()).unwrap();
    assert_eq!((found.name.as_str(), found.family, found.is_written), ("best", Family::Yolo, false));
    assert_eq!((found.verify(), found.license.name.as_str()), (Ok(Integrity::Unwritten), "unknown"));
    let understood = zoo::examine(&found).unwrap().understood;
    assert_eq!((understood.layout, understood.names_from), (LayoutName::Rows, NamesFrom::Metadata));
    assert_eq!(understood.labels, ["red", "green", "traffic light"]);
    let Some(runtime) = runtime_or_skip("a file alone") else { return };
    let alone = seen(runtime, &found);
    assert!(!alone.is_empty());
    let by_manifest = written(folder.path(), "yolo", &["best.onnx"], "input = { width_px = 64, height_px = 64 }");
    assert_eq!(seen(runtime, &by_manifest), alone);
    let beside = zoo::find_at(&path).unwrap();
    assert!(beside.is_written, "a manifest that lists the file counts");
    fs::copy(&path, folder.path().join("other.onnx")).unwrap();
    assert!(!zoo::find_at(&folder.path().join("other.onnx")).unwrap().is_written, "and one that does not list it, not");
}

#[test]
fn a_checkpoints_folder_is_the_detector_that_its_files_make_it() {
    let fixture = checkpoint("dfine");
    for path in [fixture.clone(), fixture.join("onnx/model.onnx")] {
        let found = zoo::find_at(&path).unwrap();
        assert_eq!((found.family, found.is_written), (Family::Detr, false), "{}", path.display());
        let files: Vec<String> = found.files.iter().map(|file| file.path.display().to_string()).collect();
        assert_eq!(files, ["onnx/model.onnx", "config.json", "preprocessor_config.json"]);
        let examined = zoo::examine(&found).unwrap();
        assert!(examined.has_processor && examined.understood.names_from == NamesFrom::Given);
        let Some(runtime) = runtime_or_skip("a checkpoint's folder") else { return };
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir(copy.path().join("onnx")).unwrap();
        let files = ["onnx/model.onnx", "config.json", "preprocessor_config.json"];
        for file in files {
            fs::copy(fixture.join(file), copy.path().join(file)).unwrap();
        }
        assert_eq!(seen(runtime, &found), seen(runtime, &written(copy.path(), "detr", &files, "")));
    }
    for (family, expected) in [("owlv2", Family::Owl), ("grounding_dino", Family::GroundingDino)] {
        let found = zoo::find_at(&checkpoint(family)).unwrap();
        assert_eq!(found.family, expected);
        assert!(found.path_of("tokenizer").is_ok() && found.path_of("preprocessor_config").is_ok());
    }
}

#[test]
fn a_manifest_that_is_written_down_says_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    for (name, source) in [("yolo", small_model("yolo_rows")), ("detr", checkpoint("dfine").join("onnx/model.onnx"))] {
        let root = folder.path().join(name);
        fs::create_dir_all(&root).unwrap();
        fs::copy(&source, root.join("best.onnx")).unwrap();
        for file in ["config.json", "preprocessor_config.json"] {
            let beside = checkpoint("dfine").join(file);
            if name == "detr" {
                fs::copy(beside, root.join(file)).unwrap();
            }
        }
        let found = zoo::find_at(&root.join("best.onnx")).unwrap();
        let examined = zoo::examine(&found).unwrap();
        fs::write(root.join("model.toml"), zoo::written(&found, Some(&examined))).unwrap();
        let again = Manifest::load(&root.join("model.toml")).unwrap();
        assert_eq!(again.layout, Some(examined.understood.layout).filter(|_| name == "yolo"));
        assert_eq!(again.input.as_ref().unwrap().size, Some(examined.understood.size).filter(|_| name == "yolo"));
        assert_eq!((again.family, &again.files, &again.license), (found.family, &found.files, &found.license));
        let read = zoo::examine(&again).unwrap().understood;
        assert_eq!(
            (read.layout, read.form, &read.labels),
            (examined.understood.layout, examined.understood.form, &examined.understood.labels)
        );
        let Some(runtime) = runtime_or_skip("a written manifest") else { continue };
        assert_eq!(seen(runtime, &again), seen(runtime, &found));
    }
}

#[test]
fn every_layout_that_is_written_down_is_read_again_as_it_was() {
    let layouts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/layouts");
    let mut read = 0;
    for entry in fs::read_dir(&layouts).unwrap() {
        let path = entry.unwrap().path();
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("best.onnx");
        if path.extension().is_none_or(|extension| extension != "onnx") || fs::copy(&path, &copy).is_err() {
            continue;
        }
        // Those that are to be refused, or want a hint.
        let Ok(found) = zoo::find_at(&copy) else { continue };
        let examined = zoo::examine(&found).unwrap();
        fs::write(folder.path().join("model.toml"), zoo::written(&found, Some(&examined))).unwrap();
        let again = zoo::examine(&Manifest::load(&folder.path().join("model.toml")).unwrap()).unwrap().understood;
        let (first, name) = (examined.understood, path.display());
        assert_eq!((again.layout, again.size, again.form), (first.layout, first.size, first.form), "{name}");
        assert_eq!(again.labels, first.labels, "{name}");
        read += 1;
    }
    assert!(read > 10, "only {read} layouts were read");
}

#[test]
fn names_beside_a_file_are_taken_where_nothing_else_has_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("best.onnx");
    // The key under which the metadata has the names, as long as before.
    let mut bytes = fs::read(small_model("yolo_rows")).unwrap();
    let at = bytes.windows(5).position(|window| window == b"names").unwrap();
    bytes[at..at + 5].copy_from_slice(b"label");
    fs::write(&path, &bytes).unwrap();
    let error = zoo::find_at(&path).unwrap_err().to_string();
    assert!(error.starts_with(&format!("model file {}: class names: ", path.display())), "{error}");
    fs::write(folder.path().join("labels.txt"), "rot\ngrün\nAmpel\n").unwrap();
    let found = zoo::find_at(&path).unwrap();
    assert_eq!(zoo::examine(&found).unwrap().understood.labels, ["rot", "grün", "Ampel"]);
    fs::write(folder.path().join("labels.txt"), "rot\n").unwrap();
    assert!(zoo::find_at(&path).is_err(), "one name for three classes");
    fs::copy(small_model("yolo_rows"), &path).unwrap();
    let names_of = |path: &Path| zoo::examine(&zoo::find_at(path).unwrap()).unwrap().understood.labels;
    assert_eq!(names_of(&path)[0], "red", "the metadata first");
    fs::write(folder.path().join("config.json"), r#"{"model_type": "clip"}"#).unwrap();
    assert_eq!(names_of(&path)[0], "red", "whatever checkpoint lies beside it");
}

#[test]
fn a_detr_takes_the_names_of_its_metadata_and_without_any_those_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("best.onnx");
    let named = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/layouts/rf_detr_91_named.onnx");
    let bytes = fs::read(named).unwrap();
    fs::write(&path, &bytes).unwrap();
    fs::write(folder.path().join("labels.txt"), "car\n".repeat(80)).unwrap();
    let understood = || zoo::examine(&zoo::find_at(&path).unwrap()).unwrap().understood;
    let found = understood();
    assert_eq!((found.labels[79].as_str(), found.names_from), ("thing 79", NamesFrom::Metadata));
    // Names that hold nothing, as long as before.
    let at = bytes.windows(4).position(|window| window == b"{0: ").unwrap();
    let end = bytes[at..].iter().position(|byte| *byte == b'}').unwrap();
    let mut emptied = bytes;
    emptied[at..=at + end].fill(b' ');
    fs::write(&path, &emptied).unwrap();
    let found = understood();
    assert_eq!((found.labels[79].as_str(), found.names_from), ("car", NamesFrom::Given));
}

#[test]
fn what_is_no_detector_is_refused_by_its_path_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    };
    let flags = fs::read(small_model("flags")).unwrap();
    for (path, expected) in [
        (
            write("pointer.onnx", b"version https://git-lfs.github.com/spec/v1\n"),
            "is no ONNX model but a Git LFS pointer",
        ),
        (write("best.pt", b"PK\x03\x04archive/data.pkl"), "is no ONNX model but a zip archive, as PyTorch"),
        (write("flags.onnx", &flags), "expects one picture [1, 3, H, W]"),
        (folder.path().join("nowhere.onnx"), "expected an ONNX file, or a folder with a model.toml or an ONNX file"),
        (checkpoint("clip").join("onnx/vision_model.onnx"), "its config.json says model_type \"clip\", which is none"),
        (folder.path().join("empty"), "there is neither a model.toml nor an ONNX file"),
    ] {
        if expected.starts_with("there is neither") {
            fs::create_dir(&path).unwrap();
        }
        let error = zoo::find_at(&path).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains(&*path.to_string_lossy()), "{error}");
    }
    let broken = write("broken/config.json", b"<html>");
    write("broken/model.onnx", &fs::read(small_model("yolo_rows")).unwrap());
    let error = zoo::find_at(broken.parent().unwrap()).unwrap_err().to_string();
    assert!(error.contains("config.json beside it is no JSON: expected value"), "{error}");
}
