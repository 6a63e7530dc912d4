//! What is in the way: the strip ahead of the robot, and what reaches into it.

use crate::types::GroundPosition;
use crate::world::GroundVelocity;

/// Two standard deviations: the edge of where a thing may be.
const SIGMAS: f64 = 2.0;
/// What a thing without a box may have moved by per second, on top of its prediction.
pub(super) const COASTING_DRIFT_MPS: f64 = 1.0;

/// How far behind its position, in the direction of the robot's x, a thing's body may still reach: half a person's
/// stride.
const HALF_BODY_M: f64 = 0.5;

/// The strip `-rear <= x <= length`, `|y| <= width / 2` of the base frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Corridor {
    pub(super) half_width_m: f64,
    pub(super) length_m: f64,
    /// How far the robot itself reaches behind the origin.
    pub(super) rear_m: f64,
    /// How far ahead in time a thing's motion is looked at: what a stop takes.
    pub(super) horizon_s: f64,
}

/// A thing in the strip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct InTheWay {
    /// From the base frame's origin to the thing's nearest edge along x, at least 0.
    pub(super) gap_m: f64,
    /// How fast it comes nearer by its own motion, at least 0.
    pub(super) approach_mps: f64,
    /// Not in the strip yet: its motion brings it there.
    pub(super) is_entering: bool,
}

impl Corridor {
    /// Whether, and how, a thing is in the way, with `room_m` added on every side. Its box of two standard deviations
    /// stands for its ellipse, which lies inside.
    ///
    /// Doubt along the way makes a thing nearer, and never brings one to the front whose body is behind the robot: there,
    /// the position itself counts.
    pub(super) fn in_the_way(
        &self,
        ground: &GroundPosition,
        velocity: GroundVelocity,
        room_m: f64,
    ) -> Option<InTheWay> {
        let (x_std, y_std) = (ground.covariance_m2.m11.sqrt(), ground.covariance_m2.m22.sqrt());
        let (along_m, across_m) = (SIGMAS * x_std + room_m, SIGMAS * y_std + room_m);
        let approach_mps = (-velocity.forward_mps).max(0.0);
        let nearest_m = ground.position_m.x - along_m;
        let is_behind = ground.position_m.x + HALF_BODY_M < -self.rear_m;
        let is_beyond = nearest_m - approach_mps * self.horizon_s > self.length_m;
        if is_behind || is_beyond {
            return None;
        }
        let sideways_m = velocity.left_mps * self.horizon_s;
        let reaches_in = |from_m: f64, to_m: f64| from_m <= self.half_width_m && to_m >= -self.half_width_m;
        let (right_m, left_m) = (ground.position_m.y - across_m, ground.position_m.y + across_m);
        let is_inside = reaches_in(right_m, left_m);
        if !is_inside && !reaches_in(right_m + sideways_m.min(0.0), left_m + sideways_m.max(0.0)) {
            return None;
        }
        Some(InTheWay { gap_m: nearest_m.max(0.0), approach_mps, is_entering: !is_inside })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::tests::scenarios::ground;

    const CORRIDOR: Corridor = Corridor { half_width_m: 0.6, length_m: 20.0, rear_m: 0.5, horizon_s: 1.8 };
    const STANDING: GroundVelocity = GroundVelocity { forward_mps: 0.0, left_mps: 0.0 };

    #[test]
    fn the_nearest_edge_of_two_deviations_counts() {
        let found = CORRIDOR.in_the_way(&ground(5.0, 0.0, 0.5), STANDING, 0.3).unwrap();
        assert!((found.gap_m - 3.7).abs() < 1e-12 && !found.is_entering);
    }

    #[test]
    fn a_thing_beside_the_strip_is_not_in_the_way_until_its_edge_is() {
        assert_eq!(CORRIDOR.in_the_way(&ground(5.0, 1.0, 0.1), STANDING, 0.0), None);
        assert_eq!(CORRIDOR.in_the_way(&ground(5.0, -1.0, 0.1), STANDING, 0.0), None);
        assert!(CORRIDOR.in_the_way(&ground(5.0, 1.0, 0.25), STANDING, 0.0).is_some());
        assert!(CORRIDOR.in_the_way(&ground(5.0, -1.0, 0.1), STANDING, 0.3).is_some());
    }

    #[test]
    fn a_thing_behind_or_beyond_is_not_in_the_way_and_one_around_the_robot_is() {
        assert_eq!(CORRIDOR.in_the_way(&ground(-1.1, 0.0, 0.1), STANDING, 0.0), None);
        assert_eq!(CORRIDOR.in_the_way(&ground(21.0, 0.0, 0.1), STANDING, 0.0), None);
        assert_eq!(CORRIDOR.in_the_way(&ground(-0.1, 0.0, 0.1), STANDING, 0.0).unwrap().gap_m, 0.0);
    }

    #[test]
    fn doubt_does_not_bring_a_thing_behind_the_robot_to_its_front() {
        for std_m in [0.1, 1.1, 3.0] {
            assert_eq!(CORRIDOR.in_the_way(&ground(-2.1, 0.0, std_m), STANDING, 0.3), None, "{std_m}");
        }
        // Beside the robot's body it counts, however well its place is known.
        assert_eq!(CORRIDOR.in_the_way(&ground(-0.9, 0.0, 0.0), STANDING, 0.0).unwrap().gap_m, 0.0);
        let long = Corridor { rear_m: 2.0, ..CORRIDOR };
        assert_eq!(long.in_the_way(&ground(-2.1, 0.0, 0.1), STANDING, 0.0).unwrap().gap_m, 0.0);
    }

    #[test]
    fn a_walker_towards_the_strip_is_in_the_way_before_arriving_and_one_walking_off_is_not() {
        let from_the_left = GroundVelocity { forward_mps: 0.0, left_mps: -1.0 };
        let found = CORRIDOR.in_the_way(&ground(5.0, 2.0, 0.1), from_the_left, 0.0).unwrap();
        assert!(found.is_entering);
        assert_eq!(CORRIDOR.in_the_way(&ground(5.0, -2.0, 0.1), from_the_left, 0.0), None);
    }

    #[test]
    fn walking_away_does_not_count_and_coming_nearer_does() {
        let away = GroundVelocity { forward_mps: 1.0, left_mps: 0.0 };
        assert_eq!(CORRIDOR.in_the_way(&ground(5.0, 0.0, 0.1), away, 0.0).unwrap().approach_mps, 0.0);
        let nearer = GroundVelocity { forward_mps: -1.0, left_mps: 0.0 };
        assert_eq!(CORRIDOR.in_the_way(&ground(5.0, 0.0, 0.1), nearer, 0.0).unwrap().approach_mps, 1.0);
        assert!(CORRIDOR.in_the_way(&ground(21.0, 0.0, 0.1), nearer, 0.0).is_some());
    }
}
