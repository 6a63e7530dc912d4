//! A borrowed picture: the bytes of a sensor_msgs/Image, checked once, never copied.

use super::pixel_format::{Chroma, EncodingError, PixelFormat};
use std::fmt;

/// Width and height of a picture or tensor in pixels, both at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns.
    pub width_px: u32,
    /// Rows.
    pub height_px: u32,
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width_px, self.height_px)
    }
}

/// Why bytes are no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The encoding is none of [`PixelFormat::ALL`].
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// A side is zero or beyond [`ImageView::MAX_SIDE_PX`].
    #[error("image size {width_px}x{height_px} px, expected sides of 1 to 32768 px")]
    Size {
        /// Columns as found.
        width_px: u32,
        /// Rows as found.
        height_px: u32,
    },
    /// A row is shorter than its pixels.
    #[error("image step {step_bytes} bytes, {width_px} pixels of {encoding} need {needed_bytes}")]
    Step {
        /// Bytes from row to row as found.
        step_bytes: u32,
        /// Columns.
        width_px: u32,
        /// The encoding's name.
        encoding: &'static str,
        /// Bytes that one row of pixels takes.
        needed_bytes: usize,
    },
    /// Fewer bytes than the rows need.
    #[error("image data holds {found_bytes} bytes, step {step_bytes} x height {height_px} needs {needed_bytes}")]
    Data {
        /// Bytes as found.
        found_bytes: usize,
        /// Bytes from row to row.
        step_bytes: u32,
        /// Rows.
        height_px: u32,
        /// Bytes that the rows take.
        needed_bytes: usize,
    },
    /// Fewer bytes than the rows of both planes need.
    #[error(
        "image data holds {found_bytes} bytes, two planes of {encoding} with step {step_bytes} and height {height_px} \
         need {needed_bytes}"
    )]
    Planes {
        /// Bytes as found.
        found_bytes: usize,
        /// Bytes from row to row of the first plane.
        step_bytes: u32,
        /// Rows.
        height_px: u32,
        /// The encoding's name.
        encoding: &'static str,
        /// Bytes that the rows take.
        needed_bytes: usize,
    },
}

/// A borrowed picture whose rows are known to lie inside its bytes.
///
/// Row `r` is `data[r * step ..][.. width * bytes_per_pixel]`; bytes between the row's end and `step` are padding. Formats
/// with a second plane have it behind the last row's step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageView<'a> {
    data: &'a [u8],
    size: Size,
    step_bytes: usize,
    format: PixelFormat,
    is_big_endian: bool,
}

impl<'a> ImageView<'a> {
    /// The longest side that is taken for a picture: longer ones are a broken message, not a camera.
    pub const MAX_SIDE_PX: u32 = 32_768;

    /// Checks sizes, step and length once. Bytes behind the last row are allowed and ignored; channels of 16 bits are
    /// little endian, see [`in_byte_order`](Self::in_byte_order).
    ///
    /// # Errors
    /// [`ImageError`] with what was found and what was needed.
    pub fn new(data: &'a [u8], size: Size, step_bytes: u32, format: PixelFormat) -> Result<Self, ImageError> {
        let row_bytes = checked_row_bytes(size, format)?;
        if (step_bytes as usize) < row_bytes {
            return Err(ImageError::Step {
                step_bytes,
                width_px: size.width_px,
                encoding: format.encoding(),
                needed_bytes: row_bytes,
            });
        }
        let view = Self { data, size, step_bytes: step_bytes as usize, format, is_big_endian: false };
        let needed_bytes = view.needed_bytes();
        if data.len() < needed_bytes {
            let height_px = size.height_px;
            return Err(match view.chroma() {
                None => ImageError::Data { found_bytes: data.len(), step_bytes, height_px, needed_bytes },
                Some(_) => ImageError::Planes {
                    found_bytes: data.len(),
                    step_bytes,
                    height_px,
                    encoding: format.encoding(),
                    needed_bytes,
                },
            });
        }
        Ok(view)
    }

    /// As [`new`](Self::new), but a step that is too short for a row is passed over where the data has exactly the bytes
    /// of a picture without padding: some drivers leave it 0, or give the width.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_any_step(data: &'a [u8], size: Size, step_bytes: u32, format: PixelFormat) -> Result<Self, ImageError> {
        let row_bytes = checked_row_bytes(size, format)?;
        let tight = Self { data, size, step_bytes: row_bytes, format, is_big_endian: false };
        if (step_bytes as usize) < row_bytes && data.len() == tight.needed_bytes() {
            Ok(tight)
        } else {
            Self::new(data, size, step_bytes, format)
        }
    }

    /// The same picture with channels of 16 bits in this byte order. Says nothing about others.
    #[must_use]
    pub fn in_byte_order(self, is_big_endian: bool) -> Self {
        Self { is_big_endian: is_big_endian && self.format.is_wide(), ..self }
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The pixel layout.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Whether the first byte of a channel of 16 bits is its higher one.
    pub fn is_big_endian(&self) -> bool {
        self.is_big_endian
    }

    /// Bytes from the start of one row to the start of the next.
    pub fn step_bytes(&self) -> usize {
        self.step_bytes
    }

    /// All bytes, row padding included.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The pixels of one row of the first plane, padding excluded.
    ///
    /// # Panics
    /// When `row` is not below the height.
    pub fn row(&self, row: u32) -> &'a [u8] {
        assert!(row < self.size.height_px, "row {row} of an image with {} rows", self.size.height_px);
        let start = row as usize * self.step_bytes;
        &self.data[start..start + self.size.width_px as usize * self.format.bytes_per_pixel()]
    }

    /// The U and V of one row, padding excluded; none for a format without a second plane.
    ///
    /// # Panics
    /// When `row` is not below the height.
    pub fn chroma_row(&self, row: u32) -> Option<&'a [u8]> {
        assert!(row < self.size.height_px, "row {row} of an image with {} rows", self.size.height_px);
        let chroma = self.chroma()?;
        // As many rows as the picture, or half as many.
        let row = if chroma.rows == self.size.height_px { row } else { row / 2 };
        Some(self.chroma_bytes(chroma, row))
    }

    /// The rows of all planes in order, padding excluded.
    pub fn plane_rows(&self) -> impl Iterator<Item = &'a [u8]> {
        let view = *self;
        let chroma = view.chroma().into_iter();
        let chroma = chroma.flat_map(move |chroma| (0..chroma.rows).map(move |row| view.chroma_bytes(chroma, row)));
        (0..view.size.height_px).map(move |row| view.row(row)).chain(chroma)
    }

    /// The bytes from the first row on that the picture takes, padding included.
    pub fn needed_bytes(&self) -> usize {
        let chroma = self.chroma().map_or(0, |chroma| chroma.step_bytes.saturating_mul(chroma.rows as usize));
        self.luma_bytes().saturating_add(chroma)
    }

    fn luma_bytes(&self) -> usize {
        self.step_bytes.saturating_mul(self.size.height_px as usize)
    }

    fn chroma(&self) -> Option<Chroma> {
        self.format.chroma(self.size.width_px, self.size.height_px, self.step_bytes)
    }

    fn chroma_bytes(&self, chroma: Chroma, row: u32) -> &'a [u8] {
        &self.data[self.luma_bytes() + row as usize * chroma.step_bytes..][..chroma.row_bytes]
    }
}

/// The bytes of a row of the first plane.
fn checked_row_bytes(Size { width_px, height_px }: Size, format: PixelFormat) -> Result<usize, ImageError> {
    let side_ok = |side: u32| (1..=ImageView::MAX_SIDE_PX).contains(&side);
    if !side_ok(width_px) || !side_ok(height_px) {
        return Err(ImageError::Size { width_px, height_px });
    }
    Ok(width_px as usize * format.bytes_per_pixel())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE_4X3: Size = Size { width_px: 4, height_px: 3 };

    #[test]
    fn data_shorter_than_its_rows_is_refused_with_the_numbers() {
        let error = ImageView::new(&[0; 90], SIZE_4X3, 40, PixelFormat::Rgb8).unwrap_err();
        assert_eq!(error.to_string(), "image data holds 90 bytes, step 40 x height 3 needs 120");
    }

    #[test]
    fn a_step_shorter_than_a_row_is_refused() {
        let error = ImageView::new(&[0; 90], SIZE_4X3, 11, PixelFormat::Rgb8).unwrap_err();
        assert_eq!(error.to_string(), "image step 11 bytes, 4 pixels of rgb8 need 12");
    }

    #[test]
    fn zero_and_huge_sides_are_refused() {
        for (width_px, height_px) in [(0, 3), (4, 0), (40_000, 3), (4, u32::MAX)] {
            let error = ImageView::new(&[0; 90], Size { width_px, height_px }, 40, PixelFormat::Mono8).unwrap_err();
            assert_eq!(error, ImageError::Size { width_px, height_px });
        }
    }

    #[test]
    fn a_step_that_cannot_be_is_passed_over_where_the_bytes_are_those_of_a_tight_picture() {
        for (format, bytes) in [(PixelFormat::Rgb8, 36), (PixelFormat::Yuyv, 24), (PixelFormat::Nv12, 20)] {
            let data = vec![0; bytes];
            for step_bytes in [0, 3] {
                let image = ImageView::with_any_step(&data, SIZE_4X3, step_bytes, format).unwrap();
                assert_eq!(image.step_bytes(), 4 * format.bytes_per_pixel());
                let other = &data[..bytes - 1];
                assert!(ImageView::with_any_step(other, SIZE_4X3, step_bytes, format).is_err(), "{step_bytes}");
            }
        }
    }

    #[test]
    fn the_second_plane_lies_behind_the_first_and_has_its_own_rows() {
        let data: Vec<u8> = (0..30).collect();
        let nv12 = ImageView::new(&data, SIZE_4X3, 6, PixelFormat::Nv12).unwrap();
        assert_eq!(
            (nv12.row(2), nv12.chroma_row(1), nv12.chroma_row(2)),
            (&data[12..16], Some(&data[18..22]), Some(&data[24..28]))
        );
        assert_eq!(nv12.plane_rows().map(<[u8]>::len).collect::<Vec<_>>(), [4; 5]);
        let error = ImageView::new(&data[..29], SIZE_4X3, 6, PixelFormat::Nv12).unwrap_err();
        let expected = "image data holds 29 bytes, two planes of nv12 with step 6 and height 3 need 30";
        assert_eq!(error.to_string(), expected);
        let data: Vec<u8> = (0..36).collect();
        let nv24 = ImageView::new(&data, SIZE_4X3, 4, PixelFormat::Nv24).unwrap();
        assert_eq!(nv24.chroma_row(2), Some(&data[28..36]));
        assert_eq!(ImageView::new(&data, SIZE_4X3, 12, PixelFormat::Rgb8).unwrap().chroma_row(0), None);
    }

    #[test]
    fn the_chroma_of_an_odd_width_has_a_whole_last_pair() {
        let size = Size { width_px: 3, height_px: 3 };
        let data = vec![0; 9 + 8];
        let image = ImageView::new(&data, size, 3, PixelFormat::Nv21).unwrap();
        assert_eq!((image.chroma_row(2).unwrap().len(), image.needed_bytes()), (4, 17));
    }

    #[test]
    fn the_byte_order_is_that_of_sixteen_bits_only() {
        let view = |format| ImageView::new(&[0; 96], SIZE_4X3, 32, format).unwrap().in_byte_order(true);
        assert!(view(PixelFormat::Rgba16).is_big_endian() && !view(PixelFormat::Rgba8).is_big_endian());
    }

    #[test]
    fn row_padding_is_no_part_of_a_row() {
        let data: Vec<u8> = (0..12).collect();
        let size = Size { width_px: 3, height_px: 3 };
        let image = ImageView::new(&data, size, 4, PixelFormat::Mono8).unwrap();
        assert_eq!(image.row(1), [4, 5, 6]);
    }
}
