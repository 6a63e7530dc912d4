//! What the families refuse, and what they live through.

use super::{Fixture, Picture, SPLIT, WHOLE};
use crate::onnx_runtime::{cpu, runtime_or_skip};
use std::collections::BTreeMap;
use std::fs;
use vedette::infer::{FakeBackend, OwnedTensor};
use vedette::types::{BBox, ClassScores, Element, Prompts, Size};
use vedette::zoo::prompt::clip::{CropScorer, TextEncoder, TextVectors};
use vedette::zoo::{self, Detector, Family, Input, Manifest, PromptForm, Thresholds, ZooError};

const PROMPTED: [(&str, Family); 3] =
    [("owlvit", Family::Owl), ("owlv2", Family::Owl), ("grounding_dino", Family::GroundingDino)];
const CLOSED: [(&str, Family); 3] =
    [("rtdetr", Family::Detr), ("dfine", Family::Detr), ("rtdetr_v2_boxes", Family::Detr)];

fn manifest(name: &str, family: Family) -> Manifest {
    Fixture::open(name).manifest(family, &WHOLE)
}

/// A backend with zeros at its inputs and these outputs.
fn fake(inputs: &[(&str, Element, &[usize])], outputs: &[(&str, &[usize], OwnedTensor)]) -> Box<FakeBackend> {
    let input = |(name, element, shape): &(&'static str, Element, &[usize])| {
        (*name, shape.to_vec(), OwnedTensor::zeros(*element, shape.iter().product()))
    };
    let inputs: Vec<(&'static str, Element, &[usize])> =
        inputs.iter().map(|(name, element, shape)| (leaked(name), *element, *shape)).collect();
    let outputs = outputs.iter().map(|(name, shape, tensor)| (*name, shape.to_vec(), tensor.clone())).collect();
    Box::new(FakeBackend::new(inputs.iter().map(input).collect(), outputs, BTreeMap::new()))
}

fn leaked(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
}

const PICTURE: (&str, Element, &[usize]) = ("pixel_values", Element::F32, &[1, 3, 64, 64]);

/// RT-DETR with three classes: two queries with these logits, one box each.
fn detr(logits: Vec<f32>, boxes: Vec<f32>) -> Box<dyn Detector> {
    detr_of(Element::F32, OwnedTensor::F32(logits), OwnedTensor::F32(boxes))
}

fn detr_of(element: Element, logits: OwnedTensor, boxes: OwnedTensor) -> Box<dyn Detector> {
    let manifest = Manifest {
        input: Some(Input::new("pixel_values".to_owned(), Size { width_px: 64, height_px: 64 })),
        labels: Some(["a", "b", "c"].map(str::to_owned).to_vec()),
        files: Vec::new(),
        ..manifest("rtdetr", Family::Detr)
    };
    let outputs = [("logits", &[1, 2, 3][..], logits), ("pred_boxes", &[1, 2, 4][..], boxes)];
    zoo::open(&manifest, fake(&[(PICTURE.0, element, PICTURE.2)], &outputs)).unwrap()
}

fn black(width_px: u32, height_px: u32) -> Picture {
    Picture::new(Size { width_px, height_px }, vec![0; (3 * width_px * height_px) as usize])
}

#[test]
fn half_precision_gives_what_single_precision_gives() {
    let (logits, boxes) = ([2.0, -4.0, 1.0, -4.0, 3.0, -4.0], [0.5, 0.5, 0.25, 0.5, 0.25, 0.75, 0.125, 0.125]);
    let half = |values: &[f32]| OwnedTensor::F16(values.iter().map(|value| half::f16::from_f32(*value)).collect());
    let mut singles = detr(logits.to_vec(), boxes.to_vec());
    let mut halves = detr_of(Element::F16, half(&logits), half(&boxes));
    let (mut found, mut same) = (Vec::new(), Vec::new());
    let thresholds = Thresholds { score: 0.5, ..Thresholds::default() };
    let [mut of_singles, mut of_halves] = [ClassScores::default(), ClassScores::default()];
    singles.detect_with_scores(&black(8, 8).view(), &thresholds, &mut found, &mut of_singles).unwrap();
    halves.detect_with_scores(&black(8, 8).view(), &thresholds, &mut same, &mut of_halves).unwrap();
    assert_eq!((found.len(), &found), (2, &same), "no more pairs than queries");
    assert!(of_singles.row(1).is_some() && of_singles == of_halves);
}

#[test]
fn a_graph_of_another_form_is_refused_with_what_was_found_and_what_was_wanted() {
    let open =
        |family: Family, name: &str, backend| zoo::open(&manifest(name, family), backend).err().unwrap().to_string();
    let nothing: &[(&str, &[usize], OwnedTensor)] = &[("x", &[1], OwnedTensor::F32(vec![0.0]))];
    let strange = || fake(&[("pictures", Element::F32, &[1, 3, 64, 64])], nothing);
    let found = "model takes [pictures float32 [1, 3, 64, 64]], family";
    for (family, name, wanted) in [
        (Family::Owl, "owlv2", "owl expects pixel_values float32, float16 or uint8 [1, 3, H, W], input_ids and"),
        (Family::GroundingDino, "grounding_dino", "grounding_dino expects pixel_values float32, float16 or uint8"),
    ] {
        let error = open(family, name, strange());
        assert!(error.starts_with(&format!("{found} {wanted}")), "{error}");
    }
    let error = open(Family::Detr, "rtdetr", strange());
    let start =
        "model gives [x float32 [1]], family detr expects logits [1, N, C] and pred_boxes [1, N, 4] (transformers), ";
    assert!(error.starts_with(start) && error.ends_with("[N, 6] and a number of boxes (PaddleDetection)"), "{error}");
    for input in
        [vec![PICTURE, PICTURE], vec![("words", Element::I64, &[1, 16][..])], vec![("x", PICTURE.1, &[1, 4][..])]]
    {
        let error = open(Family::Detr, "rtdetr", fake(&input, nothing));
        assert!(error.contains("family detr expects one picture [1, 3, H, W] or [1, H, W, 3]"), "{error}");
    }
    let words = ("input_ids", Element::I64, &[1, 16][..]);
    let error = open(Family::Owl, "owlv2", fake(&[PICTURE, words, ("attention_mask", words.1, words.2)], nothing));
    assert!(error.starts_with("model gives [x float32 [1]], family owl expects logits"), "{error}");
    let clip = Fixture::open("clip").manifest(Family::Clip, &SPLIT);
    let error = CropScorer::new(&clip, fake(&[words], nothing)).err().unwrap().to_string();
    assert!(error.contains("expects a vision model with pixel_values"), "{error}");
    let error = TextEncoder::new(&clip, fake(&[PICTURE], nothing)).err().unwrap().to_string();
    assert!(error.contains("expects a text model with input_ids"), "{error}");
}

#[test]
fn a_model_with_other_classes_than_names_is_refused() {
    let Some(runtime) = runtime_or_skip("class names of detr") else { return };
    let named = Manifest { labels: Some(vec!["a".to_owned()]), ..manifest("rtdetr", Family::Detr) };
    let error = zoo::load(&named, runtime, &cpu()).err().unwrap().to_string();
    assert_eq!(
        error,
        "class names: there are 1, from the manifest or a file beside the model, for a model with 80 classes"
    );
    let files = ["onnx/model.onnx", "preprocessor_config.json"];
    let coco = zoo::load(&Fixture::open("rtdetr").manifest(Family::Detr, &files), runtime, &cpu()).unwrap();
    assert_eq!(coco.labels().names().next(), Some("person"), "80 classes that nobody names are COCO's");
}

#[test]
fn each_missing_file_is_named() {
    let Some(runtime) = runtime_or_skip("missing files") else { return };
    for (name, family) in PROMPTED {
        for missing in &WHOLE[1..4] {
            let files: Vec<&str> = WHOLE.into_iter().filter(|file| file != missing).collect();
            let manifest = Fixture::open(name).manifest(family, &files);
            let opened = zoo::load(&manifest, runtime, &cpu()).map(drop);
            let error = opened.and_then(|()| zoo::prompt_encoder(&manifest).map(drop)).unwrap_err().to_string();
            let role = missing.trim_end_matches(".json");
            assert!(error.contains(&format!("no file with the role {role:?}")), "{error}");
        }
        // Listed, and not there.
        let listed = manifest(name, family);
        let gone = Manifest { folder: listed.folder.join("nowhere"), ..listed };
        assert!(zoo::load(&gone, runtime, &cpu()).is_err() && zoo::prompt_encoder(&gone).is_err());
    }
    for missing in SPLIT {
        let files: Vec<&str> = SPLIT.into_iter().filter(|file| *file != missing).collect();
        let manifest = Fixture::open("siglip").manifest(Family::Siglip, &files);
        let text = TextEncoder::load(&manifest, runtime).map(drop);
        assert!(text.is_err() || CropScorer::load(&manifest, runtime, &cpu()).is_err(), "{missing}");
    }
}

#[test]
fn a_tokenizer_of_another_model_is_refused_by_the_first_token_beyond_the_vocabulary() {
    for (name, family) in PROMPTED {
        let whole = manifest(name, family);
        let folder = tempfile::tempdir().unwrap();
        for file in &WHOLE[1..] {
            fs::copy(whole.folder.join(file), folder.path().join(file)).unwrap();
        }
        let config = r#"{"text_config": {"vocab_size": 3}}"#;
        fs::write(folder.path().join("config.json"), config).unwrap();
        let smaller = Manifest { folder: folder.path().to_owned(), ..whole };
        let prompts = Prompts::new(["cat"], 1).unwrap();
        let error = zoo::prompt_encoder(&smaller).unwrap().encode(&prompts).unwrap_err();
        assert!(matches!(error, ZooError::Vocabulary { vocabulary: 3, .. }), "{error}");
        fs::write(folder.path().join("config.json"), "{\"text_config\"").unwrap();
        let error = zoo::prompt_encoder(&smaller).err().unwrap().to_string();
        assert!(error.contains("config.json: no JSON"), "{error}");
    }
}

#[test]
fn too_long_a_text_is_refused_with_its_tokens_and_256_prompts_are_taken_where_they_fit() {
    let long = Prompts::new(["cat ".repeat(30)], 1).unwrap();
    let many = Prompts::new((0..256).map(|number| format!("cat {number}")), 1).unwrap();
    for name in ["owlvit", "owlv2"] {
        let mut encoder = zoo::prompt_encoder(&manifest(name, Family::Owl)).unwrap();
        let error = encoder.encode(&long).unwrap_err().to_string();
        assert!(error.ends_with("has 32 tokens, expected at most 16"), "{error}");
        let PromptForm::Tokens { ids, .. } = encoder.encode(&many).unwrap().form else { panic!("no tokens") };
        assert_eq!(ids.len(), 256 * 16);
    }
    let mut encoder = zoo::prompt_encoder(&manifest("grounding_dino", Family::GroundingDino)).unwrap();
    let error = encoder.encode(&many).unwrap_err().to_string();
    assert!(error.starts_with("text \"cat 0. cat 1.") && error.ends_with("tokens, expected at most 64"), "{error}");
}

#[test]
fn prompts_of_another_form_are_refused_and_the_old_ones_stay() {
    let Some(runtime) = runtime_or_skip("forms of prompts") else { return };
    let [(_, _), (owl, family), (dino, other)] = PROMPTED;
    let encode = |name, family| {
        zoo::prompt_encoder(&manifest(name, family))
            .unwrap()
            .encode(&Prompts::new(["cat", "spoon"], 1).unwrap())
            .unwrap()
    };
    for (mine, of, theirs, from) in [(owl, family, dino, other), (dino, other, owl, family)] {
        let mut detector = zoo::load(&manifest(mine, of), runtime, &cpu()).unwrap();
        detector.set_prompts(encode(mine, of)).unwrap();
        assert!(matches!(detector.set_prompts(encode(theirs, from)), Err(ZooError::Prompts { .. })));
        let mut out = Vec::new();
        detector.detect(&black(40, 30).view(), &Thresholds::default(), &mut out).unwrap();
        assert_eq!(detector.labels().len(), 2);
    }
    assert!(matches!(zoo::prompt_encoder(&manifest("rtdetr", Family::Detr)), Err(ZooError::NoPrompts)));
}

#[test]
fn pictures_of_one_pixel_and_of_one_pixel_s_width_go_through() {
    let Some(runtime) = runtime_or_skip("one pixel") else { return };
    for (name, family) in CLOSED.into_iter().chain(PROMPTED) {
        let manifest = manifest(name, family);
        let mut detector = zoo::load(&manifest, runtime, &cpu()).unwrap();
        if family.takes_prompts() {
            super::prompt(&mut *detector, &manifest, &["cat"]);
        }
        let mut out = Vec::new();
        for (width, height) in [(1, 1), (1, 200), (300, 1), (64, 48)] {
            let result = detector.detect(&black(width, height).view(), &Thresholds::default(), &mut out);
            // Grounding DINO keeps the aspect: a thread of pixels may be thinner than its patches.
            assert!(result.is_ok() || (family == Family::GroundingDino && width != height), "{name}: {result:?}");
        }
    }
    for (name, family) in [("clip", Family::Clip), ("siglip", Family::Siglip)] {
        let manifest = Fixture::open(name).manifest(family, &SPLIT);
        let mut text = TextEncoder::load(&manifest, runtime).unwrap();
        let mut scorer = CropScorer::load(&manifest, runtime, &cpu()).unwrap();
        let values = text.embed("cat").unwrap();
        let vectors = TextVectors { dimensions: values.len(), values };
        let pixel = BBox::from_corners(0.0, 0.0, 1.0, 1.0).unwrap();
        assert_eq!(scorer.logits(&black(1, 1).view(), &[pixel], &vectors).unwrap().len(), 1);
    }
}
