//! From the flat parameters of [`Config`] to what each room takes.

use crate::config;
use crate::config::Config;
use crate::infer::{Precision, Provider, ProviderPolicy, SessionOptions, TensorRtOptions};
use crate::planning::{Needed, Obstacles, PlanningParams};
use crate::spatial::Mounting;
use crate::tracking::TrackingParams;
use crate::types::{FrameId, Sampling};
use crate::vision::BlindParams;
use crate::zoo::Thresholds;
use crate::zoo::prompt::Matching;
use std::path::PathBuf;
use std::thread;

pub(crate) const fn ns_from_ms(ms: i64) -> i64 {
    ms.saturating_mul(1_000_000)
}

/// Scores and overlaps lie between 0 and 1.
#[expect(clippy::cast_possible_truncation, reason = "the nearest f32 of a share is what is wanted")]
fn share(value: f64) -> f32 {
    value as f32
}

/// Periods are checked to lie below ten minutes.
fn ms(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Counts and lumas are checked to fit.
pub(crate) fn blindness(config: &Config) -> BlindParams {
    let luma = |value: usize| u8::try_from(value).unwrap_or(u8::MAX);
    BlindParams {
        min_side_px: u32::try_from(config.blind_min_side_px).unwrap_or(u32::MAX),
        dark_luma: luma(config.blind_dark_luma),
        bright_luma: luma(config.blind_bright_luma),
        min_contrast: share(config.blind_min_contrast),
        min_sharpness: share(config.blind_min_sharpness),
        frozen_ms: ms(config.blind_frozen_ms),
    }
}

/// When a prompt takes a box of a detector with fixed classes.
pub(crate) fn matching(config: &Config) -> Matching {
    Matching { min_similarity: share(config.prompt_min_similarity), min_lead: share(config.prompt_min_lead) }
}

/// What is published, of all classes; which of them are is for [`ClassChoice`](super::class_choice::ClassChoice) to say.
pub(crate) fn thresholds(config: &Config) -> Thresholds {
    Thresholds {
        score: share(config.score_threshold),
        iou: share(config.iou_threshold),
        max_detections: config.max_detections,
        classes: None,
    }
}

pub(crate) fn tracking(config: &Config) -> TrackingParams {
    TrackingParams {
        high_score: share(config.track_high_score),
        low_score: share(config.track_low_score),
        new_track_score: share(config.track_new_score),
        min_iou: share(config.track_min_iou),
        max_unseen_ms: ms(config.track_max_unseen_ms),
        confirm_frames: u32::try_from(config.track_confirm_frames).unwrap_or(u32::MAX),
    }
}

/// From this score on a box is planned with at once.
pub(crate) fn obstacle_score(config: &Config) -> f32 {
    share(config.obstacle_score)
}

/// The frame of plans until tf has placed a camera.
pub(crate) fn base_frame(config: &Config) -> FrameId {
    FrameId::new(if config.base_frame.is_empty() { "base_link" } else { &config.base_frame })
}

pub(crate) fn mounting(config: &Config) -> Mounting {
    Mounting {
        x_m: config.mount_x_m,
        y_m: config.mount_y_m,
        z_m: config.mount_z_m,
        roll_rad: config.mount_roll_rad,
        pitch_rad: config.mount_pitch_rad,
        yaw_rad: config.mount_yaw_rad,
    }
}

/// How the model is to be run. `engine_cache` is the folder for TensorRT's engines.
pub(crate) fn session(config: &Config, engine_cache: Option<PathBuf>) -> SessionOptions {
    SessionOptions {
        providers: providers(&config.providers),
        policy: match config.provider_policy {
            config::ProviderPolicy::Fallback => ProviderPolicy::Fallback,
            config::ProviderPolicy::Strict => ProviderPolicy::Strict,
        },
        spinning: config.intra_op_spinning,
        intra_op_threads: match config.intra_op_threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        },
        tensorrt: TensorRtOptions {
            precision: match config.tensorrt_precision {
                config::Precision::Auto => Precision::ByModel,
                config::Precision::Half => Precision::Half,
                config::Precision::Full => Precision::Full,
            },
            cache_dir: engine_cache,
            workspace_bytes: (config.tensorrt_workspace_mb as u64) << 20,
            ..TensorRtOptions::default()
        },
        cuda_memory_bytes: Some((config.cuda_memory_mb as u64) << 20).filter(|bytes| *bytes > 0),
        compares: config.compare_with_cpu,
        ..SessionOptions::default()
    }
}

fn providers(names: &[config::ProviderName]) -> Vec<Provider> {
    let provider = |name: &config::ProviderName| match name {
        config::ProviderName::TensorRt => Provider::TensorRt,
        config::ProviderName::Cuda => Provider::Cuda,
        config::ProviderName::Cpu => Provider::Cpu,
    };
    names.iter().map(provider).collect()
}

/// As [`session`], for the model that looks at the detector's boxes: in turn with the detector, so that its threads are
/// not to spin beside the detector's.
pub(crate) fn crop_session(config: &Config, engine_cache: Option<PathBuf>) -> SessionOptions {
    SessionOptions { spinning: false, ..session(config, engine_cache) }
}

/// As [`session`], for the reason model: with its own providers, and with its own threads, which leave the cores to
/// perceive when they wait.
pub(crate) fn reason_session(config: &Config, engine_cache: Option<PathBuf>) -> SessionOptions {
    let of_detector = session(config, engine_cache);
    SessionOptions {
        providers: providers(&config.reason_providers),
        spinning: false,
        intra_op_threads: match config.reason_threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        },
        ..of_detector
    }
}

/// How the reason model chooses its words.
#[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is what is wanted")]
pub(crate) fn sampling(config: &Config) -> Sampling {
    if config.reason_temperature > 0.0 {
        Sampling::Random {
            temperature: config.reason_temperature as f32,
            top_p: config.reason_top_p as f32,
            seed: config.reason_seed.unsigned_abs(),
        }
    } else {
        Sampling::Greedy
    }
}

/// For all classes as obstacles; which of them are is for [`ClassChoice`](super::class_choice::ClassChoice) to say.
pub(crate) fn planning(config: &Config) -> PlanningParams {
    PlanningParams {
        corridor_width_m: config.corridor_width_m,
        corridor_length_m: config.corridor_length_m,
        stop_margin_m: config.stop_margin_m,
        rear_extent_m: config.rear_extent_m,
        deceleration_mps2: config.deceleration_mps2,
        latency_budget_ms: ms(config.latency_budget_ms),
        max_speed_mps: config.max_speed_mps,
        unplaced_speed_mps: config.unplaced_speed_mps,
        clear_after_ms: ms(config.clear_after_ms),
        distance_hysteresis_m: config.distance_hysteresis_m,
        path_spacing_m: config.path_spacing_m,
        valid_for_ms: ms(config.plan_valid_for_ms),
        proposal_max_age_ms: ms(config.proposal_max_age_ms),
        base_frame: base_frame(config),
        obstacles: Obstacles::default(),
        cameras: needed(config),
        max_sight_age_ms: ms(config.max_age_ms),
    }
}

/// The named cameras, and whether plans need each.
fn needed(config: &Config) -> Vec<Needed> {
    let needed = |name: &String| {
        let own = config.of_camera(&config::CameraName::new(name));
        Needed { name: name.clone(), is_required: own.camera_required }
    };
    config.cameras.iter().map(needed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rooms_defaults_are_the_documented_ones() {
        let config = Config::default();
        assert_eq!(blindness(&config), BlindParams::default());
        assert_eq!(tracking(&config), TrackingParams::default());
        assert_eq!(planning(&config), PlanningParams::default());
        assert_eq!(matching(&config), Matching::default());
        let of_rooms = SessionOptions::default();
        let ours = session(&config, None);
        assert_eq!((ours.providers, ours.policy), (of_rooms.providers, of_rooms.policy));
        assert_eq!(ours.intra_op_threads, of_rooms.intra_op_threads);
    }

    #[test]
    fn words_are_the_likeliest_ones_until_there_is_a_temperature() {
        assert_eq!(sampling(&Config::default()), Sampling::Greedy);
        let config = Config { reason_temperature: 0.5, reason_top_p: 0.75, reason_seed: 7, ..Config::default() };
        assert_eq!(sampling(&config), Sampling::Random { temperature: 0.5, top_p: 0.75, seed: 7 });
    }

    #[test]
    fn the_reason_model_has_its_own_threads_and_providers() {
        let config = Config { intra_op_threads: 4, ..Config::default() };
        assert_eq!(reason_session(&config, None).intra_op_threads, 1);
        assert_eq!(session(&config, None).intra_op_threads, 4);
        assert_eq!(reason_session(&config, None).providers, [Provider::Cuda, Provider::Cpu]);
        assert_eq!(session(&config, None).providers, Provider::ALL);
    }

    #[test]
    fn no_limit_of_memory_is_none() {
        assert_eq!(session(&Config::default(), None).cuda_memory_bytes, None);
        let config = Config { cuda_memory_mb: 2048, ..Config::default() };
        assert_eq!(session(&config, None).cuda_memory_bytes, Some(2 << 30));
    }
}
