//! Whatever finite numbers a graph gives: boxes inside the picture under classes that have names, or an error. No panic.

use proptest::prelude::*;
use std::collections::BTreeMap;
use vedette::infer::{FakeBackend, OwnedTensor};
use vedette::types::{ClassScores, Element, ImageView, PixelFormat, Size};
use vedette::zoo::{self, Family, LayoutName, License, Manifest, Thresholds};

const IMAGE: Size = Size { width_px: 100, height_px: 40 };

type Shapes = &'static [(&'static str, &'static [usize], Element)];

/// The outputs of each layout for two classes and pictures of 64 x 64 pixels.
const LAYOUTS: [(LayoutName, Shapes); 18] = {
    use Element::{F32, I32, I64};
    use LayoutName::*;
    [
        (Rows, &[("output0", &[1, 6, 84], F32)]),
        (OrientedRows, &[("output0", &[1, 7, 84], F32)]),
        (Columns, &[("output0", &[1, 84, 6], F32)]),
        (NormalizedColumns, &[("output0", &[1, 20, 6], F32)]),
        (Objectness, &[("output0", &[1, 252, 7], F32)]),
        (ObjectnessRows, &[("output0", &[1, 7, 252], F32)]),
        (Yolox, &[("output0", &[1, 84, 7], F32)]),
        (EndToEnd, &[("output0", &[1, 20, 6], F32)]),
        (OrientedEndToEnd, &[("output0", &[1, 20, 7], F32)]),
        (NormalizedEndToEnd, &[("output0", &[1, 20, 6], F32)]),
        (
            NumDets,
            &[
                ("num_dets", &[1, 1], I32),
                ("det_boxes", &[1, 3, 4], F32),
                ("det_scores", &[1, 3], F32),
                ("det_classes", &[1, 3], I32),
            ],
        ),
        (BatchClassScore, &[("output", &[5, 7], F32)]),
        (BatchScoreClass, &[("output", &[5, 7], F32)]),
        (DetsAndLabels, &[("dets", &[1, 5, 5], F32), ("labels", &[1, 5], I64)]),
        (Logits, &[("logits", &[1, 9, 2], F32), ("pred_boxes", &[1, 9, 4], F32)]),
        (SoftmaxBackgroundLast, &[("logits", &[1, 9, 3], F32), ("pred_boxes", &[1, 9, 4], F32)]),
        (Decoded, &[("labels", &[1, 5], I64), ("boxes", &[1, 5, 4], F32), ("scores", &[1, 5], F32)]),
        (ClassScoreBox, &[("rows", &[5, 6], F32), ("count", &[1], I32)]),
    ]
};

fn manifest(layout: LayoutName) -> Manifest {
    Manifest {
        name: "any".to_owned(),
        folder: std::path::PathBuf::new(),
        family: layout.family(),
        task: Family::Yolo.task(),
        layout: Some(layout),
        source: "made by hand".to_owned(),
        verified: true,
        is_written: true,
        input: None,
        scoring: None,
        generation: None,
        labels: Some(["person", "car"].map(str::to_owned).to_vec()),
        license: License { name: "Apache-2.0".to_owned(), notice: String::new() },
        files: Vec::new(),
    }
}

fn backend(outputs: Shapes, floats: &[f32], whole: &[i8]) -> FakeBackend {
    let mut floats = floats.iter().copied().cycle();
    let mut whole = whole.iter().copied().cycle();
    let mut output = |shape: &[usize], element| {
        let count = shape.iter().product();
        match element {
            Element::I64 => OwnedTensor::I64(whole.by_ref().map(i64::from).take(count).collect()),
            Element::I32 => OwnedTensor::I32(whole.by_ref().map(i32::from).take(count).collect()),
            _ => OwnedTensor::F32(floats.by_ref().take(count).collect()),
        }
    };
    let outputs =
        outputs.iter().map(|(name, shape, element)| (*name, shape.to_vec(), output(shape, *element))).collect();
    let picture = OwnedTensor::zeros(Element::F32, 3 * 64 * 64);
    FakeBackend::new(vec![("images", vec![1, 3, 64, 64], picture)], outputs, BTreeMap::new())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn any_numbers_give_boxes_inside_the_picture_or_an_error(
        layout in 0usize..LAYOUTS.len(),
        floats in proptest::collection::vec(
            prop_oneof![0.0f32..1.0, 0.0f32..1.0, -9.0f32..9.0, -90.0f32..90.0, (0u8..3).prop_map(f32::from), -3e38f32..3e38],
            1..50,
        ),
        whole in proptest::collection::vec(-1i8..4, 1..9),
        score in 0.0f32..1.0,
    ) {
        let (name, outputs) = LAYOUTS[layout];
        let mut detector = zoo::open(&manifest(name), Box::new(backend(outputs, &floats, &whole))).unwrap();
        let data = vec![90; 3 * (IMAGE.width_px * IMAGE.height_px) as usize];
        let image = ImageView::new(&data, IMAGE, 3 * IMAGE.width_px, PixelFormat::Rgb8).unwrap();
        let (mut found, mut scores) = (Vec::new(), ClassScores::default());
        let thresholds = Thresholds { score, ..Thresholds::default() };
        let result = detector.detect_with_scores(&image, &thresholds, &mut found, &mut scores);
        prop_assert!(result.is_ok() || found.is_empty(), "{name}");
        for detection in &found {
            let bbox = detection.bbox;
            prop_assert!(bbox.x_min() >= 0.0 && bbox.x_max() <= 100.0 && bbox.y_min() >= 0.0 && bbox.y_max() <= 40.0);
            prop_assert!(bbox.area() > 0.0 && (score..=1.0).contains(&detection.score), "{name}: {detection:?}");
            prop_assert!(usize::from(detection.class.0) < 2);
        }
    }

    #[test]
    fn no_outputs_panic_when_they_are_understood(
        shapes in proptest::collection::vec(
            (
                prop_oneof![
                    Just("output0"), Just("labels"), Just("dets"), Just("boxes"), Just("scores"), Just("logits"),
                    Just("pred_boxes"), Just("num_dets"), Just("det_boxes"), Just("det_scores"), Just("det_classes"),
                    Just("selected_indices"),
                ],
                proptest::collection::vec(prop_oneof![Just(0usize), Just(1), Just(4), Just(5), Just(6), Just(7), 0usize..300], 0..5),
                0usize..3,
            ),
            0..5,
        ),
        layout in 0usize..60,
        labels in 0usize..9,
    ) {
        let elements = [Element::F32, Element::I64, Element::I32];
        let specs = shapes.iter().map(|(name, shape, element)| vedette::infer::TensorSpec {
            name: (*name).to_owned(),
            element: elements[*element],
            shape: shape.iter().map(|side| Some(*side).filter(|side| side % 5 != 3)).collect(),
        });
        let picture = backend(&[], &[0.0], &[0]);
        let mut signature = vedette::infer::Backend::signature(&picture).clone();
        signature.outputs = specs.collect();
        let names: Vec<String> = (0..labels).map(|label| label.to_string()).collect();
        let hints = zoo::Hints {
            layout: LayoutName::ALL.get(layout).copied(),
            labels: Some(names.as_slice()).filter(|names| !names.is_empty()),
            ..zoo::Hints::default()
        };
        if let Ok(understood) = zoo::understand(&signature, &hints) {
            prop_assert!(!understood.labels.is_empty());
        }
    }
}
