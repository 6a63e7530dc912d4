//! The NEON forms of the kernels in `bilinear` and `weighing` that the compiler does not make by itself, equal to the portable
//! ones bit for bit. Every 64-bit ARM processor has NEON, so that all other portable functions are compiled for it anyway.
//!
//! One of the crate's files with `unsafe`. Each block states why it holds; the tests beside the portable kernels run both
//! forms against each other.
#![allow(unsafe_code, reason = "NEON loads and calls; audited block by block, tested against the portable twin")]

use super::bilinear::{Affine, Columns, Weights, blend_rows, blend_rows_to_bytes};
use super::colors::Packed;
use super::taps::{Taps, WEIGHT_BITS};
use super::weighing::{RingRows, STRIDE_BYTES};
use std::arch::aarch64::*;

/// Bytes that are loaded at a pixel.
pub(super) const LOAD: usize = 8;

/// Proof that this processor has NEON: there is no other way to make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vision) struct Neon(());

impl Neon {
    /// Asks the processor.
    pub fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }

    /// Blends columns of three or four bytes from the first on, as long as [`LOAD`] bytes may be loaded from `bytes` at
    /// each of four, and returns how many it did; the rest, and gray, is left to the portable kernel.
    pub fn blend_columns(self, bytes: &[u8], columns: &Columns, out: &mut [i16]) -> usize {
        // SAFETY: `self` is proof of NEON.
        unsafe {
            match columns.bytes_per_pixel() {
                1 => 0,
                3 => blend_color::<3>(bytes, columns, out),
                _ => blend_color::<4>(bytes, columns, out),
            }
        }
    }

    /// As [`blend_rows`].
    pub fn blend_rows(self, rows: [&[i16]; 2], weights: Weights, affine: Affine, out: &mut [f32]) {
        // SAFETY: `self` is proof of NEON.
        unsafe { blend_eights(rows, weights, affine, out) }
    }

    /// As [`blend_rows_to_bytes`].
    pub fn blend_rows_to_bytes(self, rows: [&[i16]; 2], weights: Weights, out: &mut [u8]) {
        // SAFETY: `self` is proof of NEON.
        unsafe { blend_eights_to_bytes(rows, weights, out) }
    }

    /// Resizes the columns of rows of `layout`'s pixels into rows of RGB bytes. Behind each source row's last pixel lies at
    /// least one byte.
    ///
    /// # Panics
    /// When a row is shorter than that.
    pub fn weigh_columns(self, rows: &[&[u8]], layout: Packed, columns: &Taps, out: &mut [&mut [u8]]) {
        for (row, out) in rows.iter().zip(out) {
            // SAFETY: `self` is proof of NEON.
            unsafe { weigh_columns(row, layout, columns, out) }
        }
    }

    /// Makes resized row `y` of the ring's rows, all as long as `out`, a multiple of [`STRIDE_BYTES`].
    pub fn weigh_rows(self, ring: RingRows, rows: &Taps, y: usize, out: &mut [u8]) {
        // SAFETY: `self` is proof of NEON.
        unsafe { weigh_rows(ring, rows, y, out) }
    }
}

/// Three planes from pixels of so many bytes, four columns at a time.
#[target_feature(enable = "neon")]
fn blend_color<const PIXEL: usize>(bytes: &[u8], columns: &Columns, out: &mut [i16]) -> usize {
    let (red, rest) = out.split_at_mut(columns.len());
    let (green, blue) = rest.split_at_mut(columns.len());
    let groups = columns.offsets().as_chunks::<4>().0.iter().zip(columns.weights().as_chunks::<4>().0);
    let planes =
        red.as_chunks_mut::<4>().0.iter_mut().zip(green.as_chunks_mut::<4>().0).zip(blue.as_chunks_mut::<4>().0);
    let mut done = 0;
    for ((offsets, weights), ((red, green), blue)) in groups.zip(planes) {
        let Some(pixels) = loaded(bytes, *offsets) else { break };
        let blended = |column: usize| {
            let words = vreinterpretq_s16_u16(vmovl_u8(vcreate_u8(pixels[column])));
            let far = if PIXEL == 3 { vget_low_s16(vextq_s16::<3>(words, words)) } else { vget_high_s16(words) };
            let near = vmull_n_s16(vget_low_s16(words), weights[column][0]);
            // Red, green, blue and nothing.
            vshrn_n_s32::<4>(vmlal_n_s16(near, far, weights[column][1]))
        };
        let [a, b, c, d] = [blended(0), blended(1), blended(2), blended(3)];
        let [red_blue, green_none] = [vtrn1_s16(a, b), vtrn2_s16(a, b)].map(|pair| vreinterpret_s32_s16(pair));
        let [red_blue_2, green_none_2] = [vtrn1_s16(c, d), vtrn2_s16(c, d)].map(|pair| vreinterpret_s32_s16(pair));
        // SAFETY: each is a reference to 8 bytes.
        unsafe {
            vst1_s16(red.as_mut_ptr(), vreinterpret_s16_s32(vtrn1_s32(red_blue, red_blue_2)));
            vst1_s16(green.as_mut_ptr(), vreinterpret_s16_s32(vtrn1_s32(green_none, green_none_2)));
            vst1_s16(blue.as_mut_ptr(), vreinterpret_s16_s32(vtrn2_s32(red_blue, red_blue_2)));
        }
        done += 4;
    }
    done
}

/// The [`LOAD`] bytes at each offset, the first one lowest, if there are as many.
fn loaded(bytes: &[u8], offsets: [u32; 4]) -> Option<[u64; 4]> {
    let mut pixels = [0; 4];
    for (pixel, offset) in pixels.iter_mut().zip(offsets) {
        *pixel = u64::from_le_bytes(*bytes.get(offset as usize..)?.first_chunk()?);
    }
    Some(pixels)
}

/// Eight blended bytes, as words.
#[target_feature(enable = "neon")]
fn blended(upper: &[i16; 8], lower: &[i16; 8], weights: Weights) -> int16x8_t {
    // SAFETY: both are references to 16 bytes.
    let (upper, lower) = unsafe { (vld1q_s16(upper.as_ptr()), vld1q_s16(lower.as_ptr())) };
    let high = |values, weight| {
        let low = vshrn_n_s32::<16>(vmull_n_s16(vget_low_s16(values), weight));
        vshrn_high_n_s32::<16>(low, vmull_high_n_s16(values, weight))
    };
    let sum = vaddq_s16(high(upper, weights[0]), high(lower, weights[1]));
    vshrq_n_s16::<2>(vaddq_s16(sum, vdupq_n_s16(2)))
}

/// Eight numbers of two rows at a time.
#[target_feature(enable = "neon")]
fn blend_eights(rows: [&[i16]; 2], weights: Weights, affine: Affine, out: &mut [f32]) {
    let [upper, lower] = rows.map(|row| row.as_chunks::<8>());
    let (chunks, rest) = out.as_chunks_mut::<8>();
    let (gain, bias) = (vdupq_n_f32(affine.gain), vdupq_n_f32(affine.bias));
    for ((out, upper), lower) in chunks.iter_mut().zip(upper.0).zip(lower.0) {
        let words = blended(upper, lower, weights);
        // Rounded twice, as the portable kernel does: no fused form.
        let numbers = |words| vaddq_f32(vmulq_f32(vcvtq_f32_s32(words), gain), bias);
        // SAFETY: a reference to 32 bytes, of which each store takes a half.
        unsafe {
            vst1q_f32(out.as_mut_ptr(), numbers(vmovl_s16(vget_low_s16(words))));
            vst1q_f32(out.as_mut_ptr().add(4), numbers(vmovl_high_s16(words)));
        }
    }
    blend_rows([upper.1, lower.1], weights, affine, rest);
}

/// Eight bytes of two rows at a time.
#[target_feature(enable = "neon")]
fn blend_eights_to_bytes(rows: [&[i16]; 2], weights: Weights, out: &mut [u8]) {
    let [upper, lower] = rows.map(|row| row.as_chunks::<8>());
    let (chunks, rest) = out.as_chunks_mut::<8>();
    for ((out, upper), lower) in chunks.iter_mut().zip(upper.0).zip(lower.0) {
        let bytes = vqmovun_s16(blended(upper, lower, weights));
        // SAFETY: a reference to 8 bytes.
        unsafe { vst1_u8(out.as_mut_ptr(), bytes) };
    }
    blend_rows_to_bytes([upper.1, lower.1], weights, rest);
}

const HALF: i32 = 1 << (WEIGHT_BITS - 1);

/// The bytes of sums with 22 fraction bits, as words.
#[target_feature(enable = "neon")]
fn whole_parts(sums: int32x4_t) -> int16x4_t {
    vqmovn_s32(vshrq_n_s32::<{ WEIGHT_BITS as i32 }>(sums))
}

#[target_feature(enable = "neon")]
fn weigh_columns(row: &[u8], layout: Packed, columns: &Taps, out: &mut [u8]) {
    let (bytes_per_pixel, order) = (layout.bytes_per_pixel(), layout.order());
    for (span, out) in columns.spans().iter().zip(out.as_chunks_mut::<3>().0) {
        let mut sums = vdupq_n_s32(HALF);
        let first = span.first * bytes_per_pixel;
        let pixels = row[first..first + (span.len - 1) * bytes_per_pixel + 4].windows(4).step_by(bytes_per_pixel);
        for (pixel, &weight) in pixels.zip(columns.weights(span)) {
            let four = u32::from_le_bytes([pixel[0], pixel[1], pixel[2], pixel[3]]);
            let colors = vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(u64::from(four)))));
            sums = vmlaq_n_s32(sums, vreinterpretq_s32_u32(colors), weight);
        }
        let words = whole_parts(sums);
        let bytes = vreinterpret_u32_u8(vqmovun_s16(vcombine_s16(words, words)));
        let bytes = vget_lane_u32::<0>(bytes).to_le_bytes();
        *out = order.map(|color| bytes[color]);
    }
}

/// Sixteen bytes of a row at a time.
#[target_feature(enable = "neon")]
fn weigh_rows(ring: RingRows, rows: &Taps, y: usize, out: &mut [u8]) {
    let span = &rows.spans()[y];
    let weights = rows.weights(span);
    for (block, out) in out.as_chunks_mut::<STRIDE_BYTES>().0.iter_mut().enumerate() {
        let mut sums = [vdupq_n_s32(HALF); 4];
        for (row, &weight) in (span.first..).zip(weights) {
            let bytes = &ring.row(row).as_chunks::<STRIDE_BYTES>().0[block];
            // SAFETY: a reference to 16 bytes.
            let bytes = unsafe { vld1q_u8(bytes.as_ptr()) };
            let halves = [vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes)];
            let quarters = [
                vmovl_u16(vget_low_u16(halves[0])),
                vmovl_high_u16(halves[0]),
                vmovl_u16(vget_low_u16(halves[1])),
                vmovl_high_u16(halves[1]),
            ];
            for (sum, quarter) in sums.iter_mut().zip(quarters) {
                *sum = vmlaq_n_s32(*sum, vreinterpretq_s32_u32(quarter), weight);
            }
        }
        let [a, b, c, d] = sums.map(|sums| whole_parts(sums));
        let bytes = vcombine_u8(vqmovun_s16(vcombine_s16(a, b)), vqmovun_s16(vcombine_s16(c, d)));
        // SAFETY: a reference to 16 bytes.
        unsafe { vst1q_u8(out.as_mut_ptr(), bytes) };
    }
}
