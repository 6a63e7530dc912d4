//! What an engine that overflows gives: NaN or infinities, everywhere or in a few places. It costs the picture, in every
//! family and in every layout of its outputs.

use super::{Fixture, Picture, SPLIT, WHOLE};
use crate::messages::{Driven, Heard, image, nth};
use std::collections::BTreeMap;
use vedette::config::Config;
use vedette::infer::{FakeBackend, OwnedTensor};
use vedette::pipeline::Walk;
use vedette::types::{BBox, ClassId, Detection, Element, Labels, Size};
use vedette::vision::Candidate;
use vedette::zoo::prompt::Matching;
use vedette::zoo::prompt::clip::{CropScorer, ScorerSlot, TextVectors};
use vedette::zoo::{
    self, Conse, CropMatch, Detector, EncodedPrompts, Family, Input, Manifest, PromptForm, Thresholds, ZooError,
    constant_detector,
};

const SIDE: Size = Size { width_px: 64, height_px: 64 };

/// An output: name, shape, sound values. Whole numbers stay such.
#[derive(Clone)]
enum Tensor {
    Floats(&'static str, Vec<usize>, Vec<f32>),
    Integers(&'static str, Vec<usize>, Vec<i64>),
}

/// A family in one layout: what its graph gives, how it is opened, and places in the outputs that must be numbers.
struct Table {
    what: &'static str,
    outputs: Vec<Tensor>,
    open: fn(FakeOf) -> Box<dyn Detector>,
    /// A score, a coordinate of a good box, and what lies below the threshold: output, place.
    places: Vec<(usize, usize)>,
}

/// Makes a backend with the table's outputs and these inputs.
struct FakeOf {
    element: Element,
    outputs: Vec<Tensor>,
}

impl FakeOf {
    fn with(self, inputs: &[(&'static str, Element, &[usize])]) -> Box<FakeBackend> {
        let float = self.element;
        let input = |(name, element, shape): &(&'static str, Element, &[usize])| {
            let element = if *element == Element::F32 { float } else { *element };
            (*name, shape.to_vec(), OwnedTensor::zeros(element, shape.iter().product()))
        };
        let output = |tensor: Tensor| match tensor {
            Tensor::Floats(name, shape, values) if float == Element::F16 => {
                (name, shape, OwnedTensor::F16(values.into_iter().map(half::f16::from_f32).collect()))
            }
            Tensor::Floats(name, shape, values) => (name, shape, OwnedTensor::F32(values)),
            Tensor::Integers(name, shape, values) => (name, shape, OwnedTensor::I64(values)),
        };
        let outputs = self.outputs.into_iter().map(output).collect();
        Box::new(FakeBackend::new(inputs.iter().map(input).collect(), outputs, BTreeMap::new()))
    }
}

const PICTURE: &[usize] = &[1, 3, 64, 64];

fn manifest(family: Family, labels: &[&str]) -> Manifest {
    Manifest {
        input: Some(Input::new("images".to_owned(), SIDE)),
        labels: Some(labels.iter().map(|name| (*name).to_owned()).collect()),
        files: Vec::new(),
        ..Fixture::open("rtdetr").manifest(family, &[])
    }
}

fn yolo(fake: FakeOf) -> Box<dyn Detector> {
    zoo::open(&manifest(Family::Yolo, &["a", "b"]), fake.with(&[("images", Element::F32, PICTURE)])).unwrap()
}

fn conse(fake: FakeOf) -> Box<dyn Detector> {
    let mut detector = Conse::new(yolo(fake), Matching::default());
    let labels = Labels::new(["thing", "a", "b"], 1);
    let form = PromptForm::ClassSimilarities { similarities: vec![0.9, 0.1] };
    detector.set_prompts(EncodedPrompts { labels, prompts: 1, form }).unwrap();
    Box::new(detector)
}

fn detr(picture: &'static str) -> impl Fn(FakeOf) -> Box<dyn Detector> {
    move |fake| {
        let mut inputs = vec![(picture, Element::F32, PICTURE)];
        if picture == "images" {
            inputs.push(("orig_target_sizes", Element::I64, &[1, 2]));
        }
        zoo::open(&manifest(Family::Detr, &["a", "b"]), fake.with(&inputs)).unwrap()
    }
}

fn paddle(fake: FakeOf) -> Box<dyn Detector> {
    let numbers: &[usize] = &[1, 2];
    let inputs = [
        ("image", Element::F32, PICTURE),
        ("im_shape", Element::F32, numbers),
        ("scale_factor", Element::F32, numbers),
    ];
    zoo::open(&manifest(Family::Detr, &["a", "b"]), fake.with(&inputs)).unwrap()
}

fn owl(fake: FakeOf) -> Box<dyn Detector> {
    let words: &[usize] = &[2, 4];
    let inputs = [
        ("pixel_values", Element::F32, PICTURE),
        ("input_ids", Element::I64, words),
        ("attention_mask", Element::I64, words),
    ];
    let manifest = Fixture::open("owlvit").manifest(Family::Owl, &WHOLE);
    let mut detector = zoo::open(&manifest, fake.with(&inputs)).unwrap();
    let form = PromptForm::Tokens { ids: vec![1; 8], mask: vec![1; 8], length: 4 };
    detector.set_prompts(EncodedPrompts { labels: Labels::new(["a", "b"], 1), prompts: 2, form }).unwrap();
    detector
}

fn grounding_dino(fake: FakeOf) -> Box<dyn Detector> {
    let words: &[usize] = &[1, 4];
    let inputs = [
        ("pixel_values", Element::F32, PICTURE),
        ("pixel_mask", Element::I64, &[1, 64, 64]),
        ("input_ids", Element::I64, words),
        ("token_type_ids", Element::I64, words),
        ("attention_mask", Element::I64, words),
    ];
    let manifest = Fixture::open("grounding_dino").manifest(Family::GroundingDino, &WHOLE);
    let mut detector = zoo::open(&manifest, fake.with(&inputs)).unwrap();
    let form = PromptForm::Caption { ids: vec![7; 4], spans: vec![1..2, 2..3] };
    detector.set_prompts(EncodedPrompts { labels: Labels::new(["a", "b"], 1), prompts: 2, form }).unwrap();
    detector
}

/// Two boxes that are looked at under one prompt.
fn crops(fixture: &str, family: Family, fake: FakeOf) -> Box<dyn Detector> {
    let at = |x: f32| BBox::from_corners(x, 10.0, x + 16.0, 40.0).unwrap();
    let candidate = |x| Candidate { bbox: at(x), class: ClassId(0), score: 0.9, source: 0 };
    let inner = constant_detector(SIDE, &Labels::new(["a"], 0), &[candidate(4.0), candidate(40.0)]).unwrap();
    let mut detector = CropMatch::new(inner, Matching { min_similarity: 0.0, min_lead: 0.0 });
    let backend = fake.with(&[("pixel_values", Element::F32, PICTURE)]);
    let scorer = CropScorer::new(&Fixture::open(fixture).manifest(family, &SPLIT), backend).unwrap();
    let rivals = if family == Family::Clip { 1 } else { 0 };
    let vectors = TextVectors { values: [0.6, 0.8].repeat(1 + rivals), dimensions: 2 };
    let form = PromptForm::CropEmbeddings { vectors, scorer: ScorerSlot::new(scorer) };
    detector.set_prompts(EncodedPrompts { labels: Labels::new(["thing", "a"], 1), prompts: 1, form }).unwrap();
    Box::new(detector)
}

/// Three boxes, of which the first is good.
fn tables() -> Vec<Table> {
    let floats = |name, shape: &[usize], values: &[f32]| Tensor::Floats(name, shape.to_vec(), values.to_vec());
    // Rows of centre x, centre y, width, height, and of the scores of two classes.
    let rows = [32., 10., 10., 32., 10., 10., 20., 5., 5., 30., 5., 5., 0.9, 0.1, 0.01, 0.2, 0.02, 0.1];
    let rows = vec![floats("output0", &[1, 6, 3], &rows)];
    let of_rows = vec![(0, 12), (0, 15), (0, 0), (0, 9), (0, 14), (0, 17), (0, 11)];
    let objectness =
        [[32., 32., 20., 30., 0.9, 0.1, 0.95], [10., 10., 5., 5., 0.1, 0.2, 0.9], [9., 9., 4., 4., 0., 0., 0.]]
            .concat();
    let end_to_end = [[10., 10., 50., 60., 0.9, 1.], [1., 1., 9., 9., 0.1, 0.], [0.; 6]].concat();
    let logits = [[4.0, -3.0], [-5.0, -5.0], [-9.0, -6.0]].concat();
    let boxes = [[0.5, 0.5, 0.25, 0.5], [0.5; 4], [0.25; 4]].concat();
    let of_queries = vec![(0, 0), (0, 1), (1, 0), (1, 3), (0, 5), (1, 11)];
    let queries = |logits_name, boxes_name| {
        vec![floats(logits_name, &[1, 3, 2], &logits), floats(boxes_name, &[1, 3, 4], &boxes)]
    };
    let caption = [[-9., 4., -3., -9., f32::NEG_INFINITY, f32::NEG_INFINITY], [-9.; 6], [-8.; 6]].concat();
    let image = |name| vec![floats(name, &[2, 2], &[3.0, 4.0, 4.0, 3.0])];
    let table = |what, outputs, open, places| Table { what, outputs, open, places };
    vec![
        table("yolo, rows", rows.clone(), yolo, of_rows.clone()),
        table("conse", rows, conse, of_rows),
        table(
            "yolo, end to end",
            vec![floats("output0", &[1, 3, 6], &end_to_end)],
            yolo,
            vec![(0, 4), (0, 0), (0, 3), (0, 5), (0, 10), (0, 6), (0, 17)],
        ),
        table(
            "yolo, objectness",
            vec![floats("output0", &[1, 3, 7], &objectness)],
            yolo,
            vec![(0, 4), (0, 0), (0, 6), (0, 11), (0, 13), (0, 7), (0, 20)],
        ),
        table(
            "yolo, num_dets",
            vec![
                floats("det_scores", &[1, 3], &[0.9, 0.1, 0.05]),
                floats("det_boxes", &[1, 3, 4], &[[4., 4., 40., 60.], [0., 0., 9., 9.], [1., 1., 8., 8.]].concat()),
                Tensor::Integers("num_dets", vec![1, 1], vec![3]),
                Tensor::Integers("det_classes", vec![1, 3], vec![1, 0, 0]),
            ],
            yolo,
            vec![(0, 0), (1, 0), (1, 3), (0, 1), (0, 2), (1, 7), (1, 11)],
        ),
        table(
            "detr, rows",
            vec![
                floats("rows", &[3, 6], &[[1., 0.9, 4., 4., 40., 60.], [0., 0.1, 1., 1., 9., 9.], [-1.; 6]].concat()),
                Tensor::Integers("boxes", vec![1], vec![3]),
            ],
            paddle,
            vec![(0, 1), (0, 0), (0, 5), (0, 7), (0, 8), (0, 17)],
        ),
        table("detr", queries("logits", "pred_boxes"), |fake| detr("pixel_values")(fake), of_queries.clone()),
        table("rf-detr", queries("labels", "dets"), |fake| detr("input")(fake), of_queries.clone()),
        table(
            "detr, decoded",
            vec![
                floats("scores", &[1, 3], &[0.9, 0.1, 0.05]),
                floats("boxes", &[1, 3, 4], &[[4., 4., 40., 60.], [0., 0., 9., 9.], [1., 1., 8., 8.]].concat()),
                Tensor::Integers("labels", vec![1, 3], vec![1, 0, 0]),
            ],
            |fake| detr("images")(fake),
            vec![(0, 0), (1, 0), (1, 3), (0, 1), (0, 2), (1, 7), (1, 11)],
        ),
        table("owl", queries("logits", "pred_boxes"), owl, of_queries),
        table(
            "grounding_dino",
            vec![floats("logits", &[1, 3, 6], &caption), floats("pred_boxes", &[1, 3, 4], &boxes)],
            grounding_dino,
            vec![(0, 1), (0, 0), (1, 0), (1, 3), (0, 6), (0, 15), (1, 11)],
        ),
        table("clip", image("image_embeds"), |fake| crops("clip", Family::Clip, fake), vec![(0, 0), (0, 3)]),
        table("siglip", image("pooler_output"), |fake| crops("siglip", Family::Siglip, fake), vec![(0, 1), (0, 2)]),
    ]
}

impl Table {
    /// With some numbers changed.
    fn opened(&self, element: Element, change: impl Fn(usize, &mut [f32])) -> Box<dyn Detector> {
        let mut outputs = self.outputs.clone();
        for (place, tensor) in outputs.iter_mut().enumerate() {
            if let Tensor::Floats(_, _, values) = tensor {
                change(place, values);
            }
        }
        (self.open)(FakeOf { element, outputs })
    }

    fn output(&self, place: usize) -> (&'static str, &[usize]) {
        let Tensor::Floats(name, shape, _) = &self.outputs[place] else { panic!("{}: {place}", self.what) };
        (name, shape)
    }
}

fn detect(detector: &mut dyn Detector) -> Result<Vec<Detection>, ZooError> {
    let gray = Picture::new(SIDE, vec![128; 3 * 64 * 64]);
    let mut out = vec![];
    let result = detector.detect(&gray.view(), &Thresholds::default(), &mut out);
    assert!(result.is_ok() || out.is_empty(), "a picture that is lost shows nothing");
    result.map(|()| out)
}

const PRECISIONS: [Element; 2] = [Element::F32, Element::F16];

#[test]
fn sound_numbers_give_their_boxes() {
    for table in tables() {
        for element in PRECISIONS {
            let boxes = if table.what.ends_with("clip") || table.what == "siglip" { 2 } else { 1 };
            let found = detect(&mut *table.opened(element, |_, _| ())).unwrap();
            assert_eq!(found.len(), boxes, "{} {element}: {found:?}", table.what);
        }
    }
}

#[test]
fn an_output_of_nothing_but_nan_costs_the_picture() {
    for table in tables() {
        for element in PRECISIONS {
            for (place, tensor) in table.outputs.iter().enumerate() {
                let Tensor::Floats(name, _, values) = tensor else { continue };
                let all = |at: usize, values: &mut [f32]| {
                    if at == place {
                        values.fill(f32::NAN)
                    }
                };
                let error = detect(&mut *table.opened(element, all)).unwrap_err().to_string();
                let expected = format!("the model's {name} are NaN at [0, ");
                assert!(error.starts_with(&expected), "{} {element}: {error}", table.what);
                assert!(error.ends_with(&format!("{0} of {0} are none", values.len())), "{}: {error}", table.what);
            }
        }
    }
}

#[test]
fn one_number_that_is_none_costs_the_picture_wherever_it_stands() {
    for table in tables() {
        for element in PRECISIONS {
            for &(place, at) in &table.places {
                for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                    let one = |other: usize, values: &mut [f32]| {
                        if other == place {
                            values[at] = bad
                        }
                    };
                    let error = detect(&mut *table.opened(element, one)).unwrap_err();
                    let (name, shape) = table.output(place);
                    let what = format!("{} {element} {name} {at} {bad}: {error}", table.what);
                    let ZooError::NotANumber { output, index, value, found, .. } = error else { panic!("{what}") };
                    assert_eq!((output.as_str(), found), (name, 1), "{what}");
                    assert!(value == bad || (value.is_nan() && bad.is_nan()), "{what}");
                    let flat = index.iter().zip(shape).fold(0, |flat, (index, side)| flat * side + index);
                    assert_eq!((flat, index.len()), (at, shape.len()), "{what}");
                }
            }
        }
    }
}

#[test]
fn behind_a_caption_only_certainly_not_is_a_logit() {
    let tables = tables();
    let table = tables.iter().find(|table| table.what == "grounding_dino").unwrap();
    for (bad, is_refused) in [(f32::NEG_INFINITY, false), (-3.0, false), (f32::NAN, true), (f32::INFINITY, true)] {
        let behind = |place: usize, values: &mut [f32]| {
            if place == 0 {
                values[11] = bad
            }
        };
        assert_eq!(detect(&mut *table.opened(Element::F32, behind)).is_err(), is_refused, "{bad}");
    }
}

#[test]
fn a_vector_without_a_direction_costs_the_picture() {
    for table in tables().iter().filter(|table| table.what.ends_with("clip") || table.what == "siglip") {
        let zero = |_: usize, values: &mut [f32]| values[2..].fill(0.0);
        let error = detect(&mut *table.opened(Element::F32, zero)).unwrap_err();
        assert!(matches!(error, ZooError::NoDirection { length: 0.0, .. }), "{error}");
    }
}

#[test]
fn a_good_box_under_a_class_that_has_no_name_costs_the_picture() {
    for table in tables() {
        let (place, at) = match table.what {
            "yolo, end to end" => (0, 5),
            "detr, decoded" => (2, 0),
            _ => continue,
        };
        let mut outputs = table.outputs.clone();
        match &mut outputs[place] {
            Tensor::Floats(_, _, values) => values[at] = 2.0,
            Tensor::Integers(_, _, values) => values[at] = 2,
        }
        let error = detect(&mut *(table.open)(FakeOf { element: Element::F32, outputs })).unwrap_err().to_string();
        assert!(error.ends_with("name class 2 for box 0, expected 0..2"), "{}: {error}", table.what);
    }
}

#[test]
fn in_a_walk_such_a_picture_is_lost_as_a_failure_of_inference() {
    for table in tables() {
        let detector = table.opened(Element::F32, |place, values| {
            if place == 0 {
                values.fill(f32::NAN)
            }
        });
        let config = Config::default();
        let mut walk = Driven::new(&config, Walk::new(&config, detector, "overflowing").unwrap());
        let mut heard = Heard::default();
        for number in 0..3 {
            let lost = walk.image(&image(nth(number)), &mut heard).unwrap_err();
            assert_eq!(lost.cause(), "inference_failed", "{}", table.what);
        }
        assert!(heard.results().is_empty(), "{}: no plan, so the watchdog's stop", table.what);
    }
}
