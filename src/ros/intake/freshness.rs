//! What is fresh: the one rule about age, asked before a picture enters the walk and again before its results leave.

use crate::config::Config;
use crate::types::Stamp;
use std::fmt;

const NS_PER_MS: i64 = 1_000_000;
/// No driver is this late: what is older was recorded.
const RECORDED_NS: i64 = 600_000 * NS_PER_MS;
/// What is older than ten years was not recorded either: its stamp is no time of this clock.
const ANOTHER_EPOCH_NS: i64 = 10 * 365 * 24 * 3600 * 1000 * NS_PER_MS;

/// How far a stamp may be from ROS time, in the past or in the future: older is no longer true, newer means that the
/// clocks disagree and the age is unknown.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// The parameter `max_age_ms`.
    pub max_age_ns: i64,
}

/// Why something is not fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFresh {
    /// Older than the limit.
    TooOld {
        /// Its age.
        age_ns: i64,
        /// The limit.
        max_age_ns: i64,
    },
    /// Further ahead of ROS time than the limit.
    FromTheFuture {
        /// How far.
        ahead_ns: i64,
        /// The limit.
        max_age_ns: i64,
    },
    /// Simulated time has not begun.
    NoClock,
}

impl Freshness {
    /// From the parameters.
    pub fn new(config: &Config) -> Self {
        Self { max_age_ns: config.max_age_ms * NS_PER_MS }
    }

    /// The age of what is stamped `stamp`, in nanoseconds, at ROS time `now`; below 0 for one of the near future.
    ///
    /// # Errors
    /// Why it is not fresh.
    pub fn age_ns(&self, stamp: Stamp, now: Option<Stamp>) -> Result<i64, NotFresh> {
        let max_age_ns = self.max_age_ns;
        let age_ns = now.ok_or(NotFresh::NoClock)?.ns_since(stamp);
        if age_ns > max_age_ns {
            Err(NotFresh::TooOld { age_ns, max_age_ns })
        } else if age_ns < -max_age_ns {
            Err(NotFresh::FromTheFuture { ahead_ns: age_ns.saturating_neg(), max_age_ns })
        } else {
            Ok(age_ns)
        }
    }
}

impl NotFresh {
    /// The name of the cause, for counters.
    pub fn cause(self) -> &'static str {
        match self {
            Self::TooOld { .. } => "too_old",
            Self::FromTheFuture { .. } => "from_the_future",
            Self::NoClock => "no_clock",
        }
    }
}

impl fmt::Display for NotFresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooOld { age_ns, max_age_ns } => {
                let max_age_ms = max_age_ns / NS_PER_MS;
                if *age_ns > ANOTHER_EPOCH_NS {
                    return write!(f, "decades old, max_age_ms is {max_age_ms}; image_stamp: received cures it");
                }
                write!(f, "{} ms old, max_age_ms is {max_age_ms}", age_ns / NS_PER_MS)?;
                if *age_ns > RECORDED_NS {
                    let hours = *age_ns as f64 / (3_600_000 * NS_PER_MS) as f64;
                    write!(f, " ({hours:.1} hours): is this a bag? use --clock and use_sim_time")?;
                }
                Ok(())
            }
            Self::FromTheFuture { ahead_ns, max_age_ns } => write!(
                f,
                "{} ms ahead of ROS time, more than max_age_ms ({}); do the clocks of camera and node agree, or is \
                 use_sim_time missing?",
                ahead_ns / NS_PER_MS,
                max_age_ns / NS_PER_MS
            ),
            Self::NoClock => f.write_str("use_sim_time is set and no /clock has come, its age is unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Freshness = Freshness { max_age_ns: 200 };

    #[test]
    fn a_stamp_is_fresh_within_max_age_of_ros_time_on_both_sides() {
        let now = Some(Stamp::from_ns(1000));
        for (ns, age_ns) in [(800, 200), (1000, 0), (1200, -200)] {
            assert_eq!(LIMIT.age_ns(Stamp::from_ns(ns), now), Ok(age_ns));
        }
        let too_old = NotFresh::TooOld { age_ns: 201, max_age_ns: 200 };
        assert_eq!(LIMIT.age_ns(Stamp::from_ns(799), now), Err(too_old));
        let ahead = NotFresh::FromTheFuture { ahead_ns: 201, max_age_ns: 200 };
        assert_eq!(LIMIT.age_ns(Stamp::from_ns(1201), now), Err(ahead));
    }

    #[test]
    fn an_age_of_hours_asks_for_a_bag_and_one_of_decades_for_another_stamp() {
        let told =
            |age_ms: i64| NotFresh::TooOld { age_ns: age_ms * NS_PER_MS, max_age_ns: 500 * NS_PER_MS }.to_string();
        assert_eq!(told(700), "700 ms old, max_age_ms is 500");
        let hours = "9000000 ms old, max_age_ms is 500 (2.5 hours): is this a bag? use --clock and use_sim_time";
        assert_eq!(told(9_000_000), hours);
        let decades = "decades old, max_age_ms is 500; image_stamp: received cures it";
        assert_eq!(told(1_700_000_000_000), decades);
    }

    #[test]
    fn without_a_clock_nothing_is_fresh() {
        assert_eq!(LIMIT.age_ns(Stamp::from_ns(0), None), Err(NotFresh::NoClock));
    }

    #[test]
    fn the_furthest_stamps_have_an_age_too() {
        let now = Some(Stamp::from_ns(i64::MAX));
        assert!(matches!(LIMIT.age_ns(Stamp::from_ns(i64::MIN), now), Err(NotFresh::TooOld { .. })));
        let past = Some(Stamp::from_ns(i64::MIN));
        assert!(matches!(LIMIT.age_ns(Stamp::from_ns(i64::MAX), past), Err(NotFresh::FromTheFuture { .. })));
    }
}
