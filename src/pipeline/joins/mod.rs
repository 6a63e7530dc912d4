//! What belongs to an image, found by stamp and never by arrival: its camera model and the robot's motion.

mod camera_infos;
mod history;
mod motions;
mod pose_speed;

pub(super) use camera_infos::CameraInfoJoin;
pub(super) use motions::{JoinedMotion, MotionJoin};
