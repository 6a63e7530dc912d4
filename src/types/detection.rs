//! What a detector saw in one frame.

use super::{BBox, ClassId, ImagePx, Place, Track, TrackId};

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
    /// Whether the camera sees none of the robot's way ahead. False where no camera model tells.
    pub is_turned_away: bool,
}
