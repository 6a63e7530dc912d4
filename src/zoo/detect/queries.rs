//! From the answers of queries to detections: what the families of the DETR kind have in common.
//!
//! A model gives for each of its queries a box, center and size in `0..=1` of the tensor, and logits over classes,
//! prompts or tokens. Which of them are picked is the family's subject; this puts picks in order and their boxes into
//! the picture.

use super::numbers;
use super::thresholds::Thresholds;
use crate::infer::{Backend, Signature, TensorSpec};
use crate::types::{BBox, ClassId, Detection, Element, ImagePx, TensorData, TensorRef};
use crate::zoo::{LayoutName, ZooError};
use half::slice::HalfFloatSliceExt;
use std::cmp::Ordering;

/// A query's box under one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::zoo) struct Pick {
    pub score: f32,
    pub class: ClassId,
    pub query: u32,
}

impl Pick {
    /// Best score first, then by query and class: the result does not depend on the order of what came in.
    fn best_first(a: &Self, b: &Self) -> Ordering {
        b.score.total_cmp(&a.score).then_with(|| (a.query, a.class).cmp(&(b.query, b.class)))
    }
}

/// Leaves the `count` best picks, best first. Allocates nothing.
pub(in crate::zoo) fn keep_best(picks: &mut Vec<Pick>, count: usize) {
    if picks.len() > count {
        if count > 0 {
            picks.select_nth_unstable_by(count - 1, Pick::best_first);
        }
        picks.truncate(count);
    }
    picks.sort_unstable_by(Pick::best_first);
}

/// Replaces `out` by the detections of picks that are in order, and leaves in `picks` those that became one, at the
/// same places. `image_box` gives a query's box in pixels of the image, `None` for one without area in it; `overlap` is
/// the highest IoU at which two boxes of one class both stay.
pub(in crate::zoo) fn report(
    picks: &mut Vec<Pick>,
    thresholds: &Thresholds,
    overlap: f32,
    image_box: impl Fn(u32) -> Option<BBox<ImagePx>>,
    out: &mut Vec<Detection>,
) {
    out.clear();
    picks.retain(|pick| {
        if out.len() >= thresholds.max_detections || !thresholds.reports(pick.class) {
            return false;
        }
        let Some(bbox) = image_box(pick.query) else { return false };
        if out.iter().any(|better| better.class == pick.class && better.bbox.iou(&bbox) > overlap) {
            return false;
        }
        out.push(Detection { bbox, class: pick.class, score: pick.score, track: None });
        true
    });
}

/// A query's box in an output of four numbers for each.
pub(in crate::zoo) fn four(boxes: &[f32], query: u32) -> Option<[f32; 4]> {
    boxes.as_chunks().0.get(usize::try_from(query).ok()?).copied()
}

/// A logit's probability, `0..=1`.
pub(in crate::zoo) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// A logit below which no probability reaches `score`; rounding apart, the highest such.
pub(in crate::zoo) fn logit_floor(score: f32) -> f32 {
    let exact = (score / (1.0 - score)).ln();
    // Sigmoid rounds near its ends; the score itself is compared too.
    if exact.is_nan() || exact > 10.0 { 10.0 } else { exact - 1e-3 }
}

/// The elements of an output as float32: themselves, or widened into `scratch`. None of an output of other types.
pub(in crate::zoo) fn floats<'a>(data: TensorData<'a>, scratch: &'a mut Vec<f32>) -> &'a [f32] {
    match data {
        TensorData::F32(values) => values,
        TensorData::F16(values) => {
            scratch.resize(values.len(), 0.0);
            values.convert_to_f32_slice(scratch);
            scratch
        }
        _ => &[],
    }
}

/// How many of the `room` places of other outputs are filled, by an output that holds it as its one number.
///
/// # Errors
/// [`ZooError::NotThatLayout`] with the number when there is no room for so many; [`ZooError::Shape`] when the output
/// holds none or several.
pub(in crate::zoo) fn counted(
    output: TensorRef,
    name: &str,
    layout: LayoutName,
    room: usize,
) -> Result<usize, ZooError> {
    let number = match output.data {
        TensorData::I64(&[number]) => number,
        TensorData::I32(&[number]) => number.into(),
        _ => {
            let (output, found) = (name.to_owned(), output.shape.to_vec());
            return Err(ZooError::Shape {
                output,
                found,
                expected: format!("one number of boxes, for layout {layout}"),
            });
        }
    };
    usize::try_from(number).ok().filter(|number| *number <= room).ok_or_else(|| ZooError::NotThatLayout {
        output: name.to_owned(),
        layout,
        reason: format!("their number of boxes is {number}, expected 0 to {room}, the places that there are"),
    })
}

/// Logits of one picture, `[1, queries, classes]`.
///
/// # Errors
/// [`ZooError::Shape`] when the output has other dimensions, [`ZooError::NotANumber`] when one of them is not finite.
pub(in crate::zoo) fn checked_logits<'a>(
    output: TensorRef<'a>,
    name: &str,
    columns: usize,
    scratch: &'a mut Vec<f32>,
) -> Result<&'a [f32], ZooError> {
    let values = unchecked_logits(output, name, columns, scratch)?;
    numbers::check(values, output.shape, name)?;
    Ok(values)
}

/// As [`checked_logits`], whatever numbers they are.
///
/// # Errors
/// [`ZooError::Shape`].
pub(in crate::zoo) fn unchecked_logits<'a>(
    output: TensorRef<'a>,
    name: &str,
    columns: usize,
    scratch: &'a mut Vec<f32>,
) -> Result<&'a [f32], ZooError> {
    let &[1, queries, found] = output.shape else { return Err(shape(output, name, columns)) };
    let values = floats(output.data, scratch);
    if found != columns || values.len() != queries * columns {
        return Err(shape(output, name, columns));
    }
    Ok(values)
}

fn shape(output: TensorRef, name: &str, columns: usize) -> ZooError {
    ZooError::Shape { output: name.to_owned(), found: output.shape.to_vec(), expected: format!("[1, N, {columns}]") }
}

/// Four numbers for each of `queries` boxes.
///
/// # Errors
/// [`ZooError::Shape`] when the output has other dimensions, [`ZooError::NotANumber`] when one of them is not finite.
pub(in crate::zoo) fn checked_boxes<'a>(
    output: TensorRef<'a>,
    name: &str,
    queries: usize,
    scratch: &'a mut Vec<f32>,
) -> Result<&'a [f32], ZooError> {
    let values = floats(output.data, scratch);
    if output.shape != [1, queries, 4] || values.len() != 4 * queries {
        let (found, expected) = (output.shape.to_vec(), format!("[1, {queries}, 4]"));
        return Err(ZooError::Shape { output: name.to_owned(), found, expected });
    }
    numbers::check(values, output.shape, name)?;
    Ok(values)
}

/// The logits of one query, of which each has `columns`.
pub(in crate::zoo) fn query_row(logits: &[f32], columns: usize, query: u32) -> &[f32] {
    let mut rows = logits.chunks_exact(columns.max(1));
    usize::try_from(query).ok().and_then(|query| rows.nth(query)).unwrap_or_default()
}

/// Whether a tensor holds floats and has so many dimensions.
pub(in crate::zoo) fn is_float(spec: &TensorSpec, rank: usize) -> bool {
    matches!(spec.element, Element::F32 | Element::F16) && spec.shape.len() == rank
}

/// Whether a tensor holds floats of either precision or bytes, as pictures may, and has so many dimensions.
pub(in crate::zoo) fn is_pixels(spec: &TensorSpec, rank: usize) -> bool {
    spec.element == Element::U8 && spec.shape.len() == rank || is_float(spec, rank)
}

/// Whether a tensor holds int64 and has so many dimensions.
pub(in crate::zoo) fn is_int(spec: &TensorSpec, rank: usize) -> bool {
    spec.element == Element::I64 && spec.shape.len() == rank
}

/// The place of an input that passes a check.
pub(in crate::zoo) fn input(
    signature: &Signature,
    name: &str,
    is_right: impl Fn(&TensorSpec) -> bool,
) -> Option<usize> {
    signature.input(name).filter(|place| is_right(&signature.inputs[*place]))
}

/// The place of an output that passes a check.
pub(in crate::zoo) fn output(
    signature: &Signature,
    name: &str,
    is_right: impl Fn(&TensorSpec) -> bool,
) -> Option<usize> {
    signature.output(name).filter(|place| is_right(&signature.outputs[*place]))
}

/// Tensors in words, for refusals.
pub(in crate::zoo) fn tensors(specs: &[TensorSpec]) -> String {
    specs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Gives an int64 input a shape and its values, as many as the shape has.
///
/// # Errors
/// As [`Backend::reshape`].
pub(in crate::zoo) fn feed(
    backend: &mut dyn Backend,
    place: usize,
    shape: &[usize],
    values: impl IntoIterator<Item = i64>,
) -> Result<(), ZooError> {
    backend.reshape(place, shape)?;
    // The element type was checked with the signature.
    if let crate::types::TensorMut::I64(tensor) = backend.input(place) {
        tensor.iter_mut().zip(values).for_each(|(element, value)| *element = value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pick(score: f32, class: u16, query: u32) -> Pick {
        Pick { score, class: ClassId(class), query }
    }

    #[test]
    fn the_best_picks_stay_in_order() {
        let mut picks = vec![pick(0.2, 0, 0), pick(0.9, 1, 1), pick(0.5, 0, 2), pick(0.5, 0, 1)];
        keep_best(&mut picks, 3);
        assert_eq!(picks, [pick(0.9, 1, 1), pick(0.5, 0, 1), pick(0.5, 0, 2)]);
        keep_best(&mut picks, 0);
        assert_eq!(picks, []);
    }

    #[test]
    fn picks_and_detections_stay_at_the_same_places() {
        let mut picks = vec![pick(0.9, 0, 0), pick(0.8, 0, 1), pick(0.7, 0, 2), pick(0.6, 1, 2)];
        let at = |query: u32| (query != 1).then(|| BBox::from_corners(0.0, 0.0, 9.0 + query as f32, 9.0)).flatten();
        let mut out = Vec::new();
        report(&mut picks, &Thresholds::default(), 0.7, at, &mut out);
        assert_eq!(picks, [pick(0.9, 0, 0), pick(0.6, 1, 2)], "one box is none, one lies over its better");
        assert_eq!(out.iter().map(|found| found.score).collect::<Vec<_>>(), [0.9, 0.6]);
        let one = Thresholds { max_detections: 1, ..Thresholds::default() };
        report(&mut picks, &one, 0.7, at, &mut out);
        assert_eq!((picks.len(), out.len()), (1, 1));
    }

    proptest! {
        #[test]
        fn no_score_is_lost_to_the_floor(logit in -30.0f32..30.0, score in 0.0f32..=1.0) {
            if sigmoid(logit) >= score {
                prop_assert!(logit >= logit_floor(score), "{logit} {score} {}", logit_floor(score));
            }
        }
    }
}
