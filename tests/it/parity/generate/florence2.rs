//! Florence-2 beside the reference: pixels, prompts, features, states, logits, tokens, places, and all of it at once.

use super::graphs::*;
use crate::onnx_runtime::{cpu, runtime_or_skip};
use crate::parity::{Case, Fixture, PIXELS, assert_close, assert_pixels};
use serde_json::Value;
use std::fs;
use vedette::infer::{Backend, Runtime};
use vedette::language::{GenerationConfig, Tokenizer};
use vedette::types::{BBox, Cancel, FinishReason, ImagePx, Region, Size, TensorMut};
use vedette::vision::{ImageProcessor, ProcessorConfig};
use vedette::zoo::VisionLanguageModel;
use vedette::zoo::answer::florence2::{Florence2, TaskPrompt};

const TEST: &str = "florence2 parity";

fn model(runtime: &'static Runtime, fixture: &Fixture) -> Florence2 {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = copied(&fixture.checkpoint(), folder.path());
    Florence2::load(&manifest_of(&checkpoint, "florence2", 256), runtime, &cpu()).unwrap()
}

fn question(case: &Case) -> String {
    format!("{}{}", case.text("task"), case.text("prompt"))
}

#[test]
fn pixels_are_those_of_the_pil_processor() {
    let fixture = Fixture::open("florence2");
    let text = fs::read_to_string(fixture.checkpoint().join("preprocessor_config.json")).unwrap();
    let config = ProcessorConfig::from_json(&text).unwrap();
    let normalize = config.normalize;
    let mut processor = ImageProcessor::new(config).unwrap();
    let mut seen = 0;
    for case in fixture.cases() {
        let bytes = fixture.floats(case.tensor("pixels_u8"));
        let mut pixels = vec![0.0; bytes.len()];
        processor.run(&case.picture.view(), &mut TensorMut::F32(&mut pixels)).unwrap();
        assert_pixels(&case.name, &pixels, [normalize.mean, normalize.std], &bytes, PIXELS);
        seen += 1;
    }
    assert_eq!(seen, 12);
}

#[test]
fn prompts_have_the_same_tokens() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let fixture = Fixture::open("florence2");
    let model = model(runtime, &fixture);
    for case in fixture.cases() {
        assert_eq!(model.word_ids(&question(&case)).unwrap(), case.ids("text_ids"), "{}", case.name);
        let (task, words) = TaskPrompt::read(case.text("task")).unwrap_or_else(|_| {
            let asked = question(&case);
            let (task, words) = TaskPrompt::read(&asked).unwrap();
            assert_eq!(task.prompt(words), case.text("text"));
            (task, "")
        });
        assert!(task.takes_words() || task.prompt(words) == case.text("text"), "{}", case.name);
    }
}

/// Everything from the reference's own pixels, tokens and states.
#[test]
fn features_states_logits_and_tokens_are_the_references() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let fixture = Fixture::open("florence2");
    let checkpoint = fixture.checkpoint();
    let mut vision = graph(runtime, &checkpoint, "vision_encoder");
    let mut encoder = graph(runtime, &checkpoint, "encoder_model");
    let mut decoder = decoder(runtime, &checkpoint, &["encoder_hidden_states", "encoder_attention_mask"]);
    let config = GenerationConfig::open(&checkpoint).unwrap();
    let tokenizer = Tokenizer::open(&checkpoint.join("tokenizer.json")).unwrap();
    for case in fixture.cases() {
        let (shape, pixels) = fixture.shaped(case.tensor("pixel_values"));
        give(&mut vision, "pixel_values", &shape, &pixels);
        vision.run().unwrap();
        let (_, features) = fixture.shaped(case.tensor("image_features"));
        assert_close(&case.name, &output_of(&vision, "image_features"), &features, 1e-3);

        let words = rows_of(decoder.embed(&case.ids("text_ids")).unwrap());
        let (shape, states) = fixture.shaped(case.tensor("last_hidden_state"));
        give(&mut encoder, "inputs_embeds", &shape, &[features, words].concat());
        unmask(&mut encoder, "attention_mask", &shape[..2]);
        encoder.run().unwrap();
        assert_close(&case.name, &output_of(&encoder, "last_hidden_state"), &states, 1e-3);

        give(decoder.backend(), "encoder_hidden_states", &shape, &states);
        unmask(decoder.backend(), "encoder_attention_mask", &shape[..2]);
        let start = [config.decoder_start.unwrap()];
        let (logits, tokens) = first_logits_and_tokens(&mut decoder, &counting(&start, None), &config);
        assert_close(&case.name, &logits, &fixture.shaped(case.tensor("prefill_logits")).1, 1e-3);
        assert_eq!(tokens[..TOKENS], case.ids("tokens")[..TOKENS], "{}", case.name);
        let answer = tokenizer.decode(&case.ids("tokens"), false).unwrap();
        assert_eq!(answer, case.text("answer"), "{}", case.name);
    }
}

/// The reference's boxes are whole pixels, cut off; those of a picture a thousand times as large tell the fractions.
fn expected_regions(result: &Value, size: Size) -> Vec<Region> {
    let lists = [("bboxes", "labels"), ("bboxes", "bboxes_labels"), ("quad_boxes", "labels")];
    let mut regions: Vec<Region> = Vec::new();
    for (boxes, labels) in lists {
        let (Some(boxes), Some(labels)) = (result[boxes].as_array(), result[labels].as_array()) else { continue };
        regions.extend(boxes.iter().zip(labels).filter_map(|(corners, label)| region(&[corners], label, size)));
    }
    if let (Some(outlines), Some(labels)) = (result["polygons"].as_array(), result["polygons_labels"].as_array()) {
        let parts = outlines.iter().map(|outline| outline.as_array().unwrap().iter().collect::<Vec<_>>());
        regions.extend(parts.zip(labels).filter_map(|(parts, label)| region(&parts, label, size)));
    }
    regions
}

fn region(parts: &[&Value], label: &Value, size: Size) -> Option<Region> {
    let numbers: Vec<f32> = parts.iter().flat_map(|part| part.as_array().unwrap()).map(thousandth).collect();
    let along = |offset: usize| {
        let numbers = numbers.iter().skip(offset).step_by(2);
        numbers.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), at| (low.min(*at), high.max(*at)))
    };
    let ((x_min, x_max), (y_min, y_max)) = (along(0), along(1));
    let bbox = BBox::<ImagePx>::from_corners(x_min, y_min, x_max, y_max)?;
    let bbox = bbox.clipped(size.width_px as f32, size.height_px as f32)?;
    Some(Region { bbox, label: label.as_str().unwrap().to_owned() })
}

#[track_caller]
fn assert_regions(what: &str, found: &[Region], expected: &[Region]) {
    // The reference leaves out letters beyond ASCII.
    let ascii = |region: &Region| region.label.chars().filter(char::is_ascii).collect::<String>();
    assert_eq!(found.iter().map(ascii).collect::<Vec<_>>(), expected.iter().map(ascii).collect::<Vec<_>>(), "{what}");
    for (ours, theirs) in found.iter().zip(expected) {
        let corners = |bbox: &BBox<ImagePx>| [bbox.x_min(), bbox.y_min(), bbox.x_max(), bbox.y_max()];
        assert_close(what, &corners(&ours.bbox), &corners(&theirs.bbox), 0.01);
    }
}

fn size_of(value: &Value) -> Size {
    let side = |index: usize| u32::try_from(value[index].as_u64().unwrap()).unwrap();
    Size { width_px: side(0), height_px: side(1) }
}

#[test]
fn written_answers_have_the_references_places() {
    let fixture = Fixture::open("florence2");
    let mut places = 0;
    for case in fixture.value("text_cases").as_array().unwrap() {
        let (task, text) = (case["task"].as_str().unwrap(), case["text"].as_str().unwrap());
        let task = TaskPrompt::ALL.into_iter().find(|known| known.token() == task).unwrap();
        let size = size_of(&case["image_size"]);
        let expected = expected_regions(&case["result_of_thousandfold"], size);
        assert_regions(text, &task.regions(text, size), &expected);
        places += expected.len();
    }
    assert!(places > 25, "{places}");
}

/// From a picture and words to words and places.
#[test]
fn answers_from_picture_and_words_are_the_references() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let fixture = Fixture::open("florence2");
    let mut model = model(runtime, &fixture);
    for case in fixture.cases() {
        let mut streamed = String::new();
        let answer = model
            .answer(&case.picture.view(), &in_words(&question(&case), TOKENS), &Cancel::new(), &mut |piece| {
                streamed.push_str(piece);
            })
            .unwrap();
        let expected = case.text("answer").replace("<s>", "").replace("</s>", "");
        assert_eq!(answer.text, expected, "{}", case.name);
        assert_eq!(streamed, answer.text);
        assert_eq!((answer.tokens, answer.finish), (TOKENS, FinishReason::Length));
        assert_eq!(answer.prompt_tokens, fixture.ids(case.tensor("input_ids")).len());
        let size = size_of(case.value("image_size"));
        assert_eq!(size, case.picture.size());
        assert_regions(&case.name, &answer.regions, &expected_regions(case.value("result_of_thousandfold"), size));
    }
}

fn thousandth(number: &Value) -> f32 {
    serde_json::from_value::<f32>(number.clone()).unwrap() / 1000.0
}
