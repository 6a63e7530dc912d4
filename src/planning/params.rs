//! What can be tuned about planning.

use super::obstacles::Obstacles;
use crate::types::FrameId;

/// Parameters of the [`Planner`](super::Planner). Ranges are checked where parameters are read (`config`); values
/// outside them make plans that are too careful or of no use, and never panic.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanningParams {
    /// Full width of the strip ahead of the robot that must be free, in metres: the robot's width and room on both
    /// sides. `0.1..=20`, default 1.2.
    pub corridor_width_m: f64,
    /// How far ahead of the base frame's origin the strip reaches, in metres; the robot never goes faster than it can
    /// halt within it. `0.5..=100`, default 20.
    pub corridor_length_m: f64,
    /// What must be left between the base frame's origin and an obstacle after a stop, in metres: the robot's front
    /// overhang and some air. `0..=10`, default 0.5.
    pub stop_margin_m: f64,
    /// What the brakes do for certain, in metres per second squared; `slow` plans with half of it.
    /// `0.05..=20`, default 1.0.
    pub deceleration_mps2: f64,
    /// How far the robot reaches behind the base frame's origin, in metres: what is further behind is not in the way.
    /// `0..=100`, default 0.5.
    pub rear_extent_m: f64,
    /// From the exposure of an image until the brakes act, in milliseconds: transport, inference, the controller.
    /// `0..=10_000`, default 300.
    pub latency_budget_ms: u32,
    /// The fastest that a plan allows, in metres per second. `0..=50`, default 1.5.
    pub max_speed_mps: f64,
    /// The fastest while something that counts has no place on the ground (no camera model, a hidden foot), while more
    /// is in view than is looked at, and while the robot drives where no camera looks, in metres per second: 0 stops. Such
    /// a plan never says `proceed`, however fast this is. `0..=100`, default 0.3.
    pub unplaced_speed_mps: f64,
    /// How long nothing must have asked for a word before it is taken back, in milliseconds of stamp time.
    /// `0..=60_000`, default 1000.
    pub clear_after_ms: u32,
    /// The room to spare, in metres on every side, with which that must hold. `0..=10`, default 0.3.
    pub distance_hysteresis_m: f64,
    /// From pose to pose of the path, in metres. `0.01..=10`, default 0.25.
    pub path_spacing_m: f64,
    /// How long after its stamp a plan may be acted on, in milliseconds. Frames that stay out for longer make the
    /// planner begin again at `stop`, so this must be longer than a frame period. `1..=60_000`, default 500.
    pub valid_for_ms: u32,
    /// The greatest age of a language model's proposal, from the stamp of its picture to that of the frame whose plan
    /// it would change, in milliseconds. `1..=600_000`, default 3000.
    pub proposal_max_age_ms: u32,
    /// The frame of ground positions, plans and paths (REP-105), default `base_link`.
    pub base_frame: FrameId,
    /// What counts as an obstacle; by default everything, wherever it is.
    pub obstacles: Obstacles,
    /// The cameras, where there are several.
    pub cameras: Vec<Needed>,
    /// How old a camera's sight may be, in milliseconds. `1..=600_000`, default 500.
    pub max_sight_age_ms: u32,
}

/// A camera, and whether plans need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Its name.
    pub name: String,
    /// Without a sight of it that is young enough, the plan is `stop`.
    pub is_required: bool,
}

impl Default for PlanningParams {
    fn default() -> Self {
        Self {
            corridor_width_m: 1.2,
            corridor_length_m: 20.0,
            stop_margin_m: 0.5,
            rear_extent_m: 0.5,
            deceleration_mps2: 1.0,
            latency_budget_ms: 300,
            max_speed_mps: 1.5,
            unplaced_speed_mps: 0.3,
            clear_after_ms: 1000,
            distance_hysteresis_m: 0.3,
            path_spacing_m: 0.25,
            valid_for_ms: 500,
            proposal_max_age_ms: 3000,
            base_frame: FrameId::new("base_link"),
            obstacles: Obstacles::default(),
            cameras: Vec::new(),
            max_sight_age_ms: 500,
        }
    }
}
