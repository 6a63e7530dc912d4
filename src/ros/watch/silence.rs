//! How long nobody has said anything that is still true: the watchdog's count, without a clock of its own.

/// The shortest time between two stops, so that a small `max_age_ms` floods nobody: 10 Hz.
const MIN_PERIOD_NS: i64 = 100_000_000;

/// The age of the newest plan that left, and whether a stop is due. Counts from its start, so that a camera that never
/// comes is noticed too. All times are those of [`EdgeClock::watch_ns`](crate::ros::clock::EdgeClock::watch_ns).
///
/// Only a plan that has left ends a silence. A clock that goes back (a simulation that began again) neither ends one nor
/// forgets what was silent of it so far.
#[derive(Debug)]
pub struct Silence {
    max_age_ns: i64,
    /// When the picture of the newest plan was taken; before there is one, the start.
    newest_ns: i64,
    has_plan: bool,
    /// The latest time that was given.
    now_ns: i64,
    said_ns: Option<i64>,
}

/// What the count comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// The newest plan is young enough.
    Fresh,
    /// It is not, and that has been said recently.
    Silent(Silent),
    /// It is not: say stop now.
    Stop(Silent),
}

/// A silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Silent {
    /// Age of the newest plan, or time since the start.
    pub ns: i64,
    /// Whether there has been a plan at all.
    pub after_plan: bool,
    /// Whether no stop has been said in it before.
    pub first: bool,
}

impl Silence {
    /// Counts from `now_ns`.
    pub fn new(max_age_ns: i64, now_ns: i64) -> Self {
        Self { max_age_ns, newest_ns: now_ns, has_plan: false, now_ns, said_ns: None }
    }

    /// Another limit holds from now on.
    pub fn allow(&mut self, max_age_ns: i64) {
        self.max_age_ns = max_age_ns;
    }

    /// A plan has left, `age_ns` after its picture was taken; one of the future counts as taken now. Returns how old the
    /// plan before it was by then, if there was one.
    pub fn plan_left(&mut self, now_ns: i64, age_ns: i64) -> Option<i64> {
        self.advance(now_ns);
        let replaced_ns = self.has_plan.then(|| now_ns - self.newest_ns);
        let taken_ns = now_ns - age_ns.max(0);
        self.newest_ns = if self.has_plan { self.newest_ns.max(taken_ns) } else { taken_ns };
        self.has_plan = true;
        replaced_ns
    }

    /// Looks at the clock.
    pub fn check(&mut self, now_ns: i64) -> Watch {
        let Some(silent) = self.silent(now_ns) else {
            self.said_ns = None;
            return Watch::Fresh;
        };
        if self.said_ns.is_some_and(|said_ns| now_ns - said_ns < self.period_ns()) {
            return Watch::Silent(silent);
        }
        self.said_ns = Some(now_ns);
        Watch::Stop(silent)
    }

    /// The silence at this time, if there is one; says nothing about it.
    pub fn silent(&mut self, now_ns: i64) -> Option<Silent> {
        self.advance(now_ns);
        let ns = self.now_ns - self.newest_ns;
        let (after_plan, first) = (self.has_plan, self.said_ns.is_none());
        (ns > self.max_age_ns).then_some(Silent { ns, after_plan, first })
    }

    /// How long after the latest time the next check can find something new, if no plan leaves until then.
    pub fn wait_ns(&self) -> i64 {
        let next_ns = self.said_ns.map_or(self.newest_ns + self.max_age_ns + 1, |said_ns| said_ns + self.period_ns());
        (next_ns - self.now_ns).max(0)
    }

    /// A step back moves all that is remembered along, so that durations stay.
    fn advance(&mut self, now_ns: i64) {
        let back_ns = (self.now_ns - now_ns).max(0);
        self.newest_ns -= back_ns;
        self.said_ns = self.said_ns.map(|said_ns| said_ns - back_ns);
        self.now_ns = now_ns;
    }

    /// Time between two stops while the silence lasts, at least [`MIN_PERIOD_NS`].
    fn period_ns(&self) -> i64 {
        self.max_age_ns.max(MIN_PERIOD_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = 1_000_000;

    fn stop(ms: i64, after_plan: bool, first: bool) -> Watch {
        Watch::Stop(Silent { ns: ms * MS, after_plan, first })
    }

    #[test]
    fn a_camera_that_never_comes_is_noticed_after_max_age() {
        let mut silence = Silence::new(200 * MS, 1000 * MS);
        assert_eq!(silence.check(1200 * MS), Watch::Fresh);
        assert_eq!(silence.check(1201 * MS), stop(201, false, true));
    }

    #[test]
    fn the_stop_is_repeated_at_the_period_while_the_silence_lasts() {
        let mut silence = Silence::new(50 * MS, 0);
        let said: Vec<i64> = (0..=400).filter(|ms| matches!(silence.check(ms * MS), Watch::Stop(_))).collect();
        assert_eq!(said, [51, 151, 251, 351]);
    }

    #[test]
    fn the_wait_leads_to_the_next_stop() {
        let mut silence = Silence::new(100 * MS, 0);
        let mut now_ns = 0;
        for number in 0..3 {
            now_ns += silence.wait_ns();
            assert!(matches!(silence.check(now_ns), Watch::Stop(silent) if silent.first == (number == 0)));
        }
        assert_eq!(now_ns, 300 * MS + 1);
    }

    #[test]
    fn what_counts_is_the_age_of_the_newest_plan_and_not_when_it_left() {
        let mut silence = Silence::new(100 * MS, 0);
        assert_eq!(silence.plan_left(80 * MS, 70 * MS), None);
        assert_eq!(silence.check(110 * MS), Watch::Fresh);
        assert_eq!(silence.check(111 * MS), stop(101, true, true));
        assert_eq!(silence.plan_left(120 * MS, 60 * MS), Some(110 * MS));
        assert_eq!(silence.check(160 * MS), Watch::Fresh);
        assert_eq!(silence.check(161 * MS), stop(101, true, true));
    }

    #[test]
    fn a_plan_that_was_too_old_when_it_left_ends_no_silence() {
        let mut silence = Silence::new(100 * MS, 0);
        silence.plan_left(10 * MS, 0);
        silence.check(150 * MS);
        silence.plan_left(160 * MS, 120 * MS);
        assert_eq!(silence.check(161 * MS), Watch::Silent(Silent { ns: 121 * MS, after_plan: true, first: false }));
    }

    #[test]
    fn a_plan_of_the_future_counts_as_of_now() {
        let mut silence = Silence::new(100 * MS, 0);
        silence.plan_left(10 * MS, -90 * MS);
        assert_eq!(silence.check(111 * MS), stop(101, true, true));
    }

    #[test]
    fn a_clock_that_goes_back_ends_no_silence_and_hides_none() {
        let mut silence = Silence::new(100 * MS, 5000 * MS);
        silence.plan_left(5000 * MS, 0);
        assert_eq!(silence.check(5060 * MS), Watch::Fresh);
        assert_eq!(silence.check(10 * MS), Watch::Fresh);
        assert_eq!(silence.check(51 * MS), stop(101, true, true));
        assert!(matches!(silence.check(20 * MS), Watch::Silent(_)), "stopped stays stopped");
        silence.plan_left(30 * MS, 5 * MS);
        assert_eq!(silence.check(30 * MS), Watch::Fresh);
    }

    proptest! {
        /// Whatever the clock does, a stop is said no later than `max_age` of its forward steps after the last plan.
        #[test]
        fn no_walk_of_the_clock_puts_a_stop_off(steps in prop::collection::vec(-500i64..500, 1..60)) {
            let mut silence = Silence::new(1000, 0);
            let (mut now_ns, mut forward_ns, mut said) = (0, 0, false);
            for step in steps {
                now_ns += step;
                forward_ns += step.max(0);
                said |= matches!(silence.check(now_ns), Watch::Stop(_));
                prop_assert_eq!(said, forward_ns > 1000);
            }
        }
    }
}
