//! Graphs of the size and shape that people really bring: 640 x 640 pixels, 80 classes, thousands of boxes, one of which is
//! good. The picture has the tensor's size, so that its pixels are the tensor's.

use std::collections::BTreeMap;
use vedette::infer::{FakeBackend, OwnedTensor};
use vedette::types::{BBox, Detection, Element, ImageView, PixelFormat, Size};
use vedette::zoo::{self, Family, Hints, Input, License, Manifest, Task, Thresholds, ZooError};

type Outputs = Vec<(&'static str, Vec<usize>, OwnedTensor)>;

/// A case: the size of its pictures, the shape and type of its input, its outputs and its metadata.
struct Case {
    size: Size,
    input: (Vec<usize>, Element),
    beside: Option<&'static str>,
    outputs: Outputs,
    metadata: Vec<(&'static str, String)>,
}

fn names(count: usize) -> String {
    let names: Vec<_> = (0..count)
        .map(|class| if class == 0 { "0: 'person'".to_owned() } else { format!("{class}: 'class{class}'") })
        .collect();
    format!("{{{}}}", names.join(", "))
}

impl Case {
    fn of(outputs: Outputs) -> Self {
        let size = Size { width_px: 640, height_px: 640 };
        let input = (vec![1, 3, 640, 640], Element::F32);
        Self { size, input, beside: None, outputs, metadata: vec![("names", names(80))] }
    }

    fn noted(mut self, key: &'static str, value: &str) -> Self {
        self.metadata.retain(|(other, _)| *other != key);
        self.metadata.push((key, value.to_owned()));
        self
    }

    fn backend(&self) -> FakeBackend {
        let (shape, element) = &self.input;
        let zeros = |shape: &[usize], element| OwnedTensor::zeros(element, shape.iter().product());
        let mut inputs = vec![("images", shape.clone(), zeros(shape, *element))];
        inputs.extend(self.beside.map(|name| (name, vec![1, 2], zeros(&[1, 2], Element::F32))));
        let metadata: BTreeMap<String, String> =
            self.metadata.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        FakeBackend::new(inputs, self.outputs.clone(), metadata)
    }

    /// By a manifest that says the size and nothing else.
    fn detect(&self) -> Result<Vec<Detection>, ZooError> {
        let manifest = Manifest {
            name: "case".to_owned(),
            folder: std::path::PathBuf::new(),
            family: Family::Yolo,
            task: Task::Detect,
            layout: None,
            source: "made by hand".to_owned(),
            verified: true,
            is_written: true,
            input: Some(Input::new("images".to_owned(), self.size)),
            scoring: None,
            generation: None,
            labels: None,
            license: License { name: "Apache-2.0".to_owned(), notice: String::new() },
            files: Vec::new(),
        };
        let mut detector = zoo::open(&manifest, Box::new(self.backend()))?;
        let data = vec![90; 3 * (self.size.width_px * self.size.height_px) as usize];
        let image = ImageView::new(&data, self.size, 3 * self.size.width_px, PixelFormat::Rgb8).unwrap();
        let mut found = Vec::new();
        detector.detect(&image, &Thresholds::default(), &mut found)?;
        Ok(found)
    }
}

/// Zeros but for the first numbers of one box.
fn rows(width: usize, boxes: usize, numbers: &[f32]) -> OwnedTensor {
    let mut values = vec![0.0; width * boxes];
    for (row, number) in numbers.iter().enumerate() {
        values[row * boxes] = *number;
    }
    OwnedTensor::F32(values)
}

fn columns(width: usize, boxes: usize, numbers: &[f32]) -> OwnedTensor {
    let mut values = vec![0.0; width * boxes];
    values[..numbers.len()].copy_from_slice(numbers);
    OwnedTensor::F32(values)
}

const BOX: [f32; 5] = [320.0, 320.0, 50.0, 80.0, 0.9];

fn plain() -> Case {
    Case::of(vec![("output0", vec![1, 84, 8400], rows(84, 8400, &BOX))])
}

#[test]
fn each_gives_its_one_box_without_a_word_in_the_manifest() {
    let objectness = [320.0, 320.0, 50.0, 80.0, 0.9, 0.95];
    let protos = OwnedTensor::zeros(Element::F32, 32 * 160 * 160);
    let classes = OwnedTensor::I32(vec![0; 100]);
    let wide = Case::of(vec![("output0", vec![1, 84, 5040], rows(84, 5040, &[320.0, 192.0, 50.0, 80.0, 0.9]))]);
    let in_640 = [295.0, 280.0, 345.0, 360.0];
    let cases = [
        ("plain", plain(), in_640, 0.9),
        (
            "one_class_with_objectness",
            Case::of(vec![("output0", vec![1, 25200, 6], columns(6, 25200, &objectness))]).noted("names", "{0: 'box'}"),
            in_640,
            0.9 * 0.95,
        ),
        (
            "objectness",
            Case::of(vec![("output0", vec![1, 25200, 85], columns(85, 25200, &objectness))]),
            in_640,
            0.9 * 0.95,
        ),
        (
            "rtdetr_six_columns",
            Case::of(vec![("output0", vec![1, 300, 6], columns(6, 300, &[0.5, 0.5, 0.2, 0.3, 0.9, 0.0]))])
                .noted("head", "RTDETRDecoder"),
            [256.0, 224.0, 384.0, 416.0],
            0.9,
        ),
        (
            "nms_inside",
            Case::of(vec![
                ("num_dets", vec![1, 1], OwnedTensor::I32(vec![1])),
                ("det_boxes", vec![1, 100, 4], OwnedTensor::F32([300.0, 280.0, 350.0, 360.0].repeat(100))),
                ("det_scores", vec![1, 100], OwnedTensor::F32(vec![0.9; 100])),
                ("det_classes", vec![1, 100], classes),
            ]),
            [300.0, 280.0, 350.0, 360.0],
            0.9,
        ),
        (
            "segmentation",
            Case::of(vec![
                ("output0", vec![1, 116, 8400], rows(116, 8400, &BOX)),
                ("output1", vec![1, 32, 160, 160], protos),
            ])
            .noted("task", "segment"),
            in_640,
            0.9,
        ),
        (
            "wide_input",
            Case { size: Size { width_px: 640, height_px: 384 }, input: (vec![1, 3, 384, 640], Element::F32), ..wide },
            [295.0, 152.0, 345.0, 232.0],
            0.9,
        ),
        ("bytes_in", Case { input: (vec![1, 3, 640, 640], Element::U8), ..plain() }, in_640, 0.9),
        ("rows_first", Case { input: (vec![1, 640, 640, 3], Element::F32), ..plain() }, in_640, 0.9),
        ("scale_factor", Case { beside: Some("scale_factor"), ..plain() }, in_640, 0.9),
    ];
    for (name, case, [x_min, y_min, x_max, y_max], score) in cases {
        let found = case.detect().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].bbox, BBox::from_corners(x_min, y_min, x_max, y_max).unwrap(), "{name}");
        assert!((found[0].score - score).abs() < 1e-6 && found[0].class.0 == 0, "{name}: {found:?}");
        let understood =
            zoo::understand(vedette::infer::Backend::signature(&case.backend()), &Hints::default()).unwrap();
        assert_eq!((understood.family, understood.size), (Family::Yolo, case.size), "{name}");
    }
}

#[test]
fn a_name_too_many_does_not_make_a_class_of_objectness() {
    let objectness = [320.0, 320.0, 50.0, 80.0, 0.9, 0.95];
    let made = |names: usize| {
        Case::of(vec![("output0", vec![1, 25200, 85], columns(85, 25200, &objectness))])
            .noted("names", &self::names(names))
    };
    assert_eq!(made(80).detect().unwrap().len(), 1);
    for count in [79, 81] {
        let error = made(count).detect().unwrap_err().to_string();
        let expected = format!(
            "class names: there are {count}, from the model's metadata; output0 float32 [1, 25200, 85] has scores of 80 as \
             objectness: one name for each is expected"
        );
        assert_eq!(error, expected);
    }
    let rows = Case::of(vec![("output0", vec![1, 84, 8400], rows(84, 8400, &BOX))]).noted("names", &names(79));
    let error = rows.detect().unwrap_err().to_string();
    assert!(error.contains("there are 79") && error.contains("scores of 80 as rows"), "{error}");
}

#[test]
fn numbers_that_are_none_cost_the_picture_all_or_a_few() {
    let all = OwnedTensor::F32(vec![f32::NAN; 84 * 8400]);
    let error = Case::of(vec![("output0", vec![1, 84, 8400], all)]).detect().unwrap_err().to_string();
    assert_eq!(error, "the model's output0 are NaN at [0, 0, 0], expected numbers: 705600 of 705600 are none");
    let OwnedTensor::F32(mut few) = rows(84, 8400, &BOX) else { panic!("the rows are float32") };
    for row in 4..84 {
        few[row * 8400 + 1..row * 8400 + 9].fill(f32::NAN);
    }
    let error = Case::of(vec![("output0", vec![1, 84, 8400], OwnedTensor::F32(few))]).detect().unwrap_err().to_string();
    assert_eq!(error, "the model's output0 are NaN at [0, 4, 1], expected numbers: 640 of 705600 are none");
}
