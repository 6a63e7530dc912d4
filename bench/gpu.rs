//! One detector on one provider: the latency of its session alone and of a whole `detect`, picture to boxes, with the numbers
//! of the pixels made on the CPU (`floats`) and in the graph (`bytes`), and the boxes themselves, to compare with another provider's. `bench/gpu.py` runs it for every model and provider.
//!
//! ```text
//! gpu MODEL PROVIDER PRECISION FRAMES SECONDS ENGINES
//!     MODEL: a folder with a model.toml      PROVIDER: tensorrt, cuda, cpu      PRECISION: fp16, fp32 (of TensorRT)
//!     FRAMES: a file of rgb8 pictures of 1280x720      SECONDS: of each measurement      ENGINES: a folder to keep them
//! ```
//!
//! One JSON line, which says why where the provider does not run the model. Times are in milliseconds.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use vedette::infer::{
    Backend, BytesIn, InferError, OrtBackend, Precision, Provider, ProviderPolicy, Runtime, SessionOptions,
    TensorRtOptions,
};
use vedette::types::{Detection, ImageView, PixelFormat, Size};
use vedette::zoo::{self, Detector, Manifest, Thresholds, ZooError};

/// The size of many a camera.
const SIZE: Size = Size { width_px: 1280, height_px: 720 };
/// However short a measurement is to be.
const FEWEST_RUNS: usize = 3;

fn main() -> ExitCode {
    // `cargo bench` passes a flag of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [model, provider, precision, frames, seconds, engines] = &args[..] else {
        eprintln!(
            "usage: gpu MODEL PROVIDER PRECISION FRAMES SECONDS ENGINES, found {args:?}; `make bench-gpu` runs it"
        );
        return if args.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    let case = Case {
        manifest: Manifest::load(&Path::new(model).join("model.toml")).expect("a model.toml"),
        provider: Provider::ALL.into_iter().find(|one| one.name() == provider).expect("a provider's name"),
        frames: std::fs::read(frames).expect("a file of pictures"),
        time: Duration::from_secs_f64(seconds.parse().expect("a number of seconds")),
        tensorrt: TensorRtOptions {
            precision: if precision == "fp16" { Precision::Half } else { Precision::Full },
            cache_dir: Some(PathBuf::from(engines)),
            ..TensorRtOptions::default()
        },
    };
    println!("{}", case.measured());
    ExitCode::SUCCESS
}

struct Case {
    manifest: Manifest,
    provider: Provider,
    frames: Vec<u8>,
    time: Duration,
    tensorrt: TensorRtOptions,
}

impl Case {
    /// The first run of a measurement must be as good as the last one, so the sessions are warm.
    fn options(&self, bytes_in: BytesIn) -> SessionOptions {
        let mut providers = vec![self.provider];
        if self.provider != Provider::Cpu {
            providers.push(Provider::Cpu);
        }
        let policy = ProviderPolicy::Strict;
        SessionOptions {
            providers,
            policy,
            bytes_in,
            tensorrt: self.tensorrt.clone(),
            warm_up_runs: 5,
            // The boxes are compared by `bench/gpu.py`.
            compares: false,
            ..SessionOptions::default()
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is what a bench is for")]
    fn measured(&self) -> Value {
        let runtime = match Runtime::load(None) {
            Ok(runtime) => runtime,
            Err(error) => return json!({ "refused": error.to_string() }),
        };
        let begun = Instant::now();
        let mut detector = match zoo::load(&self.manifest, runtime, &self.options(BytesIn::Always)) {
            Ok(detector) => detector,
            Err(ZooError::Infer(InferError::Strict { reason, cure, .. })) => {
                return json!({ "refused": reason, "cure": cure });
            }
            Err(error) => return json!({ "refused": error.to_string() }),
        };
        let opened_ms = begun.elapsed().as_secs_f64() * 1e3;
        let boxes: Vec<Value> = self.views().map(|view| boxes_of(&detected(detector.as_mut(), &view))).collect();
        let placement = detector.proof().placement();
        let graph = self.manifest.files.iter().find(|file| file.path.extension().is_some_and(|ext| ext == "onnx"));
        let graph = self.manifest.folder.join(&graph.expect("a graph among its files").path);
        let options = self.options(BytesIn::Never);
        let mut alone = OrtBackend::open(runtime, &graph, &options, &[]).expect("it has been opened before");
        let mut of_floats = zoo::load(&self.manifest, runtime, &options).expect("it has been opened before");
        let (mut bytes, mut floats, mut session) = (Times::default(), Times::default(), Times::default());
        let pictures: Vec<ImageView> = self.views().collect();
        let begun = Instant::now();
        // In turn, so that whatever slows the machine slows both.
        for picture in pictures.iter().cycle() {
            bytes.measure(|| _ = detected(detector.as_mut(), picture));
            floats.measure(|| _ = detected(of_floats.as_mut(), picture));
            session.measure(|| {
                // As in use: the picture is a new one.
                let _ = alone.input(0);
                alone.run().expect("a run");
            });
            if session.0.len() >= FEWEST_RUNS && begun.elapsed() >= self.time {
                break;
            }
        }
        json!({
            "runtime": runtime.version(), "placement": placement, "opened_ms": opened_ms,
            "bytes": bytes.told(), "floats": floats.told(), "session": session.told(), "boxes": boxes,
        })
    }

    fn views(&self) -> impl Iterator<Item = ImageView<'_>> {
        let step = 3 * SIZE.width_px;
        let bytes = step as usize * SIZE.height_px as usize;
        assert!(self.frames.len() >= bytes, "a file of {} bytes holds no picture of {bytes}", self.frames.len());
        let view = move |picture| ImageView::new(picture, SIZE, step, PixelFormat::Rgb8).expect("a whole picture");
        self.frames.chunks_exact(bytes).map(view)
    }
}

/// Milliseconds of each run.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    #[expect(clippy::disallowed_methods, reason = "this is what a bench is for")]
    fn measure(&mut self, run: impl FnOnce()) {
        let begun = Instant::now();
        run();
        self.0.push(begun.elapsed().as_secs_f64() * 1e3);
    }

    fn told(mut self) -> Value {
        self.0.sort_by(f64::total_cmp);
        let at = |percent: usize| self.0[(self.0.len() * percent).div_ceil(100) - 1];
        let per_s = 1e3 * self.0.len() as f64 / self.0.iter().sum::<f64>();
        json!({ "runs": self.0.len(), "p50_ms": at(50), "p99_ms": at(99), "per_s": per_s })
    }
}

fn detected(detector: &mut dyn Detector, view: &ImageView) -> Vec<Detection> {
    let mut found = Vec::new();
    detector.detect(view, &Thresholds::default(), &mut found).expect("a run");
    found
}

/// `[class, score, left, top, right, bottom]` of each box, in pixels of the picture.
fn boxes_of(found: &[Detection]) -> Value {
    let row = |one: &Detection| {
        let corners = &one.bbox;
        json!([one.class.0, one.score, corners.x_min(), corners.y_min(), corners.x_max(), corners.y_max()])
    };
    found.iter().map(row).collect()
}
