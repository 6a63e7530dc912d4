//! Pictures that never came, seen as gaps between stamps: DDS loses best-effort pictures without a word.

use crate::types::Stamp;

/// Stamp differences that the usual period is taken from.
const MEMORY: usize = 15;

/// Counts missing pictures of a camera with a steady rate.
#[derive(Debug, Default)]
pub struct Gaps {
    last: Option<Stamp>,
    differences_ns: [i64; MEMORY],
    filled: usize,
    next: usize,
}

impl Gaps {
    /// The picture that came; returns how many are missing between it and the one before it. The period is the
    /// median of the last differences; before there are enough of them, after a step back and after a pause of ten
    /// periods nothing is missing.
    pub fn came(&mut self, stamp: Stamp) -> u64 {
        let Some(last) = self.last.replace(stamp) else { return 0 };
        let difference_ns = stamp.ns_since(last);
        if difference_ns <= 0 {
            return 0;
        }
        let missing = self.period_ns().map_or(0, |period_ns| {
            // 1.6 periods: a camera may be late by half of one.
            let tenth = |times: i64| period_ns.saturating_mul(times) / 10;
            let is_gap = difference_ns > tenth(16) && difference_ns < tenth(100);
            if is_gap {
                u64::try_from(difference_ns.saturating_add(period_ns / 2) / period_ns - 1).unwrap_or(0)
            } else {
                0
            }
        });
        self.differences_ns[self.next] = difference_ns;
        self.next = (self.next + 1) % MEMORY;
        self.filled = (self.filled + 1).min(MEMORY);
        missing
    }

    fn period_ns(&self) -> Option<i64> {
        let mut sorted = self.differences_ns;
        sorted.sort_unstable();
        (self.filled == MEMORY).then_some(sorted[MEMORY / 2])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD_NS: i64 = 33_333_333;

    #[test]
    fn stamps_of_garbage_are_no_gaps_and_no_fault() {
        let mut gaps = Gaps::default();
        for number in 0..64 {
            let ns = if number % 2 == 0 { i64::MIN + number } else { i64::MAX - number };
            gaps.came(Stamp::from_ns(ns));
            gaps.came(Stamp::from_ns(number * (i64::MAX / 64)));
        }
    }

    fn missing(indices: impl IntoIterator<Item = i64>) -> u64 {
        let mut gaps = Gaps::default();
        // The camera jitters by a fifth of its period.
        indices.into_iter().map(|i| gaps.came(Stamp::from_ns(i * PERIOD_NS + i % 3 * PERIOD_NS / 10))).sum()
    }

    #[test]
    fn a_steady_camera_with_jitter_misses_nothing() {
        assert_eq!(missing(0..100), 0);
    }

    #[test]
    fn each_picture_that_never_came_is_counted() {
        assert_eq!(missing((0..100).filter(|i| ![40, 60, 61].contains(i))), 3);
    }

    #[test]
    fn a_pause_and_a_new_beginning_are_no_loss() {
        assert_eq!(missing((0..50).chain(500..550).chain(0..50)), 0);
    }
}
