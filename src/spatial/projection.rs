//! Between pixels and rays of the optical frame: pinhole and plumb_bob (Brown-Conrady), as OpenCV and image_pipeline
//! define them.

use crate::types::{CameraModel, Distortion};
use nalgebra::{Matrix2, Vector2, Vector3};

/// From image coordinates (corner of the first pixel at 0) to CameraInfo's (its centre at 0).
const HALF_PIXEL: f64 = 0.5;
/// Undistortion stops when the pixel is met to this accuracy.
const CONVERGED_PX: f64 = 1e-6;
/// Newton's method needs three to six steps for lenses that people use.
const MAX_STEPS: i32 = 25;
/// Where the search begins at most, as a tangent: 79 degrees off the axis.
const MAX_FIRST_GUESS: f64 = 5.0;
/// How many circles between the centre and a point are asked whether the lens still grows outwards.
const CIRCLES: u8 = 16;

/// The ray through a point of the image: a vector of the optical frame with `z = 1`.
///
/// `x_px`, `y_px` are continuous image coordinates, possibly outside the image. `None` when they are not finite, or when
/// the lens model has no ray for them: plumb_bob polynomials fold back beyond some radius, and what they say there is
/// not true of any lens.
pub fn ray_from_pixel(camera: &CameraModel, x_px: f64, y_px: f64) -> Option<Vector3<f64>> {
    let (fx, fy) = camera.focal_px();
    let (cx, cy) = camera.principal_point_px();
    let seen = Vector2::new((x_px - HALF_PIXEL - cx) / fx, (y_px - HALF_PIXEL - cy) / fy);
    let ideal = match camera.distortion() {
        Distortion::None => seen,
        Distortion::PlumbBob(coefficients) => undistort(&coefficients, seen, CONVERGED_PX / fx.max(fy))?,
    };
    let ray = Vector3::new(ideal.x, ideal.y, 1.0);
    ray.iter().all(|c| c.is_finite()).then_some(ray)
}

/// The image point of a ray, in continuous image coordinates, possibly outside the image. `None` for rays that do not
/// go forward (`z <= 0`), are not finite, or pass where the lens model has folded back.
pub fn pixel_from_ray(camera: &CameraModel, ray: &Vector3<f64>) -> Option<(f64, f64)> {
    if !(ray.iter().all(|c| c.is_finite()) && ray.z > 0.0) {
        return None;
    }
    let ideal = Vector2::new(ray.x / ray.z, ray.y / ray.z);
    let seen = match camera.distortion() {
        Distortion::None => ideal,
        Distortion::PlumbBob(coefficients) => {
            if !grows_up_to(&coefficients, ideal) {
                return None;
            }
            distort(&coefficients, ideal).0
        }
    };
    let (fx, fy) = camera.focal_px();
    let (cx, cy) = camera.principal_point_px();
    let (x_px, y_px) = (seen.x * fx + cx + HALF_PIXEL, seen.y * fy + cy + HALF_PIXEL);
    (x_px.is_finite() && y_px.is_finite()).then_some((x_px, y_px))
}

/// Where the lens shows an ideal point, and how that place moves with the point.
fn distort(&[k1, k2, p1, p2, k3]: &[f64; 5], ideal: Vector2<f64>) -> (Vector2<f64>, Matrix2<f64>) {
    let (x, y) = (ideal.x, ideal.y);
    let r2 = ideal.norm_squared();
    let radial = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
    // d(radial)/d(r2)
    let slope = k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3);
    let seen = Vector2::new(
        x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
        y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
    );
    let cross = 2.0 * x * y * slope + 2.0 * p1 * x + 2.0 * p2 * y;
    let jacobian = Matrix2::new(
        radial + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x,
        cross,
        cross,
        radial + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x,
    );
    (seen, jacobian)
}

/// Whether the lens map keeps its orientation on the whole way from the centre to a point: there, and only there, it
/// can be turned around.
fn grows_up_to(coefficients: &[f64; 5], ideal: Vector2<f64>) -> bool {
    (1..=CIRCLES).all(|circle| {
        let (_, jacobian) = distort(coefficients, ideal * (f64::from(circle) / f64::from(CIRCLES)));
        jacobian.determinant() > 0.0 && jacobian.trace() > 0.0
    })
}

/// Newton's method with a step that is halved while it does not help.
fn undistort(coefficients: &[f64; 5], seen: Vector2<f64>, tolerance: f64) -> Option<Vector2<f64>> {
    if !seen.iter().all(|c| c.is_finite()) {
        return None;
    }
    // A strong barrel may have folded at the first guess: begin further in.
    let first_guess = seen.cap_magnitude(MAX_FIRST_GUESS);
    let mut ideal = (0..MAX_STEPS)
        .map(|inwards| first_guess * 0.8f64.powi(inwards))
        .find(|&guess| grows_up_to(coefficients, guess))?;
    for _ in 0..MAX_STEPS {
        let (shown, jacobian) = distort(coefficients, ideal);
        let error = shown - seen;
        if error.norm() <= tolerance {
            return grows_up_to(coefficients, ideal).then_some(ideal);
        }
        let step = jacobian.try_inverse()? * error;
        ideal = (0..MAX_STEPS)
            .map(|halvings| ideal - step * 0.5f64.powi(halvings))
            .find(|&next| (distort(coefficients, next).0 - seen).norm() < error.norm())?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Size;
    use proptest::prelude::*;

    fn camera(d: &[f64]) -> CameraModel {
        let k = [520.0, 0.0, 315.2, 0.0, 525.0, 236.9, 0.0, 0.0, 1.0];
        let size = Size { width_px: 640, height_px: 480 };
        CameraModel::new(size, &k, "plumb_bob", d.iter().copied()).unwrap()
    }

    #[test]
    fn the_centre_of_the_principal_pixel_looks_straight_ahead() {
        let k = [500.0, 0.0, 319.0, 0.0, 500.0, 239.0, 0.0, 0.0, 1.0];
        let camera = CameraModel::new(Size { width_px: 640, height_px: 480 }, &k, "", [].into_iter()).unwrap();
        assert_eq!(ray_from_pixel(&camera, 319.5, 239.5), Some(Vector3::z()));
        assert_eq!(ray_from_pixel(&camera, 819.5, 239.5), Some(Vector3::new(1.0, 0.0, 1.0)));
    }

    #[test]
    fn distortion_agrees_with_a_hand_calculation() {
        // x = 0.3, y = 0.2, r2 = 0.13: radial = 1 - 0.2 * 0.13 + 0.05 * 0.0169 = 0.974845.
        let camera = camera(&[-0.2, 0.05, 0.001, -0.002, 0.0]);
        let x = 0.3 * 0.974_845 + 2.0 * 0.001 * 0.06 - 0.002 * (0.13 + 0.18);
        let y = 0.2 * 0.974_845 + 0.001 * (0.13 + 0.08) - 2.0 * 0.002 * 0.06;
        let (x_px, y_px) = pixel_from_ray(&camera, &Vector3::new(0.6, 0.4, 2.0)).unwrap();
        assert!((x_px - (520.0 * x + 315.2 + 0.5)).abs() < 1e-9);
        assert!((y_px - (525.0 * y + 236.9 + 0.5)).abs() < 1e-9);
    }

    #[test]
    fn a_lens_that_folds_back_has_no_ray_beyond_the_fold() {
        // 1 + 3 k1 r2 = 0 at r = 0.816: seen from there no further than 0.544.
        let camera = camera(&[-0.5, 0.0, 0.0, 0.0]);
        assert!(ray_from_pixel(&camera, 315.7 + 0.5 * 520.0, 237.4).is_some());
        assert_eq!(ray_from_pixel(&camera, 315.7 + 0.6 * 520.0, 237.4), None);
        assert_eq!(pixel_from_ray(&camera, &Vector3::new(0.9, 0.0, 1.0)), None);
        assert_eq!(pixel_from_ray(&camera, &Vector3::new(3.0, 0.0, 1.0)), None);
    }

    #[test]
    fn rays_that_do_not_go_forward_have_no_pixel() {
        let camera = camera(&[]);
        for z in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(pixel_from_ray(&camera, &Vector3::new(0.1, 0.1, z)), None);
        }
    }

    proptest! {
        #[test]
        fn a_pixel_survives_the_way_out_and_back(
            x in -50.0f64..700.0, y in -50.0f64..530.0,
            k1 in -0.2f64..0.3, k2 in 0.0f64..0.15, p1 in -0.002f64..0.002, p2 in -0.002f64..0.002,
        ) {
            let camera = camera(&[k1, k2, p1, p2, 0.0]);
            let ray = ray_from_pixel(&camera, x, y).unwrap();
            let (back_x, back_y) = pixel_from_ray(&camera, &ray).unwrap();
            prop_assert!((back_x - x).abs() < 1e-4 && (back_y - y).abs() < 1e-4);
        }

        #[test]
        fn a_ray_survives_the_way_in_and_back(
            x in -0.65f64..0.65, y in -0.5f64..0.5, depth in 0.1f64..100.0,
            k1 in -0.3f64..0.3, k2 in 0.0f64..0.15,
        ) {
            let camera = camera(&[k1, k2, 0.0005, -0.0005, 0.0]);
            let ray = Vector3::new(x, y, 1.0);
            let (x_px, y_px) = pixel_from_ray(&camera, &(ray * depth)).unwrap();
            let back = ray_from_pixel(&camera, x_px, y_px).unwrap();
            prop_assert!((back - ray).norm() < 1e-6);
        }

        #[test]
        fn any_numbers_give_a_finite_answer_or_none(
            x in prop::num::f64::ANY, y in prop::num::f64::ANY, z in prop::num::f64::ANY,
            d in prop::array::uniform5(prop_oneof![-10.0f64..10.0, prop::num::f64::NORMAL]),
        ) {
            let camera = camera(&d);
            if let Some(ray) = ray_from_pixel(&camera, x, y) {
                prop_assert!(ray.iter().all(|c| c.is_finite()));
            }
            if let Some((x_px, y_px)) = pixel_from_ray(&camera, &Vector3::new(x, y, z)) {
                prop_assert!(x_px.is_finite() && y_px.is_finite());
            }
        }
    }
}
