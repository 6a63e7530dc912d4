//! Models that answer questions about a picture.

use super::ZooError;
use crate::infer::Proof;
use crate::types::{Answer, Cancel, ImageView, Question};

/// A generative vision-language model. One thread owns it.
pub trait VisionLanguageModel: Send {
    /// Answers a question about one picture. `on_text` gets each new piece of the answer as soon as its characters are
    /// complete; `cancel` is looked at between two tokens.
    ///
    /// # Errors
    /// [`ZooError`] when the question does not fit the model's context, or when a part of the model does not run. The
    /// model stays usable. An answer that was cut short is no error: see [`Answer::finish`].
    fn answer(
        &mut self,
        image: &ImageView,
        question: &Question,
        cancel: &Cancel,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Answer, ZooError>;

    /// The longest question and answer together, in tokens, the picture's included.
    fn context_tokens(&self) -> usize;

    /// Which provider runs its slowest part, and what became of the others.
    fn proof(&self) -> &Proof;
}
