//! From boxes to tracks: what stays the same thing from frame to frame.
//!
//! Enters: the detections of one frame and the frame's stamp. Leaves: the tracks alive after it, and on every
//! detection the track that took it. Left to others: where a track stands on the ground (`spatial`) and what it means
//! for the robot (`planning`).
//!
//! The association follows ByteTrack (Zhang et al., ECCV 2022): boxes with a good score choose first, boxes with a poor
//! score may only continue a track that exists. It differs where a robot needs it to:
//! - time steps come from stamps, so that a missed frame is a longer step and not a slower world;
//! - boxes are compared after both have grown by the prediction's own uncertainty, so that a new track survives a
//!   turning camera;
//! - every stage is solved optimally, and ties go to the older track and the better box: same input, same tracks.

mod assignment;
mod class_vote;
mod kalman;
mod params;
#[cfg(test)]
mod scenarios;
mod tracker;

pub use params::TrackingParams;
pub use tracker::Tracker;
