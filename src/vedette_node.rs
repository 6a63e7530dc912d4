//! The `vedette_node` program: the ROS 2 node, and all that is linked with ROS. `vedette node` becomes it.
//!
//! Exit codes: 0 ended by a signal, 1 failed, 2 wrong usage.

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use std::process::ExitCode;
use vedette::config::assembly::{load_model, load_reason_model};
use vedette::config::{Config, Names, NodeName, RosArgs, in_words};
use vedette::pipeline::{Input, Intake, Reason, Walk};
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

fn run() -> Result<()> {
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
    let of_load = names.clone();
    edge.run(&loaded.config, &names, Box::new(move |config, step| load(config, &of_load, step).map_err(Into::into)))?;
    Ok(())
}

/// What a configured node is made of, by its parameters.
fn load(config: &Config, names: &Names, step: &dyn Fn(&str)) -> Result<Parts> {
    let intake = Intake::open(config, &names.resolve_input(Input::Image.name()))?;
    step(&format!("loading the model {}", config.model));
    let model = load_model(config)?;
    let walk = Walk::prompted(config, model.detector, &model.name, model.prompts)?;
    if !config.reason_model.is_empty() {
        step(&format!("loading the reason model {}", config.reason_model));
    }
    let reason = load_reason_model(config)?.map(|loaded| Reason::new(loaded.model, &loaded.name));
    Ok(Parts { intake, walk, prompter: Some(model.prompter), reason })
}
