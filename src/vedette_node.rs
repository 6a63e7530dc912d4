//! The `vedette_node` program: the ROS 2 node, and all that is linked with ROS. `vedette node` becomes it.
//!
//! Exit codes: 0 ended by a signal, 1 failed, 2 wrong usage.

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use std::ffi::OsStr;
use std::process::ExitCode;
use vedette::config::assembly::{load_model, load_reason_model};
use vedette::config::{Config, Names, NodeName, RosArgs, in_words};
use vedette::infer::Runtime;
use vedette::pipeline::{Intakes, Reason, Walk, unused_rules};
use vedette::ros::{Edge, Parts, RosLog};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("vedette: {}", in_words(error.as_ref()));
            ExitCode::from(if error.is::<clap::Error>() { 2 } else { 1 })
        }
    }
}

const HELP: &str = "\
The ROS 2 node of Vedette: camera topics in, detections and plans out. It ends with SIGINT or SIGTERM.

Usage: vedette_node [--ros-args [-r FROM:=TO]... [-p NAME:=VALUE]... [--params-file FILE]... [--log-level LEVEL]...]

What ROS's own arguments are, see `ros2 run --help` and https://design.ros2.org/articles/ros_command_line_arguments.html.
The parameters: docs/parameters.md. Without ROS: `vedette --help`.";

fn run() -> Result<()> {
    match std::env::args_os().nth(1).as_deref().and_then(OsStr::to_str) {
        Some("--help" | "-h") => {
            println!("{HELP}");
            return Ok(());
        }
        Some("--version" | "-V") => {
            println!("vedette_node {}", env!("CARGO_PKG_VERSION"));
            return Ok(());
        }
        _ => {}
    }
    if !Runtime::without_telemetry() {
        eprintln!("vedette: cannot begin again without telemetry: ONNX Runtime may report to its maker");
    }
    // Before anything that takes time: a signal while models load must find its way.
    let edge = Edge::start()?;
    let wrong = |message: String| clap::Error::raw(ErrorKind::ValueValidation, message);
    let (others, ros_args) = RosArgs::split(std::env::args_os().skip(1)).map_err(|error| wrong(error.to_string()))?;
    if let Some(other) = others.first() {
        return Err(wrong(format!("{other:?} is no argument of the node, expected --ros-args …")).into());
    }
    RosLog::start(ros_args.log_level);
    let names = Names::new(NodeName::default(), &ros_args.remaps);
    let loaded = Config::load(names.node(), &ros_args.parameters).context("parameters")?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    for rule in unused_rules(&names, &ros_args.remaps, &loaded.config.camera_names()) {
        tracing::warn!("{rule}");
    }
    let of_load = names.clone();
    edge.run(&loaded.config, &names, Box::new(move |config, step| load(config, &of_load, step).map_err(Into::into)))?;
    Ok(())
}

/// What a configured node is made of, by its parameters.
fn load(config: &Config, names: &Names, step: &dyn Fn(&str)) -> Result<Parts> {
    let intakes = Intakes::of_node(config, names)?;
    step(&format!("loading the model {}", config.model));
    let model = load_model(config)?;
    let walk = Walk::prompted(config, model.detector, &model.name, model.prompts)?;
    if !config.reason_model.is_empty() {
        step(&format!("loading the reason model {}", config.reason_model));
    }
    let reason = load_reason_model(config)?.map(|loaded| Reason::new(loaded.model, &loaded.name));
    Ok(Parts { intakes, walk, prompter: Some(model.prompter), reason })
}
