//! Token ids to what a decoder takes in their place.

use super::LanguageError;
use crate::infer::{Backend, Proof};
use crate::types::{Element, TensorMut, TensorRef};

/// Embeds tokens for a decoder that takes `inputs_embeds`.
pub trait TokenEmbedder {
    /// The rows of the ids: `[1, ids, width]`.
    ///
    /// # Errors
    /// [`LanguageError::Infer`], such as for an id that the model does not have.
    fn embed(&mut self, ids: &[u32]) -> Result<TensorRef<'_>, LanguageError>;
}

/// A checkpoint's `embed_tokens.onnx`: `input_ids` int64 `[1, n]` to float `[1, n, width]`.
pub struct EmbeddingGraph {
    backend: Box<dyn Backend>,
}

impl EmbeddingGraph {
    /// Takes a graph with one input and one output.
    ///
    /// # Errors
    /// [`LanguageError::Decoder`] with the inputs and outputs that it has instead.
    pub fn new(backend: Box<dyn Backend>) -> Result<Self, LanguageError> {
        let signature = backend.signature();
        match (&signature.inputs[..], &signature.outputs[..]) {
            ([ids], [rows]) if ids.element == Element::I64 && matches!(rows.element, Element::F32 | Element::F16) => {
                Ok(Self { backend })
            }
            (inputs, outputs) => {
                let tensors: Vec<String> = inputs.iter().chain(outputs).map(ToString::to_string).collect();
                let expected = "an embedding's: int64 input_ids in, float rows out".to_owned();
                Err(LanguageError::Decoder { found: format!("tensors [{}]", tensors.join("; ")), expected })
            }
        }
    }

    /// Which provider runs the graph.
    pub fn proof(&self) -> &Proof {
        self.backend.proof()
    }
}

impl TokenEmbedder for EmbeddingGraph {
    fn embed(&mut self, ids: &[u32]) -> Result<TensorRef<'_>, LanguageError> {
        self.backend.reshape(0, &[1, ids.len()])?;
        if let TensorMut::I64(input) = self.backend.input(0) {
            input.iter_mut().zip(ids).for_each(|(input, id)| *input = i64::from(*id));
        }
        self.backend.run()?;
        Ok(self.backend.output(0))
    }
}
