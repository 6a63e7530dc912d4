//! `--from`: a place that has the files of models already. A server or folder with each file at `<model>/<path>`; or,
//! for one model, its files as a hub gives them: a checkpoint's folder, or the hub's cache of it.

use super::download::Origin;
use anyhow::Result;
use clap::error::ErrorKind;
use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use vedette::zoo::{Manifest, ModelFile, snapshots};

/// What `--from` names.
#[derive(Debug, Clone)]
pub enum Mirror {
    /// Begins with `https://` or `http://`.
    Base(String),
    /// A folder on this machine.
    Folder(PathBuf),
}

impl FromStr for Mirror {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_address = text.starts_with("https://") || text.starts_with("http://");
        Ok(if is_address { Self::Base(text.trim_end_matches('/').to_owned()) } else { Self::Folder(text.into()) })
    }
}

/// Where the files of one model are at a mirror.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At `<address>/<path>`.
    Address(String),
    /// At `<folder>/<path>`.
    Folder(PathBuf),
}

impl Mirror {
    /// # Errors
    /// When it is neither an address nor a folder.
    pub fn check(&self) -> Result<()> {
        if let Self::Folder(folder) = self
            && !folder.is_dir()
        {
            let reason = format!("--from {} is no folder and no http(s) address", folder.display());
            return Err(clap::Error::raw(ErrorKind::ValueValidation, reason).into());
        }
        Ok(())
    }

    /// Where it has a model. Of the places that a folder may have it in, the first that holds all of its files, else the
    /// first that holds most of them. `is_only` is whether no other model is asked for: only then a folder may be the
    /// model's own.
    pub fn place(&self, manifest: &Manifest, is_only: bool) -> Place {
        let folder = match self {
            Self::Base(base) => return Place::Address(format!("{base}/{}", percent_encoded(&manifest.name))),
            Self::Folder(folder) => folder,
        };
        let usual = folder.join(&manifest.name);
        let mut places = vec![usual.clone()];
        for cache in [folder.clone(), folder.join("hub")] {
            places.extend(repositories(manifest).iter().flat_map(|name| snapshots(&cache.join(name))));
        }
        if is_only {
            places.extend(snapshots(folder));
            places.push(folder.clone());
        }
        let count = |place: &PathBuf| manifest.files.iter().filter(|file| place.join(&file.path).exists()).count();
        // `max_by_key` takes the last of equals.
        let best = places.into_iter().rev().max_by_key(count).filter(|place| count(place) > 0);
        Place::Folder(best.unwrap_or(usual))
    }
}

impl Place {
    /// Where it has a file.
    pub fn origin(&self, file: &ModelFile) -> Origin {
        match self {
            Self::Address(base) => Origin::Url(format!("{base}/{}", percent_encoded(&file.path.to_string_lossy()))),
            Self::Folder(folder) => Origin::File(folder.join(&file.path)),
        }
    }
}

/// The names that a hub's cache gives to the repositories from which the manifest's files come:
/// `models--onnx-community--dfine_s_coco-ONNX`.
fn repositories(manifest: &Manifest) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for url in manifest.files.iter().filter_map(|file| file.url.as_deref()) {
        let Some((repository, _)) = url.split_once("/resolve/") else { continue };
        let mut parts = repository.rsplit('/');
        let (Some(name), Some(owner)) = (parts.next(), parts.next()) else { continue };
        let name = format!("models--{owner}--{name}");
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A path for an address: what RFC 3986 does not leave unreserved is written as `%20`.
fn percent_encoded(path: &str) -> String {
    let encode = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    path.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    fn manifest(root: &Path) -> Manifest {
        let text = "family = 'detr'\ntask = 'detect'\nsource = 's'\nverified = false\nlicense = { name = 'MIT' }\n\
                    [[files]]\npath = 'onnx/model 1.onnx'\n\
                    url = 'https://huggingface.co/some/owl-ONNX/resolve/main/onnx/model%201.onnx'\n\
                    [[files]]\npath = 'config.json'\n";
        fs::create_dir_all(root.join("owl")).unwrap();
        fs::write(root.join("owl/model.toml"), text).unwrap();
        Manifest::load(&root.join("owl/model.toml")).unwrap()
    }

    fn write(folder: &Path, files: &[&str]) {
        for file in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}").unwrap();
        }
    }

    #[test]
    fn a_mirror_holds_each_model_below_its_base() {
        let root = tempfile::tempdir().unwrap();
        let manifest = manifest(root.path());
        let base: Mirror = "https://mirror.example/models/".parse().unwrap();
        let origin = base.place(&manifest, false).origin(&manifest.files[0]);
        assert_eq!(origin, Origin::Url("https://mirror.example/models/owl/onnx/model%201.onnx".to_owned()));
        let folder: Mirror = "/media/stick".parse().unwrap();
        let origin = folder.place(&manifest, true).origin(&manifest.files[0]);
        assert_eq!(origin, Origin::File("/media/stick/owl/onnx/model 1.onnx".into()));
    }

    #[test]
    fn a_checkpoints_folder_and_a_hubs_cache_are_taken_as_they_are() {
        let root = tempfile::tempdir().unwrap();
        let manifest = manifest(root.path());
        let files = ["onnx/model 1.onnx", "config.json"];
        let place = |folder: &Path, is_only| Mirror::Folder(folder.to_owned()).place(&manifest, is_only);

        let checkpoint = root.path().join("checkpoint");
        write(&checkpoint, &files);
        assert_eq!(place(&checkpoint, true), Place::Folder(checkpoint.clone()));
        assert_eq!(place(&checkpoint, false), Place::Folder(checkpoint.join("owl")), "of several models, whose is it?");

        let cache = root.path().join("home/hub");
        let repository = cache.join("models--some--owl-ONNX");
        write(&repository.join("snapshots/a"), &files[..1]);
        write(&repository.join("snapshots/b"), &files);
        write(&repository.join("snapshots/c"), &files);
        let b = Place::Folder(repository.join("snapshots/b"));
        fs::create_dir(repository.join("refs")).unwrap();
        fs::write(repository.join("refs/main"), "b\n").unwrap();
        for folder in [&repository, &cache, &root.path().join("home"), &repository.join("snapshots/b")] {
            assert_eq!(place(folder, true), b, "{}", folder.display());
        }
        assert_eq!(place(&cache, false), b);
        fs::write(repository.join("refs/main"), "a").unwrap();
        assert_ne!(place(&cache, false), Place::Folder(repository.join("snapshots/a")), "it has not all of the files");
    }
}
