//! From the output tensor of a YOLO model to candidate boxes.

use super::FAMILY;
use crate::infer::Signature;
use crate::types::{BBox, ClassId, Element, TensorData, TensorPx};
use crate::vision::Candidate;
use crate::zoo::{Thresholds, ZooError};
use half::f16;

/// Boxes whose class scores are searched together: a tile of 80 classes fits the second cache level.
const TILE: usize = 256;

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
                [Some(1), Some(boxes), Some(6)] if says_end_to_end => Some(Self::EndToEnd { boxes }),
                [Some(1), Some(rows), Some(boxes)] if rows == 4 + classes => Some(Self::Rows { classes, boxes }),
                [Some(1), Some(boxes), Some(6)] => Some(Self::EndToEnd { boxes }),
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
            Self::Rows { boxes, .. } | Self::EndToEnd { boxes } => boxes,
        }
    }

    /// Whether overlapping boxes are left to us.
    pub fn needs_nms(self) -> bool {
        matches!(self, Self::Rows { .. })
    }
}

/// Reads outputs of one layout.
#[derive(Debug, Clone, Copy)]
pub struct Decoder {
    layout: Layout,
}

impl Decoder {
    /// For outputs of this layout.
    pub fn new(layout: Layout) -> Self {
        Self { layout }
    }

    /// The layout.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Adds to `candidates` every box of `output` whose best class scores at least `thresholds.score` and is reported.
    /// Boxes that are not finite or inside out are dropped, as are scores and classes that are no numbers; a tensor
    /// of another length than the layout's has none.
    pub fn decode(&self, output: TensorData, thresholds: &Thresholds, candidates: &mut Vec<Candidate>) {
        match (self.layout, output) {
            (Layout::Rows { classes, boxes }, TensorData::F32(values)) => {
                decode_rows(values, classes, boxes, thresholds, candidates);
            }
            (Layout::Rows { classes, boxes }, TensorData::F16(values)) => {
                decode_rows(values, classes, boxes, thresholds, candidates);
            }
            (Layout::EndToEnd { .. }, TensorData::F32(values)) => decode_end_to_end(values, thresholds, candidates),
            (Layout::EndToEnd { .. }, TensorData::F16(values)) => decode_end_to_end(values, thresholds, candidates),
            (_, TensorData::I64(_) | TensorData::Bool(_)) => {}
        }
    }

    /// Reads the probabilities of all classes of the box that `output` has at [`Candidate::source`] into `scores`, one
    /// for each class. `None`, with `scores` unspecified, for a layout without them and for a box that is not there.
    pub fn class_scores(&self, output: TensorData, source: u32, scores: &mut [f32]) -> Option<()> {
        let (Layout::Rows { classes, boxes }, at) = (self.layout, usize::try_from(source).ok()?) else { return None };
        if scores.len() != classes || at >= boxes {
            return None;
        }
        match output {
            TensorData::F32(values) => copy_scores(values, boxes, at, scores),
            TensorData::F16(values) => copy_scores(values, boxes, at, scores),
            TensorData::I64(_) | TensorData::Bool(_) => None,
        }
    }
}

/// An output's element.
trait Float: Copy {
    /// Orders as the scores do, in as few instructions as possible.
    type Key: Copy + PartialOrd;

    /// Below the key of every score.
    const LOWEST: Self::Key;

    fn key(self) -> Self::Key;

    /// The score of a key.
    fn score(key: Self::Key) -> f32;

    fn value(self) -> f32;
}

impl Float for f32 {
    type Key = Self;

    const LOWEST: Self = Self::NEG_INFINITY;

    fn key(self) -> Self {
        self
    }

    fn score(key: Self) -> f32 {
        key
    }

    fn value(self) -> f32 {
        self
    }
}

impl Float for f16 {
    /// The bits of floats that are not negative order as integers do: no conversion is needed to find the best score.
    type Key = i16;

    const LOWEST: i16 = i16::MIN;

    fn key(self) -> i16 {
        let bits = self.to_bits().cast_signed();
        // Behind infinity come the bits of NaN, which must not win.
        if bits > Self::INFINITY.to_bits().cast_signed() { Self::LOWEST } else { bits }
    }

    fn score(key: i16) -> f32 {
        Self::from_bits(key.cast_unsigned()).to_f32()
    }

    fn value(self) -> f32 {
        self.to_f32()
    }
}

/// Two passes for each tile of boxes: the best score of each box over all class rows, a loop that compiles to vector
/// instructions; then, for the few boxes that reach the threshold, the class that has it.
fn decode_rows<E: Float>(
    values: &[E],
    classes: usize,
    boxes: usize,
    thresholds: &Thresholds,
    candidates: &mut Vec<Candidate>,
) {
    if boxes == 0 || values.len() != (4 + classes) * boxes {
        return;
    }
    let (corners, scores) = values.split_at(4 * boxes);
    let mut tile = [E::LOWEST; TILE];
    for start in (0..boxes).step_by(TILE) {
        let len = TILE.min(boxes - start);
        let best = &mut tile[..len];
        best.fill(E::LOWEST);
        for row in scores.chunks_exact(boxes) {
            for (best, score) in best.iter_mut().zip(&row[start..start + len]) {
                // Not a max function: this form is one vector instruction, and a NaN never wins.
                *best = if score.key() > *best { score.key() } else { *best };
            }
        }
        for (at, &key) in (start..).zip(best.iter()) {
            let score = E::score(key);
            if key == E::LOWEST || score < thresholds.score {
                continue;
            }
            let class = scores.chunks_exact(boxes).position(|row| row[at].key() == key);
            let Some(class) = class.and_then(|class| u16::try_from(class).ok()).map(ClassId) else { continue };
            if !thresholds.reports(class) {
                continue;
            }
            let [cx, cy, width, height] = [0, 1, 2, 3].map(|row| corners[row * boxes + at].value());
            if let Some(bbox) = BBox::<TensorPx>::from_center(cx, cy, width, height) {
                candidates.push(Candidate { bbox, class, score, source: u32::try_from(at).unwrap_or(u32::MAX) });
            }
        }
    }
}

/// One column of scores. What is no probability becomes the nearest one, what is no number 0.
fn copy_scores<E: Float>(values: &[E], boxes: usize, at: usize, scores: &mut [f32]) -> Option<()> {
    let rows = values.get(4 * boxes..)?;
    for (row, score) in scores.iter_mut().enumerate() {
        let value = rows.get(row * boxes + at)?.value();
        *score = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
    }
    Some(())
}

fn decode_end_to_end<E: Float>(values: &[E], thresholds: &Thresholds, candidates: &mut Vec<Candidate>) {
    for (row, source) in values.chunks_exact(6).zip(0..) {
        let score = row[4].value();
        if score.is_nan() || score < thresholds.score {
            continue;
        }
        let Some(class) = class_of(row[5].value()).filter(|class| thresholds.reports(*class)) else { continue };
        let [x_min, y_min, x_max, y_max] = [0, 1, 2, 3].map(|column| row[column].value());
        if let Some(bbox) = BBox::<TensorPx>::from_corners(x_min, y_min, x_max, y_max) {
            candidates.push(Candidate { bbox, class, score, source });
        }
    }
}

/// A class number that travelled as a float.
fn class_of(number: f32) -> Option<ClassId> {
    let rounded = number.round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "used only inside the range")]
    (0.0..=f32::from(u16::MAX)).contains(&rounded).then_some(ClassId(rounded as u16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::TensorSpec;
    use crate::types::Labels;
    use crate::zoo::ClassMask;
    use proptest::prelude::*;
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

    fn decoded(layout: Layout, output: TensorData, thresholds: &Thresholds) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        Decoder::new(layout).decode(output, thresholds, &mut candidates);
        candidates
    }

    fn above(score: f32) -> Thresholds {
        Thresholds { score, ..Thresholds::default() }
    }

    #[test]
    fn layouts_are_told_by_their_shape() {
        let of = |shape: &[usize], classes| Layout::of(&signature(&[shape], &[]), classes);
        assert_eq!(of(&[1, 84, 8400], 80), Ok(Layout::Rows { classes: 80, boxes: 8400 }));
        assert_eq!(of(&[1, 300, 6], 80), Ok(Layout::EndToEnd { boxes: 300 }));
        assert_eq!(of(&[1, 6, 8400], 2), Ok(Layout::Rows { classes: 2, boxes: 8400 }));
    }

    #[test]
    fn the_metadata_decides_where_the_shape_could_be_both() {
        assert_eq!(Layout::of(&signature(&[&[1, 6, 6]], &[]), 2), Ok(Layout::Rows { classes: 2, boxes: 6 }));
        let marked = signature(&[&[1, 6, 6]], &[("end2end", "True")]);
        assert_eq!(Layout::of(&marked, 2), Ok(Layout::EndToEnd { boxes: 6 }));
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

    #[test]
    fn the_best_class_of_a_box_is_its_class_and_the_first_of_equals() {
        // Two boxes, three classes; rows are cx, cy, w, h, then scores.
        let output = [10.0, 30.0, 10.0, 30.0, 4.0, 6.0, 8.0, 2.0, 0.1, 0.5, 0.9, 0.5, 0.3, 0.2];
        let found = decoded(Layout::Rows { classes: 3, boxes: 2 }, TensorData::F32(&output), &above(0.25));
        let bbox = BBox::from_corners(8.0, 6.0, 12.0, 14.0).unwrap();
        assert_eq!(found[0], Candidate { bbox, class: ClassId(1), score: 0.9, source: 0 });
        assert_eq!((found[1].class, found[1].score), (ClassId(0), 0.5));
    }

    #[test]
    fn all_scores_of_a_box_are_read_by_its_source() {
        let layout = Layout::Rows { classes: 3, boxes: 2 };
        let output = [10.0, 30.0, 10.0, 30.0, 4.0, 6.0, 8.0, 2.0, 0.1, 0.5, 0.9, f32::NAN, 0.3, 1.5];
        let (decoder, mut scores) = (Decoder::new(layout), [7.0; 3]);
        assert_eq!(decoder.class_scores(TensorData::F32(&output), 0, &mut scores), Some(()));
        assert_eq!(scores, [0.1, 0.9, 0.3]);
        assert_eq!(decoder.class_scores(TensorData::F32(&output), 1, &mut scores), Some(()));
        assert_eq!(scores, [0.5, 0.0, 1.0], "a number out of range is the nearest in it, no number is 0");
        let halves: Vec<f16> = output.iter().map(|value| f16::from_f32(*value)).collect();
        assert_eq!(decoder.class_scores(TensorData::F16(&halves), 1, &mut scores), Some(()));
        assert_eq!(scores, [0.5, 0.0, 1.0]);
        for (output, source, classes) in [(&output[..], 2, 3), (&output[..13], 1, 3), (&output[..], 0, 2)] {
            assert_eq!(decoder.class_scores(TensorData::F32(output), source, &mut scores[..classes]), None);
        }
        let end_to_end = Decoder::new(Layout::EndToEnd { boxes: 1 });
        assert_eq!(end_to_end.class_scores(TensorData::F32(&[0.0; 6]), 0, &mut scores), None);
    }

    #[test]
    fn a_class_that_is_not_reported_takes_its_box_along() {
        let output = [10.0, 10.0, 4.0, 4.0, 0.9, 0.8];
        let classes = Some(ClassMask::new(&Labels::new(["truck", "car"], 0), ["car"]).unwrap());
        let thresholds = Thresholds { classes, ..Thresholds::default() };
        assert_eq!(decoded(Layout::Rows { classes: 2, boxes: 1 }, TensorData::F32(&output), &thresholds), []);
    }

    #[test]
    fn what_is_not_a_number_is_no_candidate() {
        let rows = |score: f32, width: f32| [10.0, 10.0, width, 4.0, score];
        for output in [rows(f32::NAN, 4.0), rows(0.9, f32::NAN), rows(0.9, f32::INFINITY), rows(0.9, -1.0)] {
            let found = decoded(Layout::Rows { classes: 1, boxes: 1 }, TensorData::F32(&output), &above(0.0));
            assert_eq!(found, [], "{output:?}");
        }
        let good = [1.0, 2.0, 3.0, 4.0, 0.9, 1.0];
        for (column, value) in [(0, f32::NAN), (2, 0.0), (4, f32::NAN), (5, -1.0), (5, 1e9), (5, f32::NAN)] {
            let mut output = good;
            output[column] = value;
            let found = decoded(Layout::EndToEnd { boxes: 1 }, TensorData::F32(&output), &above(0.25));
            assert_eq!(found, [], "{output:?}");
        }
        assert_eq!(decoded(Layout::EndToEnd { boxes: 1 }, TensorData::F32(&good), &above(0.25)).len(), 1);
    }

    #[test]
    fn a_tensor_of_another_length_has_no_candidates() {
        assert_eq!(decoded(Layout::Rows { classes: 3, boxes: 2 }, TensorData::F32(&[1.0; 13]), &above(0.0)), []);
        assert_eq!(decoded(Layout::Rows { classes: 1, boxes: 0 }, TensorData::F32(&[]), &above(0.0)), []);
    }

    proptest! {
        #[test]
        fn tiles_find_what_a_plain_search_finds(
            boxes in 1usize..600, classes in 1usize..8, seed in any::<u32>(), threshold in 0.0f32..1.0,
        ) {
            let mut state = seed;
            let mut random = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) as f32 / 65536.0
            };
            let output: Vec<f32> = (0..(4 + classes) * boxes).map(|_| random()).collect();
            let found = decoded(Layout::Rows { classes, boxes }, TensorData::F32(&output), &above(threshold));
            let plain: Vec<_> = (0..boxes).filter_map(|at| {
                let scores = (0..classes).map(|class| output[(4 + class) * boxes + at]);
                let (class, score) = scores.enumerate().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
                (score >= threshold).then_some((u16::try_from(class).unwrap(), score))
            }).collect();
            prop_assert_eq!(found.iter().map(|c| (c.class.0, c.score)).collect::<Vec<_>>(), plain);

            let halves: Vec<f16> = output.iter().map(|value| f16::from_f32(*value)).collect();
            let widened: Vec<f32> = halves.iter().map(|value| value.to_f32()).collect();
            let from_halves = decoded(Layout::Rows { classes, boxes }, TensorData::F16(&halves), &above(threshold));
            let from_widened = decoded(Layout::Rows { classes, boxes }, TensorData::F32(&widened), &above(threshold));
            prop_assert_eq!(from_halves, from_widened);
        }
    }
}
