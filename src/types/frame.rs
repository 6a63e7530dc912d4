//! What perceive takes: a picture with all that later stages need to place its boxes in the world.

use super::{CameraModel, ImageView};
use nalgebra::Isometry3;

/// Which of a node's cameras: its place in the parameter `cameras`, 0 where there is only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct CameraId(pub usize);

/// One picture, its camera and the camera's place on the robot. Lives inside a [`Stamped`](super::Stamped), whose
/// frame_id is the camera's optical frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame<'a> {
    /// The pixels, borrowed from the message.
    pub image: ImageView<'a>,
    /// Intrinsics joined by stamp; `None` where no camera_info is published: boxes then have no place in 3D.
    pub camera: Option<CameraModel>,
    /// Maps points of the optical frame (z forward, x right, y down) into the robot's base frame (REP-103).
    pub base_from_camera: Isometry3<f64>,
}
