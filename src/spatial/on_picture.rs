//! Where the ground lies in a picture: the way from places to pixels.

use super::projection::{pixel_from_ray, ray_from_pixel};
use crate::types::{BBox, CameraModel, ImagePx};
use nalgebra::{Isometry3, Point2, Point3, Vector3};

/// Points of the ground as one camera sees them.
#[derive(Debug, Clone, Copy)]
pub struct OnPicture<'a> {
    camera: &'a CameraModel,
    camera_from_base: Isometry3<f64>,
    base_from_camera: Isometry3<f64>,
    /// Where the camera is, in the base frame.
    at: Point3<f64>,
}

/// Points further outside the picture than so many of its sides are left out: what a lens says there helps nobody.
const BEYOND_SIDES: f64 = 4.0;
/// Nothing is projected that is not at least so far in front of a lens that sees only forward.
const NEAREST_M: f64 = 0.02;
/// No thing is smaller or larger.
const LEAST_M: f64 = 0.1;
const MOST_M: f64 = 6.0;

impl<'a> OnPicture<'a> {
    /// By a camera model and the camera's place in the base frame.
    pub fn new(camera: &'a CameraModel, base_from_camera: &Isometry3<f64>) -> Self {
        let at = base_from_camera.translation.vector.into();
        Self { camera, camera_from_base: base_from_camera.inverse(), base_from_camera: *base_from_camera, at }
    }

    /// Where the camera is, in the base frame.
    pub fn camera_place(&self) -> Point3<f64> {
        self.at
    }

    /// The image point of a place on the plane z = 0 of the base frame, in continuous image coordinates, possibly outside
    /// the image. `None` behind the camera, where the lens model has no pixel, and far outside the picture.
    pub fn ground(&self, x_m: f64, y_m: f64) -> Option<[f32; 2]> {
        let ray = (self.camera_from_base * Point3::new(x_m, y_m, 0.0)).coords;
        if ray.norm() < NEAREST_M {
            return None;
        }
        let (x_px, y_px) = pixel_from_ray(self.camera, &ray)?;
        let size = self.camera.size();
        let is_near = |px: f64, side_px: u32| {
            let side = f64::from(side_px);
            (-BEYOND_SIDES * side..=(1.0 + BEYOND_SIDES) * side).contains(&px)
        };
        (is_near(x_px, size.width_px) && is_near(y_px, size.height_px)).then_some([pixel(x_px), pixel(y_px)])
    }

    /// The width and the height of something upright that stands at `place_m` of the ground and fills a box: what its
    /// sides and its top span there, held to what one meets. `None` where the lens has no ray for them.
    pub fn size_at(&self, bbox: &BBox<ImagePx>, place_m: &Point2<f64>) -> Option<(f64, f64)> {
        let away_m = (place_m - self.at.xy()).norm();
        let ray = |x_px: f32, y_px: f32| {
            let ray = ray_from_pixel(self.camera, f64::from(x_px), f64::from(y_px))?;
            Some(self.base_from_camera.rotation * ray)
        };
        let (middle, foot) = (bbox.center().0, bbox.y_max());
        let flat = |ray: Vector3<f64>| Vector3::new(ray.x, ray.y, 0.0);
        let spanned_rad = flat(ray(bbox.x_min(), foot)?).angle(&flat(ray(bbox.x_max(), foot)?));
        let top = ray(middle, bbox.y_min())?;
        let height_m = self.at.z + away_m * top.z / top.xy().norm();
        let (width_m, height_m) = (2.0 * away_m * (spanned_rad / 2.0).tan(), height_m);
        let is_size = width_m.is_finite() && height_m.is_finite();
        is_size.then(|| (width_m.clamp(LEAST_M, MOST_M), height_m.clamp(LEAST_M, MOST_M)))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a few sides of a picture from its middle: a hundredth of a pixel")]
fn pixel(px: f64) -> f32 {
    px as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spatial::{Mounting, place_of};
    use crate::types::{BBox, Size};
    use proptest::prelude::*;

    const SIZE: Size = Size { width_px: 640, height_px: 480 };

    fn camera(name: &str, focal_px: f64, d: &[f64]) -> CameraModel {
        let k = [focal_px, 0.0, 319.5, 0.0, focal_px, 239.5, 0.0, 0.0, 1.0];
        CameraModel::new(SIZE, &k, name, d.iter().copied()).unwrap()
    }

    #[test]
    fn a_place_ahead_lies_below_the_horizon_and_nearer_ones_lower() {
        let (camera, mounting) = (camera("", 500.0, &[]), Mounting { z_m: 1.0, ..Mounting::default() });
        let picture = camera_view(&camera, mounting);
        let [x, y] = picture.ground(5.0, 0.0).unwrap();
        assert_eq!((x, y), (320.0, 340.0), "a metre below the axis, five ahead");
        assert!(picture.ground(3.0, 0.0).unwrap()[1] > y && picture.ground(50.0, 0.0).unwrap()[1] > 240.0);
        assert!(picture.ground(5.0, 1.0).unwrap()[0] < 320.0, "left of the robot is left in the picture");
    }

    #[test]
    fn what_lies_behind_a_camera_has_no_pixel_but_for_a_fisheye_that_sees_it() {
        let mounting = Mounting { z_m: 1.0, ..Mounting::default() };
        let (ahead, fisheye) = (camera("", 500.0, &[]), camera("equidistant", 160.0, &[0.01, 0.0, 0.0, 0.0]));
        assert_eq!(camera_view(&ahead, mounting).ground(-1.0, 0.0), None);
        assert_eq!(camera_view(&ahead, mounting).ground(0.0, 0.0), None);
        assert!(camera_view(&fisheye, mounting).ground(-1.0, 0.0).is_some());
        assert_eq!(camera_view(&ahead, mounting).ground(f64::NAN, 0.0), None);
    }

    #[test]
    fn a_box_that_stands_somewhere_has_the_size_that_it_would_have_there() {
        let (camera, mounting) = (camera("", 500.0, &[]), Mounting { z_m: 1.0, ..Mounting::default() });
        // Five metres ahead a pixel is a centimetre; the foot is 100 of them below the axis.
        let bbox = BBox::from_corners(295.0, 160.0, 345.0, 340.0).unwrap();
        let (width_m, height_m) = camera_view(&camera, mounting).size_at(&bbox, &Point2::new(5.0, 0.0)).unwrap();
        assert!((width_m - 0.5).abs() < 1e-6 && (height_m - 1.8).abs() < 1e-6, "{width_m} x {height_m}");
    }

    fn camera_view(camera: &CameraModel, mounting: Mounting) -> OnPicture<'_> {
        OnPicture::new(camera, &mounting.base_from_camera())
    }

    proptest! {
        #[test]
        fn a_place_is_where_a_box_with_its_foot_there_would_be_placed(
            (x, y) in (2.0f64..8.0, -1.0f64..1.0), k1 in -0.1f64..0.1, yaw_rad in -0.1f64..0.1,
        ) {
            let camera = camera("plumb_bob", 400.0, &[k1, 0.0, 0.0, 0.0, 0.0]);
            let mounting = Mounting { z_m: 1.2, pitch_rad: 0.3, yaw_rad, ..Mounting::default() };
            let [x_px, y_px] = camera_view(&camera, mounting).ground(x, y).unwrap();
            prop_assume!((20.0..620.0).contains(&x_px) && (60.0..470.0).contains(&y_px));
            let bbox = BBox::from_corners(x_px - 5.0, y_px - 50.0, x_px + 5.0, y_px).unwrap();
            let place = place_of(&camera, &mounting.base_from_camera(), &bbox);
            let found = place.ground().unwrap().position_m;
            prop_assert!((found.x - x).abs() < 0.01 && (found.y - y).abs() < 0.01, "{found} for {x}, {y}");
        }
    }
}
