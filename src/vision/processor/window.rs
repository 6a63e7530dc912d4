//! The part of a picture that is processed: all of it or a crop, in any pixel format.

use crate::types::{BBox, ImagePx, ImageView, PixelFormat, Size};

/// A rectangle of whole pixels inside a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub left_px: u32,
    pub top_px: u32,
    pub size: Size,
}

impl Window {
    /// All of a picture.
    pub fn whole(size: Size) -> Self {
        Self { left_px: 0, top_px: 0, size }
    }

    /// The smallest rectangle of whole pixels around what lies of a box inside a picture of size `image`. `None` when
    /// that has no area.
    pub fn around(bbox: BBox<ImagePx>, image: Size) -> Option<Self> {
        let inside = bbox.clipped(image.width_px as f32, image.height_px as f32)?;
        let (left_px, top_px) = (whole_px(inside.x_min().floor()), whole_px(inside.y_min().floor()));
        let (right_px, bottom_px) = (whole_px(inside.x_max().ceil()), whole_px(inside.y_max().ceil()));
        let size = Size { width_px: right_px - left_px, height_px: bottom_px - top_px };
        Some(Self { left_px, top_px, size })
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, within a picture's sides")]
fn whole_px(position: f32) -> u32 {
    position as u32
}

/// A picture and the window of it that counts. The window lies inside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    image: ImageView<'a>,
    window: Window,
}

impl<'a> Source<'a> {
    pub fn whole(image: &ImageView<'a>) -> Self {
        Self { image: *image, window: Window::whole(image.size()) }
    }

    pub fn window(image: &ImageView<'a>, window: Window) -> Self {
        Self { image: *image, window }
    }

    pub fn size(&self) -> Size {
        self.window.size
    }

    /// The bytes of the window's row, and whatever of the picture lies behind it.
    pub fn bytes_from(&self, row: usize) -> &'a [u8] {
        let start = (self.window.top_px as usize + row) * self.image.step_bytes();
        let left = self.window.left_px as usize * self.image.format().bytes_per_pixel();
        &self.image.data()[start + left..]
    }

    /// The layout of [`Self::bytes_from`].
    pub fn format(&self) -> PixelFormat {
        self.image.format()
    }

    /// Writes the window's row as RGB triples: gray three times, alpha left out.
    pub fn write_rgb(&self, row: usize, rgb: &mut [[u8; 3]]) {
        let width = self.size().width_px as usize;
        let bytes = &self.bytes_from(row)[..width * self.format().bytes_per_pixel()];
        match self.format() {
            PixelFormat::Rgb8 => rgb.iter_mut().zip(bytes.as_chunks().0).for_each(|(rgb, pixel)| *rgb = *pixel),
            PixelFormat::Bgr8 => {
                rgb.iter_mut().zip(bytes.as_chunks().0).for_each(|(rgb, &[b, g, r])| *rgb = [r, g, b]);
            }
            PixelFormat::Rgba8 => {
                rgb.iter_mut().zip(bytes.as_chunks().0).for_each(|(rgb, &[r, g, b, _])| *rgb = [r, g, b]);
            }
            PixelFormat::Bgra8 => {
                rgb.iter_mut().zip(bytes.as_chunks().0).for_each(|(rgb, &[b, g, r, _])| *rgb = [r, g, b]);
            }
            PixelFormat::Mono8 => rgb.iter_mut().zip(bytes).for_each(|(rgb, &gray)| *rgb = [gray; 3]),
        }
    }
}
