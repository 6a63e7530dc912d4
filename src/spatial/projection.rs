//! Between pixels and rays of the optical frame: pinhole with or without distortion, and fisheye, as OpenCV and
//! image_geometry define them.
//!
//! How lenses bend rays is in `lens`; here are the pixels.

use super::lens::{BrownLens, EquidistantLens};
use crate::types::{CameraModel, Distortion};
use nalgebra::{Vector2, Vector3};

/// From image coordinates (corner of the first pixel at 0) to CameraInfo's (its centre at 0).
const HALF_PIXEL: f64 = 0.5;
/// Undistortion stops when the pixel is met to this accuracy.
const CONVERGED_PX: f64 = 1e-6;

/// The ray through a point of the image: a vector of the optical frame. Its `z` is 1, but for a fisheye lens, where its
/// length is 1 and `z` is 0 or below from 90 degrees off the axis on.
///
/// `x_px`, `y_px` are continuous image coordinates, possibly outside the image. `None` when they are not finite, or when
/// the lens model has no ray for them: polynomials fold back beyond some radius, and what they say there is not true of
/// any lens.
pub fn ray_from_pixel(camera: &CameraModel, x_px: f64, y_px: f64) -> Option<Vector3<f64>> {
    let (fx, fy) = camera.focal_px();
    let (cx, cy) = camera.principal_point_px();
    let seen = Vector2::new((x_px - HALF_PIXEL - cx) / fx, (y_px - HALF_PIXEL - cy) / fy);
    if !seen.iter().all(|c| c.is_finite()) {
        return None;
    }
    let tolerance = CONVERGED_PX / fx.max(fy);
    let ray = match camera.distortion() {
        Distortion::None => seen.push(1.0),
        Distortion::Brown(coefficients) => BrownLens::new(&coefficients).undistort(seen, tolerance)?.push(1.0),
        Distortion::Equidistant(coefficients) => EquidistantLens::new(&coefficients).ray(seen)?,
    };
    ray.iter().all(|c| c.is_finite()).then_some(ray)
}

/// The image point of a ray, in continuous image coordinates, possibly outside the image. `None` for rays that are not
/// finite, do not go forward (`z <= 0`; a fisheye lens sees some of them too), or pass where the lens model has folded
/// back.
pub fn pixel_from_ray(camera: &CameraModel, ray: &Vector3<f64>) -> Option<(f64, f64)> {
    if !ray.iter().all(|c| c.is_finite()) {
        return None;
    }
    let ideal = || (ray.z > 0.0).then(|| ray.xy() / ray.z);
    let seen = match camera.distortion() {
        Distortion::None => ideal()?,
        Distortion::Brown(coefficients) => BrownLens::new(&coefficients).distort(ideal()?)?,
        Distortion::Equidistant(coefficients) => EquidistantLens::new(&coefficients).show(ray)?,
    };
    let (fx, fy) = camera.focal_px();
    let (cx, cy) = camera.principal_point_px();
    let (x_px, y_px) = (seen.x * fx + cx + HALF_PIXEL, seen.y * fy + cy + HALF_PIXEL);
    (x_px.is_finite() && y_px.is_finite()).then_some((x_px, y_px))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Size;
    use proptest::prelude::*;

    fn lens(name: &str, focal_px: f64, d: &[f64]) -> CameraModel {
        let k = [focal_px, 0.0, 315.2, 0.0, focal_px + 5.0, 236.9, 0.0, 0.0, 1.0];
        let size = Size { width_px: 640, height_px: 480 };
        CameraModel::new(size, &k, name, d.iter().copied()).unwrap()
    }

    fn camera(d: &[f64]) -> CameraModel {
        lens("plumb_bob", 520.0, d)
    }

    fn fisheye(d: [f64; 4]) -> CameraModel {
        lens("equidistant", 160.0, &d)
    }

    #[test]
    fn the_center_of_the_principal_pixel_looks_straight_ahead() {
        let k = [500.0, 0.0, 319.0, 0.0, 500.0, 239.0, 0.0, 0.0, 1.0];
        let camera = CameraModel::new(Size { width_px: 640, height_px: 480 }, &k, "", []).unwrap();
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
    fn a_fisheye_lens_sees_beside_and_behind_itself() {
        let camera = fisheye([0.01, 0.0, 0.0, 0.0]);
        for degrees in [1.0_f64, 45.0, 89.0, 90.0, 91.0, 120.0, 175.0] {
            let angle = degrees.to_radians();
            let ray = Vector3::new(angle.sin() * 0.6, -angle.sin() * 0.8, angle.cos());
            let (x_px, y_px) = pixel_from_ray(&camera, &(ray * 3.0)).unwrap();
            let radius = ((x_px - 315.7) / 160.0).hypot((y_px - 237.4) / 165.0);
            assert!((radius - angle * (1.0 + 0.01 * angle * angle)).abs() < 1e-9, "{degrees}");
            assert!((ray_from_pixel(&camera, x_px, y_px).unwrap() - ray).norm() < 1e-9, "{degrees}");
        }
        assert_eq!(pixel_from_ray(&camera, &-Vector3::z()), None, "straight behind, which is everywhere on a circle");
        let beyond = 160.0 * std::f64::consts::PI * 1.2;
        assert_eq!(ray_from_pixel(&camera, 315.7 + beyond, 237.4), None, "further round than there is");
    }

    #[test]
    fn a_fisheye_that_folds_back_has_no_ray_beyond_the_fold() {
        // 1 + 3 k1 a2 = 0 at 1.29 rad, where the radius is 0.86.
        let camera = fisheye([-0.2, 0.0, 0.0, 0.0]);
        assert!(ray_from_pixel(&camera, 315.7 + 0.8 * 160.0, 237.4).is_some());
        assert_eq!(ray_from_pixel(&camera, 315.7 + 0.9 * 160.0, 237.4), None);
        assert!(pixel_from_ray(&camera, &Vector3::new(1.2_f64.sin(), 0.0, 1.2_f64.cos())).is_some());
        assert_eq!(pixel_from_ray(&camera, &Vector3::new(1.4_f64.sin(), 0.0, 1.4_f64.cos())), None);
    }

    #[test]
    fn a_pole_of_the_rational_model_is_no_lens() {
        // 1 + k4 r2 = 0 at r = 1.
        let mut d = [0.0; 8];
        d[5] = -1.0;
        let camera = camera(&d);
        assert!(pixel_from_ray(&camera, &Vector3::new(0.5, 0.0, 1.0)).is_some());
        assert_eq!(pixel_from_ray(&camera, &Vector3::new(1.1, 0.0, 1.0)), None);
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
        fn a_ray_survives_a_lens_with_all_fourteen_numbers(
            x in -0.6f64..0.6, y in -0.45f64..0.45, radial in -0.1f64..0.1, under in -0.1f64..0.1,
            prism in prop::array::uniform4(-0.003f64..0.003), tilt in prop::array::uniform2(-0.1f64..0.1),
        ) {
            let mut d = [0.0; 14];
            (d[0], d[2], d[3], d[5]) = (radial, 0.001, -0.001, under);
            d[8..12].copy_from_slice(&prism);
            d[12..].copy_from_slice(&tilt);
            let camera = camera(&d);
            let ray = Vector3::new(x, y, 1.0);
            let (x_px, y_px) = pixel_from_ray(&camera, &ray).unwrap();
            prop_assert!((ray_from_pixel(&camera, x_px, y_px).unwrap() - ray).norm() < 1e-6);
        }

        #[test]
        fn a_ray_survives_a_fisheye_lens(
            angle in 0.0f64..2.0, turn in 0.0f64..std::f64::consts::TAU, k1 in -0.02f64..0.05, k2 in 0.0f64..0.01,
        ) {
            let camera = fisheye([k1, k2, 0.0, 0.0]);
            let ray = Vector3::new(angle.sin() * turn.cos(), angle.sin() * turn.sin(), angle.cos());
            let (x_px, y_px) = pixel_from_ray(&camera, &ray).unwrap();
            prop_assert!((ray_from_pixel(&camera, x_px, y_px).unwrap() - ray).norm() < 1e-9);
        }

        #[test]
        fn any_numbers_give_a_finite_answer_or_none(
            x in prop::num::f64::ANY, y in prop::num::f64::ANY, z in prop::num::f64::ANY,
            name in prop::sample::select(vec![("plumb_bob", 5), ("rational_polynomial", 14), ("equidistant", 4)]),
            d in prop::collection::vec(prop_oneof![-10.0f64..10.0, prop::num::f64::NORMAL], 14),
        ) {
            let camera = lens(name.0, 520.0, &d[..name.1]);
            if let Some(ray) = ray_from_pixel(&camera, x, y) {
                prop_assert!(ray.iter().all(|c| c.is_finite()));
            }
            if let Some((x_px, y_px)) = pixel_from_ray(&camera, &Vector3::new(x, y, z)) {
                prop_assert!(x_px.is_finite() && y_px.is_finite());
            }
        }
    }
}
