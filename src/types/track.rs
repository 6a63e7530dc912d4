//! What stays the same thing from frame to frame.

use super::{BBox, ClassId, ImagePx};
use nalgebra::{Matrix2, Point2};
use std::fmt;

/// A track's number: counts from 1, never reused within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u64);

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Where a track touches the ground, in the robot's base frame (REP-103), on the plane z = 0 of that frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroundPosition {
    /// x forward, y left, in metres.
    pub position_m: Point2<f64>,
    /// Covariance of the position in square metres.
    pub covariance_m2: Matrix2<f64>,
}

/// One tracked object after one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// Its number.
    pub id: TrackId,
    /// The filtered box, in pixels of the original image; may reach over its edge.
    pub bbox: BBox<ImagePx>,
    /// Velocity of the box's centre in pixels per second, `(x, y)`.
    pub velocity_px_s: (f32, f32),
    /// The class by vote over its life.
    pub class: ClassId,
    /// Score of the last box that it took.
    pub score: f32,
    /// Whether this frame had a box for it; otherwise the box is a prediction.
    pub seen: bool,
    /// Nanoseconds since it last took a box: 0 when `seen`.
    pub unseen_ns: i64,
    /// Where it stands; `None` without a camera model or where its foot's ray does not meet the ground.
    pub ground: Option<GroundPosition>,
}
