//! `vedette models add`: a file or folder of an export becomes a model with a name and a manifest.

use super::{Outcome, described};
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use serde_json::json;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use vedette::config::{Config, NodeName, ParameterOverride, ParameterSource};
use vedette::infer::{OnnxFile, open_regular};
use vedette::zoo::{self, Examined, Manifest, ModelFile};

/// The longest name of a folder, less what is put to it while it is made.
const MOST_NAME_BYTES: usize = 200;

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
    manifest.source = format!("{}{}", zoo::ADDED, absolute(&args.path).display());
    check_graphs(&manifest)?;
    if args.how == Files::Stay {
        let name = absolute(&manifest.folder).file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        ensure!(
            args.name.as_ref().is_none_or(|wanted| *wanted == name),
            "--files stay: a model is called as its folder, which is {name:?}"
        );
        manifest.name = name;
        measure(&mut manifest)?;
        write_manifest(&manifest, examined.as_ref())?;
    } else {
        manifest.name = args.name.clone().unwrap_or(manifest.name);
        check_name(&manifest.name)?;
        let parent = config.model_dirs.first().context("parameter model_dirs is empty")?;
        bring(parent, &mut manifest, args.how, examined.as_ref())?;
    }
    tell(&manifest, examined.as_ref(), args, as_json)
}

/// Whether each graph has the weights that it names, before anything is copied.
fn check_graphs(manifest: &Manifest) -> Result<()> {
    let is_graph = |file: &&ModelFile| file.path.extension().is_some_and(|extension| extension == "onnx");
    for file in manifest.files.iter().filter(is_graph) {
        OnnxFile::check(&manifest.folder.join(&file.path))?;
    }
    Ok(())
}

/// One folder's name, which `-p model:=NAME` is to find: in a shell, as YAML and in `model_dirs`.
fn check_name(name: &str) -> Result<()> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-');
    let is_folder =
        name.starts_with(char::is_alphanumeric) && name.chars().all(is_plain) && name.len() <= MOST_NAME_BYTES;
    ensure!(
        is_folder,
        "the name {name:?} is no name of a model, expected letters, digits, '.', '_' and '-', a letter or digit first: \
         give another with --name"
    );
    let extension = Path::new(name).extension();
    ensure!(
        extension.is_none_or(|extension| extension != "onnx" && extension != "toml"),
        "the name {name:?} is no name of a model: with this ending it is taken for a file; give another with --name"
    );
    let parameter: Option<ParameterOverride> = format!("model:={name}").parse().ok();
    let read = parameter.and_then(|parameter| {
        Config::load(&NodeName::default(), &[ParameterSource::Override(parameter)]).ok().map(|read| read.config.model)
    });
    ensure!(
        read.as_deref() == Some(name),
        "the name {name:?} is no name of a model: as a parameter it is read as something else than text; give another \
         with --name"
    );
    Ok(())
}

/// Makes the model's folder, whole or not at all: the files come into a new folder beside it, which gets its name at the
/// end. Nothing that is there is written over.
fn bring(parent: &Path, manifest: &mut Manifest, files: Files, examined: Option<&Examined>) -> Result<()> {
    let target = parent.join(&manifest.name);
    // A link that leads nowhere is there too.
    ensure!(
        target.symlink_metadata().is_err(),
        "{} is there already: give the model another --name, or remove the old one",
        target.display()
    );
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let fresh = parent.join(format!(".{}.{}.new", manifest.name, std::process::id()));
    fs::create_dir(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
    let source = std::mem::replace(&mut manifest.folder, fresh.clone());
    let made = bring_files(&source, manifest, files)
        .and_then(|()| measure(manifest))
        .and_then(|()| write_manifest(manifest, examined))
        .and_then(|()| fs::rename(&fresh, &target).with_context(|| format!("cannot make {}", target.display())));
    if made.is_err() {
        // It was made here, and nothing in it is of use to anybody.
        let _ = fs::remove_dir_all(&fresh);
    }
    manifest.folder = target;
    made
}

fn bring_files(source: &Path, manifest: &Manifest, files: Files) -> Result<()> {
    for ModelFile { path, .. } in &manifest.files {
        let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(is_below, "file {:?} is not below {}: it is not brought", path.display().to_string(), source.display());
        // Links of a hub's cache are followed: the model is to stay when the cache is cleared.
        let from = fs::canonicalize(source.join(path)).with_context(|| source.join(path).display().to_string())?;
        ensure!(from.is_file(), "{} is a folder, pipe or device, expected a file", from.display());
        let to = manifest.folder.join(path);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let brought = match files {
            Files::Link => fs::hard_link(&from, &to),
            Files::Copy | Files::Stay => copy(&from, &to),
        };
        brought.with_context(|| format!("cannot bring {} to {}", from.display(), to.display()))?;
    }
    Ok(())
}

/// Into a new file.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut read = open_regular(from)?;
    let mut written = File::create_new(to)?;
    io::copy(&mut read, &mut written)?;
    written.sync_all()
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
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(Outcome::Done);
    }
    say!("model     {}", manifest.name);
    say!("manifest  {}", path.display());
    say!("family    {}, task {}", manifest.family, manifest.task);
    let names: Vec<_> = manifest.files.iter().map(|file| file.path.display().to_string()).collect();
    say!("files     {}: {}", args.how.done(), names.join(", "));
    say!("license   {}{}", manifest.license.name, if is_known { "" } else { ": nobody has said it (--license)" });
    if let Some(examined) = examined {
        say!("{}", described::table(examined).trim_end());
    }
    let place = match args.how {
        Files::Stay => absolute(&manifest.folder).display().to_string(),
        Files::Copy | Files::Link => manifest.name.clone(),
    };
    say!("\ntry it    vedette check -p model:={place}");
    Ok(Outcome::Done)
}

fn absolute(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}
