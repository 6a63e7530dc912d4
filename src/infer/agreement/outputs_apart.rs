//! How far the outputs of two sessions of one graph are apart.

use super::Agreement;
use crate::infer::{Backend, OrtBackend, OwnedTensor, TensorSpec};
use crate::types::{Element, TensorData};

/// What is smaller counts as so much: of an output of zeros a share is nothing.
const LEAST_LARGEST: f32 = 1e-6;

/// What both make of the same noise; `None` where nobody knows what to feed, where the two do not take the same, or where
/// the reference itself fails.
pub(super) fn compare(reference: &mut OrtBackend, judged: &mut OrtBackend) -> Option<Agreement> {
    let elements = |backend: &OrtBackend| -> Vec<Element> {
        backend.signature().inputs.iter().map(|input| input.element).collect()
    };
    if elements(reference) != elements(judged) {
        return None;
    }
    let expected = reference.outputs_for_noise().ok().flatten()?;
    let found = match judged.outputs_for_noise() {
        Ok(found) => found?,
        Err(error) => return Some(Agreement::Failed(error.into_reason())),
    };
    between(&reference.signature().outputs, &expected, &found)
}

/// `None` without any float that is a number on the CPU.
fn between(specs: &[TensorSpec], expected: &[OwnedTensor], found: &[OwnedTensor]) -> Option<Agreement> {
    let mut farthest: Option<f32> = None;
    for ((spec, expected), found) in specs.iter().zip(expected).zip(found) {
        let (Some(expected), Some(found)) = (floats(expected), floats(found)) else { continue };
        if expected.len() != found.len() {
            let reason =
                format!("output {} has {} elements, on the CPU it has {}", spec.name, found.len(), expected.len());
            return Some(Agreement::Broken(reason));
        }
        let known = || expected.iter().zip(&found).filter(|(expected, _)| expected.is_finite());
        if let Some((expected, found)) = known().find(|(_, found)| !found.is_finite()) {
            let reason = format!("output {} holds {found} where the CPU has {expected}", spec.name);
            return Some(Agreement::Broken(reason));
        }
        if known().next().is_none() {
            continue;
        }
        let largest = known().map(|(expected, _)| expected.abs()).fold(LEAST_LARGEST, f32::max);
        let difference = known().map(|(expected, found)| (expected - found).abs()).fold(0.0, f32::max);
        farthest = Some(farthest.unwrap_or(0.0).max(difference / largest));
    }
    farthest.map(|of_largest| Agreement::Numbers { of_largest })
}

fn floats(tensor: &OwnedTensor) -> Option<Vec<f32>> {
    match tensor.as_data() {
        TensorData::F32(values) => Some(values.to_vec()),
        TensorData::F16(values) => Some(values.iter().map(|value| value.to_f32()).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apart(expected: &[f32], found: &[f32]) -> Option<Agreement> {
        let spec = TensorSpec { name: "logits".to_owned(), element: Element::F32, shape: vec![None] };
        between(&[spec], &[OwnedTensor::F32(expected.to_vec())], &[OwnedTensor::F32(found.to_vec())])
    }

    #[test]
    fn the_largest_difference_counts_against_the_largest_number() {
        assert_eq!(apart(&[0.0, -10.0, 1.0], &[0.5, -10.0, 1.0]), Some(Agreement::Numbers { of_largest: 0.05 }));
        assert_eq!(apart(&[0.0; 3], &[0.0; 3]), Some(Agreement::Numbers { of_largest: 0.0 }));
        assert!(!apart(&[0.0; 3], &[0.1; 3]).unwrap().is_near());
        assert!(apart(&[0.0; 3], &[1e-9; 3]).unwrap().is_near(), "the dust of another order of sums");
        // A mask of minus infinity is the graph's own.
        let mask = f32::NEG_INFINITY;
        assert_eq!(apart(&[mask, 2.0], &[mask, 2.0]), Some(Agreement::Numbers { of_largest: 0.0 }));
    }

    #[test]
    fn what_is_no_number_or_of_another_length_is_broken() {
        for (found, reason) in [
            (&[1.0, f32::NAN][..], "output logits holds NaN where the CPU has 2"),
            (&[f32::INFINITY, 2.0], "output logits holds inf where the CPU has 1"),
            (&[1.0], "output logits has 1 elements, on the CPU it has 2"),
        ] {
            assert_eq!(apart(&[1.0, 2.0], found), Some(Agreement::Broken(reason.to_owned())));
        }
    }

    #[test]
    fn without_floats_there_is_nothing_to_compare() {
        assert_eq!(between(&[], &[], &[]), None);
        assert_eq!(apart(&[f32::NAN; 2], &[1.0, 2.0]), None, "the model itself is at fault");
    }
}
