//! `vedette models`: what is there, whether it is whole, and how it comes here.

mod add;
mod compile;
mod described;
mod download;
mod fetch;
mod listing;
mod mirror;
mod part;

use super::Outcome;
use super::parameter_args::ParameterArgs;
use anyhow::Result;
use clap::Subcommand;
use vedette::config::assembly::model_folders;
use vedette::zoo;

/// List, verify, describe, compile, add and fetch models.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    parameters: ParameterArgs,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All models in `model_dirs`, and whether their files are there.
    List,
    /// Check size and SHA-256 of a model's files; without a name, of all models of which a file is there. Exit code 1
    /// when one is not whole.
    Verify {
        /// Folder name or path.
        name: Option<String>,
    },
    /// All that a model's manifest says, and what is understood of its file: inputs and outputs, layout, size, pixels and
    /// class names. Nothing is run.
    Info {
        /// Folder name or path; an ONNX file needs no manifest.
        name: String,
    },
    Compile(compile::Args),
    Add(add::Args),
    Fetch(fetch::Args),
}

pub fn run(args: &Args) -> Result<Outcome> {
    let config = args.parameters.load()?;
    match &args.action {
        Action::List => listing::list(&config, args.json),
        Action::Verify { name } => listing::verify(&config, name.as_deref(), args.json),
        Action::Info { name } => listing::info(&zoo::find(&model_folders(&config), name)?, args.json),
        Action::Compile(_) => compile::run(&config, args.json),
        Action::Add(add) => add::run(add, &config, args.json),
        Action::Fetch(fetch) => fetch::run(fetch, &config, args.json),
    }
}
