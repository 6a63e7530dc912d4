//! Benchmarks of `vision`: a picture into a tensor by letterbox and by checkpoints' configurations, boxes through NMS.

use criterion::{BenchmarkId, Criterion};
use half::f16;
use std::hint::black_box;
use vedette::types::{BBox, ClassId, ImageView, PixelFormat, Size, TensorMut};
use vedette::vision::{Candidate, ImageProcessor, Normalize, Preprocessor, ProcessorConfig, TileProcessor, suppress};

const TENSOR: Size = Size { width_px: 640, height_px: 640 };
const ELEMENTS: usize = 3 * 640 * 640;

/// Every picture size with bgr8 into float32; every format and float16 at 768x576.
pub fn preprocess(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("preprocess");
    let mut floats = vec![0.0; ELEMENTS];
    for (width_px, height_px) in [(768, 576), (1280, 720), (1920, 1080), (640, 480), (320, 240)] {
        let size = Size { width_px, height_px };
        group.bench_function(BenchmarkId::new("bgr8", size), |bencher| {
            run(bencher, size, PixelFormat::Bgr8, &mut TensorMut::F32(&mut floats));
        });
    }
    let size = Size { width_px: 768, height_px: 576 };
    for format in [PixelFormat::Rgba8, PixelFormat::Mono8] {
        group.bench_function(BenchmarkId::new(format.encoding(), size), |bencher| {
            run(bencher, size, format, &mut TensorMut::F32(&mut floats));
        });
    }
    let mut halves = vec![f16::ZERO; ELEMENTS];
    group.bench_function(BenchmarkId::new("bgr8 to float16", size), |bencher| {
        run(bencher, size, PixelFormat::Bgr8, &mut TensorMut::F16(&mut halves));
    });
    group.finish();
}

/// The defaults of transformers' image processors, from rgb8 at two sizes.
pub fn process(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("process");
    group.sample_size(20);
    for name in ["CLIP", "Siglip", "RTDetr", "GroundingDino", "Owlv2", "SmolVLM"] {
        let config = ProcessorConfig::from_json(&format!(r#"{{"image_processor_type": "{name}ImageProcessor"}}"#))
            .expect("a known processor");
        for (width_px, height_px) in [(768, 576), (1920, 1080)] {
            let size = Size { width_px, height_px };
            let data = noise(width_px * 3 * height_px);
            let image = ImageView::new(&data, size, width_px * 3, PixelFormat::Rgb8).expect("a whole picture");
            let id = BenchmarkId::new(name, size);
            if config.tile_px.is_some() {
                let mut processor = TileProcessor::new(config.clone()).expect("a configuration for tiles");
                let mut floats = vec![0.0; processor.layout(size).expect("a usual size").elements()];
                let mut run = || processor.run(black_box(&image), &mut TensorMut::F32(&mut floats)).expect("it fits");
                group.bench_function(id, |bencher| bencher.iter(&mut run));
            } else {
                let mut processor = ImageProcessor::new(config.clone()).expect("a configuration for whole pictures");
                let tensor = processor.tensor_size(size).expect("a usual size");
                let mut floats = vec![0.0; 3 * tensor.width_px as usize * tensor.height_px as usize];
                let mut run = || processor.run(black_box(&image), &mut TensorMut::F32(&mut floats)).expect("it fits");
                group.bench_function(id, |bencher| bencher.iter(&mut run));
            }
        }
    }
    group.finish();
}

fn noise(bytes: u32) -> Vec<u8> {
    (0..bytes).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()
}

fn run(bencher: &mut criterion::Bencher, size: Size, format: PixelFormat, out: &mut TensorMut) {
    let step_bytes = size.width_px * u32::try_from(format.bytes_per_pixel()).expect("1 to 4");
    let data = noise(step_bytes * size.height_px);
    let image = ImageView::new(&data, size, step_bytes, format).expect("a whole picture");
    let mut preprocessor = Preprocessor::new(TENSOR, Normalize::UNIT);
    bencher.iter(|| preprocessor.run(black_box(&image), out).expect("a tensor of this size"));
}

/// Crowds of boxes, 20 around each object, as a detector without built-in NMS gives them.
pub fn nms(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("nms");
    for objects in [10u16, 100] {
        let candidates: Vec<Candidate> = (0..objects * 20)
            .map(|i| {
                let (object, jitter) = (f32::from(i / 20), f32::from(i % 20) * 0.3);
                let (x, y) = (object * 53.0 % 600.0 + jitter, object * 31.0 % 600.0 - jitter);
                let bbox = BBox::from_center(x, y, 30.0, 60.0).expect("finite");
                Candidate {
                    bbox,
                    class: ClassId(i / 20 % 5),
                    score: f32::from(i * 7919 % 1000) / 1000.0,
                    source: u32::from(i),
                }
            })
            .collect();
        let mut work = candidates.clone();
        group.bench_function(BenchmarkId::from_parameter(candidates.len()), |bencher| {
            bencher.iter(|| {
                work.clear();
                work.extend_from_slice(&candidates);
                suppress(black_box(&mut work), 0.7, 300);
                work.len()
            });
        });
    }
    group.finish();
}
