//! Changes of parameters while the node runs: all of a request, or nothing of it.

use super::consistency;
use super::error::{ConfigError, Origin};
use super::parameters::{Config, PARAMETERS, When};
use super::qos_overrides;
use super::sources::sheet::Effective;
use crate::types::ParameterValue;
use std::collections::BTreeMap;

/// Why parameters do not change.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such parameter, its value is none, or it does not go together with another one.
    #[error(transparent)]
    Value(#[from] ConfigError),
    /// It never changes. The words are rclcpp's.
    #[error("parameter '{key}' cannot be set because it is read-only: it is read when the node starts")]
    ReadOnly {
        /// The parameter.
        key: String,
    },
    /// Not while the node is active.
    #[error("parameter '{key}' cannot be set while the node is active: deactivate it first")]
    Active {
        /// The parameter.
        key: String,
    },
}

impl Config {
    /// These parameters with others in the place of some, in the order given; `is_active` is the node's state.
    ///
    /// `plan_valid_for_ms` follows `max_age_ms` down where the two were equal and only that one is given. Where a camera goes,
    /// what was set for it alone goes too.
    ///
    /// # Errors
    /// [`ChangeError`], naming the parameter, its value and what was expected; nothing then changes.
    pub fn changed(&self, changes: &[(String, ParameterValue)], is_active: bool) -> Result<Self, ChangeError> {
        let mut config = self.clone();
        let in_force = |(key, value)| (key, Effective { value, origin: Origin::InForce, is_own: true });
        let mut settings: BTreeMap<String, Effective> = self.entries().map(in_force).collect();
        for (key, value) in changes {
            let setting = requested(value);
            config.apply(key, &setting)?;
            let is_qos = key.starts_with(qos_overrides::PREFIX);
            let row = Self::parameter(key);
            match row.map(|row| row.when) {
                Some(When::Live) => {}
                Some(When::Inactive) if !is_active => {}
                // What changes nothing is refused to nobody: a client may set all that it has got.
                Some(_) if config.value(key) == self.value(key) => {}
                Some(When::Inactive) => return Err(ChangeError::Active { key: key.clone() }),
                None if is_qos && config.qos_overrides == self.qos_overrides => {}
                Some(When::Start) | None => return Err(ChangeError::ReadOnly { key: key.clone() }),
            }
            settings.insert(key.clone(), setting);
        }
        let is_given = |key: &str| changes.iter().any(|(given, _)| given == key);
        // With a camera its own parameters go.
        let of_others: Vec<String> = config.camera_overrides.of_others(&config.cameras).collect();
        of_others.iter().filter(|key| !is_given(key)).for_each(|key| config.camera_overrides.remove(key));
        if self.plan_valid_for_ms == self.max_age_ms && !is_given("plan_valid_for_ms") {
            config.plan_valid_for_ms = config.plan_valid_for_ms.min(config.max_age_ms);
        }
        consistency::check(&config, &settings)?;
        Ok(config)
    }

    /// These parameters with the ones of a recording in their places, whatever they are about; nothing is checked but each
    /// value by itself. What there is no more, or takes no such value, is left out.
    #[must_use]
    pub fn recorded(mut self, parameters: &[(String, ParameterValue)]) -> Self {
        for (key, value) in parameters {
            // A refusal leaves all as it was.
            let _ = self.apply(key, &requested(value));
        }
        self
    }

    /// What `other` has otherwise than these, in the order of the table, and behind that of the cameras.
    pub fn difference(&self, other: &Self) -> Vec<(String, ParameterValue)> {
        let differs = |parameter: &&super::Parameter| (parameter.get)(self) != (parameter.get)(other);
        let entry = |parameter: &super::Parameter| (parameter.name.to_owned(), (parameter.get)(other));
        let of_cameras = other.camera_entries().filter(|(key, value)| self.camera_value(key).as_ref() != Some(value));
        PARAMETERS.iter().filter(differs).map(entry).chain(of_cameras).collect()
    }

    /// Whether what is loaded with these parameters is what would be with `other`: they differ in nothing, or only in what
    /// may change at any time.
    pub fn loads_as(&self, other: &Self) -> bool {
        let is_live = |parameter: &&super::Parameter| parameter.when == When::Live;
        let is_same = |(key, value): (String, ParameterValue)| {
            Self::parameter(&key).is_some_and(|parameter| is_live(&parameter)) || self.camera_value(&key) == Some(value)
        };
        PARAMETERS.iter().all(|parameter| is_live(&parameter) || (parameter.get)(self) == (parameter.get)(other))
            && other.camera_entries().all(is_same)
    }
}

/// A value that a client wants, or a recording has.
fn requested(value: &ParameterValue) -> Effective {
    Effective { value: value.clone(), origin: Origin::Request, is_own: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(pairs: &[(&str, ParameterValue)]) -> Vec<(String, ParameterValue)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }

    fn refusal(pairs: &[(&str, ParameterValue)], is_active: bool) -> String {
        Config::default().changed(&changes(pairs), is_active).unwrap_err().to_string()
    }

    use ParameterValue::{Bool, Double, Integer, String as Text, StringArray};

    #[test]
    fn a_request_is_taken_whole() {
        let config = Config::default();
        let wanted = changes(&[
            ("score_threshold", Double(0.5)),
            ("max_speed_mps", Integer(1)),
            ("prompts", StringArray(vec!["pedestrian".to_owned()])),
        ]);
        let changed = config.changed(&wanted, true).unwrap();
        assert_eq!((changed.score_threshold, changed.max_speed_mps), (0.5, 1.0), "an integer is a number");
        let difference = config.difference(&changed);
        let names: Vec<&str> = difference.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["prompts", "score_threshold", "max_speed_mps"]);
        assert_eq!(config.changed(&difference, true).unwrap(), changed);
        assert!(config.loads_as(&changed) && config.difference(&config).is_empty());
    }

    #[test]
    fn one_bad_value_refuses_all_of_a_request_and_is_named() {
        assert_eq!(
            refusal(&[("iou_threshold", Double(0.5)), ("score_threshold", Double(1.5))], true),
            "score_threshold is 1.5, expected a number from 0 to 1"
        );
        assert_eq!(
            refusal(&[("score_threshold", Text("high".to_owned()))], true),
            "score_threshold is \"high\" (string), expected a number from 0 to 1"
        );
        assert_eq!(
            refusal(&[("score_treshold", Double(0.5))], true),
            "there is no parameter score_treshold, the nearest is score_threshold"
        );
        assert_eq!(
            refusal(&[("track_low_score", Double(0.45))], true),
            "track_low_score is 0.45, expected below track_high_score, which is 0.4 (in force)"
        );
        let apart = [("track_low_score", Double(0.45)), ("track_high_score", Double(0.46))];
        let both = [apart[0].clone(), apart[1].clone(), ("track_new_score", Double(0.47))];
        assert!(refusal(&apart, true).contains("track_new_score"));
        assert!(Config::default().changed(&changes(&both), true).is_ok(), "together they are right");
    }

    #[test]
    fn what_is_loaded_changes_only_while_the_node_is_not_active() {
        let model = [("model", Text("rtdetr_v2_r18vd".to_owned()))];
        assert_eq!(
            refusal(&model, true),
            "parameter 'model' cannot be set while the node is active: deactivate it first"
        );
        let changed = Config::default().changed(&changes(&model), false).unwrap();
        assert!(!Config::default().loads_as(&changed));
        for is_active in [false, true] {
            assert!(refusal(&[("use_sim_time", Bool(true))], is_active).contains("read-only"));
            assert!(
                refusal(&[("qos_overrides./image.subscription.depth", Integer(3))], is_active).contains("read-only")
            );
            let same = changes(&[("use_sim_time", Bool(false)), ("model", Text("yolov12n".to_owned()))]);
            assert_eq!(Config::default().changed(&same, is_active).unwrap(), Config::default());
        }
    }

    #[test]
    fn a_plan_holds_no_longer_than_an_image_may_be_old() {
        let changed = Config::default().changed(&changes(&[("max_age_ms", Integer(200))]), true).unwrap();
        assert_eq!(changed.plan_valid_for_ms, 200);
        let own = Config { plan_valid_for_ms: 300, ..Config::default() };
        let error = own.changed(&changes(&[("max_age_ms", Integer(200))]), true).unwrap_err().to_string();
        assert_eq!(error, "plan_valid_for_ms is 300 (in force), expected at most max_age_ms, which is 200");
    }
}
