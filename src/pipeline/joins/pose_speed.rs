//! The speed that poses show: a line through the last of them.
//!
//! In: poses of the robot in a fixed frame, with their stamps. Out: its motion in its own frame (REP-103). A straight line
//! is fitted to half a second of poses, which evens out their noise at any rate; what the line rises by must be more than
//! that noise can feign, and more than a robot that stands creeps about. The speed is that of a quarter of a second ago.

use crate::types::{Stamp, Twist};
use nalgebra::{Isometry3, UnitQuaternion, Vector3};

/// The poses of so long are looked at ...
const WINDOW_S: f64 = 0.5;
/// ... or, where they come slowly, so many of them, ...
const LEAST_POSES: u32 = 4;
/// ... which must not reach back further than this ...
const LONGEST_S: f64 = 2.0;
/// ... and not less: a rate of a kilohertz has four poses in no time.
const SHORTEST_S: f64 = 0.1;
/// Steps below this are never a jump, whatever the stamps say: drivers send poses in pairs.
const LEAST_JUMP_M: f64 = 0.3;
/// A step is one when the robot would have to be this many times as fast as it can be.
const JUMP_FACTOR: f64 = 3.0;
/// A robot that is slower stands.
const LEAST_MPS: f64 = 0.05;
const LEAST_RADPS: f64 = 0.05;
/// A slope must be so many times its own standard error.
const LEAST_DEVIATIONS: f64 = 3.0;

/// What poses show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shown {
    /// How the robot moves; all zero where it stands.
    Motion(Twist),
    /// There are not enough of them to tell.
    TooFew,
    /// There are not enough of them since the robot's place was found anew.
    Jump,
}

/// The sums from which a line through points is reckoned. Times are in seconds before the newest pose.
#[derive(Default)]
struct Line {
    count: f64,
    times: f64,
    squared_times: f64,
    values: Vector3<f64>,
    squared_values: f64,
    products: Vector3<f64>,
}

impl Line {
    fn add(&mut self, time_s: f64, value: Vector3<f64>) {
        self.count += 1.0;
        self.times += time_s;
        self.squared_times += time_s * time_s;
        self.values += value;
        self.squared_values += value.norm_squared();
        self.products += value * time_s;
    }

    /// How much the values rise in a second; nothing where that may be noise.
    fn slope(&self, least: f64) -> Vector3<f64> {
        let spread = self.squared_times - self.times * self.times / self.count;
        let slope = (self.products - self.values * (self.times / self.count)) / spread;
        let scatter = self.squared_values - self.values.norm_squared() / self.count - slope.norm_squared() * spread;
        let error = (scatter.max(0.0) / (self.count - 2.0) / spread).sqrt();
        // Not a number is not above the limit.
        if slope.norm() > least.max(LEAST_DEVIATIONS * error) { slope } else { Vector3::zeros() }
    }
}

/// What the poses show, which are given from the newest one back. `fastest_mps`: no robot of this kind is faster.
pub(super) fn twist_of_poses(newest_first: impl Iterator<Item = (Stamp, Isometry3<f64>)>, fastest_mps: f64) -> Shown {
    let mut poses = newest_first.peekable();
    let Some(&(now, newest)) = poses.peek() else { return Shown::TooFew };
    let (mut places, mut headings) = (Line::default(), Line::default());
    // From the newest pose to this one: seconds, and how far the heading is turned.
    let (mut later, mut turned_rad) = ((now, newest), 0.0);
    let (mut count, mut back_s, mut has_jumped) = (0, 0.0, false);
    for (stamp, pose) in poses {
        let time_s = stamp.seconds_since(now);
        if -time_s > if count < LEAST_POSES { LONGEST_S } else { WINDOW_S } {
            break;
        }
        let step_m = (later.1.translation.vector - pose.translation.vector).norm();
        let most_m = LEAST_JUMP_M.max(JUMP_FACTOR * fastest_mps * later.0.seconds_since(stamp));
        if step_m > most_m {
            has_jumped = true;
            break;
        }
        turned_rad += (later.1.rotation.inverse() * pose.rotation).euler_angles().2;
        places.add(time_s, pose.translation.vector - newest.translation.vector);
        headings.add(time_s, Vector3::new(0.0, 0.0, turned_rad));
        (later, count, back_s) = ((stamp, pose), count + 1, -time_s);
    }
    if count < LEAST_POSES || back_s < SHORTEST_S {
        return if has_jumped { Shown::Jump } else { Shown::TooFew };
    }
    let yaw_rate_radps = headings.slope(LEAST_RADPS).z;
    // The line's direction is that of the middle of its time, when the robot headed less far.
    let then = newest.rotation * UnitQuaternion::from_axis_angle(&Vector3::z_axis(), -yaw_rate_radps * back_s / 2.0);
    let speed = then.inverse() * places.slope(LEAST_MPS);
    Shown::Motion(Twist { forward_mps: speed.x, left_mps: speed.y, up_mps: speed.z, yaw_rate_radps })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Translation3;
    use proptest::prelude::*;

    const FASTEST_MPS: f64 = 2.0;

    fn pose(x_m: f64, y_m: f64, yaw_rad: f64) -> Isometry3<f64> {
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw_rad);
        Isometry3::from_parts(Translation3::new(x_m, y_m, 0.0), turn)
    }

    /// What a drive shows at its end: a pose by the time in seconds, at this rate.
    fn shown(rate_hz: i64, seconds: i64, at: impl Fn(f64) -> Isometry3<f64>) -> Shown {
        let time_s = |number: i64| number as f64 / rate_hz as f64;
        let stamp = |number: i64| Stamp::from_ns(number * 1_000_000_000 / rate_hz);
        twist_of_poses((0..=seconds * rate_hz).rev().map(|number| (stamp(number), at(time_s(number)))), FASTEST_MPS)
    }

    /// Something like noise, of this deviation at most.
    fn noise(time_s: f64, most: f64) -> f64 {
        most * (time_s * 12345.678).sin()
    }

    #[test]
    fn a_circle_is_driven_forward_and_turns() {
        for rate_hz in [3, 10, 50, 1000] {
            // 1 m/s on a circle of 2 m: 0.5 rad/s to the left.
            let circle = |s: f64| pose(2.0 * (0.5 * s).sin() - 7.0, 2.0 - 2.0 * (0.5 * s).cos(), 0.5 * s);
            let Shown::Motion(twist) = shown(rate_hz, 20, circle) else { panic!("{rate_hz} Hz") };
            assert!((twist.forward_mps - 1.0).abs() < 0.03 && twist.left_mps.abs() < 0.03, "{rate_hz} Hz: {twist:?}");
            assert!((twist.yaw_rate_radps - 0.5).abs() < 1e-6, "{rate_hz} Hz: {twist:?}");
        }
    }

    #[test]
    fn backwards_sideways_and_upwards_keep_their_signs() {
        let Shown::Motion(twist) = shown(50, 2, |s| {
            let mut pose = pose(0.4 * s, 0.0, std::f64::consts::PI);
            pose.translation.z = -0.3 * s;
            pose
        }) else {
            panic!()
        };
        assert!((twist.forward_mps + 0.4).abs() < 1e-9 && (twist.up_mps + 0.3).abs() < 1e-9);
    }

    #[test]
    fn a_robot_that_stands_with_noisy_poses_does_not_move_and_one_that_drives_with_them_does() {
        for rate_hz in [5, 30, 100] {
            let standing = |s: f64| pose(noise(s, 0.03), noise(s + 7.0, 0.03), noise(s + 3.0, 0.02));
            assert_eq!(shown(rate_hz, 3, standing), Shown::Motion(Twist::default()), "{rate_hz} Hz");
        }
        let Shown::Motion(twist) = shown(50, 3, |s| pose(0.5 * s + noise(s, 0.03), noise(s + 7.0, 0.03), 0.0)) else {
            panic!()
        };
        assert!((twist.forward_mps - 0.5).abs() < 0.1, "{twist:?}");
    }

    #[test]
    fn a_creep_is_no_motion() {
        assert_eq!(shown(50, 3, |s| pose(0.04 * s, 0.0, 0.04 * s)), Shown::Motion(Twist::default()));
    }

    #[test]
    fn a_place_found_anew_gives_no_speed_until_there_are_poses_enough() {
        let jump_at = |at_s: f64| shown(50, 3, move |s| pose(if s > at_s { 0.6 * s + 4.0 } else { 0.6 * s }, 0.0, 0.0));
        assert_eq!(jump_at(2.99), Shown::Jump);
        let Shown::Motion(twist) = jump_at(2.7) else { panic!() };
        assert!((twist.forward_mps - 0.6).abs() < 1e-9);
    }

    #[test]
    fn two_poses_tell_nothing() {
        assert_eq!(twist_of_poses([].into_iter(), 1.0), Shown::TooFew);
        assert_eq!(shown(1, 1, |s| pose(s, 0.0, 0.0)), Shown::TooFew);
    }

    proptest! {
        #[test]
        fn any_numbers_give_a_finite_motion_or_none(
            rows in prop::collection::vec((0i64..3_000_000_000, prop::array::uniform3(-1e9f64..1e9), -4.0f64..4.0), 0..20),
            fastest in 0.01f64..100.0,
        ) {
            let mut rows = rows;
            rows.sort_by_key(|(ns, ..)| std::cmp::Reverse(*ns));
            let poses = rows.into_iter().map(|(ns, [x, y, _], yaw)| (Stamp::from_ns(ns), pose(x, y, yaw)));
            if let Shown::Motion(twist) = twist_of_poses(poses, fastest) {
                prop_assert!(twist.speed_mps().is_finite() && twist.yaw_rate_radps.is_finite());
            }
        }
    }
}
