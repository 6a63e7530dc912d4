//! How much of each pixel a line through points covers.

use super::palette::Rgb;
use super::rect::{FAR_PX, Rect, span};
use std::ops::Range;

/// A point of a line and how much of its color lies there, `0..=1`.
pub type Shaded = ([f32; 2], f32);

/// What a line is drawn with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pen {
    /// How wide, in pixels.
    pub width: f32,
    pub color: Rgb,
    /// How much of the color, beside what the points say, `0..=1`.
    pub share: f32,
}

impl Pen {
    fn half(&self) -> f32 {
        self.width / 2.0
    }
}

/// So many pixels of a row are reckoned at a time.
const LANES: usize = 8;

/// The coverage of a part of a picture. All is 0 between two lines, and the memory is kept.
#[derive(Debug, Default)]
pub struct Strokes {
    /// Row by row [`LANES`] pixels at a time, for each pen.
    cover: Vec<[f32; LANES]>,
    /// Which of them a line has come near, in each row.
    touched: Vec<Range<usize>>,
}

/// The part of a picture around a line.
struct Part<'a, const PENS: usize> {
    cover: &'a mut [[[f32; LANES]; PENS]],
    touched: &'a mut [Range<usize>],
    columns: Range<usize>,
    rows: Range<usize>,
    /// How many cells of [`LANES`] pixels a row has.
    stride: usize,
}

impl Strokes {
    /// Draws a line through points with several pens, which lie one over the other, the first below. It has round ends,
    /// and where it crosses itself it is no darker. The shade of a segment is that of its end. `mark` gets each row of
    /// the picture, the columns that may be covered, and how much of each pixel each pen covers.
    pub fn line<const PENS: usize>(
        &mut self,
        points: &[Shaded],
        pens: &[Pen; PENS],
        picture: Rect,
        mut mark: impl FnMut(usize, usize, &[[[f32; LANES]; PENS]]),
    ) {
        let widest = pens.iter().map(Pen::half).fold(0.0, f32::max);
        let Some(around) = around(points).map(|rect| rect.grown(widest + 1.0)) else { return };
        let columns = span(around.left, around.right.ceil(), picture.right);
        let rows = span(around.top, around.bottom.ceil(), picture.bottom);
        if columns.is_empty() || rows.is_empty() {
            return;
        }
        let stride = columns.len().div_ceil(LANES);
        let cells = stride * rows.len();
        if self.cover.len() < cells * PENS {
            self.cover.resize(cells * PENS, [0.0; LANES]);
        }
        self.touched.clear();
        self.touched.resize(rows.len(), stride..0);
        let (cover, _) = self.cover.as_chunks_mut::<PENS>();
        let mut part = Part { cover, touched: &mut self.touched, columns, rows, stride };
        match points {
            [point] if is_near(point) => part.segment(point.0, point.0, point.1, pens),
            points => {
                for pair in points.windows(2).filter(|pair| pair.iter().all(is_near)) {
                    part.segment(pair[0].0, pair[1].0, pair[1].1, pens);
                }
            }
        }
        let Part { cover, touched, columns, rows, .. } = part;
        for ((row, cells), touched) in rows.zip(cover.chunks_exact_mut(stride)).zip(touched.iter()) {
            if let Some(cells) = cells.get_mut(touched.clone()) {
                mark(row, columns.start + touched.start * LANES, cells);
                cells.fill([[0.0; LANES]; PENS]);
            }
        }
    }
}

fn is_near(([x, y], shade): &Shaded) -> bool {
    x.abs() < FAR_PX && y.abs() < FAR_PX && shade.is_finite()
}

/// What holds all points that are near.
fn around(points: &[Shaded]) -> Option<Rect> {
    let near = points.iter().filter(|point| is_near(point));
    near.fold(None, |known, ([x, y], _)| {
        let known = known.unwrap_or(Rect { left: *x, top: *y, right: *x, bottom: *y });
        Some(Rect {
            left: known.left.min(*x),
            top: known.top.min(*y),
            right: known.right.max(*x),
            bottom: known.bottom.max(*y),
        })
    })
}

impl<const PENS: usize> Part<'_, PENS> {
    fn segment(&mut self, from: [f32; 2], to: [f32; 2], shade: f32, pens: &[Pen; PENS]) {
        let reach = pens.iter().map(Pen::half).fold(0.0, f32::max) + 1.0;
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let squared = dx * dx + dy * dy;
        // A point is a segment without length: all lies at its begin.
        let (share_x, share_y) = if squared > 0.0 { (dx / squared, dy / squared) } else { (0.0, 0.0) };
        let within = |from: f32, to: f32, range: &Range<usize>| {
            let Range { start, end } = span(from, to.ceil(), range.end as f32);
            start.max(range.start)..end
        };
        let edges = pens.map(|pen| pen.half() + 0.5);
        let shades = pens.map(|pen| pen.share * shade);
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
            let cells =
                (columns.start - self.columns.start) / LANES..(columns.end - self.columns.start).div_ceil(LANES);
            let touched = &mut self.touched[nth];
            *touched = touched.start.min(cells.start)..touched.end.max(cells.end);
            let py = y - from[1];
            let mut px: [f32; LANES] = std::array::from_fn(|lane| lane as f32 + 0.5 - from[0]);
            let begin = (self.columns.start + cells.start * LANES) as f32;
            px.iter_mut().for_each(|px| *px += begin);
            for cell in &mut self.cover[nth * self.stride + cells.start..nth * self.stride + cells.end] {
                let off = px.map(|px| {
                    let along = (px * share_x + py * share_y).clamp(0.0, 1.0);
                    let (off_x, off_y) = (px - along * dx, py - along * dy);
                    (off_x * off_x + off_y * off_y).sqrt()
                });
                for (known, (edge, shade)) in cell.iter_mut().zip(edges.iter().zip(shades)) {
                    for (known, off) in known.iter_mut().zip(off) {
                        let covered = (edge - off).clamp(0.0, 1.0) * shade;
                        *known = if covered > *known { covered } else { *known };
                    }
                }
                px.iter_mut().for_each(|px| *px += LANES as f32);
            }
        }
    }
}
