//! How fast the robot goes, and how we know.

/// No robot is faster: odometry beyond this is broken, and the figures that follow stay finite.
const MAX_CREDIBLE_MPS: f64 = 100.0;

/// The robot's own speed, for one plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// From odometry.
    Measured {
        /// Metres per second, forward; the sign is not looked at.
        mps: f64,
        /// How much older than the image the measurement is, in nanoseconds of stamp time; negative when younger.
        age_ns: i64,
    },
    /// Parameter `assumed_speed_mps`, because odometry is absent or too old. The plan says so.
    Assumed {
        /// Metres per second.
        mps: f64,
    },
}

impl Speed {
    /// The number to plan with, never negative; `None` where it is not finite.
    pub(super) fn credible_mps(self) -> Option<f64> {
        let (Self::Measured { mps, .. } | Self::Assumed { mps }) = self;
        mps.is_finite().then(|| mps.abs().min(MAX_CREDIBLE_MPS))
    }
}
