//! Words that say what to look for: encoders of prompts, and detectors that match them with what they see.

pub mod clip;
pub mod conse;
pub mod crops;
mod encoded;
mod matching;
mod own_classes;
mod sentence_encoder;

pub use conse::Conse;
pub use crops::CropMatch;
pub use encoded::{EncodedPrompts, PromptEncoder, PromptForm};
pub use matching::Matching;
pub use sentence_encoder::SentenceEncoder;

use crate::zoo::detect::{grounding_dino, owl};
use crate::zoo::{Family, Manifest, ZooError};

/// What encodes prompts for a model that takes them itself ([`Family::takes_prompts`]).
///
/// # Errors
/// [`ZooError::NoPrompts`] for another one, [`ZooError`] when the tokenizer or a configuration is missing or broken.
pub fn prompt_encoder(manifest: &Manifest) -> Result<Box<dyn PromptEncoder>, ZooError> {
    match manifest.family {
        Family::Owl => Ok(Box::new(owl::OwlPromptEncoder::new(manifest)?)),
        Family::GroundingDino => Ok(Box::new(grounding_dino::CaptionEncoder::new(manifest)?)),
        _ => Err(ZooError::NoPrompts),
    }
}
