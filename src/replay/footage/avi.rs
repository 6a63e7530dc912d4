//! An AVI file whose pictures are JPEGs, as OpenCV and many cameras write it.
//!
//! Source: the RIFF and AVI 1.0 and OpenDML 1.02 documents. The index is not used: chunks are found by walking from one
//! to the next, so a file that was cut or has none is read as far as it goes.

use super::error::FootageError;
use super::rate::Rate;
use crate::bag::Loss;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Codings that are JPEG under other names.
const JPEG: [&[u8; 4]; 5] = [b"MJPG", b"JPEG", b"AVRN", b"DMB1", b"JPGL"];

/// A chunk that holds a picture.
struct Place {
    at: u64,
    bytes: u32,
    /// The picture's number from 1: pictures of no bytes, which say that the one before stays, are counted too.
    number: u64,
}

/// An open video.
pub(super) struct Avi {
    file: File,
    path: PathBuf,
    places: Vec<Place>,
    rate: Option<Rate>,
    loss: Option<Loss>,
}

/// Whether a file that begins so is an AVI.
pub(super) fn is_avi(first: &[u8]) -> bool {
    first.starts_with(b"RIFF") && first.get(8..12) == Some(b"AVI ")
}

impl Avi {
    /// Lists the pictures.
    pub(super) fn open(path: &Path) -> Result<Self, FootageError> {
        let failed = |source| FootageError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let len = file.metadata().map_err(failed)?.len();
        let mut walk = Walk::default();
        let end = walk.run(&mut file, len).map_err(failed)?;
        let coding = walk.coding.ok_or_else(|| FootageError::Damaged {
            path: path.to_owned(),
            reason: "an AVI file that says nothing of a video".to_owned(),
        })?;
        if !JPEG.iter().any(|jpeg| coding.eq_ignore_ascii_case(*jpeg)) {
            let coding = coding.escape_ascii().to_string();
            return Err(FootageError::Video {
                path: path.to_owned(),
                found: format!("an AVI video coded as {coding}"),
            });
        }
        if walk.places.is_empty() {
            let reason = "an AVI file without a picture".to_owned();
            return Err(FootageError::Damaged { path: path.to_owned(), reason });
        }
        let loss = (end < len).then(|| Loss::Cut { path: path.to_owned(), at: end, bytes: len - end, recovered: 0 });
        Ok(Self { file, path: path.to_owned(), places: walk.places, rate: walk.rate, loss })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Pictures per second by the header.
    pub(super) fn rate(&self) -> Option<Rate> {
        self.rate
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn losses(&self) -> Vec<Loss> {
        self.loss.iter().cloned().collect()
    }

    /// Reads a picture into `bytes`: its number from 1. `None` at the end.
    pub(super) fn read(&mut self, place: usize, bytes: &mut Vec<u8>) -> Option<(u64, io::Result<()>)> {
        let place = self.places.get(place)?;
        // The walk has seen that they are there.
        bytes.resize(place.bytes as usize, 0);
        let read = self.file.seek(SeekFrom::Start(place.at)).and_then(|_| self.file.read_exact(bytes));
        Some((place.number, read))
    }
}

/// What the chunks have said so far.
#[derive(Default)]
struct Walk {
    places: Vec<Place>,
    rate: Option<Rate>,
    coding: Option<[u8; 4]>,
    streams: u32,
    /// The first video among the streams.
    video: Option<u32>,
    pictures: u64,
}

impl Walk {
    /// Goes from chunk to chunk; gives where the last whole one ends.
    fn run(&mut self, file: &mut File, len: u64) -> io::Result<u64> {
        let mut at = 0;
        let mut head = [0; 12];
        while at + 8 <= len {
            let have = usize::try_from((len - at).min(12)).unwrap_or(12);
            file.seek(SeekFrom::Start(at))?;
            file.read_exact(&mut head[..have])?;
            let [a, b, c, d, size @ .., _, _, _, _] = head;
            let (name, size) = ([a, b, c, d], u32::from_le_bytes(size));
            let end = at + 8 + u64::from(size);
            match (&name, &head[8..]) {
                // Lists that hold what is wanted are entered; a recorder that died has not written their sizes.
                (b"RIFF", b"AVI " | b"AVIX") | (b"LIST", b"hdrl" | b"strl" | b"movi" | b"rec ") if have == 12 => {
                    at += 12;
                    continue;
                }
                _ if end > len || !name.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') => return Ok(at),
                (b"strh", _) => self.stream(&read_start::<28>(file, at, size)?),
                (b"strf", _) if self.video.is_some_and(|video| video + 1 == self.streams) => {
                    let format = read_start::<20>(file, at, size)?;
                    self.coding = Some([format[16], format[17], format[18], format[19]]);
                }
                _ => self.picture(name, at + 8, size),
            }
            // Chunks begin at even places.
            at = end + u64::from(size % 2);
        }
        Ok(at.min(len))
    }

    /// A stream's header: its kind at 0, ticks and ticks per second at 20 and 24.
    fn stream(&mut self, header: &[u8; 28]) {
        if header.starts_with(b"vids") && self.video.is_none() {
            self.video = Some(self.streams);
            let number =
                |at: usize| f64::from(u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]));
            self.rate = Rate::new(number(24) / number(20));
        }
        self.streams += 1;
    }

    /// A chunk in the list of pictures: `00dc` for those of stream 0.
    fn picture(&mut self, name: [u8; 4], at: u64, bytes: u32) {
        let stream = std::str::from_utf8(&name[..2]).ok().and_then(|number| number.parse().ok());
        if !matches!(&name[2..], b"dc" | b"db") || stream.is_none() || stream != self.video {
            return;
        }
        self.pictures += 1;
        if bytes > 0 {
            self.places.push(Place { at, bytes, number: self.pictures });
        }
    }
}

/// The first bytes of a chunk, zeros behind its end.
fn read_start<const N: usize>(file: &mut File, at: u64, size: u32) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let count = N.min(size as usize);
    file.seek(SeekFrom::Start(at + 8))?;
    file.read_exact(&mut bytes[..count])?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(content.len()).unwrap().to_le_bytes();
        [name, &size[..], content, &vec![0; content.len() % 2]].concat()
    }

    fn list(name: &[u8; 4], kind: &[u8; 4], content: &[Vec<u8>]) -> Vec<u8> {
        chunk(name, &[&kind[..], &content.concat()].concat())
    }

    fn header(kind: &[u8; 4], coding: &[u8; 4]) -> Vec<u8> {
        let mut strh = [0; 56];
        strh[..4].copy_from_slice(kind);
        strh[20..24].copy_from_slice(&1001_u32.to_le_bytes());
        strh[24..28].copy_from_slice(&30_000_u32.to_le_bytes());
        let mut strf = [0; 40];
        strf[16..20].copy_from_slice(coding);
        list(b"LIST", b"strl", &[chunk(b"strh", &strh), chunk(b"strf", &strf)])
    }

    fn video(coding: &[u8; 4]) -> Vec<u8> {
        let streams = [header(b"auds", b"\0\0\0\0"), header(b"vids", coding)];
        let first = [chunk(b"01dc", b"one"), chunk(b"00wb", b"sound"), chunk(b"01dc", b""), chunk(b"JUNK", b"junk")];
        let inner = list(b"LIST", b"rec ", &[chunk(b"01dc", b"three!")]);
        let movi = list(b"LIST", b"movi", &[first.concat(), inner]);
        let more = list(b"RIFF", b"AVIX", &[list(b"LIST", b"movi", &[chunk(b"01db", b"four")])]);
        let info = list(b"LIST", b"INFO", &[chunk(b"ISFT", b"a writer")]);
        let riff = list(b"RIFF", b"AVI ", &[list(b"LIST", b"hdrl", &streams), info, movi, chunk(b"idx1", &[0; 32])]);
        [riff, more].concat()
    }

    fn open(bytes: &[u8]) -> Result<Avi, FootageError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        Avi::open(file.path())
    }

    fn pictures(avi: &mut Avi) -> Vec<(u64, String)> {
        let mut bytes = Vec::new();
        (0..avi.len())
            .map(|place| {
                let (number, read) = avi.read(place, &mut bytes).unwrap();
                read.unwrap();
                (number, String::from_utf8(bytes.clone()).unwrap())
            })
            .collect()
    }

    #[test]
    fn the_pictures_of_the_first_video_are_found_with_their_numbers_and_rate() {
        let mut avi = open(&video(b"MJPG")).unwrap();
        let expected = [(1, "one"), (3, "three!"), (4, "four")].map(|(number, text)| (number, text.to_owned()));
        assert_eq!(pictures(&mut avi), expected);
        assert_eq!((avi.rate(), avi.losses()), (Rate::new(30_000.0 / 1001.0), vec![]));
    }

    #[test]
    fn another_coding_is_refused_by_name() {
        let error = open(&video(b"div3")).err().unwrap().to_string();
        assert!(error.contains("an AVI video coded as div3, which is not read here: make pictures of it"), "{error}");
    }

    #[test]
    fn a_video_that_is_cut_anywhere_gives_the_pictures_before_the_cut() {
        let whole = video(b"MJPG");
        let all = pictures(&mut open(&whole).unwrap());
        let mut most = 0;
        for end in 0..=whole.len() {
            let Ok(mut avi) = open(&whole[..end]) else { continue };
            let found = pictures(&mut avi);
            assert!(all.starts_with(&found) && found.len() >= most, "cut at {end}");
            most = found.len();
        }
        assert_eq!(most, all.len());
    }

    #[test]
    fn sizes_that_a_recorder_did_not_live_to_write_are_no_obstacle() {
        let mut bytes = video(b"MJPG");
        bytes[4..8].fill(0);
        let movi = bytes.windows(4).position(|window| window == b"movi").unwrap();
        bytes[movi - 4..movi].fill(0);
        assert_eq!(open(&bytes).unwrap().len(), 3);
    }
}
