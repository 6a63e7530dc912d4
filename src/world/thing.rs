//! One thing around the robot.

use crate::types::{ClassId, Place, TrackId};

/// A velocity over the ground along the axes of the base frame, the robot's own motion taken out, as far as it is beyond
/// doubt: one standard deviation nearer to zero than the estimate, so that noise is no motion.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GroundVelocity {
    /// Along x: negative when it comes towards the robot's front.
    pub forward_mps: f64,
    /// Along y: negative when it goes to the right.
    pub left_mps: f64,
}

/// One thing around the robot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thing {
    /// Its track; `None` while it has none.
    pub track: Option<TrackId>,
    /// What it is.
    pub class: ClassId,
    /// Where it is at the frame's stamp, in the base frame. A ground position is usable.
    pub place: Place,
    /// How it moves; zero for what has no track or no place.
    pub velocity: GroundVelocity,
    /// Whether the camera's newest frame had a box for it; otherwise it is where it was expected.
    pub seen: bool,
    /// Nanoseconds since it was last seen: above 0 for a thing of a camera whose newest frame is older than another's.
    pub unseen_ns: i64,
}
