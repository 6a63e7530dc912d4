//! From prompts, and the names of a detector's classes, to vectors that crops are compared with.

use crate::infer::Proof;
use crate::types::{Labels, Prompts};
use crate::zoo::prompt::clip::{CropScorer, ScorerSlot, TextEncoder, TextVectors};
use crate::zoo::prompt::own_classes::labels;
use crate::zoo::{EncodedPrompts, PromptEncoder, PromptForm, ZooError};

/// What a class's name and a prompt are put into before they are embedded, in place of `{}`: CLIP and SigLIP have learnt
/// from captions. Source: Radford et al. 2021, section 3.1.4.
pub const TEMPLATE: &str = "a photo of {}";

/// Encodes prompts for a [`CropMatch`](super::CropMatch), one by one; the names of the classes, where they compete with
/// prompts, once with the first set.
pub struct CropPromptEncoder {
    text: TextEncoder,
    scorer: ScorerSlot,
    own: Labels,
    /// Of the own classes, as soon as there are; always empty where they do not compete.
    classes: Vec<f32>,
}

impl CropPromptEncoder {
    /// For a detector with the classes `own`, which are labels beside the prompts, and which is to
    /// look at its boxes with `scorer`, of the same checkpoint as `text`.
    pub fn new(text: TextEncoder, scorer: CropScorer, own: Labels) -> Self {
        Self { text, scorer: ScorerSlot::new(scorer), own, classes: Vec::new() }
    }
}

/// The vectors of texts, row after row.
fn embed<'a>(encoder: &mut TextEncoder, texts: impl Iterator<Item = &'a str>) -> Result<Vec<f32>, ZooError> {
    let mut vectors = Vec::new();
    for text in texts {
        vectors.extend(encoder.embed(&TEMPLATE.replace("{}", text))?);
    }
    Ok(vectors)
}

impl PromptEncoder for CropPromptEncoder {
    /// [`PromptForm::CropEmbeddings`].
    fn encode(&mut self, prompts: &Prompts) -> Result<EncodedPrompts, ZooError> {
        if self.classes.is_empty() && self.text.kind().prompts_compete() {
            self.classes = embed(&mut self.text, self.own.names())?;
        }
        let mut values = embed(&mut self.text, prompts.texts())?;
        let dimensions = values.len() / prompts.len();
        values.extend_from_slice(&self.classes);
        Ok(EncodedPrompts {
            labels: labels(prompts, &self.own),
            prompts: prompts.len(),
            form: PromptForm::CropEmbeddings {
                vectors: TextVectors { values, dimensions },
                scorer: self.scorer.clone(),
            },
        })
    }

    /// That of the vision model is the detector's, as soon as it has it.
    fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        vec![("text_model", self.text.proof())]
    }
}
