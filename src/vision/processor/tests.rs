//! Ours beside what Pillow and transformers gave; see `tests/data/vision/processors/generate.py`.

use super::resize::{Resizer, Resizing};
use super::window::{Source, Window};
use super::*;
use crate::types::{BBox, Element, ImageView, PixelFormat, Size, TensorMut};
use crate::vision::draw::Canvas;
use crate::vision::kernels::{Kernel, Resample};
use crate::vision::preprocess::tests::bytes_of;
use half::f16;
use proptest::prelude::*;
use safetensors::SafeTensors;
use serde_json::Value;

const fn size(width_px: u32, height_px: u32) -> Size {
    Size { width_px, height_px }
}

fn data(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/vision/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn picture(name: &str) -> image::RgbImage {
    image::load_from_memory(&data(&format!("{name}.png"))).unwrap().into_rgb8()
}

fn size_of(picture: &image::RgbImage) -> Size {
    size(picture.width(), picture.height())
}

fn view(picture: &image::RgbImage) -> ImageView<'_> {
    ImageView::new(picture, size_of(picture), picture.width() * 3, PixelFormat::Rgb8).unwrap()
}

fn resizers() -> [Resizer; 2] {
    [Resizer::new(), Resizer::with_kernel(Kernel::Portable)]
}

fn resized(resizer: &mut Resizer, image: &ImageView, window: Window, resized: Size, filter: Resample) -> Vec<u8> {
    let mut bytes = Vec::new();
    let resizing = Resizing { resized, window, filter };
    resizer.run(&Source::whole(image), resizing, |row, rgb| {
        assert_eq!(bytes.len(), row * rgb.len());
        bytes.extend_from_slice(rgb);
    });
    bytes
}

#[test]
fn every_filter_gives_pillows_bytes() {
    let file = data("processors/resized.safetensors");
    let mut cases = 0;
    for (name, expected) in SafeTensors::deserialize(&file).unwrap().iter() {
        let [source, code, _] = name.split('/').collect::<Vec<_>>()[..] else { panic!("{name}") };
        let picture = picture(source);
        let [height, width, 3] = *expected.shape() else { panic!("{name}") };
        let to = size(u32::try_from(width).unwrap(), u32::try_from(height).unwrap());
        let filter = Resample::ALL[code.parse::<usize>().unwrap()];
        for mut resizer in resizers() {
            let ours = resized(&mut resizer, &view(&picture), Window::whole(to), to, filter);
            let differing = ours.iter().zip(expected.data()).filter(|(ours, theirs)| ours != theirs).count();
            assert_eq!((ours.len(), differing), (expected.data().len(), 0), "{name}");
        }
        cases += 1;
    }
    assert_eq!(cases, 38);
}

/// The configuration as the case has it, with the case's padding.
fn config(case: &Value) -> ProcessorConfig {
    let mut config = ProcessorConfig::from_json(&case["config"].to_string()).unwrap();
    if let (Resize::Smooth { padding: Some(padding), .. }, Some(value)) = (&mut config.resize, case["padding"].as_f64())
    {
        *padding = if value == 0.0 { 0.0 } else { ProcessorConfig::OWLV2_PADDING };
    }
    config
}

#[test]
fn every_processor_gives_transformers_tensor() {
    let (file, cases) = (data("processors/processed.safetensors"), data("processors/processed.json"));
    let tensors = SafeTensors::deserialize(&file).unwrap();
    for case in serde_json::from_slice::<Vec<Value>>(&cases).unwrap() {
        let name = case["name"].as_str().unwrap();
        let expected = tensors.tensor(name).unwrap();
        let values: Vec<f32> = expected.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        let picture = picture(case["picture"].as_str().unwrap());
        let config = config(&case);
        let (normalize, smooth) = (config.normalize, matches!(config.resize, Resize::Smooth { .. }));
        let mut ours = vec![f32::NAN; values.len()];
        let mut out = TensorMut::F32(&mut ours);
        let shape = if config.tile_px.is_some() {
            let layout = TileProcessor::new(config).unwrap().run(&view(&picture), &mut out).unwrap();
            let tile = layout.tile_px as usize;
            [layout.frames(), 3, tile, tile]
        } else {
            let mut processor = ImageProcessor::new(config).unwrap();
            processor.run(&view(&picture), &mut out).unwrap();
            let tensor = processor.tensor_size(view(&picture).size()).unwrap();
            [1, 3, tensor.height_px as usize, tensor.width_px as usize]
        };
        assert_eq!(expected.shape(), shape, "{name}");
        // In units of a byte's step: Pillow's paths to the rounding of the normalization, SciPy's to that of floats.
        let bound = if smooth { 2e-4 } else { 0.0 };
        let plane = shape[2] * shape[3];
        let worst = ours.iter().zip(&values).enumerate().map(|(i, (ours, theirs))| {
            let difference = (ours - theirs).abs() * normalize.std[i / plane % 3] * 255.0;
            if difference.is_nan() { f32::INFINITY } else { difference }
        });
        let worst = worst.fold(0.0, f32::max);
        assert!(worst <= bound, "{name}: {worst} of a byte's step");
    }
}

/// A picture of edges and noise.
fn drawn(width: u32, height: u32, seed: u32) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| {
        let bytes = ((x * 31 + y * 17).wrapping_mul(2_654_435_761) ^ seed).to_le_bytes();
        image::Rgb(if (x + y) % 5 < 2 { [0, 255, bytes[3]] } else { [bytes[3], bytes[2], bytes[1]] })
    })
}

fn clip() -> ImageProcessor {
    processor(r#"{"image_processor_type": "CLIPImageProcessor", "size": 16, "crop_size": 12}"#)
}

fn processor(config: &str) -> ImageProcessor {
    ImageProcessor::new(ProcessorConfig::from_json(config).unwrap()).unwrap()
}

fn tensor_of(processor: &mut ImageProcessor, image: &ImageView) -> Vec<f32> {
    let tensor = processor.tensor_size(image.size()).unwrap();
    let mut out = vec![f32::NAN; 3 * (tensor.width_px * tensor.height_px) as usize];
    processor.run(image, &mut TensorMut::F32(&mut out)).unwrap();
    out
}

const OWL: &str = r#"{"image_processor_type": "Owlv2ImageProcessor", "size": [9, 7]}"#;

#[test]
fn every_format_gives_the_same_tensor() {
    let rgb = drawn(41, 30, 1);
    for config in [OWL, r#"{"image_processor_type": "CLIPImageProcessor", "size": 16, "crop_size": 12}"#] {
        let mut processor = processor(config);
        let expected = tensor_of(&mut processor, &view(&rgb));
        for format in [PixelFormat::Bgr8, PixelFormat::Rgba8, PixelFormat::Bgra8] {
            let (data, step_bytes) = bytes_of(&rgb, format);
            let image = ImageView::new(&data, size_of(&rgb), step_bytes, format).unwrap();
            assert_eq!(tensor_of(&mut processor, &image), expected, "{format:?}");
        }
        let (data, step_bytes) = bytes_of(&rgb, PixelFormat::Mono8);
        let gray = ImageView::new(&data, size_of(&rgb), step_bytes, PixelFormat::Mono8).unwrap();
        let as_rgb = image::RgbImage::from_fn(41, 30, |x, y| image::Rgb([rgb.get_pixel(x, y)[0]; 3]));
        assert_eq!(tensor_of(&mut processor, &gray), tensor_of(&mut processor, &view(&as_rgb)));
    }
}

#[test]
fn every_encoding_gives_the_tensor_of_its_colors() {
    let bytes: Vec<u8> = drawn(90, 60, 7).into_raw().repeat(2);
    let bbox = BBox::from_corners(3.9, 5.0, 22.1, 17.0).unwrap();
    let tiles = r#"{"image_processor_type": "SmolVLMImageProcessor", "size": {"longest_edge": 40}, "max_image_size": {"longest_edge": 20}}"#;
    let mut tiles = TileProcessor::new(ProcessorConfig::from_json(tiles).unwrap()).unwrap();
    let mut others = [
        processor(OWL),
        clip(),
        // The rows first.
        processor(r#"{"image_processor_type": "RTDetrImageProcessor", "size": [5, 60]}"#),
    ];
    for format in PixelFormat::ALL {
        let step_bytes = 41 * u32::try_from(format.bytes_per_pixel()).unwrap() + 3;
        let image = ImageView::new(&bytes, size(41, 30), step_bytes, format).unwrap().in_byte_order(true);
        let colors = Canvas::new(&image);
        let colors = colors.view().unwrap();
        for processor in &mut others {
            assert_eq!(tensor_of(processor, &image), tensor_of(processor, &colors), "{format:?}");
            let tensor = processor.tensor_size(size(19, 12)).unwrap();
            let [of_image, of_colors] = [&image, &colors].map(|image| {
                let mut out = vec![f32::NAN; 3 * (tensor.width_px * tensor.height_px) as usize];
                processor.run_box(image, bbox, &mut TensorMut::F32(&mut out), 0).unwrap();
                out
            });
            assert_eq!(of_image, of_colors, "{format:?}");
        }
        let [of_image, of_colors] = [&image, &colors].map(|image| {
            let mut out = vec![f32::NAN; tiles.layout(image.size()).unwrap().elements()];
            tiles.run(image, &mut TensorMut::F32(&mut out)).unwrap();
            out
        });
        assert_eq!(of_image, of_colors, "{format:?}");
    }
}

#[test]
fn a_box_is_processed_as_the_picture_of_its_whole_pixels() {
    let rgb = drawn(40, 30, 2);
    let part = image::imageops::crop_imm(&rgb, 3, 5, 20, 25).to_image();
    let bbox = BBox::from_corners(3.9, 5.0, 22.1, 77.0).unwrap();
    let mut out = vec![f32::NAN; 2 * 3 * 12 * 12];
    let geometry = clip().run_box(&view(&rgb), bbox, &mut TensorMut::F32(&mut out), 432).unwrap();
    assert!(out[..432].iter().all(|value| value.is_nan()));
    assert_eq!(out[432..], tensor_of(&mut clip(), &view(&part)));
    // 20x25 becomes 16x20, of which the middle 12x12 is shown.
    let shown = geometry.image_from_normalized_xyxy([0.0, 0.0, 1.0, 1.0]);
    assert_eq!(shown, BBox::from_corners(5.5, 10.0, 20.5, 25.0));
}

#[test]
fn a_box_without_area_in_the_picture_is_refused() {
    let rgb = drawn(40, 30, 2);
    let mut out = vec![0.0; 432];
    for (x_min, y_min, x_max, y_max) in [(5.0, 5.0, 5.0, 9.0), (40.0, 0.0, 50.0, 9.0), (-9.0, -9.0, -1.0, 5.0)] {
        let bbox = BBox::from_corners(x_min, y_min, x_max, y_max).unwrap();
        let error = clip().run_box(&view(&rgb), bbox, &mut TensorMut::F32(&mut out), 0).unwrap_err();
        assert_eq!(error, ProcessorError::Box { bbox, image: size(40, 30) });
    }
}

#[test]
fn float16_is_float32_rounded() {
    let rgb = drawn(33, 50, 3);
    for mut processor in [clip(), processor(OWL)] {
        let floats = tensor_of(&mut processor, &view(&rgb));
        let mut halves = vec![f16::NAN; floats.len()];
        processor.run(&view(&rgb), &mut TensorMut::F16(&mut halves)).unwrap();
        assert!(halves.iter().zip(floats).all(|(&half, float)| half == f16::from_f32(float)));
    }
}

#[test]
fn bytes_and_their_steps_are_the_floats() {
    let rgb = picture("enlarge");
    for config in [
        r#"{"image_processor_type": "CLIPImageProcessor", "crop_size": 30, "size": 24}"#,
        r#"{"image_processor_type": "RTDetrImageProcessor", "size": {"height": 40, "width": 50}}"#,
    ] {
        let mut processor = processor(config);
        let floats = tensor_of(&mut processor, &view(&rgb));
        let steps = processor.channel_steps().unwrap();
        let mut bytes = vec![77; floats.len()];
        processor.run(&view(&rgb), &mut TensorMut::U8(&mut bytes)).unwrap();
        let plane = floats.len() / 3;
        for (at, (byte, float)) in bytes.iter().zip(floats).enumerate() {
            let made = steps.iter().fold(f32::from(*byte), |value, step| step.of(value, at / plane));
            assert_eq!(made.to_bits(), float.to_bits(), "{config} element {at}");
        }
    }
    let mut owl = processor(r#"{"image_processor_type": "Owlv2ImageProcessor", "size": {"height": 40, "width": 40}}"#);
    assert_eq!(owl.channel_steps(), None);
    let error = owl.run(&view(&rgb), &mut TensorMut::U8(&mut [0; 4800])).unwrap_err();
    assert!(matches!(error, ProcessorError::Element { found: Element::U8 }), "{error}");
}

#[test]
fn a_tensor_of_another_length_or_element_is_refused() {
    let (rgb, mut processor) = (drawn(4, 4, 0), clip());
    let error = processor.run(&view(&rgb), &mut TensorMut::F32(&mut [0.0; 500])).unwrap_err();
    assert_eq!(error.to_string(), "image tensor holds 500 elements, 1x3x12x12 at element 0 needs 432");
    let error = processor.run_at(&view(&rgb), &mut TensorMut::F32(&mut [0.0; 500]), usize::MAX).unwrap_err();
    assert!(matches!(error, ProcessorError::Length { found: 500, expected: usize::MAX, .. }));
    let error = processor.run(&view(&rgb), &mut TensorMut::I64(&mut [0; 432])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "image tensor of int64, expected float32, float16 or, where pixels are not resized in floats, uint8"
    );
}

#[test]
fn a_picture_that_would_become_an_absurd_tensor_is_refused() {
    let config = r#"{"image_processor_type": "CLIPImageProcessor", "do_center_crop": false}"#;
    let error = processor(config).tensor_size(size(32_768, 1)).unwrap_err();
    assert!(error.to_string().contains("7340032x224 px, expected sides of at most 8192 px"), "{error}");
    // Its middle alone is no trouble.
    let thread = image::RgbImage::from_pixel(32_768, 1, image::Rgb([255; 3]));
    assert_eq!(tensor_of(&mut clip(), &view(&thread)).len(), 432);
}

#[test]
fn a_configuration_for_tiles_and_one_for_whole_pictures_are_told_apart() {
    let tiles = ProcessorConfig::from_json(r#"{"image_processor_type": "SmolVLMImageProcessor"}"#).unwrap();
    let error = ImageProcessor::new(tiles).unwrap_err();
    assert!(error.to_string().contains("cuts pictures into tiles, expected one that makes one tensor"), "{error}");
    let whole = ProcessorConfig::from_json(OWL).unwrap();
    assert_eq!(TileProcessor::new(whole).unwrap_err(), ProcessorError::Tiles { found: false });
}

#[test]
fn the_geometry_says_where_the_tensor_is_in_the_picture() {
    let all = |config: &str, image: Size| {
        let mut processor = processor(config);
        let tensor = processor.tensor_size(image).unwrap();
        let mut out = vec![0.0; 3 * (tensor.width_px * tensor.height_px) as usize];
        let picture = image::RgbImage::new(image.width_px, image.height_px);
        let geometry = processor.run(&view(&picture), &mut TensorMut::F32(&mut out)).unwrap();
        geometry.image_from_normalized_xyxy([0.0, 0.0, 0.5, 0.5])
    };
    let corner = |x_max, y_max| BBox::from_corners(0.0, 0.0, x_max, y_max);
    assert_eq!(all(OWL, size(100, 50)), corner(50.0, 50.0));
    assert_eq!(all(r#"{"image_processor_type": "RTDetrImageProcessor"}"#, size(100, 50)), corner(50.0, 25.0));
    assert_eq!(all(r#"{"image_processor_type": "GroundingDinoImageProcessor"}"#, size(99, 50)), corner(49.5, 25.0));
    // 128x64 becomes 448x224, of which columns 112 to 336 are shown: 32 to 96 of the picture.
    let clip = all(r#"{"image_processor_type": "CLIPImageProcessor"}"#, size(128, 64));
    assert_eq!(clip, BBox::from_corners(32.0, 0.0, 64.0, 32.0));
}

#[test]
fn a_reused_processor_gives_what_a_fresh_one_gives() {
    let mut reused = [clip(), processor(OWL)];
    for (width, height) in [(90, 60), (3, 80), (90, 60), (1, 1), (64, 2)] {
        let rgb = drawn(width, height, 4);
        for (reused, mut fresh) in reused.iter_mut().zip([clip(), processor(OWL)]) {
            assert_eq!(tensor_of(reused, &view(&rgb)), tensor_of(&mut fresh, &view(&rgb)), "{width}x{height}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn both_kernels_agree_and_a_window_is_cut_from_the_whole(
        (w, h) in (1u32..90, 1u32..90), (rw, rh) in (1u32..90, 1u32..90), filter in 0usize..6, format in 0usize..5,
        (x, y, across, down) in (0u32..90, 0u32..90, 1u32..90, 1u32..90), seed in any::<u32>(),
    ) {
        let (format, filter, to) = (PixelFormat::ALL[format], Resample::ALL[filter], size(rw, rh));
        let rgb = drawn(w, h, seed);
        let (data, step_bytes) = bytes_of(&rgb, format);
        let image = ImageView::new(&data, size_of(&rgb), step_bytes, format).unwrap();
        let (left_px, top_px) = (x % rw, y % rh);
        let window = Window { left_px, top_px, size: size(across.min(rw - left_px), down.min(rh - top_px)) };
        let [mut detected, mut portable] = resizers();
        let whole = resized(&mut detected, &image, Window::whole(to), to, filter);
        prop_assert_eq!(&whole, &resized(&mut portable, &image, Window::whole(to), to, filter));
        let part = resized(&mut detected, &image, window, to, filter);
        prop_assert_eq!(&part, &resized(&mut portable, &image, window, to, filter));
        let whole = image::RgbImage::from_raw(rw, rh, whole).unwrap();
        let cut = image::imageops::crop_imm(&whole, left_px, top_px, window.size.width_px, window.size.height_px);
        prop_assert_eq!(part, cut.to_image().into_raw());
    }

    #[test]
    fn every_element_is_written_whatever_the_picture(
        (w, h) in (1u32..120, 1u32..120), kind in 0usize..6, (th, tw) in (1u32..40, 1u32..40),
    ) {
        let name = ["CLIP", "RTDetr", "Owlv2", "GroundingDino", "OwlViT", "SmolVLM"][kind];
        let sizes = match kind {
            0 => format!(r#""size": {th}, "crop_size": [{th}, {tw}]"#),
            3 => format!(r#""size": {{"shortest_edge": {th}, "longest_edge": {}}}"#, th + tw),
            5 => format!(r#""size": {{"longest_edge": {th}}}, "max_image_size": {{"longest_edge": {tw}}}"#),
            _ => format!(r#""size": [{th}, {tw}]"#),
        };
        let config = format!(r#"{{"image_processor_type": "{name}ImageProcessor", {sizes}}}"#);
        let config = ProcessorConfig::from_json(&config).unwrap();
        let rgb = drawn(w, h, 9);
        let out = if kind == 5 {
            let mut processor = TileProcessor::new(config).unwrap();
            let layout = processor.layout(size_of(&rgb)).unwrap();
            let mut out = vec![f32::NAN; layout.elements()];
            processor.run(&view(&rgb), &mut TensorMut::F32(&mut out)).unwrap();
            out
        } else {
            tensor_of(&mut ImageProcessor::new(config).unwrap(), &view(&rgb))
        };
        prop_assert!(out.iter().all(|value| (-3.0..3.0).contains(value)));
    }
}
