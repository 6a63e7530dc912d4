//! Pixels to the features that stand for them among a prompt's embeddings.

use super::parts::{Checkpoint, Tensors};
use crate::infer::{Backend, Proof, SessionOptions, Trial, TrialInput};
use crate::types::{ChannelStep, Element, TensorMut, TensorRef};
use crate::zoo::ZooError;

/// A checkpoint's `vision_encoder.onnx`: `pixel_values` float or bytes `[.., 3, H, W]` and, where the graph has it,
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
    inputs: &[(PIXELS, &[Element::F32, Element::F16, Element::U8])],
    optional: &[(MASK, &[Element::Bool, Element::I64])],
    outputs: &[(FEATURES, FLOATS)],
};

/// A picture, of which no pixel is masked.
fn one_picture(shape: Vec<usize>) -> Trial {
    Trial::new(move |spec| match (spec.name.as_str(), &shape[..]) {
        (PIXELS, shape) => Some(TrialInput::ones(shape)),
        (MASK, [ahead @ .., _, height, width]) => Some(TrialInput::ones([ahead, &[*height, *width]].concat())),
        _ => None,
    })
}

impl VisionEncoder {
    /// For pictures of which one has the shape `usual`; `steps` are those that make numbers of its bytes, if there are any.
    ///
    /// # Errors
    /// As [`Checkpoint::any_graph`], and [`ZooError::Graph`] when it has not the tensors that are wanted.
    pub fn load(
        checkpoint: &Checkpoint<'_>,
        usual: &[usize],
        steps: Option<Vec<ChannelStep>>,
    ) -> Result<Self, ZooError> {
        let options =
            SessionOptions { edit: checkpoint.options.bytes_in.edit(PIXELS, steps), ..checkpoint.options.clone() };
        let graph = checkpoint.opened(ROLE, &options, one_picture(usual.to_vec()))?;
        let graph = checkpoint.with_tensors(graph, ROLE, &TENSORS)?;
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
