//! A file of results: written beside its name, given its name when it is whole, and never put in the place of what is
//! no earlier result.
//!
//! Links are followed: the file that a link leads to is the one that is written and replaced, the link stays.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// How many links may lead to one another, as in Linux.
const MAX_LINKS: usize = 40;

/// How often a name that others take and give back meanwhile is tried again.
const TRIES: usize = 8;

/// Bytes at a file's start by which an earlier result is known.
const FIRST_BYTES: u64 = 256;

/// Which files a new one may take the place of.
#[derive(Debug, Clone, Copy)]
pub struct Replace {
    /// Whether a file that begins with these bytes (up to 256) is an earlier result.
    pub is_ours: fn(&[u8]) -> bool,
    /// Replace any regular file, asked to by the user.
    pub any: bool,
}

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum OutFileError {
    /// The file system says no.
    #[error("cannot write {path}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The name belongs to something that holds no bytes of its own.
    #[error("{path} is {found}, expected a new name or an earlier result", path = path.display())]
    NotAFile {
        /// The name, links followed.
        path: PathBuf,
        /// `a folder`.
        found: &'static str,
    },
    /// The name belongs to a file that is no result.
    #[error("{path} exists and is no earlier result, expected another name or --force", path = path.display())]
    Foreign {
        /// The file, links followed.
        path: PathBuf,
    },
    /// What lies where the unfinished file would, which is never replaced.
    #[error("{path} exists and no earlier run has left it, expected another name for the results, or that it is moved away", path = path.display())]
    ForeignPartial {
        /// The file.
        path: PathBuf,
    },
    /// Somebody else writes the same results.
    #[error("{path} is being written by another process", path = path.display())]
    Busy {
        /// The unfinished file.
        path: PathBuf,
    },
}

/// A file that is being written under `<name>.partial`, beside its name and locked (`flock`).
///
/// When it is dropped the `.partial` file stays. The next one with this name takes its place, as long as it begins like
/// a result or is empty, and nobody holds its lock.
#[derive(Debug)]
pub struct OutFile {
    file: File,
    target: PathBuf,
    partial: PathBuf,
    replace: Replace,
}

impl OutFile {
    /// Says at once what [`create`](Self::create) would refuse about `path`; touches nothing.
    ///
    /// # Errors
    /// When the name belongs to what is no regular file, or to one that may not be replaced.
    pub fn check(path: &Path, replace: Replace) -> Result<(), OutFileError> {
        may_take(&resolve(path)?, replace).map(|_| ())
    }

    /// Begins a file, in a folder that is made where it is missing.
    ///
    /// # Errors
    /// As [`check`](Self::check), and when the `.partial` file cannot be made or is somebody else's.
    pub fn create(path: &Path, replace: Replace) -> Result<Self, OutFileError> {
        let target = resolve(path)?;
        may_take(&target, replace)?;
        if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(failed(folder))?;
        }
        let mut partial = target.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        for _ in 0..TRIES {
            match OpenOptions::new().write(true).create_new(true).open(&partial) {
                // Whoever found the file before it was locked has removed it.
                Ok(file) if lock(&file, &partial)? && is_at(&file, &partial) => {
                    return Ok(Self { file, target, partial, replace });
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => remove_stale(&partial, replace)?,
                Err(source) => return Err(OutFileError::Io { path: partial, source }),
            }
        }
        Err(OutFileError::Busy { path: partial })
    }

    /// Where the bytes are until the file is whole.
    pub fn partial(&self) -> &Path {
        &self.partial
    }

    /// Puts the bytes on the disk and gives the file its name; an earlier result that has it is replaced.
    ///
    /// # Errors
    /// When that fails, or the name was taken meanwhile by what may not be replaced; the `.partial` file stays then.
    pub fn finish(self) -> Result<(), OutFileError> {
        self.file.sync_all().map_err(failed(&self.partial))?;
        for _ in 0..TRIES {
            if may_take(&self.target, self.replace)? {
                return fs::rename(&self.partial, &self.target).map_err(failed(&self.target));
            }
            let mut partial = TempPath::try_from_path(&self.partial).map_err(failed(&self.partial))?;
            partial.disable_cleanup(true);
            match partial.persist_noclobber(&self.target) {
                Ok(()) => return Ok(()),
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&self.target)(error.error)),
            }
        }
        Err(OutFileError::Busy { path: self.target })
    }

    /// Removes what was written.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn discard(self) -> Result<(), OutFileError> {
        fs::remove_file(&self.partial).map_err(failed(&self.partial))
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> OutFileError {
    move |source| OutFileError::Io { path: path.to_owned(), source }
}

/// Follows links to the name that is to be written. What a link of `/proc` or `/dev` stands for need not have a name:
/// what it opens counts.
fn resolve(path: &Path) -> Result<PathBuf, OutFileError> {
    let mut at = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_file() => return Ok(at),
            Ok(found) if !found.is_symlink() => return Err(not_a_file(at, &found)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(at),
            Err(source) => return Err(OutFileError::Io { path: at, source }),
        }
        match fs::metadata(&at) {
            Ok(found) if found.is_file() => return at.canonicalize().map_err(failed(&at)),
            Ok(found) => return Err(not_a_file(at, &found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(OutFileError::Io { path: at, source }),
        }
        let to = fs::read_link(&at).map_err(failed(&at))?;
        at = at.parent().map_or_else(|| to.clone(), |folder| folder.join(&to));
    }
    let source = io::Error::other(format!("more than {MAX_LINKS} links lead to one another"));
    Err(OutFileError::Io { path: path.to_owned(), source })
}

fn not_a_file(path: PathBuf, found: &Metadata) -> OutFileError {
    let kind = found.file_type();
    let found = if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "no regular file"
    };
    OutFileError::NotAFile { path, found }
}

/// Whether there is a file to replace under a name without links. One that may not be replaced is an error.
fn may_take(target: &Path, replace: Replace) -> Result<bool, OutFileError> {
    let Some(mut file) = open_regular(target, replace.any)? else { return Ok(false) };
    if replace.any || (replace.is_ours)(&first_bytes(&mut file).map_err(failed(target))?) {
        return Ok(true);
    }
    Err(OutFileError::Foreign { path: target.to_owned() })
}

/// Opens what has a name; nothing where it is free. A file that nobody may read is no result of ours, unless it need
/// not be one (`any`).
fn open_regular(path: &Path, any: bool) -> Result<Option<File>, OutFileError> {
    for _ in 0..TRIES {
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => return Err(not_a_file(path.to_owned(), &found)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(OutFileError::Io { path: path.to_owned(), source }),
        }
        match File::open(path) {
            Ok(file) if is_at(&file, path) => return Ok(Some(file)),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !any => {
                return Err(OutFileError::Foreign { path: path.to_owned() });
            }
            Err(source) => return Err(OutFileError::Io { path: path.to_owned(), source }),
        }
    }
    Err(OutFileError::Busy { path: path.to_owned() })
}

fn first_bytes(file: &mut File) -> io::Result<Vec<u8>> {
    let mut first = Vec::new();
    file.take(FIRST_BYTES).read_to_end(&mut first)?;
    Ok(first)
}

/// Whether this very file still has the name.
fn is_at(file: &File, path: &Path) -> bool {
    let same = |open: Metadata, named: Metadata| (open.dev(), open.ino()) == (named.dev(), named.ino());
    file.metadata().is_ok_and(|open| fs::symlink_metadata(path).is_ok_and(|named| same(open, named)))
}

/// Locks a file against other processes; false when one of them has it. File systems without locks go without.
fn lock(file: &File, path: &Path) -> Result<bool, OutFileError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => {
            tracing::debug!("no lock on {}: {error}", path.display());
            Ok(true)
        }
    }
}

/// Removes the `.partial` file that a run left when it was killed.
fn remove_stale(partial: &Path, replace: Replace) -> Result<(), OutFileError> {
    let Some(mut file) = open_regular(partial, false)? else { return Ok(()) };
    let first = first_bytes(&mut file).map_err(failed(partial))?;
    if !(first.is_empty() || (replace.is_ours)(&first)) {
        return Err(OutFileError::ForeignPartial { path: partial.to_owned() });
    }
    if !lock(&file, partial)? {
        return Err(OutFileError::Busy { path: partial.to_owned() });
    }
    if is_at(&file, partial) {
        fs::remove_file(partial).map_err(failed(partial))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    const OURS: Replace = Replace { is_ours: |first| first.starts_with(b"ours"), any: false };
    const FORCED: Replace = Replace { any: true, ..OURS };

    fn write(path: &Path, replace: Replace) -> Result<(), OutFileError> {
        let mut file = OutFile::create(path, replace)?;
        file.write_all(b"ours, new").unwrap();
        file.finish()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn refusal(path: &Path, replace: Replace) -> String {
        let error = OutFile::check(path, replace).unwrap_err().to_string();
        assert_eq!(OutFile::create(path, replace).unwrap_err().to_string(), error);
        error
    }

    #[test]
    fn a_file_has_its_name_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/out");
        let mut file = OutFile::create(&path, OURS).unwrap();
        file.write_all(b"ours").unwrap();
        assert_eq!(names(&folder.path().join("made")), ["out.partial"]);
        file.finish().unwrap();
        assert_eq!(names(&folder.path().join("made")), ["out"]);
        write(&path, OURS).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ours, new");
    }

    #[test]
    fn a_foreign_file_is_left_alone_unless_the_user_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        for content in ["theirs", ""] {
            fs::write(&path, content).unwrap();
            let expected =
                format!("{} exists and is no earlier result, expected another name or --force", path.display());
            assert_eq!(refusal(&path, OURS), expected);
            assert_eq!(fs::read(&path).unwrap(), content.as_bytes());
            write(&path, FORCED).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"ours, new");
        }
    }

    #[test]
    fn links_are_followed_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (near, far) = (folder.path().join("near"), folder.path().join("far/out"));
        symlink("middle", &near).unwrap();
        symlink("far/out", folder.path().join("middle")).unwrap();
        for _ in ["the link leads nowhere", "it leads to an earlier result"] {
            write(&near, OURS).unwrap();
            assert!(fs::symlink_metadata(&near).unwrap().is_symlink());
            assert_eq!(fs::read(&far).unwrap(), b"ours, new");
            assert_eq!(names(&folder.path().join("far")), ["out"]);
        }
        fs::write(&far, "theirs").unwrap();
        assert!(refusal(&near, OURS).contains("far/out exists and is no earlier result"));
        symlink("ring", folder.path().join("ring")).unwrap();
        assert!(refusal(&folder.path().join("ring"), FORCED).ends_with("ring"));
    }

    #[test]
    fn what_is_no_regular_file_is_refused_even_when_forced() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        symlink(&socket, folder.path().join("link")).unwrap();
        symlink("/dev/null", folder.path().join("device")).unwrap();
        let cases = [
            (folder.path().to_owned(), "a folder"),
            (socket.clone(), "a socket"),
            (folder.path().join("link"), "a socket"),
        ];
        for (path, found) in cases.into_iter().chain([(folder.path().join("device"), "a device")]) {
            let error = refusal(&path, FORCED);
            assert_eq!(error, format!("{} is {found}, expected a new name or an earlier result", path.display()));
        }
        assert_eq!(names(folder.path()), ["device", "link", "socket"]);
    }

    #[test]
    fn what_a_killed_run_left_makes_way_and_a_foreign_partial_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (path, partial) = (folder.path().join("out"), folder.path().join("out.partial"));
        for content in ["ours, cut", ""] {
            fs::write(&partial, content).unwrap();
            write(&path, OURS).unwrap();
            assert_eq!(names(folder.path()), ["out"]);
        }
        fs::write(&partial, "theirs").unwrap();
        let error = write(&path, FORCED).unwrap_err();
        assert!(matches!(error, OutFileError::ForeignPartial { path } if path == partial));
        assert_eq!(fs::read(&partial).unwrap(), b"theirs");
        fs::remove_file(&partial).unwrap();
        symlink(&path, &partial).unwrap();
        assert!(matches!(write(&path, FORCED), Err(OutFileError::NotAFile { .. })));
    }

    #[test]
    fn two_who_write_the_same_file_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut first = OutFile::create(&path, OURS).unwrap();
        let error = OutFile::create(&path, OURS).unwrap_err().to_string();
        assert_eq!(error, format!("{}.partial is being written by another process", path.display()));
        first.write_all(b"ours").unwrap();
        first.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"ours");
    }

    #[test]
    fn a_name_that_was_taken_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        for existed in [false, true] {
            fs::remove_file(&path).ok();
            if existed {
                fs::write(&path, "ours").unwrap();
            }
            let mut file = OutFile::create(&path, OURS).unwrap();
            file.write_all(b"ours, new").unwrap();
            fs::write(&path, "theirs").unwrap();
            assert!(matches!(file.finish(), Err(OutFileError::Foreign { .. })), "{existed}");
            assert_eq!(fs::read(&path).unwrap(), b"theirs");
            assert_eq!(fs::read(folder.path().join("out.partial")).unwrap(), b"ours, new");
        }
    }

    #[test]
    fn a_discarded_file_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        OutFile::create(&folder.path().join("out"), OURS).unwrap().discard().unwrap();
        assert_eq!(names(folder.path()), [""; 0]);
    }
}
