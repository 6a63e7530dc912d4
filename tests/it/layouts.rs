//! Every layout that exporters write, by a small ONNX file of it with known boxes: those boxes exactly, or the refusal.

use crate::onnx_runtime::{cpu, runtime_or_skip};
use std::path::{Path, PathBuf};
use vedette::infer::{Backend, OrtBackend, Runtime};
use vedette::types::{BBox, Detection, ImagePx, ImageView, PixelFormat, Size};
use vedette::zoo::{
    self, Detector, Family, Hints, Input, LayoutName, License, Manifest, ModelFile, Thresholds, ZooError,
};

/// Twice as wide as high: a letterbox has bars above and below it.
const IMAGE: Size = Size { width_px: 128, height_px: 64 };
const TENSOR: Size = Size { width_px: 64, height_px: 64 };
const RED: [u8; 3] = [255, 0, 0];
const BLUE: [u8; 3] = [0, 0, 255];

/// [16, 20, 32, 40] of the tensor, letterboxed: twice as large, less the bar of 16.
const LETTERBOXED: [f32; 4] = [32.0, 8.0, 64.0, 48.0];
/// The same, stretched: twice as wide.
const STRETCHED: [f32; 4] = [32.0, 20.0, 64.0, 40.0];

/// A file, what is said about it, and what comes of it.
struct Case {
    file: &'static str,
    labels: Option<&'static [&'static str]>,
    said: Option<LayoutName>,
    /// For graphs that say nothing about their family by themselves.
    family: Family,
    picture: [u8; 3],
}

impl Case {
    const fn of(file: &'static str) -> Self {
        Self { file, labels: None, said: None, family: Family::Yolo, picture: RED }
    }

    const fn labels(self, labels: &'static [&'static str]) -> Self {
        Self { labels: Some(labels), ..self }
    }

    const fn said(self, layout: LayoutName) -> Self {
        Self { said: Some(layout), ..self }
    }

    const fn detr(self) -> Self {
        Self { family: Family::Detr, ..self }
    }

    const fn blue(self) -> Self {
        Self { picture: BLUE, ..self }
    }

    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/layouts").join(format!("{}.onnx", self.file))
    }

    fn names(&self) -> Option<Vec<String>> {
        self.labels.map(|labels| labels.iter().map(|label| (*label).to_owned()).collect())
    }

    /// As somebody would write it, with the size only where the graph leaves it open.
    fn manifest(&self) -> Manifest {
        let path = self.path();
        Manifest {
            name: self.file.to_owned(),
            folder: path.parent().unwrap().to_path_buf(),
            family: self.family,
            task: self.family.task(),
            layout: self.said,
            source: "tests/data/layouts/generate.py".to_owned(),
            verified: true,
            is_written: true,
            input: None,
            scoring: None,
            generation: None,
            labels: self.names(),
            license: License { name: "Apache-2.0".to_owned(), notice: String::new() },
            files: vec![ModelFile {
                path: path.file_name().unwrap().into(),
                role: None,
                url: None,
                bytes: None,
                sha256: None,
            }],
        }
    }

    fn open(&self, runtime: &'static Runtime) -> Result<Box<dyn Detector>, ZooError> {
        zoo::load(&self.manifest(), runtime, &cpu())
    }

    /// What its graph says without a manifest.
    fn understood(&self, runtime: &'static Runtime) -> Result<zoo::Understood, ZooError> {
        let backend = OrtBackend::open(runtime, &self.path(), &cpu(), &[]).unwrap();
        let names = self.names();
        let hints = Hints { layout: self.said, labels: names.as_deref(), ..Hints::default() };
        zoo::understand(backend.signature(), &hints)
    }

    fn detect(&self, runtime: &'static Runtime) -> Result<(Vec<Detection>, Vec<String>), ZooError> {
        let mut detector = self.open(runtime)?;
        let found = detected(&mut *detector, self.picture)?;
        let names = found.iter().map(|found| detector.labels().name(found.class).to_owned()).collect();
        Ok((found, names))
    }
}

fn detected(detector: &mut dyn Detector, rgb: [u8; 3]) -> Result<Vec<Detection>, ZooError> {
    let data = rgb.repeat((IMAGE.width_px * IMAGE.height_px) as usize);
    let image = ImageView::new(&data, IMAGE, 3 * IMAGE.width_px, PixelFormat::Rgb8).unwrap();
    let mut found = Vec::new();
    detector.detect(&image, &Thresholds::default(), &mut found)?;
    Ok(found)
}

const TWO: &[&str] = &["person", "car"];
const ALL_COCO: Case = Case::of("rf_detr_91").detr();

/// Files with the layout that is told, the class and the box.
fn decoded() -> Vec<(Case, LayoutName, &'static str, [f32; 4])> {
    use LayoutName::*;
    vec![
        (Case::of("rows"), Rows, "car", LETTERBOXED),
        (Case::of("rows_half"), Rows, "car", LETTERBOXED),
        (Case::of("rows_open"), Rows, "car", LETTERBOXED),
        (Case::of("rows_wide"), Rows, "car", LETTERBOXED),
        (Case::of("rows_bytes"), Rows, "car", LETTERBOXED),
        (Case::of("rows_channels_last"), Rows, "car", LETTERBOXED),
        (Case::of("rows_bytes_channels_last"), Rows, "car", LETTERBOXED),
        (Case::of("rows_with_scale_factor"), Rows, "car", LETTERBOXED),
        (Case::of("columns"), Columns, "car", LETTERBOXED),
        (Case::of("objectness"), Objectness, "car", LETTERBOXED),
        (Case::of("objectness_rows"), ObjectnessRows, "car", LETTERBOXED),
        (Case::of("objectness_one_class"), Objectness, "box", LETTERBOXED),
        (Case::of("objectness_v6").labels(TWO), Objectness, "car", LETTERBOXED),
        (Case::of("yolox").labels(TWO).blue(), Yolox, "car", LETTERBOXED),
        (Case::of("end_to_end"), EndToEnd, "car", LETTERBOXED),
        (Case::of("end_to_end_one_class"), EndToEnd, "box", LETTERBOXED),
        (Case::of("end_to_end_segment"), EndToEnd, "car", LETTERBOXED),
        (Case::of("end_to_end_oriented"), OrientedEndToEnd, "car", LETTERBOXED),
        (Case::of("oriented"), OrientedRows, "car", LETTERBOXED),
        (Case::of("segment"), Rows, "car", LETTERBOXED),
        (Case::of("pose"), Rows, "person", LETTERBOXED),
        (Case::of("rtdetr_six_columns"), NormalizedEndToEnd, "car", STRETCHED),
        (Case::of("rtdetr_columns"), NormalizedColumns, "car", STRETCHED),
        (Case::of("rtdetr_two_classes").said(NormalizedEndToEnd), NormalizedEndToEnd, "car", STRETCHED),
        (Case::of("normalized_without_a_word").said(NormalizedEndToEnd), NormalizedEndToEnd, "car", STRETCHED),
        (Case::of("num_dets"), NumDets, "car", LETTERBOXED),
        (Case::of("num_predictions"), NumDets, "car", LETTERBOXED),
        (Case::of("num_dets_mmyolo").labels(TWO), NumDets, "car", LETTERBOXED),
        (Case::of("decoded_without_size").labels(TWO).said(NumDets), NumDets, "car", LETTERBOXED),
        (Case::of("end_to_end_padded"), EndToEnd, "car", LETTERBOXED),
        (Case::of("objectness_three_a_cell").labels(TWO), Objectness, "car", LETTERBOXED),
        (Case::of("rows_with_heads"), Rows, "car", LETTERBOXED),
        (Case::of("segment_without_a_word"), Rows, "car", LETTERBOXED),
        (Case::of("rows_trained_in_rtdetr"), Rows, "car", LETTERBOXED),
        (Case::of("rows_open_width"), Rows, "car", LETTERBOXED),
        (Case::of("batch_class_score"), BatchClassScore, "car", LETTERBOXED),
        (Case::of("batch_score_class"), BatchScoreClass, "car", LETTERBOXED),
        (Case::of("batch_score_class_without_a_word").said(BatchScoreClass), BatchScoreClass, "car", LETTERBOXED),
        (Case::of("dets_and_labels").labels(TWO), DetsAndLabels, "car", LETTERBOXED),
        (Case::of("decoded").labels(TWO).detr(), Decoded, "car", [16.0, 20.0, 32.0, 40.0]),
        (Case::of("decoded_int32").labels(TWO).detr(), Decoded, "car", [16.0, 20.0, 32.0, 40.0]),
        (Case::of("decoded_named").detr(), Decoded, "car", [16.0, 20.0, 32.0, 40.0]),
        (Case::of("decoded_without_size").labels(TWO).said(Decoded).detr(), Decoded, "car", STRETCHED),
        (Case::of("logits").labels(TWO).detr(), Logits, "car", STRETCHED),
        (Case::of("logits_raw").labels(TWO).detr(), Logits, "car", STRETCHED),
        // COCO numbers its categories from 1: 3 is car.
        (ALL_COCO, Logits, "car", STRETCHED),
        (Case::of("rf_detr_91_named").detr(), Logits, "thing 2", STRETCHED),
        (
            Case::of("rf_detr_two_of_three").labels(TWO).said(BackgroundFirst).detr(),
            BackgroundFirst,
            "person",
            STRETCHED,
        ),
        (Case::of("rf_detr_two_of_three").labels(TWO).said(BackgroundLast).detr(), BackgroundLast, "car", STRETCHED),
        (Case::of("softmax").labels(TWO).detr(), SoftmaxBackgroundLast, "car", STRETCHED),
        (Case::of("paddle").labels(TWO).detr(), ClassScoreBox, "car", STRETCHED),
        (Case::of("paddle_counted").labels(TWO).detr(), ClassScoreBox, "car", STRETCHED),
    ]
}

#[test]
fn every_layout_gives_its_box_exactly() {
    let Some(runtime) = runtime_or_skip("layouts") else { return };
    for (case, _, class, corners) in decoded() {
        let (found, names) = case.detect(runtime).unwrap_or_else(|error| panic!("{}: {error}", case.file));
        assert_eq!(names, [class], "{}: {found:?}", case.file);
        let [x_min, y_min, x_max, y_max] = corners;
        let expected = BBox::<ImagePx>::from_corners(x_min, y_min, x_max, y_max).unwrap();
        let sides = [
            (found[0].bbox.x_min(), expected.x_min()),
            (found[0].bbox.y_min(), expected.y_min()),
            (found[0].bbox.x_max(), expected.x_max()),
            (found[0].bbox.y_max(), expected.y_max()),
        ];
        // The last bits of an exponential and of a sine.
        assert!(sides.iter().all(|(found, expected)| (found - expected).abs() < 1e-4), "{}: {found:?}", case.file);
        let within = if case.file == "rows_half" { 1e-3 } else { 1e-4 };
        assert!((found[0].score - 0.9).abs() < within, "{}: the picture went in otherwise: {found:?}", case.file);
    }
}

#[test]
fn what_is_understood_of_a_graph_is_what_its_detector_does() {
    let Some(runtime) = runtime_or_skip("understood layouts") else { return };
    for (case, layout, ..) in decoded() {
        let understood = case.understood(runtime).unwrap_or_else(|error| panic!("{}: {error}", case.file));
        assert_eq!((understood.layout, understood.family), (layout, case.family), "{}", case.file);
        let detector = case.open(runtime).unwrap();
        assert!(detector.labels().names().eq(understood.labels.iter().map(String::as_str)), "{}", case.file);
        assert_eq!(detector.input_size(), understood.size, "{}", case.file);
    }
    let notes = |file: &'static str| Case::of(file).understood(runtime).unwrap().notes.join("; ");
    assert_eq!(notes("rows"), "");
    assert_eq!(
        notes("segment"),
        "6 of 10 numbers of each box are read: its mask's are left for later; not read: output1"
    );
    assert!(notes("pose").contains("its keypoints' are left for later"));
    assert_eq!(notes("oriented"), "oriented boxes are reported as the upright boxes around them");
    assert!(ALL_COCO.understood(runtime).unwrap().notes[0].contains("those of COCO are taken"));
    let yolox = Case::of("yolox").labels(TWO).understood(runtime).unwrap();
    assert_eq!(yolox.form.to_string(), "corner, bgr, 0..255");
    assert!(yolox.notes.iter().any(|note| note.contains("layout = \"objectness\"")), "{:?}", yolox.notes);
}

#[test]
fn a_layout_with_two_readings_is_refused_with_both_and_the_key() {
    let Some(runtime) = runtime_or_skip("two readings") else { return };
    let error = Case::of("rtdetr_two_classes").detect(runtime).unwrap_err().to_string();
    assert_eq!(
        error,
        "model gives [output0 float32 [1, 20, 6]], which may be normalized_columns (centre, size in 0..1 and class scores \
         of each box) or normalized_end_to_end (centre, size in 0..1, score and class of each box): say which in the \
         manifest, layout = \"...\""
    );
    let error = Case::of("rf_detr_two_of_three").labels(TWO).detr().detect(runtime).unwrap_err().to_string();
    assert!(error.contains("background_first (the names belong to slots 1 and up) or background_last"), "{error}");
    for (case, expected) in [
        (
            Case::of("list_or_grid"),
            "which may be objectness (centre, size in px, objectness and class scores of each box) or end_to_end",
        ),
        (
            Case::of("decoded_without_size").labels(TWO).detr(),
            "which may be decoded (RT-DETR, D-FINE: the picture is stretched) or num_dets (it is letterboxed",
        ),
        (Case::of("classifier_of_seven"), "or the scores of seven classes, which is no detector's: say which"),
    ] {
        let error = case.detect(runtime).unwrap_err().to_string();
        assert!(error.contains(expected) && error.ends_with("in the manifest, layout = \"...\""), "{error}");
    }
}

#[test]
fn another_number_of_names_than_of_classes_is_refused_with_both() {
    let Some(runtime) = runtime_or_skip("numbers of names") else { return };
    const ONE: &[&str] = &["person"];
    const THREE: &[&str] = &["person", "car", "bus"];
    for (case, expected) in [
        (Case::of("rows").labels(ONE), "output0 float32 [1, 6, 84] has scores of 2 as rows"),
        (Case::of("rows").labels(THREE), "output0 float32 [1, 6, 84] has scores of 2 as rows"),
        (Case::of("rows_bytes").labels(ONE), "output0 float32 [1, 6, 84] has scores of 2 as rows"),
        (Case::of("objectness").labels(THREE), "output float32 [1, 252, 7] has scores of 2 as objectness"),
        (Case::of("objectness").labels(ONE), "output float32 [1, 252, 7] has scores of 2 as objectness"),
        (Case::of("yolox").labels(ONE), "output float32 [1, 84, 7] has scores of 3 as columns or 2 as yolox"),
        (Case::of("logits").labels(ONE).said(LayoutName::Logits).detr(), "for a model with 2 classes"),
    ] {
        let count = case.labels.map_or(0, <[_]>::len);
        let error = case.detect(runtime).map(|(found, _)| found).unwrap_err().to_string();
        let start = format!("class names: there are {count}, from the manifest or a file beside the model");
        assert!(error.starts_with(&start) && error.contains(expected), "{}: {error}", case.file);
    }
}

#[test]
fn what_gives_no_boxes_is_told_as_that_and_not_asked_for_names() {
    let Some(runtime) = runtime_or_skip("no detectors") else { return };
    for (case, expected) in [
        (Case::of("classifier"), "its metadata says task \"classify\", which is no detector's"),
        (Case::of("classifier_without_a_word"), "a model that classifies or embeds it is no detector"),
        (Case::of("depth"), "not numbers for each pixel: a model of depth or of areas is no detector"),
        (Case::of("depth").labels(TWO), "not numbers for each pixel: a model of depth or of areas is no detector"),
    ] {
        let error = case.detect(runtime).map(|(found, _)| found).unwrap_err().to_string();
        assert!(error.contains(expected), "{}: {error}", case.file);
    }
}

#[test]
fn nothing_found_is_no_error() {
    let Some(runtime) = runtime_or_skip("nothing found") else { return };
    for case in [Case::of("end_to_end_nothing"), Case::of("paddle_nothing").labels(TWO).detr()] {
        let (found, _) = case.detect(runtime).unwrap_or_else(|error| panic!("{}: {error}", case.file));
        assert_eq!(found, [], "{}", case.file);
    }
}

#[test]
fn what_no_layout_is_is_refused_with_what_makes_it_one() {
    let Some(runtime) = runtime_or_skip("refused layouts") else { return };
    for (case, expected) in [
        (Case::of("heads"), "Heads of several scales need the export's own decoding (YOLOv7: --grid)"),
        (Case::of("selected_indices"), "not the indices of NonMaxSuppression: export without NMS"),
        (Case::of("batch_in_front"), "[1, 6, N] (box and 2 class scores in rows)"),
        (Case::of("yolox"), "class names: neither the model's metadata nor the manifest's key labels has them"),
        (Case::of("logits").detr(), "class names: neither a config.json nor the manifest's key labels has them"),
        (
            Case::of("rows").said(LayoutName::NumDets),
            "for layout num_dets: num_dets, det_boxes, det_scores, det_classes",
        ),
        (Case::of("rows").said(LayoutName::Objectness), "for layout objectness: [1, N, 7] of float32 or float16"),
        (Case::of("rows").detr(), "family detr expects logits [1, N, C] and pred_boxes [1, N, 4] (transformers), dets"),
    ] {
        let error = case.detect(runtime).map(|(found, _)| found).unwrap_err().to_string();
        assert!(error.contains(expected), "{}: {error}", case.file);
    }
}

#[test]
fn numbers_that_cannot_be_the_layouts_cost_the_first_picture() {
    let Some(runtime) = runtime_or_skip("implausible numbers") else { return };
    for (case, expected) in [
        (Case::of("rows_of_logits"), "output0 are not rows: their best score is 7, expected 0 to 1: logits"),
        (Case::of("rows_normalized"), "output0 are not rows: all boxes lie in the first pixel: they are in 0..1"),
        (
            Case::of("normalized_without_a_word"),
            "all boxes lie in the first pixel: they are in 0..1, not in pixels (the manifest's layout = \
             \"normalized_end_to_end\"?)",
        ),
        (
            Case::of("yolox_decoded").labels(TWO).blue(),
            "the boxes are in pixels already (the manifest's layout = \"objectness\")",
        ),
        (
            Case::of("num_dets_beyond_room"),
            "num_dets are not num_dets: their number of boxes is 101, expected 0 to 100, the places that there are",
        ),
        (Case::of("num_dets_normalized"), "the model's det_boxes are not num_dets: all boxes lie in the first pixel"),
        (Case::of("end_to_end_half_class"), "box 0 has class 0.4, expected a whole number"),
        (
            Case::of("batch_score_class_without_a_word"),
            "box 0 has class 0.9, expected a whole number; the manifest's layout = \"batch_score_class\"",
        ),
        (Case::of("probabilities").labels(TWO).detr(), "logits are not logits: all are from 0 to 1, so they are prob"),
    ] {
        let error = case.detect(runtime).map(|(found, _)| found).unwrap_err().to_string();
        assert!(error.contains(expected), "{}: {error}", case.file);
    }
}

#[test]
fn the_manifest_outdoes_the_layout_about_pixels() {
    let Some(runtime) = runtime_or_skip("pixels by the manifest") else { return };
    let case = Case::of("rows");
    let with = |pixels: zoo::Pixels, picture| {
        let input = Input { pixels, ..Input::new("images".to_owned(), TENSOR) };
        let manifest = Manifest { input: Some(input), ..case.manifest() };
        let found = detected(&mut *zoo::load(&manifest, runtime, &cpu()).unwrap(), picture).unwrap();
        (found[0].bbox, found[0].score)
    };
    let bgr = zoo::Pixels { colors: Some(vedette::vision::Colors::Bgr), ..zoo::Pixels::default() };
    assert!((with(bgr, BLUE).1 - 0.9).abs() < 1e-6 && with(bgr, RED).1 < 0.5);
    let stretch = zoo::Pixels { fit: Some(vedette::vision::Fit::Stretch), ..zoo::Pixels::default() };
    assert_eq!(with(stretch, RED).0, BBox::from_corners(32.0, 20.0, 64.0, 40.0).unwrap());
    let corner = zoo::Pixels { fit: Some(vedette::vision::Fit::Corner), ..zoo::Pixels::default() };
    assert_eq!(with(corner, RED).0, BBox::from_corners(32.0, 40.0, 64.0, 64.0).unwrap());
}
