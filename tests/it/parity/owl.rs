//! OWL-ViT and OWLv2.

use super::{
    Fixture, PIXELS, SAME_TENSORS, Tolerance, WHOLE, assert_alike, assert_close, assert_pixels, assert_same, detected,
    expected, prompt, watched,
};
use crate::allocations::allocations_in;
use crate::onnx_runtime::{cpu, runtime_or_skip};
use vedette::types::Prompts;
use vedette::zoo::{self, Family, Manifest, PromptForm, Thresholds};

const FIXTURES: [&str; 2] = ["owlvit", "owlv2"];

fn manifest(fixture: &Fixture) -> Manifest {
    fixture.manifest(Family::Owl, &WHOLE)
}

#[test]
fn prompts_become_the_reference_s_tokens() {
    for name in FIXTURES {
        let fixture = Fixture::open(name);
        let mut encoder = zoo::prompt_encoder(&manifest(&fixture)).unwrap();
        for case in fixture.cases() {
            let encoded = encoder.encode(&Prompts::new(case.texts("prompts"), 7).unwrap()).unwrap();
            let PromptForm::Tokens { ids, mask, length } = encoded.form else { panic!("{:?}", encoded.form) };
            let floats = |values: &[i64]| values.iter().map(|value| *value as f32).collect::<Vec<_>>();
            assert_eq!(floats(&ids), fixture.floats(case.tensor("input_ids")), "{name} {}", case.name);
            assert_eq!(floats(&mask), fixture.floats(case.tensor("attention_mask")), "{name} {}", case.name);
            assert_eq!((length, encoded.labels.version()), (16, 7));
        }
    }
}

#[test]
fn open_vocabulary_detectors_agree_with_their_reference() {
    let Some(runtime) = runtime_or_skip("parity of owl") else { return };
    for name in FIXTURES {
        let fixture = Fixture::open(name);
        let manifest = manifest(&fixture);
        let (backend, watch) = watched(&manifest, "model", runtime);
        let mut detector = zoo::open(&manifest, backend).unwrap();
        for case in fixture.cases() {
            let what = format!("{name} {}", case.name);
            prompt(&mut *detector, &manifest, &case.texts("prompts"));
            let given = fixture.floats(case.tensor("pixel_values"));
            watch.log().replace.insert("pixel_values".to_owned(), given);
            let found = detected(&mut *detector, &case.picture, case.threshold());
            let theirs = expected(&fixture, &case, &case.texts("text_labels"));
            let fed = watch.log().fed["pixel_values"].1.clone();
            assert_pixels(&what, &fed, fixture.normalize(), &fixture.pixels(&case), PIXELS);
            for output in ["logits", "pred_boxes", "text_embeds", "image_embeds"] {
                let theirs = fixture.floats(case.tensor(output));
                assert_close(&format!("{what} {output}"), &watch.log().given[output].1, &theirs, 1e-3);
            }
            assert_same(&what, &*detector, &found, &theirs, SAME_TENSORS);

            // From our own pixels.
            watch.log().replace.clear();
            let within = Tolerance { box_px: 1.0, score: 5e-3 };
            let found = detected(&mut *detector, &case.picture, case.threshold() - within.score);
            assert_alike(&what, &*detector, &found, (&theirs, case.threshold()), within);
        }
    }
}

#[test]
fn a_detector_loads_looks_for_other_things_and_allocates_nothing_of_ours() {
    let Some(runtime) = runtime_or_skip("loading owl") else { return };
    let fixture = Fixture::open("owlv2");
    let manifest = manifest(&fixture);
    let mut detector = zoo::load(&manifest, runtime, &cpu()).unwrap();
    assert!(detector.labels().is_empty());
    let (case, thresholds, mut out) = (&fixture.cases()[0], Thresholds::default(), Vec::new());
    let error = detector.detect(&case.picture.view(), &thresholds, &mut out).unwrap_err().to_string();
    assert_eq!(error, "the prompts are missing, family owl expects tokens of at least one prompt");
    let many: Vec<String> = (0..256).map(|number| format!("thing {number}")).collect();
    for texts in [vec!["cat"], many.iter().map(String::as_str).collect()] {
        prompt(&mut *detector, &manifest, &texts);
        let all = Thresholds { score: 0.0, iou: 1.0, ..Thresholds::default() };
        detector.detect(&case.picture.view(), &all, &mut out).unwrap();
        assert!(!out.is_empty() && detector.labels().len() == texts.len());
    }
    let mut detect = || detector.detect(&case.picture.view(), &thresholds, &mut out).unwrap();
    (0..2).for_each(|_| detect());
    let once = allocations_in(&mut detect);
    assert!(once <= 12, "{once} allocations, of which ort's list of four outputs has at most 12");
}

#[test]
fn overlapping_boxes_of_one_prompt_are_suppressed() {
    let Some(runtime) = runtime_or_skip("suppression of owl") else { return };
    let fixture = Fixture::open("owlv2");
    let manifest = manifest(&fixture);
    let mut detector = zoo::load(&manifest, runtime, &cpu()).unwrap();
    prompt(&mut *detector, &manifest, &["cat", "spoon"]);
    let picture = &fixture.cases()[0].picture;
    let mut out = Vec::new();
    let thresholds = Thresholds { score: 0.01, iou: 0.3, ..Thresholds::default() };
    detector.detect(&picture.view(), &thresholds, &mut out).unwrap();
    let every = detected(&mut *detector, picture, 0.01);
    assert!(out.len() < every.len(), "{} of {}", out.len(), every.len());
    for (index, found) in out.iter().enumerate() {
        assert!(out[..index].iter().all(|other| other.class != found.class || other.bbox.iou(&found.bbox) <= 0.3));
    }
}
