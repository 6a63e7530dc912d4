//! `vedette models add`: a file or folder of an export becomes a model with a name and a manifest.

use super::{Outcome, described};
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use vedette::config::Config;
use vedette::zoo::{self, Examined, Manifest, ModelFile};

/// Make a model with a name and a manifest of an ONNX file, or of a folder with one. It is read, not run.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// An ONNX file, or a checkpoint's folder as a hub gives it.
    path: PathBuf,
    /// What it is to be called; the file's name unless you say otherwise.
    #[arg(long)]
    name: Option<String>,
    /// SPDX name of the weights' license.
    #[arg(long, value_name = "NAME")]
    license: Option<String>,
    /// What becomes of the files.
    #[arg(long = "files", value_name = "HOW", value_enum, default_value_t = Files::Copy)]
    how: Files,
}

/// How a model's files come to its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Files {
    /// Copied into a folder of the first of `model_dirs`.
    Copy,
    /// Linked hard into it, which takes no room; whoever writes into the old file changes the model.
    Link,
    /// They stay, and the manifest is written beside them.
    Stay,
}

impl Files {
    const fn done(self) -> &'static str {
        match self {
            Self::Copy => "copied",
            Self::Link => "linked",
            Self::Stay => "stay where they are",
        }
    }
}

pub fn run(args: &Args, config: &Config, as_json: bool) -> Result<Outcome> {
    let mut manifest = zoo::find_at(&args.path)?;
    ensure!(
        !manifest.is_written,
        "{} has a manifest already: {}",
        args.path.display(),
        manifest.folder.join("model.toml").display()
    );
    // Families that take prompts have no classes of their own to show.
    let examined = if manifest.family.takes_prompts() { None } else { Some(zoo::examine(&manifest)?) };
    if let Some(license) = &args.license {
        manifest.license = zoo::License { name: license.clone(), notice: String::new() };
    }
    manifest.source = format!("vedette models add {}", absolute(&args.path).display());
    let source = manifest.folder.clone();
    if args.how == Files::Stay {
        let name = absolute(&source).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        ensure!(
            args.name.as_ref().is_none_or(|wanted| *wanted == name),
            "--files stay: a model is called as its folder, which is {name:?}"
        );
        manifest.name = name;
        measure(&mut manifest)?;
        write_manifest(&manifest, examined.as_ref())?;
    } else {
        manifest.name = args.name.clone().unwrap_or(manifest.name);
        let parent = config.model_dirs.first().context("parameter model_dirs is empty")?;
        manifest.folder = parent.join(checked_name(&manifest.name)?);
        ensure!(
            !manifest.folder.exists(),
            "{} is there already: give the model another --name, or remove the old one",
            manifest.folder.display()
        );
        let made = bring(&source, &mut manifest, args.how, examined.as_ref());
        if made.is_err() {
            // It was made here, and nothing in it is of use to anybody.
            let _ = fs::remove_dir_all(&manifest.folder);
        }
        made?;
    }
    tell(&manifest, examined.as_ref(), args, as_json)
}

/// One folder's name.
fn checked_name(name: &str) -> Result<&str> {
    let mut parts = Path::new(name).components();
    let is_one = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
    ensure!(is_one && !name.starts_with('.'), "--name {name:?} is no name of a folder");
    Ok(name)
}

fn bring(source: &Path, manifest: &mut Manifest, files: Files, examined: Option<&Examined>) -> Result<()> {
    for ModelFile { path, .. } in &manifest.files {
        // Links of a hub's cache are followed: the model is to stay when the cache is cleared.
        let from = fs::canonicalize(source.join(path)).with_context(|| source.join(path).display().to_string())?;
        let to = manifest.folder.join(path);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let brought = match files {
            Files::Link => fs::hard_link(&from, &to),
            Files::Copy | Files::Stay => fs::copy(&from, &to).map(drop),
        };
        brought.with_context(|| format!("cannot bring {} to {}", from.display(), to.display()))?;
    }
    measure(manifest)?;
    write_manifest(manifest, examined)
}

/// Fills in length and hash of each file.
fn measure(manifest: &mut Manifest) -> Result<()> {
    for file in &mut manifest.files {
        let path = manifest.folder.join(&file.path);
        let measured = path.metadata().and_then(|found| Ok((found.len(), vedette::infer::file_sha256(&path)?)));
        let (bytes, sha256) = measured.with_context(|| path.display().to_string())?;
        (file.bytes, file.sha256) = (Some(bytes), Some(sha256));
    }
    Ok(())
}

/// Writes it, and reads it as the node will.
fn write_manifest(manifest: &Manifest, examined: Option<&Examined>) -> Result<()> {
    let path = manifest.folder.join("model.toml");
    let written = File::create_new(&path).and_then(|mut file| {
        file.write_all(zoo::written(manifest, examined).as_bytes()).and_then(|()| file.sync_all())
    });
    written.with_context(|| format!("cannot write {}", path.display()))?;
    let checked = reads_as_the_file(&path, examined);
    if checked.is_err() {
        let _ = fs::remove_file(&path);
    }
    checked
}

/// A manifest that says something else than the file does is worse than none.
fn reads_as_the_file(path: &Path, examined: Option<&Examined>) -> Result<()> {
    let manifest = Manifest::load(path)?;
    let Some(Examined { understood, .. }) = examined else { return Ok(()) };
    let again = zoo::examine(&manifest)?.understood;
    let is_same =
        again.labels == understood.labels && again.layout == understood.layout && again.size == understood.size;
    ensure!(
        is_same,
        "{}: it would be read as layout {} of {} classes",
        path.display(),
        again.layout,
        again.labels.len()
    );
    Ok(())
}

fn tell(manifest: &Manifest, examined: Option<&Examined>, args: &Args, as_json: bool) -> Result<Outcome> {
    let path = manifest.folder.join("model.toml");
    let is_known = manifest.license.name != zoo::UNKNOWN_LICENSE;
    if as_json {
        let told = json!({
            "name": manifest.name,
            "manifest": path,
            "files": manifest.files.iter().map(|file| manifest.folder.join(&file.path)).collect::<Vec<_>>(),
            "how": args.how.done(),
            "license": manifest.license.name,
            "understood": examined.map(described::json),
        });
        println!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(Outcome::Done);
    }
    println!("model     {}", manifest.name);
    println!("manifest  {}", path.display());
    println!("family    {}, task {}", manifest.family, manifest.task);
    let names: Vec<_> = manifest.files.iter().map(|file| file.path.display().to_string()).collect();
    println!("files     {}: {}", args.how.done(), names.join(", "));
    println!("license   {}{}", manifest.license.name, if is_known { "" } else { ": nobody has said it (--license)" });
    if let Some(examined) = examined {
        print!("{}", described::table(examined));
    }
    println!("\ntry it    vedette check -p model:={}", manifest.name);
    Ok(Outcome::Done)
}

fn absolute(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}
