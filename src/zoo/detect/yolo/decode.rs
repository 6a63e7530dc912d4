//! From the output tensor of a YOLO model to candidate boxes.
//!
//! All numbers of the output are looked at, also those of boxes that nobody will hear of: see [`detect`](crate::zoo::detect)
//! for what becomes of those that are none.

use super::layout::Layout;
use crate::types::{BBox, ClassId, TensorData, TensorPx};
use crate::vision::Candidate;
use crate::zoo::detect::numbers::{self, Float, doubt, magnitude};
use crate::zoo::{Thresholds, ZooError};
use half::f16;

/// Boxes whose class scores are searched together: a tile of 80 classes fits the second cache level.
const TILE: usize = 256;
/// Rows of scores that are searched together.
const ROWS: usize = 4;

/// Reads outputs of one layout.
#[derive(Debug, Clone)]
pub struct Decoder {
    layout: Layout,
    output: String,
}

impl Decoder {
    /// For outputs of this layout, `output` by name.
    pub fn new(layout: Layout, output: &str) -> Self {
        Self { layout, output: output.to_owned() }
    }

    /// The layout.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Adds to `candidates` every box of `output` whose best class scores at least `thresholds.score` and is reported.
    ///
    /// # Errors
    /// [`ZooError::NotANumber`] when the output holds one that is none, [`ZooError::NoSuchClass`] when a box that is good
    /// enough has a class without a name, [`ZooError::Shape`] for an output of another layout. `candidates` are then
    /// worth nothing.
    pub fn decode(
        &self,
        output: TensorData,
        thresholds: &Thresholds,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), ZooError> {
        match output {
            TensorData::F32(values) => self.decode_floats(values, thresholds, candidates),
            TensorData::F16(values) => self.decode_floats(values, thresholds, candidates),
            TensorData::I64(values) => Err(self.wrong_shape(values.len())),
            TensorData::Bool(values) => Err(self.wrong_shape(values.len())),
        }
    }

    fn decode_floats<E: Score>(
        &self,
        values: &[E],
        thresholds: &Thresholds,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), ZooError> {
        let shape = self.layout.shape();
        if values.len() != shape.iter().product::<usize>() {
            return Err(self.wrong_shape(values.len()));
        }
        match self.layout {
            Layout::Rows { boxes, .. } => {
                let decoded = decode_rows(values, boxes, thresholds, candidates);
                if !decoded.are_numbers {
                    numbers::check(values, &shape, &self.output)?;
                }
                decoded.no_box.map_or(Ok(()), |no_box| Err(no_box.of(&self.output)))
            }
            Layout::EndToEnd { classes, .. } => {
                numbers::check(values, &shape, &self.output)?;
                decode_end_to_end(values, classes, thresholds, candidates, &self.output)
            }
        }
    }

    /// Reads the probabilities of all classes of the box that `output` has at [`Candidate::source`] into `scores`, one
    /// for each class. Nothing for a layout without them and for a box that is not there.
    pub(super) fn class_scores(&self, output: TensorData, source: u32, scores: &mut [f32]) {
        let (Layout::Rows { boxes, .. }, Ok(at)) = (self.layout, usize::try_from(source)) else { return };
        match output {
            TensorData::F32(values) => copy_scores(values, boxes, at, scores),
            TensorData::F16(values) => copy_scores(values, boxes, at, scores),
            TensorData::I64(_) | TensorData::Bool(_) => {}
        }
    }

    fn wrong_shape(&self, elements: usize) -> ZooError {
        let expected = format!("float32 or float16 {:?}", self.layout.shape());
        ZooError::Shape { output: self.output.clone(), found: vec![elements], expected }
    }
}

/// An output's element as a score.
trait Score: Float {
    /// Orders as the scores do, in as few instructions as possible.
    type Key: Copy + PartialOrd;

    /// Below the key of every score.
    const LOWEST: Self::Key;

    fn key(self) -> Self::Key;

    /// The score of a key.
    fn score(key: Self::Key) -> f32;

    /// Raises the keys of `best` to those of some rows of as many scores. False when a score may be none; true when all
    /// are numbers.
    fn raise(best: &mut [Self::Key], rows: [&[Self]; ROWS]) -> bool;
}

impl Score for f32 {
    type Key = Self;

    const LOWEST: Self = Self::NEG_INFINITY;

    fn key(self) -> Self {
        self
    }

    fn score(key: Self) -> f32 {
        key
    }

    fn raise(best: &mut [Self], [a, b, c, d]: [&[Self]; ROWS]) -> bool {
        // Not a max function: this form is one vector instruction.
        let higher = |one: Self, other: Self| if one > other { one } else { other };
        let mut doubts = 0;
        for ((((best, &a), &b), &c), &d) in best.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *best = higher(higher(higher(a, b), higher(c, d)), *best);
            // One sum for four: it is finite unless one of them is not, or they are far beyond all scores.
            doubts |= doubt((a + b) + (c + d));
        }
        doubts == 0
    }
}

impl Score for f16 {
    /// The bits of floats that are not negative order as integers do: no conversion is needed to find the best score.
    type Key = i16;

    const LOWEST: i16 = i16::MIN;

    fn key(self) -> i16 {
        self.to_bits().cast_signed()
    }

    fn score(key: i16) -> f32 {
        Self::from_bits(key.cast_unsigned()).to_f32()
    }

    fn raise(best: &mut [i16], [a, b, c, d]: [&[Self]; ROWS]) -> bool {
        let mut largest = 0;
        for ((((best, &a), &b), &c), &d) in best.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *best = a.key().max(b.key()).max(c.key().max(d.key())).max(*best);
            let magnitudes = magnitude(a).max(magnitude(b)).max(magnitude(c).max(magnitude(d)));
            largest = magnitudes.max(largest);
        }
        largest < magnitude(Self::INFINITY)
    }
}

/// Two passes for each tile of boxes: the best score of each box over all class rows, a loop that compiles to vector
/// instructions; then, for the few boxes that reach the threshold, the class that has it. False when a number may be
/// none; true when all are numbers. A good box of a negative size is given back: it is none.
fn decode_rows<E: Score>(
    values: &[E],
    boxes: usize,
    thresholds: &Thresholds,
    candidates: &mut Vec<Candidate>,
) -> DecodedRows {
    let (corners, scores) = values.split_at(4 * boxes);
    let mut are_numbers = E::are_numbers(corners);
    let mut no_box = None;
    let mut tile = [E::LOWEST; TILE];
    for start in (0..boxes).step_by(TILE) {
        let len = TILE.min(boxes - start);
        let best = &mut tile[..len];
        best.fill(E::LOWEST);
        for rows in scores.chunks(ROWS * boxes) {
            let last = rows.len() / boxes - 1;
            // Where fewer are left, the last one again, which changes nothing.
            let row = |index: usize| &rows[index.min(last) * boxes + start..][..len];
            are_numbers &= E::raise(best, [row(0), row(1), row(2), row(3)]);
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
                let (score, source) = (score.clamp(0.0, 1.0), u32::try_from(at).unwrap_or(u32::MAX));
                candidates.push(Candidate { bbox, class, score, source });
            } else {
                no_box.get_or_insert(NoBox { at, width, height });
            }
        }
    }
    DecodedRows { are_numbers, no_box }
}

/// What the rows have beside candidates.
struct DecodedRows {
    /// False when a number may be none.
    are_numbers: bool,
    /// The first good box that is none.
    no_box: Option<NoBox>,
}

/// A good box of a negative size, or of one that is no number.
struct NoBox {
    at: usize,
    width: f32,
    height: f32,
}

impl NoBox {
    fn of(self, output: &str) -> ZooError {
        let Self { at, width, height } = self;
        ZooError::NoSuchBox { output: output.to_owned(), at, width, height }
    }
}

/// One column of scores. What is no probability becomes the nearest one.
fn copy_scores<E: Float>(values: &[E], boxes: usize, at: usize, scores: &mut [f32]) {
    let rows = values.chunks_exact(boxes.max(1)).skip(4);
    for (row, score) in rows.zip(scores) {
        *score = row.get(at).map_or(0.0, |value| value.value().clamp(0.0, 1.0));
    }
}

/// Stops at a good box whose class has no name, and at one of a negative size.
fn decode_end_to_end<E: Float>(
    values: &[E],
    classes: usize,
    thresholds: &Thresholds,
    candidates: &mut Vec<Candidate>,
    output: &str,
) -> Result<(), ZooError> {
    for (row, source) in values.chunks_exact(6).zip(0u32..) {
        let score = row[4].value();
        if score < thresholds.score {
            continue;
        }
        let class = class_of(row[5].value(), classes).ok_or_else(|| ZooError::NoSuchClass {
            output: output.to_owned(),
            at: source as usize,
            found: row[5].value().to_string(),
            classes,
        })?;
        if !thresholds.reports(class) {
            continue;
        }
        let [x_min, y_min, x_max, y_max] = [0, 1, 2, 3].map(|column| row[column].value());
        let Some(bbox) = BBox::<TensorPx>::from_corners(x_min, y_min, x_max, y_max) else {
            return Err(NoBox { at: source as usize, width: x_max - x_min, height: y_max - y_min }.of(output));
        };
        candidates.push(Candidate { bbox, class, score: score.clamp(0.0, 1.0), source });
    }
    Ok(())
}

/// A class number that travelled as a float.
fn class_of(number: f32, classes: usize) -> Option<ClassId> {
    let rounded = number.round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "used only inside the range")]
    let class = (0.0..=f32::from(u16::MAX)).contains(&rounded).then_some(ClassId(rounded as u16));
    class.filter(|class| usize::from(class.0) < classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Labels;
    use crate::zoo::ClassMask;
    use proptest::prelude::*;

    fn tried(layout: Layout, output: TensorData, thresholds: &Thresholds) -> Result<Vec<Candidate>, ZooError> {
        let mut candidates = Vec::new();
        Decoder::new(layout, "output0").decode(output, thresholds, &mut candidates).map(|()| candidates)
    }

    fn decoded(layout: Layout, output: TensorData, thresholds: &Thresholds) -> Vec<Candidate> {
        tried(layout, output, thresholds).unwrap()
    }

    fn above(score: f32) -> Thresholds {
        Thresholds { score, ..Thresholds::default() }
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
        let output = [10.0, 30.0, 10.0, 30.0, 4.0, 6.0, 8.0, 2.0, 0.1, 0.5, 0.9, -0.25, 0.3, 1.5];
        let halves: Vec<f16> = output.iter().map(|value| f16::from_f32(*value)).collect();
        let scores = |layout, output, source| {
            let mut scores = [0.0; 3];
            Decoder::new(layout, "output0").class_scores(output, source, &mut scores);
            scores
        };
        assert_eq!(scores(layout, TensorData::F32(&output), 0), [0.1, 0.9, 0.3]);
        assert_eq!(scores(layout, TensorData::F32(&output), 1), [0.5, 0.0, 1.0], "what is out of range is the nearest");
        assert_eq!(scores(layout, TensorData::F16(&halves), 1), [0.5, 0.0, 1.0]);
        assert_eq!(scores(layout, TensorData::F32(&output), 2), [0.0; 3], "no such box");
        assert_eq!(scores(Layout::EndToEnd { classes: 3, boxes: 1 }, TensorData::F32(&[0.5; 6]), 0), [0.0; 3]);
    }

    #[test]
    fn a_class_that_is_not_reported_takes_its_box_along() {
        let output = [10.0, 10.0, 4.0, 4.0, 0.9, 0.8];
        let classes = Some(ClassMask::new(&Labels::new(["truck", "car"], 0), ["car"]).unwrap());
        let thresholds = Thresholds { classes, ..Thresholds::default() };
        assert_eq!(decoded(Layout::Rows { classes: 2, boxes: 1 }, TensorData::F32(&output), &thresholds), []);
    }

    #[test]
    fn a_number_that_is_none_costs_the_picture_wherever_it_is() {
        for (classes, boxes) in [(1, 1), (3, 2), (4, 300), (80, 513)] {
            let layout = Layout::Rows { classes, boxes };
            let sound = vec![0.1_f32; (4 + classes) * boxes];
            for at in [0, 4 * boxes - 1, 4 * boxes, sound.len() / 2, sound.len() - 1] {
                for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let mut output = sound.clone();
                    output[at] = bad;
                    let error = tried(layout, TensorData::F32(&output), &above(0.25)).unwrap_err().to_string();
                    let place = format!("{bad} at [0, {}, {}], expected", at / boxes, at % boxes);
                    assert!(error.contains(&place), "{place}: {error}");
                    let halves: Vec<f16> = output.iter().map(|value| f16::from_f32(*value)).collect();
                    assert_eq!(tried(layout, TensorData::F16(&halves), &above(0.25)).unwrap_err().to_string(), error);
                }
            }
        }
        for at in 0..12 {
            let mut output = [1.0, 2.0, 3.0, 4.0, 0.9, 1.0].repeat(2);
            output[4] = 0.1;
            output[at] = f32::NAN;
            let layout = Layout::EndToEnd { classes: 2, boxes: 2 };
            let error = tried(layout, TensorData::F32(&output), &above(0.25)).unwrap_err().to_string();
            let place = format!("the model's output0 are NaN at [0, {}, {}], expected numbers", at / 6, at % 6);
            assert_eq!(error, format!("{place}: 1 of 12 are none"));
        }
    }

    #[test]
    fn numbers_far_beyond_a_score_are_certain_or_nothing() {
        let rows = |score: f32, width: f32| [10.0, 10.0, width, 4.0, score];
        let layout = Layout::Rows { classes: 1, boxes: 1 };
        let scores = |output: [f32; 5]| {
            let found = decoded(layout, TensorData::F32(&output), &above(0.25));
            found.iter().map(|candidate| candidate.score).collect::<Vec<_>>()
        };
        assert_eq!(scores(rows(3e38, 4.0)), [1.0]);
        assert!(scores(rows(-3e38, 4.0)).is_empty());
        let output = [1.0, 2.0, 3.0, 4.0, 7.5, 1.0];
        let found = decoded(Layout::EndToEnd { classes: 2, boxes: 1 }, TensorData::F32(&output), &above(0.25));
        assert_eq!((found.len(), found[0].score), (1, 1.0));
        let four = [vec![1.0; 4], vec![3e38; 4]].concat();
        let found = decoded(Layout::Rows { classes: 4, boxes: 1 }, TensorData::F32(&four), &above(0.25));
        assert_eq!(found.len(), 1, "numbers whose sum is none are numbers");
    }

    #[test]
    fn a_good_box_of_negative_size_costs_the_picture_and_a_poor_one_is_nothing() {
        let rows = [10.0, 10.0, -1.0, 4.0, 0.9];
        let layout = Layout::Rows { classes: 1, boxes: 1 };
        let error = tried(layout, TensorData::F32(&rows), &above(0.25)).unwrap_err().to_string();
        assert_eq!(error, "the model's output0 give box 0 a size of -1 x 4, expected at least 0");
        assert_eq!(decoded(layout, TensorData::F32(&rows), &above(0.95)), []);
        let corners = [5.0, 2.0, 3.0, 4.0, 0.9, 1.0];
        let layout = Layout::EndToEnd { classes: 2, boxes: 1 };
        let error = tried(layout, TensorData::F32(&corners), &above(0.25)).unwrap_err().to_string();
        assert_eq!(error, "the model's output0 give box 0 a size of -2 x 2, expected at least 0");
        assert_eq!(decoded(layout, TensorData::F32(&corners), &above(0.95)), []);
    }

    #[test]
    fn a_class_without_a_name_costs_the_picture_where_its_box_is_good_enough() {
        let layout = Layout::EndToEnd { classes: 2, boxes: 1 };
        for class in [-1.0, 2.0, 1e9] {
            let output = [1.0, 2.0, 3.0, 4.0, 0.9, class];
            let error = tried(layout, TensorData::F32(&output), &above(0.25)).unwrap_err().to_string();
            assert_eq!(error, format!("the model's output0 name class {class} for box 0, expected 0..2"));
            assert_eq!(decoded(layout, TensorData::F32(&output), &above(0.95)), []);
        }
    }

    #[test]
    fn a_tensor_of_another_length_costs_the_picture() {
        let layout = Layout::Rows { classes: 3, boxes: 2 };
        let error = tried(layout, TensorData::F32(&[1.0; 13]), &above(0.0)).unwrap_err().to_string();
        assert_eq!(error, "model gives output0 [13], expected float32 or float16 [1, 7, 2]");
        assert!(tried(layout, TensorData::I64(&[1; 14]), &above(0.0)).is_err());
        assert_eq!(decoded(Layout::Rows { classes: 1, boxes: 0 }, TensorData::F32(&[]), &above(0.0)), []);
    }

    proptest! {
        #[test]
        fn tiles_find_what_a_plain_search_finds(
            boxes in 1usize..600, classes in 1usize..11, seed in any::<u32>(), threshold in 0.0f32..1.0,
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
