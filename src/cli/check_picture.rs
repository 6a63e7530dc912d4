//! A picture that does not move: read from a file, or made to try a model on.

use anyhow::{Context, Result};
use std::io::Cursor;
use std::path::Path;
use vedette::infer::read_short;
use vedette::types::{ImageView, PixelFormat, Size};

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

    /// A picture of nothing, the same each time: a ramp of each colour under noise, 640 x 480.
    pub fn of_nothing() -> Self {
        const SIZE: Size = Size { width_px: 640, height_px: 480 };
        let mut state = 0x9e37_79b9_u32;
        let mut noise = || {
            // Xorshift: Marsaglia, 2003.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state % 64
        };
        let ramp = |at: u32, of: u32| at * 191 / of;
        let mut rgb = Vec::with_capacity(3 * (SIZE.width_px * SIZE.height_px) as usize);
        for row in 0..SIZE.height_px {
            for column in 0..SIZE.width_px {
                let across = ramp(column, SIZE.width_px);
                let down = ramp(row, SIZE.height_px);
                // Below 191 + 64.
                let levels = [across, down, 191 - across].map(|level| u8::try_from(level + noise()).unwrap_or(u8::MAX));
                rgb.extend(levels);
            }
        }
        Self { rgb, size: SIZE }
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
