//! Families that take words too, or answer in words: with pictures as bytes they give what they give with floats.

use super::clip::embedded;
use super::generate::graphs::{copied, in_words, manifest_of};
use super::watched::{Values, Watched};
use super::{Fixture, SPLIT, WHOLE, detected, prompt};
use crate::onnx_runtime::{cpu, has_more_nodes, runtime_or_skip};
use std::collections::BTreeMap;
use vedette::infer::{BytesIn, GraphEdit, OrtBackend, Provider, SessionOptions};
use vedette::types::{BBox, Cancel};
use vedette::vision::{ImageProcessor, ProcessorConfig};
use vedette::zoo::prompt::clip::{CropScorer, TextEncoder};
use vedette::zoo::{self, Family};

/// What is made with bytes, and with floats.
fn both<T>(made: impl Fn(&SessionOptions) -> T) -> [T; 2] {
    [BytesIn::Always, BytesIn::Never].map(|bytes_in| made(&SessionOptions { bytes_in, ..cpu() }))
}

#[test]
fn owl_and_grounding_dino_find_the_same_boxes() {
    let Some(runtime) = runtime_or_skip("open vocabularies with bytes in") else { return };
    for (name, family) in [("owlvit", Family::Owl), ("owlv2", Family::Owl), ("grounding_dino", Family::GroundingDino)] {
        let fixture = Fixture::open(name);
        let manifest = fixture.manifest(family, &WHOLE);
        for case in fixture.cases() {
            let [(found, of_bytes), (expected, of_floats)] = both(|options| {
                let mut detector = zoo::load(&manifest, runtime, options).unwrap();
                prompt(&mut *detector, &manifest, &case.texts("prompts"));
                (detected(&mut *detector, &case.picture, 0.01), detector.proof().clone())
            });
            match name {
                "owlv2" => assert_eq!(of_bytes, of_floats),
                _ => assert!(has_more_nodes(&of_bytes, &of_floats), "{name}"),
            }
            assert!(!expected.is_empty(), "{name} {}", case.name);
            assert_eq!(found, expected, "{name} {}", case.name);
        }
    }
}

/// What a graph is fed and what it gives, number for number.
#[test]
fn a_picture_is_fed_as_bytes_and_every_output_is_the_same_to_the_bit() {
    let Some(runtime) = runtime_or_skip("outputs with bytes in") else { return };
    for (name, family) in [("owlvit", Family::Owl), ("grounding_dino", Family::GroundingDino), ("rtdetr", Family::Detr)]
    {
        let fixture = Fixture::open(name);
        let files = if family == Family::Detr { &WHOLE[..3] } else { &WHOLE };
        let manifest = fixture.manifest(family, files);
        let config = std::fs::read_to_string(manifest.path_of("preprocessor_config").unwrap()).unwrap();
        let processor = ImageProcessor::new(ProcessorConfig::from_json(&config).unwrap()).unwrap();
        let steps = processor.channel_steps().unwrap();
        let bytes_in = GraphEdit::BytesIn { input: "pixel_values".to_owned(), steps, only_on_gpu: false };
        for case in fixture.cases() {
            let [(bytes, found), (floats, expected)] = [Some(bytes_in.clone()), None].map(|edit| {
                let options = SessionOptions { edit, providers: vec![Provider::Cpu], ..cpu() };
                let backend = OrtBackend::open(runtime, &manifest.path_of("model").unwrap(), &options, &[]).unwrap();
                let (backend, watch) = Watched::new(backend);
                let mut detector = zoo::open(&manifest, backend).unwrap();
                if family != Family::Detr {
                    prompt(&mut *detector, &manifest, &case.texts("prompts"));
                }
                detected(&mut *detector, &case.picture, 0.01);
                let log = watch.log();
                (log.fed["pixel_values"].1.clone(), bits(&log.given))
            });
            let is_byte = |value: &f32| value.fract() == 0.0 && (0.0..=255.0).contains(value);
            assert!(bytes.iter().all(is_byte) && bytes.iter().any(|byte| *byte > 10.0), "{name} {}", case.name);
            assert!(!floats.iter().all(is_byte), "{name} {}", case.name);
            assert_eq!(found, expected, "{name} {}", case.name);
        }
    }
}

fn bits(outputs: &BTreeMap<String, Values>) -> BTreeMap<String, Vec<u32>> {
    let of = |(_, values): &Values| values.iter().map(|value| value.to_bits()).collect();
    outputs.iter().map(|(name, values)| (name.clone(), of(values))).collect()
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
            let [(found, of_bytes), (expected, of_floats)] = both(|options| {
                let mut scorer = CropScorer::load(&manifest, runtime, options).unwrap();
                (scorer.logits(&case.picture.view(), &boxes, &texts).unwrap().to_vec(), scorer.proof().clone())
            });
            assert!(has_more_nodes(&of_bytes, &of_floats), "{name}");
            assert_eq!(found, expected, "{name} {}", case.name);
        }
    }
}

#[test]
fn language_models_answer_the_same() {
    let Some(runtime) = runtime_or_skip("answers with bytes in") else { return };
    for (family, question) in [("smolvlm", "What do you see?"), ("florence2", "<MORE_DETAILED_CAPTION>")] {
        let fixture = Fixture::open(family);
        let folder = tempfile::tempdir().unwrap();
        let manifest = manifest_of(&copied(&fixture.checkpoint(), folder.path()), family, 4096);
        for case in fixture.cases().iter().take(3) {
            let [(found, of_bytes), (expected, of_floats)] = both(|options| {
                let mut model = zoo::load_vision_language(&manifest, runtime, options).unwrap();
                let question = in_words(question, 32);
                let answer = model.answer(&case.picture.view(), &question, &Cancel::new(), &mut |_| {}).unwrap();
                let encoder = model.proofs().into_iter().find(|(role, _)| *role == "vision_encoder").unwrap().1.clone();
                ((answer.text, answer.tokens), encoder)
            });
            assert!(has_more_nodes(&of_bytes, &of_floats), "{family}");
            assert_eq!(found, expected, "{family} {}", case.name);
        }
    }
}
