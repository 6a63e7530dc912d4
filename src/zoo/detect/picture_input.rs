//! The input of a model that takes one picture, prepared as its checkpoint says.

use crate::infer::Backend;
use crate::types::{ImageView, Size};
use crate::vision::{ImageProcessor, NormalizedGeometry};
use crate::zoo::ZooError;

/// A picture of no special shape, by which a model is tried when it is opened.
const USUAL: Size = Size { width_px: 640, height_px: 480 };

/// The place of a picture among a model's inputs, and what fills it.
pub(in crate::zoo) struct PictureInput {
    place: usize,
    processor: ImageProcessor,
    /// Of the last picture's tensor.
    tensor: Size,
}

impl PictureInput {
    /// Gives the input the shape of a usual picture's tensor, so that a graph for another size is refused at once.
    ///
    /// # Errors
    /// [`ZooError::Infer`] when the graph does not take what the processor makes, [`ZooError::Processor`] when it wants bytes
    /// of one that computes in floats.
    pub fn new(place: usize, processor: ImageProcessor, backend: &mut dyn Backend) -> Result<Self, ZooError> {
        processor.check_element(backend.signature().inputs[place].element)?;
        let tensor = processor.tensor_size(USUAL)?;
        backend.reshape(place, &shape(tensor))?;
        Ok(Self { place, processor, tensor })
    }

    /// Fills the input with a picture; its shape changes where the processor keeps the picture's aspect. Where the
    /// picture is in the tensor comes back.
    ///
    /// # Errors
    /// [`ZooError`] when the picture is too thin for a tensor or the graph does not take its shape.
    pub fn fill(&mut self, image: &ImageView, backend: &mut dyn Backend) -> Result<NormalizedGeometry, ZooError> {
        self.tensor = self.processor.tensor_size(image.size())?;
        backend.reshape(self.place, &shape(self.tensor))?;
        Ok(self.processor.run(image, &mut backend.input(self.place))?)
    }

    /// Size of the last picture's tensor.
    pub fn tensor(&self) -> Size {
        self.tensor
    }
}

/// The shape of one picture's tensor, `[1, 3, H, W]`.
pub(in crate::zoo) fn shape(tensor: Size) -> [usize; 4] {
    [1, 3, tensor.height_px as usize, tensor.width_px as usize]
}

/// The size that a usual picture's tensor has.
///
/// # Errors
/// [`ZooError::Processor`] when the processor makes none.
pub(in crate::zoo) fn usual_size(processor: &ImageProcessor) -> Result<Size, ZooError> {
    Ok(processor.tensor_size(USUAL)?)
}

/// The shape that a usual picture's tensor has, for the opening of a session.
///
/// # Errors
/// [`ZooError::Processor`] when the processor makes none.
pub(in crate::zoo) fn usual_shape(processor: &ImageProcessor) -> Result<Vec<usize>, ZooError> {
    Ok(shape(usual_size(processor)?).to_vec())
}
