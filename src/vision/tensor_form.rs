//! How a picture is put into a model's input tensor, apart from the tensor's size.

use serde::Deserialize;
use std::fmt;

/// How a channel's `0..=1` becomes what the model was trained on: `(value - mean) / std`, channels in the order red,
/// green, blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalize {
    /// Subtracted.
    pub mean: [f32; 3],
    /// Divided by; not zero.
    pub std: [f32; 3],
}

impl Normalize {
    /// Leaves `0..=1` as it is: what YOLO models take.
    pub const UNIT: Self = Self { mean: [0.0; 3], std: [1.0; 3] };

    /// The bytes as they are, `0..=255`: what YOLOX takes.
    pub const BYTES: Self = Self { mean: [0.0; 3], std: [1.0 / 255.0; 3] };

    /// What most backbones were trained on, for RGB.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
}

/// Where a picture goes in a tensor of another aspect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Aspect kept, in the middle, bars of gray around it: Ultralytics, YOLOv5 to YOLOv7.
    #[default]
    Letterbox,
    /// Aspect kept, in the left upper corner, gray to the right and below: YOLOX, MMDetection.
    Corner,
    /// Each side scaled on its own, nothing around it: RT-DETR.
    Stretch,
}

impl fmt::Display for Fit {
    /// The word in manifests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Letterbox => "letterbox",
            Self::Corner => "corner",
            Self::Stretch => "stretch",
        })
    }
}

/// The order of a tensor's channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colors {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// Blue, green, red: what `cv2.imread` gives.
    Bgr,
}

impl fmt::Display for Colors {
    /// The word in manifests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
        })
    }
}

/// What is done to a picture on its way into a tensor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorForm {
    /// Where it goes.
    pub fit: Fit,
    /// The order of the channels.
    pub colors: Colors,
    /// The numbers that its bytes become.
    pub normalize: Normalize,
}

impl TensorForm {
    /// Letterboxed, RGB, `0..=1`: what most YOLO models take.
    pub const YOLO: Self = Self { fit: Fit::Letterbox, colors: Colors::Rgb, normalize: Normalize::UNIT };
}

impl fmt::Display for TensorForm {
    /// `letterbox, rgb, 0..1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {}", self.fit, self.colors, self.normalize)
    }
}

impl fmt::Display for Normalize {
    /// `0..1`, `0..255` or `mean [0.5, 0.5, 0.5], std [0.5, 0.5, 0.5]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UNIT => f.write_str("0..1"),
            Self::BYTES => f.write_str("0..255"),
            Self { mean, std } => write!(f, "mean {mean:?}, std {std:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_said_in_the_words_of_manifests() {
        assert_eq!(TensorForm::YOLO.to_string(), "letterbox, rgb, 0..1");
        let yolox = TensorForm { fit: Fit::Corner, colors: Colors::Bgr, normalize: Normalize::BYTES };
        assert_eq!(yolox.to_string(), "corner, bgr, 0..255");
        let normalize = Normalize { mean: [0.5; 3], std: [0.25; 3] };
        assert_eq!(normalize.to_string(), "mean [0.5, 0.5, 0.5], std [0.25, 0.25, 0.25]");
    }
}
