//! How things move between frames: Kalman filters with a constant velocity.
//!
//! The four numbers of a box are measured independently and moved independently, so one eight-dimensional filter would
//! be four two-dimensional ones side by side: that is how it is written. A box is followed by its foot (the middle of
//! its bottom edge) and its size, because the foot is what touches the ground: while a track coasts its size is held,
//! and its foot goes on.

use crate::types::{BBox, ImagePx};
use nalgebra::{Matrix2, Vector2};

/// One coordinate that moves with a nearly constant velocity: a Kalman filter over `(position, velocity)`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct ConstantVelocity {
    state: Vector2<f64>,
    covariance: Matrix2<f64>,
}

impl ConstantVelocity {
    /// At rest, known to one standard deviation.
    fn new(position: f64, position_std: f64, velocity_std: f64) -> Self {
        Self {
            state: Vector2::new(position, 0.0),
            covariance: Matrix2::from_diagonal(&Vector2::new(position_std.powi(2), velocity_std.powi(2))),
        }
    }

    /// `dt_s` seconds later. `agility` is the standard deviation that the velocity gains in one second of white
    /// acceleration.
    fn predict(&mut self, dt_s: f64, agility: f64) {
        let step = Matrix2::new(1.0, dt_s, 0.0, 1.0);
        let (dt2, dt3) = (dt_s * dt_s, dt_s * dt_s * dt_s);
        let noise = Matrix2::new(dt3 / 3.0, dt2 / 2.0, dt2 / 2.0, dt_s) * agility.powi(2);
        self.state = step * self.state;
        self.covariance = step * self.covariance * step.transpose() + noise;
    }

    /// Takes a measured position. One that is not finite, or no better than nothing, changes nothing.
    fn correct(&mut self, measured: f64, measured_std: f64) {
        let variance = measured_std.powi(2);
        let total = self.covariance.m11 + variance;
        if !(measured.is_finite() && total.is_finite() && total > 0.0) {
            return;
        }
        let gain = self.covariance.column(0) / total;
        self.state += gain * (measured - self.state.x);
        // Joseph's form keeps the covariance symmetric and positive whatever rounding does.
        let rest = Matrix2::new(1.0 - gain.x, 0.0, -gain.y, 1.0);
        self.covariance = rest * self.covariance * rest.transpose() + gain * gain.transpose() * variance;
    }

    /// Stops the motion and keeps its uncertainty.
    fn halt(&mut self) {
        self.state.y = 0.0;
        self.covariance.m12 = 0.0;
        self.covariance.m21 = 0.0;
    }

    /// Where it is.
    fn position(&self) -> f64 {
        self.state.x
    }

    /// How fast, per second.
    fn velocity(&self) -> f64 {
        self.state.y
    }

    /// Standard deviation of the position.
    fn position_std(&self) -> f64 {
        self.covariance.m11.max(0.0).sqrt()
    }
}

/// Standard deviations of a box, as fractions of its scale (the mean of its sides), so that near and far are alike.
/// The detector's edges waver by this much.
const MEASURED: f64 = 0.05;
/// A new track may move by this much per second: a person walks at 0.8 of their height, and the camera may turn.
const FOOT_VELOCITY: f64 = 1.5;
/// The velocity may change by this much in a second.
const FOOT_AGILITY: f64 = 0.6;
/// A new track may grow by this much per second.
const SIZE_VELOCITY: f64 = 0.5;
/// The growth may change by this much in a second.
const SIZE_AGILITY: f64 = 0.3;
/// The smallest side of a predicted box.
const MIN_SIDE_PX: f64 = 1.0;

/// The motion of one box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BoxMotion {
    foot_x: ConstantVelocity,
    foot_y: ConstantVelocity,
    width: ConstantVelocity,
    height: ConstantVelocity,
}

impl BoxMotion {
    /// From the first box, at rest.
    pub(super) fn new(bbox: &BBox<ImagePx>) -> Self {
        let [foot_x, foot_y, width, height] = measurement(bbox);
        let scale = scale_px(width, height);
        let filter = |at: f64, velocity: f64| ConstantVelocity::new(at, MEASURED * scale, velocity * scale);
        Self {
            foot_x: filter(foot_x, FOOT_VELOCITY),
            foot_y: filter(foot_y, FOOT_VELOCITY),
            width: filter(width, SIZE_VELOCITY),
            height: filter(height, SIZE_VELOCITY),
        }
    }

    /// `dt_s` seconds later, `dt_s >= 0`.
    pub(super) fn predict(&mut self, dt_s: f64) {
        let scale = self.scale_px();
        for foot in [&mut self.foot_x, &mut self.foot_y] {
            foot.predict(dt_s, FOOT_AGILITY * scale);
        }
        for side in [&mut self.width, &mut self.height] {
            side.predict(dt_s, SIZE_AGILITY * scale);
        }
    }

    /// Takes a box of this frame.
    pub(super) fn correct(&mut self, bbox: &BBox<ImagePx>) {
        let measured = measurement(bbox);
        let std = MEASURED * scale_px(measured[2], measured[3]);
        let filters = [&mut self.foot_x, &mut self.foot_y, &mut self.width, &mut self.height];
        for (filter, value) in filters.into_iter().zip(measured) {
            filter.correct(value, std);
        }
    }

    /// Without a box: the foot goes on, the size stays.
    pub(super) fn hold_size(&mut self) {
        self.width.halt();
        self.height.halt();
    }

    /// The box now. `None` when the numbers have left what a picture can hold.
    pub(super) fn bbox(&self) -> Option<BBox<ImagePx>> {
        let (half_width, height) = (self.width_px() / 2.0, self.height_px());
        let (x, y) = (self.foot_x.position(), self.foot_y.position());
        BBox::from_corners(to_f32(x - half_width), to_f32(y - height), to_f32(x + half_width), to_f32(y))
    }

    /// Velocity of the box's centre, pixels per second.
    pub(super) fn velocity_px_s(&self) -> (f32, f32) {
        (to_f32(self.foot_x.velocity()), to_f32(self.foot_y.velocity() - self.height.velocity() / 2.0))
    }

    /// One standard deviation of where the foot is, `(x, y)` in pixels, at most half the box each way.
    pub(super) fn uncertainty_px(&self) -> (f32, f32) {
        let x = self.foot_x.position_std().min(self.width_px() / 2.0);
        let y = self.foot_y.position_std().min(self.height_px() / 2.0);
        (to_f32(x), to_f32(y))
    }

    fn width_px(&self) -> f64 {
        self.width.position().max(MIN_SIDE_PX)
    }

    fn height_px(&self) -> f64 {
        self.height.position().max(MIN_SIDE_PX)
    }

    fn scale_px(&self) -> f64 {
        scale_px(self.width_px(), self.height_px())
    }
}

/// Foot x, foot y, width, height.
fn measurement(bbox: &BBox<ImagePx>) -> [f64; 4] {
    let (center_x, _) = bbox.center();
    [f64::from(center_x), f64::from(bbox.y_max()), f64::from(bbox.width()), f64::from(bbox.height())]
}

fn scale_px(width: f64, height: f64) -> f64 {
    (width + height) / 2.0
}

#[expect(clippy::cast_possible_truncation, reason = "pixels need no more digits than f32 has")]
fn to_f32(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn walker(x: f32, y: f32) -> BBox<ImagePx> {
        BBox::from_corners(x - 20.0, y - 100.0, x + 20.0, y).unwrap()
    }

    #[test]
    fn a_steady_walk_is_predicted_within_a_pixel_through_uneven_steps() {
        let mut motion = BoxMotion::new(&walker(100.0, 200.0));
        let mut x = 100.0;
        for dt in [0.1, 0.1, 0.3, 0.05, 0.1, 0.2, 0.1, 0.1, 0.1, 0.2] {
            motion.predict(f64::from(dt));
            x += 60.0 * dt;
            motion.correct(&walker(x, 200.0));
        }
        motion.predict(0.5);
        let (center_x, _) = motion.bbox().unwrap().center();
        assert!((center_x - (x + 30.0)).abs() < 3.0, "{center_x} for {}", x + 30.0);
        assert!((motion.velocity_px_s().0 - 60.0).abs() < 5.0);
    }

    #[test]
    fn a_coasting_box_keeps_its_size_and_moves_on() {
        let mut motion = BoxMotion::new(&walker(100.0, 200.0));
        for step in 1..10u8 {
            motion.predict(0.1);
            let grown = f32::from(step);
            motion.correct(&BBox::from_corners(80.0, 100.0 - 5.0 * grown, 120.0 + grown, 200.0 + 5.0 * grown).unwrap());
        }
        motion.hold_size();
        let before = motion.bbox().unwrap();
        motion.predict(0.5);
        let after = motion.bbox().unwrap();
        assert!((after.height() - before.height()).abs() < 1e-3);
        assert!(after.y_max() > before.y_max() + 10.0);
    }

    #[test]
    fn uncertainty_grows_unseen_and_shrinks_seen() {
        let mut filter = ConstantVelocity::new(0.0, 1.0, 1.0);
        filter.predict(1.0, 0.5);
        let unseen = filter.position_std();
        filter.correct(0.0, 1.0);
        assert!(unseen > 1.0 && filter.position_std() < unseen);
    }

    proptest! {
        #[test]
        fn no_number_makes_a_filter_nan(
            steps in prop::collection::vec((0.0f64..60.0, prop::num::f64::ANY, 0.0f64..1e6), 1..40)
        ) {
            let mut filter = ConstantVelocity::new(1.0, 1.0, 1.0);
            for (dt, measured, std) in steps {
                filter.predict(dt, 1.0);
                if measured.abs() < 1e9 || !measured.is_finite() {
                    filter.correct(measured, std);
                }
                prop_assert!(filter.position().is_finite() && filter.velocity().is_finite());
                prop_assert!(filter.position_std().is_finite());
            }
        }
    }
}
