//! Where a box stands: the ray through the middle of its bottom edge meets the ground.
//!
//! The plane makes depth out of an angle, so far things are known badly: half a degree of pitch moves a point at 20 m
//! by metres. The covariance says so on the **near side**, which is the one that matters: two standard deviations along
//! the view reach the place where the foot would be if the camera looked, and the box ended, two standard deviations
//! lower. (A straight propagation would reach behind the robot for everything far away.)

use super::projection::ray_from_pixel;
use crate::types::{BBox, CameraModel, GroundPosition, ImagePx, Place};
use nalgebra::{Isometry3, Matrix2, Point2, Vector2};
use std::f64::consts::FRAC_PI_2;

/// No position is further from the camera than this: beyond it the ground plane says nothing. A foot whose ray meets
/// the ground further away, or up to two degrees above the horizon, is placed at this distance.
pub const MAX_DISTANCE_M: f64 = 100.0;

/// How far above the horizon a foot may lie and still stand on the ground, far away: wavering boxes and a nodding robot.
const HORIZON_SLACK_RAD: f64 = 0.035;
/// Standard deviation of the mounting's pitch and yaw: half a degree, which a robot's suspension reaches easily.
const MOUNTING_STD_RAD: f64 = 0.0087;
/// Standard deviation of the foot in the image: this part of the box's height, and at least `FOOT_STD_MIN_PX`.
const FOOT_STD_OF_HEIGHT: f64 = 0.03;
const FOOT_STD_MIN_PX: f64 = 1.5;
/// A box that ends this close to the bottom of the image is cut by it: the foot is below.
const CUT_PX: f64 = 2.0;
/// A box that comes this near to the left, right or bottom edge, as a part of the picture's side, may go on beyond it.
/// Wider than `CUT_PX`: the filtered box of a track lags behind what is cut.
const EDGE_PART: f64 = 0.02;
/// A box that would be taller than this where its foot stands does not stand there: its foot is hidden, or hangs.
const MAX_HEIGHT_M: f64 = 6.0;

/// Where a box stands, in the base frame.
///
/// `bbox` is in pixels of an image of the camera's size, and may reach over its edge. The position is that of the middle
/// of its bottom edge; the covariance covers the foot's and the mounting's uncertainty and, across the view, the width
/// of the box (two standard deviations reach its sides).
///
/// A box that the image's bottom edge cuts has its foot below the picture, nearer than anything visible: it is placed
/// at the bottom edge, with an uncertainty that reaches back to the camera.
///
/// [`Place::Raised`] when the foot lies clearly above the horizon, or the box would be impossibly tall where its foot
/// stands: it hangs in the air, or its foot is hidden. What comes near the left, right or lower edge of the picture is
/// [`Place::Unknown`] then, because its foot may be outside; and so is everything when the camera is not above the
/// ground, the lens has no ray for the foot, or a number is not finite. Hidden feet that escape this check are placed
/// too far away by at most that factor: from boxes alone they cannot be told.
pub fn place_of(camera: &CameraModel, base_from_camera: &Isometry3<f64>, bbox: &BBox<ImagePx>) -> Place {
    match ground_position(camera, base_from_camera, bbox) {
        Ok(ground) => Place::Ground(ground),
        Err(NoGround::Above) if !reaches_an_edge(camera, bbox) => Place::Raised,
        Err(NoGround::Above | NoGround::Untold) => Place::Unknown,
    }
}

/// Why a box has no position on the ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoGround {
    /// Nothing that stands on the ground ends there.
    Above,
    /// The numbers do not tell.
    Untold,
}

/// Whether the box may go on below the picture or beside it.
fn reaches_an_edge(camera: &CameraModel, bbox: &BBox<ImagePx>) -> bool {
    let (width_px, height_px) = (f64::from(camera.size().width_px), f64::from(camera.size().height_px));
    let margin_px = |side_px: f64| (EDGE_PART * side_px).max(CUT_PX);
    f64::from(bbox.x_min()) <= margin_px(width_px)
        || f64::from(bbox.x_max()) >= width_px - margin_px(width_px)
        || f64::from(bbox.y_max()) >= height_px - margin_px(height_px)
}

fn ground_position(
    camera: &CameraModel,
    base_from_camera: &Isometry3<f64>,
    bbox: &BBox<ImagePx>,
) -> Result<GroundPosition, NoGround> {
    let bottom_px = f64::from(camera.size().height_px);
    let (foot_x_px, foot_y_px) = (f64::from(bbox.center().0), f64::from(bbox.y_max()));
    let is_cut = foot_y_px >= bottom_px - CUT_PX;
    let ray = ray_from_pixel(camera, foot_x_px, foot_y_px.min(bottom_px)).ok_or(NoGround::Untold)?;
    let direction = base_from_camera.rotation * ray;
    let camera_position = base_from_camera.translation.vector;
    let height_m = camera_position.z;
    let level = direction.xy().norm();
    let depression_rad = (-direction.z).atan2(level);
    if !(height_m > 0.0 && depression_rad.is_finite()) {
        return Err(NoGround::Untold);
    }
    if depression_rad < -HORIZON_SLACK_RAD {
        return Err(NoGround::Above);
    }
    // On the ground from here on: how far from below the camera, and in which direction.
    let depression_rad = depression_rad.max((height_m / MAX_DISTANCE_M).atan());
    let distance_at = |depression_rad: f64| {
        if depression_rad < FRAC_PI_2 { height_m / depression_rad.tan() } else { 0.0 }
    };
    let distance_m = distance_at(depression_rad);
    let ahead = if level > 0.0 { direction.xy() / level } else { Vector2::x() };
    let slant_m = distance_m.hypot(height_m);

    let (fx_px, fy_px) = camera.focal_px();
    let (width_px, height_px) = (f64::from(bbox.width()), f64::from(bbox.height()));
    if height_px / fy_px * slant_m > MAX_HEIGHT_M {
        return Err(NoGround::Above);
    }
    let foot_std_px = (FOOT_STD_OF_HEIGHT * height_px).max(FOOT_STD_MIN_PX);
    let depression_std_rad = MOUNTING_STD_RAD.hypot(foot_std_px / fy_px);
    let bearing_std_rad = MOUNTING_STD_RAD.hypot(foot_std_px / fx_px);
    let near_m = distance_at(depression_rad + 2.0 * depression_std_rad);
    let along_m = if is_cut { distance_m / 2.0 } else { 0.0 }.hypot((distance_m - near_m) / 2.0);
    // A foot may be anywhere under its box: uniform over the width.
    let across_m = (bearing_std_rad * slant_m).hypot(width_px / fx_px * slant_m / 12.0_f64.sqrt());

    let position_m = Point2::from(camera_position.xy() + ahead * distance_m);
    let base_from_view = Matrix2::new(ahead.x, -ahead.y, ahead.y, ahead.x);
    let variance = Matrix2::from_diagonal(&Vector2::new(along_m.powi(2), across_m.powi(2)));
    let covariance_m2 = base_from_view * variance * base_from_view.transpose();
    let is_finite = position_m.iter().chain(covariance_m2.iter()).all(|value| value.is_finite());
    if is_finite { Ok(GroundPosition { position_m, covariance_m2 }) } else { Err(NoGround::Untold) }
}

#[cfg(test)]
mod tests {
    use super::super::{Mounting, pixel_from_ray};
    use super::*;
    use crate::types::Size;
    use nalgebra::Point3;
    use proptest::prelude::*;

    fn camera(d: &[f64]) -> CameraModel {
        let k = [500.0, 0.0, 319.5, 0.0, 500.0, 239.5, 0.0, 0.0, 1.0];
        CameraModel::new(Size { width_px: 640, height_px: 480 }, &k, "plumb_bob", d.iter().copied()).unwrap()
    }

    fn mounted(z_m: f64, pitch_rad: f64) -> Isometry3<f64> {
        Mounting { x_m: 0.3, z_m, pitch_rad, ..Mounting::default() }.base_from_camera()
    }

    /// A box of 30 x 80 px with its foot there.
    fn standing(x: f32, y: f32) -> BBox<ImagePx> {
        BBox::from_corners(x - 15.0, y - 80.0, x + 15.0, y).unwrap()
    }

    fn ahead_of(foot_y: f32, z_m: f64) -> Option<GroundPosition> {
        ground(&camera(&[]), &mounted(z_m, 0.0), &standing(320.0, foot_y))
    }

    fn ground(camera: &CameraModel, base_from_camera: &Isometry3<f64>, bbox: &BBox<ImagePx>) -> Option<GroundPosition> {
        place_of(camera, base_from_camera, bbox).ground().copied()
    }

    #[test]
    fn a_level_camera_sees_five_meters_at_the_angle_of_its_height() {
        // 1 m high, 5 m away: 100 px below the horizon of 500 px focal length.
        let ground = ahead_of(340.0, 1.0).unwrap();
        assert!((ground.position_m.x - 5.3).abs() < 1e-9 && ground.position_m.y.abs() < 1e-9);
    }

    #[test]
    fn two_deviations_reach_where_a_lower_look_would_put_the_foot() {
        let ground = ahead_of(340.0, 1.0).unwrap();
        let std_rad = 0.0087f64.hypot(2.4 / 500.0);
        let near_m = 1.0 / (0.2f64.atan() + 2.0 * std_rad).tan();
        assert!((2.0 * ground.covariance_m2.m11.sqrt() - (5.0 - near_m)).abs() < 1e-6);
        // Across: the box is 30 px wide, 0.31 m there.
        assert!(2.0 * ground.covariance_m2.m22.sqrt() > 0.15);
        assert!(ground.covariance_m2.m12.abs() < 1e-12);
    }

    #[test]
    fn far_things_are_uncertain_and_never_reach_behind_the_camera() {
        let small = BBox::from_corners(315.0, 221.0, 325.0, 241.0).unwrap();
        let ground = ground(&camera(&[]), &mounted(0.5, 0.0), &small).unwrap();
        assert!((ground.position_m.x - 100.3).abs() < 1e-9, "the limit");
        let near_m = ground.position_m.x - 2.0 * ground.covariance_m2.m11.sqrt();
        assert!(near_m > 10.0 && near_m < 40.0, "{near_m}");
    }

    #[test]
    fn a_foot_just_above_the_horizon_is_far_and_one_clearly_above_is_raised() {
        let small = BBox::from_corners(310.0, 215.0, 320.0, 235.0).unwrap();
        let ground = ground(&camera(&[]), &mounted(0.5, 0.0), &small).unwrap();
        assert!((ground.position_m.coords - Vector2::new(0.3, 0.0)).norm() - MAX_DISTANCE_M < 1e-9);
        let high = BBox::from_corners(310.0, 180.0, 320.0, 200.0).unwrap();
        assert_eq!(place_of(&camera(&[]), &mounted(0.5, 0.0), &high), Place::Raised);
    }

    #[test]
    fn a_big_box_that_ends_at_the_horizon_hides_its_foot_and_is_raised() {
        let bbox = BBox::from_corners(250.0, 100.0, 350.0, 250.0).unwrap();
        assert_eq!(place_of(&camera(&[]), &mounted(0.5, 0.0), &bbox), Place::Raised);
    }

    #[test]
    fn what_the_pictures_edge_may_cut_is_never_raised() {
        let place = |corners: [f32; 4]| {
            let [x_min, y_min, x_max, y_max] = corners;
            let bbox = BBox::from_corners(x_min, y_min, x_max, y_max).unwrap();
            place_of(&camera(&[]), &mounted(0.5, 0.0), &bbox)
        };
        assert_eq!(place([20.0, 100.0, 120.0, 200.0]), Place::Raised);
        assert_eq!(place([5.0, 100.0, 120.0, 200.0]), Place::Unknown, "at the left");
        assert_eq!(place([-50.0, 100.0, 120.0, 200.0]), Place::Unknown, "predicted beyond it");
        assert_eq!(place([500.0, 100.0, 632.0, 200.0]), Place::Unknown, "at the right");
        assert_eq!(place([20.0, 0.0, 120.0, 200.0]), Place::Raised, "the upper edge hides no foot");
        // Looking up, the whole picture is above the horizon: what ends at its lower edge goes on below.
        let up = mounted(1.0, -0.8);
        let at = |y_max| place_of(&camera(&[]), &up, &BBox::from_corners(300.0, 100.0, 340.0, y_max).unwrap());
        assert_eq!((at(400.0), at(475.0), at(480.0)), (Place::Raised, Place::Unknown, Place::Unknown));
    }

    #[test]
    fn a_box_cut_by_the_bottom_edge_may_be_anywhere_up_to_the_camera() {
        let whole = ahead_of(470.0, 1.0).unwrap();
        for foot_y in [479.0, 480.0, 520.0] {
            let cut = ahead_of(foot_y, 1.0).unwrap();
            assert!(cut.position_m.x <= whole.position_m.x);
            let near_m = cut.position_m.x - 2.0 * cut.covariance_m2.m11.sqrt();
            assert!(near_m <= 0.3, "foot {foot_y}: nearest {near_m}");
        }
    }

    #[test]
    fn a_camera_on_the_ground_places_nothing() {
        for z_m in [0.0, -1.0, f64::NAN] {
            let base_from_camera = mounted(z_m, 0.0);
            assert_eq!(place_of(&camera(&[]), &base_from_camera, &standing(320.0, 340.0)), Place::Unknown);
            assert_eq!(place_of(&camera(&[]), &base_from_camera, &standing(320.0, 100.0)), Place::Unknown);
        }
    }

    proptest! {
        #[test]
        fn a_point_on_the_ground_is_found_again(
            x in 2.0f64..30.0, y in -1.0f64..1.0, z_m in 0.4f64..3.0, pitch in 0.0f64..0.3,
            roll in -0.05f64..0.05, yaw in -0.1f64..0.1, k1 in -0.2f64..0.2,
        ) {
            let camera = camera(&[k1, 0.02, 0.0005, -0.0005, 0.0]);
            let mounting = Mounting { x_m: 0.3, y_m: 0.1, z_m, roll_rad: roll, pitch_rad: pitch, yaw_rad: yaw };
            let base_from_camera = mounting.base_from_camera();
            let seen = base_from_camera.inverse() * Point3::new(x, y, 0.0);
            let pixel = pixel_from_ray(&camera, &seen.coords);
            prop_assume!(pixel.is_some());
            let (x_px, y_px) = pixel.unwrap();
            prop_assume!((0.0..640.0).contains(&x_px) && (0.0..475.0).contains(&y_px));
            #[expect(clippy::cast_possible_truncation, reason = "boxes have f32 pixels")]
            let bbox = BBox::from_center(x_px as f32, y_px as f32 - 5.0, 10.0, 10.0).unwrap();
            let ground = ground(&camera, &base_from_camera, &bbox).unwrap();
            // The box has f32 pixels: 1e-4 px at 30 m from a height of 0.4 m.
            prop_assert!((ground.position_m - Point2::new(x, y)).norm() < 0.01);
        }

        #[test]
        fn a_lower_foot_is_never_further_and_its_nearest_edge_neither(
            upper in 200.0f32..520.0, down in 0.0f32..100.0, z_m in 0.2f64..5.0, pitch in -0.2f64..1.2,
        ) {
            let camera = camera(&[]);
            let base_from_camera = mounted(z_m, pitch);
            // Away from the horizon and from impossible heights, where the answer is none.
            let place = |foot_y: f32| {
                let bbox = BBox::from_corners(315.0, foot_y - 10.0, 325.0, foot_y).unwrap();
                ground(&camera, &base_from_camera, &bbox)
            };
            if let (Some(high), Some(low)) = (place(upper), place(upper + down)) {
                prop_assert!(low.position_m.x <= high.position_m.x + 1e-9);
                // Behind the camera, at 0.3 m, all is one.
                let near = |ground: &GroundPosition| {
                    (ground.position_m.x - 2.0 * ground.covariance_m2.m11.sqrt()).max(0.3)
                };
                prop_assert!(near(&low) <= near(&high) + 1e-6, "{} {}", near(&low), near(&high));
            }
        }

        #[test]
        fn any_numbers_give_a_finite_place_or_none(
            corners in prop::array::uniform4(prop::num::f32::ANY),
            mount in prop::array::uniform6(prop_oneof![-3.0f64..3.0, prop::num::f64::ANY]),
        ) {
            let [x, y, w, h] = corners;
            let Some(bbox) = BBox::from_corners(x.min(w), y.min(h), x.max(w), y.max(h)) else { return Ok(()) };
            let [x_m, y_m, z_m, roll_rad, pitch_rad, yaw_rad] = mount;
            let base_from_camera = Mounting { x_m, y_m, z_m, roll_rad, pitch_rad, yaw_rad }.base_from_camera();
            if let Some(ground) = ground(&camera(&[]), &base_from_camera, &bbox) {
                prop_assert!(ground.position_m.iter().all(|c| c.is_finite()));
                prop_assert!(ground.covariance_m2.iter().all(|c| c.is_finite()));
                prop_assert!(ground.covariance_m2.m11 >= 0.0 && ground.covariance_m2.m22 >= 0.0);
            }
        }
    }
}
