//! Where a model's file lies.

use std::fs;
use std::path::{Component, Path, PathBuf, absolute};

/// With the folders that it is in, so that what is said of them does not depend on the working folder. A link that the
/// file itself is stays: a hub's cache is made of them.
pub(super) fn whole(file: &Path) -> PathBuf {
    let named = absolute(file).unwrap_or_else(|_| file.to_path_buf());
    match (named.parent(), named.file_name()) {
        (Some(folder), Some(name)) if named.components().any(|part| part == Component::ParentDir) => {
            fs::canonicalize(folder).map_or_else(|_| named.clone(), |folder| folder.join(name))
        }
        _ => named,
    }
}

/// The folder above a folder `onnx`, where hubs have the graphs of a checkpoint.
pub(super) fn above_onnx(folder: &Path) -> Option<&Path> {
    folder.parent().filter(|_| folder.file_name().is_some_and(|name| name == "onnx"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_whole_from_any_working_folder() {
        let here = fs::canonicalize(".").unwrap();
        for name in ["m.onnx", "./m.onnx", "src/../m.onnx"] {
            assert_eq!(whole(Path::new(name)), here.join("m.onnx"), "{name}");
        }
        assert_eq!(whole(Path::new("/nowhere/m.onnx")), Path::new("/nowhere/m.onnx"));
    }
}
