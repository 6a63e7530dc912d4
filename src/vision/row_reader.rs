//! The rows of a picture of any format, as the kernels take them.

use super::kernels::{BayerRow, Kernel, Packed, RawRow, Rgba};
use crate::types::{ImageView, PixelFormat, Size};

/// How the rows of a format come out of [`RowReader`].
pub(super) fn packed_as(format: PixelFormat) -> Packed {
    match format {
        PixelFormat::Mono16 => Packed::Mono,
        format => Packed::of(format).unwrap_or(Packed::Rgba),
    }
}

/// Reads rows. What needs no conversion is borrowed; the others are converted one at a time into memory that serves every
/// row, so that no picture is ever copied whole.
#[derive(Debug)]
pub(super) struct RowReader {
    kernel: Kernel,
    /// The last converted row, with room behind it for kernels that read more than they use.
    converted: Vec<Rgba>,
    /// Rows of 8 bits out of 16.
    narrow: [Vec<u8>; 3],
}

impl RowReader {
    pub fn new(kernel: Kernel) -> Self {
        Self { kernel, converted: Vec::new(), narrow: [Vec::new(), Vec::new(), Vec::new()] }
    }

    /// Pixels of [`packed_as`] of row `row`, below the height, from column `column` on. Behind the row's last pixel lie
    /// what the picture has there, or as many bytes as the kernel asks for.
    pub fn row<'s>(&'s mut self, image: &'s ImageView<'_>, row: u32, column: u32) -> &'s [u8] {
        let format = image.format();
        if let Some(packed) = Packed::of(format) {
            let start = row as usize * image.step_bytes() + column as usize * packed.bytes_per_pixel();
            return &image.data()[start..];
        }
        let width = image.size().width_px as usize;
        let behind = self.kernel.bytes_behind();
        if format == PixelFormat::Mono16 {
            let out = &mut self.narrow[0];
            out.resize(width + behind, 0);
            self.kernel.narrow_row(image.row(row), image.is_big_endian(), &mut out[..width]);
            return &out[column as usize..];
        }
        self.converted.resize(width + behind.div_ceil(size_of::<Rgba>()), [0; 4]);
        let out = &mut self.converted[..width];
        let raw = match format {
            PixelFormat::Uyvy | PixelFormat::Yuyv => {
                RawRow::Yuv422 { pixels: image.row(row), luma_first: format == PixelFormat::Yuyv }
            }
            PixelFormat::Bayer8(pattern) => {
                let (row, rows) = mosaic_rows(image.size(), row);
                RawRow::Bayer { rows: rows.map(|row| image.row(row)), colors: BayerRow::of(pattern, row) }
            }
            PixelFormat::Bayer16(pattern) => {
                let (row, rows) = mosaic_rows(image.size(), row);
                for (out, row) in self.narrow.iter_mut().zip(rows) {
                    out.resize(width, 0);
                    self.kernel.narrow_row(image.row(row), image.is_big_endian(), out);
                }
                let rows = self.narrow.each_ref().map(|row| &row[..width]);
                RawRow::Bayer { rows, colors: BayerRow::of(pattern, row) }
            }
            PixelFormat::Nv12 | PixelFormat::Nv21 | PixelFormat::Nv24 => RawRow::TwoPlanes {
                luma: image.row(row),
                chroma: image.chroma_row(row).unwrap_or_default(),
                is_shared: format != PixelFormat::Nv24,
                blue_first: format != PixelFormat::Nv21,
            },
            _ => RawRow::Wide {
                pixels: image.row(row),
                channels: format.bytes_per_pixel() / 2,
                is_blue_first: matches!(format, PixelFormat::Bgr16 | PixelFormat::Bgra16),
                is_big_endian: image.is_big_endian(),
            },
        };
        self.kernel.convert_row(raw, out);
        &self.converted.as_flattened()[column as usize * size_of::<Rgba>()..]
    }

    /// As many pixels of row `row` from column `column` on as `out` has, which must end inside the row: gray three times,
    /// alpha left out.
    pub fn write_rgb(&mut self, image: &ImageView<'_>, row: u32, column: u32, out: &mut [[u8; 3]]) {
        let packed = packed_as(image.format());
        let pixels = self.row(image, row, column);
        match packed {
            Packed::Rgb => out.iter_mut().zip(pixels.as_chunks().0).for_each(|(rgb, pixel)| *rgb = *pixel),
            Packed::Bgr => out.iter_mut().zip(pixels.as_chunks().0).for_each(|(rgb, &[b, g, r])| *rgb = [r, g, b]),
            Packed::Rgba => out.iter_mut().zip(pixels.as_chunks().0).for_each(|(rgb, &[r, g, b, _])| *rgb = [r, g, b]),
            Packed::Bgra => out.iter_mut().zip(pixels.as_chunks().0).for_each(|(rgb, &[b, g, r, _])| *rgb = [r, g, b]),
            Packed::Mono => out.iter_mut().zip(pixels).for_each(|(rgb, &gray)| *rgb = [gray; 3]),
        }
    }
}

/// The row of a mosaic whose colors row `row` shows, and it between its neighbours: the first and the last row have one
/// only and become as the rows beside them, as in OpenCV.
fn mosaic_rows(size: Size, row: u32) -> (u32, [u32; 3]) {
    let last = size.height_px - 1;
    if last < 2 {
        // Neighbours on one side only: taken for both.
        let other = last - row.min(last);
        return (row, [other, row, other]);
    }
    let row = row.clamp(1, last - 1);
    (row, [row - 1, row, row + 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BayerPattern;

    const SIZE: Size = Size { width_px: 30, height_px: 22 };
    const RAW: &[u8] = include_bytes!("../../tests/data/vision/encodings/raw.bin");

    fn rgb_of(image: &ImageView<'_>, kernel: Kernel) -> Vec<[u8; 3]> {
        let Size { width_px, height_px } = image.size();
        let mut reader = RowReader::new(kernel);
        let mut rgb = vec![[0; 3]; (width_px * height_px) as usize];
        for (row, out) in (0..).zip(rgb.chunks_exact_mut(width_px as usize)) {
            reader.write_rgb(image, row, 0, out);
        }
        rgb
    }

    fn opencv(format: PixelFormat) -> Vec<[u8; 3]> {
        let path = format!("{}/tests/data/vision/encodings/{}.png", env!("CARGO_MANIFEST_DIR"), format.encoding());
        image::open(&path).unwrap_or_else(|error| panic!("{path}: {error}")).into_rgb8().pixels().map(|p| p.0).collect()
    }

    /// The largest difference of a channel, and the mean of all.
    fn differences(found: &[[u8; 3]], expected: &[[u8; 3]]) -> (u8, f64) {
        assert_eq!(found.len(), expected.len());
        let pairs = found.as_flattened().iter().zip(expected.as_flattened());
        let differences: Vec<u8> = pairs.map(|(a, b)| a.abs_diff(*b)).collect();
        let sum: u64 = differences.iter().map(|&difference| u64::from(difference)).sum();
        (differences.iter().copied().max().unwrap(), sum as f64 / differences.len() as f64)
    }

    fn view(data: &[u8], format: PixelFormat) -> ImageView<'_> {
        let step_bytes = SIZE.width_px * u32::try_from(format.bytes_per_pixel()).unwrap();
        ImageView::new(data, SIZE, step_bytes, format).unwrap()
    }

    /// The format of 8 bits with channels of 16, whose lower bytes say nothing.
    fn widened(data: &[u8], is_big_endian: bool) -> Vec<u8> {
        data.iter().flat_map(|&high| if is_big_endian { [high, 77] } else { [77, high] }).collect()
    }

    const KERNELS: [fn() -> Kernel; 2] = [|| Kernel::Portable, Kernel::detect];
    const PATTERNS: [BayerPattern; 4] =
        [BayerPattern::Rggb, BayerPattern::Bggr, BayerPattern::Gbrg, BayerPattern::Grbg];

    #[test]
    fn yuv_equals_opencv() {
        for format in [PixelFormat::Uyvy, PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::Nv21, PixelFormat::Nv24] {
            let data = &RAW[..view(RAW, format).needed_bytes()];
            for kernel in KERNELS {
                let found = rgb_of(&view(data, format), kernel());
                assert_eq!(differences(&found, &opencv(format)), (0, 0.0), "{format:?}");
            }
        }
    }

    #[test]
    fn mosaics_of_8_and_16_bits_equal_opencv() {
        for pattern in PATTERNS {
            let expected = opencv(PixelFormat::Bayer8(pattern));
            let data = &RAW[..30 * 22];
            for kernel in KERNELS {
                let found = rgb_of(&view(data, PixelFormat::Bayer8(pattern)), kernel());
                assert_eq!(differences(&found, &expected), (0, 0.0), "{pattern:?}");
                for is_big_endian in [false, true] {
                    let wide = widened(data, is_big_endian);
                    let image = view(&wide, PixelFormat::Bayer16(pattern)).in_byte_order(is_big_endian);
                    assert_eq!(rgb_of(&image, kernel()), expected, "{pattern:?} {is_big_endian}");
                }
            }
        }
    }

    #[test]
    fn sixteen_bits_are_taken_by_their_high_byte_in_both_orders() {
        for (narrow, wide) in [
            (PixelFormat::Rgb8, PixelFormat::Rgb16),
            (PixelFormat::Bgr8, PixelFormat::Bgr16),
            (PixelFormat::Mono8, PixelFormat::Mono16),
        ] {
            let expected = rgb_of(&view(RAW, narrow), Kernel::Portable);
            for (kernel, is_big_endian) in KERNELS.into_iter().flat_map(|kernel| [(kernel, false), (kernel, true)]) {
                let data = widened(RAW, is_big_endian);
                let image = view(&data, wide).in_byte_order(is_big_endian);
                assert_eq!(rgb_of(&image, kernel()), expected, "{wide:?} {is_big_endian}");
            }
        }
        let with_alpha: Vec<u8> = RAW.chunks(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 9]).collect();
        let expected = rgb_of(&view(RAW, PixelFormat::Bgr8), Kernel::Portable);
        let data = widened(&with_alpha, true);
        assert_eq!(rgb_of(&view(&data, PixelFormat::Bgra16).in_byte_order(true), Kernel::detect()), expected);
    }

    #[test]
    fn the_last_column_and_row_of_an_odd_size_have_the_colors_that_are_there() {
        let size = |width_px, height_px| Size { width_px, height_px };
        // White, red and half a pair: Y and U of white.
        let yuyv = ImageView::new(&[235, 128, 235, 128, 235, 128], size(3, 1), 6, PixelFormat::Yuyv).unwrap();
        assert_eq!(rgb_of(&yuyv, Kernel::detect()), [[255; 3]; 3]);
        let nv12 = [[235; 9], [128; 9]].concat();
        let nv12 = ImageView::new(&nv12, size(3, 3), 3, PixelFormat::Nv12).unwrap();
        assert_eq!(rgb_of(&nv12, Kernel::detect()), [[255; 3]; 9]);
        for (width_px, height_px) in [(1, 1), (2, 2), (1, 3), (3, 1), (2, 5), (3, 2)] {
            let data = [90; 15];
            let format = PixelFormat::Bayer8(BayerPattern::Grbg);
            let mosaic = ImageView::new(&data, size(width_px, height_px), width_px, format).unwrap();
            assert!(rgb_of(&mosaic, Kernel::detect()).iter().all(|pixel| *pixel == [90; 3]), "{width_px}x{height_px}");
        }
    }

    #[test]
    fn a_row_may_begin_at_any_column() {
        for format in PixelFormat::ALL {
            let data = RAW.repeat(3);
            let image = view(&data, format);
            let mut reader = RowReader::new(Kernel::detect());
            let (mut whole, mut part) = (vec![[0; 3]; 30], vec![[0; 3]; 13]);
            reader.write_rgb(&image, 7, 0, &mut whole);
            reader.write_rgb(&image, 7, 11, &mut part);
            assert_eq!(part, whole[11..24], "{format:?}");
        }
    }
}
