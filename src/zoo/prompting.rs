//! Prompts on their way to a detector: encoded beside the walk, taken between two pictures.

use super::ZooError;
use crate::types::{Labels, Prompts};

/// Turns words into what a detector takes. Slow (a text encoder may run), so it belongs to no perceive lane: whoever
/// receives the words encodes them and hands the result over.
pub trait PromptEncoder: Send {
    /// Encodes a set of prompts.
    ///
    /// # Errors
    /// [`ZooError`] when a prompt is too long for the model or the encoder does not run; nothing is changed by it.
    fn encode(&mut self, prompts: &Prompts) -> Result<EncodedPrompts, ZooError>;
}

/// What a detector takes in place of words.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedPrompts {
    /// The classes that the detector will report, with the version of the prompts.
    pub labels: Labels,
    /// What stands for each prompt.
    pub form: PromptForm,
}

/// The forms in which families take prompts.
#[derive(Debug, Clone, PartialEq)]
pub enum PromptForm {
    /// One vector of length 1 for each prompt, row after row.
    Embeddings {
        /// `prompts x dimensions`.
        vectors: Vec<f32>,
        /// Length of one vector.
        dimensions: usize,
    },
    /// Token ids of each prompt, padded to one length, row after row.
    Tokens {
        /// `prompts x length`.
        ids: Vec<i64>,
        /// 1 for a token, 0 for padding; `prompts x length`.
        mask: Vec<i64>,
        /// Tokens of a row.
        length: usize,
    },
    /// One caption that holds all prompts.
    Caption {
        /// Token ids.
        ids: Vec<i64>,
        /// The tokens of each prompt within `ids`.
        spans: Vec<std::ops::Range<usize>>,
    },
}
