//! visualization_msgs: MarkerArray, written only.

use super::builtin_interfaces::write_duration_ns;
use super::cdr::Writer;
use super::std_msgs::{HeaderRef, write_header};
use std::ops::Range;

/// The type name of [`Markers::encode`].
pub const MARKER_ARRAY: &str = "visualization_msgs/msg/MarkerArray";

/// What a marker is; the numbers are Marker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Shape {
    /// Between its first two points.
    Arrow = 0,
    /// Upright, around its place; the scale is its two diameters and its height.
    Cylinder = 3,
    /// From point to point; the scale's x is its width.
    LineStrip = 4,
    /// Letters that face whoever looks; the scale's z is their height.
    Text = 9,
    /// Each three points are one.
    Triangles = 11,
}

/// Where a marker belongs: a later one of the same name and number takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The namespace.
    pub namespace: &'static str,
    /// The number in it.
    pub id: i32,
}

/// A marker without its points and its text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Marker {
    /// Where it belongs.
    pub key: Key,
    /// What it is.
    pub shape: Shape,
    /// Its place in the frame of the array, in metres.
    pub position_m: [f64; 3],
    /// How it is turned about z.
    pub yaw_rad: f64,
    /// By shape.
    pub scale_m: [f64; 3],
    /// Red, green, blue and opacity, `0..=1`.
    pub color: [f32; 4],
}

/// The markers of one frame, in memory that serves every frame.
#[derive(Debug, Default)]
pub struct Markers {
    entries: Vec<Entry>,
    points_m: Vec<[f64; 3]>,
    text: String,
}

#[derive(Debug)]
enum Entry {
    Add { marker: Marker, points: Range<usize>, text: Range<usize> },
    Delete(Key),
}

impl Markers {
    /// Begins a frame.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.points_m.clear();
        self.text.clear();
    }

    /// Adds a marker, or changes what has its key.
    pub fn add(&mut self, marker: Marker, points_m: impl IntoIterator<Item = [f64; 3]>, text: std::fmt::Arguments<'_>) {
        let (points, written) = (self.points_m.len(), self.text.len());
        self.points_m.extend(points_m);
        // Writing to a string does not fail.
        let _ = std::fmt::Write::write_fmt(&mut self.text, text);
        let (points, text) = (points..self.points_m.len(), written..self.text.len());
        self.entries.push(Entry::Add { marker, points, text });
    }

    /// Takes the marker of a key away.
    pub fn delete(&mut self, key: Key) {
        self.entries.push(Entry::Delete(key));
    }

    /// The keys of the markers that are there after this frame.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Add { marker, .. } => Some(marker.key),
            Entry::Delete(_) => None,
        })
    }

    /// A MarkerArray; each marker goes by itself after `lifetime_ns`.
    pub fn encode(&self, out: &mut Vec<u8>, header: HeaderRef<'_>, lifetime_ns: i64) {
        const ADD: i32 = 0;
        const DELETE: i32 = 2;
        let mut writer = Writer::new(out);
        writer.count(self.entries.len());
        for entry in &self.entries {
            write_header(&mut writer, header);
            match entry {
                Entry::Add { marker, points, text } => {
                    write_head(&mut writer, marker.key, marker.shape, ADD);
                    let half_rad = marker.yaw_rad / 2.0;
                    let [x, y, z] = marker.position_m;
                    writer.f64s(&[x, y, z, 0.0, 0.0, half_rad.sin(), half_rad.cos()]);
                    writer.f64s(&marker.scale_m);
                    marker.color.into_iter().for_each(|part| writer.f32(part));
                    write_tail(&mut writer, lifetime_ns, &self.points_m[points.clone()], &self.text[text.clone()]);
                }
                Entry::Delete(key) => {
                    write_head(&mut writer, *key, Shape::Arrow, DELETE);
                    writer.f64s(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
                    writer.f64s(&[0.0; 3]);
                    (0..4).for_each(|_| writer.f32(0.0));
                    write_tail(&mut writer, 0, &[], "");
                }
            }
        }
    }
}

fn write_head(writer: &mut Writer<'_>, key: Key, shape: Shape, action: i32) {
    writer.str(key.namespace);
    writer.i32(key.id);
    writer.i32(i32::from(shape as u8));
    writer.i32(action);
}

fn write_tail(writer: &mut Writer<'_>, lifetime_ns: i64, points_m: &[[f64; 3]], text: &str) {
    write_duration_ns(writer, lifetime_ns);
    // Not frame_locked.
    writer.u8(0);
    writer.count(points_m.len());
    points_m.iter().for_each(|point| writer.f64s(point));
    // No colors of their own, no texture, neither named nor inside, no coordinates on it.
    writer.count(0);
    writer.str("");
    write_header(writer, HeaderRef { stamp: crate::types::Stamp::from_ns(0), frame_id: "" });
    writer.str("");
    writer.byte_sequence(&[]);
    writer.count(0);
    writer.str(text);
    // No mesh, neither named nor inside, with no materials.
    writer.str("");
    writer.str("");
    writer.byte_sequence(&[]);
    writer.u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Stamp;

    const MARKERS_LE: &[u8] = include_bytes!("../../tests/data/cdr/markers.le.cdr");

    #[test]
    fn markers_encode_to_the_bytes_of_rosbags() {
        let mut markers = Markers::default();
        let thing = Marker {
            key: Key { namespace: "things", id: 12 },
            shape: Shape::Cylinder,
            position_m: [3.5, -0.25, 0.9],
            yaw_rad: 0.0,
            scale_m: [0.6, 0.6, 1.8],
            color: [0.25, 0.5, 0.75, 1.0],
        };
        let key = Key { namespace: "path", id: 0 };
        markers.add(thing, [], format_args!(""));
        let line = Marker { key, shape: Shape::LineStrip, position_m: [0.0; 3], scale_m: [0.1, 0.0, 0.0], ..thing };
        markers.add(line, [[0.0, 0.0, 0.0], [1.5, 0.25, 0.0]], format_args!("person #{}", 12));
        markers.delete(Key { namespace: "things", id: 7 });
        let mut out = Vec::new();
        let stamp = Stamp::from_ns(1_700_000_000_100_000_000);
        markers.encode(&mut out, HeaderRef { stamp, frame_id: "base_link" }, 1_500_000_000);
        assert_eq!(out, MARKERS_LE);
        assert!(markers.keys().eq([thing.key, key]));
        markers.clear();
        assert_eq!(markers.keys().count(), 0);
    }
}
