//! `vedette models`: what is there, and whether it is whole.

use super::Outcome;
use super::parameters::ParameterArgs;
use anyhow::Result;
use clap::Subcommand;
use serde_json::json;
use vedette::config::Config;
use vedette::zoo::{self, Integrity, Manifest, ManifestError};

/// List, verify and describe models.
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
    /// Check size and SHA-256 of a model's files, of all models without a name. Exit code 1 when one is not whole.
    Verify {
        /// Folder name or path.
        name: Option<String>,
    },
    /// All that a model's manifest says.
    Info {
        /// Folder name or path.
        name: String,
    },
}

pub fn run(args: &Args) -> Result<Outcome> {
    let config = args.parameters.load()?;
    match &args.action {
        Action::List => list(&config, args.json),
        Action::Verify { name } => verify(&config, name.as_deref(), args.json),
        Action::Info { name } => info(&zoo::find(&config.model_dirs, name)?, args.json),
    }
}

/// Every manifest of `model_dirs` with the name of its folder; a broken one with its error.
fn manifests(config: &Config) -> Vec<(String, Result<Manifest, ManifestError>)> {
    let name = |file: &std::path::Path| {
        let folder = file.parent().and_then(|folder| folder.file_name());
        folder.map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned())
    };
    zoo::list(&config.model_dirs).into_iter().map(|file| (name(&file), Manifest::load(&file))).collect()
}

fn state(manifest: &Manifest) -> &'static str {
    let is_there = |file: &zoo::ModelFile| manifest.folder.join(&file.path).is_file();
    if manifest.files.iter().all(is_there) { "fetched" } else { "not fetched" }
}

fn list(config: &Config, as_json: bool) -> Result<Outcome> {
    let mut rows = Vec::new();
    for (name, manifest) in manifests(config) {
        match manifest {
            Ok(manifest) => rows.push(json!({
                "name": manifest.name,
                "family": manifest.family.to_string(),
                "state": state(&manifest),
                "license": manifest.license.name,
                "folder": manifest.folder,
            })),
            Err(error) => rows.push(json!({ "name": name, "error": error.to_string() })),
        }
    }
    let outcome = if rows.iter().any(|row| row.get("error").is_some()) { Outcome::Refused } else { Outcome::Done };
    if as_json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(outcome);
    }
    if rows.is_empty() {
        println!("no models in {:?}", config.model_dirs);
    }
    for row in &rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
        match row.get("error") {
            Some(_) => println!("{:<20} broken: {}", text("name"), text("error")),
            None => println!("{:<20} {:<8} {:<12} {}", text("name"), text("family"), text("state"), text("license")),
        }
    }
    Ok(outcome)
}

fn verify(config: &Config, name: Option<&str>, as_json: bool) -> Result<Outcome> {
    let chosen = match name {
        Some(name) => vec![(name.to_owned(), Ok(zoo::find(&config.model_dirs, name)?))],
        None => manifests(config),
    };
    let mut rows = Vec::new();
    let mut outcome = Outcome::Done;
    for (name, manifest) in chosen {
        let result = manifest.and_then(|manifest| manifest.verify());
        if result.is_err() {
            outcome = Outcome::Refused;
        }
        let verdict = result.map_or_else(|error| error.to_string(), |integrity| in_words(integrity).to_owned());
        rows.push(json!({ "name": name, "verdict": verdict }));
        if !as_json {
            println!("{name:<20} {verdict}");
        }
    }
    if as_json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    }
    Ok(outcome)
}

fn in_words(integrity: Integrity) -> &'static str {
    match integrity {
        Integrity::Whole => "whole",
        Integrity::AsFirstFetched => "as first fetched: no size and hash in the manifest",
        Integrity::Unverified => "unverified: no size and hash in the manifest",
    }
}

fn info(manifest: &Manifest, as_json: bool) -> Result<Outcome> {
    let files: Vec<_> = manifest
        .files
        .iter()
        .map(|file| json!({ "path": file.path, "bytes": file.bytes, "sha256": file.sha256, "url": file.url }))
        .collect();
    if as_json {
        let all = json!({
            "name": manifest.name,
            "folder": manifest.folder,
            "family": manifest.family.to_string(),
            "task": manifest.task.to_string(),
            "input": manifest.input.as_ref().map(|input| [input.size.width_px, input.size.height_px]),
            "source": manifest.source,
            "license": manifest.license.name,
            "notice": manifest.license.notice,
            "labels": manifest.labels,
            "state": state(manifest),
            "files": files,
        });
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(Outcome::Done);
    }
    println!("name      {}", manifest.name);
    println!("folder    {}", manifest.folder.display());
    println!("family    {}, task {}", manifest.family, manifest.task);
    if let Some(input) = &manifest.input {
        println!("input     {} ({})", input.size, input.name);
    }
    println!("source    {}", manifest.source);
    println!("license   {}", manifest.license.name);
    println!("notice    {}", manifest.license.notice);
    for file in &manifest.files {
        let (bytes, sha256) = (
            file.bytes.map_or_else(|| "unknown".to_owned(), |bytes| bytes.to_string()),
            file.sha256.as_deref().unwrap_or("unknown"),
        );
        println!("file      {} ({bytes} bytes, sha256 {sha256})", file.path.display());
    }
    println!("state     {}", state(manifest));
    Ok(Outcome::Done)
}
