//! The inner loops of both resizers, the tables that they read, and the conversions ahead of them: all code for one kind of
//! processor is here.
//!
//! [`bilinear`] gives OpenCV's bytes, for the letterbox; [`weighing`] Pillow's, for image processors, by the filters of
//! [`taps`]; [`colors`] makes pixels that they take. [`Kernel`] chooses between their portable form and those of `avx2` and `neon`.

#[cfg(target_arch = "x86_64")]
mod avx2;
mod bilinear;
mod colors;
mod kernel;
#[cfg(target_arch = "aarch64")]
mod neon;
mod taps;
mod weighing;

pub(super) use bilinear::{Affine, Columns, RowPair, Weights, rebuild_row_pairs};
pub(super) use colors::{BayerRow, Packed, RawRow, Rgba};
pub(super) use kernel::Kernel;
pub use taps::Resample;
pub(super) use taps::{Span, Taps};
pub(super) use weighing::{BATCH, RingRows, STRIDE_BYTES};
