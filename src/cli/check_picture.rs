//! A picture that does not move: read from a file, or made to try a model on.

use anyhow::{Context, Result};
use std::io::Cursor;
use std::path::Path;
use vedette::infer::read_short;
use vedette::types::{ImageView, PixelFormat, Size};
use vedette::vision::picture_of_nothing;

/// A larger file is no picture of a camera.
const MOST_BYTES: u64 = 512 << 20;

/// A decoded picture, RGB.
pub struct Still {
    rgb: Vec<u8>,
    size: Size,
}

impl Still {
    /// A PNG or JPEG file.
    pub fn read(path: &Path) -> Result<Self> {
        let read = || -> Result<Self> {
            let bytes = read_short(path, MOST_BYTES)?;
            let reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
            let picture = reader.decode()?.into_rgb8();
            let size = Size { width_px: picture.width(), height_px: picture.height() };
            Ok(Self { rgb: picture.into_raw(), size })
        };
        read().with_context(|| format!("cannot read the picture {}", path.display()))
    }

    /// A picture of nothing, the same each time.
    pub fn of_nothing() -> Self {
        let (rgb, size) = picture_of_nothing();
        Self { rgb, size }
    }

    /// Its size.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Its pixels.
    pub fn view(&self) -> Result<ImageView<'_>> {
        Ok(ImageView::new(&self.rgb, self.size, self.size.width_px.saturating_mul(3), PixelFormat::Rgb8)?)
    }
}
