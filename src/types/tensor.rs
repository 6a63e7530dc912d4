//! Borrowed tensors, as they pass between a model's session and the code that fills and reads them.

use half::f16;
use std::fmt;

/// The element types that vision models take and give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// 16-bit float.
    F16,
    /// 64-bit signed integer: token ids, labels, sizes.
    I64,
    /// True or false: masks and switches.
    Bool,
}

impl fmt::Display for Element {
    /// ONNX's names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::I64 => "int64",
            Self::Bool => "bool",
        })
    }
}

/// An input to fill: row-major, contiguous, as long as the product of its dimensions.
#[derive(Debug)]
pub enum TensorMut<'a> {
    /// 32-bit floats.
    F32(&'a mut [f32]),
    /// 16-bit floats.
    F16(&'a mut [f16]),
    /// 64-bit integers.
    I64(&'a mut [i64]),
    /// Flags.
    Bool(&'a mut [bool]),
}

/// The elements of an output.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TensorData<'a> {
    /// 32-bit floats.
    F32(&'a [f32]),
    /// 16-bit floats.
    F16(&'a [f16]),
    /// 64-bit integers.
    I64(&'a [i64]),
    /// Flags.
    Bool(&'a [bool]),
}

/// An output to read: row-major, contiguous, `data` as long as the product of `shape`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorRef<'a> {
    /// Dimensions, outermost first.
    pub shape: &'a [usize],
    /// Elements.
    pub data: TensorData<'a>,
}
