//! The elements of one tensor in ONNX Runtime's memory.

use super::InferError;
use crate::types::{Element, TensorData, TensorMut};
use half::f16;
use ort::memory::Allocator;
use ort::session::IoBinding;
use ort::value::{DynValue, PrimitiveTensorElementType, Tensor, TensorValueType};
use std::fmt::Debug;

/// A tensor of one of the types that we pass. It owns its memory, on the host unless a provider made it elsewhere.
#[derive(Debug)]
pub(super) enum Values {
    F32(Tensor<f32>),
    F16(Tensor<f16>),
    I64(Tensor<i64>),
    Bool(Tensor<bool>),
    I32(Tensor<i32>),
    U8(Tensor<u8>),
}

/// `$do` with the tensor of whichever type.
macro_rules! with_tensor {
    ($values:expr, $tensor:ident => $do:expr) => {
        match $values {
            Values::F32($tensor) => $do,
            Values::F16($tensor) => $do,
            Values::I64($tensor) => $do,
            Values::Bool($tensor) => $do,
            Values::I32($tensor) => $do,
            Values::U8($tensor) => $do,
        }
    };
}

impl Values {
    /// Zeros in host memory.
    ///
    /// # Errors
    /// [`InferError::Runtime`] when there is not as much memory.
    pub fn zeros(element: Element, shape: &[usize]) -> Result<Self, InferError> {
        Ok(match element {
            Element::F32 => Self::F32(zeros(shape)?),
            Element::F16 => Self::F16(zeros(shape)?),
            Element::I64 => Self::I64(zeros(shape)?),
            Element::Bool => Self::Bool(zeros(shape)?),
            Element::I32 => Self::I32(zeros(shape)?),
            Element::U8 => Self::U8(zeros(shape)?),
        })
    }

    /// What a run gave.
    ///
    /// # Errors
    /// [`InferError::Runtime`] when it is no tensor of `element`.
    pub fn of(value: DynValue, element: Element) -> Result<Self, InferError> {
        Ok(match element {
            Element::F32 => Self::F32(downcast(value)?),
            Element::F16 => Self::F16(downcast(value)?),
            Element::I64 => Self::I64(downcast(value)?),
            Element::Bool => Self::Bool(downcast(value)?),
            Element::I32 => Self::I32(downcast(value)?),
            Element::U8 => Self::U8(downcast(value)?),
        })
    }

    /// Writes its shape over `shape`.
    pub fn write_shape(&self, shape: &mut Vec<usize>) {
        let dimensions = with_tensor!(self, tensor => tensor.shape());
        shape.clear();
        // ONNX Runtime never gives a tensor a negative dimension.
        shape.extend(dimensions.iter().map(|&dimension| usize::try_from(dimension).unwrap_or(0)));
    }

    /// To write.
    ///
    /// # Panics
    /// When it is in a device's memory.
    pub fn as_mut(&mut self) -> TensorMut<'_> {
        match self {
            Self::F32(tensor) => TensorMut::F32(tensor.extract_tensor_mut().1),
            Self::F16(tensor) => TensorMut::F16(tensor.extract_tensor_mut().1),
            Self::I64(tensor) => TensorMut::I64(tensor.extract_tensor_mut().1),
            Self::Bool(tensor) => TensorMut::Bool(tensor.extract_tensor_mut().1),
            Self::I32(tensor) => TensorMut::I32(tensor.extract_tensor_mut().1),
            Self::U8(tensor) => TensorMut::U8(tensor.extract_tensor_mut().1),
        }
    }

    /// To read.
    ///
    /// # Panics
    /// When it is in a device's memory.
    pub fn as_data(&self) -> TensorData<'_> {
        match self {
            Self::F32(tensor) => TensorData::F32(tensor.extract_tensor().1),
            Self::F16(tensor) => TensorData::F16(tensor.extract_tensor().1),
            Self::I64(tensor) => TensorData::I64(tensor.extract_tensor().1),
            Self::Bool(tensor) => TensorData::Bool(tensor.extract_tensor().1),
            Self::I32(tensor) => TensorData::I32(tensor.extract_tensor().1),
            Self::U8(tensor) => TensorData::U8(tensor.extract_tensor().1),
        }
    }

    /// Whether the CPU can read and write it.
    pub fn is_on_host(&self) -> bool {
        with_tensor!(self, tensor => tensor.memory_info().is_cpu_accessible())
    }

    /// From now on runs read it as the input `name`; the binding keeps it alive.
    pub fn bind_as_input(&self, binding: &mut IoBinding, name: &str) -> Result<(), InferError> {
        with_tensor!(self, tensor => binding.bind_input(name, tensor)).map_err(InferError::runtime("bind an input"))
    }

    /// From now on runs write the output `name` into it; the binding keeps it alive.
    pub fn bind_as_output(&mut self, binding: &mut IoBinding, name: &str) -> Result<(), InferError> {
        with_tensor!(self, tensor => binding.bind_output(name, tensor)).map_err(InferError::runtime("bind an output"))
    }
}

fn zeros<T: PrimitiveTensorElementType + Debug>(shape: &[usize]) -> Result<Tensor<T>, InferError> {
    Tensor::new(&Allocator::default(), shape.to_vec()).map_err(InferError::runtime("make a tensor"))
}

fn downcast<T: PrimitiveTensorElementType + Debug>(value: DynValue) -> Result<Tensor<T>, InferError> {
    value.downcast::<TensorValueType<T>>().map_err(InferError::runtime("give an output"))
}
