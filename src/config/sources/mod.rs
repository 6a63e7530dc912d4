//! Where settings come from: the text of parameter files, the command line, and which setting holds for which node.

mod parameter_source;
pub(super) mod sheet;
pub(super) mod yaml;

pub(super) use parameter_source::read;
pub use parameter_source::{ParameterOverride, ParameterSource};
pub use yaml::YamlError;
