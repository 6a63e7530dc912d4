//! RT-DETR, RT-DETRv2 (both exports), D-FINE and RF-DETR.

use super::watched::Watch;
use super::{
    Away, Fixture, PIXELS, SAME_TENSORS, Tolerance, assert_alike, assert_close, assert_pixels, assert_same, detected,
    expected, watched,
};
use crate::allocations::allocations_in;
use crate::onnx_runtime::{cpu, runtime_or_skip};
use vedette::infer::{Backend, BytesIn, OrtBackend, Runtime, SessionOptions};
use vedette::types::{ClassScores, Size};
use vedette::zoo::{self, ClassMask, Detector, Family, Input, Manifest, Thresholds};

const MODEL: &str = "onnx/model.onnx";
const HUB: [&str; 3] = [MODEL, "config.json", "preprocessor_config.json"];
const SIDE: Size = Size { width_px: 64, height_px: 64 };

/// A fixture, how its manifest is written, and the tensors that its graph gives.
struct Export {
    fixture: &'static str,
    /// The input's name, for exports whose manifest says it because there is no preprocessor_config.json.
    input: Option<&'static str>,
    picture: &'static str,
    /// Outputs by name, and the roles that hold them.
    outputs: &'static [(&'static str, &'static str)],
    normalize: [[f32; 3]; 2],
    /// Of our pixels.
    pixels: Away,
    /// From the picture to the end.
    end_to_end: Tolerance,
}

const UNIT: [[f32; 3]; 2] = [[0.0; 3], [1.0; 3]];
const LOGITS: &[(&str, &str)] = &[("logits", "logits"), ("pred_boxes", "pred_boxes")];

const fn transformers(fixture: &'static str) -> Export {
    Export {
        fixture,
        input: None,
        picture: "pixel_values",
        outputs: LOGITS,
        normalize: UNIT,
        pixels: PIXELS,
        end_to_end: SAME_TENSORS,
    }
}

const EXPORTS: [Export; 5] = [
    transformers("rtdetr"),
    transformers("rtdetr_v2"),
    transformers("dfine"),
    Export {
        fixture: "rtdetr_v2_boxes",
        input: Some("images"),
        picture: "images",
        outputs: &[("boxes", "output.boxes"), ("scores", "output.scores"), ("labels", "output.labels")],
        normalize: UNIT,
        pixels: PIXELS,
        end_to_end: SAME_TENSORS,
    },
    Export {
        fixture: "rfdetr",
        input: Some("input"),
        picture: "input",
        outputs: &[("dets", "dets"), ("labels", "output.labels")],
        normalize: [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]],
        // Floats all along, in the package and here.
        pixels: Away { largest: 0.01, mean: 0.001 },
        end_to_end: SAME_TENSORS,
    },
];

impl Export {
    fn manifest(&self, fixture: &Fixture) -> Manifest {
        match self.input {
            None => fixture.manifest(Family::Detr, &HUB),
            Some(name) => {
                Manifest { input: Some(Input::new(name.to_owned(), SIDE)), ..fixture.manifest(Family::Detr, &HUB[..2]) }
            }
        }
    }

    fn open(&self, fixture: &Fixture, runtime: &'static Runtime) -> (Box<dyn Detector>, Watch) {
        let manifest = self.manifest(fixture);
        let (backend, watch) = watched(&manifest, "model", runtime);
        (zoo::open(&manifest, backend).unwrap(), watch)
    }
}

#[test]
fn closed_set_detectors_agree_with_their_reference() {
    let Some(runtime) = runtime_or_skip("parity of detr") else { return };
    for export in EXPORTS {
        let fixture = Fixture::open(export.fixture);
        let (mut detector, watch) = export.open(&fixture, runtime);
        for case in fixture.cases() {
            let what = format!("{} {}", export.fixture, case.name);
            let given = fixture.floats(case.tensor(export.picture));
            watch.log().replace.insert(export.picture.to_owned(), given);
            let found = detected(&mut *detector, &case.picture, case.threshold());
            let theirs = expected(&fixture, &case, &case.texts("text_labels"));
            let fed = &watch.log().fed[export.picture].1.clone();
            assert_pixels(&what, fed, export.normalize, &fixture.pixels(&case), export.pixels);
            for (output, role) in export.outputs {
                // The authors' boxes are in pixels; as for all boxes, half of one is the bound.
                let within = if export.picture == "images" && *output == "boxes" { 0.5 } else { 1e-3 };
                let theirs = fixture.floats(case.tensor(role));
                assert_close(&format!("{what} {output}"), &watch.log().given[*output].1, &theirs, within);
            }
            assert_same(&what, &*detector, &found, &theirs, SAME_TENSORS);
            watch.log().replace.clear();
            let within = export.end_to_end;
            let found = detected(&mut *detector, &case.picture, case.threshold() - within.score);
            assert_alike(&what, &*detector, &found, (&theirs, case.threshold()), within);
        }
    }
}

#[test]
fn every_export_loads_from_its_manifest() {
    let Some(runtime) = runtime_or_skip("loading detr") else { return };
    for export in EXPORTS {
        let fixture = Fixture::open(export.fixture);
        let mut detector = zoo::load(&export.manifest(&fixture), runtime, &cpu()).unwrap();
        assert_eq!((detector.input_size(), detector.labels().len()), (SIDE, 80), "{}", export.fixture);
        let case = &fixture.cases()[0];
        let within = export.end_to_end;
        let found = detected(&mut *detector, &case.picture, case.threshold() - within.score);
        let theirs = expected(&fixture, case, &case.texts("text_labels"));
        assert_alike(export.fixture, &*detector, &found, (&theirs, case.threshold()), within);
    }
    // The authors' export beside a preprocessor_config.json: its input is not the one that is guessed.
    let fixture = Fixture::open("rtdetr_v2_boxes");
    let mut detector = zoo::load(&fixture.manifest(Family::Detr, &HUB), runtime, &cpu()).unwrap();
    let case = &fixture.cases()[0];
    let found = detected(&mut *detector, &case.picture, case.threshold());
    let theirs = expected(&fixture, case, &case.texts("text_labels"));
    assert_same("guessed wrongly", &*detector, &found, &theirs, SAME_TENSORS);
}

#[test]
fn the_scores_of_all_classes_are_those_of_the_reported_box() {
    let Some(runtime) = runtime_or_skip("class scores of detr") else { return };
    for export in EXPORTS {
        let fixture = Fixture::open(export.fixture);
        let (mut detector, _) = export.open(&fixture, runtime);
        let case = &fixture.cases()[1];
        let thresholds = Thresholds { score: case.threshold(), max_detections: 1000, ..Thresholds::default() };
        let (mut found, mut scores) = (Vec::new(), ClassScores::default());
        detector.detect_with_scores(&case.picture.view(), &thresholds, &mut found, &mut scores).unwrap();
        for (index, found) in found.iter().enumerate() {
            let scores = scores.row(index);
            if export.input == Some("images") {
                assert_eq!(scores, None);
                continue;
            }
            let scores = scores.unwrap();
            assert_eq!((scores.len(), scores[usize::from(found.class.0)]), (80, found.score), "{}", export.fixture);
        }
        assert_eq!(scores.row(found.len()), None);
    }
}

#[test]
fn a_query_whose_best_class_is_not_asked_for_does_not_come_out_under_another() {
    let Some(runtime) = runtime_or_skip("class mask of detr") else { return };
    let fixture = Fixture::open("rtdetr_v2");
    let (mut detector, _) = EXPORTS[1].open(&fixture, runtime);
    let case = &fixture.cases()[0];
    let all = Thresholds { score: 0.3, max_detections: 1000, ..Thresholds::default() };
    let (mut every, mut some) = (Vec::new(), Vec::new());
    detector.detect(&case.picture.view(), &all, &mut every).unwrap();
    let best = every[0].class;
    let others: Vec<String> = detector.labels().names().map(str::to_owned).collect();
    let others = others.iter().map(String::as_str).filter(|name| *name != detector.labels().name(best));
    let mask = ClassMask::new(detector.labels(), others).unwrap();
    detector.detect(&case.picture.view(), &Thresholds { classes: Some(mask), ..all }, &mut some).unwrap();
    let taken: Vec<_> = every.iter().filter(|found| found.class == best).map(|found| found.bbox).collect();
    assert!(every.iter().any(|found| found.class != best && taken.contains(&found.bbox)), "a query of two classes");
    assert!(some.iter().all(|found| found.class != best));
    for found in every.iter().filter(|found| found.class != best) {
        let better =
            every.iter().any(|other| other.class == best && other.bbox == found.bbox && other.score > found.score);
        assert_eq!(some.contains(found), !better, "{found:?}");
    }
}

#[test]
fn detection_allocates_nothing_of_ours_in_steady_state() {
    let Some(runtime) = runtime_or_skip("allocations of detr") else { return };
    for export in EXPORTS {
        let fixture = Fixture::open(export.fixture);
        let manifest = export.manifest(&fixture);
        let mut bare = OrtBackend::open(runtime, &manifest.model_path(), &cpu(), &[]).unwrap();
        for index in 0..bare.signature().inputs.len() {
            let open = bare.signature().inputs[index].shape.iter().map(|side| side.unwrap_or(1)).collect::<Vec<_>>();
            bare.reshape(index, &open).unwrap();
        }
        bare.run().unwrap();
        bare.run().unwrap();
        let per_run = allocations_in(|| bare.run().unwrap());
        for bytes_in in [BytesIn::Never, BytesIn::Always] {
            let mut detector = zoo::load(&manifest, runtime, &SessionOptions { bytes_in, ..cpu() }).unwrap();
            let picture = fixture.cases()[0].picture.clone();
            let thresholds = Thresholds { score: 0.05, ..Thresholds::default() };
            let mut out = Vec::new();
            let mut detect = || detector.detect(&picture.view(), &thresholds, &mut out).unwrap();
            (0..3).for_each(|_| detect());
            let counted = allocations_in(&mut detect);
            assert_eq!(counted, per_run, "{}: ort's own list of outputs and nothing else", export.fixture);
        }
    }
}
