//! From prompts to their similarity with a detector's classes.

use crate::infer::Proof;
use crate::types::{Labels, Prompts};
use crate::zoo::prompt::own_classes::labels;
use crate::zoo::prompt::sentence_encoder::SentenceEncoder;
use crate::zoo::{EncodedPrompts, PromptEncoder, PromptForm, ZooError};

/// What a class's name and a prompt are put into before they are embedded, in place of `{}`. In a sentence, words mean
/// the things that can be seen: with MiniLM, `pedestrian` and `person` are .77 similar in place of .65, and `delivery
/// van` and `truck` .64 in place of .49.
pub const TEMPLATE: &str = "a picture of {}";

/// Compares prompts with the names of a detector's classes. The names are embedded with the first set, the prompts one
/// by one with each: what a prompt becomes does not depend on the others.
pub struct ClassPromptEncoder {
    sentences: SentenceEncoder,
    own: Labels,
    /// Of the own classes, as soon as there are.
    classes: Vec<Vec<f32>>,
}

impl ClassPromptEncoder {
    /// For a detector with the classes `own`, which are labels beside the prompts.
    pub fn new(sentences: SentenceEncoder, own: Labels) -> Self {
        Self { sentences, own, classes: Vec::new() }
    }

    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ZooError> {
        self.sentences.embed(&TEMPLATE.replace("{}", text))
    }
}

impl PromptEncoder for ClassPromptEncoder {
    fn encode(&mut self, prompts: &Prompts) -> Result<EncodedPrompts, ZooError> {
        if self.classes.is_empty() {
            let own = self.own.clone();
            self.classes = own.names().map(|name| self.embed(name)).collect::<Result<_, _>>()?;
        }
        let texts = prompts.texts().map(|text| self.embed(text)).collect::<Result<Vec<_>, _>>()?;
        let similarities = self.classes.iter().flat_map(|class| texts.iter().map(|text| cosine(class, text))).collect();
        Ok(EncodedPrompts {
            labels: labels(prompts, &self.own),
            prompts: prompts.len(),
            form: PromptForm::ClassSimilarities { similarities },
        })
    }

    fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        vec![("sentence_encoder", self.sentences.proof())]
    }
}

/// Of vectors of length 1.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0)
}
