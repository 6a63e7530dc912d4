//! Pixels that are drawn on: rectangles, rings, lines and strips, smooth at their edges, cut at the picture's.
//!
//! Coordinates are those of an image (origin at the outer corner of the first pixel); how much of a pixel a shape covers
//! is reckoned from the distance of the pixel's centre. Numbers that are none, and shapes outside, draw nothing. Shapes
//! of any size cost what they cover of the picture.

use super::palette::Rgb;
use crate::types::Size;
use std::ops::Range;

/// Beyond this nothing is exact any more, and nothing is drawn.
const FAR_PX: f32 = 1e6;

/// A rectangle by its edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Rect {
    /// Each edge so much further out.
    pub fn grown(self, by_px: f32) -> Self {
        Self { left: self.left - by_px, top: self.top - by_px, right: self.right + by_px, bottom: self.bottom + by_px }
    }

    /// Whether two have anything in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    fn is_finite(&self) -> bool {
        [self.left, self.top, self.right, self.bottom].iter().all(|edge| edge.is_finite())
    }
}

/// A point of a line and how much of its color lies there, `0..=1`.
pub type Shaded = ([f32; 2], f32);

/// An rgb8 picture that owns its pixels.
#[derive(Debug)]
pub struct Surface {
    pixels: Vec<u8>,
    size: Size,
    /// How much of each pixel of a line's surroundings it covers. All 0 between two lines.
    cover: Vec<u8>,
    /// In which columns of each row a line has covered anything.
    covered: Vec<Range<usize>>,
}

impl Surface {
    /// Without a pixel.
    pub fn new() -> Self {
        Self { pixels: Vec::new(), size: Size { width_px: 0, height_px: 0 }, cover: Vec::new(), covered: Vec::new() }
    }

    /// Takes another size; the caller then writes all pixels.
    pub fn resize(&mut self, size: Size) {
        self.size = size;
        self.pixels.resize(size.width_px as usize * size.height_px as usize * 3, 0);
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The pixels, rows without padding.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// A row, below the height.
    pub fn row_mut(&mut self, row: usize) -> &mut [Rgb] {
        let width = self.size.width_px as usize;
        &mut self.pixels.as_chunks_mut().0[row * width..(row + 1) * width]
    }

    /// All of the picture.
    pub fn rect(&self) -> Rect {
        Rect { left: 0.0, top: 0.0, right: self.size.width_px as f32, bottom: self.size.height_px as f32 }
    }

    fn columns(&self, from: f32, to: f32) -> Range<usize> {
        span(from, to.ceil(), self.size.width_px)
    }

    fn rows(&self, from: f32, to: f32) -> Range<usize> {
        span(from, to.ceil(), self.size.height_px)
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, rect: Rect, color: Rgb, opacity: f32) {
        if !rect.is_finite() {
            return;
        }
        let columns = self.columns(rect.left, rect.right);
        for row in self.rows(rect.top, rect.bottom) {
            let down = overlap(row as f32, rect.top, rect.bottom) * opacity;
            let pixels = &mut self.row_mut(row)[columns.clone()];
            for (column, pixel) in columns.clone().zip(pixels) {
                blend(pixel, color, down * overlap(column as f32, rect.left, rect.right));
            }
        }
    }

    /// Fills a rectangle with round corners.
    pub fn fill_round(&mut self, rect: Rect, radius: f32, color: Rgb, opacity: f32) {
        if !rect.is_finite() {
            return;
        }
        let depth = radius.max(1.0);
        let columns = self.columns(rect.left, rect.right);
        for row in self.rows(rect.top, rect.bottom) {
            let y = row as f32 + 0.5;
            let is_level = y > rect.top + depth && y < rect.bottom - depth;
            let pixels = &mut self.row_mut(row)[columns.clone()];
            for (column, pixel) in columns.clone().zip(pixels) {
                let x = column as f32 + 0.5;
                // Far from the edges all is covered.
                let is_inner = is_level && x > rect.left + depth && x < rect.right - depth;
                let share = if is_inner { 1.0 } else { (0.5 - outside_of(&rect, radius, x, y)).clamp(0.0, 1.0) };
                blend(pixel, color, share * opacity);
            }
        }
    }

    /// Draws the outline of a rectangle with round corners, `line` wide, in a thin shade that lifts it off the picture.
    pub fn ring(&mut self, rect: Rect, radius: f32, line: f32, color: Rgb, shade: (Rgb, f32)) {
        if !rect.is_finite() {
            return;
        }
        let half = line / 2.0;
        let reach = half + 1.0;
        let outer = rect.grown(reach);
        let depth = reach + radius + 1.0;
        let columns = self.columns(outer.left, outer.right);
        // Only the frame: the inside of a large box costs nothing.
        let (left_end, right_begin) = (rect.left + depth, rect.right - depth);
        for row in self.rows(outer.top, outer.bottom) {
            let y = row as f32 + 0.5;
            let is_edge = y < rect.top + depth || y > rect.bottom - depth || left_end >= right_begin;
            let parts = if is_edge {
                [columns.clone(), 0..0]
            } else {
                [self.columns(outer.left, left_end), self.columns(right_begin, outer.right)]
            };
            for part in parts {
                for (column, pixel) in part.clone().zip(&mut self.row_mut(row)[part]) {
                    let off = outside_of(&rect, radius, column as f32 + 0.5, y).abs();
                    blend(pixel, shade.0, (half + 1.0 - off + 0.5).clamp(0.0, 1.0) * shade.1);
                    blend(pixel, color, (half - off + 0.5).clamp(0.0, 1.0));
                }
            }
        }
    }

    /// Draws the outline of a rectangle in dashes, which stay where they are when the picture's edge cuts it.
    pub fn dashed(&mut self, rect: Rect, line: f32, dash: f32, color: Rgb, opacity: f32) {
        if !rect.is_finite() {
            return;
        }
        let (half, period) = (line / 2.0, dash * 1.8);
        let picture = self.rect().grown(period);
        for y in [rect.top, rect.bottom] {
            for from in dashes(rect.left, rect.right, period, picture.left, picture.right) {
                let (left, right) = (from, (from + dash).min(rect.right));
                self.fill(Rect { left, right, top: y - half, bottom: y + half }, color, opacity);
            }
        }
        for x in [rect.left, rect.right] {
            for from in dashes(rect.top, rect.bottom, period, picture.top, picture.bottom) {
                let (top, bottom) = (from, (from + dash).min(rect.bottom));
                self.fill(Rect { left: x - half, right: x + half, top, bottom }, color, opacity);
            }
        }
    }

    /// Draws a line through points, with round ends; where it crosses itself it is no darker. The shade of a segment is
    /// that of its end.
    pub fn line(&mut self, points: &[Shaded], width: f32, color: Rgb) {
        let half = width / 2.0;
        let is_near = |([x, y], shade): &Shaded| {
            x.abs() < FAR_PX && y.abs() < FAR_PX && shade.is_finite() && x.is_finite() && y.is_finite()
        };
        let mut around: Option<Rect> = None;
        for ([x, y], _) in points.iter().filter(|point| is_near(point)) {
            let known = around.unwrap_or(Rect { left: *x, top: *y, right: *x, bottom: *y });
            around = Some(Rect {
                left: known.left.min(*x),
                top: known.top.min(*y),
                right: known.right.max(*x),
                bottom: known.bottom.max(*y),
            });
        }
        let Some(around) = around.map(|rect| rect.grown(half + 1.0)) else { return };
        let (columns, rows) = (self.columns(around.left, around.right), self.rows(around.top, around.bottom));
        if columns.is_empty() || rows.is_empty() {
            return;
        }
        let (mut cover, mut covered) = (std::mem::take(&mut self.cover), std::mem::take(&mut self.covered));
        if cover.len() < columns.len() * rows.len() {
            cover.resize(columns.len() * rows.len(), 0);
        }
        covered.clear();
        covered.resize(rows.len(), columns.end..columns.start);
        let (first, wide) = (rows.start, columns.len());
        let (columns_of, rows_of) = (columns.clone(), rows.clone());
        let mut stroke = Stroke { cover: &mut cover, covered: &mut covered, columns: columns_of, rows: rows_of, half };
        match points {
            [point] if is_near(point) => stroke.segment(point.0, point.0, point.1),
            points => {
                for pair in points.windows(2).filter(|pair| pair.iter().all(is_near)) {
                    stroke.segment(pair[0].0, pair[1].0, pair[1].1);
                }
            }
        }
        for (row, covered) in rows.zip(&covered).filter(|(_, covered)| !covered.is_empty()) {
            let begin = (row - first) * wide;
            let cover = &mut cover[begin + covered.start - columns.start..begin + covered.end - columns.start];
            for (pixel, cover) in self.row_mut(row)[covered.clone()].iter_mut().zip(cover) {
                if *cover > 0 {
                    blend_by(pixel, color, u32::from(*cover));
                    *cover = 0;
                }
            }
        }
        (self.cover, self.covered) = (cover, covered);
    }

    /// Fills a convex area of four corners, each pixel whose centre it holds: areas that share an edge neither overlap
    /// nor leave a gap.
    pub fn fill_quad(&mut self, corners: [[f32; 2]; 4], color: Rgb, opacity: f32) {
        if !corners.iter().flatten().all(|c| c.abs() < FAR_PX) {
            return;
        }
        let ys = corners.map(|[_, y]| y);
        let (top, bottom) = ys.iter().fold((f32::MAX, f32::MIN), |(top, bottom), &y| (top.min(y), bottom.max(y)));
        for row in self.rows(top - 0.5, bottom + 0.5) {
            let y = row as f32 + 0.5;
            let (mut left, mut right) = (f32::MAX, f32::MIN);
            for (index, from) in corners.iter().enumerate() {
                let to = corners[(index + 1) % 4];
                if (from[1] <= y) != (to[1] <= y) {
                    // Reckoned from the upper end, whichever way the edge is walked: two areas find the same place.
                    let ([x0, y0], [x1, y1]) = if from[1] < to[1] { (*from, to) } else { (to, *from) };
                    let x = x0 + (y - y0) / (y1 - y0) * (x1 - x0);
                    (left, right) = (left.min(x), right.max(x));
                }
            }
            let columns = span((left - 0.5).ceil(), (right - 0.5).ceil(), self.size.width_px);
            if !columns.is_empty() {
                self.row_mut(row)[columns].iter_mut().for_each(|pixel| blend(pixel, color, opacity));
            }
        }
    }

    /// Lays a shape of `width` pixels a row over the picture, its corner at `(left, top)`: 255 is all of the color.
    pub fn stamp(&mut self, shape: &[u8], width: usize, (left, top): (i64, i64), color: Rgb) {
        if width == 0 {
            return;
        }
        for (row, cover) in (top..).zip(shape.chunks_exact(width)) {
            let Some(row) = usize::try_from(row).ok().filter(|row| *row < self.size.height_px as usize) else {
                continue;
            };
            let pixels = self.row_mut(row);
            for (column, &cover) in (left..).zip(cover) {
                let Ok(column) = usize::try_from(column) else { continue };
                if let Some(pixel) = pixels.get_mut(column).filter(|_| cover > 0) {
                    blend_by(pixel, color, u32::from(cover));
                }
            }
        }
    }
}

/// A line on its way into the part of the picture around it.
struct Stroke<'a> {
    cover: &'a mut [u8],
    covered: &'a mut [Range<usize>],
    columns: Range<usize>,
    rows: Range<usize>,
    half: f32,
}

impl Stroke<'_> {
    fn segment(&mut self, from: [f32; 2], to: [f32; 2], shade: f32) {
        let reach = self.half + 1.0;
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let squared = dx * dx + dy * dy;
        let outer_squared = (self.half + 0.5) * (self.half + 0.5);
        let within = |from: f32, to: f32, range: &Range<usize>| {
            let end = u32::try_from(range.end).unwrap_or(u32::MAX);
            span(from.max(range.start as f32), to.ceil(), end)
        };
        for row in within(from[1].min(to[1]) - reach, from[1].max(to[1]) + reach, &self.rows) {
            let y = row as f32 + 0.5;
            // The part of the segment that comes near this row.
            let (mut x0, mut x1) = (from[0], to[0]);
            if dy.abs() > 1e-3 {
                let at = |y: f32| from[0] + ((y - from[1]) / dy).clamp(0.0, 1.0) * dx;
                (x0, x1) = (at(y - reach), at(y + reach));
            }
            let columns = within(x0.min(x1) - reach, x0.max(x1) + reach, &self.columns);
            if columns.is_empty() {
                continue;
            }
            let nth = row - self.rows.start;
            let begin = nth * self.columns.len();
            let known = &mut self.covered[nth];
            *known = known.start.min(columns.start)..known.end.max(columns.end);
            for column in columns {
                let (px, py) = (column as f32 + 0.5 - from[0], y - from[1]);
                let along = if squared > 0.0 { ((px * dx + py * dy) / squared).clamp(0.0, 1.0) } else { 0.0 };
                let (off_x, off_y) = (px - along * dx, py - along * dy);
                let off_squared = off_x * off_x + off_y * off_y;
                if off_squared >= outer_squared {
                    continue;
                }
                let covered = byte((self.half + 0.5 - off_squared.sqrt()).min(1.0) * shade);
                let known = &mut self.cover[begin + column - self.columns.start];
                *known = covered.max(*known);
            }
        }
    }
}

/// Where dashes begin: between `from` and `to`, as far as the picture is near.
fn dashes(from: f32, to: f32, period: f32, begin: f32, end: f32) -> impl Iterator<Item = f32> {
    let skipped = ((begin - from) / period).floor().max(0.0);
    let first = from + skipped * period;
    let last = to.min(end);
    // Far out, adding a period may change nothing: never more than the picture has room for.
    let most = inside((end - begin) / period + 2.0, u32::MAX);
    (0..most).map(move |nth| first + nth as f32 * period).take_while(move |at| *at < last)
}

/// How far a point lies outside a rectangle with round corners; negative inside.
fn outside_of(rect: &Rect, radius: f32, x: f32, y: f32) -> f32 {
    let (half_x, half_y) = ((rect.right - rect.left) / 2.0, (rect.bottom - rect.top) / 2.0);
    let radius = radius.min(half_x).min(half_y).max(0.0);
    let off_x = (x - (rect.left + half_x)).abs() - half_x + radius;
    let off_y = (y - (rect.top + half_y)).abs() - half_y + radius;
    let (out_x, out_y) = (off_x.max(0.0), off_y.max(0.0));
    (out_x * out_x + out_y * out_y).sqrt() + off_x.max(off_y).min(0.0) - radius
}

/// How much of the pixel at `at` lies between two edges.
fn overlap(at: f32, from: f32, to: f32) -> f32 {
    (to.min(at + 1.0) - from.max(at)).clamp(0.0, 1.0)
}

/// The pixels from the one in which `from` lies to the one before that of `to`.
fn span(from: f32, to: f32, side: u32) -> Range<usize> {
    let begin = inside(from, side);
    begin..inside(to, side).max(begin)
}

/// The pixel in which `px` lies, at most `side`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held to 0..=side; `as` makes 0 of NaN")]
fn inside(px: f32, side: u32) -> usize {
    px.clamp(0.0, side as f32) as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates to 0..=255")]
fn byte(share: f32) -> u8 {
    (share * 255.0 + 0.5) as u8
}

fn blend(pixel: &mut Rgb, color: Rgb, share: f32) {
    let share = byte(share);
    if share > 0 {
        blend_by(pixel, color, u32::from(share));
    }
}

/// `share` in 255ths.
fn blend_by(pixel: &mut Rgb, color: Rgb, share: u32) {
    for (below, above) in pixel.iter_mut().zip(color) {
        let mixed = (u32::from(*below) * (255 - share) + u32::from(above) * share + 127) / 255;
        // A mean of two bytes is a byte.
        *below = u8::try_from(mixed).unwrap_or(u8::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZE: Size = Size { width_px: 40, height_px: 30 };
    const RED: Rgb = [255, 0, 0];

    fn black(size: Size) -> Surface {
        let mut surface = Surface::new();
        surface.resize(size);
        surface
    }

    fn red(surface: &mut Surface, x: usize, y: usize) -> u8 {
        surface.row_mut(y)[x][0]
    }

    #[test]
    fn a_rectangle_covers_its_pixels_and_parts_of_those_at_its_edges() {
        let mut surface = black(SIZE);
        surface.fill(Rect { left: 10.0, top: 5.0, right: 20.5, bottom: 8.25 }, RED, 1.0);
        assert_eq!([(10, 5), (19, 7), (20, 6), (15, 8)].map(|(x, y)| red(&mut surface, x, y)), [255, 255, 128, 64]);
        assert_eq!([(9, 6), (21, 6), (15, 4), (15, 9)].map(|(x, y)| red(&mut surface, x, y)), [0; 4]);
    }

    #[test]
    fn a_ring_is_as_wide_as_asked_and_hollow() {
        let mut surface = black(SIZE);
        surface.ring(Rect { left: 5.0, top: 5.0, right: 35.0, bottom: 25.0 }, 2.0, 2.0, RED, ([0; 3], 0.0));
        assert_eq!([(4, 15), (5, 15), (20, 4), (20, 25)].map(|(x, y)| red(&mut surface, x, y)), [255; 4]);
        assert_eq!([(2, 15), (20, 15), (7, 7), (4, 4)].map(|(x, y)| red(&mut surface, x, y) > 128), [false; 4]);
    }

    #[test]
    fn a_line_is_smooth_and_no_darker_where_it_crosses_itself() {
        let mut surface = black(SIZE);
        let points = [[5.0, 5.0], [25.0, 25.0], [25.0, 5.0], [5.0, 25.0]].map(|point| (point, 0.5));
        surface.line(&points, 3.0, RED);
        assert_eq!(surface.pixels().iter().max(), Some(&128));
        assert_eq!(red(&mut surface, 15, 15), 128);
        let smooth = surface.pixels().iter().filter(|byte| (1..128).contains(*byte)).count();
        assert!(smooth > 40, "{smooth} pixels at the edges");
    }

    #[test]
    fn areas_that_share_an_edge_leave_no_gap_and_do_not_overlap() {
        let mut surface = black(SIZE);
        let corners = [[3.2, 2.1], [35.7, 4.4], [37.3, 27.9], [2.6, 24.2], [19.4, 13.3]];
        for (from, to) in [(0, 1), (1, 2), (2, 3), (3, 0)] {
            surface.fill_quad([corners[from], corners[to], corners[4], corners[4]], RED, 0.5);
        }
        let inner = (5..24).flat_map(|y| (6..35).map(move |x| (x, y)));
        for (x, y) in inner {
            assert_eq!(red(&mut surface, x, y), 128, "{x},{y}");
        }
    }

    #[test]
    fn dashes_stay_where_they_are_when_the_picture_cuts_them() {
        let all: Vec<f32> = dashes(-50.0, 90.0, 7.0, -1000.0, 1000.0).filter(|at| (0.0..40.0).contains(at)).collect();
        let cut: Vec<f32> = dashes(-50.0, 90.0, 7.0, 0.0, 40.0).filter(|at| (0.0..40.0).contains(at)).collect();
        assert_eq!(all, cut);
        assert!(dashes(-1e30, 1e30, 7.0, 0.0, 40.0).count() < 10);
    }

    fn any() -> impl Strategy<Value = f32> {
        prop_oneof![-100.0f32..200.0, prop::num::f32::ANY]
    }

    proptest! {
        #[test]
        fn any_numbers_draw_inside_any_picture_or_nothing(
            (width_px, height_px) in (1u32..60, 1u32..60),
            numbers in prop::collection::vec(any(), 8),
            (line, opacity) in (0.1f32..60.0, any()),
        ) {
            let mut surface = black(Size { width_px, height_px });
            let [a, b, c, d, e, f, g, h] = numbers[..] else { unreachable!() };
            let rect = Rect { left: a, top: b, right: c, bottom: d };
            surface.fill(rect, RED, opacity);
            surface.fill_round(rect, e, RED, opacity);
            surface.ring(rect, line, line, RED, (RED, opacity));
            surface.dashed(rect, line, line, RED, opacity);
            surface.line(&[([a, b], opacity), ([c, d], g), ([e, f], h)], line, RED);
            surface.line(&[([a, b], opacity)], line, RED);
            surface.fill_quad([[a, b], [c, d], [e, f], [g, h]], RED, opacity);
            prop_assert_eq!(surface.pixels().len(), (width_px * height_px * 3) as usize);
        }
    }
}
