//! The table of all parameters: the one place where their names, types, defaults, ranges and meanings stand.
//!
//! From it come the struct [`Config`], its defaults, what the reader accepts and says, what the node declares,
//! `config/vedette.yaml` and the table in `docs/parameters.md` (tests hold both files to it).

use super::camera_overrides::CameraOverrides;
use super::domain::Domain;
use super::field::{Field, choices};
use super::qos_overrides::QosOverrides;
use crate::types::ParameterValue;
use std::path::PathBuf;

choices! {
    /// An execution provider of ONNX Runtime.
    pub enum ProviderName {
        /// NVIDIA TensorRT.
        TensorRt = "tensorrt",
        /// NVIDIA CUDA.
        Cuda = "cuda",
        /// The processor; always there.
        Cpu = "cpu",
    }
}

choices! {
    /// What becomes of a box that answers no prompt.
    pub enum Unmatched {
        /// It keeps the detector's own class: obstacles stay obstacles, whatever is asked for.
        Keep = "keep",
        /// It is not published; it is tracked and planned with all the same.
        Drop = "drop",
    }
}

choices! {
    /// Whose time an image has.
    pub enum ImageStamp {
        /// That of its header.
        Header = "header",
        /// The time at which it came.
        Received = "received",
    }
}

choices! {
    /// What says where the camera is on the robot.
    pub enum MountingBy {
        /// tf where it has the image's frame, else the parameters.
        Auto = "auto",
        /// tf alone.
        Tf = "tf",
        /// The mounting parameters alone.
        Parameters = "parameters",
    }
}

choices! {
    /// Whether images are rectified.
    pub enum Rectified {
        /// By the name of their topic.
        Auto = "auto",
        /// They are.
        Yes = "yes",
        /// They are as the lens makes them.
        No = "no",
    }
}

choices! {
    /// What happens when the first provider cannot run the model.
    pub enum ProviderPolicy {
        /// The next one of the list runs it, and diagnostics warn for as long as it does.
        Fallback = "fallback",
        /// Configuring fails with the reason and the cure.
        Strict = "strict",
    }
}

choices! {
    /// In how many bits TensorRT computes.
    pub enum Precision {
        /// As many as the family of models is known to bear.
        Auto = "auto",
        /// 16 where that is faster.
        Half = "fp16",
        /// 32.
        Full = "fp32",
    }
}

choices! {
    /// How the camera's pictures travel.
    pub enum ImageTransport {
        /// As sensor_msgs/Image.
        Raw = "raw",
        /// As sensor_msgs/CompressedImage.
        Compressed = "compressed",
        /// As what is there; raw where both are.
        Auto = "auto",
    }
}

/// When a parameter may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At any time; it holds from the next frame on.
    Live,
    /// While the node is not active; it holds from the next activation on.
    Inactive,
    /// Never: it is read when the node starts.
    Start,
}

impl When {
    /// As the documentation has it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Live => "at any time",
            Self::Inactive => "while not active",
            Self::Start => "never",
        }
    }
}

/// One row of the table.
pub struct Parameter {
    /// The key in parameter files and in `ros2 param`.
    pub name: &'static str,
    /// The heading under which the documentation lists it.
    pub group: &'static str,
    /// What it means, in prose.
    pub doc: &'static str,
    /// Type and allowed values.
    pub domain: Domain,
    /// When it may change.
    pub when: When,
    pub(super) get: fn(&Config) -> ParameterValue,
    /// False when the value has another type, which `domain` refuses first.
    pub(super) set: fn(&mut Config, &ParameterValue) -> bool,
}

macro_rules! parameters {
    ($($group:literal { $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $domain:expr, $when:expr;)+ })+) => {
        /// Every parameter, validated. Keys of parameter files are the names of the fields; see each field's range in
        /// [`Config::parameters`].
        #[derive(Debug, Clone, PartialEq)]
        pub struct Config {
            $($($(#[doc = $doc])+ pub $name: $type,)+)+
            /// `<camera>.<parameter>`.
            pub camera_overrides: CameraOverrides,
            /// `qos_overrides.<topic>.subscription.*` and `qos_overrides.<topic>.publisher.*`, by full topic name.
            pub qos_overrides: QosOverrides,
        }

        impl Default for Config {
            fn default() -> Self {
                let (camera_overrides, qos_overrides) = (CameraOverrides::default(), QosOverrides::default());
                Self { $($($name: $default,)+)+ camera_overrides, qos_overrides }
            }
        }

        /// All rows, in the order of the documentation.
        pub(super) static PARAMETERS: &[Parameter] = &[$($(Parameter {
            name: stringify!($name),
            group: $group,
            doc: concat!($($doc),+),
            domain: $domain,
            when: $when,
            get: |config| config.$name.to_value(),
            set: |config, value| Field::from_value(value).map(|value| config.$name = value).is_some(),
        },)+)+];
    };
}

const LIVE: When = When::Live;
const INACTIVE: When = When::Inactive;
const START: When = When::Start;

const SHARE: Domain = Domain::Numbers { min: 0.0, max: 1.0 };
const DISTANCE_M: Domain = Domain::Numbers { min: 0.0, max: 100.0 };
const OFFSET_M: Domain = Domain::Numbers { min: -100.0, max: 100.0 };
/// Half and quarter turns, with room for rounding: 3.1416 is more than pi.
const HALF_TURN_RAD: Domain = Domain::Numbers { min: -3.15, max: 3.15 };
const QUARTER_TURN_RAD: Domain = Domain::Numbers { min: -1.58, max: 1.58 };
const LUMA: Domain = Domain::Integers { min: 0, max: 255 };
const PERIOD_MS: Domain = Domain::Integers { min: 1, max: 600_000 };
const PERIOD_OR_ZERO_MS: Domain = Domain::Integers { min: 0, max: 600_000 };

parameters! {
    "Node" {
        /// Configure and activate when the node starts. False: a lifecycle manager does, or `ros2 lifecycle set`. Where
        /// it is true and the models do not load, the node ends with the reason.
        autostart: bool = true, Domain::Flag, START;
        /// Between two signs of life on `bond`, by which Nav2's lifecycle manager knows that the node lives; 0: none.
        bond_heartbeat_period_ms: i64 = 100, Domain::Integers { min: 0, max: 2000 }, START;
        /// Whether pictures are looked at. False: a pause, in which none is processed and the robot is told to stop.
        enabled: bool = true, Domain::Flag, LIVE;
        /// The device that diagnostics are about, their `hardware_id`. Empty: the name of this machine.
        hardware_id: String = String::new(), Domain::Text { may_be_empty: true }, START;
    }
    "Model" {
        /// The detector: a path to an ONNX file, to a checkpoint's folder or to a `model.toml`, or the name of a folder
        /// below one of `model_dirs`.
        model: String = "yolov12n".to_owned(), Domain::Text { may_be_empty: false }, INACTIVE;
        /// Folders in which models are looked for by name, in this order; relative to the working folder. After them those
        /// of the environment variable `VEDETTE_MODELS` and those beside the binary.
        model_dirs: Vec<PathBuf> = vec![PathBuf::from("models")], Domain::Texts { may_be_empty: false }, INACTIVE;
    }
    "Prompts" {
        /// What to look for, in words, such as `[pedestrian, delivery van]`. Empty: the model's own classes. `[""]` is
        /// empty too. The service `~/set_prompts` changes them while the node runs. Under prompts, `classes` names the
        /// model's own classes that are published beside them, and prompts are obstacles as soon as `obstacle_classes`
        /// names a class of the model.
        prompts: Vec<String> = Vec::new(), Domain::Texts { may_be_empty: true }, LIVE;
        /// What matches prompts with the boxes of a detector that takes no prompts itself: a sentence encoder, by the
        /// names of its classes, or a CLIP or SigLIP model, which looks at every box. A folder or name as for `model`.
        text_model: String = "minilm-l6-v2".to_owned(), Domain::Text { may_be_empty: false }, INACTIVE;
        /// Least cosine similarity between a prompt and what the detector thinks of a box: the mean over its likely
        /// classes. A prompt that names a class, such as `dog`, takes that class and no other, whatever is set here.
        /// With CLIP or SigLIP the least probability of a prompt: see docs/prompts.md. For models that take no prompts
        /// themselves, as the next two.
        prompt_min_similarity: f64 = 0.6, SHARE, LIVE;
        /// How far the best prompt must be ahead of the next one to take a box; with CLIP of the box's class too.
        prompt_min_lead: f64 = 0.02, SHARE, LIVE;
        /// What becomes of a box that answers no prompt. `keep`: it keeps the detector's own class. `drop`: it is not
        /// published; it is tracked and planned with all the same.
        prompt_unmatched: Unmatched = Unmatched::Keep, Domain::OneOf(Unmatched::NAMES), LIVE;
    }
    "Reasoning" {
        /// The vision-language model that answers questions and proposes plans, as `model`; empty: none.
        reason_model: String = String::new(), Domain::Text { may_be_empty: true }, INACTIVE;
        /// What it is asked when it is to propose a plan.
        reason_prompt: String = "What should the robot do next, and why?".to_owned(), Domain::Text { may_be_empty: false }, LIVE;
        /// Time between two proposals, by the stamps of the images; 0: none by time.
        reason_period_ms: i64 = 2000, PERIOD_OR_ZERO_MS, LIVE;
        /// Ask for a proposal too when a class comes into view that was not there before.
        reason_on_new_class: bool = true, Domain::Flag, LIVE;
        /// Most tokens of an answer.
        reason_max_tokens: usize = 512, Domain::Integers { min: 1, max: 4096 }, LIVE;
        /// 0: always the most likely token. Above: divides the logits before one is drawn.
        reason_temperature: f64 = 0.0, Domain::Numbers { min: 0.0, max: 10.0 }, LIVE;
        /// The smallest set of likely tokens that together reach this probability is drawn from.
        reason_top_p: f64 = 1.0, Domain::Numbers { min: 0.01, max: 1.0 }, LIVE;
        /// Execution providers of the reason model in the order of preference. Its sizes change with every token, and
        /// TensorRT would build an engine for each: it is refused for such a model, with that reason.
        reason_providers: Vec<ProviderName> = vec![ProviderName::Cuda, ProviderName::Cpu],
            Domain::SomeOf(ProviderName::NAMES), INACTIVE;
        /// Where the random numbers of drawing begin.
        reason_seed: i64 = 0, Domain::Integers { min: 0, max: 4_294_967_295 }, LIVE;
        /// Threads of the reason model on the CPU; 0 is one for each core that the process may use. Each thread is one
        /// that perceive may miss.
        reason_threads: usize = 1, Domain::Integers { min: 0, max: 1024 }, INACTIVE;
        /// An answer that takes longer is ended, in the node; a replay only knows the limit of tokens.
        reason_deadline_ms: i64 = 10_000, PERIOD_MS, LIVE;
        /// Age of a proposal, from the stamp of its image to that of the image whose plan it would change, beyond which
        /// it is refused.
        proposal_max_age_ms: i64 = 3000, PERIOD_MS, LIVE;
    }
    "Inference" {
        /// Execution providers in the order of preference.
        providers: Vec<ProviderName> = vec![ProviderName::TensorRt, ProviderName::Cuda, ProviderName::Cpu],
            Domain::SomeOf(ProviderName::NAMES), INACTIVE;
        /// `fallback`: when a provider cannot run the model the next one does, and diagnostics warn for as long as it
        /// does. `strict`: the first must run, else configuring fails with the reason and the cure.
        provider_policy: ProviderPolicy = ProviderPolicy::Fallback, Domain::OneOf(ProviderPolicy::NAMES), INACTIVE;
        /// Before a model is used on a GPU, compare what it computes there with the CPU: a detector by its boxes in a few
        /// pictures, others by their outputs. What is too far off counts as a provider that cannot run the model. The
        /// result is kept beside the engines, so that later starts take no longer for it.
        compare_with_cpu: bool = true, Domain::Flag, INACTIVE;
        /// Threads of one inference on the CPU; 0 is one for each core that the process may use.
        intra_op_threads: usize = 0, Domain::Integers { min: 0, max: 1024 }, INACTIVE;
        /// Let the threads of an inference spin for a moment before they sleep. Shortens a run where the cores are ours
        /// alone; off is faster by far where other programs compete for them, and takes less power at low rates.
        intra_op_spinning: bool = true, Domain::Flag, INACTIVE;
        /// In how many bits TensorRT computes. `auto`: 16 for YOLO, 32 for all others: detectors of the DETR kind lose boxes
        /// in 16.
        tensorrt_precision: Precision = Precision::Auto, Domain::OneOf(Precision::NAMES), INACTIVE;
        /// Folder for TensorRT's engines and timing caches. Empty: `$XDG_CACHE_HOME/vedette/engines`, or
        /// `~/.cache/vedette/engines` where that variable is not set.
        engine_cache_dir: PathBuf = PathBuf::new(), Domain::Text { may_be_empty: true }, INACTIVE;
        /// Memory in MiB that TensorRT may use while it builds an engine.
        tensorrt_workspace_mb: usize = 1024, Domain::Integers { min: 16, max: 1_048_576 }, INACTIVE;
        /// Memory in MiB that CUDA may take for the tensors of each model; 0: as much as it needs. A model that needs more
        /// does not run there.
        cuda_memory_mb: usize = 0, Domain::Integers { min: 0, max: 1_048_576 }, INACTIVE;
    }
    "Detections" {
        /// Boxes with a lower score are not published. Tracking and planning have scores of their own.
        score_threshold: f64 = 0.25, SHARE, LIVE;
        /// Of two boxes of one class whose intersection over union is above this, the one with the lower score is
        /// dropped. Models without need of non-maximum suppression ignore it.
        iou_threshold: f64 = 0.45, SHARE, LIVE;
        /// Most boxes published of one image, those with the highest scores. Tracking and planning look at 300 at least;
        /// where even these are too few for what is sure, the plan says so and is as careful as for what has no place.
        max_detections: usize = 300, Domain::Integers { min: 1, max: 10_000 }, LIVE;
        /// Names of the classes to publish; empty is all. `[""]` is empty too. What is an obstacle is for
        /// `obstacle_classes` to say.
        classes: Vec<String> = Vec::new(), Domain::Texts { may_be_empty: true }, LIVE;
    }
    "Camera" {
        /// The names of the cameras, such as `[front, rear]`. Empty: one camera, on `image`; `[""]` is empty too. Each name gives
        /// the topics of one camera: `front/image`, `front/camera_info`, `~/front/detections`; all cameras have one model and
        /// one plan. What is about a camera can be set for one alone, with its name before it, as in `front.mount_x_m`: see
        /// docs/cameras.md for which parameters that are.
        cameras: Vec<String> = Vec::new(), Domain::Names, INACTIVE;
        /// Whether a plan needs this camera, where there are several: while it has no image younger than `max_age_ms`, the plan
        /// is `stop` and says so. False: plans go on without it, and nothing is known of what it would see.
        camera_required: bool = true, Domain::Flag, LIVE;
        /// How long no image of a camera may come before the log and diagnostics name it; 0: `max_age_ms`.
        camera_deadline_ms: i64 = 0, PERIOD_OR_ZERO_MS, LIVE;
        /// How the pictures travel. `raw`: sensor_msgs/Image on `image`. `compressed`: sensor_msgs/CompressedImage (jpeg, png,
        /// webp) on the image's topic with `/compressed` behind it. `auto`: whichever is there, raw where both are.
        image_transport: ImageTransport = ImageTransport::Auto, Domain::OneOf(ImageTransport::NAMES), INACTIVE;
        /// The camera's calibration: a YAML file of camera_calibration, or what `ros2 topic echo --once` prints of a
        /// camera_info. Empty: what is published on `camera_info`. The file is used whatever is published.
        camera_info_file: PathBuf = PathBuf::new(), Domain::Text { may_be_empty: true }, INACTIVE;
        /// Whether images are rectified; then the calibration's `P` holds and there is no distortion. `auto`: when a part
        /// of the topic's name, between `/` and `_`, is `rect` or `rectified`, as in `/camera/image_rect_color`.
        image_is_rectified: Rectified = Rectified::Auto, Domain::OneOf(Rectified::NAMES), INACTIVE;
        /// Whose time an image has. `header`: its own stamp. `received`: the time at which it came, in a replay the log
        /// time, for drivers that stamp with 0 or count from their boot. What is published then carries that time; its age
        /// does not show what happened before the image came, and a replay does not give the same bytes.
        image_stamp: ImageStamp = ImageStamp::Header, Domain::OneOf(ImageStamp::NAMES), INACTIVE;
    }
    "Time" {
        /// Age of a frame, ROS time minus the image's stamp, beyond which it is dropped. When no fresher frame has
        /// come for as long, the node itself publishes a stop.
        max_age_ms: i64 = 500, PERIOD_MS, LIVE;
        /// How long an image waits for the camera_info of its own stamp; at most `max_age_ms`.
        camera_info_wait_ms: i64 = 50, PERIOD_OR_ZERO_MS, LIVE;
        /// How long an image waits for the transforms of its stamp, where a link between its frame and `base_frame` moves,
        /// and how long the first ones wait for their frame to be in tf at all; at most `max_age_ms`. Where it is not set,
        /// `max_age_ms` if that is less.
        tf_wait_ms: i64 = 100, PERIOD_OR_ZERO_MS, LIVE;
        /// A jump back of the stamps beyond this (a bag that starts again) restarts tracking; a frame whose stamp is
        /// older by less is dropped.
        stamp_reset_ms: i64 = 1000, PERIOD_MS, LIVE;
        /// Pictures per second that are processed at most, by their stamps; 0: all. One that comes sooner is passed over; that
        /// is no loss.
        max_rate_hz: f64 = 0.0, Domain::Numbers { min: 0.0, max: 1000.0 }, LIVE;
        /// Take the time from `/clock`, as in every ROS node.
        use_sim_time: bool = false, Domain::Flag, START;
    }
    "Blindness" {
        /// A picture whose shorter side has fewer pixels shows nothing; 1: off. What becomes of a picture that shows
        /// nothing, and what these limits were measured against: docs/blind.md.
        blind_min_side_px: usize = 48, Domain::Integers { min: 1, max: 4096 }, LIVE;
        /// A picture is dark when 99 of 100 of its points have a luma below this; 0: off.
        blind_dark_luma: usize = 6, LUMA, LIVE;
        /// A picture is overexposed when 99 of 100 of its points have a luma above this; 255: off.
        blind_bright_luma: usize = 249, LUMA, LIVE;
        /// A picture is flat when its contrast, in steps of luma and without noise, is below this; 0: off.
        blind_min_contrast: f64 = 0.4, Domain::Numbers { min: 0.0, max: 255.0 }, LIVE;
        /// A picture is blurred when its fine contrast is below this share of its coarse contrast; 0: off.
        blind_min_sharpness: f64 = 0.13, SHARE, LIVE;
        /// A camera is frozen when it has given the same bytes, under new stamps, for longer than this; 0: off, for
        /// simulators without noise, in which a robot that stands sees the same bytes again and again.
        blind_frozen_ms: i64 = 500, PERIOD_OR_ZERO_MS, LIVE;
    }
    "Tracking" {
        /// Boxes with at least this score are matched with tracks first; above `track_low_score`.
        track_high_score: f64 = 0.4, SHARE, LIVE;
        /// Boxes with at least this score, and below the high one, may continue a track that is left over and never
        /// begin one. They are published only from `score_threshold` up.
        track_low_score: f64 = 0.1, SHARE, LIVE;
        /// A box that no track claims begins one when its score is at least this; not below `track_high_score`, and at
        /// most `obstacle_score`.
        track_new_score: f64 = 0.4, SHARE, LIVE;
        /// Least intersection over union of a box and the place where its track is expected.
        track_min_iou: f64 = 0.2, SHARE, LIVE;
        /// A track that was not seen for longer is given up. Must be longer than the time from image to image, or nothing
        /// is ever a track.
        track_max_unseen_ms: i64 = 1000, PERIOD_MS, LIVE;
        /// Frames in which a new track must be seen before it has an id. A box of at least `obstacle_score` is planned
        /// with from its first frame.
        track_confirm_frames: usize = 2, Domain::Integers { min: 1, max: 100 }, LIVE;
    }
    "Camera mounting" {
        /// What says where the camera is on the robot. `auto`: tf, at the stamp of each image, where it connects the image's
        /// frame with `base_frame`; else the `mount_` parameters, which is warned about where tf is published. `tf`: tf
        /// alone; an image whose frame is not connected is lost. `parameters`: these alone, whatever tf says.
        mounting: MountingBy = MountingBy::Auto, Domain::OneOf(MountingBy::NAMES), INACTIVE;
        /// The robot's own frame, in which plans are expressed: x forward, y left, z up, z = 0 on the ground. Empty:
        /// `base_footprint` where tf connects that with the camera, else `base_link`.
        base_frame: String = String::new(), Domain::FrameId, INACTIVE;
        /// Position of the camera ahead of the origin of `base_frame`, in meters.
        mount_x_m: f64 = 0.0, OFFSET_M, INACTIVE;
        /// Position of the camera left of the origin of `base_frame`, in meters.
        mount_y_m: f64 = 0.0, OFFSET_M, INACTIVE;
        /// Height of the camera above the ground, in meters.
        mount_z_m: f64 = 1.0, DISTANCE_M, INACTIVE;
        /// Rotation of the camera's body (x forward) about x, in radians.
        mount_roll_rad: f64 = 0.0, HALF_TURN_RAD, INACTIVE;
        /// Rotation of the camera's body about y, in radians; positive looks down.
        mount_pitch_rad: f64 = 0.0, QUARTER_TURN_RAD, INACTIVE;
        /// Rotation of the camera's body about z, in radians; positive looks to the left.
        mount_yaw_rad: f64 = 0.0, HALF_TURN_RAD, INACTIVE;
    }
    "Planning" {
        /// Width in meters of the corridor ahead that the robot needs free.
        corridor_width_m: f64 = 1.2, Domain::Numbers { min: 0.1, max: 100.0 }, LIVE;
        /// Length of that corridor in meters. It must hold the way that the robot needs to stop from `max_speed_mps`.
        corridor_length_m: f64 = 20.0, Domain::Numbers { min: 0.5, max: 1000.0 }, LIVE;
        /// Distance in meters that is left to an obstacle after a stop.
        stop_margin_m: f64 = 0.5, DISTANCE_M, LIVE;
        /// How hard the robot brakes, in m/s².
        deceleration_mps2: f64 = 1.0, Domain::Numbers { min: 0.01, max: 50.0 }, LIVE;
        /// How far the robot reaches behind the origin of `base_frame`, in meters. What is further behind is not in the
        /// way.
        rear_extent_m: f64 = 0.5, DISTANCE_M, LIVE;
        /// Time from the moment of the image to the moment at which the brakes act.
        latency_budget_ms: i64 = 300, Domain::Integers { min: 0, max: 60_000 }, LIVE;
        /// The robot's highest speed, in m/s.
        max_speed_mps: f64 = 1.5, Domain::Numbers { min: 0.01, max: 100.0 }, LIVE;
        /// The speed limit while an obstacle has no place on the ground (without camera_info, or with its foot hidden),
        /// and while the robot drives backwards or sideways, where no camera looks. Whatever it is, such a plan is not
        /// `proceed`.
        unplaced_speed_mps: f64 = 0.3, DISTANCE_M, LIVE;
        /// The speed that is planned with when odometry is absent or too old; at most `max_speed_mps`.
        assumed_speed_mps: f64 = 1.0, DISTANCE_M, LIVE;
        /// Age of the odometry, against the image's stamp, beyond which `assumed_speed_mps` serves.
        odom_max_age_ms: i64 = 500, PERIOD_MS, LIVE;
        /// How long nothing must have asked for a stop, or for a slow, before it is taken back.
        clear_after_ms: i64 = 1000, PERIOD_OR_ZERO_MS, LIVE;
        /// How much farther than its limit an obstacle must be before a stop or a slow is taken back, in meters.
        distance_hysteresis_m: f64 = 0.3, DISTANCE_M, LIVE;
        /// Distance in meters between two poses of the path.
        path_spacing_m: f64 = 0.25, Domain::Numbers { min: 0.01, max: 100.0 }, LIVE;
        /// How long a plan holds, from its stamp; at most `max_age_ms`, so that no plan outlives the watchdog's stop. Where
        /// it is not set, `max_age_ms` if that is less.
        plan_valid_for_ms: i64 = 500, PERIOD_MS, LIVE;
        /// A box of at least this score is an obstacle from its first frame on, whatever tracking makes of it; below, once
        /// it has a track.
        obstacle_score: f64 = 0.5, Domain::Numbers { min: 0.01, max: 0.8 }, LIVE;
        /// Names of the classes that are obstacles, wherever they are and whether they are published or not. Empty: all,
        /// but for what is known not to move by itself and is off the ground (a screen on a wall, a cup on a table; see
        /// docs/planning.md). `[""]` is empty too.
        obstacle_classes: Vec<String> = Vec::new(), Domain::Texts { may_be_empty: true }, LIVE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_in_its_own_range() {
        let config = Config::default();
        for parameter in PARAMETERS {
            let value = (parameter.get)(&config);
            assert_eq!(parameter.domain.check(&value), Ok(value), "{}", parameter.name);
        }
    }

    #[test]
    fn every_value_that_the_domain_allows_fits_the_field() {
        for parameter in PARAMETERS {
            let extremes = match parameter.domain {
                Domain::Integers { min, max } => vec![ParameterValue::Integer(min), ParameterValue::Integer(max)],
                Domain::Numbers { min, max } => vec![ParameterValue::Double(min), ParameterValue::Double(max)],
                Domain::OneOf(names) => names.iter().map(|&name| ParameterValue::String(name.to_owned())).collect(),
                Domain::SomeOf(names) => {
                    vec![ParameterValue::StringArray(names.iter().map(|&name| name.to_owned()).collect())]
                }
                _ => Vec::new(),
            };
            for value in extremes {
                let mut config = Config::default();
                assert!((parameter.set)(&mut config, &value), "{} {value}", parameter.name);
                assert_eq!((parameter.get)(&config), value, "{}", parameter.name);
            }
        }
    }
}
