//! The cache of a hub: each repository in a folder `models--<owner>--<name>`, its files in `snapshots/<revision>/<path>`
//! as links into `blobs`, and in `refs/main` the revision that `main` was.
//!
//! Source: huggingface_hub's documentation, "Understand caching".

use crate::infer::read_short_text;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The longest name of a revision.
const MOST_BYTES: u64 = 1 << 10;

/// The revisions of one repository: that of `main` first, then the newest. None where the folder is no such repository.
pub fn snapshots(repository: &Path) -> Vec<PathBuf> {
    let folder = repository.join("snapshots");
    let mut found: Vec<(SystemTime, PathBuf)> = fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| (entry.metadata().and_then(|m| m.modified()).unwrap_or(SystemTime::UNIX_EPOCH), entry.path()))
        .filter(|(_, path)| path.is_dir())
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    let main = read_short_text(&repository.join("refs/main"), MOST_BYTES).unwrap_or_default();
    let mut paths: Vec<PathBuf> = found.into_iter().map(|(_, path)| path).collect();
    // Stable: the others keep their order.
    paths.sort_by_key(|path| path.file_name().is_none_or(|name| name.to_string_lossy() != main.trim()));
    paths
}
