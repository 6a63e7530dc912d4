//! Prompts by what boxes show: tiny CLIP and SigLIP behind detectors that see always the same.

use super::in_use::write_model;
use super::{Fixture, Picture, SPLIT};
use crate::allocations::allocations_in;
use crate::onnx_runtime::{cpu, runtime_or_skip};
use std::fs;
use std::path::Path;
use vedette::config::assembly::{LoadedModel, load_model};
use vedette::config::{Config, ProviderName};
use vedette::infer::{Proof, Runtime};
use vedette::types::{BBox, ClassId, Detection, Labels, Prompts, Size};
use vedette::vision::Candidate;
use vedette::zoo::prompt::Matching;
use vedette::zoo::prompt::clip::{CropScorer, TextEncoder, TextVectors};
use vedette::zoo::prompt::crops::{CropPromptEncoder, TEMPLATE};
use vedette::zoo::{
    CropMatch, Detector, EncodedPrompts, Family, Manifest, PromptEncoder, PromptForm, Thresholds, constant_detector,
};

const FIXTURES: [(&str, Family); 2] = [("clip", Family::Clip), ("siglip", Family::Siglip)];
const OWN: [&str; 4] = ["person", "car", "dog", "cup"];
/// `dogs` names a class.
const PROMPTS: [&str; 3] = ["a red spoon", "dogs", "an astronaut in an orange suit"];
const TAKES_ALL: Matching = Matching { min_similarity: 0.0, min_lead: 0.0 };

fn own() -> Labels {
    Labels::new(OWN, 0)
}

fn manifest(name: &str, family: Family) -> Manifest {
    Fixture::open(name).manifest(family, &SPLIT)
}

fn picture() -> Picture {
    Fixture::open("clip").cases()[0].picture.clone()
}

/// Sees so many boxes, of one class after the other.
fn constant(boxes: u8) -> Box<dyn Detector> {
    let candidate = |number: u8| {
        let (x, y) = (f32::from(number % 4) * 16.0, 12.0 + f32::from(number / 4) * 10.0);
        let bbox = BBox::from_corners(x, y, x + 12.0 + f32::from(number % 3), y + 8.0).unwrap();
        Candidate { bbox, class: ClassId(u16::from(number % 4)), score: 0.9 - 0.01 * f32::from(number), source: 0 }
    };
    let size = Size { width_px: 64, height_px: 64 };
    constant_detector(size, &own(), &(0..boxes).map(candidate).collect::<Vec<_>>()).unwrap()
}

/// A detector whose boxes are looked at, and what encodes its prompts.
fn opened(
    manifest: &Manifest,
    runtime: &'static Runtime,
    boxes: u8,
    matching: Matching,
) -> (CropMatch, CropPromptEncoder) {
    let scorer = CropScorer::load(manifest, runtime, &cpu()).unwrap();
    let text = TextEncoder::load(manifest, runtime).unwrap();
    let encoder = CropPromptEncoder::new(text, scorer, own());
    (CropMatch::new(constant(boxes), matching), encoder)
}

fn encoded(encoder: &mut CropPromptEncoder, texts: &[&str], version: u32) -> EncodedPrompts {
    encoder.encode(&Prompts::new(texts, version).unwrap()).unwrap()
}

fn found(detector: &mut dyn Detector, picture: &Picture) -> Vec<Detection> {
    let mut out = Vec::new();
    let thresholds = Thresholds { iou: 1.0, ..Thresholds::default() };
    detector.detect(&picture.view(), &thresholds, &mut out).unwrap();
    out
}

fn names(detector: &dyn Detector, found: &[Detection]) -> Vec<String> {
    found.iter().map(|detection| detector.labels().name(detection.class).to_owned()).collect()
}

/// The likeliest prompt of each box with its probability, by the scorer itself, one box after the other; `None` where
/// the box's own class is likelier.
fn likeliest(manifest: &Manifest, runtime: &'static Runtime, seen: &[Detection]) -> Vec<(Option<&'static str>, f32)> {
    let mut text = TextEncoder::load(manifest, runtime).unwrap();
    let mut scorer = CropScorer::load(manifest, runtime, &cpu()).unwrap();
    let likeliest = |detection: &Detection| {
        let own = OWN[usize::from(detection.class.0)];
        let competes = manifest.family == Family::Clip && own != "dog";
        let texts: Vec<&str> = PROMPTS.into_iter().chain(Some(own).filter(|_| competes)).collect();
        let rows = texts.iter().map(|words| text.embed(&TEMPLATE.replace("{}", words)).unwrap()).collect::<Vec<_>>();
        let vectors = TextVectors { dimensions: rows[0].len(), values: rows.concat() };
        let mut shares = scorer.logits(&picture().view(), &[detection.bbox], &vectors).unwrap().to_vec();
        scorer.probabilities(&mut shares);
        let best = (0..texts.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap();
        (PROMPTS.get(best).copied(), shares[best])
    };
    seen.iter().map(likeliest).collect()
}

#[test]
fn a_box_goes_to_its_likeliest_prompt_or_to_the_one_that_names_its_class_or_keeps_its_own() {
    let Some(runtime) = runtime_or_skip("prompts by sight") else { return };
    for (name, family) in FIXTURES {
        let (manifest, picture) = (manifest(name, family), picture());
        let seen = found(&mut *constant(12), &picture);
        let likeliest = likeliest(&manifest, runtime, &seen);
        let mut shares: Vec<f32> = likeliest.iter().map(|(_, share)| *share).collect();
        shares.sort_by(f32::total_cmp);
        assert!(shares[7] - shares[4] > 1e-3, "{name}: {shares:?}");
        let min_similarity = (shares[5] + shares[6]) / 2.0;
        let matching = Matching { min_similarity, ..TAKES_ALL };
        let (mut detector, mut encoder) = opened(&manifest, runtime, 12, matching);
        detector.set_prompts(encoded(&mut encoder, &PROMPTS, 3)).unwrap();
        let labels = PROMPTS.into_iter().chain(["person", "car", "cup"]);
        assert_eq!(detector.labels(), &Labels::new(labels, 3), "{name}");

        let expected: Vec<(String, f32, BBox<_>)> = seen
            .iter()
            .zip(&likeliest)
            .map(|(detection, (prompt, share))| {
                let own = OWN[usize::from(detection.class.0)];
                let label = match prompt.filter(|_| *share >= min_similarity) {
                    Some(prompt) => prompt,
                    None if own == "dog" => "dogs",
                    None => own,
                };
                (label.to_owned(), detection.score, detection.bbox)
            })
            .collect();
        let ours = found(&mut detector, &picture);
        let named = names(&detector, &ours).into_iter().zip(&ours);
        let ours: Vec<_> = named.map(|(label, found)| (label, found.score, found.bbox)).collect();
        assert_eq!(ours, expected, "{name}");
        assert!(ours.iter().any(|(label, ..)| label != "dogs" && PROMPTS.contains(&label.as_str())), "{ours:?}");
    }
}

#[test]
fn sets_of_prompts_follow_one_another_and_a_refused_one_changes_nothing() {
    let Some(runtime) = runtime_or_skip("sets of prompts by sight") else { return };
    for (name, family) in FIXTURES {
        let picture = picture();
        let (mut detector, mut encoder) = opened(&manifest(name, family), runtime, 4, TAKES_ALL);
        let seen = found(&mut detector, &picture);
        assert_eq!(names(&detector, &seen), OWN);

        detector.set_prompts(encoded(&mut encoder, &["thing"], 1)).unwrap();
        let things = found(&mut detector, &picture);
        let is_thing = |name: &String| name == "thing" || OWN.contains(&name.as_str());
        assert!(names(&detector, &things).iter().all(is_thing), "{name}");

        let whole = encoded(&mut encoder, &["cat", "spoon"], 2);
        let PromptForm::CropEmbeddings { vectors, scorer } = &whole.form else { panic!("{:?}", whole.form) };
        let TextVectors { values, dimensions } = vectors;
        let with = |values: Vec<f32>, dimensions: usize| PromptForm::CropEmbeddings {
            vectors: TextVectors { values, dimensions },
            scorer: scorer.clone(),
        };
        let short = with(values[*dimensions..].to_vec(), *dimensions);
        let narrow = with(values.clone(), *dimensions / 2);
        let nan = with(vec![f32::NAN; values.len()], *dimensions);
        let words = PromptForm::ClassSimilarities { similarities: vec![0.5; 8] };
        for form in [short, narrow, nan, words] {
            assert!(detector.set_prompts(EncodedPrompts { form, ..whole.clone() }).is_err(), "{name}");
        }
        for prompts in [0, 99] {
            assert!(detector.set_prompts(EncodedPrompts { prompts, ..whole.clone() }).is_err(), "{name}");
        }
        assert_eq!((detector.labels().version(), found(&mut detector, &picture)), (1, things), "{name}");

        detector.set_prompts(whole).unwrap();
        assert_eq!((detector.labels().version(), found(&mut detector, &picture).len()), (2, 4));
        detector.set_prompts(EncodedPrompts::none(&own(), 3)).unwrap();
        assert_eq!((detector.labels().version(), found(&mut detector, &picture)), (3, seen));
    }
}

#[test]
fn the_model_that_looks_travels_with_the_prompts_and_is_in_the_next_set_when_one_is_refused() {
    let Some(runtime) = runtime_or_skip("a scorer on its way") else { return };
    let (mut detector, mut encoder) = opened(&manifest("siglip", Family::Siglip), runtime, 1, TAKES_ALL);
    let roles = |proofs: Vec<(&'static str, &Proof)>| proofs.into_iter().map(|(role, _)| role).collect::<Vec<_>>();
    assert_eq!((roles(detector.proofs()), roles(encoder.proofs())), (vec!["model"], vec!["text_model"]));
    drop(encoded(&mut encoder, &["lost on the way"], 1));
    let bad = EncodedPrompts { prompts: 2, ..encoded(&mut encoder, &["cat"], 2) };
    assert!(detector.set_prompts(bad).is_err());
    assert_eq!(roles(detector.proofs()), ["model"]);
    detector.set_prompts(encoded(&mut encoder, &["cat"], 3)).unwrap();
    assert_eq!(roles(detector.proofs()), ["model", "vision_model"]);
    detector.set_prompts(EncodedPrompts::none(&own(), 4)).unwrap();
    detector.set_prompts(encoded(&mut encoder, &["cat"], 5)).unwrap();

    let mut other = CropMatch::new(constant(1), TAKES_ALL);
    let error = other.set_prompts(encoded(&mut encoder, &["cat"], 6)).unwrap_err().to_string();
    let expected = "the prompts are without a model that looks at boxes: another detector has it, family crops expects \
                    embeddings for crops, and the model of the same checkpoint that looks at them";
    assert_eq!(error, expected);
    let found = found(&mut other, &picture());
    assert_eq!(names(&other, &found), ["person"]);
}

#[test]
fn nothing_and_one_box_and_more_than_a_batch_are_looked_at_with_few_allocations() {
    let Some(runtime) = runtime_or_skip("allocations of prompts by sight") else { return };
    for (name, family) in FIXTURES {
        let (manifest, picture) = (manifest(name, family), picture());
        for boxes in [0, 1, 16, 20] {
            let (mut detector, mut encoder) = opened(&manifest, runtime, boxes, TAKES_ALL);
            detector.set_prompts(encoded(&mut encoder, &PROMPTS, 1)).unwrap();
            let (thresholds, mut out) = (Thresholds { iou: 1.0, ..Thresholds::default() }, Vec::new());
            let mut detect = || detector.detect(&picture.view(), &thresholds, &mut out).unwrap();
            (0..3).for_each(|_| detect());
            let counted = allocations_in(&mut detect);
            // A run costs ort's list of two outputs; a batch of another size than the last one's its tensors.
            let bound = match boxes {
                0 => 0,
                1 | 16 => 8,
                _ => 40,
            };
            assert!(counted <= bound, "{name}, {boxes} boxes: {counted} allocations, at most {bound} expected");
            assert_eq!(out.len(), usize::from(boxes), "{name}");
        }
    }
}

/// The detector that finds red things, and a model that looks at them, as folders with manifests.
fn models(folder: &Path, name: &str, family: &str) -> Config {
    let detector = folder.join("red");
    fs::create_dir_all(&detector).unwrap();
    let small = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/yolo_rows.onnx");
    fs::copy(small, detector.join("model.onnx")).unwrap();
    let manifest = "family = \"yolo\"\ntask = \"detect\"\nsource = \"tests/data/models\"\nverified = false\n\
                    [input]\nname = \"images\"\nwidth_px = 64\nheight_px = 64\n\
                    [license]\nname = \"Apache-2.0\"\n[[files]]\npath = \"model.onnx\"\n";
    fs::write(detector.join("model.toml"), manifest).unwrap();
    let scoring = "[scoring]\nlogit_scale = 10.0\nlogit_bias = -1.5\n\n";
    write_model(&folder.join("eyes"), name, (family, "score", scoring), &SPLIT);
    Config {
        model_dirs: vec![folder.to_owned()],
        model: "red".to_owned(),
        text_model: "eyes".to_owned(),
        prompt_min_similarity: 0.0,
        prompt_min_lead: 0.0,
        providers: vec![ProviderName::Cpu],
        intra_op_threads: 1,
        ..Config::default()
    }
}

#[test]
fn a_score_model_as_text_model_looks_at_the_boxes_from_the_start_or_from_the_first_prompts_on() {
    if runtime_or_skip("prompts by sight in use").is_none() {
        return;
    }
    let red = Picture::new(Size { width_px: 64, height_px: 64 }, [255, 0, 0].repeat(64 * 64));
    for (name, family) in [("clip", "clip"), ("siglip", "siglip")] {
        let folder = tempfile::tempdir().unwrap();
        let config = models(folder.path(), name, family);
        let LoadedModel { mut detector, prompts, mut prompter, .. } =
            load_model(&config).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(prompts, None);
        let seen = found(&mut *detector, &red);
        assert!(!seen.is_empty() && names(&*detector, &seen).iter().all(|name| name == "red"), "{name}");
        let later = std::thread::spawn(move || prompter.encode(["a tomato", "red"]).unwrap()).join().unwrap();
        detector.set_prompts(later).unwrap();
        let late = found(&mut *detector, &red);
        assert!(names(&*detector, &late).iter().all(|name| ["a tomato", "red"].contains(&name.as_str())), "{name}");
        assert_eq!((late.len(), detector.labels().len()), (seen.len(), 4), "{name}: green and the light stay");

        let prompted = Config { prompts: vec!["a tomato".into(), "red".into()], ..config.clone() };
        let LoadedModel { mut detector, prompts, .. } = load_model(&prompted).unwrap();
        detector.set_prompts(prompts.unwrap()).unwrap();
        assert_eq!(found(&mut *detector, &red), late, "{name}");

        // A model whose files have gone is named with the prompts that need it.
        fs::remove_file(folder.path().join("eyes/onnx/vision_model.onnx")).unwrap();
        let error = load_model(&prompted).err().unwrap().to_string();
        assert!(error.starts_with("parameter prompts: the prompts need a text encoder: "), "{error}");
        assert!(error.contains("vision_model.onnx") && load_model(&config).is_ok(), "{error}");
    }
}
