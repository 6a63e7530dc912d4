//! Our side of the stage benches: `stages preprocess FRAME.bin 768x576 [ENCODING]`, `stages jpeg FRAME.jpg`, `stages decode
//! OUTPUT.bin`, `stages draw FRAME.bin 1280x720` and `stages process CONFIG.json FRAME.bin 768x576` print one line of JSON with the median time in milliseconds.
//! `bench/run.py` and `bench/processors.py` run it in turn with the peers.

mod drawing;

use drawing::Street;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;
use vedette::types::{BBox, ImagePx, ImageView, PixelFormat, Size, TensorData, TensorMut, TensorRef};
use vedette::vision::{
    ImageProcessor, Letterbox, Normalize, PictureDecoder, Preprocessor, ProcessorConfig, TileProcessor, suppress,
};
use vedette::zoo::detect::yolo::{Decoder, Layout};
use vedette::zoo::{LayoutName, Thresholds};

const TENSOR: Size = Size { width_px: 640, height_px: 640 };
const WARM_UP: usize = 50;
const ITERATIONS: usize = 500;

fn main() -> ExitCode {
    // `cargo bench` passes a flag of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let median_ms = match args.as_slice() {
        ["preprocess", file, size] => preprocess(&read(file), parse_size(size), "bgr8"),
        ["preprocess", file, size, encoding] => preprocess(&read(file), parse_size(size), encoding),
        ["jpeg", file] => jpeg(&read(file)),
        ["decode", file] => decode(&read(file)),
        ["draw", file, size] => draw(&read(file), parse_size(size)),
        ["process", config, file, size] => process(&read(config), &read(file), parse_size(size)),
        // Run by plain `cargo bench`, without work to do.
        [] => return ExitCode::SUCCESS,
        _ => {
            eprintln!(
                "usage: stages preprocess FRAME.bin WIDTHxHEIGHT [ENCODING] | stages jpeg FRAME.jpg | stages decode OUTPUT.bin \
                 | stages draw FRAME.bin WIDTHxHEIGHT | stages process CONFIG.json FRAME.bin WIDTHxHEIGHT, found {args:?}"
            );
            return ExitCode::from(2);
        }
    };
    println!("{{\"median_ms\": {median_ms}}}");
    ExitCode::SUCCESS
}

fn read(file: &str) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("cannot read {file}: {error}"))
}

fn parse_size(text: &str) -> Size {
    let parsed = text.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
    let (width_px, height_px) = parsed.unwrap_or_else(|| panic!("{text:?} is no size, expected 768x576"));
    Size { width_px, height_px }
}

fn median_ms(work: impl FnMut()) -> f64 {
    median_ms_of(WARM_UP, ITERATIONS, work)
}

#[expect(clippy::disallowed_methods, reason = "this is what a bench is for")]
fn median_ms_of(warm_up: usize, iterations: usize, mut work: impl FnMut()) -> f64 {
    for _ in 0..warm_up {
        work();
    }
    let mut times: Vec<f64> = (0..iterations)
        .map(|_| {
            let begin = Instant::now();
            work();
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn preprocess(pixels: &[u8], size: Size, encoding: &str) -> f64 {
    let format = PixelFormat::from_encoding(encoding).expect("an encoding");
    let step_bytes = size.width_px * u32::try_from(format.bytes_per_pixel()).expect("1 to 8");
    let image = ImageView::new(pixels, size, step_bytes, format).expect("a whole frame");
    let mut tensor = vec![0.0; 3 * 640 * 640];
    let mut preprocessor = Preprocessor::new(TENSOR, Normalize::UNIT);
    median_ms(|| {
        let out = &mut TensorMut::F32(&mut tensor);
        black_box(preprocessor.run(black_box(&image), out).expect("a tensor of this size"));
    })
}

/// From a jpeg file to the tensor.
fn jpeg(data: &[u8]) -> f64 {
    let mut tensor = vec![0.0; 3 * 640 * 640];
    let (mut decoder, mut preprocessor) = (PictureDecoder::default(), Preprocessor::new(TENSOR, Normalize::UNIT));
    median_ms(|| {
        let decoded = decoder.decode("jpeg", black_box(data)).expect("a whole picture");
        let out = &mut TensorMut::F32(&mut tensor);
        black_box(preprocessor.run(&decoded.image, out).expect("a tensor of this size"));
    })
}

/// From an RGB picture to a checkpoint's tensor.
fn process(config: &[u8], pixels: &[u8], size: Size) -> f64 {
    let config = ProcessorConfig::from_json(std::str::from_utf8(config).expect("text")).expect("a configuration");
    let image = ImageView::new(pixels, size, size.width_px * 3, PixelFormat::Rgb8).expect("a whole frame");
    let (warm_up, iterations) = (3, 25);
    if config.tile_px.is_some() {
        let mut processor = TileProcessor::new(config).expect("a configuration for tiles");
        let mut tensor = vec![0.0; processor.layout(size).expect("a usual size").elements()];
        return median_ms_of(warm_up, iterations, || {
            black_box(processor.run(black_box(&image), &mut TensorMut::F32(&mut tensor)).expect("a fitting tensor"));
        });
    }
    let mut processor = ImageProcessor::new(config).expect("a configuration for whole pictures");
    let Size { width_px, height_px } = processor.tensor_size(size).expect("a usual size");
    let mut tensor = vec![0.0; 3 * width_px as usize * height_px as usize];
    median_ms_of(warm_up, iterations, || {
        black_box(processor.run(black_box(&image), &mut TensorMut::F32(&mut tensor)).expect("a fitting tensor"));
    })
}

/// The picture for people, from the image on.
fn draw(pixels: &[u8], size: Size) -> f64 {
    let mut street = Street::new(pixels, size);
    // Until trails are as long as they get.
    median_ms_of(100, ITERATIONS, || {
        black_box(street.frame());
    })
}

/// From the model's raw output to clipped boxes in image pixels, as perceive does it.
fn decode(bytes: &[u8]) -> f64 {
    let rows: Vec<f32> = bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().expect("four bytes"))).collect();
    let decoder = Decoder::new(Layout::new(LayoutName::Rows, 80), &["output0"], TENSOR);
    let shape = [1, 84, rows.len() / 84];
    let letterbox = Letterbox::new(Size { width_px: 768, height_px: 576 }, TENSOR);
    let thresholds = Thresholds { score: 0.1, iou: 0.45, ..Thresholds::default() };
    let (mut candidates, mut boxes) = (Vec::new(), Vec::<BBox<ImagePx>>::new());
    median_ms(|| {
        candidates.clear();
        let output = |_| TensorRef { shape: &shape, data: TensorData::F32(black_box(&rows)) };
        decoder.decode(output, &thresholds, &mut candidates).expect("numbers");
        suppress(&mut candidates, thresholds.iou, thresholds.max_detections);
        boxes.clear();
        boxes.extend(candidates.iter().filter_map(|candidate| letterbox.image_from_tensor(candidate.bbox)));
        black_box(&boxes);
    })
}
