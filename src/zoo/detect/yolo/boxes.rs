//! From the numbers of one box to its place in the tensor.

use super::layout::{BoxForm, Layout, STRIDES};
use crate::types::{BBox, Size, TensorPx};
use crate::zoo::ZooError;

/// Reads the boxes of a layout in a tensor of one size.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoxReader {
    form: BoxForm,
    /// Pixels of the tensor in one unit of the output, across and down.
    unit_px: [f32; 2],
    tensor: Size,
}

/// A good box of a negative size, or of one that is no number.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoBox {
    at: usize,
    width: f32,
    height: f32,
}

impl NoBox {
    pub fn of(self, output: &str) -> ZooError {
        let Self { at, width, height } = self;
        ZooError::NoSuchBox { output: output.to_owned(), at, width, height }
    }
}

impl BoxReader {
    pub fn new(layout: Layout, tensor: Size) -> Self {
        let unit_px =
            if layout.is_normalized() { [tensor.width_px as f32, tensor.height_px as f32] } else { [1.0, 1.0] };
        Self { form: layout.box_form(), unit_px, tensor }
    }

    /// The box at place `at` among all boxes, of which `number` gives each number.
    ///
    /// # Errors
    /// [`NoBox`] for one of negative size, or beyond all numbers.
    pub fn read(&self, at: usize, number: impl Fn(usize) -> f32) -> Result<BBox<TensorPx>, NoBox> {
        let [first, second, third, fourth] = [0, 1, 2, 3].map(&number);
        let [across, down] = self.unit_px;
        let centered = |[cx, cy, width, height]: [f32; 4]| {
            let bbox = BBox::from_center(cx * across, cy * down, width * across, height * down);
            bbox.ok_or(NoBox { at, width, height })
        };
        match self.form {
            BoxForm::Corners => BBox::from_corners(first * across, second * down, third * across, fourth * down)
                .ok_or(NoBox { at, width: third - first, height: fourth - second }),
            BoxForm::Center => centered([first, second, third, fourth]),
            BoxForm::Rotated(angle) => {
                if third < 0.0 || fourth < 0.0 {
                    return Err(NoBox { at, width: third, height: fourth });
                }
                let (sine, cosine) = number(angle).sin_cos();
                let (sine, cosine) = (sine.abs(), cosine.abs());
                centered([first, second, third * cosine + fourth * sine, third * sine + fourth * cosine])
            }
            BoxForm::Grid => {
                let (column, row, stride) = self.cell(at);
                let centre = [(first + column) * stride, (second + row) * stride];
                centered([centre[0], centre[1], third.exp() * stride, fourth.exp() * stride])
            }
        }
    }

    /// Column, row and side in pixels of a box's cell: the cells of the finest grid first, row by row. Those of the
    /// coarsest grid go on for ever.
    fn cell(&self, at: usize) -> (f32, f32, f32) {
        let mut rest = at;
        let mut cell = (0.0, 0.0, 1.0);
        for (index, stride) in STRIDES.iter().enumerate() {
            let columns = (self.tensor.width_px.div_ceil(*stride) as usize).max(1);
            let rows = self.tensor.height_px.div_ceil(*stride) as usize;
            cell = ((rest % columns) as f32, (rest / columns) as f32, *stride as f32);
            if rest < columns * rows || index + 1 == STRIDES.len() {
                break;
            }
            rest -= columns * rows;
        }
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::LayoutName;

    const TENSOR: Size = Size { width_px: 64, height_px: 32 };

    fn read(name: LayoutName, at: usize, numbers: &[f32]) -> BBox<TensorPx> {
        BoxReader::new(Layout::new(name, 1), TENSOR).read(at, |place| numbers[place]).unwrap()
    }

    #[test]
    fn each_form_of_a_box_is_the_same_box() {
        let bbox = BBox::from_corners(8.0, 4.0, 24.0, 12.0).unwrap();
        assert_eq!(read(LayoutName::EndToEnd, 0, &[8.0, 4.0, 24.0, 12.0]), bbox);
        assert_eq!(read(LayoutName::Rows, 0, &[16.0, 8.0, 16.0, 8.0]), bbox);
        assert_eq!(read(LayoutName::NormalizedEndToEnd, 0, &[0.25, 0.25, 0.25, 0.25]), bbox);
        assert_eq!(read(LayoutName::OrientedRows, 0, &[16.0, 8.0, 16.0, 8.0, 0.9, 0.0]), bbox);
        let upright = read(LayoutName::OrientedRows, 0, &[16.0, 8.0, 8.0, 16.0, 0.9, std::f32::consts::FRAC_PI_2]);
        assert!((upright.x_min() - 8.0).abs() < 1e-5 && (upright.y_max() - 12.0).abs() < 1e-5, "{upright:?}");
    }

    #[test]
    fn a_turned_square_is_as_wide_as_its_diagonal() {
        let square = read(LayoutName::OrientedRows, 0, &[32.0, 16.0, 10.0, 10.0, 0.9, std::f32::consts::FRAC_PI_4]);
        let side = 10.0 * std::f32::consts::SQRT_2;
        assert!((square.width() - side).abs() < 1e-4 && (square.height() - side).abs() < 1e-4);
        assert_eq!(square.center(), (32.0, 16.0));
    }

    #[test]
    fn cells_are_counted_row_by_row_from_the_finest_grid_to_the_coarsest() {
        // 8x4 cells of 8 px, 4x2 of 16, 2x1 of 32.
        for (at, centre) in
            [(0, (4.0, 4.0)), (9, (12.0, 12.0)), (31, (60.0, 28.0)), (32, (8.0, 8.0)), (41, (48.0, 16.0))]
        {
            let bbox = read(LayoutName::Yolox, at, &[0.5, 0.5, 0.0, 0.0]);
            assert_eq!(bbox.center(), centre, "cell {at}");
        }
        let wide = read(LayoutName::Yolox, 40, &[0.5, 0.5, 2.0_f32.ln(), 0.0]);
        assert!((wide.width() - 64.0).abs() < 1e-4 && wide.height() == 32.0);
    }
}
