//! The ONNX Runtime and the models that the tests of `infer` and `zoo` need, or a stated skip.

use std::path::{Path, PathBuf};
use vedette::infer::{Backend, OrtBackend, Proof, Provider, Runtime, SessionOptions};
use vedette::types::TensorMut;

/// The runtime that `make setup` fetches (or `ORT_DYLIB_PATH` names); `None` after saying that `test` is skipped.
pub fn runtime_or_skip(test: &str) -> Option<&'static Runtime> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/onnxruntime/libonnxruntime.so");
    Runtime::load(Some(&fetched)).inspect_err(|reason| eprintln!("SKIPPED {test}: {reason}")).ok()
}

/// A small model of `tests/data/models/generate.py`.
pub fn small_model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(format!("{name}.onnx"))
}

/// On the CPU, with one thread. On a machine with a GPU, `VEDETTE_TEST_PROVIDERS=cuda,cpu` runs every model of these
/// tests there, against the same references.
pub fn cpu() -> SessionOptions {
    let chosen = std::env::var("VEDETTE_TEST_PROVIDERS").unwrap_or_else(|_| Provider::Cpu.name().to_owned());
    let provider = |name: &str| Provider::ALL.into_iter().find(|one| one.name() == name.trim());
    let providers = chosen.split(',').map(|name| provider(name).unwrap_or_else(|| panic!("no provider {name:?}")));
    SessionOptions { providers: providers.collect(), intra_op_threads: 1, ..SessionOptions::default() }
}

/// Whether the graph of one session has more nodes than that of the other: those that make numbers of bytes. Holds where ONNX
/// Runtime is too old to count them.
pub fn has_more_nodes(proof: &Proof, other: &Proof) -> bool {
    let all = |proof: &Proof| proof.nodes.as_ref().map(|nodes| nodes.iter().map(|(_, count)| count).sum::<usize>());
    all(proof).zip(all(other)).is_none_or(|(nodes, others)| nodes > others)
}

/// A small model there.
pub fn open_small(runtime: &'static Runtime, name: &str, shapes: &[(String, Vec<usize>)]) -> OrtBackend {
    OrtBackend::open(runtime, &small_model(name), &cpu(), shapes).unwrap()
}

/// The shape of an input or output, by its name.
pub fn named(name: &str, shape: &[usize]) -> (String, Vec<usize>) {
    (name.to_owned(), shape.to_vec())
}

/// Writes a whole float32 input.
pub fn fill_f32(backend: &mut impl Backend, index: usize, values: &[f32]) {
    floats(backend, index).copy_from_slice(values);
}

/// Writes a whole int64 input.
pub fn fill_i64(backend: &mut impl Backend, index: usize, values: &[i64]) {
    let TensorMut::I64(input) = backend.input(index) else { panic!("input {index} is not int64") };
    input.copy_from_slice(values);
}

/// A float32 input.
pub fn floats(backend: &mut impl Backend, index: usize) -> &mut [f32] {
    let TensorMut::F32(input) = backend.input(index) else { panic!("input {index} is not float32") };
    input
}
