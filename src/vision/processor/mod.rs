//! The image processors of the hubs' checkpoints: what `preprocessor_config.json` says, done to a picture.
//!
//! Enters: an [`ImageView`](crate::types::ImageView) or a box of it. Leaves: NCHW floats in a model's input tensor and
//! the [`NormalizedGeometry`] that takes the model's boxes back. The reference is what transformers' PIL-based image
//! processors give: bytes equal to Pillow's `Image.resize`, OWLv2's floats equal to SciPy's within rounding, RF-DETR's
//! to torchvision's. How the models' outputs are decoded is left to `zoo`.

mod config;
mod floats;
mod geometry;
mod image_processor;
mod normalize;
mod raw;
mod resize;
mod size_rule;
mod tiles;
mod window;

#[cfg(test)]
mod tests;

pub use config::{MAX_TENSOR_SIDE_PX, ProcessorConfig, ProcessorConfigError, Resize};
pub use geometry::NormalizedGeometry;
pub use image_processor::{ImageProcessor, ProcessorError};
pub use size_rule::SizeRule;
pub use tiles::{TileLayout, TileProcessor};
