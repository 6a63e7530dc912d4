//! Pixels to the features that stand for them among a prompt's embeddings.

use super::parts::{Checkpoint, Tensors};
use crate::infer::{Backend, Proof};
use crate::types::{Element, TensorMut, TensorRef};
use crate::zoo::ZooError;

/// A checkpoint's `vision_encoder.onnx`: `pixel_values` float `[.., 3, H, W]` and, where the graph has it,
/// `pixel_attention_mask` bool without the channels, to `image_features` float `[.., width]`.
pub(in crate::zoo) struct VisionEncoder {
    graph: Box<dyn Backend>,
    pixels: usize,
    mask: Option<usize>,
    features: usize,
}

const ROLE: &str = "vision_encoder";
const PIXELS: &str = "pixel_values";
const MASK: &str = "pixel_attention_mask";
const FEATURES: &str = "image_features";
const FLOATS: &[Element] = &[Element::F32, Element::F16];

const TENSORS: Tensors = Tensors {
    inputs: &[(PIXELS, FLOATS)],
    optional: &[(MASK, &[Element::Bool, Element::I64])],
    outputs: &[(FEATURES, FLOATS)],
};

impl VisionEncoder {
    /// # Errors
    /// As [`Checkpoint::graph`].
    pub fn load(checkpoint: &Checkpoint<'_>) -> Result<Self, ZooError> {
        let graph = checkpoint.graph(ROLE, &TENSORS)?;
        let signature = graph.signature();
        let place = |place: Option<usize>| place.unwrap_or_default();
        let (pixels, features) = (place(signature.input(PIXELS)), place(signature.output(FEATURES)));
        Ok(Self { mask: signature.input(MASK), pixels, features, graph })
    }

    /// Which provider runs it, under the role of its graph.
    pub fn proof(&self) -> (&'static str, &Proof) {
        (ROLE, self.graph.proof())
    }

    /// The pixels to fill, of this shape: `[1, frames, 3, H, W]` or `[1, 3, H, W]`. No pixel is masked.
    ///
    /// # Errors
    /// [`ZooError::Infer`] when the graph does not take the shape.
    pub fn pixels(&mut self, shape: &[usize]) -> Result<TensorMut<'_>, ZooError> {
        self.graph.reshape(self.pixels, shape)?;
        if let (Some(mask), [ahead @ .., _, height, width]) = (self.mask, shape) {
            self.graph.reshape(mask, &[ahead, &[*height, *width]].concat())?;
            self.graph.input(mask).fill_with_one();
        }
        Ok(self.graph.input(self.pixels))
    }

    /// The features of the pixels.
    ///
    /// # Errors
    /// [`ZooError::Infer`] when the graph does not run.
    pub fn run(&mut self) -> Result<TensorRef<'_>, ZooError> {
        self.graph.run()?;
        Ok(self.graph.output(self.features))
    }
}
