//! The manifest that a model's own files amount to, where nobody has written one.
//!
//! In: the path of an ONNX file, or of a folder with one, as exporters and hubs leave them. What is in the graph and its
//! metadata counts first; then `config.json` and `preprocessor_config.json` of a checkpoint, which lie beside the file or
//! above its folder `onnx`; then a list of class names beside it.

use super::examined::understood;
use super::names_beside::{NamesBeside, names_beside};
use super::whole_path::{above_onnx, whole};
use crate::infer::{OnnxFile, read_short_text};
use crate::zoo::detect::names_in_metadata;
use crate::zoo::{Family, License, Manifest, ManifestError, ModelFile};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

const CONFIG: &str = "config.json";
const PREPROCESSOR: &str = "preprocessor_config.json";

/// The longest configuration.
const MOST_BYTES: u64 = 16 << 20;

/// The name of a license that nobody has told.
pub const UNKNOWN_LICENSE: &str = "unknown";

/// What is said with it.
const LICENSE_NOTICE: &str = "The file does not say under which license its weights are: find out before you use them \
                              for more than a trial, or pass them on.";

/// Reads a file or folder as a detector. Nothing is loaded or run.
///
/// # Errors
/// [`ManifestError::Model`] for a file that is no ONNX model; [`ManifestError::NotUnderstood`] for one that is no
/// detector, with its tensors and what was expected, and for a folder with no ONNX file or several.
pub(super) fn unwritten(path: &Path) -> Result<Manifest, ManifestError> {
    let graph = if path.is_dir() {
        refuse_other_kinds(path)?;
        whole(&graph_in(path)?)
    } else {
        whole(path)
    };
    let file = OnnxFile::read(&graph).map_err(|error| ManifestError::Model(Box::new(error)))?;
    let folder = folder_of(&graph);
    let refused = |reason: String| ManifestError::NotUnderstood { path: graph.clone(), reason };
    let config = config_in(&folder).map_err(refused)?;
    let kind = config.as_ref().and_then(|config| config.get("model_type")).and_then(Value::as_str);
    let family = kind.map(|kind| family_of(kind).ok_or_else(|| refused(other_kind(kind))));
    // A file that names its own classes is none of a checkpoint that is no detector.
    let own_names = names_in_metadata(&file.signature);
    let family = match family.transpose() {
        Err(_) if matches!(own_names, Ok(Some(_))) => None,
        family => family?,
    };
    let mut manifest = Manifest {
        name: name_of(&graph, &folder),
        family: family.unwrap_or(Family::Yolo),
        task: family.unwrap_or(Family::Yolo).task(),
        layout: None,
        source: format!("{}, read without a manifest", graph.display()),
        verified: false,
        is_written: false,
        input: None,
        scoring: None,
        generation: None,
        labels: None,
        license: license_of(&file),
        files: graph_files(&graph, &folder, &file),
        folder,
    };
    let names_classes = config.is_some_and(|config| config.get("id2label").is_some());
    match family {
        Some(Family::Owl | Family::GroundingDino) => {
            for name in [CONFIG, PREPROCESSOR, "tokenizer.json", "tokenizer_config.json"] {
                list_file(&mut manifest, name);
            }
            return Ok(manifest);
        }
        Some(_) if names_classes => {
            list_file(&mut manifest, CONFIG);
            list_file(&mut manifest, PREPROCESSOR);
        }
        Some(_) => list_file(&mut manifest, PREPROCESSOR),
        None => {}
    }
    let mut names_file = None;
    if !names_classes
        && matches!(own_names, Ok(None))
        && let Some(NamesBeside { names, file }) = names_beside(&graph)
    {
        manifest.labels = Some(names);
        names_file = Some(file);
    }
    let understood = understood(&manifest, family, &file.signature).map_err(|error| {
        let others = if file.other_tensors.is_empty() {
            String::new()
        } else {
            format!(" (of types that are not passed: {})", file.other_tensors.join(", "))
        };
        let names = names_file.as_ref().map_or_else(String::new, |file| {
            format!(" (the class names are the lines of {}, which lies beside it)", file.display())
        });
        refused(format!("{error}{others}{names}"))
    })?;
    manifest.family = understood.family;
    Ok(manifest)
}

/// The family of a checkpoint's `model_type`, as transformers calls it; `None` for what is no detector of ours.
fn family_of(model_type: &str) -> Option<Family> {
    match model_type {
        "owlvit" | "owlv2" => Some(Family::Owl),
        "grounding-dino" => Some(Family::GroundingDino),
        "yolos" | "rf_detr" | "lw_detr" | "table-transformer" | "d_fine" | "deim" => Some(Family::Detr),
        other => (other.contains("detr")).then_some(Family::Detr),
    }
}

/// A checkpoint of another kind is told as that, before its graphs are counted: most have several.
fn refuse_other_kinds(folder: &Path) -> Result<(), ManifestError> {
    let config = config_in(folder).ok().flatten();
    let kind = config.as_ref().and_then(|config| config.get("model_type")).and_then(Value::as_str);
    match kind.filter(|kind| family_of(kind).is_none()) {
        Some(kind) => Err(ManifestError::NotUnderstood { path: folder.to_path_buf(), reason: other_kind(kind) }),
        None => Ok(()),
    }
}

/// What is said of a `model_type` that is none of a detector.
fn other_kind(kind: &str) -> String {
    let kind: String = kind.chars().take(80).collect();
    let use_of_it = match kind.as_str() {
        "clip" | "siglip" | "siglip2" => {
            ": it compares pictures with texts, and is for the parameter text_model, with a model.toml of its own"
        }
        "idefics3" | "smolvlm" | "florence2" => {
            ": it answers questions, and is for the parameter reason_model, with a model.toml of its own"
        }
        _ => "",
    };
    format!("its {CONFIG} says model_type {kind:?}, which is none of a detector that is known here{use_of_it}")
}

/// The one ONNX file of a folder: beside the rest or in `onnx`, where hubs have it. Of several precisions `model.onnx`.
fn graph_in(folder: &Path) -> Result<PathBuf, ManifestError> {
    let refused = |reason: String| ManifestError::NotUnderstood { path: folder.to_path_buf(), reason };
    for inner in [folder.join("onnx"), folder.to_path_buf()] {
        let usual = inner.join("model.onnx");
        if usual.is_file() {
            return Ok(usual);
        }
        let mut found = onnx_files(&inner);
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => return Ok(only),
            (Some(last), false) => {
                found.push(last);
                let names: Vec<_> = found.iter().filter_map(|file| file.file_name()).collect();
                let names = names.iter().map(|name| name.to_string_lossy()).collect::<Vec<_>>().join(", ");
                return Err(refused(format!("there are several ONNX files, {names}: give the path of one")));
            }
            (None, _) => {}
        }
    }
    Err(refused("there is neither a model.toml nor an ONNX file, here or in its folder onnx".to_owned()))
}

/// By name.
fn onnx_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_model = |path: &PathBuf| path.is_file() && path.extension().is_some_and(|extension| extension == "onnx");
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_model).collect();
    found.sort();
    found
}

/// The checkpoint's folder: that of the graph, or the one above its folder `onnx`.
fn folder_of(graph: &Path) -> PathBuf {
    let beside = graph.parent().unwrap_or(Path::new(""));
    above_onnx(beside).filter(|above| above.join(CONFIG).is_file()).unwrap_or(beside).to_path_buf()
}

/// The checkpoint's configuration; `None` where there is no such file.
fn config_in(folder: &Path) -> Result<Option<Value>, String> {
    let path = folder.join(CONFIG);
    if !path.exists() {
        return Ok(None);
    }
    let text =
        read_short_text(&path, MOST_BYTES).map_err(|error| format!("{CONFIG} beside it cannot be read: {error}"))?;
    serde_json::from_str(&text).map(Some).map_err(|error| format!("{CONFIG} beside it is no JSON: {error}"))
}

/// The graph and its external weights.
fn graph_files(graph: &Path, folder: &Path, file: &OnnxFile) -> Vec<ModelFile> {
    let within = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_path_buf();
    let graph_file = ModelFile { role: Some("model".to_owned()), ..listed(within(graph)) };
    let mut files = vec![graph_file];
    for path in file.external_paths(graph) {
        // `./weights` and `weights` are one file, and a model may name itself.
        let path: PathBuf = within(&path).components().collect();
        if files.iter().all(|known| known.path != path) {
            files.push(listed(path));
        }
    }
    files
}

fn listed(path: PathBuf) -> ModelFile {
    ModelFile { path, role: None, url: None, bytes: None, sha256: None }
}

/// Where there is such a file.
fn list_file(manifest: &mut Manifest, name: &str) {
    if manifest.folder.join(name).is_file() && manifest.files.iter().all(|known| known.path != Path::new(name)) {
        manifest.files.push(listed(name.into()));
    }
}

/// The file's stem, or the folder's name where the stem says no more than that it is a model; of a hub's cache that of
/// the repository.
fn name_of(graph: &Path, folder: &Path) -> String {
    let text = |name: Option<&std::ffi::OsStr>| name.map(|name| name.to_string_lossy().into_owned());
    let stem = text(graph.file_stem()).unwrap_or_default();
    if !(stem == "model" || stem.starts_with("model_")) {
        return stem;
    }
    let absolute = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    let repository = absolute.ancestors().find_map(|path| {
        let name = text(path.file_name())?;
        name.strip_prefix("models--")?.rsplit("--").next().map(str::to_owned)
    });
    repository.or_else(|| text(absolute.file_name())).unwrap_or(stem)
}

/// Ultralytics writes `AGPL-3.0 License (https://ultralytics.com/license)`.
fn license_of(file: &OnnxFile) -> License {
    let told = file.signature.metadata.get("license").map(|text| text.trim()).filter(|text| !text.is_empty());
    let Some(text) = told else {
        return License { name: UNKNOWN_LICENSE.to_owned(), notice: LICENSE_NOTICE.to_owned() };
    };
    let name = text.split(" License").next().unwrap_or(text);
    let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    License { name, notice: format!("By the model's own metadata: {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoints_kind_tells_its_family() {
        for (kind, family) in [
            ("rt_detr_v2", Some(Family::Detr)),
            ("d_fine", Some(Family::Detr)),
            ("conditional_detr", Some(Family::Detr)),
            ("yolos", Some(Family::Detr)),
            ("owlv2", Some(Family::Owl)),
            ("grounding-dino", Some(Family::GroundingDino)),
            ("siglip", None),
            ("bert", None),
        ] {
            assert_eq!(family_of(kind), family, "{kind}");
        }
    }

    #[test]
    fn a_name_is_the_files_or_the_folders_or_the_repositorys() {
        let name = |path: &str| name_of(Path::new(path), &folder_of(Path::new(path)));
        assert_eq!(name("/data/runs/best.onnx"), "best");
        assert_eq!(name("/data/forklifts/model.onnx"), "forklifts");
        assert_eq!(name("/data/forklifts/model_fp16.onnx"), "forklifts");
        assert_eq!(name("/c/hub/models--some--dfine-ONNX/snapshots/0a1b/model.onnx"), "dfine-ONNX");
    }

    #[test]
    fn a_folder_without_a_model_or_with_several_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let told = || graph_in(folder.path()).unwrap_err().to_string();
        assert!(told().ends_with("there is neither a model.toml nor an ONNX file, here or in its folder onnx"));
        for name in ["a.onnx", "b.onnx"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert!(told().ends_with("there are several ONNX files, a.onnx, b.onnx: give the path of one"), "{}", told());
        fs::write(folder.path().join("model.onnx"), "").unwrap();
        assert_eq!(graph_in(folder.path()).unwrap(), folder.path().join("model.onnx"));
    }

    #[test]
    fn a_license_is_what_the_metadata_says_or_unknown() {
        let mut file = OnnxFile::default();
        assert_eq!(license_of(&file).name, "unknown");
        let text = "AGPL-3.0 License (https://ultralytics.com/license)".to_owned();
        file.signature.metadata.insert("license".to_owned(), text);
        assert_eq!(license_of(&file).name, "AGPL-3.0");
    }
}
