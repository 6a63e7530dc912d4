//! From pictures to tensors and back to boxes.
//!
//! Enters: an [`ImageView`](crate::types::ImageView) of any size and
//! [`PixelFormat`](crate::types::PixelFormat). Leaves: a model's input tensor and the [`Letterbox`] that places its
//! pixels in the image ([`Preprocessor`]), or what a checkpoint's own configuration says ([`ImageProcessor`],
//! [`TileProcessor`]) with its [`NormalizedGeometry`]; non-overlapping boxes ([`suppress`]); a picture for people ([`draw`]);
//! and before all of them, the picture in a compressed one ([`PictureDecoder`]) and whether it shows anything at all
//! ([`BlindCheck`]).
//! Which names a model's tensors have and how its output is decoded is left to `zoo`.

mod blindness;
mod codec;
mod jpeg_file;
mod kernels;
mod letterbox;
mod made_up;
mod nms;
mod preprocess;
mod processor;
mod row_reader;
mod tensor_form;

pub mod draw;

pub use blindness::{Blind, BlindCheck, BlindParams, Sight};
pub use codec::{Codec, CodecError, Decoded, PictureDecoder};
pub use jpeg_file::end_of_lone_jpeg;
pub use kernels::Resample;
pub use letterbox::Letterbox;
pub use made_up::picture_of_nothing;
pub use nms::{Candidate, suppress};
pub use preprocess::{Preprocessor, VisionError};
pub use processor::{
    ImageProcessor, MAX_TENSOR_SIDE_PX, NormalizedGeometry, ProcessorConfig, ProcessorConfigError, ProcessorError,
    Resize, SizeRule, TileLayout, TileProcessor,
};
pub use tensor_form::{Colors, Fit, Normalize, TensorForm};
