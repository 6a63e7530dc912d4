//! The letterbox: a picture scaled into a tensor with its aspect kept, bars of gray around it.
//!
//! Pure geometry, in the form that YOLO models are trained and evaluated with: one scale for both sides, the larger
//! that fits, enlarging included; sides rounded to whole pixels, halves to even; bars split evenly, an odd pixel to
//! the right or below.

use super::tensor_form::Fit;
use crate::types::{BBox, ImagePx, Size, TensorPx};

/// Where a picture lies inside a tensor, and the way back.
///
/// Small and `Copy`: it rides with the tensor that it describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letterbox {
    source: Size,
    tensor: Size,
    resized: Size,
    left_px: u32,
    top_px: u32,
}

impl Letterbox {
    /// The gray of the bars, on all channels, before normalization.
    pub const PADDING: u8 = 114;

    /// Places a picture of size `source` in a tensor of size `tensor`. However thin, the picture keeps one pixel.
    pub fn new(source: Size, tensor: Size) -> Self {
        let scale = (f64::from(tensor.width_px) / f64::from(source.width_px))
            .min(f64::from(tensor.height_px) / f64::from(source.height_px));
        let fitted = |source_px: u32, tensor_px: u32| rounded_px(f64::from(source_px) * scale).max(1).min(tensor_px);
        let resized = Size {
            width_px: fitted(source.width_px, tensor.width_px),
            height_px: fitted(source.height_px, tensor.height_px),
        };
        Self {
            source,
            tensor,
            resized,
            left_px: (tensor.width_px - resized.width_px) / 2,
            top_px: (tensor.height_px - resized.height_px) / 2,
        }
    }

    /// As [`new`](Self::new), in the corner, or with each side scaled on its own.
    pub fn placed(source: Size, tensor: Size, fit: Fit) -> Self {
        match fit {
            Fit::Letterbox => Self::new(source, tensor),
            Fit::Corner => Self { left_px: 0, top_px: 0, ..Self::new(source, tensor) },
            Fit::Stretch => Self { source, tensor, resized: tensor, left_px: 0, top_px: 0 },
        }
    }

    /// Size of the picture inside the tensor.
    pub fn resized(&self) -> Size {
        self.resized
    }

    /// Left and top bar: the picture's first pixel in the tensor, `(column, row)`.
    pub fn offset_px(&self) -> (u32, u32) {
        (self.left_px, self.top_px)
    }

    /// A model's box in pixels of the picture, clipped to it. `None` when it lies wholly in the bars.
    ///
    /// Each side has the scale of its own rounded length, which is what the pixels underwent.
    pub fn image_from_tensor(&self, bbox: BBox<TensorPx>) -> Option<BBox<ImagePx>> {
        let (scale_x, scale_y) = self.scale();
        let (left, top) = (self.left_px as f32, self.top_px as f32);
        BBox::<ImagePx>::from_corners(
            (bbox.x_min() - left) / scale_x,
            (bbox.y_min() - top) / scale_y,
            (bbox.x_max() - left) / scale_x,
            (bbox.y_max() - top) / scale_y,
        )?
        .clipped(self.source.width_px as f32, self.source.height_px as f32)
    }

    /// Tensor pixels per image pixel, `(x, y)`; they differ by the rounding of the sides.
    fn scale(&self) -> (f32, f32) {
        (
            self.resized.width_px as f32 / self.source.width_px as f32,
            self.resized.height_px as f32 / self.source.height_px as f32,
        )
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most a tensor's side; `as` saturates")]
fn rounded_px(value: f64) -> u32 {
    value.round_ties_even() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn size(width_px: u32, height_px: u32) -> Size {
        Size { width_px, height_px }
    }

    #[test]
    fn a_wide_picture_gets_bars_above_and_below() {
        let letterbox = Letterbox::new(size(1920, 1080), size(640, 640));
        assert_eq!((letterbox.resized(), letterbox.offset_px()), (size(640, 360), (0, 140)));
    }

    #[test]
    fn a_small_picture_is_enlarged() {
        let letterbox = Letterbox::new(size(100, 200), size(640, 640));
        assert_eq!((letterbox.resized(), letterbox.offset_px()), (size(320, 640), (160, 0)));
    }

    #[test]
    fn an_odd_bar_has_its_extra_pixel_below() {
        // round(161 / 2 - 0.1) = 80 above, round(161 / 2 + 0.1) = 81 below.
        let letterbox = Letterbox::new(size(640, 479), size(640, 640));
        assert_eq!((letterbox.resized(), letterbox.offset_px()), (size(640, 479), (0, 80)));
    }

    #[test]
    fn sides_round_half_to_even_as_python_does() {
        assert_eq!(Letterbox::new(size(128, 1), size(64, 64)).resized(), size(64, 1));
        assert_eq!(Letterbox::new(size(128, 5), size(64, 64)).resized(), size(64, 2));
        assert_eq!(Letterbox::new(size(128, 7), size(64, 64)).resized(), size(64, 4));
    }

    #[test]
    fn a_thread_of_a_picture_keeps_one_pixel() {
        let letterbox = Letterbox::new(size(32_768, 1), size(640, 640));
        assert_eq!((letterbox.resized(), letterbox.offset_px()), (size(640, 1), (0, 319)));
    }

    #[test]
    fn a_box_over_the_edge_is_clipped_and_one_in_the_bars_is_none() {
        let letterbox = Letterbox::new(size(1920, 1080), size(640, 640));
        let over = BBox::from_corners(-10.0, 100.0, 320.0, 320.0).unwrap();
        let bars = BBox::from_corners(0.0, 10.0, 640.0, 130.0).unwrap();
        assert_eq!(letterbox.image_from_tensor(over), BBox::from_corners(0.0, 0.0, 960.0, 540.0));
        assert_eq!(letterbox.image_from_tensor(bars), None);
    }

    #[test]
    fn a_picture_in_the_corner_or_stretched_begins_at_the_tensors_first_pixel() {
        let corner = Letterbox::placed(size(1920, 1080), size(640, 640), Fit::Corner);
        assert_eq!((corner.resized(), corner.offset_px()), (size(640, 360), (0, 0)));
        let all = BBox::from_corners(0.0, 0.0, 640.0, 640.0).unwrap();
        let stretched = Letterbox::placed(size(1920, 1080), size(640, 320), Fit::Stretch);
        assert_eq!((stretched.resized(), stretched.offset_px()), (size(640, 320), (0, 0)));
        let half = BBox::from_corners(0.0, 0.0, 320.0, 160.0).unwrap();
        assert_eq!(stretched.image_from_tensor(half), BBox::from_corners(0.0, 0.0, 960.0, 540.0));
        assert_eq!(corner.image_from_tensor(all), BBox::from_corners(0.0, 0.0, 1920.0, 1080.0));
    }

    /// The way there, which no stage goes with a box.
    fn tensor_from_image(letterbox: &Letterbox, bbox: BBox<ImagePx>) -> BBox<TensorPx> {
        let ((scale_x, scale_y), (left, top)) = (letterbox.scale(), letterbox.offset_px());
        let (left, top) = (left as f32, top as f32);
        let [x_min, x_max] = [bbox.x_min(), bbox.x_max()].map(|x| x * scale_x + left);
        let [y_min, y_max] = [bbox.y_min(), bbox.y_max()].map(|y| y * scale_y + top);
        BBox::from_corners(x_min, y_min, x_max, y_max).unwrap()
    }

    proptest! {
        #[test]
        fn a_box_survives_the_letterbox_round_trip(
            (w, h) in (1u32..4000, 1u32..4000), (tw, th) in (32u32..1300, 32u32..1300),
            (x0, y0, x1, y1) in (0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0),
        ) {
            let letterbox = Letterbox::new(size(w, h), size(tw, th));
            let (w, h) = (w as f32, h as f32);
            let (x_min, y_min, x_max, y_max) = (x0.min(x1) * w, y0.min(y1) * h, x0.max(x1) * w, y0.max(y1) * h);
            let bbox = BBox::<ImagePx>::from_corners(x_min, y_min, x_max, y_max).unwrap();
            prop_assume!(bbox.width() > 1e-3 * w && bbox.height() > 1e-3 * h);
            let there = tensor_from_image(&letterbox, bbox);
            prop_assert!(there.x_max() <= tw as f32 + 0.01 && there.y_max() <= th as f32 + 0.01);
            let back = letterbox.image_from_tensor(there).unwrap();
            for (got, wanted, side) in [
                (back.x_min(), bbox.x_min(), w), (back.y_min(), bbox.y_min(), h),
                (back.x_max(), bbox.x_max(), w), (back.y_max(), bbox.y_max(), h),
            ] {
                prop_assert!((got - wanted).abs() <= 2e-4 * side + 1e-3, "{got} for {wanted} in {side}");
            }
        }

        #[test]
        fn the_picture_fits_and_touches_two_sides(
            (w, h) in (1u32..5000, 1u32..5000), (tw, th) in (1u32..1300, 1u32..1300),
        ) {
            let letterbox = Letterbox::new(size(w, h), size(tw, th));
            let resized = letterbox.resized();
            prop_assert!((1..=tw).contains(&resized.width_px) && (1..=th).contains(&resized.height_px));
            prop_assert!(resized.width_px == tw || resized.height_px == th);
        }
    }
}
