//! The arguments that name parameters, and what they open: shared by the commands that run without ROS.

use anyhow::{Context, Result};
use std::path::PathBuf;
use vedette::config::{Config, NodeName, ParameterOverride, ParameterSource};

/// Where the parameters come from.
#[derive(Debug, clap::Args)]
pub struct ParameterArgs {
    /// ROS parameter file (`/**: ros__parameters: …`); may be given several times.
    #[arg(long = "params", value_name = "FILE", global = true)]
    files: Vec<PathBuf>,
    /// One parameter, as for a ROS node; overrides the files.
    #[arg(short = 'p', long = "param", value_name = "NAME:=VALUE", global = true)]
    overrides: Vec<ParameterOverride>,
}

impl ParameterArgs {
    /// Reads and checks them; warnings go to the log.
    pub fn load(&self) -> Result<Config> {
        self.load_for(&NodeName::default())
    }

    /// The same, for a node of another name.
    pub fn load_for(&self, node: &NodeName) -> Result<Config> {
        let files = self.files.iter().cloned().map(ParameterSource::File);
        let overrides = self.overrides.iter().cloned().map(ParameterSource::Override);
        let sources: Vec<ParameterSource> = files.chain(overrides).collect();
        let loaded = Config::load(node, &sources).context("parameters")?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        Ok(loaded.config)
    }
}
