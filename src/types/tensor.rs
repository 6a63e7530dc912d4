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
    /// 32-bit signed integer: numbers of boxes, classes.
    I32,
    /// Bytes: pictures as they are.
    U8,
}

impl fmt::Display for Element {
    /// ONNX's names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::I64 => "int64",
            Self::Bool => "bool",
            Self::I32 => "int32",
            Self::U8 => "uint8",
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
    /// 32-bit integers.
    I32(&'a mut [i32]),
    /// Bytes.
    U8(&'a mut [u8]),
}

impl TensorMut<'_> {
    /// The type of its elements.
    pub fn element(&self) -> Element {
        match self {
            Self::F32(_) => Element::F32,
            Self::F16(_) => Element::F16,
            Self::I64(_) => Element::I64,
            Self::Bool(_) => Element::Bool,
            Self::I32(_) => Element::I32,
            Self::U8(_) => Element::U8,
        }
    }

    /// Ones, or true: a mask that hides nothing.
    pub fn fill_with_one(&mut self) {
        match self {
            Self::F32(values) => values.fill(1.0),
            Self::F16(values) => values.fill(f16::ONE),
            Self::I64(values) => values.fill(1),
            Self::Bool(values) => values.fill(true),
            Self::I32(values) => values.fill(1),
            Self::U8(values) => values.fill(1),
        }
    }

    /// Fills it with floats of either precision. False, and nothing is written, when they are not as many, or when one of
    /// the two holds no floats.
    #[must_use]
    pub fn copy_floats_from(&mut self, from: TensorData<'_>) -> bool {
        match (self, from) {
            (Self::F32(into), TensorData::F32(from)) if into.len() == from.len() => into.copy_from_slice(from),
            (Self::F16(into), TensorData::F16(from)) if into.len() == from.len() => into.copy_from_slice(from),
            (Self::F32(into), TensorData::F16(from)) if into.len() == from.len() => {
                into.iter_mut().zip(from).for_each(|(into, from)| *into = from.to_f32());
            }
            (Self::F16(into), TensorData::F32(from)) if into.len() == from.len() => {
                into.iter_mut().zip(from).for_each(|(into, from)| *into = f16::from_f32(*from));
            }
            _ => return false,
        }
        true
    }
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
    /// 32-bit integers.
    I32(&'a [i32]),
    /// Bytes.
    U8(&'a [u8]),
}

/// An output to read: row-major, contiguous, `data` as long as the product of `shape`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TensorRef<'a> {
    /// Dimensions, outermost first.
    pub shape: &'a [usize],
    /// Elements.
    pub data: TensorData<'a>,
}
