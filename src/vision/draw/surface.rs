//! Pixels that are drawn on: rectangles, rings, lines and strips, smooth at their edges, cut at the picture's.
//!
//! Coordinates are those of an image (origin at the outer corner of the first pixel); how much of a pixel a shape covers
//! is reckoned from the distance of the pixel's centre. Numbers that are none, and shapes outside, draw nothing. Shapes
//! of any size cost what they cover of the picture.

use super::blend::{Wash, byte, over};
use super::palette::Rgb;
use super::rect::{FAR_PX, Rect, inside, span};
use super::strokes::{Pen, Shaded, Strokes};
use crate::types::Size;
use std::ops::Range;

/// An rgb8 picture that owns its pixels.
#[derive(Debug)]
pub struct Surface {
    pixels: Vec<u8>,
    size: Size,
    strokes: Strokes,
    /// Of a ring's upright sides: how much shade and how much color each column gets.
    sides: Vec<(usize, u8, u8)>,
}

impl Surface {
    /// Without a pixel.
    pub fn new() -> Self {
        let size = Size { width_px: 0, height_px: 0 };
        Self { pixels: Vec::new(), size, strokes: Strokes::default(), sides: Vec::new() }
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
        span(from, to.ceil(), self.size.width_px as f32)
    }

    fn rows(&self, from: f32, to: f32) -> Range<usize> {
        span(from, to.ceil(), self.size.height_px as f32)
    }

    /// Fills a rectangle.
    pub fn fill(&mut self, rect: Rect, color: Rgb, opacity: f32) {
        if !rect.is_finite() {
            return;
        }
        let columns = self.columns(rect.left, rect.right);
        for row in self.rows(rect.top, rect.bottom) {
            let down = overlap(row as f32, rect.top, rect.bottom) * opacity;
            let share = |column: usize| byte(down * overlap(column as f32, rect.left, rect.right));
            if let [first, inner @ .., last] = &mut self.row_mut(row)[columns.clone()] {
                over(first, color, share(columns.start));
                Wash::new(color, down).over(inner);
                over(last, color, share(columns.end - 1));
            } else if let [only] = &mut self.row_mut(row)[columns.clone()] {
                over(only, color, share(columns.start));
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
        // Far from the edges all is covered.
        let inner = self.columns(rect.left + depth, (rect.right - depth).floor());
        let inner = inner.start.max(columns.start)..inner.end.min(columns.end);
        let wash = Wash::new(color, opacity);
        for row in self.rows(rect.top, rect.bottom) {
            let y = row as f32 + 0.5;
            let is_level = y > rect.top + depth && y < rect.bottom - depth && !inner.is_empty();
            let edges =
                if is_level { [columns.start..inner.start, inner.end..columns.end] } else { [columns.clone(), 0..0] };
            let pixels = self.row_mut(row);
            for column in edges.into_iter().flatten() {
                let share = (0.5 - outside_of(&rect, radius, column as f32 + 0.5, y)).clamp(0.0, 1.0);
                over(&mut pixels[column], color, byte(share * opacity));
            }
            if is_level {
                wash.over(&mut pixels[inner.clone()]);
            }
        }
    }

    /// Draws the outline of a rectangle with round corners, `line` wide, in a thin shade that lifts it off the picture.
    pub fn ring(&mut self, rect: Rect, radius: f32, line: f32, color: Rgb, shade: (Rgb, f32)) {
        if !rect.is_finite() {
            return;
        }
        let half = line / 2.0;
        let shares = |off: f32| {
            let below = (half + 1.0 - off.abs() + 0.5).clamp(0.0, 1.0) * shade.1;
            (below, (half - off.abs() + 0.5).clamp(0.0, 1.0))
        };
        let bytes = |(below, above)| (byte(below), byte(above));
        let reach = half + 1.0;
        let outer = rect.grown(reach);
        let depth = reach + radius + 1.0;
        let columns = self.columns(outer.left, outer.right);
        // Between the corners a row, or a column, is the same all along.
        let between = self.columns(rect.left + depth, (rect.right - depth).floor());
        let ends = if between.is_empty() {
            [columns, 0..0]
        } else {
            [columns.start..between.start, between.end.max(columns.start)..columns.end]
        };
        let mut sides = std::mem::take(&mut self.sides);
        let middle = f32::midpoint(rect.top, rect.bottom);
        for column in ends.iter().flat_map(Range::clone) {
            let (below, above) = bytes(shares(outside_of(&rect, radius, column as f32 + 0.5, middle)));
            sides.push((column, below, above));
        }
        for row in self.rows(outer.top, outer.bottom) {
            let y = row as f32 + 0.5;
            let is_edge = y < rect.top + depth || y > rect.bottom - depth;
            let pixels = self.row_mut(row);
            for &(column, below, above) in &sides {
                let (below, above) = match is_edge {
                    true => bytes(shares(outside_of(&rect, radius, column as f32 + 0.5, y))),
                    false => (below, above),
                };
                over(&mut pixels[column], shade.0, below);
                over(&mut pixels[column], color, above);
            }
            if is_edge && !between.is_empty() {
                let (below, above) = shares((y - middle).abs() - (rect.bottom - rect.top) / 2.0);
                Wash::new(shade.0, below).over(&mut pixels[between.clone()]);
                Wash::new(color, above).over(&mut pixels[between.clone()]);
            }
        }
        sides.clear();
        self.sides = sides;
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

    /// Draws a line through points with several pens, one over the other, the first below. It has round ends; where it
    /// crosses itself it is no darker. The shade of a segment is that of its end.
    pub fn line<const PENS: usize>(&mut self, points: &[Shaded], pens: [Pen; PENS]) {
        let (picture, width) = (self.rect(), self.size.width_px as usize);
        let (pixels, _) = self.pixels.as_chunks_mut();
        self.strokes.line(points, &pens, picture, |row, column, cells| {
            let pixels = &mut pixels[row * width + column..(row + 1) * width];
            for (pixels, cell) in pixels.chunks_mut(cells[0][0].len()).zip(cells) {
                for (pen, cover) in pens.iter().zip(cell) {
                    for (pixel, &share) in pixels.iter_mut().zip(cover).filter(|(_, share)| **share > 0.0) {
                        over(pixel, pen.color, byte(share));
                    }
                }
            }
        });
    }

    /// Fills a convex area of four corners, each pixel whose centre it holds: areas that share an edge neither overlap
    /// nor leave a gap.
    pub fn fill_quad(&mut self, corners: [[f32; 2]; 4], color: Rgb, opacity: f32) {
        if !corners.iter().flatten().all(|c| c.abs() < FAR_PX) {
            return;
        }
        let ys = corners.map(|[_, y]| y);
        let wash = Wash::new(color, opacity);
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
            let columns = span((left - 0.5).ceil(), (right - 0.5).ceil(), self.size.width_px as f32);
            wash.over(&mut self.row_mut(row)[columns]);
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
                if let Some(pixel) = pixels.get_mut(column) {
                    over(pixel, color, cover);
                }
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
    let most = inside((end - begin) / period + 2.0, FAR_PX);
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
        surface.line(&points, [Pen { width: 3.0, color: RED, share: 1.0 }]);
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
            let pen = |width| Pen { width, color: RED, share: 0.5 };
            surface.line(&[([a, b], opacity), ([c, d], g), ([e, f], h)], [pen(line), pen(2.0)]);
            surface.line(&[([a, b], opacity)], [pen(line)]);
            surface.fill_quad([[a, b], [c, d], [e, f], [g, h]], RED, opacity);
            prop_assert_eq!(surface.pixels().len(), (width_px * height_px * 3) as usize);
        }
    }
}
