//! What costs one message.

use crate::spatial::TransformRefused;
use crate::types::{CameraId, CameraModelError, Stamp};
pub use crate::vision::Blind;
use crate::vision::CodecError;
use crate::wire::WireError;
use crate::zoo::ZooError;

/// What costs one message, and nothing else: count it, warn at a limited rate, go on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The bytes are no such message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The numbers of a camera_info are no camera.
    #[error(transparent)]
    Camera(#[from] CameraModelError),
    /// There is no whole picture in the file that the message holds.
    #[error(transparent)]
    Picture(#[from] CodecError),
    /// A transform that fits in no tree.
    #[error(transparent)]
    Transform(#[from] TransformRefused),
    /// tf does not say where the camera is at the image's stamp, and nothing else may.
    #[error("{reason}")]
    NoTransform {
        /// What was asked, what is missing, which frames there are.
        reason: String,
    },
    /// No recording and no robot has such a time.
    #[error("image stamped {stamp}, before the epoch, expected a stamp of at least 0")]
    BeforeEpoch {
        /// This image's stamp.
        stamp: Stamp,
    },
    /// The image is not newer than the one before it.
    #[error("image stamped {stamp} is not after the one before it, {previous}")]
    OutOfOrder {
        /// This image's stamp.
        stamp: Stamp,
        /// The last processed image's stamp.
        previous: Stamp,
    },
    /// A frame of a camera that the walk was not made for.
    #[error("image of the camera number {}, expected one below {cameras}", camera.0)]
    NoCamera {
        /// The camera.
        camera: CameraId,
        /// How many there are.
        cameras: usize,
    },
    /// The picture shows nothing: no model is asked about it.
    #[error("blind: {0}")]
    Blind(#[from] Blind),
    /// The model could not run, or gave numbers that are none.
    #[error(transparent)]
    Detect(#[from] ZooError),
}

impl FrameError {
    /// A short, stable name of the cause, for counters and reports.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Wire(_) | Self::Camera(_) | Self::BeforeEpoch { .. } | Self::NoCamera { .. } => "bad_message",
            Self::Picture(_) => "bad_picture",
            Self::Transform(_) => "bad_transform",
            Self::NoTransform { .. } => "no_transform",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::Blind(_) => "blind",
            Self::Detect(_) => "inference_failed",
        }
    }
}
