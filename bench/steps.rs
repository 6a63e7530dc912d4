//! What a decoder's step costs beside its arithmetic, with 60 caches that become inputs again: `cargo bench --bench
//! steps` prints the time of a step of ours and of a bare loop over `ort`'s `run`.
//!
//! A process has one ONNX Runtime environment, and ours belongs to the library. So each side runs in a process of its
//! own (`steps ours`, `steps bare`), in turn; printed is the best of the rounds.

use ort::environment::Environment;
use ort::memory::Allocator;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;
use vedette::infer::{Backend, OrtBackend, Provider, Runtime, SessionOptions};

const CACHES: usize = 60;
const STEPS: usize = 64;
const GENERATIONS: usize = 50;
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    // `cargo bench` passes a flag of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if !library().exists() {
        eprintln!("SKIPPED steps: no {}, run `make setup`", library().display());
        return ExitCode::SUCCESS;
    }
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ours"] => println!("{}", ours()),
        ["bare"] => println!("{}", bare()),
        [] => {
            let mut best = [f64::INFINITY; 2];
            for _ in 0..ROUNDS {
                for (best, side) in best.iter_mut().zip(["ours", "bare"]) {
                    *best = best.min(child(side));
                }
            }
            let [ours, bare] = best;
            println!("a step with {CACHES} caches: ours {ours:.1} us, bare ort loop {bare:.1} us");
        }
        _ => {
            eprintln!("usage: steps [ours | bare], found {args:?}");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Microseconds of a step, measured in a process of its own.
fn child(side: &str) -> f64 {
    let executable = std::env::current_exe().expect("this program has a path");
    let output = Command::new(executable).arg(side).output().expect("this program runs");
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().unwrap_or_else(|_| panic!("{side} printed {text:?}, expected microseconds"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn library() -> PathBuf {
    root().join(".deps/onnxruntime/libonnxruntime.so")
}

fn model() -> PathBuf {
    root().join("tests/data/models/many_caches.onnx")
}

/// The median time of a step, in microseconds.
#[expect(clippy::disallowed_methods, reason = "this is what a bench is for")]
fn median_us(mut generation: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..GENERATIONS)
        .map(|_| {
            let start = Instant::now();
            generation();
            start.elapsed().as_secs_f64() * 1e6 / STEPS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn ours() -> f64 {
    let runtime = Runtime::load(Some(&library())).expect("the runtime loads");
    let options = SessionOptions { providers: vec![Provider::Cpu], intra_op_threads: 1, ..SessionOptions::default() };
    let mut backend = OrtBackend::open(runtime, &model(), &options, &[]).expect("the model opens");
    backend.reshape(0, &[1, 1, 1, 8]).expect("one position");
    median_us(|| {
        for cache in 1..=CACHES {
            backend.reshape(cache, &[1, 1, 0, 8]).expect("an empty cache");
        }
        for _ in 0..STEPS {
            backend.run().expect("a step");
            for cache in 1..=CACHES {
                backend.carry(cache, cache).expect("a cache");
            }
        }
    })
}

fn bare() -> f64 {
    Runtime::load(Some(&library())).expect("the runtime loads");
    let environment = ort::init().build().expect("an environment");
    let mut session = bare_session(&environment).expect("the model opens");
    let embeds = zeros([1, 1, 1, 8]);
    median_us(|| {
        let mut caches: Vec<SessionInputValue> = (0..CACHES).map(|_| zeros([1, 1, 0, 8]).into()).collect();
        for _ in 0..STEPS {
            let mut inputs = vec![SessionInputValue::from(&embeds)];
            inputs.append(&mut caches);
            let outputs = session.run(inputs.as_slice()).expect("a step");
            caches.extend(outputs.into_iter().skip(1).map(|(_, value)| SessionInputValue::from(value)));
        }
    })
}

fn bare_session(environment: &Environment) -> ort::Result<Session> {
    Session::builder(environment)?.with_intra_threads(1)?.with_inter_threads(1)?.commit_from_file(model())
}

fn zeros(shape: [usize; 4]) -> Tensor<f32> {
    Tensor::new(&Allocator::default(), shape).expect("a small tensor")
}
