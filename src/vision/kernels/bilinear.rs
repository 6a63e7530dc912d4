//! Bilinear resampling of 8-bit pixels in fixed point, giving the bytes that OpenCV's `resize` gives with
//! `INTER_LINEAR`.
//!
//! Detectors are trained and evaluated on that function's output, so its arithmetic is the specification: sample
//! positions in `f32` with pixel centers at `+ 0.5`, weights of 11 bits, a row blended first (kept with 7 fraction
//! bits), then two rows. Two kernels: [`blend_columns`] gathers pixels of a row into planes, [`blend_rows`] blends two
//! such rows into normalized floats. Here they are portable Rust, which is the reference.

/// Weights of a pair of pixels: 0 to 2048 each, together 2048.
pub(in crate::vision) type Weights = [i16; 2];

const ONE: f32 = 2048.0;

/// Where the columns of a resized row come from.
#[derive(Debug, Default)]
pub(in crate::vision) struct Columns {
    /// For each column, the byte at which its first pixel starts in the source row.
    offsets: Vec<u32>,
    weights: Vec<Weights>,
    bytes_per_pixel: usize,
    /// From a first pixel to its second: one pixel, or 0 where the source is one column wide.
    pair_bytes: usize,
}

impl Columns {
    /// Fills the table for rows of `source_px` pixels resized to `resized_px`, both at least 1.
    pub fn rebuild(&mut self, source_px: u32, resized_px: u32, bytes_per_pixel: usize) {
        self.bytes_per_pixel = bytes_per_pixel;
        self.pair_bytes = if source_px > 1 { bytes_per_pixel } else { 0 };
        self.offsets.clear();
        self.weights.clear();
        for column in 0..resized_px {
            let (position, fraction) = sample(column, source_px, resized_px);
            let last_pair = source_px.saturating_sub(2);
            let (pixel, weights) = match u32::try_from(position) {
                Err(_) => (0, weights(0.0)),
                // The pair must lie inside the row, so the last pixel is the second of its pair.
                Ok(pixel) if pixel > last_pair => (last_pair, weights(1.0)),
                Ok(pixel) => (pixel, weights(fraction)),
            };
            // Sides are at most 32,768 px, so offsets fit.
            self.offsets.push(pixel * u32::try_from(bytes_per_pixel).unwrap_or(0));
            self.weights.push(if source_px > 1 { weights } else { [2048, 0] });
        }
    }

    /// How many columns the resized row has.
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Color planes of the blended row: 3, or 1 for gray. Alpha is left out.
    pub fn planes(&self) -> usize {
        self.bytes_per_pixel().min(3)
    }

    pub fn bytes_per_pixel(&self) -> usize {
        self.bytes_per_pixel
    }

    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    pub fn weights(&self) -> &[Weights] {
        &self.weights
    }
}

/// Where one row of the resized picture comes from: two source rows, adjacent or the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vision) struct RowPair {
    pub rows: [u32; 2],
    pub weights: Weights,
}

/// Fills the table for columns of `source_px` pixels resized to `resized_px`, both at least 1.
pub(in crate::vision) fn rebuild_row_pairs(pairs: &mut Vec<RowPair>, source_px: u32, resized_px: u32) {
    pairs.clear();
    for row in 0..resized_px {
        let (position, fraction) = sample(row, source_px, resized_px);
        let weights = weights(fraction);
        let clamped = |position: i64| u32::try_from(position.max(0)).unwrap_or(u32::MAX).min(source_px - 1);
        let first = clamped(position);
        // A second row without weight need not be blended.
        let second = if weights[1] == 0 { first } else { clamped(position + 1) };
        pairs.push(RowPair { rows: [first, second], weights });
    }
}

/// The source position of a resized pixel's center: whole pixels (`-1` left of the first center) and the rest.
#[expect(clippy::cast_possible_truncation, reason = "f32 positions are the specification; whole parts fit i64")]
fn sample(index: u32, source_px: u32, resized_px: u32) -> (i64, f32) {
    let scale = 1.0 / (f64::from(resized_px) / f64::from(source_px));
    let position = ((f64::from(index) + 0.5) * scale - 0.5) as f32;
    (position.floor() as i64, position - position.floor())
}

#[expect(clippy::cast_possible_truncation, reason = "0..=2048")]
fn weights(fraction: f32) -> Weights {
    [((1.0 - fraction) * ONE).round_ties_even() as i16, (fraction * ONE).round_ties_even() as i16]
}

/// How one channel's bytes become the model's numbers: `byte * gain + bias`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::vision) struct Affine {
    pub gain: f32,
    pub bias: f32,
}

/// The portable kernel, from column `start` on.
pub(super) fn blend_columns(bytes: &[u8], columns: &Columns, out: &mut [i16], start: usize) {
    let samples = columns.offsets()[start..].iter().zip(&columns.weights()[start..]);
    let pair_bytes = columns.pair_bytes;
    if columns.planes() == 1 {
        for (gray, (&offset, &weights)) in out[start..].iter_mut().zip(samples) {
            let pair = &bytes[offset as usize..][..pair_bytes + 1];
            *gray = blend_pair(pair[0], pair[pair_bytes], weights);
        }
        return;
    }
    let (red, rest) = out.split_at_mut(columns.len());
    let (green, blue) = rest.split_at_mut(columns.len());
    let planes = red[start..].iter_mut().zip(&mut green[start..]).zip(&mut blue[start..]);
    for (((red, green), blue), (&offset, &weights)) in planes.zip(samples) {
        let pair = &bytes[offset as usize..][..pair_bytes + 3];
        *red = blend_pair(pair[0], pair[pair_bytes], weights);
        *green = blend_pair(pair[1], pair[pair_bytes + 1], weights);
        *blue = blend_pair(pair[2], pair[pair_bytes + 2], weights);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "255 * 2048 >> 4 fits i16")]
fn blend_pair(near: u8, far: u8, weights: Weights) -> i16 {
    ((i32::from(near) * i32::from(weights[0]) + i32::from(far) * i32::from(weights[1])) >> 4) as i16
}

/// The portable kernel.
pub(super) fn blend_rows(rows: [&[i16]; 2], weights: Weights, affine: Affine, out: &mut [f32]) {
    for ((out, &upper), &lower) in out.iter_mut().zip(rows[0]).zip(rows[1]) {
        *out = f32::from(blend_rounded(upper, lower, weights)) * affine.gain + affine.bias;
    }
}

/// As [`blend_rows`], and stops at the bytes.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=255")]
#[inline(always)]
pub(super) fn blend_rows_to_bytes(rows: [&[i16]; 2], weights: Weights, out: &mut [u8]) {
    for ((out, &upper), &lower) in out.iter_mut().zip(rows[0]).zip(rows[1]) {
        *out = blend_rounded(upper, lower, weights) as u8;
    }
}

/// 0 to 255.
#[inline(always)]
fn blend_rounded(upper: i16, lower: i16, weights: Weights) -> i16 {
    let weighted = |value: i16, weight: i16| ((i32::from(value) * i32::from(weight)) >> 16) as i16;
    (weighted(upper, weights[0]) + weighted(lower, weights[1]) + 2) >> 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn columns(source_px: u32, resized_px: u32, bytes_per_pixel: usize) -> Columns {
        let mut columns = Columns::default();
        columns.rebuild(source_px, resized_px, bytes_per_pixel);
        columns
    }

    fn row_pairs(source_px: u32, resized_px: u32) -> Vec<RowPair> {
        let mut pairs = Vec::new();
        rebuild_row_pairs(&mut pairs, source_px, resized_px);
        pairs
    }

    #[test]
    fn halving_takes_the_mean_of_two() {
        let columns = columns(4, 2, 1);
        assert_eq!((columns.offsets(), columns.weights()), (&[0, 2][..], &[[1024, 1024]; 2][..]));
        let mut out = [0; 2];
        blend_columns(&[10, 20, 100, 255], &columns, &mut out, 0);
        assert_eq!(out, [15 * 128, 355 * 64]);
    }

    #[test]
    fn an_odd_whole_factor_takes_the_middle_pixel_and_reads_no_second_row() {
        let pairs = row_pairs(9, 3);
        assert_eq!(pairs.iter().map(|pair| pair.rows).collect::<Vec<_>>(), [[1, 1], [4, 4], [7, 7]]);
        assert!(pairs.iter().all(|pair| pair.weights == [2048, 0]));
    }

    #[test]
    fn enlarging_repeats_the_edge() {
        let mut out = [0; 8];
        blend_columns(&[0, 255], &columns(2, 8, 1), &mut out, 0);
        assert_eq!((out[0], out[1], out[6], out[7]), (0, 0, 32_640, 32_640));
        assert_eq!(row_pairs(2, 8)[0].rows, [0, 0]);
        assert_eq!(row_pairs(2, 8)[7].rows, [1, 1]);
    }

    proptest! {
        #[test]
        fn every_pair_lies_inside_its_source(source_px in 1u32..5000, resized_px in 1u32..1300) {
            let columns = columns(source_px, resized_px, 3);
            prop_assert_eq!(columns.len(), resized_px as usize);
            let row_bytes = source_px as usize * 3;
            prop_assert!(columns.offsets().iter().all(|&at| at as usize + columns.pair_bytes + 3 <= row_bytes));
            for pair in row_pairs(source_px, resized_px) {
                prop_assert!(pair.rows[1] < source_px && pair.rows[1] - pair.rows[0] <= 1);
            }
            prop_assert!(columns.weights().iter().all(|w| w[0] >= 0 && w[1] >= 0 && w[0] + w[1] == 2048));
        }
    }
}
