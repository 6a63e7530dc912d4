//! The command line, one small file per subcommand. Results go to stdout, logs to stderr.
//!
//! Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished with something lost, 130 ended by a signal.

mod ask;
mod check;
mod ending;
mod models;
mod node;
mod parameters;
mod pictures;
mod replay;

use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

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
    Models(models::Args),
}

/// How a command ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All is done.
    Done,
    /// The command ran and its answer is no: a check that found a fault.
    Refused,
    /// Done, but frames or messages were lost on the way.
    WithLoss,
    /// Ended in order by a signal, before all was done.
    Interrupted,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // Clap itself ends the process with 2 on wrong usage.
    let cli = Cli::parse();
    if !matches!(cli.command, Command::Node(_)) {
        start_logging();
    }
    let result = match cli.command {
        Command::Node(args) => node::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Ask(args) => ask::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Models(args) => models::run(&args),
    };
    match result {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::from(1),
        Ok(Outcome::WithLoss) => ExitCode::from(3),
        Ok(Outcome::Interrupted) => ExitCode::from(ending::INTERRUPTED),
        Err(error) => {
            eprintln!("vedette: {}", in_words(&error));
            ExitCode::from(if error.is::<clap::Error>() { 2 } else { 1 })
        }
    }
}

/// An error with its causes in one line. A cause that the words before it hold already is not said again.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if words.is_empty() {
            words = cause;
        } else if !words.contains(&cause) {
            words = format!("{words}: {cause}");
        }
    }
    words
}

/// `RUST_LOG` decides; without it the commands only warn. The node logs the way of ROS, see `node`.
fn start_logging() {
    let filter = log_filter(LevelFilter::WARN);
    // Colors are for a person who watches, and for one who did not ask for none.
    let colors = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colors)
        .with_target(false)
        .init();
}

/// What is logged: `RUST_LOG`'s choice, else `level`. ONNX Runtime writes hundreds of info lines per session.
fn log_filter(level: LevelFilter) -> EnvFilter {
    EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env_lossy()
        .add_directive("ort=warn".parse().expect("a constant directive"))
}
