//! Prompts on their way to a detector: encoded beside the walk, taken between two pictures.

use super::clip::{ScorerSlot, TextVectors};
use crate::infer::Proof;
use crate::types::{Labels, Prompts};
use crate::zoo::ZooError;

/// Turns words into what a detector takes. Slow (a text encoder may run), so it belongs to no perceive lane: whoever
/// receives the words encodes them and hands the result over.
pub trait PromptEncoder: Send {
    /// Encodes a set of prompts.
    ///
    /// # Errors
    /// [`ZooError`] when a prompt is too long for the model or the encoder does not run; nothing is changed by it.
    fn encode(&mut self, prompts: &Prompts) -> Result<EncodedPrompts, ZooError>;

    /// Every session that it runs, by the role of its graph: `text_model`, `sentence_encoder`. None where a tokenizer is
    /// all it takes.
    fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        Vec::new()
    }
}

/// What a detector takes in place of words.
#[derive(Debug, Clone, PartialEq)]
pub struct EncodedPrompts {
    /// The classes that the detector will report, with the version of the prompts: first the prompts in their order,
    /// then those of the model's own classes that it reports beside them.
    pub labels: Labels,
    /// How many of the labels, from the first on, are prompts.
    pub prompts: usize,
    /// What stands for each prompt.
    pub form: PromptForm,
}

impl EncodedPrompts {
    /// No prompts: back to the model's `own` classes, under the next version.
    pub fn none(own: &Labels, version: u32) -> Self {
        Self { labels: Labels::new(own.names(), version), prompts: 0, form: PromptForm::None }
    }
}

/// The forms in which families take prompts.
#[derive(Debug, Clone, PartialEq)]
pub enum PromptForm {
    /// No prompts: the model's own classes.
    None,
    /// For a model with classes of its own: the cosine similarity of each class's name with each prompt, `-1..=1`, row
    /// after row, one row for each class.
    ClassSimilarities {
        /// `classes x prompts`.
        similarities: Vec<f32>,
    },
    /// For a model with classes of its own whose boxes are looked at: one vector for each prompt and, where prompts
    /// compete with the class of a box, behind them one for each class; and what looks at the boxes.
    CropEmbeddings {
        /// Of `prompts` or `prompts + classes` texts.
        vectors: TextVectors,
        /// The vision model of the same checkpoint, with the first set that the detector takes.
        scorer: ScorerSlot,
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

impl PromptForm {
    /// Its name, for refusals.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "no prompts",
            Self::ClassSimilarities { .. } => "class similarities",
            Self::CropEmbeddings { .. } => "embeddings for crops",
            Self::Tokens { .. } => "tokens",
            Self::Caption { .. } => "a caption",
        }
    }
}
