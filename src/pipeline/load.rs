//! From the parameter `model` to a detector that is ready to run.

use super::settings;
use crate::config::Config;
use crate::infer::{InferError, Runtime};
use crate::zoo::{self, Detector, Integrity, ManifestError, ZooError};

/// A model in its session, warmed up.
pub struct LoadedModel {
    /// The manifest's name.
    pub name: String,
    /// Ready to run.
    pub detector: Box<dyn Detector>,
}

/// Why there is no detector.
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
