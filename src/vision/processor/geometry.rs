//! From a processed picture's `0..=1` square back to the pixels of the image.

use super::window::Window;
use crate::types::{BBox, ImagePx, Size};

/// Which part of an image a processed tensor shows, and the way back.
///
/// Models of the DETR and OWL kinds give boxes in `0..=1` of the tensor's width and height. The tensor may show the
/// whole image (stretched or with its aspect kept), the image and padding around it, a crop of the image, or a crop of
/// a crop; in every case it shows an upright rectangle of image pixels, which this value holds.
///
/// Small and `Copy`: it rides with the tensor that it describes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NormalizedGeometry {
    image: Size,
    left_px: f32,
    top_px: f32,
    width_px: f32,
    height_px: f32,
}

impl NormalizedGeometry {
    /// The whole image in the whole tensor, each side scaled on its own.
    pub(super) fn stretched(image: Size) -> Self {
        Self { image, left_px: 0.0, top_px: 0.0, width_px: image.width_px as f32, height_px: image.height_px as f32 }
    }

    /// The image in the top left corner of a square as wide as its longer side, the square stretched to the tensor.
    pub(super) fn square_padded(image: Size) -> Self {
        let side = image.width_px.max(image.height_px) as f32;
        Self { width_px: side, height_px: side, ..Self::stretched(image) }
    }

    /// The image resized to `resized`, of which the tensor shows its own size from column and row `offset_px` on;
    /// negative where the resized image is the smaller one.
    pub(super) fn cropped(image: Size, resized: Size, offset_px: (i64, i64), tensor: Size) -> Self {
        let per_resized = |image: u32, resized: u32| f64::from(image) / f64::from(resized);
        let (across, down) =
            (per_resized(image.width_px, resized.width_px), per_resized(image.height_px, resized.height_px));
        Self {
            image,
            left_px: single(offset_px.0 as f64 * across),
            top_px: single(offset_px.1 as f64 * down),
            width_px: single(f64::from(tensor.width_px) * across),
            height_px: single(f64::from(tensor.height_px) * down),
        }
    }

    /// The same tensor, made of a window of `image` instead of a whole image.
    pub(super) fn inside(self, image: Size, window: Window) -> Self {
        Self {
            image,
            left_px: self.left_px + window.left_px as f32,
            top_px: self.top_px + window.top_px as f32,
            ..self
        }
    }

    /// A box `[center x, center y, width, height]` in `0..=1` of the tensor, in pixels of the image, clipped to it.
    /// `None` when a number is not finite, a size is negative or nothing of the box lies inside the image.
    pub fn image_from_normalized_cxcywh(&self, [cx, cy, width, height]: [f32; 4]) -> Option<BBox<ImagePx>> {
        let (half_width, half_height) = (width / 2.0, height / 2.0);
        self.image_from_normalized_xyxy([cx - half_width, cy - half_height, cx + half_width, cy + half_height])
    }

    /// As [`Self::image_from_normalized_cxcywh`], for the corners `[x min, y min, x max, y max]`.
    pub fn image_from_normalized_xyxy(&self, [x_min, y_min, x_max, y_max]: [f32; 4]) -> Option<BBox<ImagePx>> {
        BBox::<ImagePx>::from_corners(
            self.left_px + x_min * self.width_px,
            self.top_px + y_min * self.height_px,
            self.left_px + x_max * self.width_px,
            self.top_px + y_max * self.height_px,
        )?
        .clipped(self.image.width_px as f32, self.image.height_px as f32)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "pixels of an image; the nearest single-precision number is meant")]
fn single(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn size(width_px: u32, height_px: u32) -> Size {
        Size { width_px, height_px }
    }

    #[test]
    fn a_box_of_the_padded_square_is_scaled_by_the_longer_side() {
        let geometry = NormalizedGeometry::square_padded(size(200, 100));
        let bbox = geometry.image_from_normalized_cxcywh([0.25, 0.25, 0.125, 0.25]).unwrap();
        assert_eq!(bbox, BBox::from_corners(37.5, 25.0, 62.5, 75.0).unwrap());
    }

    #[test]
    fn a_box_wholly_in_the_padding_is_none_and_one_over_the_edge_is_clipped() {
        let geometry = NormalizedGeometry::square_padded(size(200, 100));
        assert_eq!(geometry.image_from_normalized_cxcywh([0.5, 0.8, 0.2, 0.2]), None);
        let clipped = geometry.image_from_normalized_cxcywh([0.5, 0.5, 1.0, 1.0]);
        assert_eq!(clipped, BBox::from_corners(0.0, 0.0, 200.0, 100.0));
    }

    #[test]
    fn the_center_crop_shows_the_middle() {
        // 448x224 after resizing, of which columns 112 to 336 are shown: 200 to 600 of 800.
        let geometry = NormalizedGeometry::cropped(size(800, 400), size(448, 224), (112, 0), size(224, 224));
        let all = geometry.image_from_normalized_xyxy([0.0, 0.0, 1.0, 1.0]);
        assert_eq!(all, BBox::from_corners(200.0, 0.0, 600.0, 400.0));
    }

    #[test]
    fn a_crop_s_boxes_are_moved_to_its_place() {
        let window = Window { left_px: 50, top_px: 20, size: size(100, 40) };
        let geometry = NormalizedGeometry::stretched(window.size).inside(size(640, 480), window);
        let bbox = geometry.image_from_normalized_cxcywh([0.5, 0.5, 0.5, 0.5]);
        assert_eq!(bbox, BBox::from_corners(75.0, 30.0, 125.0, 50.0));
    }

    #[test]
    fn numbers_that_are_no_box_are_none() {
        let geometry = NormalizedGeometry::stretched(size(64, 64));
        for numbers in [[f32::NAN, 0.5, 0.1, 0.1], [0.5, 0.5, -0.1, 0.1], [0.5, f32::INFINITY, 0.1, 0.1]] {
            assert_eq!(geometry.image_from_normalized_cxcywh(numbers), None);
        }
    }

    /// The way there, which no stage goes: corners in `0..=1` of a tensor that shows the whole picture.
    fn normalized_xyxy_from_image(geometry: &NormalizedGeometry, bbox: BBox<ImagePx>) -> [f32; 4] {
        let [x_min, x_max] = [bbox.x_min(), bbox.x_max()].map(|x| (x - geometry.left_px) / geometry.width_px);
        let [y_min, y_max] = [bbox.y_min(), bbox.y_max()].map(|y| (y - geometry.top_px) / geometry.height_px);
        [x_min, y_min, x_max, y_max]
    }

    proptest! {
        #[test]
        fn a_box_survives_the_way_there_and_back(
            (w, h) in (1u32..4000, 1u32..4000), kind in 0usize..2,
            (x0, y0, x1, y1) in (0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0),
        ) {
            let make = [NormalizedGeometry::stretched, NormalizedGeometry::square_padded][kind];
            let geometry = make(size(w, h));
            let (w, h) = (w as f32, h as f32);
            let bbox = BBox::<ImagePx>::from_corners(x0.min(x1) * w, y0.min(y1) * h, x0.max(x1) * w, y0.max(y1) * h);
            let bbox = bbox.unwrap();
            prop_assume!(bbox.width() > 1e-3 * w && bbox.height() > 1e-3 * h);
            let there = normalized_xyxy_from_image(&geometry, bbox);
            prop_assert!(there.iter().all(|number| (0.0..=1.000_001).contains(number)));
            let back = geometry.image_from_normalized_xyxy(there).unwrap();
            for (got, wanted) in [
                (back.x_min(), bbox.x_min()), (back.y_min(), bbox.y_min()),
                (back.x_max(), bbox.x_max()), (back.y_max(), bbox.y_max()),
            ] {
                prop_assert!((got - wanted).abs() <= 1e-6 * w.max(h) + 1e-4, "{got} for {wanted}");
            }
        }
    }
}
