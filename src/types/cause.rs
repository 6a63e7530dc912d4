//! Why a step of a plan is taken, for programs: behaviour trees, tests, statistics.

/// The rule and its numbers. What a rule has no number for is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cause {
    /// Which rule.
    pub rule: Rule,
    /// From the planning frame's origin to the nearest edge of where the thing may be, along x, at least 0; metres.
    pub gap_m: Option<f64>,
    /// How fast the thing comes nearer by its own motion, at least 0.
    pub approach_mps: Option<f64>,
    /// When the gap is gone, at the robot's speed and the thing's; `None` where it does not get smaller.
    pub time_to_contact_s: Option<f64>,
    /// The speed that this step alone allows; `None` where it sets no limit.
    pub limit_mps: Option<f64>,
    /// What lets the robot go on as if the step were not there.
    pub until: Until,
}

/// What a step follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Rule {
    /// A thing is in the corridor.
    InTheWay,
    /// A thing's motion brings it into the corridor.
    Entering,
    /// A thing is in view whose place on the ground is not known.
    Unplaced,
    /// What an earlier picture asked for is held.
    Held,
    /// The robot drives backwards, where no camera looks.
    Backwards,
    /// The robot drives to its side, where no camera looks.
    Sideways,
    /// More is in view than is looked at.
    Full,
    /// No camera sees any of the way ahead.
    TurnedAway,
    /// A camera that is required has shown nothing for too long.
    CameraLost,
    /// A language model's word, within the rules.
    #[default]
    Proposed,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::InTheWay,
        Self::Entering,
        Self::Unplaced,
        Self::Held,
        Self::Backwards,
        Self::Sideways,
        Self::Full,
        Self::TurnedAway,
        Self::CameraLost,
        Self::Proposed,
    ];

    /// The word as vedette_msgs/PlanStep carries it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InTheWay => "in_the_way",
            Self::Entering => "entering",
            Self::Unplaced => "unplaced",
            Self::Held => "held",
            Self::Backwards => "backwards",
            Self::Sideways => "sideways",
            Self::Full => "full",
            Self::TurnedAway => "turned_away",
            Self::CameraLost => "camera_lost",
            Self::Proposed => "proposed",
        }
    }
}

/// What lets the robot go on.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Until {
    /// Nothing has to happen: the step holds nobody up.
    #[default]
    Now,
    /// The thing is gone, out of the way or far enough.
    Clear,
    /// Nothing asks for it with `distance_hysteresis_m` to spare.
    Room,
    /// Nothing has asked for it for long enough, which is so in this many seconds at the earliest.
    Time {
        /// At least 0.
        left_s: f64,
    },
    /// What is not seen is seen: the camera shows something again, the way ahead is in view, the thing has a place.
    Sight,
    /// The robot drives ahead, or stands.
    Ahead,
    /// The proposal is replaced, refused, or too old.
    Proposal,
}

impl Until {
    /// The word as vedette_msgs/PlanStep carries it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Clear => "clear",
            Self::Room => "room",
            Self::Time { .. } => "time",
            Self::Sight => "sight",
            Self::Ahead => "ahead",
            Self::Proposal => "proposal",
        }
    }

    /// The seconds that are left, at the least, where that is known.
    pub const fn left_s(self) -> Option<f64> {
        match self {
            Self::Now => Some(0.0),
            Self::Time { left_s } => Some(left_s),
            _ => None,
        }
    }

    /// What these words of a message mean; `None` for a word that is none.
    pub fn from_words(word: &str, left_s: f64) -> Option<Self> {
        let left_s = if left_s.is_finite() { left_s } else { 0.0 };
        let all = [Self::Now, Self::Clear, Self::Room, Self::Time { left_s }, Self::Sight, Self::Ahead, Self::Proposal];
        all.into_iter().find(|until| until.as_str() == word)
    }
}
