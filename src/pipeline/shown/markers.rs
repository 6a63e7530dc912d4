//! The world of a frame as markers: what stands around the robot, how it moves, where the robot is to go, and why.

use super::frame_view::{FrameView, Strip};
use crate::spatial::OnPicture;
use crate::types::{GroundPosition, Place};
use crate::vision::draw::{Rgb, class_color, decision_color};
use crate::wire::HeaderRef;
use crate::wire::visualization_msgs::{Key, Marker, Markers, Shape};
use crate::world::Thing;
use std::fmt::Arguments;

/// What is not told by a box: the width and the height of a person.
const USUAL_SIZE_M: (f64, f64) = (0.5, 1.7);
/// Slower things have no arrow.
const LEAST_MPS: f64 = 0.1;
/// An arrow ends where the thing is after so many seconds.
const ARROW_S: f64 = 1.0;
/// Where a thing may be, as planning looks at it.
const SIGMAS: f64 = 2.0;
/// Nothing is drawn that is less certain than this.
const MOST_SPREAD_M: f64 = 20.0;
/// Lines and letters lie a little above the ground, so that a floor does not hide them.
const ABOVE_M: f64 = 0.02;

/// Makes the markers of each frame, and takes away those that are gone. In memory that serves every frame.
#[derive(Debug, Default)]
pub struct WorldMarkers {
    markers: Markers,
    /// What was there after the last frame.
    known: Vec<Key>,
}

impl WorldMarkers {
    /// Replaces `out` by the MarkerArray of a frame, in its base frame. Namespaces: `things`, `spread`, `velocity` and
    /// `names`, numbered by track, from 0 down for what has none; `corridor`, `path` and `decision`.
    pub fn encode(&mut self, out: &mut Vec<u8>, view: &FrameView<'_>, lifetime_ns: i64) {
        self.markers.clear();
        for (nth, thing) in view.things.iter().enumerate() {
            self.add_thing(view, thing, nth);
        }
        self.add_way(view);
        let Self { markers, known } = self;
        known.retain(|key| !markers.keys().any(|there| there == *key));
        known.drain(..).for_each(|key| markers.delete(key));
        self.known.extend(self.markers.keys());
        let header = HeaderRef { stamp: view.frame.stamp(), frame_id: view.base_frame.as_str() };
        self.markers.encode(out, header, lifetime_ns);
    }

    /// Nobody looks: what was shown goes by itself.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    fn add_thing(&mut self, view: &FrameView<'_>, thing: &Thing, nth: usize) {
        let Place::Ground(ground) = thing.place else { return };
        let id = thing.track.map_or(-i32_of(nth as u64), |track| i32_of(track.0));
        let key = |namespace| Key { namespace, id };
        let (x_m, y_m) = (ground.position_m.x, ground.position_m.y);
        let (width_m, height_m) = size_of(view, thing, &ground).unwrap_or(USUAL_SIZE_M);
        let color = |opacity: f32| rgba(class_color(thing.class), if thing.seen { opacity } else { opacity / 2.0 });
        let upright = |key, shape, z_m, scale_m, color| Marker {
            key,
            shape,
            position_m: [x_m, y_m, z_m],
            yaw_rad: 0.0,
            scale_m,
            color,
        };
        let body = [width_m, width_m, height_m];
        self.put(upright(key("things"), Shape::Cylinder, height_m / 2.0, body, color(0.8)));
        if let Some((yaw_rad, axes_m)) = spread_of(&ground) {
            let flat = [2.0 * SIGMAS * axes_m[0], 2.0 * SIGMAS * axes_m[1], ABOVE_M];
            self.put(Marker { yaw_rad, ..upright(key("spread"), Shape::Cylinder, ABOVE_M / 2.0, flat, color(0.25)) });
        }
        let (forward_mps, left_mps) = (thing.velocity.forward_mps, thing.velocity.left_mps);
        if forward_mps.hypot(left_mps) >= LEAST_MPS {
            let knee_m = height_m / 2.0;
            let tip = [x_m + ARROW_S * forward_mps, y_m + ARROW_S * left_mps, knee_m];
            // Of a shaft, of its head, and the head's length.
            let scale_m = [0.08, 0.2, 0.25];
            let arrow = Marker { scale_m, ..flat_line(key("velocity"), Shape::Arrow, color(1.0)) };
            self.markers.add(arrow, [[x_m, y_m, knee_m], tip], format_args!(""));
        }
        let above = upright(key("names"), Shape::Text, height_m + 0.25, [0.0, 0.0, 0.3], color(1.0));
        let name = view.labels.name(thing.class);
        match thing.track {
            Some(track) if thing.seen => self.write(above, format_args!("{name} #{track}")),
            Some(track) => self.write(above, format_args!("{name}? #{track}")),
            None => self.write(above, format_args!("{name}")),
        }
    }

    fn add_way(&mut self, view: &FrameView<'_>) {
        let color = decision_color(view.plan.decision);
        let Strip { half_width_m, rear_m, length_m } = view.strip;
        let corner = |x_m: f64, y_m: f64| [x_m, y_m, ABOVE_M / 2.0];
        let (left_rear, right_rear) = (corner(-rear_m, half_width_m), corner(-rear_m, -half_width_m));
        let (left_end, right_end) = (corner(length_m, half_width_m), corner(length_m, -half_width_m));
        let floor = flat_line(Key { namespace: "corridor", id: 0 }, Shape::Triangles, rgba(color, 0.18));
        let triangles = [left_rear, right_rear, right_end, right_end, left_end, left_rear];
        self.markers.add(Marker { scale_m: [1.0; 3], ..floor }, triangles, format_args!(""));
        let edge = flat_line(Key { namespace: "corridor", id: 1 }, Shape::LineStrip, rgba(color, 0.9));
        let around = [left_rear, right_rear, right_end, left_end, left_rear];
        self.markers.add(edge, around, format_args!(""));
        if view.plan.path.len() >= 2 {
            let path = flat_line(Key { namespace: "path", id: 0 }, Shape::LineStrip, [0.92, 0.97, 1.0, 1.0]);
            let points = view.plan.path.iter().map(|pose| [pose.x_m, pose.y_m, 2.0 * ABOVE_M]);
            self.markers.add(Marker { scale_m: [0.1, 0.0, 0.0], ..path }, points, format_args!(""));
        }
        let word = Marker {
            position_m: [0.0, 0.0, 1.2],
            scale_m: [0.0, 0.0, 0.35],
            ..flat_line(Key { namespace: "decision", id: 0 }, Shape::Text, rgba(color, 1.0))
        };
        let (decision, reason) = (view.plan.decision.as_str(), view.plan.reason());
        match view.plan.speed_limit_mps {
            Some(limit) => self.write(word, format_args!("{decision}, at most {limit:.1} m/s\n{reason}")),
            None => self.write(word, format_args!("{decision}\n{reason}")),
        }
    }

    fn put(&mut self, marker: Marker) {
        self.write(marker, format_args!(""));
    }

    fn write(&mut self, marker: Marker, text: Arguments<'_>) {
        self.markers.add(marker, [], text);
    }
}

/// A marker whose points say where it is.
fn flat_line(key: Key, shape: Shape, color: [f32; 4]) -> Marker {
    Marker { key, shape, position_m: [0.0; 3], yaw_rad: 0.0, scale_m: [0.05, 0.0, 0.0], color }
}

/// The width and the height of a thing that this frame's camera sees.
fn size_of(view: &FrameView<'_>, thing: &Thing, ground: &GroundPosition) -> Option<(f64, f64)> {
    let frame = view.frame.value();
    let picture = OnPicture::new(frame.camera.as_ref()?, &frame.base_from_camera);
    let track = view.scene.tracks.iter().find(|track| Some(track.id) == thing.track)?;
    picture.size_at(&track.bbox, &ground.position_m)
}

/// The ellipse of one standard deviation: how its longer axis is turned, and both half axes.
fn spread_of(ground: &GroundPosition) -> Option<(f64, [f64; 2])> {
    let covariance = &ground.covariance_m2;
    let (xx, yy, xy) = (covariance.m11, covariance.m22, (covariance.m12 + covariance.m21) / 2.0);
    let (middle, half) = ((xx + yy) / 2.0, ((xx - yy) / 2.0).hypot(xy));
    let axes_m = [(middle + half).max(0.0).sqrt(), (middle - half).max(0.0).sqrt()];
    let is_drawn = axes_m.iter().all(|axis| *axis <= MOST_SPREAD_M);
    is_drawn.then_some((0.5 * (2.0 * xy).atan2(xx - yy), axes_m))
}

/// The low 31 bits: a number for a marker.
fn i32_of(number: u64) -> i32 {
    i32::try_from(number & 0x7fff_ffff).unwrap_or(i32::MAX)
}

fn rgba(color: Rgb, opacity: f32) -> [f32; 4] {
    let [red, green, blue] = color.map(|part| f32::from(part) / 255.0);
    [red, green, blue, opacity]
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Matrix2, Point2};

    #[test]
    fn the_ellipse_of_a_place_is_turned_as_its_doubt_is() {
        let ground = |covariance_m2| GroundPosition { position_m: Point2::new(5.0, 0.0), covariance_m2 };
        let (yaw_rad, [long, short]) = spread_of(&ground(Matrix2::new(4.0, 0.0, 0.0, 0.25))).unwrap();
        assert_eq!((yaw_rad, long, short), (0.0, 2.0, 0.5));
        let (yaw_rad, [long, short]) = spread_of(&ground(Matrix2::new(2.5, 1.5, 1.5, 2.5))).unwrap();
        assert!((yaw_rad.to_degrees() - 45.0).abs() < 1e-9 && (long - 2.0).abs() < 1e-9 && (short - 1.0).abs() < 1e-9);
        assert_eq!(spread_of(&ground(Matrix2::new(1e9, 0.0, 0.0, 1.0))), None);
    }

    #[test]
    fn a_number_of_any_track_is_one_of_a_marker() {
        assert_eq!([0, 12, u64::from(u32::MAX), u64::MAX].map(i32_of), [0, 12, i32::MAX, i32::MAX]);
    }
}
