//! Prompts against the 80 classes of COCO, with the real sentence encoder.

use crate::onnx_runtime::runtime_or_skip;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use vedette::infer::Runtime;
use vedette::types::{BBox, ClassId, ImageView, Labels, PixelFormat, Prompts, Size};
use vedette::vision::Candidate;
use vedette::zoo::prompt::Matching;
use vedette::zoo::prompt::conse::ClassPromptEncoder;
use vedette::zoo::{self, Conse, Detector, PromptEncoder, PromptForm, SentenceEncoder, Thresholds, constant_detector};

const TABLE: &str = include_str!("../data/prompts.toml");
const SIZE: Size = Size { width_px: 160, height_px: 160 };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    classes: Vec<String>,
    alone: Vec<Alone>,
    together: Vec<Together>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Alone {
    prompt: String,
    takes: BTreeSet<String>,
    #[serde(default)]
    mistaken: BTreeSet<String>,
    #[serde(default)]
    missed: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Together {
    prompts: Vec<String>,
    takes: BTreeMap<String, BTreeSet<String>>,
}

/// The sentence encoder that the set-up makes. These tests are about it, so they fail without it.
fn sentences(runtime: &'static Runtime) -> SentenceEncoder {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let manifest = zoo::find(&[models], "minilm-l6-v2").unwrap();
    manifest.verify().unwrap_or_else(|error| panic!("{error}"));
    SentenceEncoder::load(&manifest, runtime).unwrap()
}

/// Where the box of a class has its upper left corner.
fn corner(class: ClassId) -> [f32; 2] {
    [f32::from(class.0 % 10) * 16.0, f32::from(class.0 / 10) * 16.0]
}

/// A detector that finds one box of every class, side by side.
fn one_of_each(classes: &Labels) -> Conse {
    let candidate = |class: ClassId| {
        let [x, y] = corner(class);
        let bbox = BBox::from_corners(x, y, x + 12.0, y + 12.0).unwrap();
        Candidate { bbox, class, score: 0.9, source: 0 }
    };
    let boxes = classes.classes().map(candidate);
    let boxes: Vec<_> = boxes.collect();
    Conse::new(constant_detector(SIZE, classes, &boxes).unwrap(), Matching::default())
}

/// Which classes each prompt took.
fn taken(
    encoder: &mut ClassPromptEncoder,
    classes: &Labels,
    prompts: &[impl AsRef<str>],
) -> BTreeMap<String, BTreeSet<String>> {
    let mut detector = one_of_each(classes);
    let set = Prompts::new(prompts, 1).unwrap();
    detector.set_prompts(encoder.encode(&set).unwrap()).unwrap();
    let data = vec![0; 3 * 160 * 160];
    let image = ImageView::new(&data, SIZE, 3 * SIZE.width_px, PixelFormat::Rgb8).unwrap();
    let mut found = Vec::new();
    detector.detect(&image, &Thresholds::default(), &mut found).unwrap();
    assert_eq!(found.len(), classes.len(), "every box has a label");
    let mut taken: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for detection in found {
        let place = [detection.bbox.x_min(), detection.bbox.y_min()];
        let class = classes.classes().find(|class| corner(*class) == place).unwrap();
        let label = detector.labels().name(detection.class);
        if prompts.iter().any(|prompt| prompt.as_ref() == label) {
            taken.entry(label.to_owned()).or_default().insert(classes.name(class).to_owned());
        } else {
            assert_eq!(label, classes.name(class), "what no prompt takes keeps its class");
        }
    }
    taken
}

#[test]
fn all_classes_answer_a_dozen_prompts_as_the_table_says() {
    let Some(runtime) = runtime_or_skip("the table of prompts") else { return };
    let table: Table = toml::from_str(TABLE).unwrap();
    let classes = Labels::new(table.classes, 0);
    assert_eq!(classes.len(), 80);
    let mut encoder = ClassPromptEncoder::new(sentences(runtime), classes.clone());
    let mut differences = Vec::new();
    for Alone { prompt, takes, mistaken, missed } in &table.alone {
        assert!(takes.union(missed).chain(mistaken).all(|name| classes.find(name).is_some()), "{prompt}");
        let found = taken(&mut encoder, &classes, &[prompt]).remove(prompt).unwrap_or_default();
        let expected: BTreeSet<String> = takes.union(mistaken).cloned().collect();
        if found != expected {
            differences.push(format!("{prompt} takes {found:?}, expected {expected:?}"));
        }
    }
    for Together { prompts, takes } in &table.together {
        let found = taken(&mut encoder, &classes, prompts);
        if found != *takes {
            differences.push(format!("{prompts:?} take {found:?}, expected {takes:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_prompt_is_encoded_the_same_whatever_stands_beside_it() {
    let Some(runtime) = runtime_or_skip("prompts beside one another") else { return };
    let classes = Labels::new(["person", "car"], 0);
    let mut encoder = ClassPromptEncoder::new(sentences(runtime), classes.clone());
    let mut similarities = |prompts: &[&str]| {
        let encoded = encoder.encode(&Prompts::new(prompts, 1).unwrap()).unwrap();
        let PromptForm::ClassSimilarities { similarities } = encoded.form else { panic!("another form") };
        similarities
    };
    let (alone, beside) = (similarities(&["delivery van"]), similarities(&["a very long prompt 🚲", "delivery van"]));
    assert_eq!(alone, [beside[1], beside[3]]);
    let mut other = ClassPromptEncoder::new(sentences(runtime), classes);
    let again = other.encode(&Prompts::new(["delivery van"], 1).unwrap()).unwrap();
    assert_eq!(again.form, PromptForm::ClassSimilarities { similarities: alone }, "in another session, bit for bit");
}
