//! A backend without a model: constant outputs, for tests, benchmarks and measuring everything around inference.

use super::{Backend, InferError, OwnedTensor, Proof, Provider, Signature, TensorSpec};
use crate::types::{TensorMut, TensorRef};
use std::collections::BTreeMap;

/// Takes any input and gives the same outputs at every run, at once.
#[derive(Debug, Clone, PartialEq)]
pub struct FakeBackend {
    signature: Signature,
    inputs: Vec<OwnedTensor>,
    outputs: Vec<(Vec<usize>, OwnedTensor)>,
    /// Outputs and the inputs that share their memory.
    shared: Vec<(usize, usize)>,
    proof: Proof,
}

impl FakeBackend {
    /// Inputs and outputs by name and shape. The inputs' elements are what they hold before the first fill.
    ///
    /// # Panics
    /// When a tensor does not have as many elements as its shape says: a fake is written by hand.
    pub fn new(
        inputs: Vec<(&str, Vec<usize>, OwnedTensor)>,
        outputs: Vec<(&str, Vec<usize>, OwnedTensor)>,
        metadata: BTreeMap<String, String>,
    ) -> Self {
        let spec = |(name, shape, tensor): &(&str, Vec<usize>, OwnedTensor)| {
            assert_eq!(shape.iter().product::<usize>(), tensor.len(), "elements of the fake tensor {name}");
            TensorSpec {
                name: (*name).to_owned(),
                element: tensor.element(),
                shape: shape.iter().map(|&dimension| Some(dimension)).collect(),
            }
        };
        let signature = Signature {
            inputs: inputs.iter().map(spec).collect(),
            outputs: outputs.iter().map(spec).collect(),
            metadata,
        };
        Self {
            signature,
            inputs: inputs.into_iter().map(|(_, _, tensor)| tensor).collect(),
            outputs: outputs.into_iter().map(|(_, shape, tensor)| (shape, tensor)).collect(),
            shared: Vec::new(),
            proof: Proof {
                requested: vec![Provider::Cpu],
                running: Provider::Cpu,
                nodes: Some(vec![("fake".to_owned(), 0)]),
                refused: Vec::new(),
                agreement: None,
                engines: None,
            },
        }
    }
}

impl Backend for FakeBackend {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn input(&mut self, index: usize) -> TensorMut<'_> {
        self.inputs[index].as_mut()
    }

    fn reshape(&mut self, input: usize, shape: &[usize]) -> Result<(), InferError> {
        let spec = &mut self.signature.inputs[input];
        let given: Vec<Option<usize>> = shape.iter().copied().map(Some).collect();
        if spec.shape != given {
            self.inputs[input] = OwnedTensor::zeros(spec.element, shape.iter().product());
            spec.shape = given;
        }
        Ok(())
    }

    fn carry(&mut self, output: usize, input: usize) -> Result<(), InferError> {
        let (shape, tensor) = self.outputs[output].clone();
        self.signature.inputs[input].shape = shape.into_iter().map(Some).collect();
        self.inputs[input] = tensor;
        Ok(())
    }

    fn share(&mut self, output: usize, input: usize) -> Result<(), InferError> {
        self.shared.push((output, input));
        Ok(())
    }

    fn keep_on_device(&mut self, _: usize) {}

    fn run(&mut self) -> Result<(), InferError> {
        for index in 0..self.shared.len() {
            let (output, input) = self.shared[index];
            self.carry(output, input)?;
        }
        Ok(())
    }

    fn output(&self, index: usize) -> TensorRef<'_> {
        let (shape, tensor) = &self.outputs[index];
        TensorRef { shape, data: tensor.as_data() }
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TensorData;

    #[test]
    fn a_fake_gives_its_outputs_whatever_it_is_fed() {
        let mut fake = FakeBackend::new(
            vec![("images", vec![1, 2], OwnedTensor::F32(vec![0.0; 2]))],
            vec![("output0", vec![2, 1], OwnedTensor::I64(vec![7, 8]))],
            BTreeMap::new(),
        );
        let TensorMut::F32(input) = fake.input(0) else { panic!("the input is float32") };
        input.fill(3.0);
        fake.run().unwrap();
        assert_eq!(fake.output(0), TensorRef { shape: &[2, 1], data: TensorData::I64(&[7, 8]) });
        assert_eq!(fake.signature().outputs[0].to_string(), "output0 int64 [2, 1]");
    }

    #[test]
    fn a_shared_input_holds_the_output_after_each_run() {
        let mut fake = FakeBackend::new(
            vec![("past", vec![2], OwnedTensor::F32(vec![0.0; 2]))],
            vec![("present", vec![2], OwnedTensor::F32(vec![1.0, 2.0]))],
            BTreeMap::new(),
        );
        fake.share(0, 0).unwrap();
        fake.run().unwrap();
        let TensorMut::F32(input) = fake.input(0) else { panic!("the input is float32") };
        assert_eq!(input, [1.0, 2.0]);
    }
}
