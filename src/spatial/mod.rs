//! From pixels to places: where in the robot's base frame a box stands.
//!
//! Enters: a camera model, the camera's place on the robot, and boxes in image pixels. Leaves: points on the ground
//! plane (z = 0 of the base frame, REP-103) with a covariance. The half pixel between image coordinates (corner at 0) and
//! sensor_msgs/CameraInfo (pixel centres at integers) is added here and nowhere else.
//!
//! Transforms are named `target_from_source`. The ground is taken as flat and level with the base frame's plane; slopes,
//! steps and things that do not stand on the ground are out of reach of this room until depth comes in.

mod ground;
mod lens;
mod mounting;
mod on_picture;
mod projection;
mod transforms;
mod way_in_sight;

pub use ground::{MAX_DISTANCE_M, place_of};
pub use mounting::Mounting;
pub use on_picture::OnPicture;
pub use projection::{pixel_from_ray, ray_from_pixel};
pub use transforms::{
    LinkKind, LookupError, LookupKind, Miss, Readiness, TransformBuffer, TransformRefused, When, without_slash,
};
pub use way_in_sight::sees_ahead;
