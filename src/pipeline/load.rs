//! From the parameters `model` and `reason_model` to models that are ready to run.

use super::settings;
use crate::config::Config;
use crate::infer::{InferError, Runtime};
use crate::zoo::{self, Detector, Integrity, ManifestError, VisionLanguageModel, ZooError};

/// A model in its session, warmed up.
pub struct LoadedModel {
    /// The manifest's name.
    pub name: String,
    /// Ready to run.
    pub detector: Box<dyn Detector>,
}

/// A language model in its sessions, warmed up.
pub struct LoadedReasonModel {
    /// The manifest's name.
    pub name: String,
    /// Ready to run.
    pub model: Box<dyn VisionLanguageModel>,
}

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
}

/// Finds the manifest, checks the model's files against it, loads ONNX Runtime, and builds and warms the session.
/// Takes from a tenth of a second on a CPU to minutes where TensorRT builds an engine.
///
/// # Errors
/// [`LoadError`], naming the model, the file or the provider, and what to do about it.
pub fn load_model(config: &Config) -> Result<LoadedModel, LoadError> {
    let manifest = zoo::find(&config.model_dirs, &config.model)?;
    let integrity = manifest.verify()?;
    if integrity != Integrity::Whole {
        tracing::warn!("model {}: {integrity}", manifest.name);
    }
    let engine_cache = config.engine_cache_folder(|name| std::env::var_os(name));
    let options = settings::session(config, engine_cache);
    let runtime = Runtime::load(None)?;
    tracing::info!(
        model = manifest.name,
        onnxruntime = runtime.version(),
        library = %runtime.path().display(),
        "loading the model"
    );
    let detector = zoo::load(&manifest, runtime, &options)
        .map_err(|source| LoadError::Model { name: manifest.name.clone(), source })?;
    Ok(LoadedModel { name: manifest.name, detector })
}

/// As [`load_model`], for the parameter `reason_model`; `None` where that is empty.
///
/// # Errors
/// As [`load_model`]; [`ZooError::Task`] for a model that answers no questions.
pub fn load_reason_model(config: &Config) -> Result<Option<LoadedReasonModel>, LoadError> {
    if config.reason_model.is_empty() {
        return Ok(None);
    }
    let manifest = zoo::find(&config.model_dirs, &config.reason_model)?;
    manifest.verify()?;
    let engine_cache = config.engine_cache_folder(|name| std::env::var_os(name));
    let options = settings::reason_session(config, engine_cache);
    let runtime = Runtime::load(None)?;
    tracing::info!(model = manifest.name, "loading the reason model");
    let model = zoo::load_vision_language(&manifest, runtime, &options)
        .map_err(|source| LoadError::Model { name: manifest.name.clone(), source })?;
    Ok(Some(LoadedReasonModel { name: manifest.name, model }))
}
