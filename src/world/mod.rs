//! What is around the robot: every thing of a sight with its place, its own motion and its age.
//!
//! Enters: the scene of one camera's frame ([`Scene`]: tracks, and glimpses that have no track yet), in the robot's base
//! frame, with the robot's own motion at that stamp. Leaves: the [`Surroundings`], [`Thing`]s by the newest sight of every
//! camera. Left to others: what they mean for the robot (`planning`).
//!
//! Motion is reckoned in one fixed frame, so that the robot's own way and its turning are taken out of what it sees: the
//! robot's pose in that frame is the sum of its twists from frame to frame (dead reckoning: it drifts over minutes, and
//! nothing here looks back further than seconds). A thing that stands then stands, whatever the robot does. Where no
//! odometry tells of a turn, standing things seem to move sideways: more careful, never less.
//!
//! A sight that is older than the newest frame of another camera is brought to that moment: the robot has moved on, and what
//! moves has gone on as it did. A thing that several cameras see is one, under one number.
//!
//! Sizes, and a pose from odometry, belong here.
//!
//! [`Scene`]: crate::types::Scene

mod filter;
mod identities;
mod reckoning;
mod sight;
mod thing;
mod things;

pub use thing::{GroundVelocity, Thing};
pub use things::{Surroundings, World};
