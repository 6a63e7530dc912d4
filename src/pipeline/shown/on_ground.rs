//! The corridor and the path as they lie in the picture of a camera.

use super::frame_view::{FrameView, Strip};
use crate::spatial::OnPicture;
use crate::types::Pose2;
use crate::vision::draw::{ACROSS, GroundLines, GroundRow};
use std::f64::consts::FRAC_PI_2;

/// So many rows lie between the foot of the camera and the end of the strip, evenly to the camera's eye.
const ROWS: u32 = 72;
/// So many between the rear of the robot and the foot of the camera, for lenses that see them.
const ROWS_BEHIND: u32 = 8;
/// A line across the strip and its distance, each so many metres.
const MARK_EVERY_M: u32 = 5;
/// So many marks at most.
const MOST_MARKS: u32 = 100;
/// Between two poses of the path that are near the camera lie so many points.
const BETWEEN: u32 = 6;

/// Replaces `out` by what lies on the ground of the picture: nothing without a camera model, or under a camera that is not
/// above the ground.
pub fn project(out: &mut GroundLines, view: &FrameView<'_>) {
    out.clear();
    let frame = view.frame.value();
    let Some(camera) = &frame.camera else { return };
    let picture = OnPicture::new(camera, &frame.base_from_camera);
    let eye = picture.camera_place();
    if eye.z.is_nan() || eye.z <= 0.0 {
        return;
    }
    let Strip { rear_m, length_m, .. } = view.strip;
    // Rows are even in the angle under which they are seen, so that lines of every lens bend smoothly.
    let end_rad = (length_m - eye.x).max(0.0).atan2(eye.z);
    let behind = (0..ROWS_BEHIND).map(|row| -rear_m + f64::from(row) / f64::from(ROWS_BEHIND) * (eye.x + rear_m));
    let ahead = (0..=ROWS).map(|row| eye.x + eye.z * (end_rad * f64::from(row) / f64::from(ROWS)).min(FRAC_PI_2).tan());
    let marks = (1..=MOST_MARKS).map(|mark| f64::from(mark * MARK_EVERY_M)).take_while(|x_m| *x_m <= length_m);
    let inside = |x_m: &f64| (-rear_m..=length_m).contains(x_m);
    out.rows.extend(behind.chain(ahead).filter(inside).map(|x_m| row(&picture, view.strip, x_m, false)));
    out.rows.extend(marks.map(|x_m| row(&picture, view.strip, x_m, true)));
    out.rows.sort_unstable_by(|a, b| a.x_m.total_cmp(&b.x_m));

    let mut last: Option<&Pose2> = None;
    for pose in &view.plan.path {
        if let Some(last) = last {
            let part = |step: u32| f64::from(step) / f64::from(BETWEEN);
            let between = (1..BETWEEN).map(|step| {
                let share = part(step);
                picture.ground(last.x_m + share * (pose.x_m - last.x_m), last.y_m + share * (pose.y_m - last.y_m))
            });
            out.path.extend(between);
        }
        out.path.push(picture.ground(pose.x_m, pose.y_m));
        last = Some(pose);
    }
}

fn row(picture: &OnPicture<'_>, strip: Strip, x_m: f64, is_mark: bool) -> GroundRow {
    // From left to right: y points to the left.
    let y_m = |column: usize| strip.half_width_m * (1.0 - 2.0 * column as f64 / (ACROSS - 1) as f64);
    GroundRow { x_m, is_mark, across: std::array::from_fn(|column| picture.ground(x_m, y_m(column))) }
}
