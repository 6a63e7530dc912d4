//! The parameters of one camera: its own, `<camera>.<parameter>`, where it has them, else those of all.

use super::naming::CameraName;
use super::parameters::{Config, PARAMETERS, Parameter};
use crate::types::ParameterValue;

/// The parameters of which each camera may have a value of its own.
const OF_CAMERA: [&str; 21] = [
    "camera_required",
    "camera_deadline_ms",
    "image_transport",
    "camera_info_file",
    "image_is_rectified",
    "image_stamp",
    "max_rate_hz",
    "blind_min_side_px",
    "blind_dark_luma",
    "blind_bright_luma",
    "blind_min_contrast",
    "blind_min_sharpness",
    "blind_frozen_ms",
    "mounting",
    "mount_x_m",
    "mount_y_m",
    "mount_z_m",
    "mount_roll_rad",
    "mount_pitch_rad",
    "mount_yaw_rad",
    "camera_info_wait_ms",
];

/// The camera and the parameter that a key such as `front.mount_x_m` names.
pub(super) fn parts(key: &str) -> Option<(&str, &'static Parameter)> {
    let (camera, name) = key.split_once('.')?;
    let is_meant = |parameter: &&Parameter| parameter.name == name && OF_CAMERA.contains(&name);
    Some((camera, PARAMETERS.iter().find(is_meant)?))
}

/// The names of the parameters that a camera may have.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OF_CAMERA.into_iter()
}

impl Config {
    /// The cameras, in the order of the parameter `cameras`: one without a name where that is empty.
    pub fn camera_names(&self) -> Vec<CameraName> {
        if self.cameras.is_empty() {
            return vec![CameraName::default()];
        }
        self.cameras.iter().map(|name| CameraName::new(name)).collect()
    }

    /// The parameters as they hold for one camera: those of its own in the place of those of all.
    #[must_use]
    pub fn of_camera(&self, camera: &CameraName) -> Self {
        let mut config = self.clone();
        for (of, name, value) in self.camera_overrides.iter() {
            if of == camera.as_str()
                && let Some(parameter) = PARAMETERS.iter().find(|parameter| parameter.name == name)
            {
                // It was checked when it was set.
                let _ = (parameter.set)(&mut config, value);
            }
        }
        config
    }

    /// Every parameter of every named camera with its value: the camera's own, or that of all.
    pub(super) fn camera_entries(&self) -> impl Iterator<Item = (String, ParameterValue)> {
        let of_camera = |camera: &String| {
            let entries = names().filter_map(|name| {
                let key = format!("{camera}.{name}");
                let value = self.camera_value(&key)?;
                Some((key, value))
            });
            entries.collect::<Vec<_>>()
        };
        self.cameras.iter().flat_map(of_camera)
    }

    /// The value of a key such as `front.mount_x_m`, where there is such a camera.
    pub(super) fn camera_value(&self, key: &str) -> Option<ParameterValue> {
        let (camera, parameter) = parts(key)?;
        let is_there = self.cameras.iter().any(|name| name == camera);
        let own = || self.camera_overrides.get(camera, parameter.name).cloned();
        is_there.then(|| own().unwrap_or_else(|| (parameter.get)(self)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NodeName, ParameterSource};
    use super::*;

    fn loaded(overrides: &[&str]) -> Result<Config, String> {
        let sources: Vec<_> = overrides.iter().map(|text| ParameterSource::Override(text.parse().unwrap())).collect();
        Config::load(&NodeName::default(), &sources).map(|loaded| loaded.config).map_err(|error| error.to_string())
    }

    #[test]
    fn every_parameter_of_a_camera_is_one_of_the_table() {
        assert!(names().all(|name| PARAMETERS.iter().any(|parameter| parameter.name == name)));
    }

    #[test]
    fn a_camera_has_its_own_values_and_those_of_all_for_the_rest() {
        let config = loaded(&["cameras:=[front, rear]", "mount_z_m:=0.8", "rear.mount_x_m:=-0.3", "max_rate_hz:=10.0"]);
        let config = config.unwrap();
        let [front, rear] = [0, 1].map(|at| config.of_camera(&config.camera_names()[at]));
        assert_eq!((front.mount_x_m, front.mount_z_m, front.max_rate_hz), (0.0, 0.8, 10.0));
        assert_eq!((rear.mount_x_m, rear.mount_z_m, rear.max_rate_hz), (-0.3, 0.8, 10.0));
        assert_eq!(config.value("rear.mount_x_m"), Some(ParameterValue::Double(-0.3)));
        assert_eq!(config.value("front.mount_z_m"), Some(ParameterValue::Double(0.8)));
        assert_eq!((config.value("left.mount_x_m"), config.value("front.max_age_ms")), (None, None));
        let entries: Vec<String> = config.entries().map(|(key, _)| key).collect();
        assert!(entries.contains(&"front.camera_required".to_owned()));
        assert_eq!(Config::default().camera_names(), [CameraName::default()]);
        assert!(!Config::default().entries().any(|(key, _)| key.contains('.')));
    }

    #[test]
    fn a_camera_that_is_none_and_a_value_that_is_none_are_refused_by_name() {
        for (overrides, words) in [
            (
                &["cameras:=[front]", "left.mount_x_m:=1.0"][..],
                "left.mount_x_m is 1.0 (-p left.mount_x_m:=1.0), expected only where its camera is one of cameras, which is \
                 [\"front\"] (-p cameras:=[front])",
            ),
            (
                &["cameras:=[front]", "front.mount_x_m:=far"],
                "-p front.mount_x_m:=far: front.mount_x_m is \"far\" (string), expected a number from -100 to 100",
            ),
            (
                &["cameras:=[front]", "front.mount_xm:=1.0"],
                "-p front.mount_xm:=1.0: there is no parameter front.mount_xm, the nearest is front.mount_x_m",
            ),
            (
                &["cameras:=[front]", "front.max_rate_hz:=1.0"],
                "front.max_rate_hz is 1.0 (-p front.max_rate_hz:=1.0), expected at least one picture in max_age_ms, which \
                 is 500 (default)",
            ),
        ] {
            assert_eq!(loaded(overrides).unwrap_err(), words);
        }
    }

    #[test]
    fn a_cameras_rate_changes_while_the_node_runs_and_its_mounting_and_the_cameras_do_not() {
        let config = loaded(&["cameras:=[front, rear]"]).unwrap();
        let changed = |key: &str, value| config.changed(&[(key.to_owned(), ParameterValue::Double(value))], true);
        let slower = changed("rear.max_rate_hz", 5.0).unwrap();
        assert_eq!(slower.of_camera(&slower.camera_names()[1]).max_rate_hz, 5.0);
        assert_eq!(config.difference(&slower), [("rear.max_rate_hz".to_owned(), ParameterValue::Double(5.0))]);
        assert!(config.loads_as(&slower));
        assert!(changed("rear.mount_x_m", 1.0).unwrap_err().to_string().contains("deactivate it first"));
        assert!(changed("rear.mount_x_m", 0.0).is_ok(), "what it is already");
        assert!(changed("left.max_rate_hz", 5.0).unwrap_err().to_string().contains("one of cameras"));
        let cameras = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            ("cameras".to_owned(), ParameterValue::StringArray(names))
        };
        let double = |key: &str, value| (key.to_owned(), ParameterValue::Double(value));
        assert!(config.changed(&[cameras(&["front"])], true).unwrap_err().to_string().contains("deactivate it first"));
        let own = config.changed(&[double("rear.mount_x_m", 1.0)], false).unwrap();
        let front = own.changed(&[cameras(&["front"])], false).unwrap();
        assert!(front.value("rear.mount_x_m").is_none() && !own.loads_as(&front));
        let again = front.changed(&[double("rear.mount_x_m", 2.0), cameras(&["front", "rear"])], false).unwrap();
        assert_eq!(again.value("rear.mount_x_m"), Some(ParameterValue::Double(2.0)), "in either order");
        let moved = config.changed(&[("rear.mount_x_m".to_owned(), ParameterValue::Double(1.0))], false).unwrap();
        assert!(!config.loads_as(&moved));
    }
}
