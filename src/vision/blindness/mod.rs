//! Whether a camera sees anything at all: a covered lens, a black picture or a frozen one is no empty road.
//!
//! Enters: a picture with its stamp, in the order of the stamps. Leaves: nothing, or [`Blind`] with the cause, the number
//! found and its limit. Such a picture must not reach a detector, whose silence would mean that nothing is there.
//!
//! A picture is looked at in 128 x 96 points, whatever its size ([`BlindCheck::measure`]); bytes are compared for
//! equality. What the limits hold against (night, fog, noise, the footage) is measured in `docs/blind.md`.
//!
//! | file | subject |
//! | --- | --- |
//! | `points` | the points' luma, out of any pixel format |
//! | `contrast` | how much of the points' differences is picture and not noise, coarse and fine |
//! | `repeats` | pictures that come again |

mod contrast;
mod points;
mod repeats;

use crate::types::{ImageView, Size, Stamp};
use contrast::Layers;
use points::Points;
use repeats::Repeats;

/// Limits of a [`BlindCheck`]. Each has a value that switches its cause off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlindParams {
    /// Least length of the shorter side in pixels; 1 is off. Default 48.
    pub min_side_px: u32,
    /// The luma (0 to 255) below which 99 of 100 points lie in a dark picture; 0 is off. Default 6.
    pub dark_luma: u8,
    /// The luma above which 99 of 100 points lie in an overexposed picture; 255 is off. Default 249.
    pub bright_luma: u8,
    /// Least [`Sight::contrast`], in steps of luma; 0 is off. Default 0.4.
    pub min_contrast: f32,
    /// Least [`Sight::sharpness`]; 0 is off. Default 0.13.
    pub min_sharpness: f32,
    /// How long, by the stamps, the same bytes may come again; 0 is off. Default 500 ms.
    pub frozen_ms: u32,
}

impl Default for BlindParams {
    fn default() -> Self {
        Self { min_side_px: 48, dark_luma: 6, bright_luma: 249, min_contrast: 0.4, min_sharpness: 0.13, frozen_ms: 500 }
    }
}

/// Why a picture shows nothing.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Blind {
    /// Fewer pixels than any model could use.
    #[error("the picture is too small: {size} px, expected sides of at least {min_side_px} px")]
    TooSmall {
        /// Of the picture.
        size: Size,
        /// The limit.
        min_side_px: u32,
    },
    /// All is black, or nearly.
    #[error("the picture is dark: 99 of 100 points have a luma of at most {found} of 255, expected {limit} or more")]
    Dark {
        /// [`Sight::bright_end`].
        found: u8,
        /// The limit.
        limit: u8,
    },
    /// All is white, or nearly.
    #[error(
        "the picture is overexposed: 99 of 100 points have a luma of at least {found} of 255, expected {limit} or less"
    )]
    Bright {
        /// [`Sight::dark_end`].
        found: u8,
        /// The limit.
        limit: u8,
    },
    /// One colour, or a soft glow, and noise.
    #[error("the picture is flat: its contrast without noise is {found:.2}, expected at least {limit:.2}")]
    Flat {
        /// [`Sight::contrast`].
        found: f32,
        /// The limit.
        limit: f32,
    },
    /// There are light and dark areas, but no edge between them.
    #[error("the picture is blurred: its sharpness is {found:.3}, expected at least {limit:.3}")]
    Blurred {
        /// [`Sight::sharpness`].
        found: f32,
        /// The limit.
        limit: f32,
    },
    /// The camera gives one picture, or a few in turn, under new stamps.
    #[error("the picture is frozen: nothing new for {found_ms} ms, expected a new picture within {limit_ms} ms")]
    Frozen {
        /// From the last new picture to this one.
        found_ms: i64,
        /// The limit.
        limit_ms: u32,
    },
}

impl Blind {
    /// A short, stable name of the cause, for counters and reports.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::TooSmall { .. } => "too_small",
            Self::Dark { .. } => "dark",
            Self::Bright { .. } => "bright",
            Self::Flat { .. } => "flat",
            Self::Blurred { .. } => "blurred",
            Self::Frozen { .. } => "frozen",
        }
    }
}

/// What the points of a picture say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight {
    /// The luma (0 to 255) that 1 of 100 points stays below.
    pub dark_end: u8,
    /// The luma that 1 of 100 points goes beyond.
    pub bright_end: u8,
    /// How far cells of 1/32 of the picture differ from the mean of their four neighbours, root mean square, in steps
    /// of luma. Noise is taken off with three standard errors: 0 where the differences may be noise alone.
    pub contrast: f32,
    /// The same measure for cells of 1/64 of the picture, over that for cells of 1/16: near 0.7 for pictures of the
    /// world, 0.5 for a single edge, below 0.2 where no edge is narrower than 1/40 of the picture. The highest ratio
    /// that noise leaves room for. None where the coarse cells may be noise alone.
    pub sharpness: Option<f32>,
}

/// Looks at one camera's pictures. Allocates when it is made and never again.
pub struct BlindCheck {
    params: BlindParams,
    points: Points,
    layers: Layers,
    repeats: Repeats,
}

impl BlindCheck {
    /// A check that has seen no picture yet.
    pub fn new(params: BlindParams) -> Self {
        Self { params, points: Points::new(), layers: Layers::new(), repeats: Repeats::default() }
    }

    /// Other limits hold from the next picture on.
    pub fn set_params(&mut self, params: BlindParams) {
        self.params = params;
    }

    /// Looks at the next picture of the camera.
    ///
    /// # Errors
    /// [`Blind`] when it shows nothing. The next one may do.
    pub fn look(&mut self, stamp: Stamp, image: &ImageView<'_>) -> Result<(), Blind> {
        let BlindParams { min_side_px, dark_luma, bright_luma, min_contrast, min_sharpness, frozen_ms } = self.params;
        let size = image.size();
        if size.width_px.min(size.height_px) < min_side_px {
            return Err(Blind::TooSmall { size, min_side_px });
        }
        let sight = self.measure(image);
        // A black picture is looked up too: the one that ends it is new.
        let unchanged_ns = if frozen_ms == 0 { 0 } else { self.repeats.unchanged_ns(stamp, self.points.luma(), image) };
        if sight.bright_end < dark_luma {
            return Err(Blind::Dark { found: sight.bright_end, limit: dark_luma });
        }
        if sight.dark_end > bright_luma {
            return Err(Blind::Bright { found: sight.dark_end, limit: bright_luma });
        }
        if sight.contrast < min_contrast {
            return Err(Blind::Flat { found: sight.contrast, limit: min_contrast });
        }
        if let Some(found) = sight.sharpness.filter(|&found| found < min_sharpness) {
            return Err(Blind::Blurred { found, limit: min_sharpness });
        }
        let found_ms = unchanged_ns / 1_000_000;
        if unchanged_ns > i64::from(frozen_ms) * 1_000_000 {
            return Err(Blind::Frozen { found_ms, limit_ms: frozen_ms });
        }
        Ok(())
    }

    /// The numbers that [`look`](Self::look) holds against the limits, for a picture of any size. It counts as no
    /// picture of the camera.
    pub fn measure(&mut self, image: &ImageView<'_>) -> Sight {
        self.points.take(image);
        let (dark_end, bright_end) = self.points.ends();
        let (contrast, sharpness) = self.layers.contrast_and_sharpness(self.points.luma());
        Sight { dark_end, bright_end, contrast, sharpness }
    }

    /// Forgets the pictures seen: the camera begins again, perhaps at an earlier stamp.
    pub fn reset(&mut self) {
        self.repeats = Repeats::default();
    }
}

#[cfg(test)]
mod tests;
