//! Axis-aligned boxes whose coordinate space is part of their type.

use std::marker::PhantomData;

/// Pixels of the original image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImagePx;

/// Pixels of a model's input tensor, padding included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TensorPx;

/// A box by its corners, `x_min <= x_max` and `y_min <= y_max`, in continuous pixels of `Space`.
///
/// Edges, not pixel centres: a box around the whole of a 640x480 image is `(0, 0, 640, 480)`. Only the letterbox
/// turns a `BBox<TensorPx>` into a `BBox<ImagePx>`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BBox<Space> {
    x_min: f32,
    y_min: f32,
    x_max: f32,
    y_max: f32,
    space: PhantomData<Space>,
}

impl<Space> BBox<Space> {
    /// From two opposite corners. `None` when a coordinate is not finite or a corner is on the wrong side.
    pub fn from_corners(x_min: f32, y_min: f32, x_max: f32, y_max: f32) -> Option<Self> {
        let finite = x_min.is_finite() && y_min.is_finite() && x_max.is_finite() && y_max.is_finite();
        (finite && x_min <= x_max && y_min <= y_max).then_some(Self { x_min, y_min, x_max, y_max, space: PhantomData })
    }

    /// From centre and size. `None` when a number is not finite or a size is negative.
    pub fn from_center(cx: f32, cy: f32, width: f32, height: f32) -> Option<Self> {
        let (half_w, half_h) = (width / 2.0, height / 2.0);
        Self::from_corners(cx - half_w, cy - half_h, cx + half_w, cy + half_h)
    }

    /// Left edge.
    pub fn x_min(&self) -> f32 {
        self.x_min
    }

    /// Top edge.
    pub fn y_min(&self) -> f32 {
        self.y_min
    }

    /// Right edge.
    pub fn x_max(&self) -> f32 {
        self.x_max
    }

    /// Bottom edge.
    pub fn y_max(&self) -> f32 {
        self.y_max
    }

    /// `x_max - x_min`, never negative.
    pub fn width(&self) -> f32 {
        self.x_max - self.x_min
    }

    /// `y_max - y_min`, never negative.
    pub fn height(&self) -> f32 {
        self.y_max - self.y_min
    }

    /// The centre, `(x, y)`.
    pub fn center(&self) -> (f32, f32) {
        (self.x_min + self.width() / 2.0, self.y_min + self.height() / 2.0)
    }

    /// Width times height.
    pub fn area(&self) -> f32 {
        self.width() * self.height()
    }

    /// Intersection over union, `0..=1`; 0 where both boxes are empty.
    pub fn iou(&self, other: &Self) -> f32 {
        let width = self.x_max.min(other.x_max) - self.x_min.max(other.x_min);
        let height = self.y_max.min(other.y_max) - self.y_min.max(other.y_min);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let intersection = width * height;
        intersection / (self.area() + other.area() - intersection)
    }

    /// The part inside `0..=width, 0..=height`. `None` when nothing of the box lies inside.
    pub fn clipped(&self, width: f32, height: f32) -> Option<Self> {
        let clipped = Self {
            x_min: self.x_min.clamp(0.0, width),
            y_min: self.y_min.clamp(0.0, height),
            x_max: self.x_max.clamp(0.0, width),
            y_max: self.y_max.clamp(0.0, height),
            space: PhantomData,
        };
        (clipped.width() > 0.0 && clipped.height() > 0.0).then_some(clipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_box() -> impl Strategy<Value = BBox<ImagePx>> {
        (-100.0f32..700.0, -100.0f32..700.0, 0.0f32..300.0, 0.0f32..300.0)
            .prop_map(|(x, y, w, h)| BBox::from_corners(x, y, x + w, y + h).unwrap())
    }

    proptest! {
        #[test]
        fn iou_is_symmetric_and_between_0_and_1(a in any_box(), b in any_box()) {
            prop_assert_eq!(a.iou(&b), b.iou(&a));
            prop_assert!((0.0..=1.0001).contains(&a.iou(&b)));
        }

        #[test]
        fn a_box_with_area_overlaps_itself_fully(a in any_box()) {
            prop_assume!(a.area() > 1e-3);
            prop_assert!((a.iou(&a) - 1.0).abs() < 1e-5);
        }

        #[test]
        fn a_clipped_box_lies_inside_and_clips_to_itself(a in any_box()) {
            if let Some(clipped) = a.clipped(640.0, 480.0) {
                prop_assert!(clipped.x_min() >= 0.0 && clipped.x_max() <= 640.0);
                prop_assert!(clipped.y_min() >= 0.0 && clipped.y_max() <= 480.0);
                prop_assert_eq!(clipped.clipped(640.0, 480.0), Some(clipped));
            }
        }
    }

    #[test]
    fn a_box_that_is_not_finite_or_inside_out_is_none() {
        assert_eq!(BBox::<ImagePx>::from_corners(f32::NAN, 0.0, 1.0, 1.0), None);
        assert_eq!(BBox::<ImagePx>::from_corners(0.0, 0.0, f32::INFINITY, 1.0), None);
        assert_eq!(BBox::<ImagePx>::from_corners(2.0, 0.0, 1.0, 1.0), None);
        assert_eq!(BBox::<ImagePx>::from_center(5.0, 5.0, -1.0, 1.0), None);
    }

    #[test]
    fn half_overlapping_boxes_have_an_iou_of_one_third() {
        let a = BBox::<ImagePx>::from_corners(0.0, 0.0, 2.0, 1.0).unwrap();
        let b = BBox::<ImagePx>::from_corners(1.0, 0.0, 3.0, 1.0).unwrap();
        assert!((a.iou(&b) - 1.0 / 3.0).abs() < 1e-6);
    }
}
