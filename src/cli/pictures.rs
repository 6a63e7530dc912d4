//! Annotated pictures as JPEG files.

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use vedette::bag::{OutFile, Replace};
use vedette::config::CameraName;
use vedette::pipeline::{FrameView, Shown};
use vedette::types::CameraId;
use vedette::types::Size;
use vedette::vision::draw::Caption;

/// The comment by which an earlier picture is known.
const COMMENT: &[u8] = concat!("vedette/", env!("CARGO_PKG_VERSION")).as_bytes();

/// Draws every `every`th frame of each camera into a folder.
pub struct Pictures {
    folder: PathBuf,
    every: u64,
    replace: Replace,
    jpeg: Vec<u8>,
    written: u64,
    /// By camera.
    cameras: Vec<OfCamera>,
}

/// What is kept of a camera.
struct OfCamera {
    /// Its part of the names of files.
    before_stamp: String,
    /// So far.
    frames: u64,
    shown: Shown,
}

impl Pictures {
    const QUALITY: u8 = 90;

    /// Makes the folder. Earlier pictures in it are replaced, other files only with `force`.
    pub fn create(folder: &Path, every: u64, force: bool, cameras: &[CameraName]) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let replace = Replace { is_ours: is_picture, any: force };
        let folder = folder.to_owned();
        let of_camera = |camera: &CameraName| {
            let before_stamp = match camera.as_str() {
                "" => String::new(),
                name => format!("{name}_"),
            };
            OfCamera { before_stamp, frames: 0, shown: Shown::default() }
        };
        let cameras = cameras.iter().map(of_camera).collect();
        Ok(Self { folder, every, replace, jpeg: Vec::new(), written: 0, cameras })
    }

    /// Draws a frame of a camera, if it is its turn. The file is named by the stamp, behind the camera's name if it has one.
    pub fn frame(&mut self, camera: CameraId, view: &FrameView<'_>) -> Result<()> {
        let Some(OfCamera { before_stamp, frames, shown }) = self.cameras.get_mut(camera.0) else { return Ok(()) };
        shown.follow(view);
        let turn = frames.is_multiple_of(self.every);
        *frames += 1;
        if !turn {
            return Ok(());
        }
        let stamp = view.frame.stamp();
        let canvas = shown.draw(view, Caption::Stamp(stamp));
        let Size { width_px, height_px } = canvas.size();
        let path = self.folder.join(format!("{before_stamp}{stamp}.jpg"));
        let mut write = || -> Result<()> {
            self.jpeg.clear();
            JpegEncoder::new_with_quality(&mut self.jpeg, Self::QUALITY).write_image(
                canvas.pixels(),
                width_px,
                height_px,
                ExtendedColorType::Rgb8,
            )?;
            let mut file = OutFile::create(&path, self.replace)?;
            match write_with_comment(&mut file, &self.jpeg) {
                Ok(()) => Ok(file.finish()?),
                Err(error) => {
                    // The picture is lost already; a file that stays is of no use to anyone.
                    file.discard()?;
                    Err(error.into())
                }
            }
        };
        write().with_context(|| format!("cannot write the picture {}", path.display()))?;
        self.written += 1;
        Ok(())
    }

    /// How many pictures there are.
    pub fn written(&self) -> u64 {
        self.written
    }
}

/// A JPEG file with the comment behind its first segment, where JFIF allows one.
fn write_with_comment(file: &mut impl Write, jpeg: &[u8]) -> io::Result<()> {
    let first = jpeg.get(4..6).map_or(0, |length| 2 + usize::from(u16::from_be_bytes([length[0], length[1]])));
    let (head, rest) = jpeg.split_at(jpeg.len().min(2 + first));
    file.write_all(head)?;
    let length = u16::try_from(2 + COMMENT.len()).unwrap_or(u16::MAX);
    file.write_all(&[0xff, 0xfe])?;
    file.write_all(&length.to_be_bytes())?;
    file.write_all(COMMENT)?;
    file.write_all(rest)
}

fn is_picture(first: &[u8]) -> bool {
    let marks = first.windows(4 + 8).any(|bytes| bytes.starts_with(&[0xff, 0xfe]) && bytes.ends_with(b"vedette/"));
    first.starts_with(&[0xff, 0xd8]) && marks
}
