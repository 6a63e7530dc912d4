//! `vedette models fetch`: the files of models, from where their manifests say or from a mirror. Nothing else in
//! Vedette fetches anything.

use super::Outcome;
use super::download::{Absent, Arrived, Downloader, Origin};
use super::mirror::{Mirror, Place};
use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;
use vedette::config::Config;
use vedette::config::assembly::model_folders;
use vedette::zoo::{self, FetchRecord, FetchedFile, Manifest, ModelFile};

/// Fetch models' files and check them. Without a name: the models that the parameters name.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder names or paths.
    names: Vec<String>,
    /// All models in `model_dirs`.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// A mirror in place of the manifests' addresses: a base address or a folder, with each file at <MODEL>/<PATH>. For
    /// one model also its own folder as a hub gives it, or a hub's cache.
    #[arg(long, value_name = "BASE|FOLDER")]
    from: Option<Mirror>,
    /// A server that sends nothing for so long has stalled.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout_s: u64,
    /// Tries in a row that may fail before a file is given up.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=1000))]
    retries: u32,
}

/// What became of one file.
#[derive(Debug, Serialize)]
struct Row {
    model: String,
    path: PathBuf,
    /// `fetched`, `there` or `failed`.
    state: &'static str,
    bytes: Option<u64>,
    sha256: Option<String>,
    from: Option<String>,
    /// Bytes that an earlier fetch had left.
    kept: u64,
    /// Whether size and hash went into the record, the manifest having none.
    recorded: bool,
    error: Option<String>,
}

pub fn run(args: &Args, config: &Config, as_json: bool) -> Result<Outcome> {
    args.from.as_ref().map(Mirror::check).transpose()?;
    let manifests = chosen(args, config)?;
    let downloader = Downloader::new(Duration::from_secs(args.timeout_s), args.retries);
    let mut rows = Vec::new();
    for manifest in &manifests {
        let before = rows.len();
        let place = args.from.as_ref().map(|mirror| mirror.place(manifest, manifests.len() == 1));
        fetch_model(manifest, place.as_ref(), &downloader, &mut rows)?;
        if !as_json {
            rows.iter().skip(before).for_each(|row| print_row(row, manifest));
        }
    }
    if as_json {
        say!("{}", serde_json::to_string_pretty(&rows)?);
    }
    Ok(if rows.iter().any(|row| row.error.is_some()) { Outcome::Refused } else { Outcome::Done })
}

/// The models that are asked for, each once.
fn chosen(args: &Args, config: &Config) -> Result<Vec<Manifest>> {
    if args.all {
        return zoo::list(&model_folders(config)).iter().map(|file| Ok(Manifest::load(file)?)).collect();
    }
    let named = [&config.model, &config.text_model, &config.reason_model].map(String::as_str);
    let names: Vec<&str> = if args.names.is_empty() {
        named.into_iter().filter(|name| !name.is_empty()).collect()
    } else {
        args.names.iter().map(String::as_str).collect()
    };
    let mut seen = BTreeSet::new();
    let mut manifests = Vec::new();
    for name in names {
        let manifest = zoo::find(&model_folders(config), name)?;
        // What has no manifest is there already.
        if manifest.is_written && seen.insert(manifest.folder.clone()) {
            manifests.push(manifest);
        }
    }
    Ok(manifests)
}

/// Adds a row for each file, up to the first that fails. One that is nowhere to be had does not end it, so that all of
/// them are named at once.
fn fetch_model(manifest: &Manifest, place: Option<&Place>, downloader: &Downloader, rows: &mut Vec<Row>) -> Result<()> {
    let _lock = lock(manifest)?;
    let mut record = FetchRecord::load(manifest)?;
    let mut is_told = false;
    for file in &manifest.files {
        let mut row = Row {
            model: manifest.name.clone(),
            path: file.path.clone(),
            state: "failed",
            bytes: None,
            sha256: None,
            from: None,
            kept: 0,
            recorded: false,
            error: None,
        };
        let is_missing = !manifest.folder.join(&file.path).exists();
        if is_missing && !is_told {
            tell_license(manifest);
            is_told = true;
        }
        let result = if is_missing {
            fetch_file(manifest, file, place, downloader, &mut record, &mut row)
        } else {
            check_file(manifest, file, &mut record, &mut row)
        };
        let goes_on = result.as_ref().err().is_none_or(|error| error.is::<Absent>());
        row.error = result.err().map(|error| super::super::in_words(&error));
        rows.push(row);
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// Held until the model's files are there: of two fetches at once, the second is refused.
fn lock(manifest: &Manifest) -> Result<File> {
    let folder = if manifest.folder.as_os_str().is_empty() { Path::new(".") } else { &manifest.folder };
    let file = File::open(folder).with_context(|| folder.display().to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("model {}: another fetch is at work in {}", manifest.name, folder.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", folder.display())),
    }
}

fn tell_license(Manifest { name, license, .. }: &Manifest) {
    let notice = if license.notice.is_empty() { String::new() } else { format!("\n{}", license.notice.trim()) };
    tell!("model {name}: the weights are under {}{notice}", license.name);
}

fn fetch_file(
    manifest: &Manifest,
    file: &ModelFile,
    place: Option<&Place>,
    downloader: &Downloader,
    record: &mut FetchRecord,
    row: &mut Row,
) -> Result<()> {
    let expected = record.expected(file);
    let origin = match (place, &file.url) {
        (Some(place), _) => place.origin(file),
        (None, Some(url)) => Origin::Url(url.clone()),
        // Says that the file is missing and where it comes from.
        (None, None) => return manifest.verify_file(file, &expected).map_err(|missing| Absent::error(&missing)),
    };
    row.from = Some(origin.to_string());
    let bar = progress_bar(format!("{}/{}", manifest.name, file.path.display()));
    let arrived = downloader.fetch(&origin, &manifest.folder.join(&file.path), &expected, &bar);
    bar.finish_and_clear();
    let arrived = arrived?;
    row.state = "fetched";
    keep(manifest, file, &arrived, &origin.to_string(), record, row)
}

/// A file that is there already, by an earlier fetch or by hand.
fn check_file(manifest: &Manifest, file: &ModelFile, record: &mut FetchRecord, row: &mut Row) -> Result<()> {
    let expected = record.expected(file);
    manifest.verify_file(file, &expected)?;
    row.state = "there";
    let path = manifest.folder.join(&file.path);
    let bytes = path.metadata().with_context(|| path.display().to_string())?.len();
    let sha256 = match expected.sha256 {
        Some(sha256) => sha256,
        None => vedette::infer::file_sha256(&path).with_context(|| path.display().to_string())?,
    };
    keep(manifest, file, &Arrived { bytes, sha256, kept: 0 }, "found in its place", record, row)
}

/// Fills the row, and the record where the manifest does not know the file.
fn keep(
    manifest: &Manifest,
    file: &ModelFile,
    arrived: &Arrived,
    from: &str,
    record: &mut FetchRecord,
    row: &mut Row,
) -> Result<()> {
    let Arrived { bytes, sha256, kept } = arrived.clone();
    (row.bytes, row.sha256, row.kept) = (Some(bytes), Some(sha256.clone()), kept);
    if record.expected(file).sha256.is_none() {
        let fetched = FetchedFile { path: file.path.clone(), bytes, sha256, from: from.to_owned() };
        let path = FetchRecord::path(manifest);
        record.keep(manifest, fetched).with_context(|| format!("cannot write {}", path.display()))?;
        row.recorded = true;
    }
    Ok(())
}

fn print_row(row: &Row, manifest: &Manifest) {
    let name = format!("{}/{}", row.model, row.path.display());
    if let Some(error) = &row.error {
        say!("{name}: failed: {error}");
        return;
    }
    let (bytes, sha256) = (row.bytes.unwrap_or_default(), row.sha256.as_deref().unwrap_or_default());
    let kept = if row.kept > 0 { format!(", {} of them by an earlier fetch", row.kept) } else { String::new() };
    say!("{name}: {}, {bytes} bytes{kept}, sha256 {sha256}", row.state);
    if row.recorded {
        let record = FetchRecord::path(manifest);
        say!("  the manifest has no size and hash for it: recorded in {}, unverified", record.display());
    }
}

/// Only for a person who watches.
fn progress_bar(name: String) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg} {bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left");
    ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(name)
}
