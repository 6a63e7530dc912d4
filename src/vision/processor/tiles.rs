//! One picture becomes several tensors: tiles of it at full size and all of it at a tile's size.
//!
//! As Idefics3 and SmolVLM have it: the picture is resized so that its longer side is the configured one, resized again
//! to whole tiles, cut; last comes that second picture resized to one tile. A second picture of one tile is alone.

use super::config::{ProcessorConfig, Resize};
use super::image_processor::{ProcessorError, bounded, elements, len};
use super::normalize::{Tables, planes};
use super::resize::{Resizer, Resizing};
use super::size_rule::whole_tiles;
use super::window::{Source, Window};
use crate::types::{ChannelStep, ImageError, ImageView, PixelFormat, Size, TensorMut};
use crate::vision::kernels::Resample;
use half::f16;

/// How many tiles a picture has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TileLayout {
    /// Rows of tiles; 0 where the picture is not cut.
    pub rows: usize,
    /// Columns of tiles; 0 where the picture is not cut.
    pub columns: usize,
    /// Side of a tile.
    pub tile_px: u32,
}

impl TileLayout {
    /// Pictures in the tensor: the tiles row by row, then the whole picture.
    pub fn frames(&self) -> usize {
        self.rows * self.columns + 1
    }

    /// Elements of the tensor, `[frames, 3, tile, tile]`.
    pub fn elements(&self) -> usize {
        self.frames() * elements(self.frame())
    }

    fn frame(&self) -> Size {
        Size { width_px: self.tile_px, height_px: self.tile_px }
    }
}

/// Fills tensors of tiles from pictures of any size and format, as a checkpoint's configuration says.
///
/// Owns its tables and pictures: they are made again when a picture's size differs from the last one's, and nothing is
/// allocated once they have grown to the largest.
#[derive(Debug)]
pub struct TileProcessor {
    config: ProcessorConfig,
    tile_px: u32,
    steps: Steps,
    singles: Tables<f32>,
    halves: Tables<f16>,
    bytes: Tables<u8>,
}

/// The two pictures on the way, and what makes them.
#[derive(Debug)]
struct Steps {
    resizers: [Resizer; 3],
    first: Rgb,
    second: Rgb,
}

/// A picture of RGB bytes.
#[derive(Debug, Default)]
struct Rgb(Vec<u8>);

impl TileProcessor {
    /// For a configuration that cuts pictures into tiles.
    ///
    /// # Errors
    /// [`ProcessorError::Tiles`] for one that does not.
    pub fn new(config: ProcessorConfig) -> Result<Self, ProcessorError> {
        let tile_px = config.tile_px.ok_or(ProcessorError::Tiles { found: false })?;
        Ok(Self {
            tile_px,
            steps: Steps {
                resizers: [Resizer::new(), Resizer::new(), Resizer::new()],
                first: Rgb::default(),
                second: Rgb::default(),
            },
            singles: Tables::new(config.rescale_factor, config.normalize),
            halves: Tables::new(config.rescale_factor, config.normalize),
            bytes: Tables::of_bytes(),
            config,
        })
    }

    /// What it does.
    pub fn config(&self) -> &ProcessorConfig {
        &self.config
    }

    /// What makes of a tensor of bytes the numbers that a tensor of floats is filled with, bit for bit; `None` where no steps
    /// do.
    pub fn channel_steps(&self) -> Option<Vec<ChannelStep>> {
        self.singles.channel_steps(self.config.rescale_factor, self.config.normalize)
    }

    /// How a picture of size `image` is cut.
    ///
    /// # Errors
    /// [`ProcessorError::Tensor`] when the resized picture would exceed
    /// [`MAX_TENSOR_SIDE_PX`](super::MAX_TENSOR_SIDE_PX).
    pub fn layout(&self, image: Size) -> Result<TileLayout, ProcessorError> {
        self.sizes(image).map(|(_, _, layout)| layout)
    }

    /// Fills `out`, `[frames, 3, tile, tile]` (NCHW, RGB) of [`Self::layout`], with the picture's tiles row by row and
    /// the whole picture. Every pixel shows the picture: a mask of it is all ones.
    ///
    /// # Errors
    /// [`ProcessorError`] when `out` has another length or element, or the picture would be too large; nothing has been
    /// written then.
    pub fn run(&mut self, image: &ImageView, out: &mut TensorMut) -> Result<TileLayout, ProcessorError> {
        let (first, second, layout) = self.sizes(image.size())?;
        let (found, expected) = (len(out, true)?, layout.elements());
        if found != expected {
            let (frames, tensor) = (layout.frames(), layout.frame());
            return Err(ProcessorError::Length { found, offset: 0, frames, expected, tensor });
        }
        let filter = self.filter();
        match out {
            TensorMut::F32(out) => self.steps.write(image, [first, second], layout, filter, &self.singles, out),
            TensorMut::F16(out) => self.steps.write(image, [first, second], layout, filter, &self.halves, out),
            TensorMut::U8(out) => self.steps.write(image, [first, second], layout, filter, &self.bytes, out),
            // `len` has refused the others.
            _ => {}
        }
        Ok(layout)
    }

    fn filter(&self) -> Resample {
        match self.config.resize {
            Resize::Pillow { filter, .. } => filter,
            Resize::Keep | Resize::Floats { .. } | Resize::Smooth { .. } => Resample::Lanczos,
        }
    }

    /// The sizes of the first and the second picture.
    fn sizes(&self, image: Size) -> Result<(Size, Size, TileLayout), ProcessorError> {
        let tile_px = self.tile_px;
        let tile = Size { width_px: tile_px, height_px: tile_px };
        let first = match self.config.resize {
            Resize::Pillow { rule, .. } => rule.resized(image),
            Resize::Keep | Resize::Floats { .. } | Resize::Smooth { .. } => image,
        };
        let second = if self.config.splits { whole_tiles(first, tile_px) } else { tile };
        bounded(image, first)?;
        bounded(image, second)?;
        let (rows, columns) = match second {
            second if second == tile => (0, 0),
            second => ((second.height_px / tile_px) as usize, (second.width_px / tile_px) as usize),
        };
        Ok((first, second, TileLayout { rows, columns, tile_px }))
    }
}

impl Steps {
    /// `out` is as long as the layout says.
    fn write<E: Copy>(
        &mut self,
        image: &ImageView,
        [first, second]: [Size; 2],
        layout: TileLayout,
        filter: Resample,
        tables: &Tables<E>,
        out: &mut [E],
    ) {
        let tile = layout.tile_px as usize;
        let frame_len = 3 * tile * tile;
        let [to_first, to_second, to_tile] = &mut self.resizers;
        let whole = |resized| Resizing { resized, window: Window::whole(resized), filter };
        let source = Source::whole(image);
        if first != image.size() {
            self.first.0.resize(elements(first), 0);
            to_first.run(&source, whole(first), |row, rgb| self.first.set(first, row, rgb));
        }
        let source = if first == image.size() { Ok(source) } else { self.first.source(first) };
        let Ok(source) = source else { return };
        let is_cut = layout.rows > 0;
        if is_cut {
            self.second.0.resize(elements(second), 0);
        }
        let second_picture = &mut self.second;
        to_second.run(&source, whole(second), |row, rgb| {
            let (across, inside) = (row / tile * layout.columns, row % tile * tile);
            let frames = out.chunks_exact_mut(frame_len).skip(across);
            for (rgb, frame) in rgb.chunks_exact(3 * tile).zip(frames) {
                tables.write(rgb, planes(frame, inside..inside + tile));
            }
            if is_cut {
                second_picture.set(second, row, rgb);
            }
        });
        if !is_cut {
            return;
        }
        let Ok(source) = self.second.source(second) else { return };
        let last = &mut out[(layout.frames() - 1) * frame_len..];
        to_tile.run(&source, whole(layout.frame()), |row, rgb| {
            tables.write(rgb, planes(last, row * tile..(row + 1) * tile));
        });
    }
}

impl Rgb {
    fn set(&mut self, size: Size, row: usize, rgb: &[u8]) {
        let width_bytes = size.width_px as usize * 3;
        self.0[row * width_bytes..][..width_bytes].copy_from_slice(rgb);
    }

    /// The picture in the first bytes.
    ///
    /// # Errors
    /// None for sides within [`MAX_TENSOR_SIDE_PX`](super::MAX_TENSOR_SIDE_PX).
    fn source(&self, size: Size) -> Result<Source<'_>, ImageError> {
        ImageView::new(&self.0, size, size.width_px * 3, PixelFormat::Rgb8).map(|image| Source::whole(&image))
    }
}
