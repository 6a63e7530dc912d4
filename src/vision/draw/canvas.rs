//! The picture of a frame: what the walk came to, drawn on a copy of the image.

use super::ground_lines::{ACROSS, GroundLines, GroundRow};
use super::lettering::Lettering;
use super::palette::{DIM, PATH, Rgb, SHADE, WHITE, class_color, decision_color, ink_on};
use super::rect::Rect;
use super::strokes::{Pen, Shaded};
use super::surface::Surface;
use super::trails::Trails;
use crate::types::{
    BBox, ClassId, Decision, ImageError, ImagePx, ImageView, Labels, PixelFormat, Plan, Scene, Size, Stamp,
};
use crate::vision::kernels::Kernel;
use crate::vision::row_reader::RowReader;
use std::fmt::{self, Write};
use std::ops::Range;

/// What is drawn of one frame.
#[derive(Debug, Clone, Copy)]
pub struct Drawing<'a> {
    /// Boxes and tracks.
    pub scene: &'a Scene,
    /// The names of their classes.
    pub labels: &'a Labels,
    /// The word, the limit and the reason.
    pub plan: &'a Plan,
    /// Where the tracks came from.
    pub trails: &'a Trails,
    /// Corridor and path in the picture; empty where no camera model tells.
    pub ground: &'a GroundLines,
    /// The small print.
    pub caption: Caption,
}

/// What the banner says about time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caption {
    /// The picture's stamp.
    Stamp(Stamp),
    /// How old the picture was when it was drawn, in nanoseconds: for edges, which have a clock.
    Age(i64),
}

impl fmt::Display for Caption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NS_PER_MS: i64 = 1_000_000;
        match self {
            Self::Stamp(stamp) => {
                let (sec, nanosec) = stamp.to_ros();
                write!(f, "{sec}.{:03}", nanosec / 1_000_000)
            }
            Self::Age(ns) => write!(f, "{} ms old", ns / NS_PER_MS),
        }
    }
}

/// An RGB picture that owns its pixels and can be drawn on. Everything drawn is cut at its edges; tags and banner lie
/// inside. Lines and letters grow with its shorter side. Once it was as large and as full as it will be, nothing is
/// allocated.
#[derive(Debug)]
pub struct Canvas {
    reader: RowReader,
    surface: Surface,
    lettering: Lettering,
    tags: Vec<Tag>,
    /// The words of the tags, one behind the other.
    words: String,
    points: Vec<Shaded>,
}

/// The name of a box.
#[derive(Debug)]
struct Tag {
    words: Range<usize>,
    color: Rgb,
    is_filled: bool,
    rect: Rect,
}

/// How large things are in a picture, in pixels.
#[derive(Debug, Clone, Copy)]
pub struct Measures {
    /// The em of the letters.
    pub em: f32,
    /// How wide a box's line is.
    pub line: f32,
    /// The upper edge of the banner.
    banner_top: f32,
}

impl Measures {
    /// They grow with the shorter side.
    pub fn of(size: Size) -> Self {
        let side = size.width_px.min(size.height_px) as f32;
        let em = (side * 0.0235).max(8.0);
        Self { em, line: (side / 270.0).max(1.0), banner_top: (size.height_px as f32 - em * 2.3).floor() }
    }

    fn tag_height(&self) -> f32 {
        (self.em * 1.5).round()
    }

    /// On both sides of a text.
    fn pad(&self) -> f32 {
        self.em * 0.42
    }
}

impl Canvas {
    /// A copy of `image`, converted to rgb8.
    pub fn new(image: &ImageView) -> Self {
        let mut canvas = Self {
            reader: RowReader::new(Kernel::detect()),
            surface: Surface::new(),
            lettering: Lettering::new(),
            tags: Vec::new(),
            words: String::new(),
            points: Vec::new(),
        };
        canvas.load(image);
        canvas
    }

    /// Takes another picture in place of this one, in the same memory where it fits.
    pub fn load(&mut self, image: &ImageView) {
        if self.surface.size() != image.size() {
            self.surface.resize(image.size());
            self.lettering.clear();
        }
        for row in 0..image.size().height_px {
            self.reader.write_rgb(image, row, 0, self.surface.row_mut(row as usize));
        }
    }

    /// Takes another picture and draws all that the walk came to on it.
    pub fn draw(&mut self, image: &ImageView, drawing: &Drawing<'_>) {
        self.load(image);
        let measures = Measures::of(self.size());
        self.draw_ground(drawing.ground, drawing.plan.decision, measures);
        self.draw_trails(drawing, measures);
        self.draw_scene(drawing.scene, drawing.labels, measures);
        self.draw_banner(drawing.plan, drawing.caption, measures);
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.surface.size()
    }

    /// The pixels, rgb8, rows without padding.
    pub fn pixels(&self) -> &[u8] {
        self.surface.pixels()
    }

    /// The picture as it stands, rgb8.
    ///
    /// # Errors
    /// None for a canvas, whose picture was valid when it was taken.
    pub fn view(&self) -> Result<ImageView<'_>, ImageError> {
        ImageView::new(self.pixels(), self.size(), self.size().width_px * 3, PixelFormat::Rgb8)
    }

    /// Where the last picture's tags lie.
    #[cfg(test)]
    pub(super) fn tag_rects(&self) -> impl Iterator<Item = Rect> {
        self.tags.iter().map(|tag| tag.rect)
    }

    /// The strip as a carpet in the decision's color that fades with the distance, with a line each five metres, and the
    /// path on it.
    fn draw_ground(&mut self, ground: &GroundLines, decision: Decision, measures: Measures) {
        const NEAR: f32 = 0.42;
        const FAR: f32 = 0.16;
        let color = decision_color(decision);
        let end_m = ground.rows.last().map_or(1.0, |row| row.x_m.max(1e-3));
        let fade = |row: &GroundRow| NEAR + (FAR - NEAR) * share_of(row.x_m / end_m);
        for rows in ground.rows.windows(2) {
            let [before, far] = rows else { continue };
            for (near, beyond) in before.across.windows(2).zip(far.across.windows(2)) {
                if let ([Some(a), Some(b)], [Some(d), Some(c)]) = (near, beyond) {
                    self.surface.fill_quad([*a, *b, *c, *d], color, fade(far));
                }
            }
        }
        for side in [0, ACROSS - 1] {
            let edge = ground.rows.iter().map(|row| (row.across[side], (0.2 + 1.8 * fade(row)).min(1.0)));
            self.draw_line(edge, [Pen { width: measures.line, color, share: 1.0 }]);
        }
        let mut told_y = f32::INFINITY;
        for row in ground.rows.iter().filter(|row| row.is_mark) {
            let pen = Pen { width: measures.line * 0.6, color, share: 0.7 };
            self.draw_line(row.across.iter().map(|point| (*point, 1.0)), [pen]);
            if let Some([x, y]) = row.across[ACROSS - 1]
                && y < measures.banner_top
                && (told_y - y).abs() > measures.em
            {
                told_y = y;
                self.words.clear();
                let _ = write!(self.words, "{:.0} m", row.x_m);
                let em = measures.em * 0.8;
                let room = self.size().width_px as f32 - x - em * 0.4;
                let at = (x + em * 0.4, y + Lettering::cap_height(em) / 2.0);
                for (dx, dy, ink) in [(1.0, 1.0, SHADE), (0.0, 0.0, WHITE)] {
                    self.lettering.draw(&mut self.surface, (at.0 + dx, at.1 + dy), em, room, ink, &self.words);
                }
            }
        }
        let path = ground.path.iter().map(|point| (*point, 1.0));
        let shade = Pen { width: measures.line * 2.6, color: SHADE, share: 0.45 };
        self.draw_line(path, [shade, Pen { width: measures.line * 1.5, color: PATH, share: 0.95 }]);
    }

    /// A line through points, with gaps where there are none.
    fn draw_line<const PENS: usize>(
        &mut self,
        points: impl Iterator<Item = (Option<[f32; 2]>, f32)>,
        pens: [Pen; PENS],
    ) {
        self.points.clear();
        for (point, share) in points {
            match point {
                Some(point) => self.points.push((point, share)),
                None => {
                    self.surface.line(&self.points, pens);
                    self.points.clear();
                }
            }
        }
        self.surface.line(&self.points, pens);
    }

    fn draw_trails(&mut self, drawing: &Drawing<'_>, measures: Measures) {
        for track in &drawing.scene.tracks {
            let color = class_color(track.class);
            // In a shade that lifts it off the picture.
            let pens = |width: f32, wider: f32, shade: f32, share: f32| {
                let shade = Pen { width: measures.line * wider, color: SHADE, share: shade };
                [shade, Pen { width: measures.line * width, color, share }]
            };
            let trail = drawing.trails.of(track.id).map(|(place, age)| (Some(place), 1.0 - age));
            self.draw_line(trail, pens(1.2, 2.4, 0.425, 0.85));
            if track.seen
                && let Some((place, _)) = drawing.trails.of(track.id).last()
            {
                self.surface.line(&[(place, 1.0)], pens(2.8, 4.2, 0.6, 1.0));
            }
        }
    }

    /// Each detection with its class, score and track, as `person 0.87 #12`, in its class's color. In thin dashes: tracks
    /// that this frame did not see, as `person? #12` where they should be, and boxes that are tracked and not published,
    /// as `person #12`.
    fn draw_scene(&mut self, scene: &Scene, labels: &Labels, measures: Measures) {
        self.tags.clear();
        self.words.clear();
        // The best find their place first, and are drawn last, on top.
        for detection in &scene.detections {
            let (name, score) = (labels.name(detection.class), detection.score);
            match detection.track {
                Some(id) => {
                    self.tag(detection.bbox, detection.class, true, measures, format_args!("{name} {score:.2} #{id}"))
                }
                None => self.tag(detection.bbox, detection.class, true, measures, format_args!("{name} {score:.2}")),
            }
        }
        for detection in &scene.only_tracked {
            if let Some(id) = detection.track {
                let name = labels.name(detection.class);
                self.tag(detection.bbox, detection.class, false, measures, format_args!("{name} #{id}"));
            }
        }
        for track in scene.tracks.iter().filter(|track| !track.seen) {
            let name = labels.name(track.class);
            self.tag(track.bbox, track.class, false, measures, format_args!("{name}? #{}", track.id));
        }
        let Measures { line, .. } = measures;
        let thin = (line * 0.6).max(1.0);
        let mut dashed = |bbox: &BBox<ImagePx>, class| {
            let rect = rect_of(bbox);
            self.surface.dashed(rect, thin + 1.5, line * 4.0, SHADE, 0.4);
            self.surface.dashed(rect, thin, line * 4.0, class_color(class), 0.95);
        };
        for track in scene.tracks.iter().filter(|track| !track.seen) {
            dashed(&track.bbox, track.class);
        }
        for detection in scene.only_tracked.iter().rev().filter(|detection| detection.track.is_some()) {
            dashed(&detection.bbox, detection.class);
        }
        for detection in scene.detections.iter().rev() {
            // Whole pixels: its edges are sharp.
            let Rect { left, top, right, bottom } = rect_of(&detection.bbox);
            let (left, top, right, bottom) = (left.round(), top.round(), right.round(), bottom.round());
            let rect = Rect { left, top, right: right.max(left + line), bottom: bottom.max(top + line) };
            let rect = rect.grown(-line / 2.0);
            self.surface.ring(rect, line * 1.5, line, class_color(detection.class), (SHADE, 0.45));
        }
        for tag in self.tags.iter().rev() {
            let words = &self.words[tag.words.clone()];
            let ink = if tag.is_filled {
                self.surface.fill_round(tag.rect, measures.em * 0.22, tag.color, 1.0);
                ink_on(tag.color)
            } else {
                self.surface.fill_round(tag.rect, measures.em * 0.22, SHADE, 0.62);
                tag.color
            };
            let at = (tag.rect.left + measures.pad(), base_line(tag.rect, measures.em));
            let room = tag.rect.right - tag.rect.left - 2.0 * measures.pad() + 0.5;
            self.lettering.draw(&mut self.surface, at, measures.em, room, ink, words);
        }
    }

    /// Finds a place for the name of a box: above it, inside it or below it, where no other tag lies, inside the picture.
    fn tag(
        &mut self,
        bbox: BBox<ImagePx>,
        class: ClassId,
        is_filled: bool,
        measures: Measures,
        text: fmt::Arguments<'_>,
    ) {
        let begin = self.words.len();
        // Writing to a string does not fail.
        let _ = self.words.write_fmt(text);
        let words = begin..self.words.len();
        let height = measures.tag_height();
        let picture = self.surface.rect();
        let width = self.lettering.width(measures.em, &self.words[words.clone()]) + 2.0 * measures.pad();
        let width = width.ceil().min(picture.right);
        let Rect { left, top, right, bottom } = rect_of(&bbox);
        // The banner covers what is below it.
        let lowest = (if measures.banner_top > height { measures.banner_top } else { picture.bottom }) - height;
        let place = |(x, y): (f32, f32)| {
            let left = x.min(picture.right - width).max(0.0).round();
            let top = y.min(lowest).max(0.0).round();
            Rect { left, top, right: left + width, bottom: top + height }
        };
        let places =
            [(left, top - height), (left, top), (left, bottom), (right - width, top - height), (left, bottom - height)]
                .map(place);
        let is_free = |rect: &&Rect| self.tags.iter().all(|tag| !tag.rect.meets(rect));
        let fits_above = top >= height;
        let first = if fits_above { places[0] } else { places[1] };
        let rect = *places[usize::from(!fits_above)..].iter().find(is_free).unwrap_or(&first);
        self.tags.push(Tag { words, color: class_color(class), is_filled, rect });
    }

    /// A band along the lower edge: the decision in its color with the limit of speed, the reason, the small print.
    fn draw_banner(&mut self, plan: &Plan, caption: Caption, measures: Measures) {
        let Measures { em, banner_top, .. } = measures;
        let picture = self.surface.rect();
        let band = Rect { top: banner_top, ..picture };
        self.surface.fill(band, SHADE, 0.74);
        let color = decision_color(plan.decision);
        self.words.clear();
        self.words.push_str(plan.decision.as_str());
        self.words.make_ascii_uppercase();
        if let Some(limit) = plan.speed_limit_mps.filter(|limit| *limit > 0.0) {
            let _ = write!(self.words, "  {limit:.1} m/s");
        }
        let (pad, base) = (em * 0.75, base_line(band, em));
        let word = self.lettering.width(em, &self.words).min((picture.right - 2.0 * pad).max(0.0));
        let block = Rect { right: word + 2.0 * pad, ..band };
        self.surface.fill(block, color, 1.0);
        self.lettering.draw(&mut self.surface, (pad, base), em, word + 0.5, ink_on(color), &self.words);

        self.words.clear();
        let _ = write!(self.words, "{caption}");
        let small = em * 0.86;
        let print = self.lettering.width(small, &self.words);
        let mut room = picture.right - block.right - 2.0 * pad;
        // The small print is the first to go.
        if room - print - pad > 12.0 * em {
            let at = (picture.right - pad - print, base_line(band, small));
            self.lettering.draw(&mut self.surface, at, small, print + 0.5, DIM, &self.words);
            room -= print + pad;
        }
        self.lettering.draw(&mut self.surface, (block.right + pad, base), em, room, WHITE, plan.reason());
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a share of one, for a color")]
fn share_of(part: f64) -> f32 {
    part.clamp(0.0, 1.0) as f32
}

/// Where letters of this size stand in the middle of a rectangle.
fn base_line(rect: Rect, em: f32) -> f32 {
    ((rect.top + rect.bottom + Lettering::cap_height(em)) / 2.0).round()
}

fn rect_of(bbox: &BBox<ImagePx>) -> Rect {
    Rect { left: bbox.x_min(), top: bbox.y_min(), right: bbox.x_max(), bottom: bbox.y_max() }
}
