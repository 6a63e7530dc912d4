//! How many frames of a camera are processed: by their stamps, so that a replay takes the same ones.

use crate::types::Stamp;

/// A frame that comes earlier than it is due by less than this part of the period is in time: cameras are not exact.
const SLACK_PART: i64 = 8;

/// Lets frames through, at most so many per second.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// 0: all.
    period_ns: i64,
    due: Option<Stamp>,
}

impl Rate {
    /// The parameter `max_rate_hz`.
    #[expect(clippy::cast_possible_truncation, reason = "at least a thousandth of a second, at most what an i64 holds")]
    pub(super) fn set(&mut self, max_hz: f64) {
        self.period_ns = if max_hz > 0.0 { (1e9 / max_hz) as i64 } else { 0 };
        self.due = None;
    }

    /// Stamps begin again.
    pub(super) fn reset(&mut self) {
        self.due = None;
    }

    /// Whether the frame with this stamp is to be processed. One whose stamp is far behind the one before it is.
    pub(super) fn admits(&mut self, stamp: Stamp) -> bool {
        if self.period_ns == 0 {
            return true;
        }
        if let Some(due) = self.due {
            let early_ns = due.ns_since(stamp);
            // One that was taken early is due two periods behind the one before it.
            if early_ns > self.period_ns / SLACK_PART && early_ns <= self.period_ns.saturating_mul(2) {
                return false;
            }
        }
        // What came late does not bring the ones behind it forward by more than a period.
        let from = self.due.map_or(stamp, |due| if stamp.ns_since(due).abs() < self.period_ns { due } else { stamp });
        self.due = Some(Stamp::from_ns(from.as_ns().saturating_add(self.period_ns)));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::cast_possible_truncation, reason = "minutes in nanoseconds")]
    fn admitted(max_hz: f64, stamps_ms: impl Iterator<Item = f64>) -> usize {
        let mut rate = Rate::default();
        rate.set(max_hz);
        stamps_ms.filter(|ms| rate.admits(Stamp::from_ns((ms * 1e6) as i64))).count()
    }

    #[test]
    fn a_camera_is_thinned_to_the_rate_whatever_its_own_is_and_however_it_jitters() {
        let camera = |hz: f64, jitter_ms: f64| {
            (0..600).map(move |n| f64::from(n) * 1000.0 / hz + if n % 2 == 0 { jitter_ms } else { 0.0 })
        };
        for jitter_ms in [0.0, 1.0] {
            // 600 pictures at 30 Hz are 20 s.
            for (max_hz, expected) in [(15.0, 300), (20.0, 400), (10.0, 200), (7.0, 140), (1.0, 20)] {
                let found = admitted(max_hz, camera(30.0, jitter_ms));
                assert!(found.abs_diff(expected) <= 2, "{max_hz} Hz, {jitter_ms} ms: {found}, not {expected}");
            }
            assert_eq!(admitted(30.0, camera(30.0, jitter_ms)), 600);
            assert_eq!(admitted(60.0, camera(30.0, jitter_ms)), 600);
        }
        assert_eq!(admitted(0.0, camera(30.0, 0.0)), 600, "0 is all");
    }

    #[test]
    fn stamps_that_begin_again_are_admitted() {
        let stamps = (0..30).map(|n| 1e6 + f64::from(n) * 100.0).chain((0..30).map(|n| f64::from(n) * 100.0));
        assert_eq!(admitted(10.0, stamps), 60);
    }
}
