//! Tokens per second of our generation loop beside a bare loop over the same step, on the decoder that
//! `bench/decoder_model.py` writes: random weights in SmolVLM-256M's text shape.
//!
//! A process has one ONNX Runtime environment, and ours belongs to the library. So each side runs in a process of its
//! own and prints one JSON line; `bench/run.py` runs them in turn.
//!
//! ```text
//! generation FOLDER ours|whole|bare|grammar TOKENS [PROVIDERS]      PROVIDERS: cuda,cpu; for all but bare
//!     whole: ours, with the logits of every token of the prompt, as the file's graph has it
//! ```

mod vocabulary;

use ort::environment::Environment;
use ort::memory::Allocator;
use ort::session::{Session, SessionInputValue};
use ort::value::Tensor;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use vedette::infer::{GraphEdit, OrtBackend, Provider, Runtime, SessionOptions};
use vedette::language::{
    CacheLayout, Decoder, EmbeddingGraph, GenerationConfig, GenerationOptions, GrammarState, GrammarVocabulary, Prompt,
    ProposalForm, Tokenizer, generate,
};
use vedette::types::{Cancel, InView, Sampling, TrackId};

const LAYERS: usize = 30;
const HEADS: usize = 3;
const WIDTH: usize = 64;
const THREADS: usize = 1;
/// Half as long as a question about a picture of 17 frames. The tokens say nothing.
const PROMPT: [u32; 512] = [42; 512];
const GENERATIONS: usize = 2;

fn main() -> ExitCode {
    // `cargo bench` passes a flag of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let [folder, side, tokens, providers @ ..] = &args[..] else {
        eprintln!(
            "usage: generation FOLDER ours|whole|bare|grammar TOKENS [PROVIDERS], found {args:?}; `make bench` runs it"
        );
        return if args.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    let (folder, tokens) = (Path::new(folder), tokens.parse().expect("a number of tokens"));
    let named = |name: &str| Provider::ALL.into_iter().find(|one| one.name() == name).expect("a provider's name");
    let chosen = providers.first().map_or("cpu", String::as_str);
    let providers: Vec<Provider> = chosen.split(',').map(named).collect();
    let measured = match side.as_str() {
        "ours" => ours(folder, tokens, last_logits(), false, providers),
        "whole" => ours(folder, tokens, None, false, providers),
        "grammar" => ours(folder, tokens, last_logits(), true, providers),
        "bare" => bare(folder, tokens).as_json(),
        _ => panic!("no side {side}, expected ours, whole, bare or grammar"),
    };
    println!("{measured}");
    ExitCode::SUCCESS
}

fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/onnxruntime/libonnxruntime.so")
}

/// How fast a loop is.
struct Pace {
    first_token_ms: f64,
    /// By the time between two tokens: that of the tenth part of them that is fastest. What other programs take of the
    /// machine is in the rest.
    tokens_per_s: f64,
}

impl Pace {
    fn as_json(&self) -> Value {
        json!({ "tokens_per_s": self.tokens_per_s, "first_token_ms": self.first_token_ms })
    }
}

/// Of the generations the one that began to speak soonest, and all of their tokens.
#[expect(clippy::disallowed_methods, reason = "this is what a bench is for")]
fn pace(mut generation: impl FnMut(&mut dyn FnMut())) -> Pace {
    let (mut times, mut first_token_ms) = (Vec::new(), f64::INFINITY);
    for _ in 0..GENERATIONS {
        let begun = Instant::now();
        let mut last: Option<Instant> = None;
        generation(&mut || {
            let now = Instant::now();
            match last.replace(now) {
                Some(last) => times.push((now - last).as_secs_f64()),
                None => first_token_ms = first_token_ms.min((now - begun).as_secs_f64() * 1e3),
            }
        });
    }
    times.sort_by(f64::total_cmp);
    Pace { first_token_ms, tokens_per_s: 1.0 / times[times.len() / 10] }
}

/// As in use: of a prompt's logits only the last ones are computed.
fn last_logits() -> Option<GraphEdit> {
    Some(GraphEdit::LastOnly { output: "logits".to_owned() })
}

fn ours(folder: &Path, tokens: usize, edit: Option<GraphEdit>, with_grammar: bool, providers: Vec<Provider>) -> Value {
    let runtime = Runtime::load(Some(&library())).expect("the runtime loads");
    let open = |name: &str, providers: Vec<Provider>, edit: Option<GraphEdit>| {
        let options = SessionOptions { providers, edit, intra_op_threads: THREADS, ..SessionOptions::default() };
        let backend = OrtBackend::open(runtime, &folder.join(name), &options, &[]);
        Box::new(backend.expect("`bench/decoder_model.py` has written it"))
    };
    // As in use: the table of tokens is the CPU's.
    let embedder = EmbeddingGraph::new(open("embed_tokens.onnx", vec![Provider::Cpu], None)).expect("an embedding");
    let decoder = Decoder::new(open("decoder_model_merged.onnx", providers, edit), embedder, CacheLayout::Growing, &[]);
    let mut decoder = decoder.expect("a decoder");
    let vocabulary = with_grammar.then(made_up_vocabulary);
    let tracks = (1..).zip(["person", "car", "delivery van"].iter().cycle().take(12));
    let in_view = InView { tracks: tracks.map(|(id, class)| (TrackId(id * 17), (*class).into())).collect() };
    let form = ProposalForm::new(&in_view);
    let config = GenerationConfig::default();
    let options = GenerationOptions {
        sampling: Sampling::Greedy,
        // A grammar wants room for its longest answer; the generation is ended after as many tokens all the same.
        max_tokens: if with_grammar { form.longest_answer_bytes() } else { tokens },
        context_tokens: 8192,
        config: &config,
        forced_together: false,
    };
    let prompt = Prompt { ids: &PROMPT, embeddings: None };
    let pace = pace(|token| {
        let mut grammar: Option<GrammarState> =
            vocabulary.as_ref().map(|vocabulary| vocabulary.start(&form).expect("a grammar"));
        let (cancel, mut made) = (Cancel::new(), 0);
        generate(&mut decoder, &prompt, &options, grammar.as_mut(), &cancel, &mut |_| {
            made += 1;
            token();
            if made == tokens {
                cancel.cancel(vedette::types::CancelReason::Asked);
            }
            Ok(())
        })
        .expect("an answer");
    });
    let mut measured = pace.as_json();
    let proof = decoder.proof();
    measured["running"] = json!(proof.running.name());
    measured["refused"] = proof.refused.iter().map(|one| json!([one.provider.name(), one.reason])).collect();
    measured
}

fn made_up_vocabulary() -> GrammarVocabulary {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, vocabulary::tokenizer_json().to_string()).expect("a temporary file");
    let tokenizer = Tokenizer::open(&path).expect("a tokenizer");
    assert!(tokenizer.vocab_size() <= vocabulary::TOKENS);
    GrammarVocabulary::new(&tokenizer).expect("its bytes")
}

/// Nothing but runs, caches handed on, and the largest logit.
fn bare(folder: &Path, tokens: usize) -> Pace {
    let runtime = Runtime::load(Some(&library())).expect("the runtime loads");
    let open = |name: &str| bare_session(runtime.environment(), &folder.join(name)).expect("the model opens");
    let (mut embedding, mut decoder) = (open("embed_tokens.onnx"), open("decoder_model_merged.onnx"));
    pace(|token| {
        let mut caches: Vec<SessionInputValue> = (0..2 * LAYERS).map(|_| empty_cache().into()).collect();
        let (mut ids, mut past): (Vec<i64>, i64) = (PROMPT.map(i64::from).to_vec(), 0);
        for _ in 0..tokens {
            let count = ids.len();
            let end = past + i64::try_from(count).expect("few tokens");
            let rows = embedding.run(ort::inputs![integers(ids)]).expect("rows").into_iter().next();
            let rows = rows.expect("one output").1;
            let mask = integers(vec![1; usize::try_from(end).expect("few tokens")]);
            let places = integers((past..end).collect());
            let mut inputs: Vec<SessionInputValue> = vec![rows.into(), mask.into(), places.into()];
            inputs.append(&mut caches);
            let outputs = decoder.run(inputs.as_slice()).expect("a step");
            let mut outputs = outputs.into_iter().map(|(_, value)| value);
            let logits = outputs.next().expect("logits");
            let (_, logits) = logits.try_extract_tensor::<f32>().expect("float logits");
            ids = vec![largest(&logits[logits.len() / count * (count - 1)..])];
            caches.extend(outputs.map(SessionInputValue::from));
            past = end;
            token();
        }
    })
}

fn largest(logits: &[f32]) -> i64 {
    let (mut best, mut value) = (0, f32::NEG_INFINITY);
    for (place, logit) in (0..).zip(logits) {
        if *logit > value {
            (best, value) = (place, *logit);
        }
    }
    best
}

fn bare_session(environment: &Environment, model: &Path) -> ort::Result<Session> {
    Session::builder(environment)?.with_intra_threads(THREADS)?.with_inter_threads(1)?.commit_from_file(model)
}

fn integers(values: Vec<i64>) -> Tensor<i64> {
    Tensor::from_array(([1, values.len()], values)).expect("a small tensor")
}

fn empty_cache() -> Tensor<f32> {
    Tensor::new(&Allocator::default(), [1_usize, HEADS, 0, WIDTH]).expect("an empty tensor")
}
