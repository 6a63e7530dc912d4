//! SmolVLM beside the reference: pixels, prompts, features, logits, tokens, and all of it at once.

use super::graphs::*;
use crate::onnx_runtime::{cpu, runtime_or_skip};
use crate::parity::{Case, Fixture, PIXELS, assert_close, assert_pixels};
use serde_json::{Value, json};
use std::fs;
use vedette::infer::Backend;
use vedette::language::{ChatTemplate, Content, GenerationConfig, Message, Part, Tokenizer};
use vedette::types::{Cancel, FinishReason, TensorData, TensorMut, TensorRef};
use vedette::vision::{ProcessorConfig, TileProcessor};
use vedette::zoo::VisionLanguageModel;
use vedette::zoo::answer::smolvlm::SmolVlm;

const TEST: &str = "smolvlm parity";
const CONTEXT: usize = 8192;

/// The file with the case's `do_image_splitting`.
fn processor_of(case: &Case, fixture: &Fixture) -> String {
    let text = fs::read_to_string(fixture.checkpoint().join("preprocessor_config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&text).unwrap();
    config["do_image_splitting"] = case.value("do_image_splitting").clone();
    config.to_string()
}

fn model(runtime: &'static vedette::infer::Runtime, case: &Case, fixture: &Fixture) -> SmolVlm {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = copied(&fixture.checkpoint(), folder.path());
    fs::write(checkpoint.join("preprocessor_config.json"), processor_of(case, fixture)).unwrap();
    SmolVlm::load(&manifest_of(&checkpoint, "smolvlm", CONTEXT), runtime, &cpu()).unwrap()
}

#[test]
fn tiles_are_those_of_the_pil_processor() {
    let fixture = Fixture::open("smolvlm");
    let mut seen = 0;
    for case in fixture.cases() {
        let config = ProcessorConfig::from_json(&processor_of(&case, &fixture)).unwrap();
        let normalize = config.normalize;
        let mut tiles = TileProcessor::new(config).unwrap();
        let picture = &case.picture;
        let layout = tiles.layout(picture.size()).unwrap();
        assert_eq!(json!([layout.rows, layout.columns]), json!([case.value("rows"), case.value("columns")]));
        let (shape, bytes) = fixture.shaped(case.tensor("pixels_u8"));
        assert_eq!(shape, [layout.frames(), layout.tile_px as usize, layout.tile_px as usize, 3]);
        let mut pixels = vec![0.0; layout.elements()];
        tiles.run(&picture.view(), &mut TensorMut::F32(&mut pixels)).unwrap();
        let frame = pixels.len() / layout.frames();
        for (ours, theirs) in pixels.chunks_exact(frame).zip(bytes.chunks_exact(frame)) {
            assert_pixels(&case.name, ours, [normalize.mean, normalize.std], theirs, PIXELS);
        }
        seen += 1;
    }
    assert_eq!(seen, 10);
}

#[test]
fn chats_are_written_as_the_reference_writes_them() {
    let fixture = Fixture::open("smolvlm");
    for case in fixture.value("template_cases").as_array().unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let template = &fixture.value("templates")[case["template"].as_str().unwrap()];
        let file = json!({ "chat_template": template }).to_string();
        fs::write(folder.path().join("chat_template.json"), file).unwrap();
        let messages: Vec<Message> = case["messages"].as_array().unwrap().iter().map(message).collect();
        let text = ChatTemplate::open(folder.path()).unwrap();
        let text = text.render(&messages, case["add_generation_prompt"].as_bool().unwrap()).unwrap();
        assert_eq!(text, case["text"].as_str().unwrap());
    }
}

fn message(json: &Value) -> Message {
    let parts = json["content"].as_array().unwrap().iter().map(|part| match part["text"].as_str() {
        Some(text) => Part::Text { text: text.to_owned() },
        None => Part::Image,
    });
    Message { role: json["role"].as_str().unwrap().to_owned(), content: Content::Parts(parts.collect()) }
}

#[test]
fn prompts_have_the_same_tokens() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let fixture = Fixture::open("smolvlm");
    for case in fixture.cases() {
        let model = model(runtime, &case, &fixture);
        let ids = model.prompt_ids(case.picture.size(), case.text("prompt")).unwrap();
        assert_eq!(ids, fixture.ids(case.tensor("input_ids")), "{}", case.name);
    }
}

/// Everything from the reference's own pixels and tokens.
#[test]
fn features_logits_and_tokens_are_the_references() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let fixture = Fixture::open("smolvlm");
    let checkpoint = fixture.checkpoint();
    let mut vision = graph(runtime, &checkpoint, "vision_encoder");
    let mut decoder = decoder(runtime, &checkpoint, &[]);
    let config = GenerationConfig::open(&checkpoint).unwrap();
    let tokenizer = Tokenizer::open(&checkpoint.join("tokenizer.json")).unwrap();
    let image = tokenizer.token_id("<image>").unwrap();
    for case in fixture.cases() {
        let (shape, pixels) = fixture.shaped(case.tensor("pixel_values"));
        give(&mut vision, "pixel_values", &shape, &pixels);
        unmask(&mut vision, "pixel_attention_mask", &[1, shape[1], shape[3], shape[4]]);
        vision.run().unwrap();
        let (shape, expected) = fixture.shaped(case.tensor("image_features"));
        let features = output_of(&vision, "image_features");
        assert_close(&case.name, &features, &expected, 1e-3);

        let ids = fixture.ids(case.tensor("input_ids"));
        let mut rows = rows_of(decoder.embed(&ids).unwrap());
        let width = shape[2];
        let places = rows.chunks_exact_mut(width).zip(&ids).filter(|(_, id)| **id == image).map(|(row, _)| row);
        places.zip(features.chunks_exact(width)).for_each(|(row, feature)| row.copy_from_slice(feature));
        let shape = [1, ids.len(), width];
        let rows = TensorRef { shape: &shape, data: TensorData::F32(&rows) };
        let (logits, tokens) = first_logits_and_tokens(&mut decoder, &counting(&ids, Some(rows)), &config);
        assert_close(&case.name, &logits, &fixture.shaped(case.tensor("prefill_logits")).1, 1e-3);
        assert_eq!(tokens, case.ids("tokens"), "{}", case.name);
        assert_eq!(tokenizer.decode(&tokens, true).unwrap(), case.text("answer"), "{}", case.name);
    }
}

/// From a picture and words to text: the same words, letter by letter.
#[test]
fn answers_from_picture_and_words_are_the_references() {
    let Some(runtime) = runtime_or_skip(TEST) else { return };
    let fixture = Fixture::open("smolvlm");
    for case in fixture.cases() {
        let mut model = model(runtime, &case, &fixture);
        let mut streamed = String::new();
        let answer = model
            .answer(&case.picture.view(), &in_words(case.text("prompt"), TOKENS), &Cancel::new(), &mut |piece| {
                streamed.push_str(piece);
            })
            .unwrap();
        assert_eq!(answer.text, case.text("answer"), "{}", case.name);
        assert_eq!(streamed, answer.text);
        assert_eq!((answer.tokens, answer.finish), (TOKENS, FinishReason::Length));
        assert_eq!(answer.prompt_tokens, fixture.ids(case.tensor("input_ids")).len());
        assert!(answer.regions.is_empty());
    }
}
