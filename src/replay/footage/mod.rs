//! Other footage than bags: a folder of pictures, one picture, or a video of JPEG pictures (AVI), as the messages of a
//! camera.
//!
//! Each picture becomes a sensor_msgs/Image under the name that the node reads, `rgb8`, or `mono8` where it has no
//! colours. Stamps begin at one period and count on with the rate, so that stamp times rate is the picture's number from
//! 1, as `ffmpeg` names them; a picture that is lost keeps its number. There is no camera_info.
//!
//! Videos in other codings are refused with the command that makes pictures of them: no decoder of theirs is both light
//! and whole.

mod avi;
mod error;
mod jpeg_stream;
mod picture_folder;
mod rate;
mod still;

pub use error::FootageError;
pub use rate::Rate;

use crate::bag::{Loss, Source, SourceError, TopicInfo};
use crate::pipeline::Input;
use crate::types::RawMessage;
use avi::Avi;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use still::Decoder;

/// Where the pictures lie.
enum Frames {
    Pictures(Vec<PathBuf>),
    Avi(Box<Avi>),
}

/// Pictures as a [`Source`].
pub struct Footage {
    frames: Frames,
    /// What the folder lacks.
    left_out: Vec<Loss>,
    rate: Rate,
    topics: [TopicInfo; 1],
    is_selected: bool,
    next: usize,
    bytes: Vec<u8>,
    decoder: Decoder,
}

impl Footage {
    /// Opens what lies at `path` as a camera on `topic`; `None` when it is no such footage: a bag, or nothing that is
    /// known here. `rate` outdoes a video's own.
    ///
    /// # Errors
    /// When it is a video that is not read, or cannot be read.
    pub fn open(path: &Path, topic: &str, rate: Option<Rate>) -> Result<Option<Self>, FootageError> {
        let failed = |source| FootageError::Io { path: path.to_owned(), source };
        // What cannot be looked at is a bag's affair, whose errors speak of it.
        let Ok(kind) = std::fs::metadata(path) else { return Ok(None) };
        let mut left_out = Vec::new();
        let (frames, own_rate) = if kind.is_dir() {
            let pictures;
            (pictures, left_out) = picture_folder::in_folder(path).map_err(failed)?;
            if pictures.is_empty() {
                return Ok(None);
            }
            (Frames::Pictures(pictures), None)
        } else if kind.is_file() {
            let mut first = Vec::new();
            File::open(path).and_then(|file| file.take(64).read_to_end(&mut first)).map_err(failed)?;
            if avi::is_avi(&first) {
                let avi = Avi::open(path)?;
                let rate = avi.rate();
                (Frames::Avi(Box::new(avi)), rate)
            } else if let Some(found) = other_video(&first) {
                return Err(FootageError::Video { path: path.to_owned(), found: found.to_owned() });
            } else if jpeg_stream::is_stream(path).map_err(failed)? {
                return Err(FootageError::Video {
                    path: path.to_owned(),
                    found: "JPEGs in a row (raw MJPEG)".to_owned(),
                });
            } else if still::is_picture(&first) {
                (Frames::Pictures(vec![path.to_owned()]), None)
            } else {
                return Ok(None);
            }
        } else {
            return Ok(None);
        };
        let count = match &frames {
            Frames::Pictures(pictures) => pictures.len(),
            Frames::Avi(avi) => avi.len(),
        };
        let (name, type_name) = (topic.to_owned(), Input::Image.type_name().to_owned());
        let rate = rate.or(own_rate).unwrap_or(Rate::DEFAULT);
        tracing::info!(path = %path.display(), pictures = count, fps = %rate, "footage");
        Ok(Some(Self {
            frames,
            left_out,
            rate,
            topics: [TopicInfo { name, type_name, messages: Some(count as u64) }],
            is_selected: true,
            next: 0,
            bytes: Vec::new(),
            decoder: Decoder::default(),
        }))
    }

    /// The rate that stamps are made by.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Reads the picture at `place` into `bytes`: its number from 1. `None` at the end.
    fn read(&mut self, place: usize) -> Option<(u64, io::Result<()>)> {
        match &mut self.frames {
            Frames::Pictures(pictures) => {
                let read = picture_folder::read(pictures.get(place)?, &mut self.bytes);
                Some((place as u64 + 1, read))
            }
            Frames::Avi(avi) => avi.read(place, &mut self.bytes),
        }
    }

    fn name(&self, place: usize, number: u64) -> String {
        match &self.frames {
            Frames::Pictures(pictures) => pictures[place].display().to_string(),
            Frames::Avi(avi) => format!("{}: picture {number}", avi.path().display()),
        }
    }
}

impl Source for Footage {
    fn topics(&self) -> &[TopicInfo] {
        &self.topics
    }

    fn select(&mut self, topics: &[&str]) -> Result<(), SourceError> {
        self.is_selected = topics.contains(&self.topics[0].name.as_str());
        self.next = 0;
        Ok(())
    }

    fn next_message(&mut self) -> Result<Option<RawMessage<'_>>, SourceError> {
        if !self.is_selected {
            return Ok(None);
        }
        let place = self.next;
        let Some((number, read)) = self.read(place) else { return Ok(None) };
        self.next += 1;
        let stamp = self.rate.stamp(number);
        let decoded = read.map_err(|error| error.to_string()).and_then(|()| self.decoder.decode(&self.bytes, stamp));
        match decoded {
            Ok(()) => Ok(Some(RawMessage { topic: &self.topics[0].name, log_time: stamp, cdr: self.decoder.cdr() })),
            Err(reason) => Err(SourceError::Picture { of: self.name(place, number), reason }),
        }
    }

    fn losses(&self) -> Vec<Loss> {
        match &self.frames {
            Frames::Pictures(_) => self.left_out.clone(),
            Frames::Avi(avi) => avi.losses(),
        }
    }
}

/// What the first bytes say of a video that is not read.
fn other_video(first: &[u8]) -> Option<&'static str> {
    let brand = first.get(8..12).filter(|_| first.get(4..8) == Some(b"ftyp"));
    // Pictures in the same container are none that is read either, and `ffmpeg` reads them.
    let is_still = brand.is_some_and(|brand| matches!(brand, b"heic" | b"heix" | b"mif1" | b"avif"));
    match first {
        _ if is_still => Some("a HEIC or AVIF picture"),
        _ if brand.is_some() => Some("an MP4 or MOV video"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Some("a Matroska or WebM video"),
        [0, 0, 1, 0xba | 0xb3, ..] => Some("an MPEG video"),
        [0, 0, 0, 1, 0x67 | 0x09 | 0x40 | 0x46, ..] => Some("a raw H.264 or H.265 stream"),
        [b'F', b'L', b'V', 1, ..] => Some("a Flash video"),
        [0x30, 0x26, 0xb2, 0x75, ..] => Some("a Windows Media video"),
        [b'O', b'g', b'g', b'S', ..] => Some("an Ogg video"),
        [b'G', b'I', b'F', b'8', ..] => Some("a GIF"),
        _ if first.starts_with(b"YUV4MPEG2 ") => Some("a raw video (Y4M)"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::sensor_msgs::decode_image;

    fn picture(value: u8, name: &Path) {
        image::RgbImage::from_pixel(4, 3, image::Rgb([value, 0, 0])).save(name).unwrap();
    }

    #[test]
    fn pictures_come_in_the_order_of_their_numbers_with_stamps_by_the_rate() {
        let folder = tempfile::tempdir().unwrap();
        for number in [1, 2, 10] {
            picture(number, &folder.path().join(format!("img_{number}.png")));
        }
        std::fs::write(folder.path().join("img_3.jpg"), b"no picture").unwrap();
        let rate = Rate::new(4.0);
        let mut footage = Footage::open(folder.path(), "/image", rate).unwrap().unwrap();
        assert_eq!(footage.topics()[0].messages, Some(4));
        let mut seen = Vec::new();
        loop {
            match footage.next_message() {
                Ok(Some(message)) => {
                    let image = decode_image(message.cdr).unwrap();
                    assert_eq!((message.topic, image.header.stamp), ("/image", message.log_time));
                    seen.push((message.log_time.as_ns(), image.image.row(0)[0]));
                }
                Ok(None) => break,
                Err(error) => {
                    let error = error.to_string();
                    assert!(error.starts_with(folder.path().join("img_3.jpg").to_str().unwrap()), "{error}");
                    seen.push((0, 0));
                }
            }
        }
        assert_eq!(seen, [(250_000_000, 1), (500_000_000, 2), (0, 0), (1_000_000_000, 10)]);
    }

    #[test]
    fn one_picture_is_footage_and_a_bag_or_an_empty_folder_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Footage::open(&folder.path().join(name), "/image", None).unwrap();
        assert!(open("").is_none() && open("not_there").is_none());
        picture(1, &folder.path().join("one.png"));
        assert!(open("one.png").is_some() && open("").is_some());
        std::fs::write(folder.path().join("bag_0.mcap"), b"").unwrap();
        assert!(open("").is_none() && open("bag_0.mcap").is_none());
    }

    #[test]
    fn a_video_that_is_not_read_is_refused_with_the_command_that_helps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("drive.mp4");
        for (first, found) in [
            (&b"\0\0\0\x20ftypisom"[..], "an MP4 or MOV video"),
            (b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
            (b"\0\0\0\x01\x67", "a raw H.264 or H.265 stream"),
            (b"\0\0\0\x20ftypheic", "a HEIC or AVIF picture"),
        ] {
            std::fs::write(&path, first).unwrap();
            let error = Footage::open(&path, "/image", None).err().unwrap().to_string();
            let cure = format!("`mkdir frames && ffmpeg -i {} -qscale:v 2 frames/%06d.jpg`", path.display());
            assert!(
                error.contains(&format!("drive.mp4: {found}, which is not read here")) && error.contains(&cure),
                "{error}"
            );
        }
    }
}
