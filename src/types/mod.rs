//! The values that walk through Vedette, and nothing that acts on them.
//!
//! Many files: one for each kind of value.
//!
//! Every other module speaks in these types; this one depends on none of them. A type carries its meaning with
//! it: the space of a box ([`BBox<TensorPx>`](BBox) or [`BBox<ImagePx>`](BBox)), the stamp and the TF frame of a
//! value ([`Stamped`]), the unit of a number (in its name: `_px`, `_m`, `_rad`, `_ns`, `_mps`).
//!
//! Conventions, fixed here for the whole crate:
//! - **Image coordinates** are continuous, origin at the outer corner of the top left pixel, x right, y down:
//!   pixel `(column, row)` covers `[column, column + 1) x [row, row + 1)` and its centre is at `+ 0.5`.
//!   [`CameraModel`] alone follows OpenCV and sensor_msgs/CameraInfo, where pixel centres lie at integers; the
//!   half pixel is added in `spatial`.
//! - **Robot frames** follow REP-103 (x forward, y left, z up; optical frames z forward, x right, y down) and
//!   REP-105 (`map`, `odom`, `base_link`).
//! - `Frame` is a picture; `frame_id` is a TF frame.

mod answer;
mod bbox;
mod camera;
mod camera_error;
mod cancel;
mod cause;
mod channel_step;
mod class_scores;
mod detection;
mod event_kind;
mod frame;
mod image;
mod labels;
mod message;
mod motion;
mod noise;
mod parameter_value;
mod pixel_format;
mod plan;
mod prompts;
mod proposal_status;
mod stamp;
mod stamped;
mod tensor;
mod track;

pub use answer::{Answer, AnswerForm, FinishReason, InView, Proposal, ProposedStep, Question, Region, Sampling};
pub use bbox::{BBox, ImagePx, TensorPx};
pub use camera::{Calibration, CameraModel, Coefficients, Distortion, SensorPart};
pub use camera_error::CameraModelError;
pub use cancel::{Cancel, CancelReason};
pub use cause::{Cause, Rule, Until};
pub use channel_step::ChannelStep;
pub use class_scores::ClassScores;
pub use detection::{Detection, Glimpse, Scene};
pub use event_kind::EventKind;
pub use frame::{CameraId, Frame};
pub use image::{ImageError, ImageView, Size};
pub use labels::{ClassId, Labels};
pub use message::RawMessage;
pub use motion::{Motion, Twist};
pub use noise::Noise;
pub use parameter_value::ParameterValue;
pub use pixel_format::{BayerPattern, EncodingError, PixelFormat};
pub use plan::{Decision, Plan, PlanSource, PlanStep, Pose2};
pub use prompts::{PromptError, Prompts};
pub use proposal_status::ProposalStatus;
pub use stamp::{Stamp, StampError};
pub use stamped::{FrameId, Stamped};
pub use tensor::{Element, TensorData, TensorMut, TensorRef};
pub use track::{GroundPosition, Place, Track, TrackId};
