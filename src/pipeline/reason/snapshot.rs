//! A picture that outlives its message.

use crate::types::{ImageError, ImageView, PixelFormat, Size};

/// The pixels of one picture, rows without padding, in memory of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    data: Vec<u8>,
    size: Size,
    format: PixelFormat,
    is_big_endian: bool,
}

impl Snapshot {
    /// A copy, in the memory of `spare` where that suffices.
    pub fn copied(image: &ImageView<'_>, spare: Option<Self>) -> Self {
        let mut data = spare.map_or_else(Vec::new, |spare| spare.data);
        data.clear();
        data.reserve(image.plane_rows().map(<[u8]>::len).sum());
        image.plane_rows().for_each(|row| data.extend_from_slice(row));
        Self { data, size: image.size(), format: image.format(), is_big_endian: image.is_big_endian() }
    }

    /// The picture, borrowed.
    ///
    /// # Errors
    /// Never for a copy of a whole picture; the check is that of every [`ImageView`].
    pub fn view(&self) -> Result<ImageView<'_>, ImageError> {
        let row_bytes = self.size.width_px as usize * self.format.bytes_per_pixel();
        let step_bytes = u32::try_from(row_bytes).unwrap_or(u32::MAX);
        let view = ImageView::new(&self.data, self.size, step_bytes, self.format)?;
        Ok(view.in_byte_order(self.is_big_endian))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(data: &[u8], width_px: u32, height_px: u32, step_bytes: u32) -> ImageView<'_> {
        ImageView::new(data, Size { width_px, height_px }, step_bytes, PixelFormat::Rgb8).unwrap()
    }

    #[test]
    fn a_copy_has_the_pixels_and_not_the_padding() {
        let data: Vec<u8> = (0..16).collect();
        let copy = Snapshot::copied(&view(&data, 2, 2, 8), None);
        assert_eq!(copy.view().unwrap(), view(&[0, 1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 13], 2, 2, 6));
    }

    #[test]
    fn a_copy_of_any_format_shows_the_same_picture() {
        let size = Size { width_px: 5, height_px: 3 };
        let data = (0..250).collect::<Vec<u8>>().repeat(2);
        for format in PixelFormat::ALL {
            let image = ImageView::new(&data, size, 41, format).unwrap().in_byte_order(true);
            let copy = Snapshot::copied(&image, None);
            let view = copy.view().unwrap();
            assert!(view.plane_rows().eq(image.plane_rows()), "{format:?}");
            assert_eq!((view.is_big_endian(), view.data().len()), (image.is_big_endian(), view.needed_bytes()));
        }
    }

    #[test]
    fn the_memory_of_a_larger_picture_is_used_again() {
        let large = Snapshot::copied(&view(&[7; 300], 10, 10, 30), None);
        let memory = large.data.as_ptr();
        let small = Snapshot::copied(&view(&[1; 12], 2, 2, 6), Some(large));
        assert_eq!((small.data.as_ptr(), small.view().unwrap()), (memory, view(&[1; 12], 2, 2, 6)));
    }
}
