//! From prompts, and the names of a detector's classes, to vectors that crops are compared with.

use crate::types::{Labels, Prompts};
use crate::zoo::clip::TextEncoder;
use crate::zoo::own_classes::labels;
use crate::zoo::{EncodedPrompts, PromptEncoder, PromptForm, ZooError};

/// What a class's name and a prompt are put into before they are embedded, in place of `{}`: CLIP and SigLIP have learnt
/// from captions. Source: Radford et al. 2021, section 3.1.4.
pub const TEMPLATE: &str = "a photo of {}";

/// Encodes prompts for a [`CropMatch`](super::CropMatch), one by one; the names of the classes, where they compete with
/// prompts, once with the first set.
pub struct CropPromptEncoder {
    text: TextEncoder,
    own: Labels,
    /// Of the own classes, as soon as there are; always empty where they do not compete.
    classes: Vec<f32>,
}

impl CropPromptEncoder {
    /// For a detector with the classes `own`, which are labels beside the prompts.
    pub fn new(text: TextEncoder, own: Labels) -> Self {
        Self { text, own, classes: Vec::new() }
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
        let mut vectors = embed(&mut self.text, prompts.texts())?;
        let dimensions = vectors.len() / prompts.len();
        vectors.extend_from_slice(&self.classes);
        Ok(EncodedPrompts {
            labels: labels(prompts, &self.own),
            prompts: prompts.len(),
            form: PromptForm::CropEmbeddings { vectors, dimensions },
        })
    }
}
