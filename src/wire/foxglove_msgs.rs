//! foxglove_msgs: ImageAnnotations, written only.
//!
//! The package has had two forms: from 3.2.5 on (March 2026) the array has a stamp of its own and every part a list of
//! metadata, under the same names. Who reads must have the form that is written; see [`Form`].

use super::builtin_interfaces::write_time;
use super::cdr::Writer;
use crate::types::Stamp;
use std::fmt;
use std::ops::Range;

/// The type name of [`Annotations::encode`].
pub const IMAGE_ANNOTATIONS: &str = "foxglove_msgs/msg/ImageAnnotations";

/// Which fields the package's messages have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Those of the first versions, up to 3.2.4.
    Plain,
    /// Those from 3.2.5 on.
    #[default]
    WithMetadata,
}

/// How points are joined; the numbers are PointsAnnotation's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Joined {
    /// To a closed line.
    Loop = 2,
    /// To an open line.
    Strip = 3,
}

/// Red, green, blue and opacity, `0..=1`.
pub type Color = [f64; 4];

/// The annotations of one image, in memory that serves every image. Places are in its pixels, from the outer corner of the
/// first one.
#[derive(Debug, Default)]
pub struct Annotations {
    circles: Vec<Circle>,
    lines: Vec<Line>,
    texts: Vec<Text>,
    points_px: Vec<[f64; 2]>,
    words: String,
}

#[derive(Debug)]
struct Circle {
    center_px: [f64; 2],
    diameter_px: f64,
    color: Color,
}

#[derive(Debug)]
struct Line {
    joined: Joined,
    points: Range<usize>,
    color: Color,
    fill: Color,
    width_px: f64,
}

#[derive(Debug)]
struct Text {
    corner_px: [f64; 2],
    words: Range<usize>,
    size_px: f64,
    ink: Color,
    ground: Color,
}

impl Annotations {
    /// Begins an image.
    pub fn clear(&mut self) {
        self.circles.clear();
        self.lines.clear();
        self.texts.clear();
        self.points_px.clear();
        self.words.clear();
    }

    /// Adds a filled circle.
    pub fn circle(&mut self, center_px: [f64; 2], diameter_px: f64, color: Color) {
        self.circles.push(Circle { center_px, diameter_px, color });
    }

    /// Adds a line; fewer than two points are none. A fill has a say in closed ones.
    pub fn line(
        &mut self,
        joined: Joined,
        points_px: impl IntoIterator<Item = [f64; 2]>,
        width_px: f64,
        (color, fill): (Color, Color),
    ) {
        let begin = self.points_px.len();
        self.points_px.extend(points_px);
        let points = begin..self.points_px.len();
        if points.len() < 2 {
            self.points_px.truncate(begin);
            return;
        }
        self.lines.push(Line { joined, points, color, fill, width_px });
    }

    /// Adds words; the corner is the lower left one.
    pub fn text(
        &mut self,
        corner_px: [f64; 2],
        size_px: f64,
        (ink, ground): (Color, Color),
        words: fmt::Arguments<'_>,
    ) {
        let begin = self.words.len();
        // Writing to a string does not fail.
        let _ = fmt::Write::write_fmt(&mut self.words, words);
        self.texts.push(Text { corner_px, words: begin..self.words.len(), size_px, ink, ground });
    }

    /// An ImageAnnotations, each part under the image's stamp.
    pub fn encode(&self, out: &mut Vec<u8>, stamp: Stamp, form: Form) {
        let mut writer = Writer::new(out);
        let is_new = form == Form::WithMetadata;
        let end = |writer: &mut Writer<'_>| {
            if is_new {
                // No metadata.
                writer.count(0);
            }
        };
        if is_new {
            write_time(&mut writer, stamp);
        }
        writer.count(self.circles.len());
        for circle in &self.circles {
            write_time(&mut writer, stamp);
            writer.f64s(&circle.center_px);
            writer.f64(circle.diameter_px);
            // The outline's thickness.
            writer.f64(1.0);
            writer.f64s(&circle.color);
            writer.f64s(&circle.color);
            end(&mut writer);
        }
        writer.count(self.lines.len());
        for line in &self.lines {
            write_time(&mut writer, stamp);
            writer.u8(line.joined as u8);
            writer.count(line.points.len());
            self.points_px[line.points.clone()].iter().for_each(|point| writer.f64s(point));
            writer.f64s(&line.color);
            // No colors of their own for segments.
            writer.count(0);
            writer.f64s(&line.fill);
            writer.f64(line.width_px);
            end(&mut writer);
        }
        writer.count(self.texts.len());
        for text in &self.texts {
            write_time(&mut writer, stamp);
            writer.f64s(&text.corner_px);
            writer.str(&self.words[text.words.clone()]);
            writer.f64(text.size_px);
            writer.f64s(&text.ink);
            writer.f64s(&text.ground);
            end(&mut writer);
        }
        end(&mut writer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN_LE: &[u8] = include_bytes!("../../tests/data/cdr/image_annotations_plain.le.cdr");
    const WITH_METADATA_LE: &[u8] = include_bytes!("../../tests/data/cdr/image_annotations.le.cdr");

    #[test]
    fn annotations_of_both_forms_encode_to_the_bytes_of_rosbags() {
        const RED: Color = [1.0, 0.25, 0.0, 1.0];
        const NONE: Color = [0.0; 4];
        let mut annotations = Annotations::default();
        annotations.circle([70.5, 130.0], 6.0, RED);
        annotations.line(Joined::Loop, [[40.0, 50.0], [100.0, 50.0], [100.0, 130.0]], 2.0, (RED, NONE));
        annotations.line(Joined::Strip, [[40.0, 50.0]], 2.0, (RED, NONE));
        annotations.line(Joined::Strip, [[1.0, 2.0], [3.0, 4.0]], 1.5, (RED, NONE));
        annotations.text([40.0, 48.0], 14.0, (NONE, RED), format_args!("person #{}", 12));
        let (mut out, stamp) = (Vec::new(), Stamp::from_ns(1_700_000_000_100_000_000));
        for (form, expected) in [(Form::Plain, PLAIN_LE), (Form::WithMetadata, WITH_METADATA_LE)] {
            annotations.encode(&mut out, stamp, form);
            assert_eq!(out, expected, "{form:?}");
        }
    }
}
