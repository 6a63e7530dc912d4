//! Finds manifests: by name in the folders of models, or by path.

use super::hub_cache::snapshots;
use super::unwritten::unwritten;
use super::whole_path::{above_onnx, whole};
use crate::zoo::manifest::keys;
use crate::zoo::{Manifest, ManifestError};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "model.toml";

/// The manifest of a model: `yolov12n` is looked for as `<folder>/yolov12n` in each of `folders` in order; what holds a
/// slash or ends in `.onnx` or `.toml` is a path, see [`find_at`], and so is the name of a file where there is no model of
/// that name.
///
/// # Errors
/// [`ManifestError::Unknown`] with the nearest name, all that there are and where they were looked for; as [`find_at`].
pub fn find(folders: &[PathBuf], name_or_path: &str) -> Result<Manifest, ManifestError> {
    let path = Path::new(name_or_path);
    if is_path(name_or_path) {
        return find_at(path);
    }
    let there: Vec<PathBuf> = folders.iter().map(|folder| folder.join(path)).filter(|path| path.exists()).collect();
    // A folder with a manifest before one that only looks like a model.
    let written = there.iter().find(|path| path.is_file() || path.join(MANIFEST).is_file());
    match written.or(there.first()) {
        Some(found) => find_at(found),
        None if path.is_file() => find_at(path),
        None => Err(ManifestError::Unknown { name: name_or_path.to_owned(), hint: hint(folders, name_or_path) }),
    }
}

/// Whether it can only be a path, and never the name of a model.
fn is_path(name: &str) -> bool {
    let extension = Path::new(name).extension().and_then(OsStr::to_str);
    name.contains('/') || matches!(name, "." | "..") || matches!(extension, Some("onnx" | "toml"))
}

/// The manifest of a model at a path: that of a folder or file with a `model.toml`; of an ONNX file that a `model.toml`
/// beside it (or above its folder `onnx`) lists, that one; of any other ONNX file or folder with one what it says itself.
/// A repository in a hub's cache stands for its revision of `main`.
///
/// # Errors
/// [`ManifestError::Unknown`] where there is nothing; as [`Manifest::load`]; [`ManifestError::Model`] and
/// [`ManifestError::NotUnderstood`] for files without a manifest that are no detector.
pub fn find_at(path: &Path) -> Result<Manifest, ManifestError> {
    if path.is_dir() {
        let written = path.join(MANIFEST);
        if written.is_file() {
            return Manifest::load(&written);
        }
        return match snapshots(path).first() {
            Some(snapshot) if !snapshot.join(MANIFEST).is_file() => unwritten(snapshot),
            Some(snapshot) => Manifest::load(&snapshot.join(MANIFEST)),
            None => unwritten(path),
        };
    }
    if !path.is_file() {
        let expected = "expected an ONNX file, or a folder with a model.toml or an ONNX file";
        let hint = if path.starts_with("~") { format!("{expected} (~ is not expanded)") } else { expected.to_owned() };
        return Err(ManifestError::Unknown { name: path.display().to_string(), hint });
    }
    if path.extension().is_some_and(|extension| extension == "toml") {
        return Manifest::load(path);
    }
    let path = &whole(path);
    let beside = path.parent().unwrap_or(Path::new(""));
    for folder in [Some(beside), above_onnx(beside)] {
        let Some(written) = folder.map(|folder| folder.join(MANIFEST)).filter(|written| written.is_file()) else {
            continue;
        };
        let manifest = Manifest::load(&written)?;
        if manifest.files.iter().any(|file| manifest.folder.join(&file.path) == *path) {
            return Ok(manifest);
        }
    }
    unwritten(path)
}

/// The `model.toml` files of all models in `models_dirs`, by folder and name. A folder that does not exist has none.
pub fn list(models_dirs: &[PathBuf]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for dir in models_dirs {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let mut found: Vec<_> =
            entries.map(|entry| entry.path().join(MANIFEST)).filter(|path| path.is_file()).collect();
        found.sort();
        files.append(&mut found);
    }
    files
}

fn hint(models_dirs: &[PathBuf], name: &str) -> String {
    let files = list(models_dirs);
    let known: Vec<_> = files
        .iter()
        .filter_map(|file| file.parent()?.file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let dirs: Vec<_> = models_dirs.iter().map(|dir| dir.display().to_string()).collect();
    let nearest = keys::did_you_mean(name, known.iter().map(String::as_str));
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!("there are {known} in {}{nearest}", dirs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::manifest::samples::{MINIMAL, write_manifest};

    #[test]
    fn a_model_is_found_by_name_by_folder_and_by_file() {
        let root = tempfile::tempdir().unwrap();
        let file = write_manifest(root.path(), "tiny", MINIMAL);
        let dirs = [root.path().join("missing"), root.path().to_path_buf()];
        let folder = root.path().join("tiny");
        for name in ["tiny", &folder.to_string_lossy(), &file.to_string_lossy()] {
            assert_eq!(find(&dirs, name).unwrap().name, "tiny", "{name}");
        }
        assert_eq!(list(&dirs), [file]);
        let empty = root.path().join("empty");
        fs::create_dir_all(empty.join("tiny")).unwrap();
        assert_eq!(
            find(&[empty, root.path().to_path_buf()], "tiny").unwrap().name,
            "tiny",
            "a folder without anything"
        );
    }

    #[test]
    fn an_unknown_model_lists_the_known_and_names_the_nearest() {
        let root = tempfile::tempdir().unwrap();
        write_manifest(root.path(), "yolov12n", MINIMAL);
        let error = find(&[root.path().to_path_buf()], "yolo12n").unwrap_err().to_string();
        assert!(error.starts_with("no model \"yolo12n\": there are yolov12n in "), "{error}");
        assert!(error.ends_with("did you mean \"yolov12n\"?"), "{error}");
        let error = find(&[], "~/tiny.onnx").unwrap_err().to_string();
        assert!(error.ends_with("or an ONNX file (~ is not expanded)"), "{error}");
        let error = find(&[], "/nowhere/tiny").unwrap_err().to_string();
        let expected =
            "no model \"/nowhere/tiny\": expected an ONNX file, or a folder with a model.toml or an ONNX file";
        assert_eq!(error, expected);
    }
}
