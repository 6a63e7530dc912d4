//! How lenses bend rays: Brown-Conrady with OpenCV's extensions, and Kannala-Brandt, both ways.
//!
//! In and out are numbers without a unit: a point of the plane at distance 1, or an angle. Sources: OpenCV's `calib3d`
//! (`projectPoints`) and `fisheye` for the formulas and the order of the numbers; Kannala and Brandt, "A generic camera
//! model", 2006. OpenCV turns its formulas around by repeated substitution; here it is Newton's method, which meets the
//! same point where that one converges. Both models are polynomials that were fitted inside the picture, and fold back
//! further out: what lies behind a fold has no answer here.

use nalgebra::{Matrix2, Matrix3, Vector2, Vector3};
use std::f64::consts::PI;

/// Newton's method needs three to six steps for lenses that people use.
const MAX_STEPS: i32 = 25;
/// Where the search begins at most, as a tangent: 79 degrees off the axis.
const MAX_FIRST_GUESS: f64 = 5.0;
/// How many circles between the centre and a point are asked whether the lens still grows outwards.
const CIRCLES: u8 = 16;

/// A lens before a plane sensor, which may be tilted.
#[derive(Debug, Clone, Copy)]
pub(super) struct BrownLens<'a> {
    coefficients: &'a [f64; 14],
    /// From the plane that the lens makes to the sensor's, where that is tilted.
    tilt: Option<Matrix3<f64>>,
}

impl<'a> BrownLens<'a> {
    /// Of [`Distortion::Brown`](crate::types::Distortion::Brown).
    pub(super) fn new(coefficients: &'a [f64; 14]) -> Self {
        let &[.., tau_x, tau_y] = coefficients;
        let is_tilted = tau_x != 0.0 || tau_y != 0.0;
        Self { coefficients, tilt: is_tilted.then(|| tilt(tau_x, tau_y)) }
    }

    /// Where the lens shows an ideal point; `None` where it has folded back.
    pub(super) fn distort(&self, ideal: Vector2<f64>) -> Option<Vector2<f64>> {
        self.grows_up_to(ideal).then(|| self.shown(ideal).0)
    }

    /// Where the lens shows an ideal point, and how that place moves with the point. Beyond a pole of the model the
    /// numbers are none.
    fn shown(&self, ideal: Vector2<f64>) -> (Vector2<f64>, Matrix2<f64>) {
        let &[k1, k2, p1, p2, k3, k4, k5, k6, s1, s2, s3, s4, _, _] = self.coefficients;
        let (x, y) = (ideal.x, ideal.y);
        let r2 = ideal.norm_squared();
        // The factor of the radius, a fraction, and its derivative by r2.
        let over = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
        let under = 1.0 + r2 * (k4 + r2 * (k5 + r2 * k6));
        let under = if under > 0.0 { under } else { f64::NAN };
        let over_slope = k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3);
        let under_slope = k4 + r2 * (2.0 * k5 + r2 * 3.0 * k6);
        let radial = over / under;
        let slope = (over_slope - radial * under_slope) / under;
        let flat = Vector2::new(
            x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x) + r2 * (s1 + r2 * s2),
            y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y + r2 * (s3 + r2 * s4),
        );
        let cross = 2.0 * x * y * slope + 2.0 * p1 * x + 2.0 * p2 * y;
        let (prism_x, prism_y) = (2.0 * (s1 + 2.0 * r2 * s2), 2.0 * (s3 + 2.0 * r2 * s4));
        let jacobian = Matrix2::new(
            radial + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x + prism_x * x,
            cross + prism_x * y,
            cross + prism_y * x,
            radial + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x + prism_y * y,
        );
        let Some(tilt) = &self.tilt else { return (flat, jacobian) };
        let on_sensor = tilt * flat.push(1.0);
        let depth = if on_sensor.z > 0.0 { on_sensor.z } else { f64::NAN };
        let seen = on_sensor.xy() / depth;
        let moves = tilt.fixed_view::<2, 2>(0, 0) - seen * tilt.fixed_view::<1, 2>(2, 0);
        (seen, moves / depth * jacobian)
    }

    /// Whether the lens map keeps its orientation on the whole way from the centre to a point: there, and only there, it
    /// can be turned around.
    fn grows_up_to(&self, ideal: Vector2<f64>) -> bool {
        (1..=CIRCLES).all(|circle| {
            let (_, jacobian) = self.shown(ideal * (f64::from(circle) / f64::from(CIRCLES)));
            jacobian.determinant() > 0.0 && jacobian.trace() > 0.0
        })
    }

    /// The ideal point that is shown there: Newton's method with a step that is halved while it does not help.
    pub(super) fn undistort(&self, seen: Vector2<f64>, tolerance: f64) -> Option<Vector2<f64>> {
        // A strong barrel may have folded at the first guess: begin further in.
        let first_guess = seen.cap_magnitude(MAX_FIRST_GUESS);
        let mut ideal =
            (0..MAX_STEPS).map(|inwards| first_guess * 0.8f64.powi(inwards)).find(|&guess| self.grows_up_to(guess))?;
        for _ in 0..MAX_STEPS {
            let (shown, jacobian) = self.shown(ideal);
            let error = shown - seen;
            if error.norm() <= tolerance {
                return self.grows_up_to(ideal).then_some(ideal);
            }
            let step = jacobian.try_inverse()? * error;
            ideal = (0..MAX_STEPS)
                .map(|halvings| ideal - step * 0.5f64.powi(halvings))
                .find(|&next| (self.shown(next).0 - seen).norm() < error.norm())?;
        }
        None
    }
}

/// The projection onto a sensor that is turned about x by `tau_x`, then about y by `tau_y`: OpenCV's
/// `computeTiltProjectionMatrix`.
fn tilt(tau_x: f64, tau_y: f64) -> Matrix3<f64> {
    let ((sin_x, cos_x), (sin_y, cos_y)) = (tau_x.sin_cos(), tau_y.sin_cos());
    let about_x = Matrix3::new(1.0, 0.0, 0.0, 0.0, cos_x, sin_x, 0.0, -sin_x, cos_x);
    let about_y = Matrix3::new(cos_y, 0.0, -sin_y, 0.0, 1.0, 0.0, sin_y, 0.0, cos_y);
    let turned = about_y * about_x;
    let (x, y, z) = (turned.m13, turned.m23, turned.m33);
    Matrix3::new(z, 0.0, -x, 0.0, z, -y, 0.0, 0.0, 1.0) * turned
}

/// A fisheye lens: how far from the centre a ray is shown depends on its angle, not on its tangent.
#[derive(Debug, Clone, Copy)]
pub(super) struct EquidistantLens<'a> {
    coefficients: &'a [f64; 4],
}

impl<'a> EquidistantLens<'a> {
    /// Steps from the axis to straight behind the camera in which the polynomial is asked whether it still grows.
    const STEPS: u32 = 90;

    /// Of [`Distortion::Equidistant`](crate::types::Distortion::Equidistant).
    pub(super) fn new(coefficients: &'a [f64; 4]) -> Self {
        Self { coefficients }
    }

    /// The radius at which a ray of this angle is shown, and how it grows with the angle.
    fn radius(&self, angle_rad: f64) -> (f64, f64) {
        let &[k1, k2, k3, k4] = self.coefficients;
        let a2 = angle_rad * angle_rad;
        let factor = 1.0 + a2 * (k1 + a2 * (k2 + a2 * (k3 + a2 * k4)));
        let growth = 1.0 + a2 * (3.0 * k1 + a2 * (5.0 * k2 + a2 * (7.0 * k3 + a2 * 9.0 * k4)));
        (angle_rad * factor, growth)
    }

    /// Two angles between which the lens shows this radius for the first time, growing all the way there.
    fn bracket(&self, radius: f64) -> Option<(f64, f64)> {
        let angle_at = |step: u32| PI * f64::from(step) / f64::from(Self::STEPS);
        for step in 1..=Self::STEPS {
            let (reached, growth) = self.radius(angle_at(step));
            if reached >= radius {
                return Some((angle_at(step - 1), angle_at(step)));
            }
            if growth.is_nan() || growth <= 0.0 {
                return None;
            }
        }
        None
    }

    /// The ray that is shown at a point of the plane of radii, of length 1.
    pub(super) fn ray(&self, seen: Vector2<f64>) -> Option<Vector3<f64>> {
        let radius = seen.norm();
        if radius == 0.0 {
            return Some(Vector3::z());
        }
        let (mut low, mut high) = self.bracket(radius)?;
        let mut angle_rad = radius.clamp(low, high);
        // Newton's method where it stays between the two, else the middle of them.
        for _ in 0..2 * MAX_STEPS {
            let (shown, growth) = self.radius(angle_rad);
            if shown < radius {
                low = angle_rad
            } else {
                high = angle_rad
            }
            let next = angle_rad - (shown - radius) / growth;
            let next = if (low..=high).contains(&next) { next } else { (low + high) / 2.0 };
            if (next - angle_rad).abs() <= f64::EPSILON * next {
                angle_rad = next;
                break;
            }
            angle_rad = next;
        }
        let (sin, cos) = angle_rad.sin_cos();
        Some((seen * (sin / radius)).push(cos))
    }

    /// Where a ray is shown on the plane of radii; `None` straight behind the camera and where the lens has folded back.
    pub(super) fn show(&self, ray: &Vector3<f64>) -> Option<Vector2<f64>> {
        let off_axis = ray.xy().norm();
        let angle_rad = off_axis.atan2(ray.z);
        if off_axis == 0.0 {
            return (ray.z > 0.0).then(Vector2::zeros);
        }
        let (radius, _) = self.radius(angle_rad);
        // The first angle that is shown there must be this one.
        let (_, high) = self.bracket(radius)?;
        (radius > 0.0 && angle_rad <= high).then(|| ray.xy() * (radius / off_axis))
    }
}
