//! A borrowed picture: the bytes of a sensor_msgs/Image, checked once, never copied.

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

/// How the bytes of one pixel are laid out; names as in sensor_msgs `image_encodings.hpp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PixelFormat {
    /// Red, green, blue; 8 bits each.
    Rgb8,
    /// Blue, green, red; 8 bits each.
    Bgr8,
    /// Red, green, blue, alpha; 8 bits each.
    Rgba8,
    /// Blue, green, red, alpha; 8 bits each.
    Bgra8,
    /// One grey channel of 8 bits.
    Mono8,
}

impl PixelFormat {
    /// All that are understood, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Rgb8, Self::Bgr8, Self::Rgba8, Self::Bgra8, Self::Mono8];

    /// The format of a sensor_msgs/Image `encoding` string.
    ///
    /// # Errors
    /// [`ImageError::Encoding`] for a name that is not understood.
    pub fn from_encoding(encoding: &str) -> Result<Self, ImageError> {
        Self::ALL
            .into_iter()
            .find(|format| format.encoding() == encoding)
            .ok_or_else(|| ImageError::Encoding { found: encoding.chars().take(64).collect() })
    }

    /// The sensor_msgs/Image `encoding` string.
    pub const fn encoding(self) -> &'static str {
        match self {
            Self::Rgb8 => "rgb8",
            Self::Bgr8 => "bgr8",
            Self::Rgba8 => "rgba8",
            Self::Bgra8 => "bgra8",
            Self::Mono8 => "mono8",
        }
    }

    /// Bytes of one pixel.
    pub const fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Rgb8 | Self::Bgr8 => 3,
            Self::Rgba8 | Self::Bgra8 => 4,
            Self::Mono8 => 1,
        }
    }
}

/// Why bytes are no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The encoding is none of [`PixelFormat::ALL`].
    #[error("image encoding {found:?} is not supported, expected one of rgb8, bgr8, rgba8, bgra8, mono8")]
    Encoding {
        /// The name as found, cut to 64 characters.
        found: String,
    },
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
}

/// A borrowed picture whose rows are known to lie inside its bytes.
///
/// Row `r` is `data[r * step ..][.. width * bytes_per_pixel]`; bytes between the row's end and `step` are padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageView<'a> {
    data: &'a [u8],
    size: Size,
    step_bytes: usize,
    format: PixelFormat,
}

impl<'a> ImageView<'a> {
    /// The longest side that is taken for a picture: longer ones are a broken message, not a camera.
    pub const MAX_SIDE_PX: u32 = 32_768;

    /// Checks sizes, step and length once. Bytes behind the last row are allowed and ignored.
    ///
    /// # Errors
    /// [`ImageError`] with what was found and what was needed.
    pub fn new(data: &'a [u8], size: Size, step_bytes: u32, format: PixelFormat) -> Result<Self, ImageError> {
        let Size { width_px, height_px } = size;
        let side_ok = |side: u32| (1..=Self::MAX_SIDE_PX).contains(&side);
        if !side_ok(width_px) || !side_ok(height_px) {
            return Err(ImageError::Size { width_px, height_px });
        }
        let row_bytes = width_px as usize * format.bytes_per_pixel();
        if (step_bytes as usize) < row_bytes {
            return Err(ImageError::Step {
                step_bytes,
                width_px,
                encoding: format.encoding(),
                needed_bytes: row_bytes,
            });
        }
        let needed_bytes = (step_bytes as usize).saturating_mul(height_px as usize);
        if data.len() < needed_bytes {
            return Err(ImageError::Data { found_bytes: data.len(), step_bytes, height_px, needed_bytes });
        }
        Ok(Self { data, size, step_bytes: step_bytes as usize, format })
    }

    /// Width and height.
    pub fn size(&self) -> Size {
        self.size
    }

    /// The pixel layout.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Bytes from the start of one row to the start of the next.
    pub fn step_bytes(&self) -> usize {
        self.step_bytes
    }

    /// All bytes, row padding included.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The pixels of one row, padding excluded.
    ///
    /// # Panics
    /// When `row` is not below the height.
    pub fn row(&self, row: u32) -> &'a [u8] {
        assert!(row < self.size.height_px, "row {row} of an image with {} rows", self.size.height_px);
        let start = row as usize * self.step_bytes;
        &self.data[start..start + self.size.width_px as usize * self.format.bytes_per_pixel()]
    }
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
    fn an_unknown_encoding_is_refused_by_name() {
        let error = PixelFormat::from_encoding("rgb16").unwrap_err();
        assert!(error.to_string().starts_with("image encoding \"rgb16\" is not supported"));
    }

    #[test]
    fn row_padding_is_no_part_of_a_row() {
        let data: Vec<u8> = (0..12).collect();
        let size = Size { width_px: 3, height_px: 3 };
        let image = ImageView::new(&data, size, 4, PixelFormat::Mono8).unwrap();
        assert_eq!(image.row(1), [4, 5, 6]);
    }
}
