//! Annotated pictures as JPEG files.

use anyhow::{Context, Result};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use vedette::pipeline::{Moment, Said};
use vedette::types::Size;
use vedette::vision::Canvas;

/// Draws every `every`th frame into a folder.
pub struct Pictures {
    folder: PathBuf,
    every: u64,
    frames: u64,
    written: u64,
    canvas: Option<Canvas>,
}

impl Pictures {
    const QUALITY: u8 = 90;

    /// Makes the folder.
    pub fn create(folder: &Path, every: u64) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self { folder: folder.to_owned(), every, frames: 0, written: 0, canvas: None })
    }

    /// Draws a frame, if it is its turn. The file is named by the stamp.
    pub fn frame(&mut self, moment: &Moment<'_>, said: &Said<'_>) -> Result<()> {
        let turn = self.frames.is_multiple_of(self.every);
        self.frames += 1;
        if !turn {
            return Ok(());
        }
        let image = &moment.frame.value().image;
        let canvas = self.canvas.get_or_insert_with(|| Canvas::new(image));
        canvas.draw(image, said.scene(), said.labels(), said.plan());
        let Size { width_px, height_px } = canvas.size();
        let path = self.folder.join(format!("{}.jpg", said.stamp()));
        let write = || -> Result<()> {
            let mut file = BufWriter::new(File::create(&path)?);
            JpegEncoder::new_with_quality(&mut file, Self::QUALITY).write_image(
                canvas.pixels(),
                width_px,
                height_px,
                ExtendedColorType::Rgb8,
            )?;
            Ok(file.flush()?)
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
