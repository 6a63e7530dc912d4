//! Values that are each allowed and do not go together.

use super::error::{ConfigError, Origin, Shown};
use super::naming::CameraName;
use super::parameters::Config;
use super::sources::sheet::Effective;
use crate::types::ParameterValue;
use std::collections::BTreeMap;

/// Fills in the defaults that depend on other values: neither does a plan hold longer than a frame may be old,
/// nor does a frame wait longer for tf.
pub(super) fn complete(config: &mut Config, settings: &BTreeMap<String, Effective>) {
    if !settings.contains_key("tf_wait_ms") {
        config.tf_wait_ms = config.tf_wait_ms.min(config.max_age_ms);
    }
    if !settings.contains_key("plan_valid_for_ms") {
        config.plan_valid_for_ms = config.plan_valid_for_ms.min(config.max_age_ms);
    }
}

/// Checks the pairs; `settings` says where each value was set.
pub(super) fn check(config: &Config, settings: &BTreeMap<String, Effective>) -> Result<(), ConfigError> {
    let shown = |key: &str| {
        let setting = settings.get(key);
        let value = config.value(key).as_ref().or(setting.map(|setting| &setting.value)).map(ParameterValue::to_string);
        let origin = setting.map_or(Origin::Default, |setting| setting.origin.clone());
        Shown { key: key.to_owned(), value: value.unwrap_or_default(), origin }
    };
    let refuse = |holds: bool, left: &str, relation, right: &str| {
        if holds {
            Ok(())
        } else {
            Err(ConfigError::Inconsistent { left: shown(left), relation, right: Box::new(shown(right)) })
        }
    };
    if let Some(key) = config.camera_overrides.of_others(&config.cameras).next() {
        refuse(false, &key, "only where its camera is one of", "cameras")?;
    }
    let c = config;
    refuse(c.camera_info_wait_ms <= c.max_age_ms, "camera_info_wait_ms", "at most", "max_age_ms")?;
    refuse(c.tf_wait_ms <= c.max_age_ms, "tf_wait_ms", "at most", "max_age_ms")?;
    refuse(c.track_low_score < c.track_high_score, "track_low_score", "below", "track_high_score")?;
    refuse(c.track_high_score <= c.track_new_score, "track_high_score", "at most", "track_new_score")?;
    refuse(c.track_new_score <= c.obstacle_score, "track_new_score", "at most", "obstacle_score")?;
    refuse(c.plan_valid_for_ms <= c.max_age_ms, "plan_valid_for_ms", "at most", "max_age_ms")?;
    refuse(c.assumed_speed_mps <= c.max_speed_mps, "assumed_speed_mps", "at most", "max_speed_mps")?;
    refuse(c.path_spacing_m <= c.corridor_length_m, "path_spacing_m", "at most", "corridor_length_m")?;
    refuse(c.distance_hysteresis_m <= c.corridor_length_m, "distance_hysteresis_m", "at most", "corridor_length_m")?;
    let is_often_enough = |c: &Config| c.max_rate_hz == 0.0 || 1000.0 / c.max_rate_hz <= c.max_age_ms as f64;
    refuse(is_often_enough(c), "max_rate_hz", "at least one picture in", "max_age_ms")?;
    for camera in &c.cameras {
        let own = c.of_camera(&CameraName::new(camera));
        let key = |name: &str| format!("{camera}.{name}");
        refuse(is_often_enough(&own), &key("max_rate_hz"), "at least one picture in", "max_age_ms")?;
        let waits = own.camera_info_wait_ms <= own.max_age_ms;
        refuse(waits, &key("camera_info_wait_ms"), "at most", "max_age_ms")?;
    }
    let needed_m = stopping_distance_m(config);
    if needed_m > config.corridor_length_m {
        return Err(ConfigError::CorridorTooShort { length: shown("corridor_length_m"), needed_m });
    }
    Ok(())
}

/// From `max_speed_mps`: the way of the reaction time, the way of braking, the margin.
fn stopping_distance_m(config: &Config) -> f64 {
    let speed_mps = config.max_speed_mps;
    // At most 60,000 ms: exact in f64.
    let reaction_s = config.latency_budget_ms as f64 / 1000.0;
    speed_mps * reaction_s + speed_mps.powi(2) / (2.0 * config.deceleration_mps2) + config.stop_margin_m
}

/// What the time between the images makes of a parameter that is right by itself. The time shows only while the node runs.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PeriodWarning {
    /// No track lives to its second box.
    #[error(
        "images come every {period_ms:.0} ms and track_max_unseen_ms is {max_unseen_ms}: nothing is ever a track, expected \
         more than twice the time between images"
    )]
    NoTracks {
        /// From image to image.
        period_ms: f64,
        /// `track_max_unseen_ms`.
        max_unseen_ms: i64,
    },
    /// Every plan has run out before the next one comes, and the planner begins at `stop` each time.
    #[error(
        "images come every {period_ms:.0} ms and plan_valid_for_ms is {valid_for_ms}: every plan has run out before the \
         next one, and begins at stop"
    )]
    PlansRunOut {
        /// From image to image.
        period_ms: f64,
        /// `plan_valid_for_ms`.
        valid_for_ms: i64,
    },
    /// Nothing has a track before a stop is taken back, so that poor boxes are not planned with by then.
    #[error(
        "images come every {period_ms:.0} ms and a track takes {confirm_frames} of them, longer than clear_after_ms, \
         {clear_after_ms}: boxes below obstacle_score do not count before a stop is taken back"
    )]
    LateTracks {
        /// From image to image.
        period_ms: f64,
        /// `track_confirm_frames`.
        confirm_frames: usize,
        /// `clear_after_ms`.
        clear_after_ms: i64,
    },
}

impl Config {
    /// What is to be warned about when images come every `period_ms` milliseconds, as measured; nothing for a number that
    /// is no time. The plan stays careful in each case: boxes of `obstacle_score` need no track.
    pub fn period_warnings(&self, period_ms: f64) -> Vec<PeriodWarning> {
        let (max_unseen_ms, valid_for_ms) = (self.track_max_unseen_ms, self.plan_valid_for_ms);
        let (confirm_frames, clear_after_ms) = (self.track_confirm_frames, self.clear_after_ms);
        let confirm_ms = period_ms * confirm_frames.saturating_sub(1) as f64;
        // Milliseconds of at most ten minutes: exact in f64.
        let no_tracks =
            (period_ms > max_unseen_ms as f64).then_some(PeriodWarning::NoTracks { period_ms, max_unseen_ms });
        let run_out =
            (period_ms > valid_for_ms as f64).then_some(PeriodWarning::PlansRunOut { period_ms, valid_for_ms });
        let late = (confirm_ms > clear_after_ms as f64).then_some(PeriodWarning::LateTracks {
            period_ms,
            confirm_frames,
            clear_after_ms,
        });
        [no_tracks, run_out, late].into_iter().flatten().filter(|_| period_ms.is_finite()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(config: &Config, period_ms: f64) -> Vec<String> {
        config.period_warnings(period_ms).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_defaults_are_right_for_cameras_from_60_hz_down_to_2() {
        for period_ms in [1000.0 / 60.0, 33.3, 100.0, 500.0] {
            assert_eq!(said(&Config::default(), period_ms), [""; 0], "{period_ms}");
        }
        assert_eq!(said(&Config::default(), f64::NAN), [""; 0]);
        assert_eq!(said(&Config::default(), f64::INFINITY), [""; 0]);
    }

    #[test]
    fn parameters_that_the_frame_period_makes_useless_are_named_with_both_numbers() {
        let config = Config { track_max_unseen_ms: 80, ..Config::default() };
        assert_eq!(
            said(&config, 100.0),
            [
                "images come every 100 ms and track_max_unseen_ms is 80: nothing is ever a track, expected more than twice \
              the time between images"
            ]
        );
        assert!(said(&Config::default(), 600.0)[0].contains("plan_valid_for_ms is 500: every plan has run out"));
        let config = Config { track_confirm_frames: 12, ..Config::default() };
        assert!(said(&config, 100.0)[0].contains("a track takes 12 of them, longer than clear_after_ms, 1000"));
    }
}
