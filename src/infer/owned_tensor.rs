//! Tensors that own their elements, outside of any session.

use crate::types::{Element, TensorData, TensorMut};
use half::f16;

/// Elements in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub enum OwnedTensor {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 16-bit floats.
    F16(Vec<f16>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// Flags.
    Bool(Vec<bool>),
    /// 32-bit integers.
    I32(Vec<i32>),
    /// Bytes.
    U8(Vec<u8>),
}

impl OwnedTensor {
    /// `len` zeros.
    pub fn zeros(element: Element, len: usize) -> Self {
        match element {
            Element::F32 => Self::F32(vec![0.0; len]),
            Element::F16 => Self::F16(vec![f16::ZERO; len]),
            Element::I64 => Self::I64(vec![0; len]),
            Element::Bool => Self::Bool(vec![false; len]),
            Element::I32 => Self::I32(vec![0; len]),
            Element::U8 => Self::U8(vec![0; len]),
        }
    }

    /// A copy of an output.
    pub fn of(data: TensorData<'_>) -> Self {
        match data {
            TensorData::F32(values) => Self::F32(values.to_vec()),
            TensorData::F16(values) => Self::F16(values.to_vec()),
            TensorData::I64(values) => Self::I64(values.to_vec()),
            TensorData::Bool(values) => Self::Bool(values.to_vec()),
            TensorData::I32(values) => Self::I32(values.to_vec()),
            TensorData::U8(values) => Self::U8(values.to_vec()),
        }
    }

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

    /// How many elements it has.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::U8(values) => values.len(),
        }
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// To fill.
    pub fn as_mut(&mut self) -> TensorMut<'_> {
        match self {
            Self::F32(values) => TensorMut::F32(values),
            Self::F16(values) => TensorMut::F16(values),
            Self::I64(values) => TensorMut::I64(values),
            Self::Bool(values) => TensorMut::Bool(values),
            Self::I32(values) => TensorMut::I32(values),
            Self::U8(values) => TensorMut::U8(values),
        }
    }

    /// To read.
    pub fn as_data(&self) -> TensorData<'_> {
        match self {
            Self::F32(values) => TensorData::F32(values),
            Self::F16(values) => TensorData::F16(values),
            Self::I64(values) => TensorData::I64(values),
            Self::Bool(values) => TensorData::Bool(values),
            Self::I32(values) => TensorData::I32(values),
            Self::U8(values) => TensorData::U8(values),
        }
    }
}
