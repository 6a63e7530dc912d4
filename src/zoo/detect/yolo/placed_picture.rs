//! The input of a YOLO model, filled as its layout has it.

use crate::infer::Backend;
use crate::types::{ImageView, Size, TensorMut};
use crate::vision::{Letterbox, Preprocessor, TensorForm};
use crate::zoo::ZooError;
use crate::zoo::detect::graph::PictureTensor;
use half::f16;

/// Fills one input.
pub(super) struct PlacedPicture {
    place: usize,
    preprocessor: Preprocessor,
    /// Planes of floats, for inputs that have the channels last.
    planes: Vec<f32>,
}

impl PlacedPicture {
    pub fn new(tensor: &PictureTensor, form: TensorForm) -> Self {
        let Size { width_px, height_px } = tensor.size;
        let planes = if tensor.channels_last { 3 * width_px as usize * height_px as usize } else { 0 };
        Self { place: tensor.place, preprocessor: Preprocessor::of_form(tensor.size, form), planes: vec![0.0; planes] }
    }

    /// Fills the input; where the picture is in it comes back.
    ///
    /// # Errors
    /// [`ZooError::Vision`] when the input has another length.
    pub fn fill(&mut self, image: &ImageView, backend: &mut dyn Backend) -> Result<Letterbox, ZooError> {
        let mut input = backend.input(self.place);
        if self.planes.is_empty() {
            return Ok(self.preprocessor.run(image, &mut input)?);
        }
        let letterbox = self.preprocessor.run(image, &mut TensorMut::F32(&mut self.planes))?;
        match input {
            TensorMut::F32(out) => self.arrange(out, |value| value),
            TensorMut::F16(out) => self.arrange(out, f16::from_f32),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "bytes of a picture, in floats"
            )]
            TensorMut::U8(out) => self.arrange(out, |value| value as u8),
            other => return Err(crate::vision::VisionError::Element { found: other.element() }.into()),
        }
        Ok(letterbox)
    }

    /// Puts the planes into a tensor of as many elements, channels last.
    fn arrange<E>(&self, out: &mut [E], element: impl Fn(f32) -> E) {
        let (red, rest) = self.planes.split_at(self.planes.len() / 3);
        let (green, blue) = rest.split_at(red.len());
        for (((pixel, &red), &green), &blue) in out.as_chunks_mut::<3>().0.iter_mut().zip(red).zip(green).zip(blue) {
            *pixel = [element(red), element(green), element(blue)];
        }
    }
}
