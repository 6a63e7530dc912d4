//! What a checkpoint's processor does to a picture, as validated types. How the file says it is `raw`'s subject.

use super::size_rule::SizeRule;
use crate::types::Size;
use crate::vision::Normalize;
use crate::vision::kernels::Resample;

/// The longest side in pixels that a configuration may ask for, and the longest that a tensor may get.
pub const MAX_TENSOR_SIDE_PX: u32 = 8192;

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProcessorConfigError {
    /// The text is no JSON object.
    #[error("image processor configuration: {reason}")]
    Json {
        /// What the parser found, and where.
        reason: String,
    },
    /// A key is missing that has no default here.
    #[error("image processor configuration: no {key}, expected {expected}")]
    Missing {
        /// The key.
        key: String,
        /// What it may be.
        expected: String,
    },
    /// A value is not understood or contradicts another.
    #[error("image processor configuration: {key} is {found}, expected {expected}")]
    Value {
        /// The key.
        key: String,
        /// The value, as JSON, cut to 80 characters.
        found: String,
        /// What was expected.
        expected: String,
    },
}

/// How a picture's pixels become those of the tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Resize {
    /// Not at all: the tensor is as large as the picture.
    Keep,
    /// As Pillow resizes bytes.
    Pillow {
        /// To which size.
        rule: SizeRule,
        /// With which filter.
        filter: Resample,
    },
    /// As torchvision resizes floats, for RF-DETR: as Pillow does it, but rescaled before and never rounded to
    /// bytes.
    Floats {
        /// To which size.
        rule: SizeRule,
        /// With which filter.
        filter: Resample,
    },
    /// As OWLv2 does: rescaled to `0..=1`, smoothed by a Gaussian, interpolated linearly, all in floats.
    Smooth {
        /// To which size.
        size: Size,
        /// First padded at its right and bottom to a square with this value of `0..=1`; `None` is not padded.
        padding: Option<f32>,
    },
}

/// What an image processor does, in this order: resize, crop from the center, cut into tiles, rescale, normalize.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessorConfig {
    /// How a picture is resized.
    pub resize: Resize,
    /// The size that is cut from the resized picture's center; black is added where the picture is the smaller one.
    pub center_crop: Option<Size>,
    /// The side of the square tiles into which a resized picture is cut, each a picture of its own, followed by all of
    /// it at that size. `None` for processors that make one tensor.
    pub tile_px: Option<u32>,
    /// Whether tiles are cut: without, the picture is resized to one tile.
    pub splits: bool,
    /// By which bytes are multiplied before normalization; 1 leaves `0..=255`.
    pub rescale_factor: f64,
    /// Mean and standard deviation.
    pub normalize: Normalize,
    /// Keys of the file that say nothing about pixels as far as is known here, for a log line.
    pub unused_keys: Vec<String>,
}

impl ProcessorConfig {
    /// The gray of OWLv2's padding, half of white: what its authors trained it with.
    pub const OWLV2_PADDING: f32 = 0.5;

    /// Stretches a picture to `size`: for exports that bring no configuration.
    pub fn stretched(size: Size, filter: Resample, normalize: Normalize) -> Self {
        Self {
            resize: Resize::Pillow { rule: SizeRule::Exact(size), filter },
            center_crop: None,
            tile_px: None,
            splits: false,
            rescale_factor: 1.0 / 255.0,
            normalize,
            unused_keys: Vec::new(),
        }
    }
}
