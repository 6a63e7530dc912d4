//! Whether a camera looks where the robot goes.

use super::projection::pixel_from_ray;
use crate::types::{CameraModel, Size};
use nalgebra::{Isometry3, Point3};

/// How high above the ground the way is looked for: the ground itself, a knee, a hip, a head.
const HEIGHTS_M: [f64; 4] = [0.0, 0.5, 1.0, 1.7];
/// Nearer than this a camera need not see anything.
const NEAREST_M: f64 = 1.0;
/// How far apart along the way.
const STEP_M: f64 = 0.5;
/// So many places along the way are looked for at most: fifty metres of it.
const MOST_STEPS: u32 = 100;

/// Whether any of the way straight ahead of the base frame's origin, up to `length_m` and up to a head's height, is in the
/// picture. A camera that looks back, up or beside the robot, or that its mounting puts somewhere else, sees none of it.
pub fn sees_ahead(camera: &CameraModel, base_from_camera: &Isometry3<f64>, length_m: f64) -> bool {
    let Size { width_px, height_px } = camera.size();
    let camera_from_base = base_from_camera.inverse();
    let is_in_picture = |x_m: f64, z_m: f64| {
        let point = camera_from_base * Point3::new(x_m, 0.0, z_m);
        pixel_from_ray(camera, &point.coords).is_some_and(|(x_px, y_px)| {
            (0.0..f64::from(width_px)).contains(&x_px) && (0.0..f64::from(height_px)).contains(&y_px)
        })
    };
    let mut along = (0..MOST_STEPS).map(|step| NEAREST_M + f64::from(step) * STEP_M).take_while(|x_m| *x_m <= length_m);
    along.any(|x_m| HEIGHTS_M.iter().any(|&z_m| is_in_picture(x_m, z_m)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spatial::Mounting;
    use std::f64::consts::PI;

    fn sees(mounting: Mounting) -> bool {
        let k = [400.0, 0.0, 319.5, 0.0, 400.0, 239.5, 0.0, 0.0, 1.0];
        let camera = CameraModel::new(Size { width_px: 640, height_px: 480 }, &k, "", []).unwrap();
        sees_ahead(&camera, &mounting.base_from_camera(), 20.0)
    }

    #[test]
    fn a_camera_that_looks_ahead_sees_the_way_however_it_is_mounted() {
        let ahead = Mounting { z_m: 0.6, ..Mounting::default() };
        assert!(sees(ahead));
        assert!(sees(Mounting { pitch_rad: 0.6, ..ahead }), "down at the ground before it");
        assert!(sees(Mounting { x_m: -14.0, z_m: 7.0, pitch_rad: 0.29, ..ahead }), "from a wall behind it");
        assert!(sees(Mounting { y_m: 0.5, yaw_rad: 0.5, ..ahead }), "a corner camera that has the way in view");
    }

    #[test]
    fn a_camera_that_looks_elsewhere_does_not() {
        let ahead = Mounting { z_m: 0.6, ..Mounting::default() };
        assert!(!sees(Mounting { yaw_rad: PI, ..ahead }), "back");
        assert!(!sees(Mounting { yaw_rad: PI / 2.0, ..ahead }), "to the left");
        assert!(!sees(Mounting { pitch_rad: -PI / 2.0, ..ahead }), "at the sky");
        assert!(!sees(Mounting { x_m: 100.0, ..ahead }), "from beyond the end of the way");
    }
}
