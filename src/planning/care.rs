//! How careful a plan is: a word and a limit, and how two of them combine.

use super::blind::Blind;
use super::braking::Braking;
use crate::types::Decision;

/// Slower than this is standing.
pub(super) const MIN_MOVING_MPS: f64 = 0.05;

/// The rules' part of [`Decision`], ordered from free to careful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    Proceed,
    Slow,
    Stop,
}

impl Word {
    pub(super) const fn decision(self) -> Decision {
        match self {
            Self::Proceed => Decision::Proceed,
            Self::Slow => Decision::Slow,
            Self::Stop => Decision::Stop,
        }
    }
}

/// A word with the speed that goes with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Care {
    pub(super) word: Word,
    /// Finite, at least 0, and 0 with `Stop`.
    pub(super) limit_mps: f64,
}

impl Care {
    /// Nothing is more careful.
    pub(super) const STOP: Self = Self { word: Word::Stop, limit_mps: 0.0 };

    /// The more careful word and the lower limit of both.
    pub(super) fn and(self, other: Self) -> Self {
        let word = self.word.max(other.word);
        if word == Word::Stop {
            return Self::STOP;
        }
        Self { word, limit_mps: self.limit_mps.min(other.limit_mps) }
    }
}

/// What the robot could do about things ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rules {
    /// The full brakes.
    pub(super) braking: Braking,
    /// The robot's own speed.
    pub(super) speed_mps: f64,
    /// The fastest that is ever allowed.
    pub(super) cruise_mps: f64,
}

impl Rules {
    /// The way is free.
    pub(super) fn about_nothing(&self) -> Care {
        if self.cruise_mps < MIN_MOVING_MPS {
            return Care::STOP;
        }
        Care { word: Word::Proceed, limit_mps: self.cruise_mps }
    }

    /// Something in the way, `gap_m` ahead, that comes nearer at `approach_mps` by its own motion.
    pub(super) fn about_gap(&self, gap_m: f64, approach_mps: f64) -> Care {
        let limit_mps = self.braking.gently().speed_mps(gap_m, approach_mps);
        let can_halt = self.braking.distance_m(self.speed_mps, approach_mps) <= gap_m;
        if !can_halt || limit_mps < MIN_MOVING_MPS {
            return Care::STOP;
        }
        let is_limited = limit_mps < self.cruise_mps.max(self.speed_mps);
        let word = if is_limited { Word::Slow } else { Word::Proceed };
        self.about_nothing().and(Care { word, limit_mps })
    }

    /// Where the plan rests on nothing that was seen.
    pub(super) fn about_blind(&self, blind: Blind, creep_mps: f64) -> Care {
        if blind.is_stop() { Care::STOP } else { self.about_unknown(creep_mps) }
    }

    /// What nobody can place or see: at most `creep_mps`, and never `proceed`, however fast that is.
    pub(super) fn about_unknown(&self, creep_mps: f64) -> Care {
        if creep_mps >= MIN_MOVING_MPS {
            self.about_nothing().and(Care { word: Word::Slow, limit_mps: creep_mps })
        } else {
            Care::STOP
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(speed_mps: f64) -> Rules {
        let braking = Braking { latency_s: 0.3, deceleration_mps2: 1.0, margin_m: 0.5 };
        Rules { braking, speed_mps, cruise_mps: 1.5 }
    }

    #[test]
    fn far_is_proceed_nearer_is_slow_and_inside_the_stopping_distance_is_stop() {
        // Full brakes need 2.075 m from 1.5 m/s, half of them 3.2 m.
        let rules = rules(1.5);
        assert_eq!(rules.about_gap(3.3, 0.0), Care { word: Word::Proceed, limit_mps: 1.5 });
        let slow = rules.about_gap(2.5, 0.0);
        assert!(slow.word == Word::Slow && slow.limit_mps < 1.5 && slow.limit_mps > 1.0);
        assert_eq!(rules.about_gap(2.0, 0.0), Care::STOP);
    }

    #[test]
    fn a_robot_that_is_too_fast_is_slowed_earlier() {
        assert_eq!(rules(1.5).about_gap(8.0, 0.0).word, Word::Proceed);
        assert_eq!(rules(3.0).about_gap(8.0, 0.0), Care { word: Word::Slow, limit_mps: 1.5 });
    }

    #[test]
    fn a_robot_that_stands_stops_only_at_the_margin() {
        assert_eq!(rules(0.0).about_gap(1.0, 0.0).word, Word::Slow);
        assert_eq!(rules(0.0).about_gap(0.5, 0.0), Care::STOP);
    }

    #[test]
    fn something_that_comes_nearer_needs_more_room() {
        assert_eq!(rules(1.0).about_gap(3.0, 0.0).word, Word::Slow);
        assert_eq!(rules(1.0).about_gap(3.0, 1.5), Care::STOP);
    }

    #[test]
    fn what_is_unknown_is_slow_or_stop_and_never_proceed() {
        assert_eq!(rules(1.0).about_unknown(0.3), Care { word: Word::Slow, limit_mps: 0.3 });
        assert_eq!(rules(1.0).about_unknown(0.0), Care::STOP);
        assert_eq!(rules(1.0).about_unknown(f64::NAN), Care::STOP);
        for fast in [1.5, 9.0, f64::INFINITY] {
            assert_eq!(rules(1.0).about_unknown(fast), Care { word: Word::Slow, limit_mps: 1.5 });
        }
    }

    #[test]
    fn numbers_that_are_none_stop() {
        assert_eq!(rules(1.0).about_gap(f64::NAN, 0.0), Care::STOP);
        assert_eq!(rules(1.0).about_gap(3.0, f64::NAN), Care::STOP);
        assert_eq!(rules(f64::NAN).about_gap(3.0, 0.0), Care::STOP);
        assert_eq!(Rules { cruise_mps: 0.0, ..rules(1.0) }.about_nothing(), Care::STOP);
    }
}
