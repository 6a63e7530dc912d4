//! A model in an ONNX Runtime session, its inputs and outputs bound once.

use super::{Backend, InferError, Proof, Runtime, SessionOptions, Signature, TensorSpec, cure, session};
use crate::types::{Element, TensorData, TensorMut, TensorRef};
use half::f16;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session};
use ort::value::{Outlet, PrimitiveTensorElementType, Tensor, TensorElementType, Value};
use std::collections::BTreeMap;
use std::path::Path;

/// An ONNX Runtime session that owns its input and output tensors.
///
/// Inputs are written in place and outputs are computed in place. On the CPU they are bound once; a GPU provider copies
/// its inputs to the device when they are bound, so there they are bound again at each run. Nothing of ours is
/// allocated in a run; `ort` makes a small list of the outputs.
#[derive(Debug)]
pub struct OrtBackend {
    session: Session,
    binding: IoBinding,
    inputs: Vec<BoundTensor>,
    outputs: Vec<BoundTensor>,
    signature: Signature,
    proof: Proof,
    binds_each_run: bool,
}

impl OrtBackend {
    /// Loads the model, proves where it runs, and warms it up.
    ///
    /// `shapes` gives, by name, the shape of each input whose dimensions the graph leaves open; it may repeat those
    /// that the graph fixes. The first run resolves the open dimensions of the outputs: they stay as they are then.
    ///
    /// # Errors
    /// [`InferError::ModelMissing`] and [`InferError::ModelBroken`] for the file; [`InferError::Strict`] and
    /// [`InferError::NoProvider`] when the providers of `options` do not run; [`InferError::UnknownInput`],
    /// [`InferError::OpenShape`], [`InferError::Shape`] and [`InferError::Element`] when the model's tensors are
    /// others; [`InferError::Run`] when the warm-up fails.
    pub fn open(
        runtime: &Runtime,
        model: &Path,
        options: &SessionOptions,
        shapes: &[(String, Vec<usize>)],
    ) -> Result<Self, InferError> {
        let session::Opened { mut session, proof } = session::open(runtime, model, options, shapes)?;
        let input_specs = bound_specs(session.inputs(), shapes)?;
        let mut output_specs = session.outputs().iter().map(declared_spec).collect::<Result<Vec<_>, _>>()?;

        let mut binding = session.create_binding().map_err(InferError::runtime("bind tensors"))?;
        let inputs = input_specs.iter().map(BoundTensor::new).collect::<Result<Vec<_>, _>>()?;
        for input in &inputs {
            input.bind_as_input(&mut binding)?;
        }
        resolve_outputs(&mut session, &mut binding, &mut output_specs)?;
        let mut outputs = output_specs.iter().map(BoundTensor::new).collect::<Result<Vec<_>, _>>()?;
        for output in &mut outputs {
            output.bind_as_output(&mut binding)?;
        }

        let metadata = metadata_of(&session)?;
        let binds_each_run = proof.running.is_gpu();
        let signature = Signature { inputs: input_specs, outputs: output_specs, metadata };
        let mut backend = Self { session, binding, inputs, outputs, signature, proof, binds_each_run };
        for _ in 1..options.warm_up_runs.max(1) {
            backend.run()?;
        }
        Ok(backend)
    }
}

impl Backend for OrtBackend {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn input(&mut self, index: usize) -> TensorMut<'_> {
        match &mut self.inputs[index].values {
            Values::F32(tensor) => TensorMut::F32(tensor.extract_tensor_mut().1),
            Values::F16(tensor) => TensorMut::F16(tensor.extract_tensor_mut().1),
            Values::I64(tensor) => TensorMut::I64(tensor.extract_tensor_mut().1),
            Values::Bool(tensor) => TensorMut::Bool(tensor.extract_tensor_mut().1),
        }
    }

    fn reshape(&mut self, input: usize, shape: &[usize]) -> Result<(), InferError> {
        if self.inputs[input].shape == shape {
            return Ok(());
        }
        Err(InferError::Shape { input: self.signature.inputs[input].to_string(), given: shape.to_vec() })
    }

    fn carry(&mut self, output: usize, input: usize) -> Result<(), InferError> {
        let given = self.outputs[output].shape.clone();
        Err(InferError::Shape { input: self.signature.inputs[input].to_string(), given })
    }

    fn run(&mut self) -> Result<(), InferError> {
        if self.binds_each_run {
            for input in &self.inputs {
                input.bind_as_input(&mut self.binding)?;
            }
            self.binding.synchronize_inputs().map_err(InferError::runtime("copy inputs to the device"))?;
        }
        run(&mut self.session, &self.binding)
    }

    fn output(&self, index: usize) -> TensorRef<'_> {
        let output = &self.outputs[index];
        let data = match &output.values {
            Values::F32(tensor) => TensorData::F32(tensor.extract_tensor().1),
            Values::F16(tensor) => TensorData::F16(tensor.extract_tensor().1),
            Values::I64(tensor) => TensorData::I64(tensor.extract_tensor().1),
            Values::Bool(tensor) => TensorData::Bool(tensor.extract_tensor().1),
        };
        TensorRef { shape: &output.shape, data }
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

/// A tensor in host memory that belongs to one name of the graph.
#[derive(Debug)]
struct BoundTensor {
    name: String,
    shape: Vec<usize>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    F32(Tensor<f32>),
    F16(Tensor<f16>),
    I64(Tensor<i64>),
    Bool(Tensor<bool>),
}

impl BoundTensor {
    /// Zeros of the type and shape of `spec`, whose dimensions are all known.
    fn new(spec: &TensorSpec) -> Result<Self, InferError> {
        let shape: Vec<usize> = spec.shape.iter().flatten().copied().collect();
        let values = match spec.element {
            Element::F32 => Values::F32(zeros(&shape)?),
            Element::F16 => Values::F16(zeros(&shape)?),
            Element::I64 => Values::I64(zeros(&shape)?),
            Element::Bool => Values::Bool(zeros(&shape)?),
        };
        Ok(Self { name: spec.name.clone(), shape, values })
    }

    fn bind_as_input(&self, binding: &mut IoBinding) -> Result<(), InferError> {
        let name = self.name.as_str();
        match &self.values {
            Values::F32(tensor) => binding.bind_input(name, tensor),
            Values::F16(tensor) => binding.bind_input(name, tensor),
            Values::I64(tensor) => binding.bind_input(name, tensor),
            Values::Bool(tensor) => binding.bind_input(name, tensor),
        }
        .map_err(InferError::runtime("bind an input"))
    }

    fn bind_as_output(&mut self, binding: &mut IoBinding) -> Result<(), InferError> {
        let name = self.name.as_str();
        match &mut self.values {
            Values::F32(tensor) => binding.bind_output(name, tensor),
            Values::F16(tensor) => binding.bind_output(name, tensor),
            Values::I64(tensor) => binding.bind_output(name, tensor),
            Values::Bool(tensor) => binding.bind_output(name, tensor),
        }
        .map_err(InferError::runtime("bind an output"))
    }
}

fn zeros<T: PrimitiveTensorElementType + std::fmt::Debug>(shape: &[usize]) -> Result<Tensor<T>, InferError> {
    Tensor::new(&Allocator::default(), shape.to_vec()).map_err(InferError::runtime("make a tensor"))
}

fn run(session: &mut Session, binding: &IoBinding) -> Result<(), InferError> {
    let result = session.run_binding(binding);
    result.map(drop).map_err(|error| InferError::Run { reason: cure::one_line(error.message()) })
}

/// A first run with outputs that ONNX Runtime allocates: their shapes fix the dimensions that the graph leaves open.
fn resolve_outputs(session: &mut Session, binding: &mut IoBinding, specs: &mut [TensorSpec]) -> Result<(), InferError> {
    let host = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput)
        .map_err(InferError::runtime("name the host's memory"))?;
    for spec in specs.iter() {
        binding.bind_output_to_device(&spec.name, &host).map_err(InferError::runtime("bind an output"))?;
    }
    let outputs =
        session.run_binding(binding).map_err(|error| InferError::Run { reason: cure::one_line(error.message()) })?;
    for spec in specs.iter_mut() {
        let shape = outputs.get(&spec.name).and_then(|value: &Value| value.dtype().tensor_shape());
        let shape = shape.map(|shape| shape.iter().map(|&dimension| usize::try_from(dimension).ok()).collect());
        spec.shape = shape.ok_or_else(|| InferError::Run { reason: format!("output {:?} is missing", spec.name) })?;
    }
    drop(outputs);
    binding.clear_outputs();
    Ok(())
}

/// The model's inputs with every dimension known, from the graph and `shapes`.
fn bound_specs(inputs: &[Outlet], shapes: &[(String, Vec<usize>)]) -> Result<Vec<TensorSpec>, InferError> {
    let declared = inputs.iter().map(declared_spec).collect::<Result<Vec<_>, _>>()?;
    if let Some((name, _)) = shapes.iter().find(|(name, _)| declared.iter().all(|spec| spec.name != *name)) {
        let inputs: Vec<_> = declared.iter().map(ToString::to_string).collect();
        return Err(InferError::UnknownInput { name: name.clone(), inputs: inputs.join(", ") });
    }
    declared
        .into_iter()
        .map(|spec| match shapes.iter().find(|(name, _)| *name == spec.name) {
            Some((_, shape)) => closed(spec, shape),
            None if spec.shape.contains(&None) => Err(InferError::OpenShape { input: spec.to_string() }),
            None => Ok(spec),
        })
        .collect()
}

/// `spec` with `shape`, if the two agree.
fn closed(spec: TensorSpec, shape: &[usize]) -> Result<TensorSpec, InferError> {
    let agree = |(declared, given): (&Option<usize>, &usize)| declared.is_none_or(|declared| declared == *given);
    if spec.shape.len() != shape.len() || !spec.shape.iter().zip(shape).all(agree) {
        return Err(InferError::Shape { input: spec.to_string(), given: shape.to_vec() });
    }
    Ok(TensorSpec { shape: shape.iter().copied().map(Some).collect(), ..spec })
}

fn declared_spec(outlet: &Outlet) -> Result<TensorSpec, InferError> {
    let name = outlet.name().to_owned();
    let element = match outlet.dtype().tensor_type() {
        Some(TensorElementType::Float32) => Element::F32,
        Some(TensorElementType::Float16) => Element::F16,
        Some(TensorElementType::Int64) => Element::I64,
        Some(TensorElementType::Bool) => Element::Bool,
        Some(other) => return Err(InferError::Element { name, found: other.to_string() }),
        None => return Err(InferError::Element { name, found: outlet.dtype().to_string() }),
    };
    let shape = outlet.dtype().tensor_shape().map(|shape| shape.iter().map(|&d| usize::try_from(d).ok()).collect());
    Ok(TensorSpec { name, element, shape: shape.unwrap_or_default() })
}

fn metadata_of(session: &Session) -> Result<BTreeMap<String, String>, InferError> {
    let failed = InferError::runtime("read the model's metadata");
    let metadata = session.metadata().map_err(&failed)?;
    let keys = metadata.custom_keys().map_err(&failed)?;
    Ok(keys.into_iter().filter_map(|key| metadata.custom(&key).map(|value| (key, value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(shape: &[Option<usize>]) -> TensorSpec {
        TensorSpec { name: "images".to_owned(), element: Element::F32, shape: shape.to_vec() }
    }

    #[test]
    fn an_open_dimension_takes_what_is_given() {
        let bound = closed(spec(&[None, Some(3), None]), &[1, 3, 64]).unwrap();
        assert_eq!(bound.shape, [Some(1), Some(3), Some(64)]);
    }

    #[test]
    fn a_shape_that_contradicts_the_graph_is_refused_with_both() {
        for given in [vec![1, 4, 64], vec![1, 3], vec![]] {
            let error = closed(spec(&[None, Some(3), Some(64)]), &given).unwrap_err();
            assert_eq!(error.to_string(), format!("input images float32 [?, 3, 64] does not take shape {given:?}"));
        }
    }
}
