//! The AVX2 forms of the kernels in `resample`, equal to the portable ones bit for bit.
//!
//! One of the crate's two files with `unsafe`. Each block states why it holds; the tests in `resample` run both
//! forms against each other.
#![allow(unsafe_code, reason = "AVX2 loads and calls; audited block by block, tested against the portable twin")]

use super::resample::{Affine, Columns, Weights, blend_rows};
use std::arch::x86_64::*;

/// Bytes that are loaded at a pixel: its pair takes 2 to 8 of them.
const LOAD: usize = 16;

/// Proof that this processor has AVX2: there is no other way to make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Avx2(());

impl Avx2 {
    /// Asks the processor.
    pub fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Blends columns from the first on, as long as eight together may be loaded from `bytes`, and returns how many
    /// it did; the rest is left to the portable kernel.
    pub fn blend_columns(self, bytes: &[u8], columns: &Columns, out: &mut [i16]) -> usize {
        // A pixel's two weights side by side, its colors one after another; a set high bit gives zero.
        const Z: i8 = -1;
        const GRAY: [i8; 16] = [0, Z, 1, Z, 4, Z, 5, Z, 8, Z, 9, Z, 12, Z, 13, Z];
        const RGB: [i8; 16] = [0, Z, 3, Z, 1, Z, 4, Z, 2, Z, 5, Z, Z, Z, Z, Z];
        const RGBA: [i8; 16] = [0, Z, 4, Z, 1, Z, 5, Z, 2, Z, 6, Z, Z, Z, Z, Z];
        // SAFETY: `self` is proof of AVX2.
        unsafe {
            match columns.bytes_per_pixel() {
                1 => blend_gray(bytes, columns, &GRAY, out),
                3 => blend_color(bytes, columns, &RGB, out),
                _ => blend_color(bytes, columns, &RGBA, out),
            }
        }
    }

    /// As [`blend_rows`].
    pub fn blend_rows(self, rows: [&[i16]; 2], weights: Weights, affine: Affine, out: &mut [f32]) {
        // SAFETY: `self` is proof of AVX2.
        unsafe { blend_sixteens(rows, weights, affine, out) }
    }
}

/// Sixteen columns at a time, what is left over by the portable kernel.
#[target_feature(enable = "avx2")]
fn blend_sixteens(rows: [&[i16]; 2], weights: Weights, affine: Affine, out: &mut [f32]) {
    let [upper, lower] = rows.map(|row| row.as_chunks::<16>());
    let (chunks, rest) = out.as_chunks_mut::<16>();
    let (upper_weight, lower_weight) = (_mm256_set1_epi16(weights[0]), _mm256_set1_epi16(weights[1]));
    let (gain, bias) = (_mm256_set1_ps(affine.gain), _mm256_set1_ps(affine.bias));
    for ((out, upper), lower) in chunks.iter_mut().zip(upper.0).zip(lower.0) {
        // SAFETY: both are references to 32 bytes; the loads are unaligned ones.
        let (upper, lower) =
            unsafe { (_mm256_loadu_si256(upper.as_ptr().cast()), _mm256_loadu_si256(lower.as_ptr().cast())) };
        let sum = _mm256_add_epi16(_mm256_mulhi_epi16(upper, upper_weight), _mm256_mulhi_epi16(lower, lower_weight));
        let values = _mm256_srai_epi16::<2>(_mm256_add_epi16(sum, _mm256_set1_epi16(2)));
        let halves = [_mm256_castsi256_si128(values), _mm256_extracti128_si256::<1>(values)];
        for (out, half) in out.as_chunks_mut::<8>().0.iter_mut().zip(halves) {
            let floats = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(half));
            let normalized = _mm256_add_ps(_mm256_mul_ps(floats, gain), bias);
            // SAFETY: a reference to 32 bytes; the store is an unaligned one.
            unsafe { _mm256_storeu_ps(out.as_mut_ptr(), normalized) };
        }
    }
    blend_rows([upper.1, lower.1], weights, affine, rest);
}

/// Eight columns' offsets and weights, if `LOAD` bytes may be read at each offset.
#[target_feature(enable = "avx2")]
fn loadable(bytes: &[u8], offsets: &[u32; 8], weights: &[Weights; 8]) -> Option<(__m256i, __m256i)> {
    let limit = i32::try_from(bytes.len().checked_sub(LOAD)?).unwrap_or(i32::MAX);
    // SAFETY: both are references to 32 bytes; the loads are unaligned ones.
    let (at, weights) =
        unsafe { (_mm256_loadu_si256(offsets.as_ptr().cast()), _mm256_loadu_si256(weights.as_ptr().cast())) };
    let limit = _mm256_set1_epi32(limit);
    // Unsigned, so that no offset passes as a negative number.
    let inside = _mm256_cmpeq_epi32(_mm256_max_epu32(at, limit), limit);
    (_mm256_movemask_epi8(inside) == -1).then_some((at, weights))
}

/// Three planes from pixels of three or four bytes; `pairs` puts the two pixels' colors side by side, as words.
#[target_feature(enable = "avx2")]
fn blend_color(bytes: &[u8], columns: &Columns, pairs: &[i8; 16], out: &mut [i16]) -> usize {
    // SAFETY: a reference to 16 bytes; the load is an unaligned one.
    let pairs = unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(pairs.as_ptr().cast())) };
    let width = columns.len();
    let (red, rest) = out.split_at_mut(width);
    let (green, blue) = rest.split_at_mut(width);
    let groups = columns.offsets().as_chunks::<8>().0.iter().zip(columns.weights().as_chunks::<8>().0);
    let planes =
        red.as_chunks_mut::<8>().0.iter_mut().zip(green.as_chunks_mut::<8>().0).zip(blue.as_chunks_mut::<8>().0);
    let mut done = 0;
    for ((offsets, weights), ((red, green), blue)) in groups.zip(planes) {
        let Some((_, weights)) = loadable(bytes, offsets, weights) else { break };
        // Columns `near` and `far` = `near + 4` in the two lanes: red, green, blue and nothing, in 32 bits each.
        macro_rules! blended {
            ($near:literal, $weight:literal) => {{
                // SAFETY: `loadable` found `LOAD` bytes at each of the eight offsets inside `bytes`.
                let (near, far) = unsafe {
                    (
                        _mm_loadu_si128(bytes.as_ptr().add(offsets[$near] as usize).cast()),
                        _mm_loadu_si128(bytes.as_ptr().add(offsets[$near + 4] as usize).cast()),
                    )
                };
                let pixels = _mm256_shuffle_epi8(_mm256_set_m128i(far, near), pairs);
                let weight = _mm256_shuffle_epi32::<$weight>(weights);
                _mm256_srai_epi32::<4>(_mm256_madd_epi16(pixels, weight))
            }};
        }
        // In each lane, as words: r0 g0 b0 - r1 g1 b1 -, and so on to planes.
        let first = _mm256_packs_epi32(blended!(0, 0b00_00_00_00), blended!(1, 0b01_01_01_01));
        let second = _mm256_packs_epi32(blended!(2, 0b10_10_10_10), blended!(3, 0b11_11_11_11));
        let even = _mm256_unpacklo_epi16(first, second);
        let odd = _mm256_unpackhi_epi16(first, second);
        let red_green = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_unpacklo_epi16(even, odd));
        let blue_none = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_unpackhi_epi16(even, odd));
        // SAFETY: each is a reference to 16 bytes; the stores are unaligned ones.
        unsafe {
            _mm_storeu_si128(red.as_mut_ptr().cast(), _mm256_castsi256_si128(red_green));
            _mm_storeu_si128(green.as_mut_ptr().cast(), _mm256_extracti128_si256::<1>(red_green));
            _mm_storeu_si128(blue.as_mut_ptr().cast(), _mm256_castsi256_si128(blue_none));
        }
        done += 8;
    }
    done
}

/// One plane from pixels of one byte; `pairs` makes words of the first two of every four bytes.
#[target_feature(enable = "avx2")]
fn blend_gray(bytes: &[u8], columns: &Columns, pairs: &[i8; 16], out: &mut [i16]) -> usize {
    // SAFETY: a reference to 16 bytes; the load is an unaligned one.
    let pairs = unsafe { _mm256_broadcastsi128_si256(_mm_loadu_si128(pairs.as_ptr().cast())) };
    let groups = columns.offsets().as_chunks::<8>().0.iter().zip(columns.weights().as_chunks::<8>().0);
    let mut done = 0;
    for ((offsets, weights), out) in groups.zip(out.as_chunks_mut::<8>().0) {
        let Some((at, weights)) = loadable(bytes, offsets, weights) else { break };
        // SAFETY: `loadable` found `LOAD` bytes, of which 4 are read, at each of the eight offsets inside `bytes`;
        // none is above `i32::MAX`.
        let pixels = unsafe { _mm256_i32gather_epi32::<1>(bytes.as_ptr().cast(), at) };
        let sums = _mm256_srai_epi32::<4>(_mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pairs), weights));
        let words = _mm256_permute4x64_epi64::<0b00_00_10_00>(_mm256_packs_epi32(sums, sums));
        // SAFETY: a reference to 16 bytes; the store is an unaligned one.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), _mm256_castsi256_si128(words)) };
        done += 8;
    }
    done
}
