//! From the outputs of a YOLO model to candidate boxes.
//!
//! All numbers of an output are looked at, also those of boxes that nobody will hear of: see
//! [`detect`](crate::zoo::detect) for what becomes of those that are none. Then whether they can be what the layout
//! promises: see `plausible`.

use super::boxes::BoxReader;
use super::columns::Table;
use super::finished::Finished;
use super::layout::{BoxForm, Layout};
use super::plausible;
use super::rows::{Score, decode_rows};
use crate::types::{Size, TensorData, TensorRef};
use crate::vision::Candidate;
use crate::zoo::detect::numbers::{self, Float};
use crate::zoo::detect::queries::counted;
use crate::zoo::{LayoutName, Thresholds, ZooError};

/// Reads outputs of one layout.
#[derive(Debug, Clone)]
pub struct Decoder {
    layout: Layout,
    /// Names, in the layout's order.
    outputs: Vec<String>,
    reader: BoxReader,
    tensor: Size,
}

impl Decoder {
    /// For outputs of this layout, by name in the layout's order, of a model whose input has the size `tensor`.
    pub fn new(layout: Layout, outputs: &[&str], tensor: Size) -> Self {
        let outputs = outputs.iter().map(|name| (*name).to_owned()).collect();
        Self { layout, outputs, reader: BoxReader::new(layout, tensor), tensor }
    }

    /// The layout.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Adds to `candidates`, which should be empty, every box whose best class scores at least `thresholds.score` and
    /// is reported. `output` gives the layout's outputs by their order.
    ///
    /// # Errors
    /// [`ZooError::NotANumber`] when an output holds one that is none, [`ZooError::NoSuchClass`] and
    /// [`ZooError::NoSuchBox`] when a box that is good enough has a class without a name or a size below 0,
    /// [`ZooError::NotThatLayout`] when the numbers cannot be those of the layout, [`ZooError::Shape`] for outputs of
    /// other dimensions. `candidates` are then worth nothing.
    pub fn decode<'a>(
        &self,
        output: impl Fn(usize) -> TensorRef<'a>,
        thresholds: &Thresholds,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), ZooError> {
        let best = match self.layout.name {
            LayoutName::NumDets => self.counted(output, thresholds, candidates)?,
            LayoutName::DetsAndLabels => self.dets_and_labels(output, thresholds, candidates)?,
            _ => {
                let TensorRef { shape, data } = output(0);
                let boxes = self.boxes(shape)?;
                match data {
                    TensorData::F32(values) => self.one_output(values, (shape, boxes), thresholds, candidates),
                    TensorData::F16(values) => self.one_output(values, (shape, boxes), thresholds, candidates),
                    _ => Err(self.wrong_shape(0, shape, &self.layout.shape_text())),
                }?
            }
        };
        plausible::check(self.layout, self.name(self.boxes_place()), self.tensor, best, candidates)
    }

    /// The place of the output with the boxes: behind the number of them, where there is one.
    fn boxes_place(&self) -> usize {
        usize::from(self.layout.name == LayoutName::NumDets && self.outputs.len() == 4)
    }

    fn name(&self, output: usize) -> &str {
        self.outputs.get(output).map_or("output", String::as_str)
    }

    /// How many boxes an output of these dimensions holds.
    fn boxes(&self, shape: &[usize]) -> Result<usize, ZooError> {
        let boxes = self.layout.boxes(shape);
        boxes.ok_or_else(|| self.wrong_shape(0, shape, &self.layout.shape_text()))
    }

    fn one_output<E: Score>(
        &self,
        values: &[E],
        (shape, boxes): (&[usize], usize),
        thresholds: &Thresholds,
        candidates: &mut Vec<Candidate>,
    ) -> Result<f32, ZooError> {
        let (layout, name) = (self.layout, self.name(0));
        plausible::check_count(layout, name, self.tensor, boxes)?;
        if matches!(layout.name, LayoutName::Rows | LayoutName::OrientedRows) {
            // Of what stands behind the scores, an angle is read.
            let read = 4 + layout.classes + usize::from(matches!(layout.box_form(), BoxForm::Rotated(_)));
            let read = &values[..read * boxes];
            let decoded = decode_rows(read, (layout.classes, boxes), &self.reader, thresholds, candidates);
            if !decoded.are_numbers {
                numbers::check(read, shape, name)?;
            }
            return decoded.no_box.map_or(Ok(decoded.best), |no_box| Err(no_box.of(name)));
        }
        numbers::check(values, shape, name)?;
        if layout.has_class_scores() {
            let decoded = Table { values, layout, boxes }.decode(&self.reader, thresholds, candidates);
            plausible::check_grid(layout, name, self.tensor, decoded.farthest)?;
            return decoded.no_box.map_or(Ok(decoded.best), |no_box| Err(no_box.of(name)));
        }
        self.finished(thresholds, 0).rows(values, candidates)
    }

    fn finished<'a>(&'a self, thresholds: &'a Thresholds, output: usize) -> Finished<'a> {
        let boxes = self.name(self.boxes_place());
        Finished { layout: self.layout, reader: &self.reader, thresholds, output: self.name(output), boxes }
    }

    /// EfficientNMS: only the first boxes are any, where their number is given.
    fn counted<'a>(
        &self,
        output: impl Fn(usize) -> TensorRef<'a>,
        thresholds: &Thresholds,
        candidates: &mut Vec<Candidate>,
    ) -> Result<f32, ZooError> {
        let first = self.boxes_place();
        let [boxes, scores, classes] = [first, first + 1, first + 2].map(&output);
        let &[1, room, 4] = boxes.shape else { return Err(self.wrong_shape(first, boxes.shape, "[1, N, 4]")) };
        for (place, tensor) in [(first + 1, scores), (first + 2, classes)] {
            if tensor.shape != [1, room] || !is_class_or_float(tensor.data) {
                return Err(self.wrong_shape(place, tensor.shape, &format!("[1, {room}]")));
            }
        }
        let count = if first == 0 { room } else { counted(output(0), self.name(0), self.layout.name, room)? };
        let finished = self.finished(thresholds, first + 2);
        match (boxes.data, scores.data) {
            (TensorData::F32(boxes), TensorData::F32(scores)) => {
                self.first(count, (boxes, 4), (scores, room), classes.data, &finished, candidates)
            }
            (TensorData::F16(boxes), TensorData::F16(scores)) => {
                self.first(count, (boxes, 4), (scores, room), classes.data, &finished, candidates)
            }
            (TensorData::F32(boxes), TensorData::F16(scores)) => {
                self.first(count, (boxes, 4), (scores, room), classes.data, &finished, candidates)
            }
            (TensorData::F16(boxes), TensorData::F32(scores)) => {
                self.first(count, (boxes, 4), (scores, room), classes.data, &finished, candidates)
            }
            _ => Err(self.wrong_shape(first, boxes.shape, "float32 or float16")),
        }
    }

    fn first<E: Float, S: Float>(
        &self,
        count: usize,
        (boxes, stride): (&[E], usize),
        (scores, room): (&[S], usize),
        classes: TensorData,
        finished: &Finished,
        candidates: &mut Vec<Candidate>,
    ) -> Result<f32, ZooError> {
        // What stands behind the last box is whatever was there before.
        let place = self.boxes_place();
        numbers::check(&boxes[..count * stride], &[1, count, stride], self.name(place))?;
        numbers::check(&scores[..count.min(room)], &[1, count], self.name(place + 1))?;
        finished.tensors(count, (boxes, stride), |at| scores[at], classes, candidates)
    }

    /// MMDetection: the score is the fifth number of a box.
    fn dets_and_labels<'a>(
        &self,
        output: impl Fn(usize) -> TensorRef<'a>,
        thresholds: &Thresholds,
        candidates: &mut Vec<Candidate>,
    ) -> Result<f32, ZooError> {
        let [dets, labels] = [0, 1].map(output);
        let &[1, boxes, 5] = dets.shape else { return Err(self.wrong_shape(0, dets.shape, "[1, N, 5]")) };
        if labels.shape != [1, boxes] || !is_class_or_float(labels.data) {
            return Err(self.wrong_shape(1, labels.shape, &format!("[1, {boxes}]")));
        }
        let finished = self.finished(thresholds, 1);
        match dets.data {
            TensorData::F32(values) => {
                numbers::check(values, dets.shape, self.name(0))?;
                finished.tensors(boxes, (values, 5), |at| values[5 * at + 4], labels.data, candidates)
            }
            TensorData::F16(values) => {
                numbers::check(values, dets.shape, self.name(0))?;
                finished.tensors(boxes, (values, 5), |at| values[5 * at + 4], labels.data, candidates)
            }
            _ => Err(self.wrong_shape(0, dets.shape, "float32 or float16")),
        }
    }

    /// Reads the probabilities of all classes of the box that the output has at [`Candidate::source`] into `scores`, one
    /// for each class. Nothing for a layout without them and for a box that is not there.
    pub(super) fn class_scores(&self, output: TensorRef, source: u32, scores: &mut [f32]) {
        let (true, Ok(at), Ok(boxes)) =
            (self.layout.has_class_scores(), usize::try_from(source), self.boxes(output.shape))
        else {
            return;
        };
        let layout = self.layout;
        match output.data {
            TensorData::F32(values) => Table { values, layout, boxes }.class_scores(at, scores),
            TensorData::F16(values) => Table { values, layout, boxes }.class_scores(at, scores),
            _ => {}
        }
    }

    fn wrong_shape(&self, output: usize, found: &[usize], expected: &str) -> ZooError {
        let expected = format!("{expected}, for layout {}", self.layout.name);
        ZooError::Shape { output: self.name(output).to_owned(), found: found.to_vec(), expected }
    }
}

fn is_class_or_float(data: TensorData) -> bool {
    !matches!(data, TensorData::Bool(_) | TensorData::U8(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BBox, ClassId, Labels};
    use crate::zoo::ClassMask;
    use half::f16;
    use proptest::prelude::*;

    const TENSOR: Size = Size { width_px: 640, height_px: 640 };

    fn rows(classes: usize) -> Layout {
        Layout::new(LayoutName::Rows, classes)
    }

    fn end_to_end(classes: usize) -> Layout {
        Layout::new(LayoutName::EndToEnd, classes)
    }

    fn shape_of(layout: Layout, output: TensorData) -> Vec<usize> {
        let len = match output {
            TensorData::F32(values) => values.len(),
            TensorData::F16(values) => values.len(),
            TensorData::I64(values) => values.len(),
            _ => 0,
        };
        layout.shape(len / layout.width)
    }

    fn tried(layout: Layout, output: TensorData, thresholds: &Thresholds) -> Result<Vec<Candidate>, ZooError> {
        let (mut candidates, shape) = (Vec::new(), shape_of(layout, output));
        let decoder = Decoder::new(layout, &["output0"], TENSOR);
        let output = |_| TensorRef { shape: &shape, data: output };
        decoder.decode(output, thresholds, &mut candidates).map(|()| candidates)
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
        let found = decoded(rows(3), TensorData::F32(&output), &above(0.25));
        let bbox = BBox::from_corners(8.0, 6.0, 12.0, 14.0).unwrap();
        assert_eq!(found[0], Candidate { bbox, class: ClassId(1), score: 0.9, source: 0 });
        assert_eq!((found[1].class, found[1].score), (ClassId(0), 0.5));
    }

    #[test]
    fn all_scores_of_a_box_are_read_by_its_source() {
        let layout = rows(3);
        let output = [10.0, 30.0, 10.0, 30.0, 4.0, 6.0, 8.0, 2.0, 0.1, 0.5, 0.9, -0.25, 0.3, 1.5];
        let halves: Vec<f16> = output.iter().map(|value| f16::from_f32(*value)).collect();
        let scores = |layout, output, source| {
            let mut scores = [0.0; 3];
            let shape = shape_of(layout, output);
            let output = TensorRef { shape: &shape, data: output };
            Decoder::new(layout, &["output0"], TENSOR).class_scores(output, source, &mut scores);
            scores
        };
        assert_eq!(scores(layout, TensorData::F32(&output), 0), [0.1, 0.9, 0.3]);
        assert_eq!(scores(layout, TensorData::F32(&output), 1), [0.5, 0.0, 1.0], "what is out of range is the nearest");
        assert_eq!(scores(layout, TensorData::F16(&halves), 1), [0.5, 0.0, 1.0]);
        assert_eq!(scores(layout, TensorData::F32(&output), 2), [0.0; 3], "no such box");
        assert_eq!(scores(end_to_end(3), TensorData::F32(&[0.5; 6]), 0), [0.0; 3]);
    }

    #[test]
    fn a_class_that_is_not_reported_takes_its_box_along() {
        let output = [10.0, 10.0, 4.0, 4.0, 0.9, 0.8];
        let classes = Some(ClassMask::new(&Labels::new(["truck", "car"], 0), ["car"]).unwrap());
        let thresholds = Thresholds { classes, ..Thresholds::default() };
        assert_eq!(decoded(rows(2), TensorData::F32(&output), &thresholds), []);
    }

    #[test]
    fn a_number_that_is_none_costs_the_picture_wherever_it_is() {
        for (classes, boxes) in [(1, 1), (3, 2), (4, 300), (80, 513)] {
            let layout = rows(classes);
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
            let layout = end_to_end(2);
            let error = tried(layout, TensorData::F32(&output), &above(0.25)).unwrap_err().to_string();
            let place = format!("the model's output0 are NaN at [0, {}, {}], expected numbers", at / 6, at % 6);
            assert_eq!(error, format!("{place}: 1 of 12 are none"));
        }
    }

    #[test]
    fn a_number_a_little_beyond_a_score_is_certain_or_nothing_and_one_far_beyond_costs_the_picture() {
        let output = |score: f32| [10.0, 10.0, 4.0, 4.0, score];
        let best = |layout, output: &[f32]| {
            let found = tried(layout, TensorData::F32(output), &above(0.25)).map_err(|error| error.to_string())?;
            Ok::<_, String>(found.iter().map(|candidate| candidate.score).collect::<Vec<_>>())
        };
        assert_eq!(best(rows(1), &output(1.5)).unwrap(), [1.0]);
        assert!(best(rows(1), &output(-0.25)).unwrap().is_empty());
        for (score, text) in [(3e38, "3"), (7.5, "7.5"), (-4.5, "-4.5")] {
            let error = best(rows(1), &output(score)).unwrap_err();
            let start = format!("the model's output0 are not rows: their best score is {text}");
            assert!(error.starts_with(&start) && error.contains("logits (export with the sigmoid)"), "{error}");
        }
        let error = best(end_to_end(2), &[1.0, 2.0, 3.0, 4.0, 7.5, 1.0]).unwrap_err();
        assert!(error.contains("not end_to_end: their best score is 7.5"), "{error}");
        let four = [vec![1.0; 4], vec![1e9; 4]].concat();
        assert!(best(rows(4), &four).is_err(), "their sum is a number, and no score");
    }

    #[test]
    fn a_good_box_of_negative_size_costs_the_picture_and_a_poor_one_is_nothing() {
        let output = [10.0, 10.0, -1.0, 4.0, 0.9];
        let layout = rows(1);
        let error = tried(layout, TensorData::F32(&output), &above(0.25)).unwrap_err().to_string();
        assert_eq!(error, "the model's output0 give box 0 a size of -1 x 4, expected at least 0");
        assert_eq!(decoded(layout, TensorData::F32(&output), &above(0.95)), []);
        let corners = [5.0, 2.0, 3.0, 4.0, 0.9, 1.0];
        let layout = end_to_end(2);
        let error = tried(layout, TensorData::F32(&corners), &above(0.25)).unwrap_err().to_string();
        assert_eq!(error, "the model's output0 give box 0 a size of -2 x 2, expected at least 0");
        assert_eq!(decoded(layout, TensorData::F32(&corners), &above(0.95)), []);
    }

    #[test]
    fn a_class_without_a_name_costs_the_picture_where_its_box_is_good_enough() {
        let layout = end_to_end(2);
        for class in [-1.0, 2.0, 1e9] {
            let output = [1.0, 2.0, 3.0, 4.0, 0.9, class];
            let error = tried(layout, TensorData::F32(&output), &above(0.25)).unwrap_err().to_string();
            assert_eq!(error, format!("the model's output0 name class {class} for box 0, expected 0..2"));
            assert_eq!(decoded(layout, TensorData::F32(&output), &above(0.95)), []);
        }
    }

    #[test]
    fn a_tensor_of_another_shape_costs_the_picture() {
        let decode = |layout: Layout, shape: &[usize], data: TensorData| {
            let output = |_| TensorRef { shape, data };
            Decoder::new(layout, &["output0"], TENSOR).decode(output, &above(0.0), &mut Vec::new())
        };
        let error = decode(rows(3), &[1, 13, 1], TensorData::F32(&[1.0; 13])).unwrap_err().to_string();
        assert_eq!(error, "model gives output0 [1, 13, 1], expected [1, 7, N], for layout rows");
        assert!(decode(rows(3), &[1, 7, 2], TensorData::I64(&[1; 14])).is_err());
        assert!(decode(end_to_end(3), &[6], TensorData::F32(&[1.0; 6])).is_err());
        decode(rows(1), &[1, 5, 0], TensorData::F32(&[])).unwrap();
        decode(end_to_end(1), &[1, 0, 6], TensorData::F32(&[])).unwrap();
    }

    #[test]
    fn boxes_in_the_first_pixel_are_normalized_ones_and_an_empty_scene_is_none_of_them() {
        let small = [0.5, 0.5, 0.2, 0.3, 0.9, 0.0];
        let error = tried(end_to_end(2), TensorData::F32(&[0.4, 0.4, 0.6, 0.6, 0.9, 0.0]), &above(0.25)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the model's output0 are not end_to_end: all boxes lie in the first pixel: they are in 0..1, not in pixels \
             (the manifest's layout = \"normalized_end_to_end\"?)"
        );
        let normalized = Layout::new(LayoutName::NormalizedEndToEnd, 2);
        let found = decoded(normalized, TensorData::F32(&small), &above(0.25));
        assert_eq!(found[0].bbox, BBox::from_center(320.0, 320.0, 128.0, 192.0).unwrap());
        let error = tried(normalized, TensorData::F32(&[320.0, 320.0, 9.0, 9.0, 0.9, 0.0]), &above(0.25)).unwrap_err();
        assert!(error.to_string().contains("they are in pixels, not 0..1"), "{error}");
        for layout in [end_to_end(2), normalized] {
            assert_eq!(decoded(layout, TensorData::F32(&[0.0; 60]), &above(0.25)), []);
        }
    }

    #[test]
    fn objectness_times_the_best_class_is_the_score() {
        let output = [[320.0, 320.0, 50.0, 80.0, 0.9, 0.2, 0.5], [9.0, 9.0, 4.0, 4.0, 0.2, 1.0, 1.0]];
        let columns = Layout::new(LayoutName::Objectness, 2);
        let found = decoded(columns, TensorData::F32(output.as_flattened()), &above(0.25));
        let bbox = BBox::from_corners(295.0, 280.0, 345.0, 360.0).unwrap();
        assert_eq!(found, [Candidate { bbox, class: ClassId(1), score: 0.9 * 0.5, source: 0 }]);
        let turned: Vec<f32> = (0..7).flat_map(|place| [output[0][place], output[1][place]]).collect();
        let rows = Layout::new(LayoutName::ObjectnessRows, 2);
        assert_eq!(decoded(rows, TensorData::F32(&turned), &above(0.25)), found);
        let mut scores = [0.0; 2];
        let output = TensorRef { shape: &[1, 2, 7], data: TensorData::F32(output.as_flattened()) };
        Decoder::new(columns, &["output0"], TENSOR).class_scores(output, 0, &mut scores);
        assert_eq!(scores, [0.9 * 0.2, 0.9 * 0.5]);
    }

    #[test]
    fn boxes_in_pixels_are_not_taken_for_offsets_in_a_grid() {
        let yolox = Layout::new(LayoutName::Yolox, 1);
        let error = tried(yolox, TensorData::F32(&[320.0, 320.0, 50.0, 80.0, 0.1, 0.9]), &above(0.25)).unwrap_err();
        assert!(error.to_string().contains("the boxes are in pixels already (the manifest's layout = \"objectness\")"));
        let found = decoded(yolox, TensorData::F32(&[0.5, 0.5, 0.0, 0.0, 0.9, 0.9]), &above(0.25));
        assert_eq!(found[0].bbox, BBox::from_corners(0.0, 0.0, 8.0, 8.0).unwrap());
    }

    #[test]
    fn a_class_between_two_numbers_is_a_score() {
        let output = [0.0, 10.0, 10.0, 20.0, 20.0, 0.9, 1.0];
        let class_first = Layout::new(LayoutName::BatchClassScore, 2);
        let error = tried(class_first, TensorData::F32(&output), &above(0.25)).unwrap_err().to_string();
        assert!(error.contains("class 0.9, expected a whole number; the manifest's layout = \"batch_score_class\""));
        let score_first = Layout::new(LayoutName::BatchScoreClass, 2);
        let found = decoded(score_first, TensorData::F32(&output), &above(0.25));
        assert_eq!((found.len(), found[0].class, found[0].score), (1, ClassId(1), 0.9));
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
            let output: Vec<f32> =
                (0..(4 + classes) * boxes).map(|at| if at < 4 * boxes { 600.0 * random() } else { random() }).collect();
            let found = decoded(rows(classes), TensorData::F32(&output), &above(threshold));
            let plain: Vec<_> = (0..boxes).filter_map(|at| {
                let scores = (0..classes).map(|class| output[(4 + class) * boxes + at]);
                let (class, score) = scores.enumerate().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
                (score >= threshold).then_some((u16::try_from(class).unwrap(), score))
            }).collect();
            prop_assert_eq!(found.iter().map(|c| (c.class.0, c.score)).collect::<Vec<_>>(), plain);

            let halves: Vec<f16> = output.iter().map(|value| f16::from_f32(*value)).collect();
            let widened: Vec<f32> = halves.iter().map(|value| value.to_f32()).collect();
            let from_halves = decoded(rows(classes), TensorData::F16(&halves), &above(threshold));
            let from_widened = decoded(rows(classes), TensorData::F32(&widened), &above(threshold));
            prop_assert_eq!(from_halves, from_widened);
        }

        #[test]
        fn no_finite_numbers_panic_and_what_is_found_can_be(
            name in 0usize..LayoutName::ALL.len(), classes in 1usize..5, boxes in 0usize..70, behind in 0usize..3,
            values in proptest::collection::vec(prop_oneof![0.0f32..1.0, -700.0f32..700.0, any::<f32>()], 1..60),
            threshold in 0.0f32..1.0,
        ) {
            let name = LayoutName::ALL[name];
            prop_assume!(name.family() == crate::zoo::Family::Yolo && !matches!(name, LayoutName::NumDets | LayoutName::DetsAndLabels));
            let layout = Layout { width: Layout::new(name, classes).width + behind, ..Layout::new(name, classes) };
            let count = layout.width * boxes;
            let output: Vec<f32> = values.iter().map(|value| if value.is_finite() { *value } else { 0.5 }).cycle().take(count).collect();
            if let Ok(found) = tried(layout, TensorData::F32(&output), &above(threshold)) {
                for candidate in found {
                    prop_assert!((threshold..=1.0).contains(&candidate.score));
                    prop_assert!(usize::from(candidate.class.0) < classes && (candidate.source as usize) < boxes);
                }
            }
        }
    }
}
