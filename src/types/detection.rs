//! What a detector saw in one frame.

use super::{BBox, ImagePx, Place, Track, TrackId};
use std::sync::Arc;

/// Index of a class in the model's [`Labels`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClassId(pub u16);

/// The class names of a model, and the version of the prompts that made them (0 for a closed set).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    names: Arc<[Box<str>]>,
    version: u32,
}

impl Labels {
    /// Names in the order of the model's classes.
    pub fn new(names: impl IntoIterator<Item = impl Into<Box<str>>>, version: u32) -> Self {
        Self { names: names.into_iter().map(Into::into).collect(), version }
    }

    /// How many classes there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no class.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The name of a class, `"unknown"` for an index that the model does not name.
    pub fn name(&self, class: ClassId) -> &str {
        self.names.get(usize::from(class.0)).map_or("unknown", |name| name)
    }

    /// The class of a name.
    pub fn find(&self, name: &str) -> Option<ClassId> {
        let index = self.names.iter().position(|known| **known == *name)?;
        u16::try_from(index).ok().map(ClassId)
    }

    /// All names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// All classes, in order.
    pub fn classes(&self) -> impl Iterator<Item = ClassId> + use<> {
        (0..=u16::MAX).take(self.names.len()).map(ClassId)
    }

    /// Version of the prompts that made the names.
    pub fn version(&self) -> u32 {
        self.version
    }
}

/// One box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// In pixels of the original image, clipped to it.
    pub bbox: BBox<ImagePx>,
    /// What it is.
    pub class: ClassId,
    /// The model's confidence, `0..=1`.
    pub score: f32,
    /// The track that took the box, if one did.
    pub track: Option<TrackId>,
}

/// A box that is sure enough to be planned with at once, and that no confirmed track has taken: what is seen for the
/// first time, or jumps about too much to be followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glimpse {
    /// What it is.
    pub class: ClassId,
    /// Where it stands.
    pub place: Place,
}

/// All that perceive knows of one frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scene {
    /// The boxes of this frame that are published, best score first.
    pub detections: Vec<Detection>,
    /// Those that are tracked and planned with, and not published: of classes that nobody asked to see, of poor scores,
    /// or beyond the number that is published. Best score first.
    pub only_tracked: Vec<Detection>,
    /// The tracks alive after this frame, seen in it or coasting, by ascending id, whether their boxes are published or
    /// not.
    pub tracks: Vec<Track>,
    /// What must not wait until it has a track.
    pub glimpses: Vec<Glimpse>,
    /// Whether the detector gave about as many boxes as are looked at, all of them sure: others may have been left out.
    pub is_full: bool,
}
