//! Why there is no model, and why words were not taken.

use super::class_choice::ClassError;
use crate::infer::InferError;
use crate::types::PromptError;
use crate::zoo::{ManifestError, ZooError};

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The model's folder, manifest or files.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// ONNX Runtime's library.
    #[error(transparent)]
    Runtime(#[from] InferError),
    /// The model in its session.
    #[error("model {name}: {source}")]
    Model {
        /// The manifest's name.
        name: String,
        /// What is wrong.
        #[source]
        source: ZooError,
    },
    /// The parameter `prompts`.
    #[error("parameter prompts: {0}")]
    Prompts(#[source] Box<PromptsRefused>),
}

/// Why a set of prompts was not taken. The old set stays.
#[derive(Debug, thiserror::Error)]
pub enum PromptsRefused {
    /// The words.
    #[error(transparent)]
    Words(#[from] PromptError),
    /// No prompts, for a model that has no classes of its own.
    #[error("the model has no classes of its own, expected at least one prompt")]
    NothingLeft,
    /// The text encoder does not load.
    #[error("the prompts need a text encoder: {0}")]
    Load(#[source] Box<LoadError>),
    /// The encoder or the detector does not take them.
    #[error(transparent)]
    Zoo(#[from] ZooError),
    /// A parameter names what is neither a prompt nor a class of the model.
    #[error(transparent)]
    Class(#[from] ClassError),
}
