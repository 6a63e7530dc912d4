//! Decides when the edge itself says stop: no fresh picture for longer than `max_age_ms`.

/// The shortest time between two stops, so that a small `max_age_ms` floods nobody: 10 Hz.
const MIN_PERIOD_NS: i64 = 100_000_000;

/// Counts from its start, so that a camera that never comes is noticed too. Times are those of
/// [`NodeClock::watch_ns`](super::clock::NodeClock::watch_ns).
#[derive(Debug)]
pub struct Watchdog {
    max_age_ns: i64,
    fresh_ns: i64,
    said_ns: Option<i64>,
}

/// What the watchdog finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// Pictures come.
    Fresh,
    /// None has come for too long, and this has been said recently.
    Stale,
    /// None has come for so many nanoseconds: say stop now.
    Stop {
        /// Since the last fresh picture, or since the start.
        silent_ns: i64,
        /// Whether this is the first stop since pictures came.
        first: bool,
    },
}

impl Watchdog {
    /// Counts from `now_ns`.
    pub fn new(max_age_ns: i64, now_ns: i64) -> Self {
        Self { max_age_ns, fresh_ns: now_ns, said_ns: None }
    }

    /// Looks at the clock; `fresh_ns` is when the last fresh picture came, if one ever did. A clock that went back
    /// (a simulation that began again) starts the count anew.
    pub fn check(&mut self, now_ns: i64, fresh_ns: Option<i64>) -> Watch {
        self.fresh_ns = self.fresh_ns.max(fresh_ns.unwrap_or(i64::MIN));
        if now_ns < self.fresh_ns {
            *self = Self::new(self.max_age_ns, now_ns);
        }
        let silent_ns = now_ns - self.fresh_ns;
        if silent_ns <= self.max_age_ns {
            self.said_ns = None;
            return Watch::Fresh;
        }
        let first = self.said_ns.is_none();
        let due = self.said_ns.is_none_or(|said_ns| now_ns - said_ns >= self.period_ns());
        if !due {
            return Watch::Stale;
        }
        self.said_ns = Some(now_ns);
        Watch::Stop { silent_ns, first }
    }

    /// How long after `now_ns` the next check can find something new, if nothing comes until then.
    pub fn wait_ns(&self, now_ns: i64) -> i64 {
        let next_ns = self.said_ns.map_or(self.fresh_ns + self.max_age_ns + 1, |said_ns| said_ns + self.period_ns());
        (next_ns - now_ns).max(0)
    }

    /// Time between two stops while the silence lasts, at least [`MIN_PERIOD_NS`].
    fn period_ns(&self) -> i64 {
        self.max_age_ns.max(MIN_PERIOD_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn a_camera_that_never_comes_is_noticed_after_max_age() {
        let mut watchdog = Watchdog::new(200 * MS, 1000 * MS);
        assert_eq!(watchdog.check(1200 * MS, None), Watch::Fresh);
        assert_eq!(watchdog.check(1201 * MS, None), Watch::Stop { silent_ns: 201 * MS, first: true });
    }

    #[test]
    fn the_stop_is_repeated_at_the_period_while_the_silence_lasts() {
        let mut watchdog = Watchdog::new(50 * MS, 0);
        let said: Vec<i64> =
            (0..=400).filter(|ms| matches!(watchdog.check(ms * MS, None), Watch::Stop { .. })).collect();
        assert_eq!(said, [51, 151, 251, 351]);
    }

    #[test]
    fn the_wait_leads_to_the_next_stop() {
        let mut watchdog = Watchdog::new(100 * MS, 0);
        let mut now_ns = 0;
        for stop in 0..3 {
            now_ns += watchdog.wait_ns(now_ns);
            assert!(matches!(watchdog.check(now_ns, None), Watch::Stop { first, .. } if first == (stop == 0)));
        }
        assert_eq!(now_ns, 300 * MS + 1);
    }

    #[test]
    fn a_fresh_picture_ends_it_and_the_next_silence_is_a_first_one_again() {
        let mut watchdog = Watchdog::new(100 * MS, 0);
        assert_eq!(watchdog.check(150 * MS, None), Watch::Stop { silent_ns: 150 * MS, first: true });
        assert_eq!(watchdog.check(200 * MS, None), Watch::Stale);
        assert_eq!(watchdog.check(210 * MS, Some(205 * MS)), Watch::Fresh);
        assert_eq!(watchdog.check(306 * MS, Some(205 * MS)), Watch::Stop { silent_ns: 101 * MS, first: true });
    }

    #[test]
    fn a_clock_that_went_back_starts_the_count_anew() {
        let mut watchdog = Watchdog::new(100 * MS, 5000 * MS);
        assert_eq!(watchdog.check(10 * MS, Some(5000 * MS)), Watch::Fresh);
        assert!(matches!(watchdog.check(200 * MS, Some(20 * MS)), Watch::Stop { first: true, .. }));
    }
}
