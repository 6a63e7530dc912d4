//! The kernels by the instructions that this processor has: AVX2's or NEON's where it has them, portable ones elsewhere,
//! equal bit for bit.

#[cfg(target_arch = "x86_64")]
use super::avx2::{self, Avx2};
use super::bilinear::{self, Affine, Columns, Weights};
use super::colors::{self, Convert, Packed, RawRow, Rgba};
#[cfg(target_arch = "aarch64")]
use super::neon::{self, Neon};
use super::taps::Taps;
use super::weighing::{self, RingRows};

/// Which instructions compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vision) enum Kernel {
    /// What the compiler makes of portable Rust for its baseline target.
    Portable,
    /// AVX2, found at run time.
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    /// NEON, which every 64-bit ARM processor has.
    #[cfg(target_arch = "aarch64")]
    Neon(Neon),
}

impl Kernel {
    /// The fastest that this processor has.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            return Self::Avx2(avx2);
        }
        #[cfg(target_arch = "aarch64")]
        if let Some(neon) = Neon::detect() {
            return Self::Neon(neon);
        }
        Self::Portable
    }

    /// Blends the pixel pairs of a row into planes, one after another in `out`, each `columns.len()` long: sums
    /// with 7 fraction bits, 0 to 32,640.
    ///
    /// `bytes` begins at the row and may go on beyond it: only pixels of the row have weight.
    pub fn blend_columns(self, bytes: &[u8], columns: &Columns, out: &mut [i16]) {
        let done = match self {
            Self::Portable => 0,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.blend_columns(bytes, columns, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.blend_columns(bytes, columns, out),
        };
        bilinear::blend_columns(bytes, columns, out, done);
    }

    /// Blends two rows of one plane into `out`, normalized. All are of the same length.
    pub fn blend_rows(self, rows: [&[i16]; 2], weights: Weights, affine: Affine, out: &mut [f32]) {
        match self {
            Self::Portable => bilinear::blend_rows(rows, weights, affine, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.blend_rows(rows, weights, affine, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.blend_rows(rows, weights, affine, out),
        }
    }

    /// As [`blend_rows`](Self::blend_rows), and stops at the bytes.
    pub fn blend_rows_to_bytes(self, rows: [&[i16]; 2], weights: Weights, out: &mut [u8]) {
        match self {
            Self::Portable => bilinear::blend_rows_to_bytes(rows, weights, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.blend_rows_to_bytes(rows, weights, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.blend_rows_to_bytes(rows, weights, out),
        }
    }

    /// Converts as many pixels as `out` has and the row holds.
    pub fn convert_row(self, row: RawRow<'_>, out: &mut [Rgba]) {
        match self {
            Self::Portable => colors::Portable.convert_row(row, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.convert_row(row, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => colors::Portable.convert_row(row, out),
        }
    }

    /// Takes the high bytes of as many numbers of 16 bits as `out` has room for and the row holds.
    pub fn narrow_row(self, row: &[u8], is_big_endian: bool, out: &mut [u8]) {
        match self {
            Self::Portable => colors::narrow_row(row, is_big_endian, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.narrow_row(row, is_big_endian, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => colors::narrow_row(row, is_big_endian, out),
        }
    }

    /// Bytes that must lie behind a source row's pixels.
    pub fn bytes_behind(self) -> usize {
        match self {
            Self::Portable => 0,
            // It loads as many at a pixel of the row, of which it may use the first few.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => avx2::LOAD,
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => neon::LOAD,
        }
    }

    /// Resizes the columns of up to [`BATCH`] rows of `layout`'s pixels into rows of RGB bytes.
    pub fn weigh_columns(self, rows: &[&[u8]], layout: Packed, columns: &Taps, out: &mut [&mut [u8]]) {
        match self {
            Self::Portable => {
                for (row, out) in rows.iter().zip(out) {
                    weighing::weigh_columns(row, layout, columns, out);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.weigh_columns(rows, layout, columns, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.weigh_columns(rows, layout, columns, out),
        }
    }

    /// Makes resized row `y` of the ring's rows; all are of `out`'s length, a multiple of [`STRIDE_BYTES`].
    pub fn weigh_rows(self, ring: RingRows, rows: &Taps, y: usize, out: &mut [u8]) {
        match self {
            Self::Portable => weighing::weigh_rows(ring, rows, y, out),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(avx2) => avx2.weigh_rows(ring, rows, y, out),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(neon) => neon.weigh_rows(ring, rows, y, out),
        }
    }
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

    #[test]
    fn one_column_is_repeated_whatever_lies_behind_it() {
        let bytes: Vec<u8> = (7..90).collect();
        let mut out = [0; 24];
        Kernel::detect().blend_columns(&bytes, &columns(1, 24, 1), &mut out);
        assert_eq!(out, [7 * 128; 24]);
    }

    proptest! {
        #[test]
        fn both_column_kernels_agree_bit_for_bit(
            source_px in 1u32..90, resized_px in 1u32..90,
            format in 0usize..3, behind in 0usize..40, seed in any::<u8>(),
        ) {
            let bytes_per_pixel = [1, 3, 4][format];
            let columns = columns(source_px, resized_px, bytes_per_pixel);
            let bytes: Vec<u8> = (0..source_px as usize * bytes_per_pixel + behind)
                .map(|i| (i.wrapping_mul(167) >> 2).to_le_bytes()[0] ^ seed)
                .collect();
            let mut portable = vec![-1; columns.len() * columns.planes()];
            let mut detected = portable.clone();
            Kernel::Portable.blend_columns(&bytes, &columns, &mut portable);
            Kernel::detect().blend_columns(&bytes, &columns, &mut detected);
            prop_assert_eq!(&portable, &detected);
            prop_assert!(portable.iter().all(|value| (0..=32_640).contains(value)));
        }

        #[test]
        fn both_row_kernels_agree_bit_for_bit(
            rows in proptest::collection::vec((0i16..=32_640, 0i16..=32_640), 1..70),
            second in 0i16..=2048, gain in 0.001f32..0.1, bias in -3.0f32..3.0,
        ) {
            let (upper, lower): (Vec<i16>, Vec<i16>) = rows.into_iter().unzip();
            let (rows, weights, affine) = ([&upper[..], &lower[..]], [2048 - second, second], Affine { gain, bias });
            let mut portable = vec![f32::NAN; upper.len()];
            let mut detected = portable.clone();
            Kernel::Portable.blend_rows(rows, weights, affine, &mut portable);
            Kernel::detect().blend_rows(rows, weights, affine, &mut detected);
            prop_assert_eq!(portable, detected);

            let mut bytes = [vec![1; upper.len()], vec![2; upper.len()]];
            let plain = Affine { gain: 1.0, bias: 0.0 };
            let mut floats = vec![f32::NAN; upper.len()];
            Kernel::Portable.blend_rows(rows, weights, plain, &mut floats);
            Kernel::Portable.blend_rows_to_bytes(rows, weights, &mut bytes[0]);
            Kernel::detect().blend_rows_to_bytes(rows, weights, &mut bytes[1]);
            prop_assert_eq!(&bytes[0], &bytes[1]);
            prop_assert_eq!(bytes[0].iter().map(|&byte| f32::from(byte)).collect::<Vec<_>>(), floats);
        }
    }
}
