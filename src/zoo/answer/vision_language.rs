//! Models that answer questions about a picture.
//!
//! All of them are the same four steps over graphs of their own, and what they share is in one place:
//!
//! | step | shared | a family's own |
//! | --- | --- | --- |
//! | files and graphs | `Checkpoint`: roles to files, graphs with the tensors that are wanted | which roles, which tensors |
//! | picture to features | `VisionEncoder`: `pixel_values` and its mask to `image_features` | which processor of `vision` fills the pixels |
//! | words and features to a prompt | `PromptRows`: embeddings with the features in the places of a token, or ahead | the text around the picture, the places |
//! | prompt to answer | `Speaker`: room, tokens, cache, sampling, grammar, streaming, end | what of the answer is a place in the picture |
//!
//! So a new family writes one file: a `load` that names its graphs, a `new` that tries them on a small picture, and
//! [`VisionLanguageModel::answer`] as a list of calls of the above. Moondream would add its crops and its prompt
//! without a chat template. Loop, cache and grammar are `language`'s.

mod parts;
mod prompt_rows;
mod question;
mod speaker;
mod usual_inputs;
mod vision_encoder;

pub(in crate::zoo) use parts::{Checkpoint, Tensors};
pub(in crate::zoo) use prompt_rows::PromptRows;
pub(in crate::zoo) use question::{checked, refused};
pub(in crate::zoo) use speaker::{Speaker, Spoken};
pub(in crate::zoo) use usual_inputs::usual_inputs;
pub(in crate::zoo) use vision_encoder::VisionEncoder;

use crate::infer::Proof;
use crate::types::{Answer, Cancel, ImageView, Question};
use crate::zoo::ZooError;

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

    /// Which provider runs its slowest part, and what became of the others.
    fn proof(&self) -> &Proof;

    /// Every session that it runs, by the role of its graph.
    fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        vec![("decoder_model_merged", self.proof())]
    }
}
