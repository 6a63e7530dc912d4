//! Grounding DINO.

use super::{
    Fixture, PIXELS, SAME_TENSORS, WHOLE, assert_alike, assert_close, assert_pixels, assert_same, detected, expected,
    prompt, watched,
};
use crate::onnx_runtime::{cpu, runtime_or_skip};
use vedette::types::{Prompts, Size};
use vedette::zoo::detect::grounding_dino;
use vedette::zoo::{self, Family, Manifest, PromptForm, Thresholds};

fn manifest(fixture: &Fixture) -> Manifest {
    fixture.manifest(Family::GroundingDino, &WHOLE)
}

#[test]
fn prompts_become_the_reference_s_caption_with_the_place_of_each() {
    let fixture = Fixture::open("grounding_dino");
    let mut encoder = zoo::prompt_encoder(&manifest(&fixture)).unwrap();
    for case in fixture.cases() {
        let encoded = encoder.encode(&Prompts::new(case.texts("prompts"), 1).unwrap()).unwrap();
        let PromptForm::Caption { ids, spans } = encoded.form else { panic!("{:?}", encoded.form) };
        let ids: Vec<f32> = ids.iter().map(|id| *id as f32).collect();
        assert_eq!(ids, fixture.floats(case.tensor("input_ids")), "{}", case.name);
        let spans: Vec<[usize; 2]> = spans.into_iter().map(|span| [span.start, span.end]).collect();
        assert_eq!(serde_json::to_value(spans).unwrap(), *case.value("spans"), "{}", case.name);
    }
}

#[test]
fn a_caption_of_boxes_agrees_with_its_reference() {
    let Some(runtime) = runtime_or_skip("parity of grounding_dino") else { return };
    let fixture = Fixture::open("grounding_dino");
    let manifest = manifest(&fixture);
    let mut left_out = 0;
    for case in fixture.cases() {
        let (backend, watch) = watched(&manifest, "model", runtime);
        let mut detector = grounding_dino::open(&manifest, backend, case.number("text_threshold")).unwrap();
        let prompts = case.texts("prompts");
        prompt(&mut *detector, &manifest, &prompts);
        watch.log().replace.insert("pixel_values".to_owned(), fixture.floats(case.tensor("pixel_values")));
        let found = detected(&mut *detector, &case.picture, case.threshold());
        let log = watch.log();
        let fed = &log.fed["pixel_values"].1;
        assert_pixels(&case.name, fed, fixture.normalize(), &fixture.pixels(&case), PIXELS);
        for input in ["input_ids", "token_type_ids", "attention_mask"] {
            assert_eq!(log.fed[input].1, fixture.floats(case.tensor(input)), "{} {input}", case.name);
        }
        assert!(log.fed["pixel_mask"].1.iter().all(|bit| *bit == 1.0));
        for output in ["logits", "pred_boxes"] {
            let theirs = fixture.floats(case.tensor(output));
            assert_close(&format!("{} {output}", case.name), &log.given[output].1, &theirs, 1e-3);
        }
        drop(log);

        // A box whose label is made of tokens between the prompts alone answers none of them.
        let ids = fixture.floats(case.tensor("input_ids"));
        let number = |value: &serde_json::Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        let spans = case.value("spans").as_array().unwrap();
        let inside: Vec<f32> = spans.iter().flat_map(|span| ids[number(&span[0])..number(&span[1])].to_vec()).collect();
        let answers = |label: &serde_json::Value| {
            label.as_array().unwrap().iter().any(|id| inside.contains(&(number(id) as f32)))
        };
        let labels =
            case.value("best_prompts").as_array().unwrap().iter().zip(case.value("label_ids").as_array().unwrap());
        let labels: Vec<&str> =
            labels.map(|(best, label)| if answers(label) { prompts[number(best)] } else { "" }).collect();
        let mut theirs = expected(&fixture, &case, &labels);
        left_out += theirs.iter().filter(|theirs| theirs.label.is_empty()).count();
        theirs.retain(|theirs| !theirs.label.is_empty());
        assert_same(&case.name, &*detector, &found, &theirs, SAME_TENSORS);

        // Our pixels are the reference's bytes, so the end is the same too.
        watch.log().replace.clear();
        let found = detected(&mut *detector, &case.picture, case.threshold() - SAME_TENSORS.score);
        assert_alike(&case.name, &*detector, &found, (&theirs, case.threshold()), SAME_TENSORS);
    }
    assert!(left_out > 0, "no box answers no prompt");
}

#[test]
fn pictures_of_any_shape_go_through_one_detector() {
    let Some(runtime) = runtime_or_skip("shapes of grounding_dino") else { return };
    let fixture = Fixture::open("grounding_dino");
    let manifest = manifest(&fixture);
    let mut detector = zoo::load(&manifest, runtime, &cpu()).unwrap();
    prompt(&mut *detector, &manifest, &["cat", "spoon"]);
    let (mut out, mut sizes) = (Vec::new(), Vec::<Size>::new());
    for case in fixture.cases().iter().step_by(3) {
        detector.detect(&case.picture.view(), &Thresholds { score: 0.0, ..Thresholds::default() }, &mut out).unwrap();
        sizes.push(detector.input_size());
    }
    sizes.dedup();
    assert_eq!(sizes.len(), 3, "{sizes:?}");
}
