//! How a YOLO model's outputs hold their boxes.

use crate::zoo::LayoutName;

pub(super) const FAMILY: &str = "yolo";

/// Sides of a cell of the grids, in pixels of the input tensor.
pub(super) const STRIDES: [u32; 3] = [8, 16, 32];

/// A layout with its numbers. How many boxes there are is said by each output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Which one.
    pub name: LayoutName,
    /// Number of classes.
    pub classes: usize,
    /// How many numbers each box has; those that nobody reads are counted.
    pub width: usize,
}

/// What the first four numbers of a box are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BoxForm {
    /// Left, top, right, bottom.
    Corners,
    /// Centre, width and height.
    Center,
    /// The same with an angle in radians, at this place among the box's numbers.
    Rotated(usize),
    /// Offsets from a cell of the grid and the logarithms of width and height, both in strides.
    Grid,
}

impl Layout {
    /// A layout without anything behind its scores.
    pub fn new(name: LayoutName, classes: usize) -> Self {
        Self { name, classes, width: least_width(name, classes) }
    }

    /// The dimensions of the output of `boxes` boxes.
    pub fn shape(self, boxes: usize) -> Vec<usize> {
        match self.name {
            LayoutName::BatchClassScore | LayoutName::BatchScoreClass => vec![boxes, self.width],
            _ if self.is_turned() => vec![1, self.width, boxes],
            _ => vec![1, boxes, self.width],
        }
    }

    /// How many boxes an output of these dimensions holds; none of another layout.
    pub(super) fn boxes(self, shape: &[usize]) -> Option<usize> {
        let is_batch = matches!(self.name, LayoutName::BatchClassScore | LayoutName::BatchScoreClass);
        match *shape {
            [boxes, width] if is_batch && width == self.width => Some(boxes),
            [1, width, boxes] if self.is_turned() && width == self.width => Some(boxes),
            [1, boxes, width] if !is_batch && !self.is_turned() && width == self.width => Some(boxes),
            _ => None,
        }
    }

    /// The dimensions in words.
    pub(super) fn shape_text(self) -> String {
        self.shape(usize::MAX)
            .iter()
            .map(|&side| if side == usize::MAX { "N".to_owned() } else { side.to_string() })
            .fold(
                String::new(),
                |text, side| if text.is_empty() { format!("[{side}") } else { format!("{text}, {side}") },
            )
            + "]"
    }

    /// Whether the numbers of one box stand in a column, not in a row.
    pub(super) fn is_turned(self) -> bool {
        matches!(self.name, LayoutName::Rows | LayoutName::OrientedRows | LayoutName::ObjectnessRows)
    }

    /// Whether the score of a class stands behind the box's own.
    pub(super) fn has_objectness(self) -> bool {
        matches!(self.name, LayoutName::Objectness | LayoutName::ObjectnessRows | LayoutName::Yolox)
    }

    /// Whether each box has a score for every class.
    pub fn has_class_scores(self) -> bool {
        self.needs_nms() || self.name == LayoutName::NormalizedColumns
    }

    /// Whether overlapping boxes are left to us.
    pub fn needs_nms(self) -> bool {
        self.is_turned() || matches!(self.name, LayoutName::Columns | LayoutName::Objectness | LayoutName::Yolox)
    }

    /// Whether coordinates are `0..=1` of the tensor's sides, not pixels.
    pub(super) fn is_normalized(self) -> bool {
        matches!(self.name, LayoutName::NormalizedColumns | LayoutName::NormalizedEndToEnd)
    }

    pub(super) fn box_form(self) -> BoxForm {
        match self.name {
            LayoutName::OrientedRows => BoxForm::Rotated(4 + self.classes),
            LayoutName::OrientedEndToEnd => BoxForm::Rotated(6),
            LayoutName::Yolox => BoxForm::Grid,
            _ if self.has_class_scores() || self.name == LayoutName::NormalizedEndToEnd => BoxForm::Center,
            _ => BoxForm::Corners,
        }
    }
}

/// How many numbers a box of a layout has at least.
pub(super) fn least_width(name: LayoutName, classes: usize) -> usize {
    match name {
        LayoutName::Rows | LayoutName::Columns | LayoutName::NormalizedColumns => 4 + classes,
        LayoutName::OrientedRows | LayoutName::Objectness | LayoutName::ObjectnessRows | LayoutName::Yolox => {
            5 + classes
        }
        LayoutName::EndToEnd | LayoutName::NormalizedEndToEnd => 6,
        LayoutName::OrientedEndToEnd | LayoutName::BatchClassScore | LayoutName::BatchScoreClass => 7,
        LayoutName::NumDets => 4,
        _ => 5,
    }
}

/// What a layout is, for whoever has to choose.
pub(super) fn in_words(name: LayoutName) -> &'static str {
    match name {
        LayoutName::Rows => "a row for each coordinate and class",
        LayoutName::Columns => "centre, size in px and class scores of each box",
        LayoutName::NormalizedColumns => "centre, size in 0..1 and class scores of each box",
        LayoutName::Objectness => "centre, size in px, objectness and class scores of each box",
        LayoutName::ObjectnessRows => "a row for each coordinate, one of objectness, one for each class",
        LayoutName::Yolox => "the same before its grid is added, as YOLOX gives it",
        LayoutName::EndToEnd => "corners in px, score and class of each box",
        LayoutName::OrientedEndToEnd => "centre, size in px, score, class and angle of each box",
        LayoutName::NormalizedEndToEnd => "centre, size in 0..1, score and class of each box",
        LayoutName::OrientedRows => "a row for each coordinate and class, one of angles",
        LayoutName::BatchClassScore => "picture, corners, class and score of each box",
        LayoutName::BatchScoreClass => "picture, corners, score and class of each box",
        _ => "a tensor for each",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_those_of_the_exporters() {
        let rows = Layout::new(LayoutName::Rows, 80);
        assert_eq!((rows.shape(8400), rows.needs_nms()), (vec![1, 84, 8400], true));
        assert_eq!(rows.shape_text(), "[1, 84, N]");
        assert_eq!(Layout::new(LayoutName::Objectness, 80).shape(25200), [1, 25200, 85]);
        assert_eq!(Layout::new(LayoutName::EndToEnd, 80).shape_text(), "[1, N, 6]");
        assert_eq!(Layout::new(LayoutName::BatchClassScore, 80).shape(7), [7, 7]);
        for name in [LayoutName::Rows, LayoutName::Objectness, LayoutName::EndToEnd, LayoutName::BatchScoreClass] {
            let layout = Layout::new(name, 3);
            assert_eq!(
                (layout.boxes(&layout.shape(9)), layout.boxes(&[9]), layout.boxes(&[2, 9, 9])),
                (Some(9), None, None)
            );
        }
        assert_eq!(Layout::new(LayoutName::OrientedRows, 15).box_form(), BoxForm::Rotated(19));
        assert!(!Layout::new(LayoutName::NormalizedColumns, 80).needs_nms());
    }
}
