//! A point on the ground that moves with a nearly constant velocity: a Kalman filter over position and velocity.

use nalgebra::{Matrix2, Matrix2x4, Matrix4, Point2, Rotation2, Vector2, Vector4};

/// `(x, y, vx, vy)` in metres and metres per second, with the full covariance: how well a place is known depends on the
/// direction of the view, and a robot turns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PlanarMotion {
    state: Vector4<f64>,
    covariance: Matrix4<f64>,
}

impl PlanarMotion {
    /// At rest, with a velocity that is known to one standard deviation.
    pub(super) fn new(position_m: &Point2<f64>, covariance_m2: &Matrix2<f64>, velocity_std_mps: f64) -> Self {
        let mut covariance = Matrix4::identity() * velocity_std_mps.powi(2);
        covariance.fixed_view_mut::<2, 2>(0, 0).copy_from(covariance_m2);
        Self { state: Vector4::new(position_m.x, position_m.y, 0.0, 0.0), covariance }
    }

    /// `dt_s` seconds later. `agility_mps` is the standard deviation that the velocity gains in one second of white
    /// acceleration.
    pub(super) fn predict(&mut self, dt_s: f64, agility_mps: f64) {
        let mut step = Matrix4::<f64>::identity();
        (step[(0, 2)], step[(1, 3)]) = (dt_s, dt_s);
        let (dt2, dt3) = (dt_s * dt_s, dt_s * dt_s * dt_s);
        let mut noise = Matrix4::<f64>::zeros();
        for axis in 0..2 {
            noise[(axis, axis)] = dt3 / 3.0;
            noise[(axis, axis + 2)] = dt2 / 2.0;
            noise[(axis + 2, axis)] = dt2 / 2.0;
            noise[(axis + 2, axis + 2)] = dt_s;
        }
        self.state = step * self.state;
        self.covariance = step * self.covariance * step.transpose() + noise * agility_mps.powi(2);
    }

    /// Takes a measured position. One that would leave numbers that are none changes nothing.
    pub(super) fn correct(&mut self, measured_m: &Point2<f64>, covariance_m2: &Matrix2<f64>) {
        let observe = Matrix2x4::<f64>::identity();
        let total: Matrix2<f64> = self.covariance.fixed_view::<2, 2>(0, 0) + covariance_m2;
        let Some(inverse) = total.try_inverse() else { return };
        let gain = self.covariance * observe.transpose() * inverse;
        let state = self.state + gain * (measured_m.coords - observe * self.state);
        // Joseph's form keeps the covariance symmetric and positive whatever rounding does.
        let rest = Matrix4::<f64>::identity() - gain * observe;
        let covariance = rest * self.covariance * rest.transpose() + gain * covariance_m2 * gain.transpose();
        if state.iter().chain(covariance.iter()).all(|value| value.is_finite()) {
            (self.state, self.covariance) = (state, covariance);
        }
    }

    /// The velocity.
    pub(super) fn velocity(&self) -> Vector2<f64> {
        self.state.fixed_rows::<2>(2).into()
    }

    /// The velocity along the axes of a frame that is turned against this one, and its standard deviations.
    pub(super) fn velocity_in(&self, this_from_other: Rotation2<f64>) -> (Vector2<f64>, Vector2<f64>) {
        let turn = this_from_other.inverse();
        let velocity = turn * self.state.fixed_rows::<2>(2);
        let covariance = turn.matrix() * self.covariance.fixed_view::<2, 2>(2, 2) * turn.matrix().transpose();
        (velocity, covariance.diagonal().map(|variance| variance.max(0.0).sqrt()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn watched(along_std_m: f64, across_std_m: f64, turned: Rotation2<f64>) -> PlanarMotion {
        let spread = turned.matrix() * Matrix2::from_diagonal(&Vector2::new(along_std_m.powi(2), across_std_m.powi(2)));
        let spread = spread * turned.matrix().transpose();
        let at = |t: f64| Point2::from(turned * Vector2::new(9.0 - t, 1.0 + 0.5 * t));
        let mut motion = PlanarMotion::new(&at(0.0), &spread, 1.5);
        for frame in 1..30 {
            motion.predict(0.1, 0.7);
            motion.correct(&at(f64::from(frame) / 10.0), &spread);
        }
        motion
    }

    #[test]
    fn a_steady_walk_is_found_and_known_better_where_the_view_tells_more() {
        let (velocity, std) = watched(0.5, 0.1, Rotation2::identity()).velocity_in(Rotation2::identity());
        assert!((velocity - Vector2::new(-1.0, 0.5)).norm() < 0.25, "{velocity}");
        assert!(std.x > std.y && std.x < 1.5, "{std}");
    }

    proptest! {
        #[test]
        fn the_axes_of_the_frame_do_not_matter(angle in -3.2f64..3.2) {
            let turned = Rotation2::new(angle);
            let straight = watched(0.5, 0.1, Rotation2::identity()).velocity_in(Rotation2::identity());
            let other = watched(0.5, 0.1, turned).velocity_in(turned);
            prop_assert!((straight.0 - other.0).norm() < 1e-9 && (straight.1 - other.1).norm() < 1e-9);
        }

        #[test]
        fn no_number_leaves_one_that_is_none(
            numbers in prop::array::uniform6(prop::num::f64::ANY), dt_s in 0.0f64..2.0,
        ) {
            let [x, y, xx, xy, yx, yy] = numbers;
            let mut motion = watched(0.5, 0.1, Rotation2::identity());
            motion.predict(dt_s, 0.7);
            motion.correct(&Point2::new(x, y), &Matrix2::new(xx, xy, yx, yy));
            let (velocity, std) = motion.velocity_in(Rotation2::identity());
            prop_assert!(velocity.iter().chain(std.iter()).all(|value| value.is_finite()));
        }
    }
}
