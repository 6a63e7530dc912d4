//! Families that answer: a picture and a question in, words out.

pub mod florence2;
pub mod smolvlm;
mod vision_language;

pub use vision_language::VisionLanguageModel;

use crate::infer::{Runtime, SessionOptions};
use crate::zoo::{Family, Manifest, Task, ZooError};

/// Loads the manifest's model into ONNX Runtime as one that answers questions, and tries it. Does not verify the files:
/// see [`Manifest::verify`].
///
/// # Errors
/// [`ZooError::Task`] for a family that answers none; otherwise as the families' `load`.
pub fn load_vision_language(
    manifest: &Manifest,
    runtime: &'static Runtime,
    options: &SessionOptions,
) -> Result<Box<dyn VisionLanguageModel>, ZooError> {
    match manifest.family {
        Family::Florence2 => Ok(Box::new(florence2::Florence2::load(manifest, runtime, options)?)),
        Family::Smolvlm => Ok(Box::new(smolvlm::SmolVlm::load(manifest, runtime, options)?)),
        family => Err(ZooError::Task { family, found: family.task(), wanted: Task::Answer }),
    }
}
