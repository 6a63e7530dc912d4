//! What belongs to an image, found by stamp and never by arrival: its camera model, the camera's place on the
//! robot and the robot's motion.

mod camera_infos;
mod history;
mod motions;
mod mountings;
mod pose_speed;
mod transforms;

pub(super) use camera_infos::CameraInfoJoin;
pub(super) use motions::{JoinedMotion, MotionJoin};
pub(super) use mountings::{JoinedMounting, MountingJoin, OfParameters};
pub use transforms::Transforms;
