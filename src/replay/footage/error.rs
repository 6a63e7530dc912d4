//! Why footage cannot be replayed.

use std::io;
use std::path::PathBuf;

/// Why footage cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum FootageError {
    /// The file system says no.
    #[error("cannot read {path}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A video that is not read.
    #[error(
        "{path}: {found}, which is not read here: make pictures of it with `mkdir frames && ffmpeg -i {path} -qscale:v 2 \
         frames/%06d.jpg`, then `vedette replay frames --fps N`",
        path = path.display()
    )]
    Video {
        /// The file.
        path: PathBuf,
        /// `an MP4 or MOV video`.
        found: String,
    },
    /// A video without pictures.
    #[error("{path}: {reason}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
}
