//! A detector that sees the same boxes in every picture, for tests and for measuring everything around inference.

use super::{Yolo, input_shape};
use crate::infer::{FakeBackend, OwnedTensor};
use crate::types::{Element, Labels, Size};
use crate::vision::Candidate;
use crate::zoo::detect::graph::Hints;
use crate::zoo::{Detector, LayoutName, ZooError};
use std::collections::BTreeMap;

/// A detector with a fake backend: letterboxes each picture into a tensor of size `input` as the real one does, then
/// reports `candidates`, as an end-to-end model would.
///
/// # Errors
/// [`ZooError::Names`] when `labels` is empty or has more than 65535 names.
pub fn constant_detector(
    input: Size,
    labels: &Labels,
    candidates: &[Candidate],
) -> Result<Box<dyn Detector>, ZooError> {
    let shape = input_shape(input);
    let rows = candidates.iter().flat_map(|Candidate { bbox, class, score, .. }| {
        [bbox.x_min(), bbox.y_min(), bbox.x_max(), bbox.y_max(), *score, f32::from(class.0)]
    });
    let picture = OwnedTensor::zeros(Element::F32, shape.iter().product());
    let backend = FakeBackend::new(
        vec![("images", shape, picture)],
        vec![("output0", vec![1, candidates.len(), 6], OwnedTensor::F32(rows.collect()))],
        BTreeMap::new(),
    );
    let names: Vec<_> = labels.names().map(str::to_owned).collect();
    if names.is_empty() {
        return Err(ZooError::Names { reason: "the list is empty".to_owned() });
    }
    let hints =
        Hints { layout: Some(LayoutName::EndToEnd), size: Some(input), labels: Some(&names), ..Hints::default() };
    Ok(Box::new(Yolo::new(&hints, Box::new(backend))?))
}
