//! What can go wrong between a model file and its outputs.

use super::{Provider, Refusal};
use std::path::PathBuf;

/// Why a model is not loaded or did not run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    /// No ONNX Runtime library could be loaded.
    #[error(
        "no ONNX Runtime: {tried}; run `make setup`, put a libonnxruntime.so beside the program, or set ORT_DYLIB_PATH to one"
    )]
    LibraryMissing {
        /// Each path that was tried with the loader's reason.
        tried: String,
    },
    /// The library is older than the API that we speak.
    #[error("ONNX Runtime {} has version {found}, expected 1.{needed_minor} or later", path.display())]
    LibraryTooOld {
        /// The library.
        path: PathBuf,
        /// Its version as it states it.
        found: String,
        /// The oldest minor version that will do.
        needed_minor: u32,
    },
    /// There is no model file.
    #[error("model file {} does not exist", path.display())]
    ModelMissing {
        /// Where it was expected.
        path: PathBuf,
    },
    /// The file is no ONNX model, or one that this ONNX Runtime cannot build.
    #[error("model file {} does not load: {reason}", path.display())]
    ModelBroken {
        /// The file.
        path: PathBuf,
        /// ONNX Runtime's reason, in one line.
        reason: String,
    },
    /// The file is something else, which is known by its first bytes.
    #[error("model file {} is no ONNX model but {what}: {cure}", path.display())]
    NoModel {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
        /// What makes a model of it.
        cure: &'static str,
    },
    /// Files of weights that the model names are not beside it.
    #[error(
        "model file {} has its weights in files that are missing beside it: {missing}; copy or fetch them too, under \
         these names",
        path.display()
    )]
    WeightsMissing {
        /// The model's file.
        path: PathBuf,
        /// The names, as the model has them.
        missing: String,
    },
    /// The model names files of weights that are not below its folder, which ONNX does not allow: they could be anybody's.
    #[error(
        "model file {} has its weights at {location:?}, expected a path below its own folder, without \"..\": save it with \
         all of its weights beside it",
        path.display()
    )]
    WeightsElsewhere {
        /// The model's file.
        path: PathBuf,
        /// The first of them, as the model has it, shortened.
        location: String,
    },
    /// A file of weights is a pointer to one.
    #[error("model file {}: its weights {} are {what}: {cure}", path.display(), weights.display())]
    NoWeights {
        /// The model's file.
        path: PathBuf,
        /// The file of weights.
        weights: PathBuf,
        /// What it is.
        what: &'static str,
        /// What brings the weights.
        cure: &'static str,
    },
    /// A file of weights ends before the last of them.
    #[error(
        "model file {}: its weights {} hold {found} bytes, expected at least {needed}: fetch or copy them again",
        path.display(),
        weights.display()
    )]
    WeightsShort {
        /// The model's file.
        path: PathBuf,
        /// The file of weights.
        weights: PathBuf,
        /// Its length.
        found: u64,
        /// What the model reads of it.
        needed: u64,
    },
    /// A model that this ONNX Runtime does not support.
    #[error(transparent)]
    Unsupported(Box<Unsupported>),
    /// Under the strict policy, the first provider does not run.
    #[error("provider {provider} does not run: {reason}; cure: {cure} (or provider_policy: fallback)")]
    Strict {
        /// The provider that was asked for first.
        provider: Provider,
        /// Why it does not run, in one line.
        reason: String,
        /// What a person can do about it.
        cure: String,
    },
    /// The list of providers is empty, or none of it registers and `cpu` is not in it.
    #[error("no provider of [{wished}] runs: {reason}; add cpu to the list to run without them")]
    NoProvider {
        /// The list.
        wished: String,
        /// Each refusal, or that the list is empty.
        reason: String,
    },
    /// A shape was given for an input that the model does not have.
    #[error("model has no input {name:?}, its inputs are [{inputs}]")]
    UnknownInput {
        /// The name that a shape was given for.
        name: String,
        /// The model's inputs.
        inputs: String,
    },
    /// The graph leaves a dimension open and nobody gave it.
    #[error("input {input} leaves dimensions open, expected a shape for it")]
    OpenShape {
        /// Name, element type and declared shape.
        input: String,
    },
    /// The given shape contradicts the graph.
    #[error("input {input} does not take shape {given:?}")]
    Shape {
        /// Name, element type and declared shape.
        input: String,
        /// The shape that was given.
        given: Vec<usize>,
    },
    /// An output cannot become the value of an input.
    #[error("output {output} does not fit input {input}")]
    Carry {
        /// Name, element type and shape.
        output: String,
        /// Name, element type and declared shape.
        input: String,
    },
    /// An output is to be carried that no run has computed, or that was carried away since.
    #[error("output {output} holds no value, expected a run before it is carried")]
    NoValue {
        /// Name, element type and shape.
        output: String,
    },
    /// A tensor's type is none that we pass.
    #[error("tensor {name:?} is {found}, expected a tensor of float32, float16, int64, int32, uint8 or bool")]
    Element {
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// A run failed.
    #[error("inference failed: {reason}")]
    Run {
        /// ONNX Runtime's reason, in one line.
        reason: String,
    },
    /// Another call into ONNX Runtime failed.
    #[error("onnx runtime could not {what}: {reason}")]
    Runtime {
        /// What was asked of it.
        what: &'static str,
        /// Its reason, in one line.
        reason: String,
    },
}

/// Something of a model that the loaded ONNX Runtime does not support.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("model file {}: {what}, this ONNX Runtime ({runtime}) {supported}: {cure}", path.display())]
pub struct Unsupported {
    /// The file.
    pub path: PathBuf,
    /// What it has: `IR version 99`, `operator Gelu of opset 13`.
    pub what: String,
    /// The runtime's version.
    pub runtime: String,
    /// What the runtime supports: `reads up to 14`.
    pub supported: String,
    /// What a person can do about it.
    pub cure: String,
}

impl InferError {
    /// For `map_err` on calls that have no error of their own.
    pub(super) fn runtime(what: &'static str) -> impl Fn(ort::Error) -> Self {
        move |error| Self::Runtime { what, reason: super::providers::cure::one_line(error.message()) }
    }

    /// Under the strict policy, of the first provider.
    pub(super) fn strict(refusal: Refusal) -> Self {
        let Refusal { provider, reason, cure } = refusal;
        Self::Strict { provider, reason, cure }
    }

    /// Whether it is of a run, or of what is done for one: of the provider, or of what it was fed.
    pub(super) fn is_of_a_run(&self) -> bool {
        matches!(self, Self::Run { .. } | Self::Runtime { .. })
    }

    /// The reason in one line, without what is said around it.
    pub(crate) fn into_reason(self) -> String {
        match self {
            Self::Run { reason } | Self::Strict { reason, .. } => reason,
            other => other.to_string(),
        }
    }
}
