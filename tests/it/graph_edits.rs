//! Edited graphs beside the ones of their files.

use crate::onnx_runtime::{cpu, runtime_or_skip, small_model};
use std::path::{Path, PathBuf};
use vedette::infer::{Backend, GraphEdit, OrtBackend, Runtime, SessionOptions, TensorSpec};
use vedette::language::{CacheLayout, Decoder, EmbeddingGraph, GenerationConfig, GenerationOptions, Prompt, generate};
use vedette::types::{Cancel, Sampling, TensorData, TensorMut};

fn last_logits() -> Option<GraphEdit> {
    Some(GraphEdit::LastOnly { output: "logits".to_owned() })
}

fn decoder(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/data/parity/{family}/checkpoint/onnx/decoder_model_merged.onnx"))
}

fn open(runtime: &'static Runtime, path: &Path, edit: Option<GraphEdit>) -> OrtBackend {
    OrtBackend::open(runtime, path, &SessionOptions { edit, ..cpu() }, &[]).unwrap()
}

/// The shape and the last row of the logits of a prompt of so many tokens, whose embeddings count up.
fn logits(backend: &mut OrtBackend, inputs: &[TensorSpec], tokens: usize) -> (Vec<usize>, Vec<f32>) {
    for (index, input) in inputs.iter().enumerate() {
        let open: &[usize] = if input.name.starts_with("past") { &[1, 0] } else { &[1, tokens] };
        let mut left = open.iter();
        let shape: Vec<usize> = input.shape.iter().map(|size| size.unwrap_or_else(|| *left.next().unwrap())).collect();
        backend.reshape(index, &shape).unwrap();
        match backend.input(index) {
            TensorMut::F32(values) => {
                (0..).zip(values).for_each(|(at, value): (u16, _)| *value = f32::from(at % 97) / 97.0)
            }
            TensorMut::I64(values) if input.name == "position_ids" => {
                (0..).zip(values).for_each(|(at, value)| *value = at);
            }
            mut other => other.fill_with_one(),
        }
    }
    backend.run().unwrap();
    let output = backend.output(backend.signature().output("logits").unwrap());
    let TensorData::F32(values) = output.data else { panic!("float logits") };
    let width = *output.shape.last().unwrap();
    (output.shape.to_vec(), values[values.len() - width..].to_vec())
}

#[test]
fn the_last_logits_of_a_decoder_are_the_same_ones_and_the_only_ones() {
    let Some(runtime) = runtime_or_skip("last logits") else { return };
    let path = decoder("smolvlm");
    let before = std::fs::read(&path).unwrap();
    let (mut whole, mut cut) = (open(runtime, &path, None), open(runtime, &path, last_logits()));
    let inputs = whole.signature().inputs.clone();
    for tokens in [7, 1, 33] {
        let ((all, expected), (one, found)) = (logits(&mut whole, &inputs, tokens), logits(&mut cut, &inputs, tokens));
        assert_eq!((all[1], one[1]), (tokens, 1));
        for (at, (expected, found)) in expected.iter().zip(&found).enumerate() {
            assert!((expected - found).abs() < 1e-5, "{at}: {expected} {found}");
        }
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

/// The likeliest tokens of a checkpoint of the parity tests.
fn greedy(runtime: &'static Runtime, edit: Option<GraphEdit>, prompt: &[u32], tokens: usize) -> Vec<u32> {
    let path = decoder("smolvlm");
    let embedder = open(runtime, &path.with_file_name("embed_tokens.onnx"), None);
    let embedder = EmbeddingGraph::new(Box::new(embedder)).unwrap();
    let decoder = Box::new(open(runtime, &path, edit));
    let mut decoder = Decoder::new(decoder, embedder, CacheLayout::Growing, &[]).unwrap();
    let options = GenerationOptions {
        sampling: Sampling::Greedy,
        max_tokens: tokens,
        context_tokens: 1024,
        config: &GenerationConfig::default(),
        forced_together: false,
    };
    let prompt = Prompt { ids: prompt, embeddings: None };
    generate(&mut decoder, &prompt, &options, None, &Cancel::new(), &mut |_| Ok(())).unwrap().tokens
}

#[test]
fn an_answer_is_the_same_with_and_without_the_edit() {
    let Some(runtime) = runtime_or_skip("answers with an edit") else { return };
    for prompt in [&[1][..], &[5, 9, 2, 30, 7], &[42; 200]] {
        let expected = greedy(runtime, None, prompt, 64);
        assert_eq!(expected.len(), 64);
        assert_eq!(greedy(runtime, last_logits(), prompt, 64), expected);
    }
}

#[test]
fn a_graph_that_does_not_bear_the_edit_runs_as_its_file_has_it() {
    let Some(runtime) = runtime_or_skip("edits that do not fit") else { return };
    for path in [decoder("florence2"), small_model("yolo_rows"), small_model("external_weights")] {
        let [as_it_is, edited] = [None, last_logits()].map(|edit| open(runtime, &path, edit).signature().clone());
        assert_eq!(as_it_is, edited, "{}", path.display());
    }
}

#[test]
fn no_damage_to_a_file_panics_in_an_edit() {
    let Some(runtime) = runtime_or_skip("edits of damaged files") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.onnx");
    let whole = std::fs::read(decoder("smolvlm")).unwrap();
    let step = whole.len() / 60;
    for at in (0..whole.len()).step_by(step) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        for bytes in [&damaged[..], &whole[..at]] {
            std::fs::write(&path, bytes).unwrap();
            let options = SessionOptions { edit: last_logits(), ..cpu() };
            let _ = OrtBackend::open(runtime, &path, &options, &[]);
        }
    }
}
