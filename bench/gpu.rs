//! Latency of detectors on the providers of this machine: of the session alone, and of a whole `detect` with its picture
//! made ready and its boxes read.
//!
//! ```text
//! gpu RUNS PROVIDERS MODEL...      PROVIDERS: cuda,cpu   MODEL: a folder with a model.toml
//! ```
//!
//! One JSON line for each model: where it runs, milliseconds of the first runs, and p50 and p99 of the ones that follow.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;
use vedette::infer::{Provider, Runtime, SessionOptions};
use vedette::types::{ImageView, PixelFormat, Size};
use vedette::zoo::{self, Manifest, Thresholds};

/// The size of many a camera.
const SIZE: Size = Size { width_px: 1280, height_px: 720 };

fn main() -> ExitCode {
    // `cargo bench` passes a flag of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [runs, providers, models @ ..] = &args[..] else {
        eprintln!("usage: gpu RUNS PROVIDERS MODEL..., found {args:?}");
        return if args.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    let runs: usize = runs.parse().expect("a number of runs");
    let named = |name: &str| Provider::ALL.into_iter().find(|one| one.name() == name).expect("a provider's name");
    let options = SessionOptions { providers: providers.split(',').map(named).collect(), ..SessionOptions::default() };
    for model in models {
        println!("{}", measured(Path::new(model), &options, runs));
    }
    ExitCode::SUCCESS
}

#[expect(clippy::disallowed_methods, reason = "this is what a bench is for")]
fn measured(model: &Path, options: &SessionOptions, runs: usize) -> serde_json::Value {
    let runtime = Runtime::load(None).expect("ORT_DYLIB_PATH names an ONNX Runtime");
    let manifest = Manifest::load(&model.join("model.toml")).expect("a model.toml");
    let begun = Instant::now();
    let mut detector = zoo::load(&manifest, runtime, options).expect("the detector opens");
    let opened_ms = begun.elapsed().as_secs_f64() * 1e3;
    let pictures: Vec<Vec<u8>> = (0..4).map(noise).collect();
    let mut found = Vec::new();
    let mut times_ms = Vec::with_capacity(runs);
    for run in 0..runs {
        let picture = &pictures[run % pictures.len()];
        let view = ImageView::new(picture, SIZE, 3 * SIZE.width_px, PixelFormat::Rgb8).expect("a whole picture");
        let begun = Instant::now();
        detector.detect(&view, &Thresholds::default(), &mut found).expect("a run");
        times_ms.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let first_ms = times_ms[..3.min(runs)].to_vec();
    times_ms.sort_by(f64::total_cmp);
    let at = |percent: usize| times_ms[(runs - 1) * percent / 100];
    let proof: Vec<String> = detector.proofs().iter().map(|(part, proof)| format!("{part}: {proof:?}")).collect();
    serde_json::json!({
        "model": manifest.name, "opened_ms": opened_ms, "first_ms": first_ms, "p50_ms": at(50), "p99_ms": at(99),
        "detections": found.len(), "proof": proof,
    })
}

/// A picture of noise, another one for each seed.
fn noise(seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let bytes = 3 * SIZE.width_px * SIZE.height_px;
    (0..bytes)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect()
}
