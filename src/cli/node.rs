//! `vedette node`: the ROS 2 node.

use super::Outcome;
use anyhow::Result;
use std::ffi::OsString;
#[cfg(feature = "ros")]
use {anyhow::Context, tracing_subscriber::filter::LevelFilter, vedette::config::LogLevel};

/// Run the ROS 2 node until SIGINT or SIGTERM.
///
/// Takes ROS arguments as every node: `--ros-args --params-file F -r image:=/camera/image -p score_threshold:=0.4`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// `--ros-args …`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ROS_ARGS")]
    ros_args: Vec<OsString>,
}

#[cfg(feature = "ros")]
pub fn run(args: Args) -> Result<Outcome> {
    use clap::error::ErrorKind;
    use vedette::config::assembly::{load_model, load_reason_model};
    use vedette::config::{Config, Names, NodeName, RosArgs};
    use vedette::pipeline::{Input, Intake, Reason, Walk};
    use vedette::ros::{Edge, Parts};

    // Before anything that takes time: a signal while models load must find its way.
    let edge = Edge::start()?;
    let wrong = |message: String| clap::Error::raw(ErrorKind::ValueValidation, message);
    let (others, ros_args) = RosArgs::split(args.ros_args).map_err(|error| wrong(error.to_string()))?;
    if let Some(other) = others.first() {
        return Err(wrong(format!("{other:?} is no argument of the node, expected --ros-args …")).into());
    }
    start_logging(ros_args.log_level);
    let names = Names::new(NodeName::default(), &ros_args.remaps);
    let loaded = Config::load(names.node(), &ros_args.parameters).context("parameters")?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let config = loaded.config;
    let intake = Intake::open(&config, &names.resolve_input(Input::Image.name()))?;
    let model = load_model(&config)?;
    let walk = Walk::prompted(&config, model.detector, &model.name, model.prompts)?;
    let reason = load_reason_model(&config)?.map(|loaded| Reason::new(loaded.model, &loaded.name));
    edge.run(&config, &names, Parts { intake, walk, prompter: Some(model.prompter), reason })?;
    Ok(Outcome::Done)
}

/// Logs go the way of all ROS nodes: to stderr, to the log file and to `/rosout`. `RUST_LOG` decides what is said,
/// without it `--log-level`.
#[cfg(feature = "ros")]
fn start_logging(level: Option<LogLevel>) {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;

    let level = match level {
        Some(LogLevel::Debug) => LevelFilter::DEBUG,
        Some(LogLevel::Info) | None => LevelFilter::INFO,
        Some(LogLevel::Warn) => LevelFilter::WARN,
        Some(LogLevel::Error | LogLevel::Fatal) => LevelFilter::ERROR,
    };
    tracing_subscriber::registry().with(super::logging::log_filter(level)).with(vedette::ros::RosLog).init();
}

#[cfg(not(feature = "ros"))]
pub fn run(args: Args) -> Result<Outcome> {
    let _ = args.ros_args;
    anyhow::bail!("this binary was built without the ROS node: build it with `make build` or `--features ros`")
}
