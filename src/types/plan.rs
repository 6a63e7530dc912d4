//! What the robot should do, and why.

use super::{Cause, ClassId, TrackId};
use std::sync::Arc;

/// The word of a plan. Ordered from free to careful within the ground robot's part: proceed, slow, stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Nothing asks for less than full speed: what is in the way, if anything is, is far enough for a gentle stop.
    Proceed,
    /// Something is near, or may be: go on no faster than the limit.
    Slow,
    /// Something is inside the stopping distance, or the way has not been clear for long enough.
    Stop,
    /// Go around.
    Avoid,
    /// Let it pass.
    Yield,
    /// Hold the position in the air.
    Hover,
    /// Come down here.
    Land,
    /// Go back to the start.
    Return,
}

impl Decision {
    /// All words.
    pub const ALL: [Self; 8] =
        [Self::Proceed, Self::Slow, Self::Stop, Self::Avoid, Self::Yield, Self::Hover, Self::Land, Self::Return];

    /// The word as vedette_msgs/Plan carries it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::Slow => "slow",
            Self::Stop => "stop",
            Self::Avoid => "avoid",
            Self::Yield => "yield",
            Self::Hover => "hover",
            Self::Land => "land",
            Self::Return => "return",
        }
    }
}

/// Who made the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PlanSource {
    /// Geometry.
    Rules,
    /// A language model's proposal, past the guard.
    Model,
    /// The edge, because no plan that is still true has left.
    Watchdog,
}

impl PlanSource {
    /// The word as vedette_msgs/Plan carries it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Model => "model",
            Self::Watchdog => "watchdog",
        }
    }
}

/// A pose on the ground of the planning frame (REP-103): metres, and radians counter-clockwise from x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose2 {
    /// Forward.
    pub x_m: f64,
    /// Left.
    pub y_m: f64,
    /// Heading.
    pub yaw_rad: f64,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanStep {
    /// What to do.
    pub action: Decision,
    /// The track that it is about; `None` for a thing that has none yet.
    pub track: Option<TrackId>,
    /// The thing's class; `None` where it is about no thing.
    pub class: Option<ClassId>,
    /// Where, in the planning frame: the thing's ground position, the origin where that is not known.
    pub pose: Pose2,
    /// Why, for programs.
    pub cause: Cause,
    /// Why, in words a person reads, made from the cause.
    pub reason: String,
}

/// A plan in the frame that its [`Stamped`](super::Stamped) names.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Counts the plans of a run from 1.
    pub sequence: u64,
    /// The word.
    pub decision: Decision,
    /// No faster than this, in metres per second; `None` is no limit.
    pub speed_limit_mps: Option<f32>,
    /// What to do about what; empty when nothing is in the way.
    pub steps: Vec<PlanStep>,
    /// Where to go, from the robot forward; empty when it should not move.
    pub path: Vec<Pose2>,
    /// How long after its stamp the plan may be acted on, in nanoseconds.
    pub valid_for_ns: i64,
    /// Who made it.
    pub source: PlanSource,
    /// Name of the model whose boxes it rests on.
    pub model: Arc<str>,
    /// Version of the prompts behind the classes, 0 for a closed set.
    pub prompt_version: u32,
    /// The checks that it passed, in words: which speed it rests on, what bounds it.
    pub verdict: String,
}

impl Plan {
    /// Whether the robot is not to move at all.
    pub fn is_stop(&self) -> bool {
        self.decision == Decision::Stop || self.speed_limit_mps.is_some_and(|limit| limit <= 0.0)
    }

    /// The reason of the first step, or where there is none the verdict: one line for a person.
    pub fn reason(&self) -> &str {
        self.steps.first().map_or(&self.verdict, |step| &step.reason)
    }
}
