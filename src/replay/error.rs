//! Why a replay cannot begin or go on.

use crate::bag::SourceError;
use crate::pipeline::OutputError;

/// Why a bag cannot feed the walk.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A remapped topic is not in the bag.
    #[error("no topic {topic} ({type_name}) in the bag for {input}, it has {found}")]
    NoSuchTopic {
        /// What it is wanted for: `image`, `front/camera_info`.
        input: String,
        /// The remapped name.
        topic: String,
        /// The type that is wanted.
        type_name: &'static str,
        /// All topics of the bag, with types.
        found: String,
    },
    /// The pictures are video.
    #[error("{topic} ({type_name}) cannot be replayed: {cure}")]
    Video {
        /// The topic.
        topic: String,
        /// Its type.
        type_name: String,
        /// What to do about it.
        cure: &'static str,
    },
    /// Nothing to look at.
    #[error("no {type_name} topic in the bag, it has {found}")]
    NoImages {
        /// The type that is wanted.
        type_name: &'static str,
        /// All topics of the bag, with types.
        found: String,
    },
    /// Several image topics and none named.
    #[error("the bag has several image topics, name one with --remap image:=TOPIC: {found}")]
    SeveralImages {
        /// The image topics.
        found: String,
    },
    /// The bag cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Results cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}
