//! How the robot itself moves, and how we know.

/// No robot is faster: odometry beyond this is broken, and the figures that follow stay finite.
const MAX_CREDIBLE_MPS: f64 = 100.0;
/// No robot turns faster.
const MAX_CREDIBLE_RADPS: f64 = 50.0;

/// A velocity in the robot's base frame (REP-103), as nav_msgs/Odometry has it in `twist.twist`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Twist {
    /// Along x, in metres per second: negative when the robot backs up.
    pub forward_mps: f64,
    /// Along y: negative when it moves to the right.
    pub left_mps: f64,
    /// Along z: negative when it comes down.
    pub up_mps: f64,
    /// About z, in radians per second: positive turns to the left.
    pub yaw_rate_radps: f64,
}

impl Twist {
    /// The length of the linear part.
    pub fn speed_mps(&self) -> f64 {
        self.forward_mps.hypot(self.left_mps).hypot(self.up_mps)
    }
}

/// The robot's own motion at the stamp of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Motion {
    /// From odometry.
    Measured {
        /// What it said.
        twist: Twist,
        /// How much older than the image the measurement is, in nanoseconds of stamp time; negative when younger.
        age_ns: i64,
    },
    /// Parameter `assumed_speed_mps`, straight ahead, because odometry is absent or too old. The plan says so.
    Assumed {
        /// Metres per second.
        forward_mps: f64,
    },
}

impl Motion {
    /// The numbers to reckon with, held to what robots can do; `None` where one is not finite.
    pub fn credible(self) -> Option<Twist> {
        let twist = match self {
            Self::Measured { twist, .. } => twist,
            Self::Assumed { forward_mps } => Twist { forward_mps, ..Twist::default() },
        };
        let Twist { forward_mps, left_mps, up_mps, yaw_rate_radps } = twist;
        let is_finite = [forward_mps, left_mps, up_mps, yaw_rate_radps].iter().all(|value| value.is_finite());
        let held = |value: f64, most: f64| value.clamp(-most, most);
        is_finite.then(|| Twist {
            forward_mps: held(forward_mps, MAX_CREDIBLE_MPS),
            left_mps: held(left_mps, MAX_CREDIBLE_MPS),
            up_mps: held(up_mps, MAX_CREDIBLE_MPS),
            yaw_rate_radps: held(yaw_rate_radps, MAX_CREDIBLE_RADPS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_not_credible_and_what_no_robot_does_is_held_to_what_one_can() {
        let measured = |forward_mps, yaw_rate_radps| {
            let twist = Twist { forward_mps, yaw_rate_radps, ..Twist::default() };
            Motion::Measured { twist, age_ns: 0 }.credible()
        };
        assert_eq!(measured(f64::NAN, 0.0), None);
        assert_eq!(measured(1.0, f64::INFINITY), None);
        assert_eq!(Motion::Assumed { forward_mps: f64::NAN }.credible(), None);
        let held = measured(-1e9, 1e9).unwrap();
        assert_eq!((held.forward_mps, held.yaw_rate_radps), (-100.0, 50.0));
    }

    #[test]
    fn speed_is_the_length_of_all_three_directions() {
        let twist = Twist { forward_mps: -1.0, left_mps: 2.0, up_mps: -2.0, yaw_rate_radps: 9.0 };
        assert_eq!(twist.speed_mps(), 3.0);
    }
}
