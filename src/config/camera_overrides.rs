//! What one camera has otherwise than the others: `<camera>.<parameter>`.

use crate::types::ParameterValue;
use std::collections::BTreeMap;

/// The values that are set for single cameras, by camera and parameter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CameraOverrides(BTreeMap<(String, &'static str), ParameterValue>);

impl CameraOverrides {
    /// Camera, parameter and value of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &'static str, &ParameterValue)> {
        self.0.iter().map(|((camera, parameter), value)| (camera.as_str(), *parameter, value))
    }

    pub(super) fn get(&self, camera: &str, parameter: &'static str) -> Option<&ParameterValue> {
        self.0.get(&(camera.to_owned(), parameter))
    }

    pub(super) fn set(&mut self, camera: &str, parameter: &'static str, value: ParameterValue) {
        self.0.insert((camera.to_owned(), parameter), value);
    }

    /// The keys of those whose camera is none of these.
    pub(super) fn of_others<'a>(&'a self, cameras: &'a [String]) -> impl Iterator<Item = String> + 'a {
        let others = self.0.keys().filter(|(camera, _)| !cameras.contains(camera));
        others.map(|(camera, parameter)| format!("{camera}.{parameter}"))
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.0.retain(|(camera, parameter), _| key.split_once('.') != Some((camera.as_str(), parameter)));
    }
}
