//! `<file>.part`: what has arrived of a file, hashed as it is written, so that an end at any moment leaves something to
//! go on from. Beside it `<file>.part.etag` holds the address and the server's name for its bytes, if it gave a strong one
//! (RFC 9110, section 8.8.3).

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use vedette::infer::read_short_text;

/// A file that is not whole yet.
pub struct Part {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    length: u64,
    kept: u64,
    /// Address and strong ETag, as the file beside it holds them.
    version: Option<String>,
}

impl Part {
    /// What is there of `target`: nothing, or what an earlier fetch left. Makes the folders on the way.
    pub fn open(target: &Path) -> Result<Self> {
        let path = beside(target, ".part");
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let is_other = path.metadata().is_ok_and(|found| !found.is_file());
        ensure!(!is_other, "{} is no file: remove it", path.display());
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|error| named(&path, &error))?;
        let (hasher, length) = hash(&mut file).map_err(|error| named(&path, &error))?;
        let version = read_short_text(&beside(&path, ".etag"), 64 << 10).ok().filter(|_| length > 0);
        Ok(Self { path, file, hasher, length, kept: length, version })
    }

    /// Bytes that are there.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Those of them that an earlier fetch had left.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// The strong ETag of these bytes, if they are of `url` and it gave one.
    pub fn etag(&self, url: &str) -> Option<&str> {
        self.version.as_deref()?.strip_prefix(url)?.strip_prefix('\n')
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Forgets what is there.
    pub fn restart(&mut self) -> Result<()> {
        let emptied = self.file.set_len(0).and_then(|()| self.file.rewind());
        emptied.map_err(|error| named(&self.path, &error))?;
        self.hasher = Sha256::new();
        (self.length, self.kept) = (0, 0);
        self.keep_version(None)
    }

    /// Keeps the strong ETag that `url` gave, for a fetch that goes on from here.
    pub fn remember(&mut self, url: &str, etag: Option<&str>) -> Result<()> {
        self.keep_version(etag.map(|etag| format!("{url}\n{etag}")))
    }

    fn keep_version(&mut self, version: Option<String>) -> Result<()> {
        let path = beside(&self.path, ".etag");
        let kept = match &version {
            Some(version) => fs::write(&path, version),
            None => remove(&path),
        };
        kept.map_err(|error| named(&path, &error))?;
        self.version = version;
        Ok(())
    }

    /// Writes and hashes what came next.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| named(&self.path, &error))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// SHA-256 of what is there, in lower-case hexadecimal.
    pub fn sha256(&self) -> String {
        self.hasher.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Gives the whole file its name, in one step.
    pub fn finish(self, target: &Path) -> Result<()> {
        let Self { path, file, .. } = self;
        file.sync_all().and_then(|()| fs::rename(&path, target)).map_err(|error| named(target, &error))?;
        let etag = beside(&path, ".etag");
        remove(&etag).map_err(|error| named(&etag, &error))
    }

    /// Removes it: its bytes are of no use.
    pub fn discard(self) -> Result<()> {
        for path in [beside(&self.path, ".etag"), self.path] {
            remove(&path).map_err(|error| named(&path, &error))?;
        }
        Ok(())
    }
}

fn hash(file: &mut File) -> io::Result<(Sha256, u64)> {
    let mut hasher = Sha256::new();
    let mut length = 0;
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                hasher.update(&piece[..count]);
                length += count as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    file.seek(SeekFrom::Start(length))?;
    Ok((hasher, length))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn named(path: &Path, error: &io::Error) -> anyhow::Error {
    let disk = if error.kind() == ErrorKind::StorageFull { "the disk is full: " } else { "" };
    anyhow::anyhow!("{disk}{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn what_was_left_counts_for_length_and_hash() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("onnx/model.onnx");
        let mut part = Part::open(&target).unwrap();
        part.remember("http://a/b", Some("\"v1\"")).unwrap();
        part.append(b"ab").unwrap();
        drop(part);
        let mut part = Part::open(&target).unwrap();
        assert_eq!((part.length(), part.kept(), part.etag("http://a/b")), (2, 2, Some("\"v1\"")));
        assert_eq!(part.etag("http://a/"), None, "another address may give the same ETag to other bytes");
        part.append(b"c").unwrap();
        assert_eq!(part.sha256(), ABC);
        part.finish(&target).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abc");
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_full_disk_is_named() {
        let error = named(Path::new("a.part"), &ErrorKind::StorageFull.into()).to_string();
        assert!(error.starts_with("the disk is full: a.part: "), "{error}");
    }

    #[test]
    fn a_restart_forgets_bytes_and_version() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("model.onnx");
        let mut part = Part::open(&target).unwrap();
        part.append(b"wrong").unwrap();
        part.remember("http://a/b", Some("\"v1\"")).unwrap();
        part.restart().unwrap();
        part.append(b"abc").unwrap();
        assert_eq!((part.length(), part.kept(), part.etag("http://a/b"), part.sha256().as_str()), (3, 0, None, ABC));
        part.discard().unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
