//! What is made of a frame for people, and only while somebody looks.
//!
//! Enters: a [`FrameView`], all that the walk came to. Leaves, for each camera, the picture with everything drawn on it and
//! the same as annotations over the image ([`Shown`]), and for the whole world its markers ([`WorldMarkers`]).

mod annotations;
mod drawn;
mod frame_view;
mod markers;
mod on_ground;

pub use drawn::Shown;
pub use frame_view::{FrameView, Strip};
pub use markers::WorldMarkers;
