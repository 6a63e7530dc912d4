//! A picture for people: boxes, names, scores and track numbers drawn on a copy of the image, the decision below.

use super::kernels::Kernel;
use super::row_reader::RowReader;
use crate::types::{BBox, ClassId, Decision, ImageError, ImagePx, ImageView, Labels, PixelFormat, Plan, Scene, Size};
use font8x8::legacy::BASIC_LEGACY;
use std::fmt::Write;
use std::ops::Range;

type Rgb = [u8; 3];

const GLYPH_PX: i64 = 8;
const BLACK: Rgb = [0; 3];
const WHITE: Rgb = [255; 3];

/// An RGB picture that owns its pixels and can be drawn on. Everything drawn is clipped to it.
///
/// Lines and letters grow with the picture: one step for each 360 px of its shorter side.
#[derive(Debug)]
pub struct Canvas {
    reader: RowReader,
    pixels: Vec<u8>,
    size: Size,
    text: String,
}

impl Canvas {
    /// A copy of `image`, converted to rgb8.
    pub fn new(image: &ImageView) -> Self {
        let reader = RowReader::new(Kernel::detect());
        let mut canvas = Self { reader, pixels: Vec::new(), size: image.size(), text: String::new() };
        canvas.load(image);
        canvas
    }

    /// Takes another picture in place of this one, in the same memory where it fits.
    pub fn load(&mut self, image: &ImageView) {
        self.size = image.size();
        let width = self.size.width_px as usize;
        self.pixels.resize(width * self.size.height_px as usize * 3, 0);
        for (row, pixels) in (0..).zip(self.pixels.as_chunks_mut().0.chunks_exact_mut(width)) {
            self.reader.write_rgb(image, row, 0, pixels);
        }
    }

    /// Takes another picture and draws all that the walk came to on it: the scene, and the plan's word and reason.
    pub fn draw(&mut self, image: &ImageView, scene: &Scene, labels: &Labels, plan: &Plan) {
        self.load(image);
        self.draw_scene(scene, labels);
        self.draw_banner(plan.decision, plan.reason());
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The pixels, rgb8, rows without padding.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The picture as it stands, rgb8.
    ///
    /// # Errors
    /// None for a canvas, whose picture was valid when it was taken.
    pub fn view(&self) -> Result<ImageView<'_>, ImageError> {
        ImageView::new(&self.pixels, self.size, self.size.width_px * 3, PixelFormat::Rgb8)
    }

    /// Draws each detection with its class, score and track, as `person 0.87 #12`, in its class's color. In thin lines:
    /// tracks that this frame did not see, as `person? #12` where they should be, and boxes that are tracked and not
    /// published, as `person #12`.
    pub fn draw_scene(&mut self, scene: &Scene, labels: &Labels) {
        let thick = self.step();
        for track in scene.tracks.iter().filter(|track| !track.seen) {
            let name = labels.name(track.class);
            self.draw_box(track.bbox, 1, class_color(track.class), format_args!("{name}? #{}", track.id));
        }
        for detection in scene.only_tracked.iter().rev() {
            let (name, color) = (labels.name(detection.class), class_color(detection.class));
            if let Some(id) = detection.track {
                self.draw_box(detection.bbox, 1, color, format_args!("{name} #{id}"));
            }
        }
        // The best last, on top.
        for detection in scene.detections.iter().rev() {
            let (name, score) = (labels.name(detection.class), detection.score);
            let color = class_color(detection.class);
            match detection.track {
                Some(id) => self.draw_box(detection.bbox, 2 * thick, color, format_args!("{name} {score:.2} #{id}")),
                None => self.draw_box(detection.bbox, 2 * thick, color, format_args!("{name} {score:.2}")),
            }
        }
    }

    /// Draws a band along the bottom edge: the decision in its color, the reason behind it, cut at the right edge.
    pub fn draw_banner(&mut self, decision: Decision, reason: &str) {
        let step = self.step();
        let height = (GLYPH_PX + 6) * step;
        let (width, bottom) = (i64::from(self.size.width_px), i64::from(self.size.height_px));
        let top = bottom - height;
        let mut word = std::mem::take(&mut self.text);
        word.clear();
        word.push_str(decision.as_str());
        word.make_ascii_uppercase();
        let word_width = text_width(&word, step) + 6 * step;
        let color = decision_color(decision);
        self.fill(0..word_width, top..bottom, color);
        self.fill(word_width..width, top..bottom, [32; 3]);
        self.draw_text((3 * step, top + 3 * step), step, ink_on(color), &word);
        self.draw_text((word_width + 3 * step, top + 3 * step), step, WHITE, reason);
        self.text = word;
    }

    fn draw_box(&mut self, bbox: BBox<ImagePx>, line: i64, color: Rgb, text: std::fmt::Arguments) {
        let (left, right) = (whole_px(bbox.x_min().floor()), whole_px(bbox.x_max().ceil()));
        let (top, bottom) = (whole_px(bbox.y_min().floor()), whole_px(bbox.y_max().ceil()));
        self.fill(left..right, top..top + line, color);
        self.fill(left..right, bottom - line..bottom, color);
        self.fill(left..left + line, top..bottom, color);
        self.fill(right - line..right, top..bottom, color);

        let mut label = std::mem::take(&mut self.text);
        label.clear();
        // Writing to a string does not fail.
        let _ = label.write_fmt(text);
        let step = self.step();
        let (width, height) = (text_width(&label, step) + 2 * step, (GLYPH_PX + 2) * step);
        // Above the box where there is room, else inside it; shifted left rather than cut.
        let x = left.min(i64::from(self.size.width_px) - width).max(0);
        let y = if top >= height { top - height } else { top.max(0) };
        self.fill(x..x + width, y..y + height, color);
        self.draw_text((x + step, y + step), step, ink_on(color), &label);
        self.text = label;
    }

    /// Letters from the top left corner `(x, y)` on, each `8 * step` px wide and high. Outside ASCII: `?`.
    fn draw_text(&mut self, (x, y): (i64, i64), step: i64, color: Rgb, text: &str) {
        let mut left = x;
        for letter in text.chars() {
            if left >= i64::from(self.size.width_px) {
                break;
            }
            let glyph = BASIC_LEGACY.get(letter as usize).unwrap_or(&BASIC_LEGACY['?' as usize]);
            for (row, bits) in (0..).zip(glyph) {
                for column in (0..GLYPH_PX).filter(|column| bits >> column & 1 == 1) {
                    let (x, y) = (left + column * step, y + row * step);
                    self.fill(x..x + step, y..y + step, color);
                }
            }
            left += GLYPH_PX * step;
        }
    }

    fn fill(&mut self, columns: Range<i64>, rows: Range<i64>, color: Rgb) {
        let inside = |px: i64, side: u32| usize::try_from(px.clamp(0, i64::from(side))).unwrap_or(0);
        let columns = inside(columns.start, self.size.width_px)..inside(columns.end, self.size.width_px);
        let rows = inside(rows.start, self.size.height_px)..inside(rows.end, self.size.height_px);
        if columns.is_empty() {
            return;
        }
        let row_bytes = self.size.width_px as usize * 3;
        for row in rows {
            let run = row * row_bytes + columns.start * 3..row * row_bytes + columns.end * 3;
            self.pixels[run].as_chunks_mut().0.fill(color);
        }
    }

    /// Pixels of one dot of a letter.
    fn step(&self) -> i64 {
        (i64::from(self.size.width_px.min(self.size.height_px)) / 360).max(1)
    }
}

fn text_width(text: &str, step: i64) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX / (GLYPH_PX * step)) * GLYPH_PX * step
}

#[expect(clippy::cast_possible_truncation, reason = "whole already; held to what a far-off track's box may need")]
fn whole_px(value: f32) -> i64 {
    value.clamp(-1e6, 1e6) as i64
}

/// A bright color for each class, the same in every picture; neighbours in the list are far apart in hue.
fn class_color(class: ClassId) -> Rgb {
    const GOLDEN_RATIO: f32 = 0.618_034;
    const SATURATION: f32 = 0.75;
    let hue = (f32::from(class.0) * GOLDEN_RATIO).fract() * 6.0;
    // HSV to RGB at full value.
    [5.0, 3.0, 1.0].map(|channel| {
        let at = (channel + hue) % 6.0;
        byte_of(1.0 - SATURATION * at.min(4.0 - at).clamp(0.0, 1.0))
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates to 0..=255")]
fn byte_of(share: f32) -> u8 {
    (share * 255.0).round() as u8
}

fn decision_color(decision: Decision) -> Rgb {
    match decision {
        Decision::Proceed => [0, 140, 60],
        Decision::Slow | Decision::Yield | Decision::Avoid => [240, 170, 0],
        Decision::Stop => [200, 20, 20],
        Decision::Hover | Decision::Land | Decision::Return => [30, 90, 200],
    }
}

/// Black or white, whichever reads better on `background`.
fn ink_on([red, green, blue]: Rgb) -> Rgb {
    let luma = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if luma > 128_000 { BLACK } else { WHITE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Detection, Place, Track, TrackId};
    use proptest::prelude::*;

    const SIZE: Size = Size { width_px: 200, height_px: 120 };

    fn gray_canvas(size: Size) -> Canvas {
        let data = vec![90; (size.width_px * size.height_px) as usize];
        Canvas::new(&ImageView::new(&data, size, size.width_px, PixelFormat::Mono8).unwrap())
    }

    fn pixel(canvas: &Canvas, x: usize, y: usize) -> Rgb {
        canvas.pixels().as_chunks().0[y * canvas.size().width_px as usize + x]
    }

    fn detection(x: f32, y: f32, w: f32, h: f32, track: Option<TrackId>) -> Detection {
        let bbox = BBox::from_corners(x, y, x + w, y + h).unwrap();
        Detection { bbox, class: ClassId(0), score: 0.871, track }
    }

    fn track(x: f32, y: f32, w: f32, h: f32, seen: bool) -> Track {
        Track {
            id: TrackId(12),
            bbox: BBox::from_corners(x, y, x + w, y + h).unwrap(),
            velocity_px_s: (0.0, 0.0),
            class: ClassId(1),
            score: 0.5,
            seen,
            unseen_ns: 0,
            place: Place::Unknown,
        }
    }

    fn labels() -> Labels {
        Labels::new(["person", "car"], 0)
    }

    #[test]
    fn every_format_becomes_rgb_without_its_padding() {
        let size = Size { width_px: 2, height_px: 2 };
        for (format, row, expected) in [
            (PixelFormat::Rgb8, &[1, 2, 3, 4, 5, 6, 99][..], [1, 2, 3, 4, 5, 6]),
            (PixelFormat::Bgr8, &[3, 2, 1, 6, 5, 4, 99], [1, 2, 3, 4, 5, 6]),
            (PixelFormat::Rgba8, &[1, 2, 3, 0, 4, 5, 6, 0, 99], [1, 2, 3, 4, 5, 6]),
            (PixelFormat::Bgra8, &[3, 2, 1, 0, 6, 5, 4, 0, 99], [1, 2, 3, 4, 5, 6]),
            (PixelFormat::Mono8, &[1, 4, 99], [1, 1, 1, 4, 4, 4]),
        ] {
            let data = [row, row].concat();
            let image = ImageView::new(&data, size, u32::try_from(row.len()).unwrap(), format).unwrap();
            let canvas = Canvas::new(&image);
            assert_eq!(canvas.pixels(), [expected, expected].concat(), "{format:?}");
            assert_eq!(canvas.view().unwrap().size(), size);
        }
    }

    #[test]
    fn a_box_is_outlined_in_its_classs_color_and_its_inside_left_alone() {
        let mut canvas = gray_canvas(SIZE);
        let detections = vec![detection(40.0, 50.0, 60.0, 40.0, None)];
        canvas.draw_scene(&Scene { detections, ..Scene::default() }, &labels());
        let color = class_color(ClassId(0));
        for (x, y) in [(40, 50), (99, 89), (41, 70), (98, 70), (70, 51), (70, 88)] {
            assert_eq!(pixel(&canvas, x, y), color, "{x},{y}");
        }
        assert_eq!((pixel(&canvas, 70, 70), pixel(&canvas, 39, 70)), ([90; 3], [90; 3]));
        assert!((40..100).any(|x| pixel(&canvas, x, 45) == ink_on(color)), "a label above the box");
    }

    #[test]
    fn a_track_that_was_seen_is_drawn_by_its_detection_alone() {
        let labels = labels();
        let mut canvas = gray_canvas(SIZE);
        canvas.draw_scene(&Scene { tracks: vec![track(40.0, 50.0, 60.0, 40.0, true)], ..Scene::default() }, &labels);
        assert_eq!(canvas.pixels(), gray_canvas(SIZE).pixels());
        canvas.draw_scene(&Scene { tracks: vec![track(40.0, 50.0, 60.0, 40.0, false)], ..Scene::default() }, &labels);
        assert_eq!(pixel(&canvas, 40, 70), class_color(ClassId(1)));
    }

    #[test]
    fn the_banner_shows_the_decisions_color_along_the_bottom() {
        let mut canvas = gray_canvas(SIZE);
        canvas.draw_banner(
            Decision::Stop,
            "person #12 at 1.8 m, stopping distance 2.3 m: a line longer than the picture",
        );
        assert_eq!(pixel(&canvas, 0, 119), [200, 20, 20]);
        assert_eq!(pixel(&canvas, 0, 105), [90; 3]);
        assert!((60..200).any(|x| pixel(&canvas, x, 113) == WHITE));
    }

    #[test]
    fn loading_another_picture_leaves_nothing_of_the_last() {
        let mut canvas = gray_canvas(SIZE);
        canvas.draw_banner(Decision::Proceed, "clear");
        let image = ImageView::new(&[7, 8, 9], Size { width_px: 1, height_px: 1 }, 3, PixelFormat::Rgb8).unwrap();
        canvas.load(&image);
        assert_eq!((canvas.pixels(), canvas.size()), (&[7, 8, 9][..], image.size()));
    }

    #[test]
    fn the_first_eighty_classes_have_colors_of_their_own() {
        let mut colors: Vec<Rgb> = (0..80).map(|class| class_color(ClassId(class))).collect();
        colors.sort_unstable();
        colors.dedup();
        assert_eq!(colors.len(), 80);
    }

    proptest! {
        #[test]
        fn boxes_anywhere_and_letters_outside_ascii_stay_inside_any_picture(
            (width_px, height_px) in (1u32..60, 1u32..60),
            (x, y, w, h) in (-1e9f32..1e3, -1e9f32..1e3, 0.0f32..1e9, 0.0f32..1e9),
        ) {
            let mut canvas = gray_canvas(Size { width_px, height_px });
            let scene = Scene {
                detections: vec![detection(x, y, w, h, Some(TrackId(u64::MAX)))],
                tracks: vec![track(y, x, h, w, false)],
                ..Scene::default()
            };
            canvas.draw_scene(&scene, &Labels::new(["Fußgänger 歩行者"], 0));
            canvas.draw_banner(Decision::Slow, "é");
            prop_assert_eq!(canvas.pixels().len(), (width_px * height_px * 3) as usize);
        }
    }
}
