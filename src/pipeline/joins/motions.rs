//! How the robot moves at an image's stamp: what odometry says of it, or what its poses show where its twist stays 0.

use super::history::History;
use super::pose_speed::{Shown, twist_of_poses};
use crate::types::{Motion, Stamp, Twist};
use nalgebra::Isometry3;

/// Entries of odometry that are kept at most: eight seconds at 1 kHz.
const ODOMETRIES: usize = 8192;
/// Room for the odometry of four seconds at 250 Hz; more makes it grow.
const EXPECTED_ODOMETRIES: usize = 1024;
/// Odometry is kept for longer than any image may need it, by this much: what the poses show needs a past.
const SLACK_NS: i64 = 2_000_000_000;

/// What an odometry says.
#[derive(Debug, Clone, Copy)]
struct Odometry {
    twist: Twist,
    pose: Option<Isometry3<f64>>,
}

/// The motion at a stamp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JoinedMotion {
    /// The motion.
    pub motion: Motion,
    /// Whether the poses show a motion of which the twist says nothing.
    pub is_of_poses: bool,
}

/// The robot's motion from odometry.
///
/// Drivers that know only where the robot is leave the twist at 0, and a robot that drives would be planned for as one
/// that stands. So the linear part of a twist is believed once one was not 0, and its turning part likewise; until then
/// the poses say how fast the robot is, in its own frame. A robot that stands has a twist of 0 and poses that stay.
#[derive(Debug)]
pub struct MotionJoin {
    history: History<Odometry>,
    max_age_ns: i64,
    assumed_mps: f64,
    /// Poses that are further apart than this would take were not driven, but found anew.
    fastest_mps: f64,
    /// The earliest stamp of a twist that drives, and of one that turns.
    drives_since: Option<Stamp>,
    turns_since: Option<Stamp>,
    /// What the poses showed last, for the moments after they jumped.
    shown: Option<(Stamp, Twist)>,
}

/// How long odometry is kept.
fn span_ns(max_age_ns: i64, max_delay_ns: i64) -> i64 {
    max_age_ns.saturating_add(max_delay_ns).saturating_add(SLACK_NS)
}

impl MotionJoin {
    /// `assumed_mps` ahead serves where odometry is absent or older than `max_age_ns` at the image's stamp. Odometry is
    /// kept for images that come up to `max_delay_ns` behind it, whatever its rate. `fastest_mps`: no robot of this kind
    /// is faster.
    pub fn new(reset_ns: i64, max_age_ns: i64, max_delay_ns: i64, assumed_mps: f64, fastest_mps: f64) -> Self {
        Self {
            history: History::new(reset_ns, span_ns(max_age_ns, max_delay_ns), ODOMETRIES, EXPECTED_ODOMETRIES),
            max_age_ns,
            assumed_mps,
            fastest_mps,
            drives_since: None,
            turns_since: None,
            shown: None,
        }
    }

    /// Other limits hold from now on, as for [`new`](Self::new).
    pub fn set(&mut self, reset_ns: i64, max_age_ns: i64, max_delay_ns: i64, assumed_mps: f64, fastest_mps: f64) {
        self.history.set(reset_ns, span_ns(max_age_ns, max_delay_ns));
        (self.max_age_ns, self.assumed_mps, self.fastest_mps) = (max_age_ns, assumed_mps, fastest_mps);
    }

    /// A measured motion, and where the robot was.
    pub fn push(&mut self, stamp: Stamp, twist: Twist, pose: Option<Isometry3<f64>>) {
        let earliest = |since: Option<Stamp>| Some(since.map_or(stamp, |since| since.min(stamp)));
        if twist.speed_mps() != 0.0 {
            self.drives_since = earliest(self.drives_since);
        }
        if twist.yaw_rate_radps != 0.0 {
            self.turns_since = earliest(self.turns_since);
        }
        self.history.push(stamp, Odometry { twist, pose });
    }

    /// The newest stamp that has come.
    pub fn reached(&self) -> Option<Stamp> {
        self.history.reached()
    }

    /// The motion at an image's stamp, from the newest odometry that is not after it.
    pub fn at(&mut self, stamp: Stamp) -> JoinedMotion {
        let assumed = JoinedMotion { motion: Motion::Assumed { forward_mps: self.assumed_mps }, is_of_poses: false };
        let Some((known, odometry)) = self.history.at_or_before(stamp) else { return assumed };
        let age_ns = stamp.ns_since(known);
        if age_ns > self.max_age_ns {
            return assumed;
        }
        let is_believed = |since: Option<Stamp>| since.is_some_and(|since| since <= known);
        let (drives, turns) = (is_believed(self.drives_since), is_believed(self.turns_since));
        let measured = |twist| JoinedMotion { motion: Motion::Measured { twist, age_ns }, is_of_poses: false };
        if drives && turns {
            return measured(odometry.twist);
        }
        let poses = self.history.back_from(known).map_while(|(stamp, odometry)| Some((stamp, odometry.pose?)));
        let shown = match twist_of_poses(poses, self.fastest_mps) {
            Shown::Motion(twist) => {
                self.shown = Some((known, twist));
                twist
            }
            Shown::TooFew => return measured(odometry.twist),
            // What it was before; where that is long ago, nobody knows.
            Shown::Jump => match self.shown {
                Some((before, twist)) if (0..=self.max_age_ns).contains(&known.ns_since(before)) => twist,
                _ if drives => return measured(odometry.twist),
                _ => return assumed,
            },
        };
        let linear = if drives { odometry.twist } else { shown };
        let yaw_rate_radps = if turns { odometry.twist } else { shown }.yaw_rate_radps;
        let twist = Twist { yaw_rate_radps, ..linear };
        JoinedMotion { motion: Motion::Measured { twist, age_ns }, is_of_poses: twist != odometry.twist }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Translation3, UnitQuaternion, Vector3};

    const RESET_NS: i64 = 1_000_000_000;

    fn stamp(ms: i64) -> Stamp {
        Stamp::from_ns(ms * 1_000_000)
    }

    fn join() -> MotionJoin {
        MotionJoin::new(RESET_NS, 500_000_000, 800_000_000, 1.5, 2.0)
    }

    /// Heading 90 degrees to the left of the odom frame's x: what is forward is y there.
    fn at(y_m: f64) -> Option<Isometry3<f64>> {
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), std::f64::consts::FRAC_PI_2);
        Some(Isometry3::from_parts(Translation3::new(5.0, y_m, 0.0), turn))
    }

    fn measured(joined: JoinedMotion) -> Twist {
        let Motion::Measured { twist, .. } = joined.motion else { panic!("{joined:?}") };
        twist
    }

    #[test]
    fn a_twist_of_zeros_under_poses_that_move_is_not_believed() {
        let mut join = join();
        for number in 0..50 {
            join.push(stamp(number * 20), Twist::default(), at(0.8 * 0.02 * number as f64));
        }
        let joined = join.at(stamp(985));
        assert!(joined.is_of_poses);
        let twist = measured(joined);
        assert!((twist.forward_mps - 0.8).abs() < 1e-6 && twist.left_mps.abs() < 1e-6, "{twist:?}");
        assert!(matches!(joined.motion, Motion::Measured { age_ns: 5_000_000, .. }));
    }

    #[test]
    fn a_twist_that_was_not_zero_once_is_believed_whatever_the_poses_do() {
        let mut join = join();
        let driving = Twist { forward_mps: 0.3, yaw_rate_radps: 0.1, ..Twist::default() };
        join.push(stamp(0), driving, at(0.0));
        for number in 1..50 {
            join.push(stamp(number * 20), Twist::default(), at(0.02 * number as f64));
        }
        assert!(!join.at(stamp(985)).is_of_poses);
        assert_eq!(measured(join.at(stamp(985))), Twist::default());
    }

    #[test]
    fn a_gyroscope_in_the_twist_does_not_make_a_speed_of_zero_true() {
        let mut join = join();
        for number in 0..50 {
            let turning = Twist { yaw_rate_radps: 0.01, ..Twist::default() };
            join.push(stamp(number * 20), turning, at(0.02 * number as f64));
        }
        let twist = measured(join.at(stamp(985)));
        assert!((twist.forward_mps - 1.0).abs() < 1e-6);
        assert_eq!(twist.yaw_rate_radps, 0.01);
    }

    #[test]
    fn a_place_that_is_found_anew_gives_no_speed_and_what_was_known_holds() {
        let mut join = join();
        let drive = |join: &mut MotionJoin, numbers: std::ops::Range<i64>, offset_m: f64| {
            for number in numbers {
                join.push(stamp(number * 20), Twist::default(), at(offset_m + 0.01 * number as f64));
            }
        };
        drive(&mut join, 0..50, 0.0);
        let before = measured(join.at(stamp(980)));
        drive(&mut join, 50..51, 30.0);
        assert_eq!(measured(join.at(stamp(1000))), before);
        drive(&mut join, 51..80, 30.0);
        assert!((measured(join.at(stamp(1580))).forward_mps - 0.5).abs() < 1e-6);
    }

    #[test]
    fn poses_that_jump_at_every_step_say_that_nothing_is_known() {
        let mut join = join();
        for number in 0..20 {
            join.push(stamp(number * 20), Twist::default(), at(if number % 2 == 0 { 0.0 } else { 9.0 }));
        }
        assert_eq!(join.at(stamp(380)).motion, Motion::Assumed { forward_mps: 1.5 });
    }

    #[test]
    fn without_poses_a_twist_of_zeros_is_a_robot_that_stands() {
        let mut join = join();
        (0..50).for_each(|number| join.push(stamp(number * 20), Twist::default(), None));
        assert_eq!(measured(join.at(stamp(985))), Twist::default());
    }

    #[test]
    fn odometry_counts_until_it_is_too_old() {
        let mut join = MotionJoin::new(RESET_NS, 500_000_000, 0, 1.5, 2.0);
        let assumed = Motion::Assumed { forward_mps: 1.5 };
        assert_eq!(join.at(stamp(0)).motion, assumed);
        let twist = Twist { forward_mps: -0.4, yaw_rate_radps: 0.1, ..Twist::default() };
        join.push(stamp(100), twist, None);
        assert_eq!(join.at(stamp(50)).motion, assumed, "odometry of the future says nothing");
        assert_eq!(join.at(stamp(600)).motion, Motion::Measured { twist, age_ns: 500_000_000 });
        assert_eq!(join.at(stamp(601)).motion, assumed);
    }

    #[test]
    fn fast_odometry_is_kept_for_images_that_come_late() {
        for rate_hz in [50, 250, 1000] {
            // Five seconds, of which the last image that may still come is 800 ms old.
            let mut join = join();
            for number in 0..5 * rate_hz {
                let twist = Twist { forward_mps: number as f64, ..Twist::default() };
                join.push(Stamp::from_ns(number * 1_000_000_000 / rate_hz), twist, None);
            }
            let Motion::Measured { twist, age_ns } = join.at(stamp(4200)).motion else { panic!("{rate_hz} Hz") };
            assert_eq!((twist.forward_mps, age_ns), ((4200 * rate_hz / 1000) as f64, 0), "{rate_hz} Hz");
            let kept = join.history.len() as i64;
            assert!(kept <= 34 * rate_hz / 10, "{kept} at {rate_hz} Hz");
        }
    }

    #[test]
    fn odometry_without_end_takes_bounded_memory() {
        let mut join = MotionJoin::new(RESET_NS, i64::MAX, i64::MAX, 1.5, 2.0);
        (0..20_000).for_each(|ns| join.push(Stamp::from_ns(ns), Twist::default(), None));
        assert_eq!(join.history.len(), ODOMETRIES);
    }
}
