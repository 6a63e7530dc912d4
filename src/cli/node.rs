//! `vedette node`: the ROS 2 node.

use super::Outcome;
use anyhow::Result;
use std::ffi::OsString;

/// Run the ROS 2 node until SIGINT or SIGTERM.
///
/// Takes ROS arguments as every node: `--ros-args --params-file F -r image:=/camera/image -p score_threshold:=0.4`.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = false)]
pub struct Args {
    /// `--ros-args …`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ROS_ARGS")]
    ros_args: Vec<OsString>,
}

#[cfg(feature = "ros")]
pub fn run(args: Args) -> Result<Outcome> {
    vedette::io::ros::run(args.ros_args)?;
    Ok(Outcome::Done)
}

#[cfg(not(feature = "ros"))]
pub fn run(args: Args) -> Result<Outcome> {
    let _ = args.ros_args;
    anyhow::bail!("this binary was built without the ROS node: build it with `make build` or `--features ros`")
}
