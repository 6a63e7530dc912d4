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
}

impl OwnedTensor {
    /// `len` zeros.
    pub fn zeros(element: Element, len: usize) -> Self {
        match element {
            Element::F32 => Self::F32(vec![0.0; len]),
            Element::F16 => Self::F16(vec![f16::ZERO; len]),
            Element::I64 => Self::I64(vec![0; len]),
            Element::Bool => Self::Bool(vec![false; len]),
        }
    }

    /// The type of its elements.
    pub fn element(&self) -> Element {
        match self {
            Self::F32(_) => Element::F32,
            Self::F16(_) => Element::F16,
            Self::I64(_) => Element::I64,
            Self::Bool(_) => Element::Bool,
        }
    }

    /// How many elements it has.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F16(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::Bool(values) => values.len(),
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
        }
    }

    /// To read.
    pub fn as_data(&self) -> TensorData<'_> {
        match self {
            Self::F32(values) => TensorData::F32(values),
            Self::F16(values) => TensorData::F16(values),
            Self::I64(values) => TensorData::I64(values),
            Self::Bool(values) => TensorData::Bool(values),
        }
    }
}
