//! More careful at once, less careful after a while.
//!
//! Each word has its own latch: it closes with the first frame that asks for the word, and opens when no frame has asked
//! for it, not even with room to spare, for the clear time. The speed limit is the lowest of the same stretch of time.
//! Both are monotone: whoever sees more in every frame is never told less.

use super::care::{Care, Word};
use crate::types::{Cause, Rule, Stamp, Until};
use std::collections::VecDeque;

/// Room for two seconds of limits that rise from frame to frame at 30 Hz; more make it grow.
const EXPECTED_LIMITS: usize = 64;

/// Why a plan is more careful than the frame asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// It is not: the frame decides.
    No,
    /// The word is the frame's; its limit is the lowest of a while ago.
    Limit,
    /// Nothing has asked for the word for so many nanoseconds, not long enough.
    Clearing {
        /// 0 in the first such frame.
        clear_ns: i64,
    },
    /// Nothing asks for the word, but something would with room to spare.
    Close,
}

impl Held {
    /// For programs: a word that is held with this limit, to be asked for by nothing for `clear_after_ns`.
    pub(super) fn cause(self, limit_mps: f64, clear_after_ns: i64) -> Cause {
        let until = match self {
            Self::No | Self::Limit => Until::Clear,
            Self::Close => Until::Room,
            Self::Clearing { clear_ns } => {
                let left = Stamp::from_ns(clear_after_ns.saturating_sub(clear_ns).max(0));
                Until::Time { left_s: left.seconds_since(Stamp::from_ns(0)) }
            }
        };
        Cause { rule: Rule::Held, limit_mps: Some(limit_mps), until, ..Cause::default() }
    }

    /// Whether the word itself is held.
    pub(super) fn is_word(self) -> bool {
        matches!(self, Self::Clearing { .. } | Self::Close)
    }
}

/// The hysteresis of one word.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Latch {
    is_closed: bool,
    clear_since: Option<Stamp>,
}

impl Latch {
    const CLOSED: Self = Self { is_closed: true, clear_since: None };

    fn update(&mut self, stamp: Stamp, is_asked: bool, is_asked_with_room: bool, clear_after_ns: i64) {
        if is_asked || (self.is_closed && is_asked_with_room) {
            *self = Self::CLOSED;
        } else if self.is_closed {
            let since = *self.clear_since.get_or_insert(stamp);
            self.is_closed = stamp.ns_since(since) < clear_after_ns;
        }
    }
}

/// The hysteresis of the plan's word and limit, in stamp time.
#[derive(Debug)]
pub(super) struct Hold {
    clear_after_ns: i64,
    valid_for_ns: i64,
    last: Option<Stamp>,
    slow: Latch,
    stop: Latch,
    /// Limits of the last `clear_after_ns`, each lower than those behind it: the first is the lowest.
    limits: VecDeque<(Stamp, f64)>,
}

impl Hold {
    /// Begins at `stop`.
    pub(super) fn new(clear_after_ns: i64, valid_for_ns: i64) -> Self {
        Self {
            clear_after_ns,
            valid_for_ns,
            last: None,
            slow: Latch::CLOSED,
            stop: Latch::CLOSED,
            limits: VecDeque::with_capacity(EXPECTED_LIMITS),
        }
    }

    /// Other times hold from now on. What is held stays held.
    pub(super) fn set(&mut self, clear_after_ns: i64, valid_for_ns: i64) {
        (self.clear_after_ns, self.valid_for_ns) = (clear_after_ns, valid_for_ns);
    }

    /// The care to publish, from what the frame asks for `now`, and for what it would ask `with_room` to spare.
    ///
    /// A frame that comes later than the last plan was valid finds the robot standing: it begins at `stop` again. One
    /// with an earlier stamp keeps the word and starts the clear time over.
    pub(super) fn decide(&mut self, stamp: Stamp, now: Care, with_room: Care) -> (Care, Held) {
        let elapsed_ns = self.last.map_or(0, |last| stamp.ns_since(last));
        if elapsed_ns > self.valid_for_ns {
            (self.slow, self.stop) = (Latch::CLOSED, Latch::CLOSED);
            self.limits.clear();
        } else if elapsed_ns < 0 {
            (self.slow.clear_since, self.stop.clear_since) = (None, None);
            self.limits.iter_mut().for_each(|(since, _)| *since = stamp);
        }
        self.last = Some(stamp);
        for (latch, word) in [(&mut self.slow, Word::Slow), (&mut self.stop, Word::Stop)] {
            latch.update(stamp, now.word >= word, with_room.word >= word, self.clear_after_ns);
        }
        let limit_mps = self.lowest_limit(stamp, now.limit_mps);
        let (word, latch) = match (self.stop.is_closed, self.slow.is_closed) {
            (true, _) => (Word::Stop, self.stop),
            (false, true) => (Word::Slow, self.slow),
            (false, false) => (Word::Proceed, self.slow),
        };
        let care = if word == Word::Stop { Care::STOP } else { Care { word, limit_mps } };
        let held = match latch.clear_since {
            _ if word == now.word => {
                if limit_mps < now.limit_mps {
                    Held::Limit
                } else {
                    Held::No
                }
            }
            Some(since) => Held::Clearing { clear_ns: stamp.ns_since(since) },
            None => Held::Close,
        };
        (care, held)
    }

    fn lowest_limit(&mut self, stamp: Stamp, limit_mps: f64) -> f64 {
        while self.limits.front().is_some_and(|(since, _)| stamp.ns_since(*since) >= self.clear_after_ns) {
            self.limits.pop_front();
        }
        while self.limits.back().is_some_and(|(_, higher_mps)| *higher_mps >= limit_mps) {
            self.limits.pop_back();
        }
        self.limits.push_back((stamp, limit_mps));
        self.limits.front().map_or(limit_mps, |(_, lowest_mps)| *lowest_mps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::tests::scenarios::at;

    const FREE: Care = Care { word: Word::Proceed, limit_mps: 1.5 };
    const SLOW: Care = Care { word: Word::Slow, limit_mps: 0.8 };

    fn hold() -> Hold {
        Hold::new(1_000_000_000, 500_000_000)
    }

    /// A hold that has let the robot go, at 1000 ms.
    fn released() -> Hold {
        let mut hold = hold();
        (0..=10).for_each(|frame| {
            hold.decide(at(frame * 100), FREE, FREE);
        });
        hold
    }

    #[test]
    fn it_begins_at_stop_and_lets_go_after_the_clear_time() {
        let mut hold = hold();
        for frame in 0..10 {
            let (care, held) = hold.decide(at(frame * 100), FREE, FREE);
            assert_eq!((care, held), (Care::STOP, Held::Clearing { clear_ns: frame * 100_000_000 }));
        }
        assert_eq!(hold.decide(at(1000), FREE, FREE), (FREE, Held::No));
    }

    #[test]
    fn more_care_is_taken_at_once() {
        let mut hold = released();
        assert_eq!(hold.decide(at(1100), SLOW, SLOW), (SLOW, Held::No));
        assert_eq!(hold.decide(at(1200), Care::STOP, Care::STOP), (Care::STOP, Held::No));
    }

    #[test]
    fn a_flicker_starts_the_clear_time_over() {
        let mut hold = released();
        hold.decide(at(1100), SLOW, SLOW);
        for frame in 12..60 {
            let now = if frame % 8 == 0 { SLOW } else { FREE };
            let (care, _) = hold.decide(at(frame * 100), now, now);
            assert_eq!(care, SLOW, "frame {frame}");
        }
    }

    #[test]
    fn clear_without_room_to_spare_is_not_clear() {
        let mut hold = released();
        hold.decide(at(1100), Care::STOP, Care::STOP);
        for frame in 12..60 {
            assert_eq!(hold.decide(at(frame * 100), SLOW, Care::STOP), (Care::STOP, Held::Close));
        }
    }

    #[test]
    fn slow_that_was_asked_for_during_a_stop_has_its_own_clear_time() {
        let mut hold = released();
        hold.decide(at(1100), Care::STOP, Care::STOP);
        for frame in 12..=22 {
            hold.decide(at(frame * 100), if frame == 18 { SLOW } else { FREE }, FREE);
        }
        // Clear of stop since 1200, of slow since 1900.
        assert_eq!(hold.decide(at(2300), FREE, FREE), (SLOW, Held::Clearing { clear_ns: 400_000_000 }));
        (24..29).for_each(|frame| {
            hold.decide(at(frame * 100), FREE, FREE);
        });
        assert_eq!(hold.decide(at(2900), FREE, FREE), (FREE, Held::No));
    }

    #[test]
    fn a_limit_falls_at_once_and_rises_after_the_clear_time() {
        let mut hold = released();
        hold.decide(at(1100), SLOW, SLOW);
        let slower = Care { limit_mps: 0.4, ..SLOW };
        assert_eq!(hold.decide(at(1200), slower, slower), (slower, Held::No));
        for frame in 13..22 {
            assert_eq!(hold.decide(at(frame * 100), SLOW, SLOW), (slower, Held::Limit));
        }
        assert_eq!(hold.decide(at(2200), SLOW, SLOW), (SLOW, Held::No));
    }

    #[test]
    fn frames_that_stay_out_longer_than_a_plan_is_valid_end_in_stop() {
        let mut hold = released();
        assert_eq!(hold.decide(at(1500), FREE, FREE).0, FREE);
        assert_eq!(hold.decide(at(2001), FREE, FREE), (Care::STOP, Held::Clearing { clear_ns: 0 }));
    }

    #[test]
    fn a_stamp_that_goes_back_keeps_the_word_and_starts_the_clear_time_over() {
        let mut hold = released();
        hold.decide(at(1100), SLOW, SLOW);
        hold.decide(at(1200), FREE, FREE);
        assert_eq!(hold.decide(at(200), FREE, FREE), (SLOW, Held::Clearing { clear_ns: 0 }));
        assert_eq!(hold.decide(at(300), FREE, FREE), (SLOW, Held::Clearing { clear_ns: 100_000_000 }));
    }
}
