//! Resizing in floats, by one of two kinds of weights.
//!
//! **OWLv2**: a Gaussian against aliasing, then linear interpolation, after padding to a square. The reference is scikit-image's `resize` as SciPy computes it: `gaussian_filter` with `sigma = (factor - 1) / 2` for
//! each side that shrinks by `factor` (cut at four sigmas, edges mirrored about the last pixel's center), then `zoom`
//! of first order whose pixels are areas. Both are linear and work on each side alone, so a resized pixel is a weighted
//! sum of the source pixels of its column and row; the weights of both steps are multiplied out once for each size.
//!
//! **RF-DETR**: Pillow's filters without rounding to bytes, as torchvision's `resize` has it for tensors of floats
//! (`antialias`, its default).

use super::window::Source;
use crate::types::Size;
use crate::vision::kernels::{self, Kernel, Resample};
use crate::vision::row_reader::RowReader;

/// The source pixels of one resized pixel, and how much of it is padding.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: usize,
    len: usize,
    weights: usize,
    padding: f32,
}

/// What a resized pixel is weighed by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Weighing {
    /// A Gaussian and linear interpolation, of the picture padded at its right and bottom to this size.
    Gaussian {
        padded: Size,
    },
    Filter(Resample),
}

/// What each resized pixel along one side is made of.
#[derive(Debug, Default)]
struct Taps {
    spans: Vec<Span>,
    weights: Vec<f32>,
    gaussian: Vec<f64>,
    line: Vec<f64>,
    filtered: kernels::Taps,
}

impl Taps {
    /// For a side of `source_px` pixels, resized to `resized_px` by a filter.
    fn rebuild_filtered(&mut self, source_px: u32, resized_px: u32, filter: Resample) {
        self.spans.clear();
        self.weights.clear();
        self.filtered.rebuild(source_px, resized_px, 0..resized_px, filter);
        for span in self.filtered.spans() {
            let weights = self.weights.len();
            self.weights.extend(self.filtered.shares(span));
            self.spans.push(Span { first: span.first, len: span.len, weights, padding: 0.0 });
        }
    }

    /// For a side of `source_px` pixels, padded at its end to `padded_px`, resized to `resized_px` by a Gaussian and
    /// linear interpolation.
    fn rebuild_smooth(&mut self, source_px: u32, padded_px: u32, resized_px: u32) {
        self.spans.clear();
        self.weights.clear();
        let factor = f64::from(padded_px) / f64::from(resized_px);
        gaussian(&mut self.gaussian, ((factor - 1.0) / 2.0).max(0.0));
        let radius = i64::try_from(self.gaussian.len() / 2).unwrap_or(0);
        let source_len = source_px as usize;
        // One side's weights at a time; `from..to` is the part that is not zero.
        self.line.clear();
        self.line.resize(padded_px as usize, 0.0);
        for pixel in 0..resized_px {
            let position = mirrored_position((f64::from(pixel) + 0.5) * factor - 0.5, padded_px);
            let start = floor(position);
            let fraction = position - position.floor();
            let (mut from, mut to) = (usize::MAX, 0);
            for (near, share) in [(start, 1.0 - fraction), (start + 1, fraction)] {
                // The interpolation mirrors first, the Gaussian around what it finds mirrors again.
                let near = i64::try_from(mirrored(near, padded_px)).unwrap_or(0);
                for (offset, weight) in (-radius..=radius).zip(&self.gaussian) {
                    let at = mirrored(near + offset, padded_px);
                    self.line[at] += share * weight;
                    (from, to) = (from.min(at), to.max(at + 1));
                }
            }
            let inside = from.min(source_len)..to.min(source_len);
            let weights = self.weights.len();
            self.weights.extend(self.line[inside.clone()].iter().map(|&weight| single(weight)));
            let padding = single(self.line[inside.end.max(from)..to].iter().sum());
            self.line[from..to].fill(0.0);
            self.spans.push(Span { first: inside.start, len: inside.len(), weights, padding });
        }
    }

    fn weights(&self, span: &Span) -> &[f32] {
        &self.weights[span.weights..][..span.len]
    }
}

/// A Gaussian of standard deviation `sigma`, cut at four of them, summing to one.
fn gaussian(weights: &mut Vec<f64>, sigma: f64) {
    weights.clear();
    if sigma <= 1e-15 {
        weights.push(1.0);
        return;
    }
    let radius = floor(4.0 * sigma + 0.5);
    weights.extend((-radius..=radius).map(|x| (-0.5 / (sigma * sigma) * (x * x) as f64).exp()));
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
}

/// The pixel that stands at `at` when a side of `len` pixels is mirrored about the centers of its first and last.
fn mirrored(at: i64, len: u32) -> usize {
    let period = 2 * (i64::from(len) - 1);
    if period == 0 {
        return 0;
    }
    let at = at.rem_euclid(period);
    usize::try_from(at.min(period - at)).unwrap_or(0)
}

/// As [`mirrored`], between pixels. `at` lies less than a pixel outside.
fn mirrored_position(at: f64, len: u32) -> f64 {
    let last = f64::from(len - 1);
    if last == 0.0 {
        0.0
    } else if at < 0.0 {
        -at
    } else if at > last {
        2.0 * last - at
    } else {
        at
    }
}

#[expect(clippy::cast_possible_truncation, reason = "within a picture's side")]
fn floor(position: f64) -> i64 {
    position.floor() as i64
}

#[expect(clippy::cast_possible_truncation, reason = "the nearest single-precision number is meant")]
fn single(value: f64) -> f32 {
    value as f32
}

/// Resizes; owns tables and rows, which are made again when a size differs from the last one's.
#[derive(Debug)]
pub(super) struct FloatResizer {
    reader: RowReader,
    made_for: Option<(Size, Weighing, Size)>,
    columns: Taps,
    rows: Taps,
    bytes: Vec<[u8; 3]>,
    floats: Vec<[f32; 3]>,
    /// Rows with resized columns: source row `r` at `r % capacity`.
    ring: Vec<[f32; 3]>,
    capacity: usize,
    out: Vec<[f32; 3]>,
}

impl Default for FloatResizer {
    fn default() -> Self {
        Self {
            reader: RowReader::new(Kernel::detect()),
            made_for: None,
            columns: Taps::default(),
            rows: Taps::default(),
            bytes: Vec::new(),
            floats: Vec::new(),
            ring: Vec::new(),
            capacity: 0,
            out: Vec::new(),
        }
    }
}

impl FloatResizer {
    /// Gives `emit` the rows of `source` (its bytes turned to floats by `rescaled`), padded with `padding` where the
    /// weighing pads, and resized to `resized`.
    pub fn run(
        &mut self,
        source: &Source,
        weighing: Weighing,
        resized: Size,
        (rescaled, padding): (&[f32; 256], f32),
        mut emit: impl FnMut(usize, &[[f32; 3]]),
    ) {
        self.prepare(source.size(), weighing, resized);
        let width = resized.width_px as usize;
        let mut next = 0;
        for (y, span) in self.rows.spans.iter().enumerate() {
            next = next.max(span.first);
            while next < span.first + span.len {
                source.write_rgb(next, &mut self.reader, &mut self.bytes);
                for (floats, bytes) in self.floats.iter_mut().zip(&self.bytes) {
                    *floats = bytes.map(|byte| rescaled[usize::from(byte)]);
                }
                let place = next % self.capacity * width;
                weigh_columns(&self.floats, &self.columns, padding, &mut self.ring[place..][..width]);
                next += 1;
            }
            self.out.fill([span.padding * padding; 3]);
            for (row, &weight) in (span.first..).zip(self.rows.weights(span)) {
                let pixels = &self.ring[row % self.capacity * width..][..width];
                for (out, pixel) in self.out.as_flattened_mut().iter_mut().zip(pixels.as_flattened()) {
                    *out += pixel * weight;
                }
            }
            emit(y, &self.out);
        }
    }

    fn prepare(&mut self, source: Size, weighing: Weighing, resized: Size) {
        if self.made_for == Some((source, weighing, resized)) {
            return;
        }
        match weighing {
            Weighing::Gaussian { padded } => {
                self.columns.rebuild_smooth(source.width_px, padded.width_px, resized.width_px);
                self.rows.rebuild_smooth(source.height_px, padded.height_px, resized.height_px);
            }
            Weighing::Filter(filter) => {
                self.columns.rebuild_filtered(source.width_px, resized.width_px, filter);
                self.rows.rebuild_filtered(source.height_px, resized.height_px, filter);
            }
        }
        let width = resized.width_px as usize;
        self.bytes.resize(source.width_px as usize, [0; 3]);
        self.floats.resize(source.width_px as usize, [0.0; 3]);
        self.out.resize(width, [0.0; 3]);
        // A mirrored span may start before the one ahead of it: the ring holds all that any later span asks for.
        let mut held_from = usize::MAX;
        self.capacity = 1;
        for span in self.rows.spans.iter().rev().filter(|span| span.len > 0) {
            held_from = held_from.min(span.first);
            self.capacity = self.capacity.max(span.first + span.len - held_from);
        }
        self.ring.resize(self.capacity * width, [0.0; 3]);
        self.made_for = Some((source, weighing, resized));
    }
}

fn weigh_columns(pixels: &[[f32; 3]], columns: &Taps, padding: f32, out: &mut [[f32; 3]]) {
    for (out, span) in out.iter_mut().zip(&columns.spans) {
        let mut sums = [span.padding * padding; 3];
        for (pixel, &weight) in pixels[span.first..][..span.len].iter().zip(columns.weights(span)) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += value * weight;
            }
        }
        *out = sums;
    }
}
