//! From files and overrides to a checked configuration.

use super::consistency;
use super::domain::{Domain, Refusal};
use super::error::{ConfigError, ConfigWarning, nearest};
use super::naming::NodeName;
use super::of_camera;
use super::parameters::{Config, PARAMETERS, Parameter};
use super::qos_overrides as qos;
use super::sources::sheet::{self, Effective, Sheet};
use super::sources::{self, ParameterSource};
use crate::types::{ParameterValue, Prompts};
use std::ffi::OsString;
use std::path::PathBuf;

/// A parameter that every rclcpp node has and that does nothing here.
const START_TYPE_DESCRIPTION_SERVICE: &str = "start_type_description_service";

/// A configuration and what its reader should tell the user.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The parameters.
    pub config: Config,
    /// To be logged, once.
    pub warnings: Vec<ConfigWarning>,
}

impl Config {
    /// Reads files and overrides in the order given, as rcl and rclcpp do for a node of this name.
    ///
    /// # Errors
    /// [`ConfigError`]: an unreadable file, what is no parameter file, and for parameters that hold for this node a
    /// wrong type, a value out of range, an unknown key, and values that do not go together.
    pub fn load(node: &NodeName, sources: &[ParameterSource]) -> Result<Loaded, ConfigError> {
        let mut sheet = Sheet::default();
        let mut unused_files = Vec::new();
        let full_name = node.to_string();
        for source in sources {
            match source {
                ParameterSource::File(path) => {
                    let text = sources::read(path)?;
                    let yaml = |problem| ConfigError::Yaml { path: path.clone(), problem };
                    let sections = sheet.add_text(path, &text).map_err(yaml)?;
                    if !sections.is_empty() && !sections.iter().any(|section| sheet::matches(section, &full_name)) {
                        unused_files.push(ConfigWarning::no_section(path, node, &sections));
                    }
                }
                ParameterSource::Override(over) => sheet.add_override(over),
            }
        }
        let mut loaded = Self::from_sheet(sheet, node)?;
        loaded.warnings.splice(0..0, unused_files);
        Ok(loaded)
    }

    pub(super) fn from_sheet(sheet: Sheet, node: &NodeName) -> Result<Loaded, ConfigError> {
        let mut warnings = Vec::new();
        let settings = sheet.into_effective(node, &mut warnings);
        let mut config = Self::default();
        for (key, setting) in &settings {
            warnings.extend(config.apply(key, setting)?);
        }
        if let Some(setting) = settings.get("prompts") {
            let hints = config.prompts.iter().filter_map(|prompt| Prompts::comma_hint(prompt));
            warnings.extend(hints.map(|hint| ConfigWarning::CommaInPrompt { origin: setting.origin.clone(), hint }));
        }
        // What a section for several nodes says of a camera that this one has not is meant for another node.
        let of_others: Vec<String> = config.camera_overrides.of_others(&config.cameras).collect();
        for key in of_others {
            if let Some(setting) = settings.get(&key).filter(|setting| !setting.is_own) {
                config.camera_overrides.remove(&key);
                let nearest = "cameras".to_owned();
                warnings.push(ConfigWarning::UnknownKey { origin: setting.origin.clone(), key, nearest });
            }
        }
        consistency::complete(&mut config, &settings);
        consistency::check(&config, &settings)?;
        Ok(Loaded { config, warnings })
    }

    pub(super) fn apply(&mut self, key: &str, setting: &Effective) -> Result<Option<ConfigWarning>, ConfigError> {
        let origin = || setting.origin.clone();
        let unknown = |nearest: String| {
            let key = key.to_owned();
            if setting.is_own {
                Err(ConfigError::UnknownKey { origin: origin(), key, nearest })
            } else {
                Ok(Some(ConfigWarning::UnknownKey { origin: origin(), key, nearest }))
            }
        };
        if let Some(rest) = key.strip_prefix(qos::PREFIX) {
            return match qos::apply(&mut self.qos_overrides, rest, &setting.value) {
                qos::Outcome::Applied => Ok(None),
                qos::Outcome::NotApplied => {
                    Ok(Some(ConfigWarning::NotApplied { origin: origin(), key: key.to_owned() }))
                }
                qos::Outcome::Unknown { nearest } => unknown(nearest),
                qos::Outcome::Refused(refusal, expected) => Err(refused(key, setting, refusal, expected)),
            };
        }
        if key == START_TYPE_DESCRIPTION_SERVICE {
            let checked = Domain::Flag.check(&setting.value);
            return checked.map(|_| None).map_err(|refusal| refused(key, setting, refusal, Domain::Flag.expected()));
        }
        let Some(parameter) = Self::parameter(key) else {
            let with_camera = key
                .split_once('.')
                .and_then(|(camera, name)| Some(format!("{camera}.{}", nearest(name, of_camera::names())?)));
            let of_all = || nearest(key, known_keys()).unwrap_or_default().to_owned();
            return unknown(with_camera.unwrap_or_else(of_all));
        };
        let expected = || parameter.domain.expected();
        let value = parameter.domain.check(&setting.value);
        let value = value.map_err(|refusal| refused(key, setting, refusal, expected()))?;
        if let Some((camera, parameter)) = of_camera::parts(key) {
            self.camera_overrides.set(camera, parameter.name, value);
            return Ok(None);
        }
        if (parameter.set)(self, &value) { Ok(None) } else { Err(refused(key, setting, Refusal::Type, expected())) }
    }

    /// The table of all parameters but the `qos_overrides`.
    pub fn parameters() -> &'static [Parameter] {
        PARAMETERS
    }

    /// The row of the table for a key: of a parameter's own name, or with a camera's name before it.
    pub fn parameter(key: &str) -> Option<&'static Parameter> {
        let of_all = PARAMETERS.iter().find(|parameter| parameter.name == key);
        of_all.or_else(|| of_camera::parts(key).map(|(_, parameter)| parameter))
    }

    /// Every parameter with its value, for the node to declare and `ros2 param` to show.
    pub fn entries(&self) -> impl Iterator<Item = (String, ParameterValue)> {
        let table = PARAMETERS.iter().map(|parameter| (parameter.name.to_owned(), (parameter.get)(self)));
        table.chain(self.camera_entries()).chain(qos::entries(&self.qos_overrides))
    }

    /// The value of the parameter with this name, if there is one.
    pub fn value(&self, name: &str) -> Option<ParameterValue> {
        let row = PARAMETERS.iter().find(|parameter| parameter.name == name).map(|parameter| (parameter.get)(self));
        let of_camera = || self.camera_value(name);
        row.or_else(of_camera)
            .or_else(|| qos::entries(&self.qos_overrides).find(|(key, _)| key == name).map(|(_, value)| value))
    }

    /// The folder for TensorRT's engines: `engine_cache_dir`, or where it is empty `vedette/engines` in the user's
    /// cache folder, which `variable` (the environment) tells. None without any of them.
    pub fn engine_cache_folder(&self, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
        if !self.engine_cache_dir.as_os_str().is_empty() {
            return Some(self.engine_cache_dir.clone());
        }
        // The XDG specification: relative paths in these variables are to be ignored.
        let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))?;
        Some(cache.join("vedette").join("engines"))
    }
}

fn refused(key: &str, setting: &Effective, refusal: Refusal, expected: String) -> ConfigError {
    let (key, origin) = (key.to_owned(), setting.origin.clone());
    let found: String = setting.value.to_string().chars().take(120).collect();
    match refusal {
        Refusal::Type => ConfigError::WrongType { origin, key, found, found_type: setting.value.type_name(), expected },
        Refusal::Value => ConfigError::OutOfRange { origin, key, found, expected },
    }
}

fn known_keys() -> impl Iterator<Item = &'static str> {
    let table = PARAMETERS.iter().map(|parameter| parameter.name);
    table.chain([START_TYPE_DESCRIPTION_SERVICE, "qos_overrides"])
}
