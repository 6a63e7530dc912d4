//! The command line, one small file per subcommand. Results go to stdout, logs to stderr.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished with something lost, 130 ended by a signal.

#[macro_use]
mod printed;

mod ask;
mod check;
mod check_picture;
mod ending;
mod interface;
mod logging;
mod models;
mod node;
mod outcome;
mod parameter_args;
mod pictures;
mod replay;
mod replay_summary;

use clap::{Parser, Subcommand};
use outcome::{Outcome, in_words};
use std::process::ExitCode;
use vedette::infer::Runtime;

/// A perception node for ROS 2: camera topics in, detections and plans out.
#[derive(Debug, Parser)]
#[command(name = "vedette", version, about, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Node(node::Args),
    Replay(replay::Args),
    Ask(ask::Args),
    Check(check::Args),
    Interface(interface::Args),
    Models(models::Args),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    if !Runtime::without_telemetry() {
        tell!("vedette: cannot begin again without telemetry: ONNX Runtime may report to its maker");
    }
    if let Err(error) = printed::end_with_the_reader() {
        tell!("vedette: cannot listen to SIGPIPE: {error}");
    }
    // Clap itself ends the process with 2 on wrong usage.
    let cli = Cli::parse();
    if !matches!(cli.command, Command::Node(_)) {
        logging::start();
    }
    let result = match cli.command {
        Command::Node(args) => node::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Ask(args) => ask::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Interface(args) => interface::run(&args),
        Command::Models(args) => models::run(&args),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::from(1),
        Ok(Outcome::WithLoss) => ExitCode::from(3),
        Ok(Outcome::Interrupted) => ExitCode::from(ending::INTERRUPTED),
        Err(error) => {
            tell!("vedette: {}", in_words(&error));
            ExitCode::from(if error.is::<clap::Error>() { 2 } else { 1 })
        }
    }
}
