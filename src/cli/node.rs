//! `vedette node`: hands over to the program of the ROS 2 node, so that this one runs where there is no ROS.

use super::Outcome;
use anyhow::{Context, Result, bail};
use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program that is linked with ROS.
const PROGRAM: &str = "vedette_node";

/// Run the ROS 2 node until SIGINT or SIGTERM.
///
/// Takes ROS arguments as every node: `--ros-args --params-file F -r image:=/camera/image -p score_threshold:=0.4`. The
/// node is a program of its own, `vedette_node`, beside this one; only it needs a ROS environment.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `--ros-args …`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ROS_ARGS")]
    ros_args: Vec<OsString>,
}

/// The node's program, beside this one.
///
/// # Errors
/// When it is not there.
pub fn program() -> Result<PathBuf> {
    let own = env::current_exe().context("cannot tell where this program is")?;
    let program = own.with_file_name(PROGRAM);
    if !program.is_file() {
        let folder = own.parent().unwrap_or(Path::new("")).display();
        bail!("no {PROGRAM} in {folder}: `make build` builds it, with ROS; replay, check and models work without");
    }
    Ok(program)
}

/// Whether this shell knows a ROS.
pub fn ros_is_sourced() -> bool {
    env::var_os("AMENT_PREFIX_PATH").is_some_and(|prefixes| !prefixes.is_empty())
}

/// Becomes the node: process, signals and exit code are its own.
pub fn run(args: Args) -> Result<Outcome> {
    let program = program()?;
    if !ros_is_sourced() {
        tell!("vedette: no ROS environment here: source ROS's setup.bash, or `. .deps/env.sh` in the project");
    }
    let error = Command::new(&program).args(args.ros_args).exec();
    Err(error).with_context(|| format!("cannot run {}", program.display()))
}
