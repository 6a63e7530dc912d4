//! The topics of the walk by their ROS names, and the one door through which results leave it.

use crate::config::{CameraName, Config, ImageTransport, Names, RemapRule, UnusedRule};
use crate::types::{CameraId, Stamp};

/// What the walk takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Input {
    /// Pictures, raw.
    Image,
    /// Pictures, compressed: in place of the raw ones, as parameter `image_transport` says.
    CompressedImage,
    /// Intrinsics, joined with the pictures by stamp.
    CameraInfo,
    /// The robot's speed.
    Odom,
    /// Where the robot's frames are that move.
    Tf,
    /// Where those are that do not.
    TfStatic,
}

impl Input {
    /// All inputs, the pictures first.
    pub const ALL: [Self; 6] =
        [Self::Image, Self::CompressedImage, Self::CameraInfo, Self::Odom, Self::Tf, Self::TfStatic];

    /// Whether it brings pictures.
    pub const fn is_picture(self) -> bool {
        matches!(self, Self::Image | Self::CompressedImage)
    }

    /// Whether each camera has its own.
    pub const fn is_of_camera(self) -> bool {
        matches!(self, Self::Image | Self::CompressedImage | Self::CameraInfo)
    }

    /// What the program calls it where it is that of this camera.
    pub fn name_for(self, camera: &CameraName) -> String {
        if self.is_of_camera() { camera.input(self.name()) } else { self.name().to_owned() }
    }

    /// The name that a remapping names, relative to the node's namespace but for tf, which is one for all.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::CompressedImage => "image/compressed",
            Self::CameraInfo => "camera_info",
            Self::Odom => "odom",
            Self::Tf => "/tf",
            Self::TfStatic => "/tf_static",
        }
    }

    /// The message type, `package/msg/Type`.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Image => "sensor_msgs/msg/Image",
            Self::CompressedImage => "sensor_msgs/msg/CompressedImage",
            Self::CameraInfo => "sensor_msgs/msg/CameraInfo",
            Self::Odom => "nav_msgs/msg/Odometry",
            Self::Tf | Self::TfStatic => "tf2_msgs/msg/TFMessage",
        }
    }
}

/// How a camera's pictures travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// As [`Input::Image`].
    Raw,
    /// As [`Input::CompressedImage`].
    Compressed,
}

impl Transport {
    /// Both, the one that is preferred first: it costs no decoding.
    pub const ALL: [Self; 2] = [Self::Raw, Self::Compressed];

    /// The input.
    pub const fn input(self) -> Input {
        match self {
            Self::Raw => Input::Image,
            Self::Compressed => Input::CompressedImage,
        }
    }

    /// Whether parameter `image_transport` allows it.
    pub fn is_allowed(self, by: ImageTransport) -> bool {
        match by {
            ImageTransport::Raw => self == Self::Raw,
            ImageTransport::Compressed => self == Self::Compressed,
            ImageTransport::Auto => true,
        }
    }
}

/// How the pictures of a camera travel, by parameter `image_transport` and the remapping.
pub fn transport_of(config: &Config, names: &Names, camera: &CameraName) -> ImageTransport {
    names.transport(camera, config.of_camera(camera).image_transport)
}

/// What a node listens to, camera by camera; what is one for all stands with the first. Of the pictures those transports
/// that may be taken.
pub fn inputs(config: &Config, names: &Names) -> Vec<(CameraId, CameraName, Input)> {
    let mut inputs = Vec::new();
    for (at, camera) in config.camera_names().into_iter().enumerate() {
        let by = transport_of(config, names, &camera);
        let is_left_out = |input: &Input| Transport::ALL.iter().any(|one| one.input() == *input && !one.is_allowed(by));
        let own = Input::ALL.into_iter().filter(|input| at == 0 || input.is_of_camera());
        inputs.extend(own.filter(|input| !is_left_out(input)).map(|input| (CameraId(at), camera.clone(), input)));
    }
    inputs
}

/// What to do about a topic of this type, whose pictures cannot be decoded one by one: none for other types.
pub fn video_cure(type_name: &str) -> Option<&'static str> {
    match type_name {
        "foxglove_msgs/msg/CompressedVideo" => Some(
            "it is video (H.264 or the like), which is not decoded: let the camera's driver publish raw or jpeg pictures \
             (sensor_msgs/msg/Image or CompressedImage) beside it",
        ),
        "ffmpeg_image_transport_msgs/msg/FFMPEGPacket" => Some(
            "it is video (H.264 or the like), which is not decoded: `ros2 run image_transport republish --ros-args -p \
             in_transport:=ffmpeg -p out_transport:=raw` makes raw pictures of it",
        ),
        "theora_image_transport/msg/Packet" => Some(
            "it is video (Theora), which is not decoded: `ros2 run image_transport republish --ros-args -p \
             in_transport:=theora -p out_transport:=raw` makes raw pictures of it",
        ),
        _ => None,
    }
}

/// What the walk gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Output {
    /// What changed the walk and is no input message, before all that it governs.
    Events,
    /// The boxes of one frame; one message for every processed frame, empty when nothing is seen.
    Detections,
    /// Class names, before the first detections that they govern.
    LabelInfo,
    /// The model and the version of its prompts, before the first detections that they govern.
    VisionInfo,
    /// What a language model proposed, and what the guard made of it: once for each answer, before the first plan that
    /// was held against it.
    Proposal,
    /// What to do.
    Plan,
    /// Where to go.
    Path,
    /// What stands around the robot and where it is to go, for 3D views; only while someone wants it.
    Markers,
    /// What is drawn on the picture, without the picture; only while someone wants it.
    ImageAnnotations,
    /// The picture with boxes and decision drawn on it; only while someone wants it.
    ImageAnnotated,
}

impl Output {
    /// All outputs.
    pub const ALL: [Self; 10] = [
        Self::Events,
        Self::Detections,
        Self::LabelInfo,
        Self::VisionInfo,
        Self::Proposal,
        Self::Plan,
        Self::Path,
        Self::Markers,
        Self::ImageAnnotations,
        Self::ImageAnnotated,
    ];

    /// Whether each camera has its own.
    pub const fn is_of_camera(self) -> bool {
        matches!(self, Self::Detections | Self::ImageAnnotated | Self::ImageAnnotations)
    }

    /// What leaves when a frame of this camera is processed.
    pub const fn of(self, camera: CameraId) -> Outlet {
        Outlet { output: self, camera: if self.is_of_camera() { camera } else { CameraId(0) } }
    }

    /// The outlets of all these outputs for so many cameras.
    pub fn outlets(outputs: &[Self], cameras: usize) -> Vec<Outlet> {
        let outlets = outputs.iter().flat_map(|output| {
            let count = if output.is_of_camera() { cameras } else { 1 };
            (0..count).map(|camera| output.of(CameraId(camera)))
        });
        outlets.collect()
    }

    /// Whether it is made only while someone wants it.
    pub const fn is_on_demand(self) -> bool {
        matches!(self, Self::Markers | Self::ImageAnnotations | Self::ImageAnnotated)
    }

    /// The private name, below the node's own; with the camera's name in it where that has one, see [`Outlet::name`].
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "~/events",
            Self::Detections => "~/detections",
            Self::LabelInfo => "~/label_info",
            Self::VisionInfo => "~/vision_info",
            Self::Proposal => "~/proposal",
            Self::Plan => "~/plan",
            Self::Path => "~/path",
            Self::Markers => "~/markers",
            Self::ImageAnnotations => "~/image_annotations",
            Self::ImageAnnotated => "~/image_annotated",
        }
    }

    /// The message type, `package/msg/Type`.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Events => "vedette_msgs/msg/Event",
            Self::Detections => "vision_msgs/msg/Detection2DArray",
            Self::LabelInfo => "vision_msgs/msg/LabelInfo",
            Self::VisionInfo => "vision_msgs/msg/VisionInfo",
            Self::Proposal => "vedette_msgs/msg/Proposal",
            Self::Plan => "vedette_msgs/msg/Plan",
            Self::Path => "nav_msgs/msg/Path",
            Self::Markers => "visualization_msgs/msg/MarkerArray",
            Self::ImageAnnotations => "foxglove_msgs/msg/ImageAnnotations",
            Self::ImageAnnotated => "sensor_msgs/msg/Image",
        }
    }

    /// How many of the last messages a late subscriber still gets (durability transient local); 0: none.
    pub const fn latched(self) -> usize {
        match self {
            Self::LabelInfo | Self::VisionInfo => 1,
            // A run's: each is about what the one before it was not.
            Self::Events => 1000,
            _ => 0,
        }
    }
}

/// An output: that of one camera, or the one of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Outlet {
    /// Which output.
    pub output: Output,
    /// Whose; the first camera's where it is that of all.
    pub camera: CameraId,
}

impl Outlet {
    /// The private name: `~/plan`, `~/front/detections`.
    pub fn name(self, cameras: &[CameraName]) -> String {
        match cameras.get(self.camera.0) {
            Some(camera) if self.output.is_of_camera() => camera.output(self.output.name()),
            _ => self.output.name().to_owned(),
        }
    }
}

/// What the edge itself says of whether the robot is not to move, by its private name.
pub const STOP: &str = "~/stop";

/// The remap rules that were meant for this node and rename none of its topics.
pub fn unused_rules(names: &Names, rules: &[RemapRule], cameras: &[CameraName]) -> Vec<UnusedRule> {
    let mut inputs: Vec<String> = Vec::new();
    for (at, camera) in cameras.iter().enumerate() {
        let own = Input::ALL.into_iter().filter(|input| at == 0 || input.is_of_camera());
        inputs.extend(own.map(|input| input.name_for(camera)));
    }
    let outlets = Output::outlets(&Output::ALL, cameras.len());
    let mut outputs: Vec<String> = outlets.into_iter().map(|outlet| outlet.name(cameras)).collect();
    outputs.push(STOP.to_owned());
    names.unused(rules, &as_strs(&inputs), &as_strs(&outputs))
}

fn as_strs(names: &[String]) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

/// Where results go: publishers or an MCAP file.
pub trait Outputs {
    /// Takes one message: `cdr` is valid until the call returns, `stamp` is the source image's.
    ///
    /// # Errors
    /// When the message could not be handed on; the run then ends, since a result would be missing.
    fn put(&mut self, outlet: Outlet, stamp: Stamp, cdr: &[u8]) -> Result<(), OutputError>;

    /// Whether anyone wants this output; asked before work that only serves it.
    fn wants(&self, outlet: Outlet) -> bool;
}

/// A result that could not leave.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {} stamped {stamp}", output.name())]
pub struct OutputError {
    /// Which output.
    pub output: Output,
    /// The stamp of the image that it came from.
    pub stamp: Stamp,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
