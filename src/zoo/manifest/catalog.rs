//! Finds manifests: by name in the folders of models, or by path.

use super::keys;
use crate::zoo::{Manifest, ManifestError};
use std::fs;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "model.toml";

/// The manifest of a model: `yolov12n` is looked for as `<folder>/yolov12n/model.toml` in each of `models_dirs` in
/// order; what holds a slash or names a file is a path to a model's folder or to its `model.toml`.
///
/// # Errors
/// [`ManifestError::Unknown`] with the nearest name or all that there are; what [`Manifest::load`] returns.
pub fn find(models_dirs: &[PathBuf], name_or_path: &str) -> Result<Manifest, ManifestError> {
    let path = Path::new(name_or_path);
    let as_path = name_or_path.contains('/') || path.is_file();
    let folders =
        if as_path { vec![path.to_path_buf()] } else { models_dirs.iter().map(|dir| dir.join(path)).collect() };
    let found = folders.iter().flat_map(|folder| [folder.join(MANIFEST), folder.clone()]).find(|path| path.is_file());
    match found {
        Some(file) => Manifest::load(&file),
        None if as_path => {
            let hint = "expected a folder with a model.toml, or that file".to_owned();
            Err(ManifestError::Unknown { name: name_or_path.to_owned(), hint })
        }
        None => Err(ManifestError::Unknown { name: name_or_path.to_owned(), hint: hint(models_dirs, name_or_path) }),
    }
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
    }

    #[test]
    fn an_unknown_model_lists_the_known_and_names_the_nearest() {
        let root = tempfile::tempdir().unwrap();
        write_manifest(root.path(), "yolov12n", MINIMAL);
        let error = find(&[root.path().to_path_buf()], "yolo12n").unwrap_err().to_string();
        assert!(error.starts_with("no model \"yolo12n\": there are yolov12n in "), "{error}");
        assert!(error.ends_with("did you mean \"yolov12n\"?"), "{error}");
        let error = find(&[], "/nowhere/tiny").unwrap_err().to_string();
        assert_eq!(error, "no model \"/nowhere/tiny\": expected a folder with a model.toml, or that file");
    }
}
