//! Why there is no transform, in the kinds of tf2, and why one is not taken.

use crate::types::Stamp;
use std::fmt;

/// Frames that are kept: no robot has more, and who sends more does not take our memory.
pub const MAX_FRAMES: usize = 4096;
/// The longest name of a frame.
pub const MAX_NAME_BYTES: usize = 256;

/// The kinds into which tf2 puts its lookups that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupKind {
    /// tf2's InvalidArgumentException.
    InvalidArgument,
    /// tf2's LookupException.
    Lookup,
    /// tf2's ConnectivityException.
    Connectivity,
    /// tf2's ExtrapolationException.
    Extrapolation,
}

/// Why there is no transform between two frames. Made without an allocation: a lookup may fail with every image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupError {
    /// A name that is empty or begins with a slash.
    Name,
    /// Nobody has named the frame from which it is asked, nor placed it.
    UnknownSource,
    /// The same of the frame into which it is asked.
    UnknownTarget,
    /// Both are there, in two trees.
    NotConnected,
    /// A frame is above itself, or the chain is longer than tf2 follows one.
    Loop,
    /// A link on the way has nothing at this time.
    Extrapolation(Miss),
}

impl LookupError {
    /// What tf2 would call it.
    pub fn kind(&self) -> LookupKind {
        match self {
            Self::Name => LookupKind::InvalidArgument,
            Self::UnknownSource | Self::UnknownTarget | Self::Loop => LookupKind::Lookup,
            Self::NotConnected => LookupKind::Connectivity,
            Self::Extrapolation(_) => LookupKind::Extrapolation,
        }
    }
}

/// A moving link that was asked for a time which it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Miss {
    /// The number of the link's child frame.
    pub(super) child: usize,
    /// The oldest and the newest time that it has; none after it was forgotten.
    pub has: Option<(Stamp, Stamp)>,
}

/// Where a link stands against the time that it was asked for.
pub(super) struct Against {
    pub(super) miss: Miss,
    pub(super) asked: Stamp,
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let asked = self.asked;
        match self.miss.has {
            None => f.write_str("has nothing since its stamps began again"),
            Some((oldest, newest)) if oldest == newest => {
                write!(f, "has the one stamp {newest}, {}", apart(newest, asked))
            }
            Some((oldest, _)) if asked < oldest => write!(f, "begins at {oldest}, {}", apart(oldest, asked)),
            Some((_, newest)) => write!(f, "has come to {newest}, {}", apart(newest, asked)),
        }
    }
}

/// `0.250 s before`, `0.250 s after`, seen from `asked`.
pub(super) fn apart(stamp: Stamp, asked: Stamp) -> String {
    let seconds = stamp.seconds_since(asked);
    let side = if seconds < 0.0 { "before" } else { "after" };
    format!("{:.3} s {side}", seconds.abs())
}

/// Why a transform is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransformRefused {
    /// One of its frames has no name.
    #[error("a transform from {child:?} to {parent:?}: expected two frames with names")]
    NoName {
        /// As it came, without its slash.
        parent: String,
        /// As it came, without its slash.
        child: String,
    },
    /// A frame placed in itself.
    #[error("a transform of {frame:?} to itself, expected another parent")]
    ToItself {
        /// The frame.
        frame: String,
    },
    /// A name longer than any that people write.
    #[error("a frame's name of {found} bytes, expected at most {MAX_NAME_BYTES}")]
    LongName {
        /// Its length.
        found: usize,
    },
    /// So many frames that no robot has them.
    #[error("frame {frame:?} is one too many: {MAX_FRAMES} are kept")]
    TooManyFrames {
        /// The frame that came too late.
        frame: String,
    },
    /// Older than what is kept of its link.
    #[error("a transform of {child:?} stamped {stamp}, too old: its newest one is of {newest}")]
    TooOld {
        /// Its child frame.
        child: String,
        /// Its stamp.
        stamp: Stamp,
        /// The link's newest.
        newest: Stamp,
    },
}
