//! The only time that the core sees: a message's `header.stamp`.

use std::fmt;

const NS_PER_S: i64 = 1_000_000_000;

/// A point in ROS time: nanoseconds since the clock's epoch (1970 live, anything in simulation).
///
/// Ordered, copyable, and never read from a wall clock inside the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    ns: i64,
}

/// Why seconds and nanoseconds are no stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// builtin_interfaces/Time keeps its nanoseconds below one second.
    #[error("stamp {sec} s + {nanosec} ns: nanoseconds must be below 1000000000")]
    Nanoseconds {
        /// Seconds as found.
        sec: i32,
        /// Nanoseconds as found.
        nanosec: u32,
    },
}

impl Stamp {
    /// A stamp from nanoseconds since the epoch.
    pub const fn from_ns(ns: i64) -> Self {
        Self { ns }
    }

    /// A stamp from the two fields of builtin_interfaces/Time.
    ///
    /// # Errors
    /// [`StampError::Nanoseconds`] when `nanosec` is a second or more.
    pub fn from_ros(sec: i32, nanosec: u32) -> Result<Self, StampError> {
        if i64::from(nanosec) >= NS_PER_S {
            return Err(StampError::Nanoseconds { sec, nanosec });
        }
        Ok(Self::from_ns(i64::from(sec) * NS_PER_S + i64::from(nanosec)))
    }

    /// The two fields of builtin_interfaces/Time. Stamps beyond its range (the year 2038) saturate.
    pub fn to_ros(self) -> (i32, u32) {
        let sec = self.ns.div_euclid(NS_PER_S);
        let nanosec = self.ns.rem_euclid(NS_PER_S);
        match i32::try_from(sec) {
            // A remainder below 1e9 always fits.
            Ok(sec) => (sec, u32::try_from(nanosec).unwrap_or(0)),
            Err(_) if sec > 0 => (i32::MAX, 999_999_999),
            Err(_) => (i32::MIN, 0),
        }
    }

    /// Nanoseconds since the epoch.
    pub const fn as_ns(self) -> i64 {
        self.ns
    }

    /// `self - earlier` in nanoseconds: negative when `earlier` is in fact later.
    pub const fn ns_since(self, earlier: Stamp) -> i64 {
        self.ns.saturating_sub(earlier.ns)
    }

    /// `self - earlier` in seconds.
    pub fn seconds_since(self, earlier: Stamp) -> f64 {
        // A difference of stamps that robots live with is exact in f64 down to the nanosecond (below 104 days).
        self.ns_since(earlier) as f64 / NS_PER_S as f64
    }
}

impl fmt::Display for Stamp {
    /// Seconds with nine decimals, as `ros2 topic echo` users read them: `1700000000.100000000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}", self.ns.div_euclid(NS_PER_S), self.ns.rem_euclid(NS_PER_S))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ros_time_survives_the_round_trip(sec in any::<i32>(), nanosec in 0u32..1_000_000_000) {
            prop_assert_eq!(Stamp::from_ros(sec, nanosec).unwrap().to_ros(), (sec, nanosec));
        }
    }

    #[test]
    fn a_second_of_nanoseconds_is_refused_with_both_fields() {
        let error = Stamp::from_ros(3, 1_000_000_000).unwrap_err();
        assert_eq!(error.to_string(), "stamp 3 s + 1000000000 ns: nanoseconds must be below 1000000000");
    }

    #[test]
    fn a_stamp_before_the_epoch_prints_and_splits_as_ros_does() {
        let stamp = Stamp::from_ns(-1);
        assert_eq!(stamp.to_ros(), (-1, 999_999_999));
        assert_eq!(stamp.to_string(), "-1.999999999");
    }

    #[test]
    fn a_stamp_beyond_2038_saturates() {
        assert_eq!(Stamp::from_ns(i64::MAX).to_ros(), (i32::MAX, 999_999_999));
        assert_eq!(Stamp::from_ns(i64::MIN).to_ros(), (i32::MIN, 0));
    }
}
