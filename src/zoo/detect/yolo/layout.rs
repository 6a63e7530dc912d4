//! How a YOLO model's output holds its boxes.

use crate::infer::Signature;
use crate::types::Element;
use crate::zoo::ZooError;

pub(super) const FAMILY: &str = "yolo";

/// How the output holds its boxes. All coordinates are pixels of the input tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[1, 4 + classes, boxes]`: rows of centre x, centre y, width, height and one row of scores for each class;
    /// overlapping boxes are all there. YOLOv8, v9, 11, 12.
    Rows {
        /// Number of classes.
        classes: usize,
        /// Number of boxes.
        boxes: usize,
    },
    /// `[1, boxes, 6]`: left, top, right, bottom, score, class of each box; suppressed by the model. YOLOv10, 26.
    EndToEnd {
        /// Number of classes.
        classes: usize,
        /// Number of boxes; those that are not needed have low scores.
        boxes: usize,
    },
}

impl Layout {
    /// The layout of a model with `classes` class names.
    ///
    /// # Errors
    /// [`ZooError::Outputs`] with the outputs as they are and the layouts that the family knows.
    pub fn of(signature: &Signature, classes: usize) -> Result<Self, ZooError> {
        let says_end_to_end = signature.metadata.get("end2end").is_some_and(|value| value == "True");
        let recognized = match signature.outputs.as_slice() {
            [spec] if matches!(spec.element, Element::F32 | Element::F16) => match *spec.shape.as_slice() {
                [Some(1), Some(boxes), Some(6)] if says_end_to_end => Some(Self::EndToEnd { classes, boxes }),
                [Some(1), Some(rows), Some(boxes)] if rows == 4 + classes => Some(Self::Rows { classes, boxes }),
                [Some(1), Some(boxes), Some(6)] => Some(Self::EndToEnd { classes, boxes }),
                _ => None,
            },
            _ => None,
        };
        recognized.ok_or_else(|| ZooError::Outputs {
            family: FAMILY,
            found: signature.outputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            expected: format!(
                "one output of float32 or float16: [1, {}, N] (box and {classes} class scores in rows) or [1, N, 6] \
                 (end to end)",
                4 + classes
            ),
        })
    }

    /// How many boxes an output holds.
    pub fn boxes(self) -> usize {
        match self {
            Self::Rows { boxes, .. } | Self::EndToEnd { boxes, .. } => boxes,
        }
    }

    /// The output's dimensions.
    pub(super) fn shape(self) -> [usize; 3] {
        match self {
            Self::Rows { classes, boxes } => [1, 4 + classes, boxes],
            Self::EndToEnd { boxes, .. } => [1, boxes, 6],
        }
    }

    /// Whether overlapping boxes are left to us.
    pub fn needs_nms(self) -> bool {
        matches!(self, Self::Rows { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::TensorSpec;
    use std::collections::BTreeMap;

    fn signature(shapes: &[&[usize]], metadata: &[(&str, &str)]) -> Signature {
        let outputs = shapes.iter().enumerate().map(|(index, shape)| TensorSpec {
            name: format!("output{index}"),
            element: Element::F32,
            shape: shape.iter().copied().map(Some).collect(),
        });
        let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Signature { inputs: Vec::new(), outputs: outputs.collect(), metadata: metadata.collect::<BTreeMap<_, _>>() }
    }

    #[test]
    fn layouts_are_told_by_their_shape() {
        let of = |shape: &[usize], classes| Layout::of(&signature(&[shape], &[]), classes);
        assert_eq!(of(&[1, 84, 8400], 80), Ok(Layout::Rows { classes: 80, boxes: 8400 }));
        assert_eq!(of(&[1, 300, 6], 80), Ok(Layout::EndToEnd { classes: 80, boxes: 300 }));
        assert_eq!(of(&[1, 6, 8400], 2), Ok(Layout::Rows { classes: 2, boxes: 8400 }));
    }

    #[test]
    fn the_metadata_decides_where_the_shape_could_be_both() {
        assert_eq!(Layout::of(&signature(&[&[1, 6, 6]], &[]), 2), Ok(Layout::Rows { classes: 2, boxes: 6 }));
        let marked = signature(&[&[1, 6, 6]], &[("end2end", "True")]);
        assert_eq!(Layout::of(&marked, 2), Ok(Layout::EndToEnd { classes: 2, boxes: 6 }));
    }

    #[test]
    fn another_layout_is_refused_with_both_sides() {
        let error = Layout::of(&signature(&[&[1, 25200, 85]], &[]), 80).unwrap_err().to_string();
        assert_eq!(
            error,
            "model gives [output0 float32 [1, 25200, 85]], family yolo expects one output of float32 or float16: \
             [1, 84, N] (box and 80 class scores in rows) or [1, N, 6] (end to end)"
        );
        let segmentation = signature(&[&[1, 116, 8400], &[1, 32, 160, 160]], &[]);
        assert!(Layout::of(&segmentation, 80).is_err());
        assert!(Layout::of(&signature(&[&[2, 84, 8400]], &[]), 80).is_err());
        assert!(Layout::of(&signature(&[&[1, 84, 8400]], &[]), 3).is_err(), "80 rows of scores, three names");
    }
}
