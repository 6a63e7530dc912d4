//! The AVX2 forms of the kernels in `bilinear` and `weighing`, equal to the portable ones bit for bit.
//!
//! One of the crate's files with `unsafe`. Each block states why it holds; the tests beside the portable kernels
//! run both forms against each other.
#![allow(unsafe_code, reason = "AVX2 loads and calls; audited block by block, tested against the portable twin")]

use super::bilinear::{self, Affine, Columns, Weights, blend_rows};
use super::colors::{self, BayerRow, Convert, Packed, Rgba};
use super::taps::{LOW_BITS, Taps, WEIGHT_BITS};
use super::weighing::{BATCH, RingRows, STRIDE_BYTES};
use std::arch::x86_64::*;

/// Bytes that are loaded at a pixel: a pair takes 2 to 8 of them, a group of four 12 or 16.
pub(super) const LOAD: usize = 16;

/// Proof that this processor has AVX2: there is no other way to make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vision) struct Avx2(());

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

    /// As [`bilinear::blend_rows_to_bytes`], compiled for AVX2.
    pub fn blend_rows_to_bytes(self, rows: [&[i16]; 2], weights: Weights, out: &mut [u8]) {
        #[target_feature(enable = "avx2")]
        fn compiled(rows: [&[i16]; 2], weights: Weights, out: &mut [u8]) {
            bilinear::blend_rows_to_bytes(rows, weights, out);
        }
        // SAFETY: `self` is proof of AVX2.
        unsafe { compiled(rows, weights, out) }
    }

    /// Resizes the columns of up to [`BATCH`] rows of `layout`'s pixels, three or four bytes each, into rows of RGB
    /// bytes. Behind each source row's last pixel lie [`LOAD`] bytes, behind each resized row's one.
    ///
    /// # Panics
    /// When a row is shorter than that.
    pub fn weigh_columns(self, rows: &[&[u8]], layout: Packed, columns: &Taps, out: &mut [&mut [u8]]) {
        // SAFETY: `self` is proof of AVX2.
        unsafe {
            match (rows, out) {
                (&[a, b, c, d], [e, f, g, h]) => weigh_columns([a, b, c, d], layout, columns, [e, f, g, h]),
                (rows, out) => {
                    for (row, out) in rows.iter().zip(out) {
                        weigh_columns([row], layout, columns, [out]);
                    }
                }
            }
        }
    }

    /// As [`colors::narrow_row`].
    pub fn narrow_row(self, row: &[u8], is_big_endian: bool, out: &mut [u8]) {
        // SAFETY: `self` is proof of AVX2.
        unsafe { narrow_row(row, is_big_endian, out) }
    }

    /// Makes resized row `y` of the ring's rows, all as long as `out`, a multiple of [`STRIDE_BYTES`].
    pub fn weigh_rows(self, ring: RingRows, rows: &Taps, y: usize, out: &mut [u8]) {
        // SAFETY: `self` is proof of AVX2.
        unsafe { weigh_rows(ring, rows, y, out) }
    }
}

/// The portable functions, compiled for AVX2.
impl Convert for Avx2 {
    fn yuv422<const LUMA_FIRST: bool>(self, pixels: &[u8], out: &mut [Rgba]) {
        #[target_feature(enable = "avx2")]
        fn compiled<const LUMA_FIRST: bool>(pixels: &[u8], out: &mut [Rgba]) {
            colors::yuv422::<LUMA_FIRST>(pixels, out);
        }
        // SAFETY: `self` is proof of AVX2.
        unsafe { compiled::<LUMA_FIRST>(pixels, out) }
    }

    fn shared<const BLUE_FIRST: bool>(self, luma: &[u8], chroma: &[u8], out: &mut [Rgba]) {
        #[target_feature(enable = "avx2")]
        fn compiled<const BLUE_FIRST: bool>(luma: &[u8], chroma: &[u8], out: &mut [Rgba]) {
            colors::shared::<BLUE_FIRST>(luma, chroma, out);
        }
        // SAFETY: `self` is proof of AVX2.
        unsafe { compiled::<BLUE_FIRST>(luma, chroma, out) }
    }

    fn unshared(self, luma: &[u8], chroma: &[[u8; 2]], out: &mut [Rgba]) {
        #[target_feature(enable = "avx2")]
        fn compiled(luma: &[u8], chroma: &[[u8; 2]], out: &mut [Rgba]) {
            colors::unshared(luma, chroma, out);
        }
        // SAFETY: `self` is proof of AVX2.
        unsafe { compiled(luma, chroma, out) }
    }

    fn bayer(self, rows: [&[u8]; 3], colors: BayerRow, out: &mut [Rgba]) {
        #[target_feature(enable = "avx2")]
        fn compiled(rows: [&[u8]; 3], colors: BayerRow, out: &mut [Rgba]) {
            colors::bayer(rows, colors, out);
        }
        // SAFETY: `self` is proof of AVX2.
        unsafe { compiled(rows, colors, out) }
    }

    fn wide<const N: usize>(self, pixels: &[u8], order: [usize; 3], out: &mut [Rgba]) {
        #[target_feature(enable = "avx2")]
        fn compiled<const N: usize>(pixels: &[u8], order: [usize; 3], out: &mut [Rgba]) {
            colors::wide::<N>(pixels, order, out);
        }
        // SAFETY: `self` is proof of AVX2.
        unsafe { compiled::<N>(pixels, order, out) }
    }
}

/// The portable function, compiled for AVX2.
#[target_feature(enable = "avx2")]
fn narrow_row(row: &[u8], is_big_endian: bool, out: &mut [u8]) {
    colors::narrow_row(row, is_big_endian, out);
}

const HALF: i32 = 1 << (WEIGHT_BITS - 1);

/// The bytes of sums with 22 fraction bits, given as the sums of the weights' high and low halves, in the lanes' order.
#[target_feature(enable = "avx2")]
fn whole_parts(high: __m256i, low: __m256i) -> __m256i {
    let sums = _mm256_add_epi32(_mm256_slli_epi32::<{ LOW_BITS as i32 }>(high), low);
    _mm256_srai_epi32::<{ WEIGHT_BITS as i32 }>(_mm256_add_epi32(sums, _mm256_set1_epi32(HALF)))
}

/// Four pixels at a time, two in each lane, their colors side by side as words.
#[target_feature(enable = "avx2")]
fn weigh_columns<const N: usize>(rows: [&[u8]; N], layout: Packed, columns: &Taps, out: [&mut [u8]; N]) {
    const { assert!(N <= BATCH) };
    let bytes_per_pixel = layout.bytes_per_pixel();
    let pairs = pixel_pairs(layout);
    let (high_of, low_of) = (_mm256_setr_epi32(0, 0, 0, 0, 2, 2, 2, 2), _mm256_setr_epi32(1, 1, 1, 1, 3, 3, 3, 3));
    for (x, span) in columns.spans().iter().enumerate() {
        let (groups, []) = columns.pairs(span).as_chunks::<2>() else { return };
        let (mut high, mut low) = ([_mm256_setzero_si256(); N], [_mm256_setzero_si256(); N]);
        let start = span.first * bytes_per_pixel;
        let end = start + (groups.len() - 1) * 4 * bytes_per_pixel + LOAD;
        let sources = rows.map(|row| row[start..end].as_ptr());
        for (group, weights) in groups.iter().enumerate() {
            // SAFETY: a reference to 16 bytes without padding: high and low words of one pair, then of the other.
            let weights = unsafe { _mm_loadu_si128(weights.as_ptr().cast()) };
            let weights = _mm256_broadcastsi128_si256(weights);
            let high_weights = _mm256_permutevar8x32_epi32(weights, high_of);
            let low_weights = _mm256_permutevar8x32_epi32(weights, low_of);
            for row in 0..N {
                // SAFETY: group `group` starts `4 * group` pixels behind `start`, and the slice that was taken there
                // reaches `LOAD` bytes behind the start of the last group.
                let four = unsafe { _mm_loadu_si128(sources[row].add(group * 4 * bytes_per_pixel).cast()) };
                let pixels = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(four), pairs);
                high[row] = _mm256_add_epi32(high[row], _mm256_madd_epi16(pixels, high_weights));
                low[row] = _mm256_add_epi32(low[row], _mm256_madd_epi16(pixels, low_weights));
            }
        }
        for row in 0..N {
            let joined = |sums| _mm256_add_epi32(sums, _mm256_permute2x128_si256::<0x01>(sums, sums));
            let colors = _mm256_castsi256_si128(whole_parts(joined(high[row]), joined(low[row])));
            let words = _mm_packs_epi32(colors, colors);
            let bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words)).to_le_bytes();
            // The fourth byte is overwritten by the next pixel.
            out[row][3 * x..3 * x + 4].copy_from_slice(&bytes);
        }
    }
}

/// Which bytes of four pixels go where: in each lane the red of two pixels side by side, their green, their blue, and
/// nothing, as words.
#[target_feature(enable = "avx2")]
fn pixel_pairs(layout: Packed) -> __m256i {
    let mut places = [-1i8; 32];
    for (color, offset) in layout.order().into_iter().enumerate() {
        for pixel in 0..4 {
            let place = pixel / 2 * 16 + color * 4 + pixel % 2 * 2;
            // At most the sixteenth byte.
            places[place] = i8::try_from(pixel * layout.bytes_per_pixel() + offset).unwrap_or(-1);
        }
    }
    // SAFETY: a reference to 32 bytes; the load is an unaligned one.
    unsafe { _mm256_loadu_si256(places.as_ptr().cast()) }
}

/// Sixteen bytes of two rows at a time.
#[target_feature(enable = "avx2")]
fn weigh_rows(ring: RingRows, rows: &Taps, y: usize, out: &mut [u8]) {
    let span = &rows.spans()[y];
    let pairs = &rows.pairs(span)[..span.len.div_ceil(2)];
    for (block, out) in out.as_chunks_mut::<STRIDE_BYTES>().0.iter_mut().enumerate() {
        let mut high = [_mm256_setzero_si256(); 2];
        let mut low = [_mm256_setzero_si256(); 2];
        for (pair, weights) in pairs.iter().enumerate() {
            let first = span.first + 2 * pair;
            // Where the last pair has one row only, that row's second weight is zero.
            let second = (first + 1).min(span.end() - 1);
            let [upper, lower] = [first, second].map(|row| {
                let bytes = &ring.row(row).as_chunks::<STRIDE_BYTES>().0[block];
                // SAFETY: a reference to 16 bytes; the load is an unaligned one.
                unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
            });
            let high_weights = _mm256_set1_epi32(joined(weights.high));
            let low_weights = _mm256_set1_epi32(joined(weights.low));
            let halves = [_mm_unpacklo_epi8(upper, lower), _mm_unpackhi_epi8(upper, lower)];
            for (half, bytes) in halves.into_iter().enumerate() {
                let words = _mm256_cvtepu8_epi16(bytes);
                high[half] = _mm256_add_epi32(high[half], _mm256_madd_epi16(words, high_weights));
                low[half] = _mm256_add_epi32(low[half], _mm256_madd_epi16(words, low_weights));
            }
        }
        let words = _mm256_packs_epi32(whole_parts(high[0], low[0]), whole_parts(high[1], low[1]));
        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
        let bytes = _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
        // SAFETY: a reference to 16 bytes; the store is an unaligned one.
        unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), bytes) };
    }
}

/// Two words as the processor holds them, the first in the low half.
fn joined([first, second]: [i16; 2]) -> i32 {
    let ([a, b], [c, d]) = (first.to_le_bytes(), second.to_le_bytes());
    i32::from_le_bytes([a, b, c, d])
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
