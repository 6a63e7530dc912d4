//! Families that take words too, or answer in words: with pictures as bytes they give what they give with floats.

use super::clip::embedded;
use super::generate::graphs::{in_words, manifest_of};
use super::{Fixture, SPLIT, WHOLE, detected, prompt};
use crate::onnx_runtime::{cpu, runtime_or_skip};
use vedette::infer::{BytesIn, SessionOptions};
use vedette::types::{BBox, Cancel};
use vedette::zoo::prompt::clip::{CropScorer, TextEncoder};
use vedette::zoo::{self, Family};

/// What is made with bytes, and with floats.
fn both<T>(made: impl Fn(&SessionOptions) -> T) -> [T; 2] {
    [BytesIn::Always, BytesIn::Never].map(|bytes_in| made(&SessionOptions { bytes_in, ..cpu() }))
}

#[test]
fn grounding_dino_finds_the_same_boxes() {
    let Some(runtime) = runtime_or_skip("grounding dino with bytes in") else { return };
    let fixture = Fixture::open("grounding_dino");
    let manifest = fixture.manifest(Family::GroundingDino, &WHOLE);
    for case in fixture.cases() {
        let [found, expected] = both(|options| {
            let mut detector = zoo::load(&manifest, runtime, options).unwrap();
            prompt(&mut *detector, &manifest, &case.texts("prompts"));
            detected(&mut *detector, &case.picture, 0.01)
        });
        assert!(!expected.is_empty(), "{}", case.name);
        assert_eq!(found, expected, "{}", case.name);
    }
}

#[test]
fn clip_and_siglip_score_boxes_the_same() {
    let Some(runtime) = runtime_or_skip("clip with bytes in") else { return };
    for (name, family) in [("clip", Family::Clip), ("siglip", Family::Siglip)] {
        let fixture = Fixture::open(name);
        let manifest = fixture.manifest(family, &SPLIT);
        let texts = embedded(&mut TextEncoder::load(&manifest, runtime).unwrap(), &["a cat", "an astronaut"]);
        for case in fixture.cases() {
            let boxes = [[0.0, 0.0, 40.0, 50.0], [10.5, 3.0, 60.0, 33.0]];
            let boxes = boxes.map(|[left, top, right, bottom]| BBox::from_corners(left, top, right, bottom).unwrap());
            let [found, expected] = both(|options| {
                let mut scorer = CropScorer::load(&manifest, runtime, options).unwrap();
                scorer.logits(&case.picture.view(), &boxes, &texts).unwrap().to_vec()
            });
            assert_eq!(found, expected, "{name} {}", case.name);
        }
    }
}

#[test]
fn language_models_answer_the_same() {
    let Some(runtime) = runtime_or_skip("answers with bytes in") else { return };
    for (family, question) in [("smolvlm", "What do you see?"), ("florence2", "<MORE_DETAILED_CAPTION>")] {
        let fixture = Fixture::open(family);
        let manifest = manifest_of(&fixture.checkpoint(), family, 4096);
        for case in fixture.cases().iter().take(3) {
            let [found, expected] = both(|options| {
                let mut model = zoo::load_vision_language(&manifest, runtime, options).unwrap();
                let question = in_words(question, 32);
                let answer = model.answer(&case.picture.view(), &question, &Cancel::new(), &mut |_| {}).unwrap();
                (answer.text, answer.tokens)
            });
            assert_eq!(found, expected, "{family} {}", case.name);
        }
    }
}
