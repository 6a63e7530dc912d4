//! Graphs that take a picture and give something else than boxes: classes, depth, a vector.

use crate::infer::{Signature, TensorSpec};
use crate::types::{Element, Size};

/// Words of tasks that are none of a detector, as exporters write them.
const OTHER_TASKS: [&str; 5] = ["classif", "semantic", "depth", "embed", "feature"];

/// The task of another kind of model, in words.
pub(super) fn by_its_task(task: Option<&str>) -> Option<String> {
    let task = task.filter(|task| OTHER_TASKS.iter().any(|word| task.contains(word)))?;
    Some(format!("boxes: its metadata says task {task:?}, which is no detector's (detect, segment, pose or obb)"))
}

/// What a graph gives instead of boxes, by the shapes of all its outputs.
pub(super) fn by_its_outputs(signature: &Signature, size: Size) -> Option<String> {
    let floats = || signature.outputs.iter().filter(|spec| matches!(spec.element, Element::F32 | Element::F16));
    let all = |is_one: &dyn Fn(&TensorSpec) -> bool| floats().next().is_some() && floats().all(is_one);
    let is_batch_open = signature.inputs.iter().any(|spec| spec.shape.len() == 4 && spec.shape[0].is_none());
    let is_vector = |spec: &TensorSpec| match spec.shape[..] {
        [Some(1)] | [Some(1), _] => true,
        // Boxes have four to seven numbers, where the number of them is open.
        [None, Some(width)] => is_batch_open && !(4..=7).contains(&width),
        _ => false,
    };
    if all(&is_vector) {
        return Some(
            "boxes, not numbers of the whole picture: a model that classifies or embeds it is no detector".to_owned(),
        );
    }
    let sides = [Some(size.height_px as usize), Some(size.width_px as usize)];
    if all(&|spec| spec.shape.len() >= 3 && spec.shape.ends_with(&sides)) {
        return Some("boxes, not numbers for each pixel: a model of depth or of areas is no detector".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width_px: 224, height_px: 192 };

    fn told(shapes: &[&[usize]]) -> String {
        let spec = |shape: &&[usize]| TensorSpec {
            name: "out".to_owned(),
            element: Element::F32,
            shape: shape.iter().map(|side| Some(*side).filter(|side| *side > 0)).collect(),
        };
        let (inputs, outputs) = (vec![spec(&&[0, 3, 192, 224][..])], shapes.iter().map(spec).collect());
        by_its_outputs(&Signature { inputs, outputs, ..Signature::default() }, SIZE).unwrap_or_default()
    }

    #[test]
    fn classes_vectors_and_maps_are_no_boxes() {
        for shapes in [&[&[1, 7][..]][..], &[&[0, 1000]], &[&[1, 512], &[1]]] {
            assert!(told(shapes).contains("classifies or embeds"), "{shapes:?}");
        }
        for shapes in [&[&[1, 192, 224][..]][..], &[&[0, 21, 192, 224]]] {
            assert!(told(shapes).contains("depth or of areas"), "{shapes:?}");
        }
        for shapes in
            [&[&[1, 84, 8400][..]][..], &[&[100, 7]], &[&[0, 6]], &[&[1, 100, 4], &[1, 100]], &[&[1, 255, 24, 28]], &[]]
        {
            assert_eq!(told(shapes), "", "{shapes:?}");
        }
    }

    #[test]
    fn a_task_of_another_kind_is_told() {
        assert!(by_its_task(Some("classify")).is_some() && by_its_task(Some("semantic")).is_some());
        assert!(by_its_task(Some("detect")).is_none() && by_its_task(Some("segment")).is_none());
        assert!(by_its_task(None).is_none());
    }
}
