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

impl GroundPosition {
    /// Whether it is a place: finite, with variances that are finite and not negative.
    pub fn is_usable(&self) -> bool {
        let variances = [self.covariance_m2.m11, self.covariance_m2.m22];
        self.position_m.iter().all(|c| c.is_finite()) && variances.iter().all(|v| v.is_finite() && *v >= 0.0)
    }
}

/// Where a box stands, as far as its picture tells.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Place {
    /// On the ground, there.
    Ground(GroundPosition),
    /// Nobody can tell: there is no camera model, or the edge of the picture cuts the box. It may be low and near.
    #[default]
    Unknown,
    /// The box is whole, and nothing stands on the ground where it ends: the thing hangs or lies on something, or its
    /// foot is hidden.
    Raised,
}

impl Place {
    /// The position on the ground.
    pub fn ground(&self) -> Option<&GroundPosition> {
        match self {
            Self::Ground(ground) => Some(ground),
            Self::Unknown | Self::Raised => None,
        }
    }
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
    /// Where it stands.
    pub place: Place,
}
