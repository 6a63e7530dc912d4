//! Parameters: one file for both worlds, read the way ROS reads it, checked, refused by name.
//!
//! Enter the command line's ROS arguments ([`RosArgs`]) or a replay's `--params`, `--param` and `--remap`; leave a
//! validated [`Config`], the warnings, and the names of node and topics ([`Names`]). Nothing is logged here, and no
//! environment variable is read.
//!
//! ```
//! use vedette::config::{Config, NodeName, ParameterSource};
//!
//! let sources = [ParameterSource::Override("score_threshold:=0.4".parse()?)];
//! let loaded = Config::load(&NodeName::default(), &sources)?;
//! assert_eq!(loaded.config.score_threshold, 0.4);
//! assert!(loaded.warnings.is_empty());
//! # Ok::<(), vedette::config::ConfigError>(())
//! ```
//!
//! | file | subject |
//! | --- | --- |
//! | `parameters` | the table of all keys: the one source of names, types, defaults, ranges, docs |
//! | `domain`, `field`, `value` | what a parameter may be; Rust's types; ROS's values |
//! | `camera_overrides`, `of_camera` | `<camera>.<parameter>`, and what then holds for a camera |
//! | `qos_overrides` | `qos_overrides.<topic>.subscription.*` and `.publisher.*` |
//! | `sources` | a file's text; files and overrides; which setting holds for which node |
//! | `changing` | other values while the node runs |
//! | `loading`, `consistency`, `error` | from sources to a configuration; pairs that do not go together, with each other or with the camera's rate; what is said |
//! | `naming`, `args` | names and remapping; the command line |
//! | [`assembly`] | from a configuration to models in their sessions and the parameters of each room |

mod args;
pub mod assembly;
mod camera_overrides;
mod changing;
mod consistency;
#[cfg(test)]
mod documents;
mod domain;
mod error;
mod field;
mod loading;
mod naming;
mod of_camera;
mod parameters;
mod qos_overrides;
mod sources;
#[cfg(test)]
mod tests;
mod value;

pub use crate::types::ParameterValue;
pub use args::{ArgsError, LogLevel, RosArgs};
pub use camera_overrides::CameraOverrides;
pub use changing::ChangeError;
pub use consistency::PeriodWarning;
pub use domain::Domain;
pub use error::{ConfigError, ConfigWarning, Origin, Shown, in_words};
pub use loading::Loaded;
pub use naming::{
    CameraName, NameError, Names, NodeName, RemapRule, UnusedRule, camera_info_beside, image_of_compressed,
    names_rectified,
};
pub use parameters::{
    Config, ImageStamp, ImageTransport, MountingBy, Parameter, Precision, ProviderName, ProviderPolicy, Rectified,
    Unmatched, When,
};
pub use qos_overrides::{Durability, History, QosOverride, QosOverrides, Reliability};
pub use sources::{ParameterOverride, ParameterSource, YamlError};
