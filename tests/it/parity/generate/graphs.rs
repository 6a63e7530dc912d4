//! The parts of a checkpoint one by one, fed by hand, and the manifest over all of them.

use std::fs;
use std::path::{Path, PathBuf};
use vedette::infer::{Backend, OrtBackend, Runtime};
use vedette::language::{CacheLayout, Decoder, EmbeddingGraph, GenerationConfig, GenerationOptions, Prompt, generate};
use vedette::types::{AnswerForm, Cancel, FinishReason, Question, Sampling, TensorData, TensorMut, TensorRef};
use vedette::zoo::Manifest;

use crate::onnx_runtime::cpu;

/// How many tokens the reference said.
pub const TOKENS: usize = 64;

/// The manifest that a person would write for a checkpoint folder, every file listed.
pub fn manifest_of(folder: &Path, family: &str, context_tokens: usize) -> Manifest {
    let mut text = format!(
        "family = \"{family}\"\ntask = \"answer\"\nsource = \"models/parity\"\nverified = false\n\
         [generation]\ncontext_tokens = {context_tokens}\n[license]\nname = \"Apache-2.0\"\n"
    );
    for part in ["onnx", "."] {
        let mut names: Vec<_> =
            fs::read_dir(folder.join(part)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            let name = name.to_str().unwrap();
            if name.ends_with(".json") || name.ends_with(".onnx") || name.ends_with(".jinja") {
                let path = if part == "." { name.to_owned() } else { format!("{part}/{name}") };
                text += &format!("[[files]]\npath = \"{path}\"\n");
            }
        }
    }
    let file = folder.join("model.toml");
    fs::write(&file, text).unwrap();
    Manifest::load(&file).unwrap()
}

/// A copy of a checkpoint that a test may change.
pub fn copied(checkpoint: &Path, into: &Path) -> PathBuf {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let target = to.join(path.file_name().unwrap());
            if path.is_dir() {
                copy(&path, &target);
            } else {
                fs::copy(&path, &target).unwrap();
            }
        }
    }
    let folder = into.join("checkpoint");
    copy(checkpoint, &folder);
    folder
}

pub fn graph(runtime: &'static Runtime, checkpoint: &Path, name: &str) -> OrtBackend {
    OrtBackend::open(runtime, &checkpoint.join(format!("onnx/{name}.onnx")), &cpu(), &[]).unwrap()
}

/// Gives an input its shape and floats.
pub fn give(graph: &mut dyn Backend, name: &str, shape: &[usize], values: &[f32]) {
    let place = graph.signature().input(name).unwrap_or_else(|| panic!("no input {name}"));
    graph.reshape(place, shape).unwrap();
    let TensorMut::F32(input) = graph.input(place) else { panic!("{name} is not float32") };
    input.copy_from_slice(values);
}

/// Fills a mask with ones.
pub fn unmask(graph: &mut dyn Backend, name: &str, shape: &[usize]) {
    let place = graph.signature().input(name).unwrap_or_else(|| panic!("no input {name}"));
    graph.reshape(place, shape).unwrap();
    match graph.input(place) {
        TensorMut::Bool(input) => input.fill(true),
        TensorMut::I64(input) => input.fill(1),
        _ => panic!("{name} is no mask"),
    }
}

pub fn output_of(graph: &dyn Backend, name: &str) -> Vec<f32> {
    let TensorData::F32(values) = graph.output(graph.signature().output(name).unwrap()).data else {
        panic!("{name} is not float32")
    };
    values.to_vec()
}

pub fn rows_of(tensor: TensorRef<'_>) -> Vec<f32> {
    let TensorData::F32(values) = tensor.data else { panic!("no float32 rows") };
    values.to_vec()
}

pub fn decoder(runtime: &'static Runtime, checkpoint: &Path, given: &[&str]) -> Decoder {
    let graph = Box::new(graph(runtime, checkpoint, "decoder_model_merged"));
    let embedder = EmbeddingGraph::new(Box::new(self::graph(runtime, checkpoint, "embed_tokens"))).unwrap();
    Decoder::new(graph, embedder, CacheLayout::Growing, given).unwrap()
}

/// Logits behind a prompt, and the tokens that follow: greedy, 64 of them.
pub fn first_logits_and_tokens(
    decoder: &mut Decoder,
    prompt: &Prompt<'_>,
    config: &GenerationConfig,
) -> (Vec<f32>, Vec<u32>) {
    decoder.clear().unwrap();
    decoder.prefill(prompt).unwrap();
    let logits = decoder.logits().unwrap().to_vec();
    let options = GenerationOptions {
        sampling: Sampling::Greedy,
        max_tokens: TOKENS,
        context_tokens: 4096,
        config,
        forced_together: false,
    };
    let generated = generate(decoder, prompt, &options, None, &Cancel::new(), &mut |_| Ok(())).unwrap();
    assert_eq!(generated.finish, FinishReason::Length);
    (logits, generated.tokens)
}

pub fn counting<'a>(ids: &'a [u32], embeddings: Option<TensorRef<'a>>) -> Prompt<'a> {
    Prompt { ids, embeddings }
}

pub fn in_words(text: &str, max_tokens: usize) -> Question {
    Question { text: text.to_owned(), form: AnswerForm::Text, max_tokens, sampling: Sampling::Greedy }
}
