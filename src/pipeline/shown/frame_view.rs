//! All that is known of one frame, as those see it who show it to people.

use crate::config::Config;
use crate::types::{Frame, FrameId, Labels, Plan, Scene, Stamped};
use crate::world::Thing;

/// One processed frame. Borrowed from the walk until the next one.
#[derive(Debug, Clone, Copy)]
pub struct FrameView<'a> {
    /// The picture, its camera and the camera's place, under the image's stamp and frame.
    pub frame: &'a Stamped<Frame<'a>>,
    /// Boxes and tracks.
    pub scene: &'a Scene,
    /// The names of their classes.
    pub labels: &'a Labels,
    /// What is around the robot, in [`base_frame`](Self::base_frame).
    pub things: &'a [Thing],
    /// The plan.
    pub plan: &'a Plan,
    /// The frame of the things and the plan.
    pub base_frame: &'a FrameId,
    /// What of the ground must be free.
    pub strip: Strip,
}

/// The strip of ground ahead of the robot that must be free, `-rear <= x <= length`, `|y| <= half_width` of the base frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strip {
    /// To both sides.
    pub half_width_m: f64,
    /// How far the robot itself reaches behind the origin.
    pub rear_m: f64,
    /// How far ahead it reaches.
    pub length_m: f64,
}

impl Strip {
    /// As the parameters have it.
    pub fn of(config: &Config) -> Self {
        Self {
            half_width_m: config.corridor_width_m / 2.0,
            rear_m: config.rear_extent_m,
            length_m: config.corridor_length_m,
        }
    }
}
