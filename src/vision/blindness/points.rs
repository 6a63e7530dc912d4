//! The luma of 128 x 96 points spread over a picture.

use crate::types::ImageView;
use crate::vision::kernels::{Kernel, Packed};
use crate::vision::row_reader::{RowReader, packed_as};

/// Points of one row.
pub(super) const COLUMNS: usize = 128;
/// Rows of points.
pub(super) const ROWS: usize = 96;

/// Luma, 0 to 255, row by row: BT.601 weights in 256ths.
pub(super) struct Points {
    reader: RowReader,
    luma: Vec<u8>,
}

impl Points {
    /// All black.
    pub fn new() -> Self {
        Self { reader: RowReader::new(Kernel::detect()), luma: vec![0; COLUMNS * ROWS] }
    }

    /// Reads the points of a picture: the centres of 128 x 96 equal fields. A picture with fewer columns or rows gives
    /// some of them more than once.
    pub fn take(&mut self, image: &ImageView<'_>) {
        let (width, height) = (image.size().width_px as usize, image.size().height_px as usize);
        let columns: [usize; COLUMNS] = std::array::from_fn(|column| (2 * column + 1) * width / (2 * COLUMNS));
        for (number, points) in self.luma.chunks_exact_mut(COLUMNS).enumerate() {
            // Below the height, which is at most 32,768.
            let row = u32::try_from((2 * number + 1) * height / (2 * ROWS)).unwrap_or(0);
            let row = self.reader.row(image, row, 0);
            match packed_as(image.format()) {
                Packed::Rgb => read(row, &columns, points, |[r, g, b]| weighted(r, g, b)),
                Packed::Bgr => read(row, &columns, points, |[b, g, r]| weighted(r, g, b)),
                Packed::Rgba => read(row, &columns, points, |[r, g, b, _]| weighted(r, g, b)),
                Packed::Bgra => read(row, &columns, points, |[b, g, r, _]| weighted(r, g, b)),
                Packed::Mono => read(row, &columns, points, |[grey]| grey),
            }
        }
    }

    /// The points, row by row.
    pub fn luma(&self) -> &[u8] {
        &self.luma
    }

    /// The luma that 99 of 100 points reach, and the one that 99 of 100 points do not exceed.
    pub fn ends(&self) -> (u8, u8) {
        let mut counts = [0_usize; 256];
        for &luma in &self.luma {
            counts[usize::from(luma)] += 1;
        }
        // One point in a hundred stays outside at either end.
        let outside = self.luma.len() / 100;
        let mut below = 0;
        let darkest = (0..=255).find(|&level| {
            below += counts[usize::from(level)];
            below > outside
        });
        let mut above = 0;
        let brightest = (0..=255).rev().find(|&level| {
            above += counts[usize::from(level)];
            above > outside
        });
        (darkest.unwrap_or(0), brightest.unwrap_or(255))
    }
}

/// One row's points, for pixels of `N` bytes.
fn read<const N: usize>(row: &[u8], columns: &[usize; COLUMNS], points: &mut [u8], luma: impl Fn([u8; N]) -> u8) {
    let (pixels, _) = row.as_chunks::<N>();
    for (point, &column) in points.iter_mut().zip(columns) {
        *point = luma(pixels[column]);
    }
}

/// The weights add up to 256, so the sum fits and its high byte is the luma.
fn weighted(r: u8, g: u8, b: u8) -> u8 {
    let [luma, _] = (77 * u16::from(r) + 150 * u16::from(g) + 29 * u16::from(b)).to_be_bytes();
    luma
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{PixelFormat, Size};

    fn points(data: &[u8], size: Size, format: PixelFormat) -> Points {
        let step = data.len() / size.height_px as usize;
        let mut points = Points::new();
        points.take(&ImageView::new(data, size, u32::try_from(step).unwrap(), format).unwrap());
        points
    }

    #[test]
    fn a_colour_has_the_same_luma_in_every_format() {
        let size = Size { width_px: 1, height_px: 1 };
        let (r, g, b) = (200, 100, 50);
        let expected = weighted(r, g, b);
        assert_eq!(expected, 124);
        let pixels: [(&[u8], PixelFormat); 5] = [
            (&[r, g, b], PixelFormat::Rgb8),
            (&[b, g, r], PixelFormat::Bgr8),
            (&[r, g, b, 9], PixelFormat::Rgba8),
            (&[b, g, r, 9], PixelFormat::Bgra8),
            (&[124], PixelFormat::Mono8),
        ];
        for (pixel, format) in pixels {
            assert!(points(pixel, size, format).luma().iter().all(|&luma| luma == expected), "{}", format.encoding());
        }
    }

    #[test]
    fn black_is_0_and_white_is_255() {
        assert_eq!((weighted(0, 0, 0), weighted(255, 255, 255)), (0, 255));
    }

    #[test]
    fn the_points_of_a_picture_of_their_own_size_are_its_pixels_and_padding_is_none() {
        let rows = (0..96_u8).map(|row| (0..131_u8).map(move |column| row.wrapping_mul(31) ^ column));
        let data: Vec<u8> = rows.flatten().collect();
        let points = points(&data, Size { width_px: 128, height_px: 96 }, PixelFormat::Mono8);
        let expected: Vec<u8> = data.chunks(131).flat_map(|row| &row[..128]).copied().collect();
        assert_eq!(points.luma(), expected);
    }

    #[test]
    fn one_point_in_a_hundred_does_not_move_the_ends() {
        let mut data = vec![100; 128 * 96];
        data[..122].fill(0);
        data[122..244].fill(255);
        let size = Size { width_px: 128, height_px: 96 };
        assert_eq!(points(&data, size, PixelFormat::Mono8).ends(), (100, 100));
        data[..246].fill(0);
        assert_eq!(points(&data, size, PixelFormat::Mono8).ends(), (0, 100));
    }
}
