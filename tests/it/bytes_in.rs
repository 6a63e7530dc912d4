//! Pictures that enter a graph as bytes, beside the same ones as floats: equal outputs, bit for bit.

use crate::onnx_runtime::{cpu, has_more_nodes, runtime_or_skip, small_model};
use half::f16;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use vedette::infer::{Backend, BytesIn, GraphEdit, OrtBackend, Provider, Runtime, SessionOptions};
use vedette::types::{ChannelStep, Detection, Element, ImageView, PixelFormat, Size, TensorData, TensorMut};
use vedette::vision::{Colors, Normalize, Preprocessor, TensorForm};
use vedette::zoo::{self, Manifest, Thresholds};

fn open(runtime: &'static Runtime, path: &Path, edit: Option<GraphEdit>, shape: &[usize]) -> OrtBackend {
    let name = "images".to_owned();
    OrtBackend::open(runtime, path, &SessionOptions { edit, ..cpu() }, &[(name, shape.to_vec())]).unwrap()
}

fn edit(steps: &[ChannelStep]) -> Option<GraphEdit> {
    Some(GraphEdit::BytesIn { input: "images".to_owned(), steps: steps.to_vec(), only_on_gpu: false })
}

/// The bits of all outputs of a model for a picture of these bytes, which enters as they are or in the numbers of `form`.
fn outputs(backend: &mut OrtBackend, picture: &ImageView, size: Size, form: TensorForm) -> Vec<u32> {
    Preprocessor::of_form(size, form).run(picture, &mut backend.input(0)).unwrap();
    backend.run().unwrap();
    let mut bits = Vec::new();
    for output in 0..backend.signature().outputs.len() {
        match backend.output(output).data {
            TensorData::F32(values) => bits.extend(values.iter().map(|value| value.to_bits())),
            TensorData::F16(values) => bits.extend(values.iter().map(|value| u32::from(value.to_bits()))),
            other => panic!("{other:?} is read by nobody"),
        }
    }
    bits
}

fn forms() -> impl Strategy<Value = TensorForm> {
    let number = prop_oneof![Just(0.0_f32), 0.01_f32..0.9];
    let std = prop_oneof![Just(1.0_f32), Just(1.0 / 255.0), 0.05_f32..0.9];
    (prop::array::uniform3(number), prop::array::uniform3(std), any::<bool>()).prop_map(|(mean, std, is_bgr)| {
        let colors = if is_bgr { Colors::Bgr } else { Colors::Rgb };
        TensorForm { colors, normalize: Normalize { mean, std }, ..TensorForm::YOLO }
    })
}

/// A picture of noise in graphs of 32 and of 16 bits, and in one whose sizes are open.
fn assert_the_same_numbers(form: TensorForm, seed: u32) {
    let Some(runtime) = runtime_or_skip("bytes in") else { return };
    let size = Size { width_px: 64, height_px: 64 };
    let mut state = seed | 1;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    let pixels: Vec<u8> = (0..3 * 50 * 20).map(|_| noise()).collect();
    let picture = Size { width_px: 50, height_px: 20 };
    let picture = ImageView::new(&pixels, picture, 150, PixelFormat::Rgb8).unwrap();
    for model in ["yolo_rows", "yolo_rows_f16", "yolo_rows_open"] {
        let path = small_model(model);
        let mut of_floats = open(runtime, &path, None, &[1, 3, 64, 64]);
        let mut of_bytes = open(runtime, &path, edit(&form.channel_steps()), &[1, 3, 64, 64]);
        assert_eq!(of_bytes.signature().inputs[0].to_string(), "images uint8 [1, 3, 64, 64]");
        assert_eq!(of_bytes.signature().outputs, of_floats.signature().outputs);
        let found = outputs(&mut of_bytes, &picture, size, form);
        let expected = outputs(&mut of_floats, &picture, size, form);
        if model == "yolo_rows_f16" {
            assert_near_in_16_bits(&found, &expected, form);
        } else {
            assert_eq!(found, expected, "{model}");
        }
    }
}

/// On the CPU, where ONNX Runtime computes a graph of 16 bits in 32, it leaves out the rounding between two casts: each pixel's
/// number is off by half a unit of its last place. The outputs are means of these times at most 1, rounded to 16 bits.
fn assert_near_in_16_bits(found: &[u32], expected: &[u32], form: TensorForm) {
    let steps = form.channel_steps();
    let number = |byte: u8, channel| steps.iter().fold(f32::from(byte), |value, step| step.of(value, channel));
    // Each channel is a straight line.
    let ends = (0..3).flat_map(|channel| [number(0, channel), number(255, channel)]);
    let largest = ends.map(f32::abs).fold(0.0, f32::max);
    let value = |bits: &u32| f16::from_bits(u16::try_from(*bits).unwrap()).to_f32();
    assert_eq!(found.len(), expected.len());
    for (at, (found, expected)) in found.iter().map(value).zip(expected.iter().map(value)).enumerate() {
        let unit = f16::EPSILON.to_f32();
        let most = largest * unit / 2.0 + expected.abs() * unit;
        assert!((found - expected).abs() <= most, "{form} output {at}: {found} and {expected}, at most {most} apart");
    }
}

#[test]
fn a_mean_that_nearly_cancels_in_16_bits_is_off_by_the_rounding_that_is_left_out() {
    let normalize = Normalize { mean: [0.0, 0.0, 0.474_483], std: [1.0; 3] };
    assert_the_same_numbers(TensorForm { normalize, ..TensorForm::YOLO }, 1_101_842_258);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_the_normalization_the_outputs_are_the_same(form in forms(), seed in any::<u32>()) {
        assert_the_same_numbers(form, seed);
    }
}

const PICTURES: [&str; 3] = ["astronaut", "chelsea", "coffee"];

/// `None` after saying that `test` is skipped.
fn yolov12n(test: &str) -> Option<Manifest> {
    let models = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("models");
    let manifest = zoo::find(&[models], "yolov12n").unwrap();
    let is_there = manifest.model_path().is_file();
    if !is_there {
        eprintln!("SKIPPED {test}: the weights of yolov12n are not fetched");
    }
    is_there.then_some(manifest)
}

/// Of a manifest's model, once with bytes (where pictures can enter so) and once with floats, in three pictures of the parity tests.
fn assert_the_same(runtime: &'static Runtime, manifest: &Manifest, takes_bytes: bool) {
    let [mut of_bytes, mut of_floats] = [BytesIn::Always, BytesIn::Never].map(|bytes_in| {
        zoo::load(manifest, runtime, &SessionOptions { bytes_in, ..cpu() }).unwrap_or_else(|error| panic!("{error}"))
    });
    match takes_bytes {
        true => assert!(has_more_nodes(of_bytes.proof(), of_floats.proof()), "{}", manifest.name),
        false => assert_eq!(of_bytes.proof(), of_floats.proof(), "{}", manifest.name),
    }
    for name in PICTURES {
        let rgb = picture(name);
        let [found, expected] = [&mut of_bytes, &mut of_floats].map(|detector| {
            let thresholds = Thresholds { score: 0.001, ..Thresholds::default() };
            let mut boxes: Vec<Detection> = Vec::new();
            detector.detect(&view(&rgb), &thresholds, &mut boxes).unwrap();
            boxes
        });
        assert!(!expected.is_empty(), "{} sees nothing in {name}", manifest.name);
        assert_eq!(found, expected, "{} in {name}", manifest.name);
    }
}

#[test]
fn yolo_with_real_weights_finds_the_same_boxes() {
    let Some(runtime) = runtime_or_skip("yolo with bytes in") else { return };
    let Some(manifest) = yolov12n("yolo with bytes in") else { return };
    assert_the_same(runtime, &manifest, true);
}

/// A picture of the parity tests.
fn picture(name: &str) -> image::RgbImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/parity/pictures/{name}.png"));
    image::open(path).unwrap().into_rgb8()
}

fn view(picture: &image::RgbImage) -> ImageView<'_> {
    let size = Size { width_px: picture.width(), height_px: picture.height() };
    ImageView::new(picture.as_raw(), size, 3 * size.width_px, PixelFormat::Rgb8).unwrap()
}

#[test]
fn yolo_with_real_weights_gives_the_same_numbers_to_the_bit() {
    let Some(runtime) = runtime_or_skip("numbers of yolo with bytes in") else { return };
    let Some(manifest) = yolov12n("numbers of yolo with bytes in") else { return };
    let size = Size { width_px: 640, height_px: 640 };
    let [mut of_bytes, mut of_floats] = [edit(&TensorForm::YOLO.channel_steps()), None].map(|edit| {
        let options = SessionOptions { edit, providers: vec![Provider::Cpu], ..cpu() };
        OrtBackend::open(runtime, &manifest.model_path(), &options, &[]).unwrap()
    });
    assert!(matches!(of_bytes.input(0), TensorMut::U8(_)) && matches!(of_floats.input(0), TensorMut::F32(_)));
    for name in PICTURES {
        let rgb = picture(name);
        let found = outputs(&mut of_bytes, &view(&rgb), size, TensorForm::YOLO);
        let expected = outputs(&mut of_floats, &view(&rgb), size, TensorForm::YOLO);
        assert!(found == expected, "{name}");
    }
}

#[test]
fn checkpoints_of_the_detr_kind_find_the_same_boxes() {
    let Some(runtime) = runtime_or_skip("detr with bytes in") else { return };
    for family in ["rtdetr", "rtdetr_v2", "rtdetr_v2_boxes", "dfine", "rfdetr"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/parity/{family}/checkpoint"));
        assert_the_same(runtime, &zoo::find_at(&folder).unwrap(), family != "rfdetr");
    }
}

#[test]
fn a_graph_whose_input_cannot_take_bytes_runs_as_its_file_has_it() {
    let Some(runtime) = runtime_or_skip("no bytes in") else { return };
    for model in ["integer_input", "byte_input", "flags", "two_inputs", "external_weights"] {
        let path = small_model(model);
        for input in ["images", "x", "value", "count", "flag", ""] {
            let edit = Some(GraphEdit::BytesIn { input: input.to_owned(), steps: Vec::new(), only_on_gpu: false });
            let plain = OrtBackend::open(runtime, &path, &cpu(), &[]).unwrap();
            let edited = OrtBackend::open(runtime, &path, &SessionOptions { edit, ..cpu() }, &[]).unwrap();
            let is_float = plain.signature().input(input).map(|at| plain.signature().inputs[at].element);
            if is_float != Some(Element::F32) {
                assert_eq!(edited.signature(), plain.signature(), "{model} {input:?}");
            }
        }
    }
}

#[test]
fn an_edit_for_gpus_leaves_the_graph_alone_where_none_registers() {
    let Some(runtime) = runtime_or_skip("bytes in on GPUs") else { return };
    let edit = Some(GraphEdit::BytesIn { input: "images".to_owned(), steps: Vec::new(), only_on_gpu: true });
    let mut backend = open(runtime, &small_model("yolo_rows"), edit, &[1, 3, 64, 64]);
    if backend.proof().running != Provider::Cpu {
        assert!(matches!(backend.input(0), TensorMut::U8(_)));
    } else {
        assert!(matches!(backend.input(0), TensorMut::F32(_)));
    }
}

#[test]
fn no_damage_to_a_file_panics_in_the_edit() {
    let Some(runtime) = runtime_or_skip("bytes into damaged files") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    let whole = std::fs::read(small_model("yolo_rows")).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x15;
        std::fs::write(&path, &damaged).unwrap();
        _ = OrtBackend::open(
            runtime,
            &path,
            &SessionOptions { edit: edit(&[ChannelStep::Mul([0.5; 3])]), ..cpu() },
            &[],
        );
    }
}
