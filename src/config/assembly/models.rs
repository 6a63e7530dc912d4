//! From the parameters `model`, `prompts` and `reason_model` to models that are ready to run.
//!
//! A detector with fixed classes is wrapped, so that it takes prompts at any time: in [`CropMatch`] where `text_model` is
//! a CLIP or SigLIP model, else in [`Conse`]. Without prompts that costs nothing, and `text_model` is not loaded. With
//! the first ones it is, by the [`Prompter`]: of CLIP and SigLIP the vision model too, which travels with the prompts to
//! the detector and its lane. A family that takes prompts itself stays as it is and gives the [`Prompter`] its own
//! encoder.

use super::error::LoadError;
use super::model_folders::model_folders;
use super::prompter::{OpenEncoder, Prompter};
use super::settings;
use crate::config::Config;
use crate::infer::{Proof, Runtime};
use crate::types::Labels;
use crate::zoo;
use crate::zoo::prompt::clip::{CropScorer, TextEncoder};
use crate::zoo::prompt::conse::ClassPromptEncoder;
use crate::zoo::prompt::crops::CropPromptEncoder;
use crate::zoo::{
    Conse, CropMatch, Detector, EncodedPrompts, Examined, Integrity, Manifest, ManifestError, SentenceEncoder, Task,
    Understood, VisionLanguageModel,
};
use std::path::PathBuf;

/// A model in its session, warmed up.
pub struct LoadedModel {
    /// The manifest's name.
    pub name: String,
    /// Ready to run. It has no prompts yet: the walk takes them with it.
    pub detector: Box<dyn Detector>,
    /// The parameter `prompts`, encoded, version 1. `None` where it is empty.
    pub prompts: Option<EncodedPrompts>,
    /// Encodes later sets, for whoever takes them while the walk runs.
    pub prompter: Prompter,
}

impl LoadedModel {
    /// Every session that was loaded, by the role of its graph. That of a model that looks at boxes joins the detector's
    /// with the first prompts that the detector takes.
    pub fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        self.detector.proofs().into_iter().chain(self.prompter.proofs()).collect()
    }
}

/// A language model in its sessions, warmed up.
pub struct LoadedReasonModel {
    /// The manifest's name.
    pub name: String,
    /// Ready to run.
    pub model: Box<dyn VisionLanguageModel>,
}

/// Finds the manifest, checks the model's files against it, loads ONNX Runtime, builds and warms the session, and
/// encodes the parameter `prompts` where it is set. Takes from a tenth of a second on a CPU to minutes where TensorRT
/// builds an engine.
///
/// # Errors
/// [`LoadError`], naming the model, the file or the provider, and what to do about it.
pub fn load_model(config: &Config) -> Result<LoadedModel, LoadError> {
    let folders = model_folders(config);
    let manifest = verified(&folders, &config.model)?;
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
    let own = detector.labels().clone();
    let (detector, mut prompter) = if manifest.family.takes_prompts() {
        (detector, Prompter::new(own.clone(), own_encoder(manifest.clone())))
    } else if zoo::find(&folders, &config.text_model).is_ok_and(|manifest| manifest.task == Task::Score) {
        let crops: Box<dyn Detector> = Box::new(CropMatch::new(detector, settings::matching(config)));
        (crops, Prompter::new(own.clone(), crop_prompt_encoder(config, own.clone())))
    } else {
        let conse: Box<dyn Detector> = Box::new(Conse::new(detector, settings::matching(config)));
        (conse, Prompter::new(own.clone(), class_prompt_encoder(config, own.clone())))
    };
    let prompts = (!config.prompts.is_empty() || own.is_empty()).then(|| prompter.encode(&config.prompts));
    let prompts = prompts.transpose().map_err(|refused| LoadError::Prompts(Box::new(refused)))?;
    Ok(LoadedModel { name: manifest.name, detector, prompts, prompter })
}

/// The manifest of a model whose files are as it says, as far as it does. Where there is none, what its files amount to,
/// which is told.
fn verified(folders: &[PathBuf], name: &str) -> Result<Manifest, ManifestError> {
    let manifest = zoo::find(folders, name)?;
    let integrity = manifest.verify()?;
    match integrity {
        Integrity::Whole => {}
        Integrity::Unwritten => tell_understood(&manifest, integrity),
        _ => tracing::warn!("model {}: {integrity}", manifest.name),
    }
    Ok(manifest)
}

/// Says what was understood of a detector's file, and warns of what was assumed. Why nothing was, its loading says.
fn tell_understood(manifest: &Manifest, integrity: Integrity) {
    let name = &manifest.name;
    let Ok(Examined { understood, .. }) = zoo::examine(manifest) else {
        tracing::info!("model {name}: {integrity}");
        return;
    };
    let Understood { family, layout, size, form, labels, notes, .. } = understood;
    let classes = labels.len();
    tracing::info!("model {name}: {integrity}; {family}, layout {layout}, {size} px, {form}, {classes} classes");
    for note in notes {
        tracing::warn!("model {name}: {note}");
    }
}

/// What loads the model's own encoder.
fn own_encoder(manifest: Manifest) -> OpenEncoder {
    Box::new(move || {
        zoo::prompt_encoder(&manifest).map_err(|source| LoadError::Model { name: manifest.name.clone(), source })
    })
}

/// What loads the parameter `text_model`, for a detector with the classes `own`.
fn class_prompt_encoder(config: &Config, own: Labels) -> OpenEncoder {
    let (folders, text_model) = (model_folders(config), config.text_model.clone());
    Box::new(move || {
        let manifest = verified(&folders, &text_model)?;
        let runtime = Runtime::load(None)?;
        tracing::info!(model = manifest.name, "loading the text encoder");
        let sentences = SentenceEncoder::load(&manifest, runtime)
            .map_err(|source| LoadError::Model { name: manifest.name.clone(), source })?;
        Ok(Box::new(ClassPromptEncoder::new(sentences, own.clone())))
    })
}

/// What loads the parameter `text_model` where it is a model that looks at boxes, for a detector with the classes `own`:
/// the text model to stay, the vision model to travel with the prompts.
fn crop_prompt_encoder(config: &Config, own: Labels) -> OpenEncoder {
    let (folders, text_model) = (model_folders(config), config.text_model.clone());
    let options = settings::crop_session(config, config.engine_cache_folder(|name| std::env::var_os(name)));
    Box::new(move || {
        let manifest = verified(&folders, &text_model)?;
        let runtime = Runtime::load(None)?;
        tracing::info!(model = manifest.name, "loading the model that looks at boxes");
        let refused = |source| LoadError::Model { name: manifest.name.clone(), source };
        let text = TextEncoder::load(&manifest, runtime).map_err(refused)?;
        let vision = CropScorer::load(&manifest, runtime, &options).map_err(refused)?;
        tracing::info!(model = manifest.name, "looks at boxes: {}", vision.proof());
        Ok(Box::new(CropPromptEncoder::new(text, vision, own.clone())))
    })
}

/// As [`load_model`], for the parameter `reason_model`; `None` where that is empty.
///
/// # Errors
/// As [`load_model`]; [`ZooError::Task`](crate::zoo::ZooError::Task) for a model that answers no questions.
pub fn load_reason_model(config: &Config) -> Result<Option<LoadedReasonModel>, LoadError> {
    if config.reason_model.is_empty() {
        return Ok(None);
    }
    let manifest = verified(&model_folders(config), &config.reason_model)?;
    let engine_cache = config.engine_cache_folder(|name| std::env::var_os(name));
    let options = settings::reason_session(config, engine_cache);
    let runtime = Runtime::load(None)?;
    tracing::info!(model = manifest.name, "loading the reason model");
    let model = zoo::load_vision_language(&manifest, runtime, &options)
        .map_err(|source| LoadError::Model { name: manifest.name.clone(), source })?;
    Ok(Some(LoadedReasonModel { name: manifest.name, model }))
}
