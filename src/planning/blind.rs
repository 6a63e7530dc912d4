//! Where a plan rests on nothing that was seen.

use super::params::Needed;
use crate::types::{CameraId, Cause, Motion, Rule, Until};

/// Drifting slower than this is standing.
const MIN_MPS: f64 = 0.1;

/// So many reasons may hold at once.
pub(super) const BLIND: usize = 4;

/// Why the plan cannot know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Blind {
    /// The robot drives backwards: nobody looks there.
    Backwards {
        /// How fast, above 0.
        mps: f64,
    },
    /// The robot drives more to its side than ahead.
    Sideways {
        /// How fast, above 0.
        mps: f64,
    },
    /// More is in view than is looked at.
    Full,
    /// No camera sees any of the way ahead.
    TurnedAway,
    /// Cameras that are needed have shown nothing for too long.
    Lost {
        /// The first of them.
        camera: CameraId,
        /// How many others there are.
        others: usize,
    },
}

impl Blind {
    /// Whether a plan that rests on it may let the robot move at all.
    pub(super) fn is_stop(self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// For programs, with the limit that follows from it.
    pub(super) fn cause(self, limit_mps: f64) -> Cause {
        let (rule, until) = match self {
            Self::Backwards { .. } => (Rule::Backwards, Until::Ahead),
            Self::Sideways { .. } => (Rule::Sideways, Until::Ahead),
            Self::Full => (Rule::Full, Until::Clear),
            Self::TurnedAway => (Rule::TurnedAway, Until::Sight),
            Self::Lost { .. } => (Rule::CameraLost, Until::Sight),
        };
        Cause { rule, limit_mps: Some(limit_mps), until, ..Cause::default() }
    }

    /// Of the cameras that are missing, those that are needed.
    pub(super) fn lost(missing: &[CameraId], needs: &[Needed]) -> Option<Self> {
        let is_needed = |camera: &&CameraId| needs.get(camera.0).is_some_and(|needed| needed.is_required);
        let mut lost = missing.iter().filter(is_needed);
        let camera = *lost.next()?;
        Some(Self::Lost { camera, others: lost.count() })
    }

    /// Whether the robot drives where the corridor is not. A speed that is assumed is one ahead.
    pub(super) fn way(motion: Motion) -> Option<Self> {
        let Motion::Measured { .. } = motion else { return None };
        let twist = motion.credible()?;
        let across_mps = twist.left_mps.abs();
        if twist.forward_mps <= -MIN_MPS && -twist.forward_mps >= across_mps {
            Some(Self::Backwards { mps: -twist.forward_mps })
        } else if across_mps >= MIN_MPS && across_mps > twist.forward_mps {
            Some(Self::Sideways { mps: across_mps })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Twist;

    #[test]
    fn only_a_drive_ahead_is_one_that_the_camera_sees() {
        let way = |forward_mps, left_mps| {
            let twist = Twist { forward_mps, left_mps, ..Twist::default() };
            Blind::way(Motion::Measured { twist, age_ns: 0 })
        };
        assert_eq!((way(1.0, 0.0), way(1.0, -0.9), way(0.0, 0.0), way(-0.05, 0.05)), (None, None, None, None));
        assert_eq!(way(-0.5, 0.1), Some(Blind::Backwards { mps: 0.5 }));
        assert_eq!(way(0.2, -0.5), Some(Blind::Sideways { mps: 0.5 }));
        assert_eq!(way(-0.2, -0.5), Some(Blind::Sideways { mps: 0.5 }));
        assert_eq!(way(f64::NAN, 0.0), None, "planned with as the highest speed ahead");
        assert_eq!(Blind::way(Motion::Assumed { forward_mps: -1.0 }), None);
    }
}
