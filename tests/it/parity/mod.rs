//! Each family against its reference: fixtures that `models/parity/` makes with torch and transformers.
//!
//! A family runs through its public interface over a backend that is watched: what it feeds is compared with what the
//! reference feeds, and may be replaced by it before the graph runs, so that what comes behind the graph is compared on
//! the reference's own tensors.

mod bad_input;
mod clip;
mod crops;
mod detr;
mod engines;
mod enters_as_bytes;
mod fixture;
mod generate;
mod grounding_dino;
mod in_use;
mod not_a_number;
mod owl;
mod watched;

use fixture::{Case, Fixture, Picture};
use vedette::infer::OrtBackend;
use vedette::types::{Detection, Prompts, Size};
use vedette::zoo::{self, Detector, Manifest, Thresholds};
use watched::{Watch, Watched};

use crate::onnx_runtime::cpu;
use vedette::infer::Runtime;

/// The files of a checkpoint in one graph.
const WHOLE: [&str; 5] =
    ["onnx/model.onnx", "config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"];
/// The files of one with a graph for words and a graph for pictures.
const SPLIT: [&str; 6] = [
    "onnx/text_model.onnx",
    "onnx/vision_model.onnx",
    "config.json",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// A file of a manifest over a watched backend.
fn watched(manifest: &Manifest, role: &str, runtime: &'static Runtime) -> (Box<Watched>, Watch) {
    Watched::new(OrtBackend::open(runtime, &manifest.path_of(role).unwrap(), &cpu(), &[]).unwrap())
}

/// Everything that scores at least `score`.
fn detected(detector: &mut dyn Detector, picture: &Picture, score: f32) -> Vec<Detection> {
    let thresholds = Thresholds { score, iou: 1.0, max_detections: 1000, classes: None };
    let mut out = Vec::new();
    detector.detect(&picture.view(), &thresholds, &mut out).unwrap();
    out
}

/// Gives a detector a case's prompts as its own encoder encodes them.
fn prompt(detector: &mut dyn Detector, manifest: &Manifest, texts: &[&str]) {
    let prompts = Prompts::new(texts, 1).unwrap();
    let encoded = zoo::prompt_encoder(manifest).unwrap().encode(&prompts).unwrap();
    detector.set_prompts(encoded).unwrap();
}

/// How far ours may be from the reference's detections.
#[derive(Clone, Copy)]
struct Tolerance {
    box_px: f32,
    score: f32,
}

/// On the reference's own tensors, and from pictures where our pixels are the reference's bytes.
const SAME_TENSORS: Tolerance = Tolerance { box_px: 0.5, score: 1e-3 };

/// One of the reference's detections.
#[derive(Debug)]
struct Expected {
    label: String,
    score: f32,
    corners: [f32; 4],
}

/// The reference's detections under these labels, best score first, clipped to the picture as ours are.
fn expected(fixture: &Fixture, case: &Case, labels: &[&str]) -> Vec<Expected> {
    let (boxes, scores) = (fixture.floats(case.tensor("boxes")), fixture.floats(case.tensor("scores")));
    let Size { width_px, height_px } = case.picture.size();
    let sides = [width_px as f32, height_px as f32];
    assert_eq!(labels.len(), scores.len(), "{}", case.name);
    let one = |at: usize| Expected {
        label: labels[at].to_owned(),
        score: scores[at],
        corners: [0, 1, 2, 3].map(|corner| boxes[4 * at + corner].clamp(0.0, sides[corner % 2])),
    };
    let mut all: Vec<Expected> = (0..scores.len()).map(one).collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    assert!(all.len() > 1, "{}: nothing to compare", case.name);
    all
}

fn corners(found: &Detection) -> [f32; 4] {
    [found.bbox.x_min(), found.bbox.y_min(), found.bbox.x_max(), found.bbox.y_max()]
}

/// Whether a detection is the reference's.
fn agree(detector: &dyn Detector, ours: &Detection, theirs: &Expected, within: Tolerance) -> bool {
    let away = corners(ours).into_iter().zip(theirs.corners).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    detector.labels().name(ours.class) == theirs.label
        && (ours.score - theirs.score).abs() <= within.score
        && away <= within.box_px
}

/// The same detections, as many and in the order of their scores.
fn assert_same(what: &str, detector: &dyn Detector, found: &[Detection], expected: &[Expected], within: Tolerance) {
    assert_eq!(found.len(), expected.len(), "{what}: {found:?} for {expected:?}");
    for (ours, theirs) in found.iter().zip(expected) {
        let name = detector.labels().name(ours.class);
        assert!(agree(detector, ours, theirs, within), "{what}: {name} {ours:?} for {theirs:?}");
    }
}

/// Each of the reference's detections is among ours, for which the threshold was lower by the tolerance; and none of
/// ours that is above the reference's threshold by more than the tolerance is new.
fn assert_alike(
    what: &str,
    detector: &dyn Detector,
    found: &[Detection],
    (expected, threshold): (&[Expected], f32),
    within: Tolerance,
) {
    for theirs in expected {
        assert!(found.iter().any(|ours| agree(detector, ours, theirs, within)), "{what}: no {theirs:?} in {found:?}");
    }
    for ours in found.iter().filter(|ours| ours.score > threshold + within.score) {
        let known = expected.iter().any(|theirs| agree(detector, ours, theirs, within));
        assert!(known, "{what}: {ours:?} not in {expected:?}");
    }
}

/// Two lists of numbers, as long and nowhere further apart than `within`; equal infinities are not apart.
fn assert_close(what: &str, ours: &[f32], theirs: &[f32], within: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!(ours == theirs || (ours - theirs).abs() <= within, "{what}, element {at}: {ours} for {theirs}");
    }
}

/// How far pixels may be from the reference's, in 1/255.
#[derive(Clone, Copy)]
struct Away {
    largest: f32,
    mean: f64,
}

const PIXELS: Away = Away { largest: 2.0, mean: 0.2 };

/// Pixels before normalization, NCHW in our tensor and NHWC in the reference's.
fn assert_pixels(what: &str, tensor: &[f32], normalize: [[f32; 3]; 2], reference: &[f32], within: Away) {
    let [mean, std] = normalize;
    assert_eq!(tensor.len(), reference.len(), "{what}");
    let plane = reference.len() / 3;
    let (mut largest, mut sum) = (0.0_f32, 0.0_f64);
    for (at, wanted) in reference.iter().enumerate() {
        let (pixel, channel) = (at / 3, at % 3);
        let ours = (tensor[channel * plane + pixel] * std[channel] + mean[channel]) * 255.0;
        let away = (ours - wanted).abs();
        largest = largest.max(away);
        sum += f64::from(away);
    }
    let mean = sum / reference.len() as f64;
    assert!(largest <= within.largest && mean <= within.mean, "{what}: {largest} at most, {mean} in the mean");
}
