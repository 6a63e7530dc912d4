//! Values that are each allowed and do not go together.

use super::error::{ConfigError, Origin, Shown};
use super::parameters::{Config, PARAMETERS};
use super::sources::sheet::Effective;
use super::value::ParameterValue;
use std::collections::BTreeMap;

/// Checks the pairs; `settings` says where each value was set.
pub(super) fn check(config: &Config, settings: &BTreeMap<String, Effective>) -> Result<(), ConfigError> {
    let shown = |key: &'static str| {
        let value = PARAMETERS.iter().find(|parameter| parameter.name == key).map(|parameter| (parameter.get)(config));
        let value = value.as_ref().map(ParameterValue::to_string).unwrap_or_default();
        let origin = settings.get(key).map_or(Origin::Default, |setting| setting.origin.clone());
        Shown { key, value, origin }
    };
    let refuse = |holds: bool, left, relation, right| {
        if holds {
            Ok(())
        } else {
            Err(ConfigError::Inconsistent { left: shown(left), relation, right: Box::new(shown(right)) })
        }
    };
    let c = config;
    refuse(c.camera_info_wait_ms <= c.max_age_ms, "camera_info_wait_ms", "at most", "max_age_ms")?;
    refuse(c.track_low_score < c.track_high_score, "track_low_score", "below", "track_high_score")?;
    refuse(c.track_high_score <= c.track_new_score, "track_high_score", "at most", "track_new_score")?;
    refuse(c.assumed_speed_mps <= c.max_speed_mps, "assumed_speed_mps", "at most", "max_speed_mps")?;
    refuse(c.path_spacing_m <= c.corridor_length_m, "path_spacing_m", "at most", "corridor_length_m")?;
    refuse(c.distance_hysteresis_m <= c.corridor_length_m, "distance_hysteresis_m", "at most", "corridor_length_m")?;
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
