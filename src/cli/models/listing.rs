//! What is known of models: the list, one of them in full, and whether their files are as they should be.

use super::{Outcome, described};
use crate::cli::printed::one_line;
use anyhow::Result;
use serde_json::{Value, json};
use std::fs::Metadata;
use vedette::config::Config;
use vedette::config::assembly::model_folders;
use vedette::zoo::{self, Expected, FetchRecord, Integrity, Manifest, ManifestError, Task};

/// What is said of a model whose manifest was never tried.
const UNVERIFIED: &str = "unverified: nobody has run these files with Vedette yet";

/// How much of a word is shown in a table.
const LINE_CHARS: usize = 1000;

/// Every manifest of `model_dirs` with the name of its folder; a broken one with its error.
fn manifests(config: &Config) -> Vec<(String, Result<Manifest, ManifestError>)> {
    let name = |file: &std::path::Path| {
        let folder = file.parent().and_then(|folder| folder.file_name());
        folder.map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned())
    };
    zoo::list(&model_folders(config)).into_iter().map(|file| (name(&file), Manifest::load(&file))).collect()
}

/// Whether the files are there. `damaged` is one that has another length than it should, or that nobody knows the hash
/// of and that is not what its name says.
fn state(manifest: &Manifest) -> &'static str {
    let record = FetchRecord::load(manifest).unwrap_or_default();
    let mut there = 0;
    for file in &manifest.files {
        let path = manifest.folder.join(&file.path);
        let Some(metadata) = path.metadata().ok().filter(Metadata::is_file) else { continue };
        there += 1;
        let Expected { bytes, sha256, .. } = record.expected(file);
        let is_whole = match sha256 {
            Some(_) => bytes.is_none_or(|bytes| bytes == metadata.len()),
            None => zoo::check_contents(&path, &file.path).is_ok(),
        };
        if !is_whole {
            return "damaged";
        }
    }
    match there {
        0 => "not fetched",
        count if count < manifest.files.len() => "partly fetched",
        _ => "fetched",
    }
}

pub fn list(config: &Config, as_json: bool) -> Result<Outcome> {
    let mut rows = Vec::new();
    for (name, manifest) in manifests(config) {
        match manifest {
            Ok(manifest) => rows.push(json!({
                "name": manifest.name,
                "family": manifest.family.to_string(),
                "task": manifest.task.to_string(),
                "state": state(&manifest),
                "verified": manifest.verified,
                "license": manifest.license.name,
                "folder": manifest.folder,
            })),
            Err(error) => rows.push(json!({ "name": name, "error": error.to_string() })),
        }
    }
    let outcome = if rows.iter().any(|row| row.get("error").is_some()) { Outcome::Refused } else { Outcome::Done };
    if as_json {
        say!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(outcome);
    }
    if rows.is_empty() {
        say!("no models in {:?}", model_folders(config));
    }
    for row in &rows {
        let text = |key: &str| one_line(row[key].as_str().unwrap_or_default(), LINE_CHARS);
        let name = text("name");
        if row.get("error").is_some() {
            say!("{name:<28} broken: {}", text("error"));
            continue;
        }
        let verified = if row["verified"] == Value::Bool(true) { "verified" } else { "unverified" };
        let (family, task, state, license) = (text("family"), text("task"), text("state"), text("license"));
        say!("{name:<28} {family:<17} {task:<7} {state:<15} {verified:<11} {license}");
    }
    Ok(outcome)
}

pub fn verify(config: &Config, name: Option<&str>, as_json: bool) -> Result<Outcome> {
    let chosen = match name {
        Some(name) => vec![(name.to_owned(), Ok(zoo::find(&model_folders(config), name)?))],
        None => manifests(config),
    };
    let mut rows = Vec::new();
    let mut outcome = Outcome::Done;
    for (model, manifest) in chosen {
        let verdict = match manifest {
            // Only of a model that was asked for, or that has begun to be there, a file can be missing.
            Ok(manifest) if name.is_none() && state(&manifest) == "not fetched" => Ok("not fetched".to_owned()),
            Ok(manifest) => manifest.verify().map(|integrity| verdict(&manifest, integrity)),
            Err(error) => Err(error),
        };
        if verdict.is_err() {
            outcome = Outcome::Refused;
        }
        let verdict = verdict.unwrap_or_else(|error| error.to_string());
        rows.push(json!({ "name": model, "verdict": verdict }));
        if !as_json {
            say!("{:<28} {verdict}", one_line(&model, LINE_CHARS));
        }
    }
    if as_json {
        say!("{}", serde_json::to_string_pretty(&rows)?);
    }
    Ok(outcome)
}

fn verdict(manifest: &Manifest, integrity: Integrity) -> String {
    match integrity {
        Integrity::Whole if !manifest.verified => format!("whole, {UNVERIFIED}"),
        integrity => integrity.to_string(),
    }
}

pub fn info(manifest: &Manifest, as_json: bool) -> Result<Outcome> {
    let understood = zoo::examine(manifest).map_err(|error| error.to_string());
    let is_detector = manifest.task == Task::Detect && !manifest.family.takes_prompts();
    let record = FetchRecord::load(manifest)?;
    let state = state(manifest);
    let mut files = Vec::new();
    for file in &manifest.files {
        let expected = record.expected(file);
        files.push(json!({
            "path": file.path,
            "role": file.role(),
            "bytes": expected.bytes,
            "sha256": expected.sha256,
            "as_first_fetched": expected.integrity == Integrity::AsFirstFetched,
            "url": file.url,
        }));
    }
    if as_json {
        let all = json!({
            "name": manifest.name,
            "folder": manifest.folder,
            "family": manifest.family.to_string(),
            "task": manifest.task.to_string(),
            "input": manifest.input.as_ref().and_then(|input| input.size).map(|size| [size.width_px, size.height_px]),
            "scoring": manifest.scoring.map(|scoring| {
                json!({ "logit_scale": scoring.logit_scale, "logit_bias": scoring.logit_bias })
            }),
            "generation": manifest.generation.map(|generation| {
                json!({
                    "context_tokens": generation.context_tokens,
                    "shared_cache_tokens": generation.shared_cache_tokens,
                })
            }),
            "source": manifest.source,
            "verified": manifest.verified,
            "license": manifest.license.name,
            "notice": manifest.license.notice,
            "labels": manifest.labels,
            "state": state,
            "written": manifest.is_written,
            "understood": understood.as_ref().ok().map(described::json),
            "files": files,
        });
        say!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(Outcome::Done);
    }
    say!("name      {}", one_line(&manifest.name, LINE_CHARS));
    say!("folder    {}", manifest.folder.display());
    say!("family    {}, task {}", manifest.family, manifest.task);
    if let Some(size) = manifest.input.as_ref().and_then(|input| input.size).filter(|_| understood.is_err()) {
        say!("input     {size} px");
    }
    if let Some(scoring) = manifest.scoring {
        say!("scoring   {} x similarity + {}", scoring.logit_scale, scoring.logit_bias);
    }
    if let Some(generation) = manifest.generation {
        say!("context   {} tokens", generation.context_tokens);
    }
    say!("source    {}", one_line(&manifest.source, LINE_CHARS));
    say!("license   {}", one_line(&manifest.license.name, LINE_CHARS));
    say!("notice    {}", one_line(&manifest.license.notice, LINE_CHARS));
    for file in &files {
        say!("file      {}", file_in_words(file));
    }
    let verified = match (manifest.is_written, manifest.verified) {
        (false, _) => {
            ", read from the files themselves: there is no manifest (`vedette models add` writes one)".to_owned()
        }
        (true, false) => format!(", {UNVERIFIED}"),
        (true, true) => String::new(),
    };
    say!("state     {state}{verified}");
    match understood {
        Ok(examined) => say!("{}", described::table(&examined).trim_end()),
        // Of other tasks nothing is understood; of a model that is not there, nothing can be.
        Err(reason) if is_detector && state == "fetched" => say!("refused   {reason}"),
        Err(_) => {}
    }
    Ok(Outcome::Done)
}

fn file_in_words(file: &Value) -> String {
    let path = file["path"].as_str().unwrap_or_default();
    let role = file["role"].as_str().map_or_else(|| "no role".to_owned(), |role| format!("role {role}"));
    let Some(sha256) = file["sha256"].as_str() else { return format!("{path} ({role}, size and hash unknown)") };
    let bytes = file["bytes"].as_u64().map_or_else(String::new, |bytes| format!("{bytes} bytes, "));
    let first = if file["as_first_fetched"] == Value::Bool(true) { " as first fetched" } else { "" };
    format!("{path} ({role}, {bytes}sha256 {sha256}{first})")
}
