//! Benchmarks of `language`: what choosing a token costs beside a decoder's step.

use crate::vocabulary::{TOKENS, tokenizer_json};
use criterion::{BenchmarkId, Criterion, Throughput};
use std::hint::black_box;
use vedette::language::{GrammarState, GrammarVocabulary, ProposalForm, Sampler, Tokenizer};
use vedette::types::{InView, Sampling, TrackId};

/// The next token out of a full vocabulary.
pub fn sampling(criterion: &mut Criterion) {
    let logits = logits_of_a_text();
    let mut group = criterion.benchmark_group("next of 49152 tokens");
    let random = |top_p| Sampling::Random { temperature: 0.7, top_p, seed: 1 };
    for (name, sampling) in [("greedy", Sampling::Greedy), ("top-p 0.9", random(0.9)), ("top-p 1", random(1.0))] {
        let mut sampler = Sampler::new(sampling).expect("settings are in range");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| sampler.next(black_box(&logits)));
        });
    }
    group.finish();
}

/// A proposal about twelve tracks: the time of an answer by its tokens is what the grammar adds to each step.
pub fn grammar(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, tokenizer_json().to_string()).expect("a temporary file");
    let tokenizer = Tokenizer::open(&path).expect("a tokenizer");
    let vocabulary = GrammarVocabulary::new(&tokenizer).expect("its bytes");
    let tracks = (1..)
        .zip(["person", "car", "delivery van"].iter().cycle().take(12))
        .map(|(id, class)| (TrackId(id * 17), (*class).into()));
    let form = ProposalForm::new(&InView { tracks: tracks.collect() });
    let start = || vocabulary.start(&form).expect("a grammar");

    let mut group = criterion.benchmark_group("grammar over 49152 tokens");
    group.sample_size(20);
    group.bench_function("vocabulary, once for each model", |bencher| {
        bencher.iter(|| GrammarVocabulary::new(black_box(&tokenizer)).is_ok());
    });
    group.bench_function("start, once for each answer", |bencher| bencher.iter(start));
    let logits = logits_of_a_text();
    let tokens = answer(start(), &logits, &mut 1).len();
    group.throughput(Throughput::Elements(tokens as u64));
    group.bench_function(BenchmarkId::new("answer", format!("{tokens} tokens")), |bencher| {
        bencher.iter_batched(start, |state| answer(state, &logits, &mut 1).len(), criterion::BatchSize::PerIteration);
    });
    group.finish();
}

/// Takes any token that may follow, an arbitrary one each time.
fn answer(mut state: GrammarState, logits: &[f32], seed: &mut usize) -> Vec<u32> {
    let (mut row, mut tokens) = (logits.to_vec(), Vec::new());
    while !state.is_complete() {
        row.copy_from_slice(logits);
        state.mask(&mut row).expect("the answer is not complete");
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let first = (*seed >> 33) % TOKENS;
        let places = (first..TOKENS).chain(0..first);
        let token = places.into_iter().find(|id| row[*id] > f32::NEG_INFINITY).expect("something may follow");
        let token = u32::try_from(token).expect("ids are small");
        state.accept(token).expect("it may follow");
        tokens.push(token);
    }
    tokens
}

fn logits_of_a_text() -> Vec<f32> {
    (0..TOKENS).map(|id| (id.wrapping_mul(2_654_435_761) >> 8 & 0xffff) as f32 / 4096.0 - 8.0).collect()
}
