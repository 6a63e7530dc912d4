//! What a detector's graph says about itself, by its tensors and metadata: nothing is opened and nothing run.

mod class_names;
pub(in crate::zoo) mod coco;
mod picture_tensor;
mod understood;

pub(in crate::zoo) use class_names::names_in_metadata;
pub(in crate::zoo) use picture_tensor::{Beside, Inputs, PictureTensor};
pub use understood::{Hints, NamesFrom, Understood};
