//! Where the robot is in the fixed frame, from its twists.

use crate::types::Twist;
use nalgebra::{Isometry2, Point2, Rotation2, Vector2};

/// The robot's pose on the ground of the fixed frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reckoning {
    fixed_from_base: Isometry2<f64>,
}

impl Reckoning {
    /// The fixed frame begins where the robot is.
    pub(super) fn new() -> Self {
        Self { fixed_from_base: Isometry2::identity() }
    }

    /// `dt_s` seconds with the mean of the twists at both ends: along an arc.
    pub(super) fn advance(&mut self, dt_s: f64, before: &Twist, after: &Twist) {
        let mean = |a: f64, b: f64| (a + b) / 2.0;
        let turn_rad = mean(before.yaw_rate_radps, after.yaw_rate_radps) * dt_s;
        let way_m =
            Vector2::new(mean(before.forward_mps, after.forward_mps), mean(before.left_mps, after.left_mps)) * dt_s;
        // The chord of an arc lies half the turn off the first heading; shorter than the arc by what turns of less than a
        // radian from frame to frame make small.
        let way_m = Rotation2::new(turn_rad / 2.0) * way_m;
        self.fixed_from_base *= Isometry2::new(way_m, turn_rad);
    }

    /// The pose of `dt_s` seconds before, by the twist of now.
    pub(super) fn before(mut self, dt_s: f64, twist: &Twist) -> Self {
        self.advance(-dt_s, twist, twist);
        self
    }

    /// A point of the fixed frame in the base frame.
    pub(super) fn base(&self, in_fixed_m: &Point2<f64>) -> Point2<f64> {
        self.fixed_from_base.inverse_transform_point(in_fixed_m)
    }

    /// A point of the base frame in the fixed one.
    pub(super) fn fixed(&self, in_base_m: &Point2<f64>) -> Point2<f64> {
        self.fixed_from_base * in_base_m
    }

    /// How the fixed frame's axes are turned against the base frame's.
    pub(super) fn fixed_from_base(&self) -> Rotation2<f64> {
        self.fixed_from_base.rotation.to_rotation_matrix()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{FRAC_PI_2, PI};

    #[test]
    fn half_a_circle_ends_a_diameter_to_the_left_and_looks_back() {
        // 1 m/s on a circle of 2 m: pi * 2 m of way.
        let twist = Twist { forward_mps: 1.0, yaw_rate_radps: 0.5, ..Twist::default() };
        let mut reckoning = Reckoning::new();
        let steps = 100;
        for _ in 0..steps {
            reckoning.advance(2.0 * PI / f64::from(steps), &twist, &twist);
        }
        let here = reckoning.fixed(&Point2::origin());
        assert!((here - Point2::new(0.0, 4.0)).norm() < 1e-3, "{here}");
        let ahead = reckoning.fixed(&Point2::new(1.0, 0.0));
        assert!((ahead - Point2::new(-1.0, 4.0)).norm() < 1e-3, "{ahead}");
    }

    #[test]
    fn the_way_back_is_the_way_that_was_driven() {
        let twist = Twist { forward_mps: 1.3, left_mps: 0.2, yaw_rate_radps: 0.5, ..Twist::default() };
        let start = Reckoning::new();
        let mut there = start;
        there.advance(0.4, &twist, &twist);
        let point = Point2::new(2.0, -1.0);
        assert!((there.before(0.4, &twist).fixed(&point) - start.fixed(&point)).norm() < 1e-12);
        assert!((there.base(&there.fixed(&point)) - point).norm() < 1e-12);
    }

    #[test]
    fn a_twist_is_taken_in_the_robots_own_axes() {
        let mut reckoning = Reckoning::new();
        let turn = Twist { yaw_rate_radps: FRAC_PI_2, ..Twist::default() };
        reckoning.advance(1.0, &turn, &turn);
        let left = Twist { left_mps: 1.0, ..Twist::default() };
        reckoning.advance(1.0, &left, &left);
        assert!((reckoning.fixed(&Point2::origin()) - Point2::new(-1.0, 0.0)).norm() < 1e-9);
    }
}
