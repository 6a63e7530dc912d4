//! No file too long, no folder too full, no name twice without a reason.

use super::source_tree::SourceTree;
use super::{root, tree};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const MOST_LINES: usize = 600;
const MOST_FILES: usize = 14;

/// The words in the documentation of a full folder's `mod.rs`, before the reason.
const MANY_FILES: &str = "Many files:";

/// Names that several files of the program have, and why. A `mod.rs` is named by its folder.
const SHARED_NAMES: [(&str, &str); 5] = [
    ("ask.rs", "a subcommand is named as what it does, and so is the service"),
    ("error.rs", "what can go wrong in a room stands in its error.rs"),
    ("node.rs", "a subcommand is named as what it starts"),
    ("params.rs", "what a room can be told stands in its params.rs"),
    ("proposal.rs", "a message is named as what it carries"),
];

/// All Rust and Python files that people write here.
fn written_files() -> Vec<PathBuf> {
    fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    for folder in ["src", "tests", "scripts", "bench"] {
        collect(&root().join(folder), &mut files);
    }
    files
}

/// The files of the program, without those of its tests, by `key`.
fn by<'a>(tree: &'a SourceTree, key: impl Fn(&'a Path) -> Option<&'a str>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for file in tree.files.iter().filter(|file| !file.is_test) {
        groups.entry(key(Path::new(&file.path)).unwrap_or_default()).or_default().push(&file.path);
    }
    groups
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let lines = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().count();
    let long: Vec<String> = written_files()
        .into_iter()
        .map(|path| (lines(&path), path))
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(lines, path)| format!("{} has {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "longer than {MOST_LINES} lines:\n{}", long.join("\n"));
}

#[test]
fn a_folder_of_many_files_says_why() {
    let tree = tree();
    let folders = by(tree, |path| path.parent()?.to_str());
    let says_why = |folder: &str| {
        let front = format!("{folder}/mod.rs");
        tree.files.iter().any(|file| file.path == front && file.doc.contains(MANY_FILES))
    };
    let full: Vec<String> = folders
        .into_iter()
        .filter(|(folder, files)| files.len() > MOST_FILES && !says_why(folder))
        .map(|(folder, files)| format!("src/{folder}: {} files", files.len()))
        .collect();
    assert!(full.is_empty(), "more than {MOST_FILES} files and no \"{MANY_FILES}\" in mod.rs:\n{}", full.join("\n"));
}

#[test]
fn two_files_of_one_name_have_a_reason() {
    let tree = tree();
    let names = by(tree, |path| path.file_name()?.to_str());
    let shared: Vec<String> = names
        .into_iter()
        .filter(|(name, files)| files.len() > 1 && *name != "mod.rs")
        .filter(|(name, _)| !SHARED_NAMES.iter().any(|(known, _)| known == name))
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect();
    assert!(shared.is_empty(), "one name, several files:\n{}", shared.join("\n"));
}
