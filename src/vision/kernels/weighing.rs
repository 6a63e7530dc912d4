//! Weighing 8-bit pixels by the filters of [`taps`](super::taps) in fixed point, giving Pillow's bytes.
//!
//! Two kernels: [`weigh_columns`] makes RGB bytes of the pixels of a row, [`weigh_rows`] one row of several; each
//! rounds and clips to bytes. Here they are portable Rust, which is the reference.

use super::colors::Packed;
use super::taps::{Taps, WEIGHT_BITS};

/// Source rows that one call of the column kernel takes.
pub(in crate::vision) const BATCH: usize = 4;
/// Rows of RGB bytes in the ring are whole numbers of this; kernels may write behind a row's pixels.
pub(in crate::vision) const STRIDE_BYTES: usize = 16;

/// The ring to read from: row `r` is the `stride` bytes at `r % capacity`.
#[derive(Debug, Clone, Copy)]
pub(in crate::vision) struct RingRows<'a> {
    pub bytes: &'a [u8],
    pub stride: usize,
    pub capacity: usize,
}

impl<'a> RingRows<'a> {
    /// The bytes of source row `row`.
    pub fn row(&self, row: usize) -> &'a [u8] {
        &self.bytes[row % self.capacity * self.stride..][..self.stride]
    }
}

/// Resizes the columns of a row of `layout`'s pixels into RGB bytes.
pub(super) fn weigh_columns(row: &[u8], layout: Packed, columns: &Taps, out: &mut [u8]) {
    let order = layout.order();
    let bytes_per_pixel = layout.bytes_per_pixel();
    for (span, out) in columns.spans().iter().zip(out.as_chunks_mut::<3>().0) {
        let pixels = &row[span.first * bytes_per_pixel..span.end() * bytes_per_pixel];
        let mut sums = [HALF; 3];
        for (pixel, &weight) in pixels.chunks_exact(bytes_per_pixel).zip(columns.weights(span)) {
            for (sum, color) in sums.iter_mut().zip(order) {
                *sum += i32::from(pixel[color]) * weight;
            }
        }
        *out = sums.map(clipped);
    }
}

/// Makes resized row `y` of the ring's rows; all are of `out`'s length, a multiple of [`STRIDE_BYTES`].
pub(super) fn weigh_rows(ring: RingRows, rows: &Taps, y: usize, out: &mut [u8]) {
    let span = &rows.spans()[y];
    let weights = rows.weights(span);
    for (block, out) in out.chunks_mut(STRIDE_BYTES).enumerate() {
        let mut sums = [HALF; STRIDE_BYTES];
        for (row, &weight) in (span.first..).zip(weights) {
            let bytes = &ring.row(row)[block * STRIDE_BYTES..][..STRIDE_BYTES];
            for (sum, &byte) in sums.iter_mut().zip(bytes) {
                *sum += i32::from(byte) * weight;
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = clipped(sum);
        }
    }
}

const HALF: i32 = 1 << (WEIGHT_BITS - 1);

fn clipped(sum: i32) -> u8 {
    u8::try_from((sum >> WEIGHT_BITS).clamp(0, 255)).unwrap_or(255)
}
