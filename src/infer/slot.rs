//! The tensors that stand at the inputs and outputs of a model between its runs.

use super::values::Values;
use super::{InferError, TensorSpec};

/// An input and the tensor that the next run reads.
#[derive(Debug)]
pub(super) struct InputSlot {
    /// As the graph declares it.
    pub declared: TensorSpec,
    /// Its elements; while a dimension is open, there are none.
    pub values: Values,
    pub shape: Vec<usize>,
    /// Whether a dimension that the graph leaves open has no value yet.
    pub is_open: bool,
    /// Whether the binding holds `values`.
    pub is_bound: bool,
}

impl InputSlot {
    pub fn new(declared: TensorSpec) -> Result<Self, InferError> {
        let shape: Vec<usize> = declared.shape.iter().map(|dimension| dimension.unwrap_or(0)).collect();
        let values = Values::zeros(declared.element, &shape)?;
        let is_open = declared.shape.contains(&None);
        Ok(Self { declared, values, shape, is_open, is_bound: false })
    }

    /// Whether it has this shape already.
    pub fn has_shape(&self, shape: &[usize]) -> bool {
        !self.is_open && self.shape == shape
    }

    /// Another tensor takes its place; the one that it had.
    pub fn put(&mut self, values: Values, shape: &[usize]) -> Values {
        self.shape.clear();
        self.shape.extend_from_slice(shape);
        self.is_open = false;
        self.is_bound = false;
        std::mem::replace(&mut self.values, values)
    }
}

/// An output and the tensor that the last run wrote.
#[derive(Debug)]
pub(super) struct OutputSlot {
    pub shape: Vec<usize>,
    pub value: OutputValue,
    /// Whether runs leave it in the memory of the device that computes it.
    pub stays_on_device: bool,
    /// Whether the binding holds the tensor that stands here.
    pub is_bound: bool,
}

/// What stands at an output.
#[derive(Debug)]
pub(super) enum OutputValue {
    /// What the last run wrote.
    Computed(Values),
    /// A tensor of the right type and shape that the next run may write into.
    Spare(Values),
    /// Nothing: it was carried away, or no run has been.
    Nothing,
    /// The tensor of this input, which runs write in place.
    Shared(usize),
}

impl OutputSlot {
    pub fn new() -> Self {
        Self { shape: Vec::new(), value: OutputValue::Nothing, stays_on_device: false, is_bound: false }
    }

    /// Something else stands here, which the binding does not know yet.
    pub fn set(&mut self, value: OutputValue) {
        self.value = value;
        self.is_bound = false;
    }

    /// Whether the next run writes into a tensor that is kept from the last one.
    pub fn is_reused(&self) -> bool {
        self.is_bound && !matches!(self.value, OutputValue::Shared(_))
    }

    /// What was computed, away from here; `None` when there is nothing that was.
    pub fn take(&mut self) -> Option<Values> {
        match std::mem::replace(&mut self.value, OutputValue::Nothing) {
            OutputValue::Computed(values) => {
                self.is_bound = false;
                Some(values)
            }
            value => {
                self.value = value;
                None
            }
        }
    }

    /// The last run wrote what is bound.
    pub fn is_written(&mut self) {
        self.value = match std::mem::replace(&mut self.value, OutputValue::Nothing) {
            OutputValue::Spare(values) => OutputValue::Computed(values),
            value => value,
        };
    }

    /// What a run gave, and its shape.
    pub fn put(&mut self, values: Values) {
        values.write_shape(&mut self.shape);
        self.value = OutputValue::Computed(values);
        self.is_bound = true;
    }
}

/// States `shape` in a signature.
pub(super) fn state(spec: &mut TensorSpec, shape: &[usize]) {
    spec.shape.clear();
    spec.shape.extend(shape.iter().copied().map(Some));
}
