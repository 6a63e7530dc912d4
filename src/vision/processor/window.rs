//! The part of a picture that is processed: all of it or a crop, in any pixel format.

use crate::types::{BBox, ImagePx, ImageView, Size};
use crate::vision::kernels::Packed;
use crate::vision::row_reader::RowReader;

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

    /// How the picture's own pixels are laid out, where they are colors that kernels take as they are.
    pub fn colors(&self) -> Option<Packed> {
        Packed::of(self.image.format()).filter(|packed| *packed != Packed::Mono)
    }

    /// The bytes of the window's row, pixels of these [`colors`](Self::colors), and whatever of the picture lies behind it.
    pub fn bytes_from(&self, row: usize, colors: Packed) -> &'a [u8] {
        let start = self.row(row) as usize * self.image.step_bytes();
        &self.image.data()[start + self.window.left_px as usize * colors.bytes_per_pixel()..]
    }

    /// Writes the window's row as RGB triples, as many as `rgb` has and the window is wide: gray three times, alpha left
    /// out.
    pub fn write_rgb(&self, row: usize, reader: &mut RowReader, rgb: &mut [[u8; 3]]) {
        let width = rgb.len().min(self.size().width_px as usize);
        reader.write_rgb(&self.image, self.row(row), self.window.left_px, &mut rgb[..width]);
    }

    /// The picture's row; sides are at most 32,768 px.
    fn row(&self, row: usize) -> u32 {
        self.window.top_px + u32::try_from(row).unwrap_or(0)
    }
}
