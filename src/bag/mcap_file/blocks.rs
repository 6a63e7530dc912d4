//! Positioned reads from a file, small ones out of a window that is read ahead.

use crate::bag::source::SourceError;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const WINDOW: u64 = 64 * 1024;

/// A file and the piece of it that was read last.
pub(super) struct Blocks {
    file: File,
    path: PathBuf,
    len: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Blocks {
    /// `path` is what errors name: for a decompressed copy, the file that it was made from.
    pub(super) fn new(file: File, path: &Path) -> Result<Self, SourceError> {
        let len = file.metadata().map_err(|source| SourceError::Io { path: path.to_owned(), source })?.len();
        Ok(Self { file, path: path.to_owned(), len, window: Vec::new(), window_at: 0 })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The error for a record at `offset`.
    pub(super) fn corrupt(&self, offset: u64, reason: impl Into<String>) -> SourceError {
        SourceError::Corrupt { path: self.path.clone(), offset, reason: reason.into() }
    }

    /// `count` bytes from `at` on, fewer at the end of the file.
    pub(super) fn peek(&mut self, at: u64, count: usize) -> Result<&[u8], SourceError> {
        let count = to_usize(self.len.saturating_sub(at).min(count as u64));
        if count == 0 {
            return Ok(&[]);
        }
        let begin = at.checked_sub(self.window_at).map_or(usize::MAX, to_usize);
        if begin.checked_add(count).is_none_or(|end| end > self.window.len()) {
            let size = to_usize((self.len - at).min(WINDOW.max(count as u64)));
            let mut window = std::mem::take(&mut self.window);
            window.resize(size, 0);
            let read = self.read(at, &mut window);
            self.window = window;
            self.window_at = at;
            if let Err(error) = read {
                self.window.clear();
                return Err(error);
            }
            return Ok(&self.window[..count]);
        }
        Ok(&self.window[begin..begin + count])
    }

    /// Fills `buffer` with the bytes from `at` on.
    pub(super) fn read(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        self.file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.read_exact(buffer))
            .map_err(|source| SourceError::Io { path: self.path.clone(), source })
    }
}

/// A length that is within the file, as a length in memory; files larger than the address space are read in pieces,
/// so that only nonsense saturates.
pub(super) fn to_usize(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    proptest! {
        #[test]
        fn a_peek_gives_the_bytes_of_the_file(reads in proptest::collection::vec((0_u64..300_000, 0_usize..100_000), 1..20)) {
            let content: Vec<u8> = (0..250_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&content).unwrap();
            let mut blocks = Blocks::new(file, Path::new("x")).unwrap();
            for (at, count) in reads {
                let begin = to_usize(at).min(content.len());
                let end = (begin + count).min(content.len());
                prop_assert!(blocks.peek(at, count).unwrap() == &content[begin..end]);
            }
        }
    }
}
