//! From a scene to a plan: deterministic rules, made of geometry.
//!
//! Enters: the things around the robot after one frame ([`Thing`](crate::world::Thing)), the class names, and the robot's
//! motion. Leaves: one [`Plan`](crate::types::Plan) in the base frame, with its reasons in words. Left to others: where
//! things stand (`spatial`) and how they move (`world`), steering around things, and what makes proposals (`language`,
//! `pipeline`). docs/planning.md says what the plan means to a robot, and why.
//!
//! The rules, in the order of the files:
//! - `braking`: a robot at `v` that sees something come at `w` needs
//!   `v t + v^2 / 2a + w (t + v / a) + margin`, with `t` the latency budget and `a` the deceleration;
//! - `obstacles`: what counts, by class and by where it is: all that stands on the ground, and what may be low and near;
//! - `blind`: where nothing was seen that a plan could rest on: a robot that drives backwards, a picture with more in it
//!   than is looked at;
//! - `corridor`: what stands in the way, or walks into it: the nearest edge of the two-sigma box around a position
//!   counts, and a track without a box grows with the time since its last one. Motion makes a plan more careful, never
//!   less;
//! - `care`: `stop` where the robot, as fast as it is, could not halt any more with full deceleration; `slow` with the
//!   speed that half of it could brake; `proceed` otherwise. The most careful word and the lowest limit win. What is
//!   unknown is `slow` at most;
//! - `hold`: more careful at once, less careful only when nothing has asked for the word, with room to spare, for a while.
//!
//! On top of the rules' plan, where a language model has proposed one:
//! - `guard`: whether the proposal is fresh, about tracks that are there, and within the rules;
//! - `proposals`: what then changes in the plan. No plan is less careful than that of the rules alone.
//!
//! The only time is the stamp of the frames. The planner begins at `stop`, and returns to it when frames stay out for
//! longer than a plan is valid: nobody has looked, and whoever obeyed the last plan has halted.
//!
//! Not known here, and to be left room for: the robot's outline (the margin counts from the base frame's origin), the way
//! that it will turn (the corridor is straight), slopes, and whatever the detector does not see or know. A walker who crosses at the robot's own speed comes at a bearing of 45 degrees: a
//! camera with a narrower view sees them late, and no rule here makes up for it.

mod blind;
mod braking;
mod care;
mod corridor;
mod guard;
mod hold;
mod obstacles;
mod params;
mod planner;
mod proposals;
#[cfg(test)]
mod tests;
mod words;

pub mod watchdog;

pub use obstacles::Obstacles;
pub use params::{Needed, PlanningParams};
pub use planner::Planner;
pub use proposals::{Offers, Planned, Ruling};
