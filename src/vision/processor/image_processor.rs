//! One picture becomes one tensor.

use super::config::{MAX_TENSOR_SIDE_PX, ProcessorConfig, Resize};
use super::floats::{FloatResizer, Weighing};
use super::geometry::NormalizedGeometry;
use super::normalize::{Number, Tables, planes, rescaled};
use super::resize::{Resizer, Resizing};
use super::window::{Source, Window};
use crate::types::{BBox, ChannelStep, Element, ImagePx, ImageView, Size, TensorMut};
use crate::vision::Normalize;
use crate::vision::kernels::Resample;
use half::f16;

/// Why no tensor was filled.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProcessorError {
    /// Pictures become floats; bytes too, where they are not computed in floats.
    #[error("image tensor of {found}, expected float32, float16 or, where pixels are not resized in floats, uint8")]
    Element {
        /// The tensor's elements.
        found: Element,
    },
    /// The tensor has no room, or another size where it must fit exactly.
    #[error("image tensor holds {found} elements, {frames}x3x{}x{} at element {offset} needs {expected}", .tensor.height_px, .tensor.width_px)]
    Length {
        /// Elements as found.
        found: usize,
        /// Where the pictures were to start.
        offset: usize,
        /// How many pictures.
        frames: usize,
        /// Elements that are needed, those ahead of `offset` included.
        expected: usize,
        /// The size of each picture.
        tensor: Size,
    },
    /// A thin picture would become a tensor with an absurd side.
    #[error(
        "image of {image} px would become a tensor of {tensor} px, expected sides of at most {MAX_TENSOR_SIDE_PX} px"
    )]
    Tensor {
        /// Size of the picture.
        image: Size,
        /// Size of its tensor.
        tensor: Size,
    },
    /// A box shows nothing of the picture.
    #[error("box ({}, {}) to ({}, {}) holds no pixel of an image of {image} px", .bbox.x_min(), .bbox.y_min(), .bbox.x_max(), .bbox.y_max())]
    Box {
        /// The box.
        bbox: BBox<ImagePx>,
        /// Size of the picture.
        image: Size,
    },
    /// The configuration cuts pictures into tiles, which is [`TileProcessor`](super::TileProcessor)'s task, or cuts
    /// none, which is [`ImageProcessor`]'s.
    #[error("image processor configuration {}, expected one that {}", cuts(*.found), cuts(!.found))]
    Tiles {
        /// Whether it cuts pictures into tiles.
        found: bool,
    },
}

fn cuts(tiles: bool) -> &'static str {
    if tiles { "cuts pictures into tiles" } else { "makes one tensor of a picture" }
}

/// Fills tensors from pictures of any size and format, as a checkpoint's configuration says.
///
/// Owns its tables and rows: they are made again when a picture's size differs from the last one's, and nothing is
/// allocated once they have grown to the largest.
#[derive(Debug)]
pub struct ImageProcessor {
    config: ProcessorConfig,
    resizer: Resizer,
    floats: FloatResizer,
    rescaled: [f32; 256],
    singles: Tables<f32>,
    halves: Tables<f16>,
    bytes: Tables<u8>,
}

/// What is done to pictures of one size.
#[derive(Debug, Clone, Copy)]
struct Plan {
    tensor: Size,
    geometry: NormalizedGeometry,
    step: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// The picture's window of the resized picture, at a column and row of the tensor; black around it.
    Pillow {
        resizing: Resizing,
        place: (usize, usize),
    },
    Floats {
        weighing: Weighing,
        padding: f32,
    },
}

impl Step {
    /// Whether there is a byte of each pixel on the way.
    fn is_of_bytes(self) -> bool {
        matches!(self, Self::Pillow { .. })
    }
}

impl ImageProcessor {
    /// For a configuration that makes one tensor of a picture.
    ///
    /// # Errors
    /// [`ProcessorError::Tiles`] for one that cuts pictures into tiles.
    pub fn new(config: ProcessorConfig) -> Result<Self, ProcessorError> {
        if config.tile_px.is_some() {
            return Err(ProcessorError::Tiles { found: true });
        }
        Ok(Self {
            resizer: Resizer::new(),
            floats: FloatResizer::default(),
            rescaled: rescaled(config.rescale_factor),
            singles: Tables::new(config.rescale_factor, config.normalize),
            halves: Tables::new(config.rescale_factor, config.normalize),
            bytes: Tables::of_bytes(),
            config,
        })
    }

    /// What makes of a tensor of bytes the numbers that a tensor of floats is filled with, bit for bit; `None` where pixels
    /// are resized in floats, or where no steps do.
    pub fn channel_steps(&self) -> Option<Vec<ChannelStep>> {
        let ProcessorConfig { rescale_factor, normalize, .. } = self.config;
        self.gives_bytes().then(|| self.singles.channel_steps(rescale_factor, normalize))?
    }

    /// Whether it fills tensors of bytes: where pixels are not resized in floats.
    fn gives_bytes(&self) -> bool {
        matches!(self.config.resize, Resize::Pillow { .. } | Resize::Keep)
    }

    /// Whether it fills tensors of such elements.
    ///
    /// # Errors
    /// [`ProcessorError::Element`] when it does not.
    pub fn check_element(&self, found: Element) -> Result<(), ProcessorError> {
        match found {
            Element::F32 | Element::F16 => Ok(()),
            Element::U8 if self.gives_bytes() => Ok(()),
            found => Err(ProcessorError::Element { found }),
        }
    }

    /// Height and width of the tensor that a picture of size `image` becomes: `[1, 3, H, W]`.
    ///
    /// # Errors
    /// [`ProcessorError::Tensor`] when a side would exceed [`MAX_TENSOR_SIDE_PX`].
    pub fn tensor_size(&self, image: Size) -> Result<Size, ProcessorError> {
        self.plan(image).map(|plan| plan.tensor)
    }

    /// Fills `out`, `[1, 3, H, W]` (NCHW, RGB) of [`Self::tensor_size`], with the picture. Gray becomes three equal
    /// channels, alpha is left out. A tensor of bytes gets them as they are: what would make numbers of them is
    /// [`channel_steps`](Self::channel_steps).
    ///
    /// # Errors
    /// [`ProcessorError`] when `out` has another length or element, or the tensor would be too large; nothing has been
    /// written then.
    pub fn run(&mut self, image: &ImageView, out: &mut TensorMut) -> Result<NormalizedGeometry, ProcessorError> {
        let Plan { tensor, step, .. } = self.plan(image.size())?;
        let (found, expected) = (len(out, step.is_of_bytes())?, elements(tensor));
        if found != expected {
            return Err(ProcessorError::Length { found, offset: 0, frames: 1, expected, tensor });
        }
        self.run_at(image, out, 0)
    }

    /// As [`Self::run`], at element `offset` of a larger tensor: picture `n` of a batch starts at `n * 3 * H * W`.
    ///
    /// # Errors
    /// As [`Self::run`]; the tensor may be longer.
    pub fn run_at(
        &mut self,
        image: &ImageView,
        out: &mut TensorMut,
        offset: usize,
    ) -> Result<NormalizedGeometry, ProcessorError> {
        self.fill(&Source::whole(image), out, offset)
    }

    /// As [`Self::run_at`], for the part of the picture in a box: the smallest rectangle of whole pixels around what
    /// lies of it inside the picture. The geometry leads to the picture, not to the part.
    ///
    /// # Errors
    /// As [`Self::run_at`], and [`ProcessorError::Box`] for a box without area inside the picture.
    pub fn run_box(
        &mut self,
        image: &ImageView,
        bbox: BBox<ImagePx>,
        out: &mut TensorMut,
        offset: usize,
    ) -> Result<NormalizedGeometry, ProcessorError> {
        let window = Window::around(bbox, image.size()).ok_or(ProcessorError::Box { bbox, image: image.size() })?;
        let geometry = self.fill(&Source::window(image, window), out, offset)?;
        Ok(geometry.inside(image.size(), window))
    }

    fn fill(
        &mut self,
        source: &Source,
        out: &mut TensorMut,
        offset: usize,
    ) -> Result<NormalizedGeometry, ProcessorError> {
        let plan = self.plan(source.size())?;
        let tensor = plan.tensor;
        let (found, needed) = (len(out, plan.step.is_of_bytes())?, elements(tensor));
        let end = offset.saturating_add(needed);
        if found < end {
            return Err(ProcessorError::Length { found, offset, frames: 1, expected: end, tensor });
        }
        let Self { config, resizer, floats, rescaled, singles, halves, bytes } = self;
        let mut tools = Tools { resizer, floats, rescaled, normalize: config.normalize };
        match out {
            TensorMut::F32(out) => tools.write(source, &plan, singles, &mut out[offset..end]),
            TensorMut::F16(out) => tools.write(source, &plan, halves, &mut out[offset..end]),
            TensorMut::U8(out) => tools.write_bytes(source, &plan, bytes, &mut out[offset..end]),
            // `len` has refused the others.
            _ => {}
        }
        Ok(plan.geometry)
    }

    fn plan(&self, image: Size) -> Result<Plan, ProcessorError> {
        let (rule, filter) = match self.config.resize {
            Resize::Smooth { size, padding } => return Ok(smooth_plan(image, size, padding)),
            Resize::Floats { rule, filter } => {
                let tensor = rule.resized(image);
                bounded(image, tensor)?;
                let step = Step::Floats { weighing: Weighing::Filter(filter), padding: 0.0 };
                return Ok(Plan { tensor, geometry: NormalizedGeometry::stretched(image), step });
            }
            Resize::Pillow { rule, filter } => (Some(rule), filter),
            Resize::Keep => (None, Resample::Nearest),
        };
        let resized = rule.map_or(image, |rule| rule.resized(image));
        let plan = cropped_plan(image, resized, self.config.center_crop.unwrap_or(resized), filter);
        bounded(image, plan.tensor)?;
        Ok(plan)
    }
}

/// Refuses a tensor with an absurd side.
pub(super) fn bounded(image: Size, tensor: Size) -> Result<(), ProcessorError> {
    let longest = tensor.width_px.max(tensor.height_px);
    if longest > MAX_TENSOR_SIDE_PX { Err(ProcessorError::Tensor { image, tensor }) } else { Ok(()) }
}

fn smooth_plan(image: Size, tensor: Size, padding: Option<f32>) -> Plan {
    let side = image.width_px.max(image.height_px);
    let (padded, geometry) = match padding {
        Some(_) => (Size { width_px: side, height_px: side }, NormalizedGeometry::square_padded(image)),
        None => (image, NormalizedGeometry::stretched(image)),
    };
    let step = Step::Floats { weighing: Weighing::Gaussian { padded }, padding: padding.unwrap_or(0.0) };
    Plan { tensor, geometry, step }
}

/// The middle of a picture resized to `resized`. An odd rest goes to the right and below where pixels are cut away,
/// to the left and above where black is added.
fn cropped_plan(image: Size, resized: Size, tensor: Size, filter: Resample) -> Plan {
    // First pixel and length of what is taken, and where in the tensor it is put.
    let along = |resized: u32, tensor: u32| {
        let (cut, added) = (resized.saturating_sub(tensor) / 2, tensor.saturating_sub(resized).div_ceil(2));
        (cut, resized.min(tensor), added)
    };
    let (left_px, width_px, right_by) = along(resized.width_px, tensor.width_px);
    let (top_px, height_px, down_by) = along(resized.height_px, tensor.height_px);
    let window = Window { left_px, top_px, size: Size { width_px, height_px } };
    let offset_px = (i64::from(left_px) - i64::from(right_by), i64::from(top_px) - i64::from(down_by));
    let geometry = if resized == tensor {
        NormalizedGeometry::stretched(image)
    } else {
        NormalizedGeometry::cropped(image, resized, offset_px, tensor)
    };
    let step =
        Step::Pillow { resizing: Resizing { resized, window, filter }, place: (right_by as usize, down_by as usize) };
    Plan { tensor, geometry, step }
}

/// Elements of a tensor of one picture.
pub(super) fn elements(tensor: Size) -> usize {
    3 * tensor.width_px as usize * tensor.height_px as usize
}

/// Elements of a tensor of floats, or where it may be one, of bytes.
pub(super) fn len(out: &TensorMut, may_be_bytes: bool) -> Result<usize, ProcessorError> {
    match out {
        TensorMut::F32(out) => Ok(out.len()),
        TensorMut::F16(out) => Ok(out.len()),
        TensorMut::U8(out) if may_be_bytes => Ok(out.len()),
        other => Err(ProcessorError::Element { found: other.element() }),
    }
}

/// What fills a tensor.
struct Tools<'a> {
    resizer: &'a mut Resizer,
    floats: &'a mut FloatResizer,
    rescaled: &'a [f32; 256],
    normalize: Normalize,
}

impl Tools<'_> {
    /// `out` is as long as the plan's tensor.
    fn write<E: Number>(&mut self, source: &Source, plan: &Plan, tables: &Tables<E>, out: &mut [E]) {
        let Step::Floats { weighing, padding } = plan.step else {
            return self.write_bytes(source, plan, tables, out);
        };
        let width = plan.tensor.width_px as usize;
        let Normalize { mean, std } = self.normalize;
        self.floats.run(source, weighing, plan.tensor, (self.rescaled, padding), |row, pixels| {
            for (channel, plane) in planes(out, row * width..(row + 1) * width).into_iter().enumerate() {
                for (out, pixel) in plane.iter_mut().zip(pixels) {
                    *out = E::of((pixel[channel] - mean[channel]) / std[channel]);
                }
            }
        });
    }

    /// As [`write`](Self::write), where each pixel is a byte on the way.
    fn write_bytes<E: Copy>(&mut self, source: &Source, plan: &Plan, tables: &Tables<E>, out: &mut [E]) {
        let Step::Pillow { resizing, place: (left, top) } = plan.step else { return };
        let width = plan.tensor.width_px as usize;
        if resizing.window.size != plan.tensor {
            let plane_len = out.len() / 3;
            out.chunks_exact_mut(plane_len).zip(tables.black()).for_each(|(plane, black)| plane.fill(black));
        }
        let picture_width = resizing.window.size.width_px as usize;
        self.resizer.run(source, resizing, |row, rgb| {
            let start = (top + row) * width + left;
            tables.write(rgb, planes(out, start..start + picture_width));
        });
    }
}
