//! The picture's annotations without the picture: what a viewer draws over the image itself.

use super::frame_view::FrameView;
use crate::types::{BBox, ClassId, ImagePx};
use crate::vision::draw::{ACROSS, GroundLines, Measures, Rgb, Trails, class_color, decision_color};
use crate::wire::foxglove_msgs::{Annotations, Color, Joined};
use std::fmt::Arguments;

const NONE: Color = [0.0; 4];
const WHITE: Color = [1.0; 4];
/// Behind letters.
const SHADE: Color = [0.05, 0.055, 0.07, 0.74];

/// Replaces what `out` holds by the boxes, names and trails of a frame, what lies on the ground, and the plan's word with
/// its reason in the upper left corner.
pub fn annotate(out: &mut Annotations, view: &FrameView<'_>, trails: &Trails, ground: &GroundLines) {
    out.clear();
    let size = view.frame.value().image.size();
    let (width, height) = (f64::from(size.width_px), f64::from(size.height_px));
    let measures = Measures::of(size);
    let (em, line) = (f64::from(measures.em), f64::from(measures.line));
    add_ground(out, view, ground, line);
    for track in &view.scene.tracks {
        let color = class_color(track.class);
        let places = || trails.of(track.id).map(|(place, _)| place.map(f64::from));
        out.line(Joined::Strip, places(), line, (rgba(color, 0.7), NONE));
        if let Some(foot) = places().last().filter(|_| track.seen) {
            out.circle(foot, 2.8 * line, rgba(color, 1.0));
        }
    }
    let mut name = |bbox: &BBox<ImagePx>, class: ClassId, is_sure: bool, words: Arguments<'_>| {
        let color = class_color(class);
        let (opacity, stroke) = if is_sure { (1.0, line) } else { (0.6, line / 2.0) };
        let corners = [(bbox.x_min(), bbox.y_min()), (bbox.x_max(), bbox.y_min()), (bbox.x_max(), bbox.y_max())];
        let corners = corners.into_iter().chain([(bbox.x_min(), bbox.y_max())]);
        let corners = corners.map(|(x, y)| [f64::from(x), f64::from(y)]);
        out.line(Joined::Loop, corners, stroke, (rgba(color, opacity), NONE));
        let colors = if is_sure { ([0.05, 0.055, 0.07, 1.0], rgba(color, 0.9)) } else { (rgba(color, 1.0), SHADE) };
        // Inside the picture, wherever the box begins.
        let corner = [f64::from(bbox.x_min()).min(width - em).max(0.0), f64::from(bbox.y_min()).min(height).max(em)];
        out.text(corner, em, colors, words);
    };
    let class_name = |class| view.labels.name(class);
    for track in view.scene.tracks.iter().filter(|track| !track.seen) {
        name(&track.bbox, track.class, false, format_args!("{}? #{}", class_name(track.class), track.id));
    }
    for detection in &view.scene.only_tracked {
        if let Some(id) = detection.track {
            name(&detection.bbox, detection.class, false, format_args!("{} #{id}", class_name(detection.class)));
        }
    }
    for detection in view.scene.detections.iter().rev() {
        let (of, score) = (class_name(detection.class), detection.score);
        match detection.track {
            Some(id) => name(&detection.bbox, detection.class, true, format_args!("{of} {score:.2} #{id}")),
            None => name(&detection.bbox, detection.class, true, format_args!("{of} {score:.2}")),
        }
    }
    let (decision, reason) = (view.plan.decision, view.plan.reason());
    let colors = (WHITE, rgba(decision_color(decision), 0.85));
    let corner = [em * 0.6, em * 1.8];
    match view.plan.speed_limit_mps {
        Some(limit) => out.text(corner, em, colors, format_args!("{} {limit:.1} m/s: {reason}", decision.as_str())),
        None => out.text(corner, em, colors, format_args!("{}: {reason}", decision.as_str())),
    }
}

fn add_ground(out: &mut Annotations, view: &FrameView<'_>, ground: &GroundLines, line: f64) {
    let color = rgba(decision_color(view.plan.decision), 0.8);
    let point = |place: Option<[f32; 2]>| place.map(|place| place.map(f64::from));
    for side in [0, ACROSS - 1] {
        for piece in ground.rows.split(|row| row.across[side].is_none()) {
            out.line(Joined::Strip, piece.iter().filter_map(|row| point(row.across[side])), line, (color, NONE));
        }
    }
    for row in ground.rows.iter().filter(|row| row.is_mark) {
        for piece in row.across.split(Option::is_none) {
            out.line(Joined::Strip, piece.iter().filter_map(|place| point(*place)), line / 2.0, (color, NONE));
        }
    }
    for piece in ground.path.split(Option::is_none) {
        out.line(Joined::Strip, piece.iter().filter_map(|place| point(*place)), 1.5 * line, (WHITE, NONE));
    }
}

fn rgba(color: Rgb, opacity: f64) -> Color {
    let [red, green, blue] = color.map(|part| f64::from(part) / 255.0);
    [red, green, blue, opacity]
}
