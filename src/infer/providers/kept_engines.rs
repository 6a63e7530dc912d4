//! The engines that TensorRT has written, as they are told.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the engines of a session are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEngines {
    /// Their folder.
    pub folder: PathBuf,
    /// Whether there were some before the session was opened, so that none had to be built.
    pub were_there: bool,
}

impl KeptEngines {
    /// How large they are now, in bytes.
    pub fn bytes(&self) -> u64 {
        let sizes = engines_in(&self.folder).filter_map(|path| Some(path.metadata().ok()?.len()));
        sizes.sum()
    }
}

/// The files of engines in a folder; none where it cannot be read.
pub(super) fn engines_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|ending| ending == "engine"))
}
