//! Detectors from model file to boxes: layouts, refusals, the same bytes twice, no allocation in steady state.

use crate::allocations::allocations_in;
use crate::onnx_runtime::{cpu, open_small, runtime_or_skip, small_model};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vedette::infer::{Backend, FakeBackend, OwnedTensor, Provider, Runtime, SessionOptions};
use vedette::types::{BBox, ClassId, Detection, Element, ImageView, Labels, PixelFormat, Size, TensorMut};
use vedette::vision::Candidate;
use vedette::zoo::prompt::Matching;
use vedette::zoo::{
    self, ClassMask, Conse, Detector, EncodedPrompts, Family, Input, License, Manifest, PromptForm, Task, Thresholds,
    ZooError, constant_detector,
};

const SIZE: Size = Size { width_px: 64, height_px: 64 };

fn manifest(input: Size) -> Manifest {
    Manifest {
        name: "small".to_owned(),
        folder: PathBuf::new(),
        family: Family::Yolo,
        task: Task::Detect,
        layout: None,
        source: "tests/data/models/generate.py".to_owned(),
        verified: true,
        is_written: true,
        input: Some(Input::new("images".to_owned(), input)),
        scoring: None,
        generation: None,
        labels: None,
        license: License { name: "Apache-2.0".to_owned(), notice: String::new() },
        files: Vec::new(),
    }
}

fn open(runtime: &'static Runtime, model: &str) -> Result<Box<dyn Detector>, ZooError> {
    zoo::open(&manifest(SIZE), Box::new(open_small(runtime, model, &[])))
}

/// A picture of one colour.
struct Plain {
    data: Vec<u8>,
    size: Size,
}

impl Plain {
    fn new(size: Size, rgb: [u8; 3]) -> Self {
        Self { data: rgb.repeat((size.width_px * size.height_px) as usize), size }
    }

    fn view(&self) -> ImageView<'_> {
        ImageView::new(&self.data, self.size, 3 * self.size.width_px, PixelFormat::Rgb8).unwrap()
    }
}

fn detected(detector: &mut dyn Detector, picture: &Plain, thresholds: &Thresholds) -> Vec<Detection> {
    let mut found = Vec::new();
    detector.detect(&picture.view(), thresholds, &mut found).unwrap();
    found
}

fn named<'a>(detector: &'a dyn Detector, found: &[Detection]) -> Vec<&'a str> {
    found.iter().map(|detection| detector.labels().name(detection.class)).collect()
}

#[test]
fn a_red_picture_is_red_in_every_layout_with_rows() {
    let Some(runtime) = runtime_or_skip("rows") else { return };
    for model in ["yolo_rows", "yolo_rows_f16"] {
        let mut detector = open(runtime, model).unwrap();
        let found = detected(&mut *detector, &Plain::new(SIZE, [255, 0, 0]), &Thresholds::default());
        // Of six boxes, one scores 0.2 and two lie under better ones.
        assert_eq!(named(&*detector, &found), ["red"; 3], "{model}");
        let scores: Vec<_> = found.iter().map(|detection| detection.score).collect();
        for (score, expected) in scores.iter().zip([1.0, 0.8, 0.7]) {
            assert!((score - expected).abs() < 2e-3, "{model}: {scores:?}");
        }
        assert_eq!(found[0].bbox, BBox::from_corners(6.0, 6.0, 26.0, 26.0).unwrap(), "{model}");
        assert!(found.iter().all(|detection| detection.track.is_none()));
    }
}

#[test]
fn colours_keep_their_channels() {
    let Some(runtime) = runtime_or_skip("channels") else { return };
    let mut detector = open(runtime, "yolo_rows").unwrap();
    let of = |detector: &mut dyn Detector, rgb| {
        let found = detected(detector, &Plain::new(SIZE, rgb), &Thresholds::default());
        named(detector, &found).first().copied().map(str::to_owned)
    };
    assert_eq!(of(&mut *detector, [0, 255, 0]).as_deref(), Some("green"));
    assert_eq!(of(&mut *detector, [0, 0, 255]).as_deref(), Some("traffic light"));
    assert_eq!(of(&mut *detector, [0, 0, 0]), None);
}

#[test]
fn end_to_end_boxes_come_sorted_cut_and_unsuppressed() {
    let Some(runtime) = runtime_or_skip("end to end") else { return };
    for model in ["yolo_end_to_end", "yolo_end_to_end_f16"] {
        let mut detector = open(runtime, model).unwrap();
        let white = Plain::new(SIZE, [255; 3]);
        let found = detected(&mut *detector, &white, &Thresholds::default());
        let expected = ["red", "green", "traffic light", "green", "traffic light"];
        assert_eq!(named(&*detector, &found), expected, "{model}");
        let two = Thresholds { max_detections: 2, ..Thresholds::default() };
        assert_eq!(detected(&mut *detector, &white, &two).len(), 2, "{model}");
    }
}

#[test]
fn thresholds_bound_what_is_reported() {
    let Some(runtime) = runtime_or_skip("thresholds") else { return };
    let mut detector = open(runtime, "yolo_rows").unwrap();
    let red = Plain::new(SIZE, [255, 0, 0]);
    let mut with = |thresholds| detected(&mut *detector, &red, &thresholds).len();
    assert_eq!(with(Thresholds { score: 0.75, ..Thresholds::default() }), 2);
    assert_eq!(with(Thresholds { iou: 1.0, ..Thresholds::default() }), 5);
    assert_eq!(with(Thresholds { score: 0.1, iou: 1.0, max_detections: 4, ..Thresholds::default() }), 4);
    let labels = Labels::new(["red", "green", "traffic light"], 0);
    let classes = Some(ClassMask::new(&labels, ["green"]).unwrap());
    assert_eq!(with(Thresholds { classes, ..Thresholds::default() }), 0);
}

#[test]
fn boxes_come_back_in_pixels_of_the_image() {
    let Some(runtime) = runtime_or_skip("image pixels") else { return };
    let mut detector = open(runtime, "yolo_rows").unwrap();
    // Twice as wide as high: scaled by 1/2 into 64x32, with bars of 16 above and below. The bars' grey is in the
    // mean, so red scores about 0.72.
    let wide = Plain::new(Size { width_px: 128, height_px: 64 }, [255, 0, 0]);
    let found = detected(&mut *detector, &wide, &Thresholds::default());
    assert_eq!(found[0].bbox, BBox::from_corners(12.0, 0.0, 52.0, 20.0).unwrap());
}

#[test]
fn an_open_model_takes_the_size_of_its_manifest() {
    let Some(runtime) = runtime_or_skip("open model") else { return };
    let input = Size { width_px: 96, height_px: 32 };
    let shapes = [("images".to_owned(), zoo::detect::yolo::input_shape(input))];
    let backend = open_small(runtime, "yolo_rows_open", &shapes);
    let mut detector = zoo::open(&manifest(input), Box::new(backend)).unwrap();
    assert_eq!(detector.input_size(), input);
    assert_eq!(detected(&mut *detector, &Plain::new(input, [255, 0, 0]), &Thresholds::default()).len(), 2);
}

#[test]
fn a_model_of_another_kind_is_refused_with_the_difference() {
    let Some(runtime) = runtime_or_skip("other models") else { return };
    let error = open(runtime, "strange_columns").err().unwrap().to_string();
    assert!(
        error.contains("there are 3") && error.contains("output0 float32 [1, 9, 9] has scores of 5 as rows"),
        "{error}"
    );
    let shapes = [("value".to_owned(), vec![2]), ("count".to_owned(), vec![2])];
    let two_inputs = open_small(runtime, "two_inputs", &shapes);
    let error = zoo::open(&manifest(SIZE), Box::new(two_inputs)).err().unwrap().to_string();
    assert!(error.starts_with("model takes [value float32 [2], count int64 [2]], family yolo expects"), "{error}");
    let larger = manifest(Size { width_px: 640, height_px: 640 });
    let error = zoo::open(&larger, Box::new(open_small(runtime, "yolo_rows", &[]))).err().unwrap().to_string();
    assert_eq!(error, "model takes pictures of 64x64 px, the manifest says 640x640 px");
}

#[test]
fn a_detector_on_a_fake_backend_allocates_nothing_in_steady_state() {
    let labels = Labels::new(["person", "car"], 0);
    let bbox = BBox::from_corners(10.0, 10.0, 20.0, 30.0).unwrap();
    let candidates = [Candidate { bbox, class: ClassId(1), score: 0.9, source: 0 }; 20];
    let mut detector = constant_detector(SIZE, &labels, &candidates).unwrap();
    let picture = Plain::new(Size { width_px: 120, height_px: 90 }, [9, 99, 199]);
    let (thresholds, mut found) = (Thresholds::default(), Vec::new());
    detector.detect(&picture.view(), &thresholds, &mut found).unwrap();
    assert_eq!(found.len(), 20);
    let count = allocations_in(|| {
        for _ in 0..100 {
            detector.detect(&picture.view(), &thresholds, &mut found).unwrap();
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn prompts_by_the_scores_of_all_classes_allocate_nothing_in_steady_state() {
    let rows = OwnedTensor::F32(vec![32.0, 10.0, 32.0, 10.0, 20.0, 5.0, 30.0, 5.0, 0.9, 0.6, 0.3, 0.8]);
    let backend = FakeBackend::new(
        vec![("images", vec![1, 3, 64, 64], OwnedTensor::zeros(Element::F32, 3 * 64 * 64))],
        vec![("output0", vec![1, 6, 2], rows)],
        BTreeMap::new(),
    );
    let manifest = Manifest { labels: Some(vec!["car".to_owned(), "truck".to_owned()]), ..manifest(SIZE) };
    let mut detector = Conse::new(zoo::open(&manifest, Box::new(backend)).unwrap(), Matching::default());
    let form = PromptForm::ClassSimilarities { similarities: vec![0.8, 0.7] };
    let labels = Labels::new(["vehicle", "car", "truck"], 1);
    detector.set_prompts(EncodedPrompts { labels, prompts: 1, form }).unwrap();
    let picture = Plain::new(Size { width_px: 120, height_px: 90 }, [9, 99, 199]);
    let (thresholds, mut found) = (Thresholds::default(), Vec::new());
    detector.detect(&picture.view(), &thresholds, &mut found).unwrap();
    assert_eq!(named(&detector, &found), ["vehicle"; 2]);
    let count = allocations_in(|| {
        for _ in 0..100 {
            detector.detect(&picture.view(), &thresholds, &mut found).unwrap();
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn a_detector_allocates_no_more_than_orts_own_list_of_outputs() {
    let Some(runtime) = runtime_or_skip("allocations") else { return };
    let mut backend = open_small(runtime, "yolo_rows", &[]);
    let per_run = allocations_in(|| backend.run().unwrap());
    let again = allocations_in(|| (0..10).for_each(|_| backend.run().unwrap()));
    assert_eq!(again, 10 * per_run, "the list is the same at every run");
    assert!(per_run <= 8, "ort allocates {per_run} times for one output");
    eprintln!("ort itself allocates {per_run} times in a run with one output");
    let output = allocations_in(|| {
        let TensorMut::F32(input) = backend.input(0) else { panic!("the input is not float32") };
        input.fill(0.5);
        std::hint::black_box(backend.output(0));
    });
    assert_eq!(output, 0, "tensors are lent, not made");

    let mut detector = zoo::open(&manifest(SIZE), Box::new(backend)).unwrap();
    let (picture, thresholds, mut found) = (Plain::new(SIZE, [255, 0, 0]), Thresholds::default(), Vec::new());
    detector.detect(&picture.view(), &thresholds, &mut found).unwrap();
    let count = allocations_in(|| {
        for _ in 0..10 {
            detector.detect(&picture.view(), &thresholds, &mut found).unwrap();
        }
    });
    assert_eq!(count, 10 * per_run, "all of it is ort's");
}

/// The manifest of the real model, where its weights have been fetched.
fn yolov12n_or_skip(test: &str) -> Option<Manifest> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let manifest = zoo::find(&[models], "yolov12n").unwrap();
    if manifest.model_path().exists() {
        return Some(manifest);
    }
    eprintln!("SKIPPED {test}: {} is not there, `make setup` fetches it", manifest.model_path().display());
    None
}

/// Noise, so that every weight has something to say.
fn noise(size: Size) -> Plain {
    let count = 3 * size.width_px * size.height_px;
    Plain { data: (0..count).map(|i| (i.wrapping_mul(2_654_435_761) >> 13).to_le_bytes()[0]).collect(), size }
}

#[test]
fn the_committed_manifest_is_the_trained_models() {
    let Some(runtime) = runtime_or_skip("yolov12n") else { return };
    let Some(manifest) = yolov12n_or_skip("yolov12n") else { return };
    manifest.verify().unwrap();
    let options = SessionOptions { providers: vec![Provider::Cpu], ..cpu() };
    let detector = zoo::load(&manifest, runtime, &options).unwrap();
    assert_eq!(detector.labels().len(), 80);
    assert_eq!(detector.labels().name(ClassId(0)), "person");
    assert_eq!(detector.labels().name(ClassId(79)), "toothbrush");
    let nodes = detector.proof().nodes.as_deref().unwrap_or_default();
    assert!(
        !runtime.tells_node_assignment()
            || nodes.len() == 1 && nodes[0].0 == "CPUExecutionProvider" && nodes[0].1 > 300,
        "{nodes:?}"
    );
    assert!(manifest.license.name == "AGPL-3.0" && manifest.license.notice.contains("AGPL-3.0"));
}

#[test]
fn the_trained_model_gives_the_same_bytes_twice_with_two_threads() {
    let Some(runtime) = runtime_or_skip("yolov12n twice") else { return };
    let Some(manifest) = yolov12n_or_skip("yolov12n twice") else { return };
    let options = SessionOptions { providers: vec![Provider::Cpu], intra_op_threads: 2, ..SessionOptions::default() };
    let all = Thresholds { score: 0.0, iou: 1.0, max_detections: 8400, classes: None };
    let pictures = [noise(Size { width_px: 768, height_px: 576 }), noise(Size { width_px: 320, height_px: 480 })];
    let run = || {
        let mut detector = zoo::load(&manifest, runtime, &options).unwrap();
        pictures.each_ref().map(|picture| detected(&mut *detector, picture, &all))
    };
    let first = run();
    assert!(first[0].len() > 1000, "every box is compared");
    assert_eq!(first, run(), "two sessions, the same pictures, all boxes and scores bit for bit");
}

#[test]
fn a_trained_model_is_not_opened_with_another_size() {
    let Some(runtime) = runtime_or_skip("yolov12n size") else { return };
    let Some(manifest) = yolov12n_or_skip("yolov12n size") else { return };
    let smaller = Manifest { input: Some(Input::new("images".to_owned(), SIZE)), ..manifest };
    let error = zoo::load(&smaller, runtime, &cpu()).err().unwrap().to_string();
    assert_eq!(error, "model takes pictures of 640x640 px, the manifest says 64x64 px");
    let missing = small_model("no_such_model");
    let manifest = Manifest { folder: missing, ..smaller };
    assert!(matches!(zoo::load(&manifest, runtime, &cpu()), Err(ZooError::Infer(_))));
}

/// What each family reads, by role.
fn roles_of(family: Family) -> &'static [&'static str] {
    match family {
        Family::Yolo => &["yolov12n"],
        Family::Detr => &["model", "config", "preprocessor_config"],
        Family::Owl | Family::GroundingDino => {
            &["model", "config", "preprocessor_config", "tokenizer", "tokenizer_config"]
        }
        Family::Clip | Family::Siglip => {
            &["text_model", "vision_model", "config", "preprocessor_config", "tokenizer", "tokenizer_config"]
        }
        Family::SentenceEncoder => &["model", "model_quantized", "tokenizer"],
        Family::Smolvlm => &[
            "decoder_model_merged",
            "embed_tokens",
            "vision_encoder",
            "config",
            "preprocessor_config",
            "processor_config",
            "generation_config",
            "chat_template",
            "tokenizer",
            "tokenizer_config",
        ],
        Family::Florence2 => &[
            "decoder_model_merged",
            "embed_tokens",
            "encoder_model",
            "vision_encoder",
            "config",
            "preprocessor_config",
            "generation_config",
            "tokenizer",
            "tokenizer_config",
        ],
    }
}

#[test]
fn every_committed_manifest_is_read_and_has_the_files_of_its_family() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let manifests: Vec<Manifest> = zoo::list(&[models]).iter().map(|file| Manifest::load(file).unwrap()).collect();
    assert!(manifests.len() >= 10, "only {} manifests", manifests.len());
    for manifest in &manifests {
        let name = &manifest.name;
        for role in roles_of(manifest.family) {
            manifest.path_of(role).unwrap_or_else(|error| panic!("{error}"));
        }
        assert_eq!(*name, name.to_lowercase());
        assert!(!manifest.license.name.is_empty() && !manifest.license.notice.is_empty(), "{name}");
        assert_eq!(manifest.scoring().is_ok(), manifest.task == Task::Score, "{name}");
        assert_eq!(manifest.generation().is_ok(), manifest.task == Task::Answer, "{name}");
        // Of what nobody has fetched here, the place is known and nothing else is claimed.
        for file in manifest.files.iter().filter(|_| !manifest.verified) {
            let url = file.url.as_deref().unwrap_or_default();
            assert!(url.starts_with("https://huggingface.co/") && url.contains("/resolve/"), "{name}: {url:?}");
            assert!(url.ends_with(&*file.path.to_string_lossy()), "{name}: {url:?}");
            assert!(file.bytes.is_none() && file.sha256.is_none(), "{name}");
        }
    }
}
