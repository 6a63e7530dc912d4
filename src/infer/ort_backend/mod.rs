//! A model in an ONNX Runtime session, its inputs and outputs bound from run to run.

mod failover;

use crate::infer::providers::cure;
use crate::infer::session::{Chain, ModelSource, Source};
use crate::infer::slot::{InputSlot, OutputSlot, OutputValue, state};
use crate::infer::trial::{Trial, TrialInput};
use crate::infer::values::Values;
use crate::infer::{
    Agreement, Backend, InferError, OnnxFile, OwnedTensor, Proof, Refusal, Runtime, SessionOptions, Signature, declared,
};
use crate::types::{Noise, TensorMut, TensorRef};
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// An ONNX Runtime session that owns its input and output tensors.
///
/// Inputs are written in place. After a change of shape, ONNX Runtime makes the outputs of the next run; they are kept,
/// and the runs that follow write into them for as long as the shapes stay. On the CPU a tensor is bound once; ONNX Runtime
/// copies an input to a GPU when it is bound, so as soon as one node is there, what may have changed since then is bound
/// again before the next run, and nothing else. With fixed shapes nothing of ours is allocated in a run; `ort` makes a
/// small list of the outputs.
///
/// A model whose outputs change their shape by the values of its inputs (a number of boxes) fails in the outputs of its
/// last run; it is then run again with outputs that ONNX Runtime makes, as at every run from then on.
///
/// A GPU provider that fails in operation (a device that is lost, no memory) is left for the next one of the list, by which
/// the run is then answered; the proof says why. A run that fails there too was given what the graph does not take, and
/// costs the provider nothing. Under the strict policy such a provider is not left: each run from then on is an error.
#[derive(Debug)]
pub struct OrtBackend {
    session: Session,
    binding: IoBinding,
    inputs: Vec<InputSlot>,
    outputs: Vec<OutputSlot>,
    signature: Signature,
    proof: Proof,
    memory: OutputMemory,
    /// Whether runs may read copies of the inputs, made when these were bound.
    copies_inputs: bool,
    /// Whether the outputs of the last run may have other shapes than those of the next one.
    reshaped: bool,
    /// Whether they have been seen to change without a change of the inputs' shapes.
    outputs_vary: bool,
    /// What is left where this provider fails.
    chain: Chain,
    opening: Arc<Opening>,
    /// Runs in a row that failed on a GPU provider.
    failures: u32,
    /// Why the provider does not run any more, under the strict policy.
    stopped: Option<Refusal>,
}

/// How a backend was opened, and is again on the next provider.
#[derive(Debug)]
struct Opening {
    device_id: u32,
    warm_up_runs: usize,
    shapes: Vec<(String, Vec<usize>)>,
    trial: Trial,
}

impl OrtBackend {
    /// Loads the model, proves where it runs, and warms it up.
    ///
    /// `shapes` gives, by name, the shapes of inputs whose dimensions the graph leaves open; it may repeat those that
    /// the graph fixes. A model with an input that is left open is not warmed up (but see
    /// [`open_tried`](Self::open_tried)): it runs once each has been given a shape by [`reshape`](Backend::reshape) or
    /// [`carry`](Backend::carry). The outputs' open dimensions are known after a run. A GPU provider on which the warm-up
    /// fails is refused like one that does not open: the next one of the list is tried.
    ///
    /// Weights in files of their own (`model.onnx_data`) are found beside the model.
    ///
    /// # Errors
    /// [`InferError::ModelMissing`] and [`InferError::ModelBroken`] for the file; [`InferError::Strict`] and
    /// [`InferError::NoProvider`] when the providers of `options` do not run; [`InferError::UnknownInput`],
    /// [`InferError::Shape`] and [`InferError::Element`] when the model's tensors are others; [`InferError::Run`] when
    /// the warm-up fails.
    pub fn open(
        runtime: &'static Runtime,
        model: &Path,
        options: &SessionOptions,
        shapes: &[(String, Vec<usize>)],
    ) -> Result<Self, InferError> {
        Self::open_tried(runtime, model, options, shapes, Trial::none())
    }

    /// As [`open`](Self::open) for a model with inputs that are left open until it is used: `trial` says what they are like
    /// then. A GPU provider takes the model only when a run on that goes through. Afterwards the inputs are open as before.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_tried(
        runtime: &'static Runtime,
        model: &Path,
        options: &SessionOptions,
        shapes: &[(String, Vec<usize>)],
        trial: Trial,
    ) -> Result<Self, InferError> {
        OnnxFile::check(model)?;
        let source = ModelSource {
            runtime,
            model: model.to_owned(),
            options: options.clone(),
            shapes: shapes.to_vec(),
            edit_refused: AtomicBool::new(false),
            edit_stays: AtomicBool::new(false),
        };
        Self::open_from(Arc::new(source), options, shapes.to_vec(), trial)
    }

    /// Of what `source` builds.
    pub(in crate::infer) fn open_from(
        source: Arc<dyn Source>,
        options: &SessionOptions,
        shapes: Vec<(String, Vec<usize>)>,
        trial: Trial,
    ) -> Result<Self, InferError> {
        let SessionOptions { device_id, warm_up_runs, .. } = *options;
        let opening = Arc::new(Opening { device_id, warm_up_runs, shapes, trial });
        Chain::new(source, &options.providers, options.policy)
            .without(&options.refused)
            .open(|chain, session, proof| Self::start(chain, session, proof, &opening))
    }

    /// Binds what is known already and warms up.
    fn start(chain: &Chain, session: Session, proof: Proof, opening: &Arc<Opening>) -> Result<Self, InferError> {
        let Opening { device_id, warm_up_runs, shapes, trial } = &**opening;
        let inputs = declared::inputs(&session)?;
        let places = declared::places(&inputs, shapes)?;
        let outputs = declared::outputs(&session)?;
        let binding = session.create_binding().map_err(InferError::runtime("bind tensors"))?;
        let metadata = declared::metadata(&session)?;
        let mut backend = Self {
            inputs: inputs.iter().cloned().map(InputSlot::new).collect::<Result<_, _>>()?,
            outputs: outputs.iter().map(|_| OutputSlot::new()).collect(),
            memory: OutputMemory::new(proof.gpu_provider().map(|_| *device_id))?,
            copies_inputs: proof.gpu_provider().is_some(),
            signature: Signature { inputs, outputs, metadata },
            session,
            binding,
            proof,
            reshaped: true,
            outputs_vary: false,
            chain: chain.clone(),
            opening: Arc::clone(opening),
            failures: 0,
            stopped: None,
        };
        for (input, shape) in places {
            backend.reshape(input, shape)?;
        }
        if backend.inputs.iter().all(|input| !input.is_open) {
            for _ in 0..(*warm_up_runs).max(1) {
                backend.run_here()?;
            }
        } else if backend.proof.gpu_provider().is_some() {
            backend.try_out(trial, OwnInputs::Still)?;
        }
        Ok(backend)
    }

    fn check_shapes(&self) -> Result<(), InferError> {
        match self.inputs.iter().find(|input| input.is_open) {
            Some(input) => Err(InferError::OpenShape { input: input.declared.to_string() }),
            None => Ok(()),
        }
    }

    /// Binds what is to receive the outputs; with `anew`, all but the shared ones are left to ONNX Runtime.
    fn bind_outputs(&mut self, anew: bool) -> Result<(), InferError> {
        for (output, spec) in self.outputs.iter_mut().zip(&mut self.signature.outputs) {
            match &mut output.value {
                OutputValue::Shared(input) => {
                    let input = &mut self.inputs[*input];
                    if !(input.is_bound && output.is_bound) {
                        input.values.bind_as_output(&mut self.binding, &spec.name)?;
                        state(spec, &input.shape);
                    }
                    output.is_bound = true;
                }
                OutputValue::Computed(values) | OutputValue::Spare(values) if !anew => {
                    if !output.is_bound {
                        values.bind_as_output(&mut self.binding, &spec.name)?;
                    }
                    output.is_bound = true;
                }
                _ => {
                    let memory = self.memory.of(output);
                    let bound = self.binding.bind_output_to_device(spec.name.as_str(), memory);
                    bound.map_err(InferError::runtime("bind an output"))?;
                    output.is_bound = false;
                }
            }
        }
        Ok(())
    }

    fn bind_inputs(&mut self) -> Result<(), InferError> {
        let mut copied = false;
        for input in self.inputs.iter_mut().filter(|input| !input.is_bound) {
            input.values.bind_as_input(&mut self.binding, &input.declared.name)?;
            input.is_bound = true;
            copied |= self.copies_inputs && input.values.is_on_host();
        }
        if copied {
            self.binding.synchronize_inputs().map_err(InferError::runtime("copy inputs to the device"))?;
        }
        Ok(())
    }

    /// What it makes of noise in all of its inputs that hold floats or bytes, each output in order; `None` where an input is
    /// open and not described. Open inputs are open again afterwards.
    ///
    /// # Errors
    /// As [`run`](Backend::run).
    pub(in crate::infer) fn outputs_for_noise(&mut self) -> Result<Option<Vec<OwnedTensor>>, InferError> {
        let opening = Arc::clone(&self.opening);
        self.try_out(&opening.trial, OwnInputs::Noise)
    }

    /// Runs once with open inputs as they are in use, and leaves them open again; the outputs, in order. Without a run where
    /// an input is not described, or not as the graph has it: then the first use shows what the provider is worth.
    ///
    /// # Errors
    /// As [`run`](Backend::run).
    fn try_out(&mut self, trial: &Trial, own: OwnInputs) -> Result<Option<Vec<OwnedTensor>>, InferError> {
        let open: Vec<bool> = self.inputs.iter().map(|input| input.is_open).collect();
        let described: Vec<_> = self.inputs.iter().map(|input| trial.of(&input.declared)).collect();
        for (input, described) in self.inputs.iter().zip(&described) {
            let fits = described.as_ref().map(|described| declared::takes(&input.declared, &described.shape));
            if !fits.unwrap_or(!input.is_open) {
                tracing::debug!(input = %input.declared, ?described, "not tried: the input is not as described");
                return Ok(None);
            }
        }
        let (specs, before) = (self.signature.outputs.clone(), self.outputs.len());
        for (place, described) in described.iter().enumerate() {
            if let Some(TrialInput { shape, .. }) = described {
                self.reshape(place, shape)?;
            }
            match described {
                Some(TrialInput { is_one: true, .. }) => self.inputs[place].values.as_mut().fill_with_one(),
                _ if own == OwnInputs::Noise => fill_with_noise(self.input(place)),
                _ => {}
            }
        }
        self.run_here()?;
        let outputs = (0..before).map(|place| OwnedTensor::of(self.output(place).data)).collect();
        for (place, is_open) in open.into_iter().enumerate() {
            if is_open {
                let declared = self.inputs[place].declared.clone();
                self.signature.inputs[place] = declared.clone();
                self.inputs[place] = InputSlot::new(declared)?;
            }
        }
        self.outputs = (0..before).map(|_| OutputSlot::new()).collect();
        self.signature.outputs = specs;
        self.reshaped = true;
        Ok(Some(outputs))
    }

    /// Runs on the provider that has it.
    fn run_here(&mut self) -> Result<(), InferError> {
        self.bind_outputs(self.reshaped || self.outputs_vary)?;
        self.bind_inputs()?;
        let reuses_outputs = self.outputs.iter().any(OutputSlot::is_reused);
        let mut result = self.run_bound();
        if result.is_err() && reuses_outputs {
            self.bind_outputs(true)?;
            result = self.run_bound();
            self.outputs_vary = result.is_ok();
        }
        self.reshaped = result.is_err();
        self.forget_copies(result.is_err());
        result
    }

    /// After a run: one that failed may have left the copies of the inputs in any state, and each has written the inputs
    /// in which an output lies.
    fn forget_copies(&mut self, failed: bool) {
        if !self.copies_inputs {
            return;
        }
        if failed {
            self.inputs.iter_mut().for_each(|input| input.is_bound = false);
        }
        for output in &self.outputs {
            if let OutputValue::Shared(input) = output.value {
                self.inputs[input].is_bound = false;
            }
        }
    }

    /// Runs, and keeps the outputs that ONNX Runtime made.
    fn run_bound(&mut self) -> Result<(), InferError> {
        let given = self.session.run_binding(&self.binding);
        let given = given.map_err(|error| InferError::Run { reason: cure::one_line(error.message()) })?;
        let slots = self.outputs.iter_mut().zip(&mut self.signature.outputs);
        for ((output, spec), (name, value)) in slots.zip(given) {
            debug_assert_eq!(name, spec.name, "outputs are bound in the order of the graph");
            if output.is_bound {
                output.is_written();
            } else {
                output.put(Values::of(value, spec.element)?);
                state(spec, &output.shape);
            }
        }
        Ok(())
    }
}

impl Backend for OrtBackend {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn input(&mut self, index: usize) -> TensorMut<'_> {
        let input = &mut self.inputs[index];
        // Whoever takes it may write it.
        input.is_bound &= !self.copies_inputs;
        input.values.as_mut()
    }

    fn reshape(&mut self, input: usize, shape: &[usize]) -> Result<(), InferError> {
        let slot = &mut self.inputs[input];
        if slot.has_shape(shape) {
            return Ok(());
        }
        declared::check_shape(&slot.declared, shape)?;
        slot.put(Values::zeros(slot.declared.element, shape)?, shape);
        state(&mut self.signature.inputs[input], shape);
        self.reshaped = true;
        Ok(())
    }

    fn carry(&mut self, output: usize, input: usize) -> Result<(), InferError> {
        let (from, to) = (&mut self.outputs[output], &mut self.inputs[input]);
        let spec = &self.signature.outputs[output];
        if matches!(from.value, OutputValue::Shared(shared) if shared == input) {
            return Ok(());
        }
        let values = from.take().ok_or_else(|| InferError::NoValue { output: spec.to_string() })?;
        if spec.element != to.declared.element || !declared::takes(&to.declared, &from.shape) {
            from.value = OutputValue::Computed(values);
            return Err(InferError::Carry { output: spec.to_string(), input: to.declared.to_string() });
        }
        let same_shape = to.has_shape(&from.shape);
        let before = to.put(values, &from.shape);
        if !same_shape {
            state(&mut self.signature.inputs[input], &from.shape);
            self.reshaped = true;
        } else if before.is_on_host() == to.values.is_on_host() {
            from.value = OutputValue::Spare(before);
        }
        Ok(())
    }

    fn share(&mut self, output: usize, input: usize) -> Result<(), InferError> {
        let (spec, declared) = (&mut self.signature.outputs[output], &self.inputs[input].declared);
        if spec.element != declared.element || spec.shape.len() != declared.shape.len() {
            return Err(InferError::Carry { output: spec.to_string(), input: declared.to_string() });
        }
        self.outputs[output].set(OutputValue::Shared(input));
        Ok(())
    }

    /// `output` is then in CUDA's memory, for the CUDA and the TensorRT provider.
    fn keep_on_device(&mut self, output: usize) {
        let slot = &mut self.outputs[output];
        slot.stays_on_device = true;
        if self.memory.device.is_some() && !matches!(slot.value, OutputValue::Shared(_)) {
            slot.set(OutputValue::Nothing);
        }
    }

    fn run(&mut self) -> Result<(), InferError> {
        self.check_shapes()?;
        if let Some(refusal) = &self.stopped {
            return Err(InferError::strict(refusal.clone()));
        }
        match self.run_here() {
            Ok(()) => {
                self.failures = 0;
                Ok(())
            }
            Err(failed) => self.leave_or_fail(failed),
        }
    }

    fn output(&self, index: usize) -> TensorRef<'_> {
        let output = &self.outputs[index];
        let (shape, values) = match &output.value {
            OutputValue::Computed(values) => (&output.shape, values),
            OutputValue::Shared(input) => (&self.inputs[*input].shape, &self.inputs[*input].values),
            OutputValue::Spare(_) | OutputValue::Nothing => {
                panic!("output {} holds no value", self.signature.outputs[index])
            }
        };
        TensorRef { shape, data: values.as_data() }
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }

    fn agreed(&mut self, agreement: Agreement) {
        self.proof.agreement = Some(agreement);
    }
}

/// What is in an input that is not a mask, when a model is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OwnInputs {
    /// Zeros.
    Still,
    /// The same noise each time, from -1 to 1, where there are floats or bytes.
    Noise,
}

fn fill_with_noise(input: TensorMut<'_>) {
    let mut noise = Noise::default();
    match input {
        TensorMut::F32(values) => values.fill_with(|| noise.float()),
        TensorMut::F16(values) => values.fill_with(|| half::f16::from_f32(noise.float())),
        TensorMut::U8(values) => values.fill_with(|| noise.byte()),
        TensorMut::I64(_) | TensorMut::I32(_) | TensorMut::Bool(_) => {}
    }
}

/// Where ONNX Runtime is to make outputs.
#[derive(Debug)]
struct OutputMemory {
    host: MemoryInfo<'static>,
    /// That of the GPU that computes, when one does.
    device: Option<MemoryInfo<'static>>,
}

impl OutputMemory {
    /// `gpu` is the number of the GPU that computes.
    fn new(gpu: Option<u32>) -> Result<Self, InferError> {
        let failed = InferError::runtime("name a memory");
        let host = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput);
        let device = gpu.and_then(|id| i32::try_from(id).ok()).map(|id| {
            MemoryInfo::new(AllocationDevice::CUDA, id, AllocatorType::Device, MemoryType::Default).map_err(&failed)
        });
        Ok(Self { host: host.map_err(&failed)?, device: device.transpose()? })
    }

    fn of(&self, output: &OutputSlot) -> &MemoryInfo<'static> {
        self.device.as_ref().filter(|_| output.stays_on_device).unwrap_or(&self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::Provider;
    use proptest::prelude::*;

    fn open(model: &str) -> Option<OrtBackend> {
        let runtime = Runtime::or_skip(&format!("bindings of {model}"))?;
        let options =
            SessionOptions { providers: vec![Provider::Cpu], intra_op_threads: 1, ..SessionOptions::default() };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/models/{model}.onnx"));
        let mut backend = OrtBackend::open(runtime, &path, &options, &[]).unwrap();
        backend.copies_inputs = true;
        Some(backend)
    }

    /// What the next run binds.
    fn stale(backend: &OrtBackend) -> Vec<&str> {
        let inputs = backend.inputs.iter().filter(|input| !input.is_bound);
        inputs.map(|input| input.declared.name.as_str()).collect()
    }

    fn fill(backend: &mut OrtBackend, input: usize, value: i32) {
        match backend.input(input) {
            TensorMut::F32(values) => values.fill(value as f32),
            TensorMut::I64(values) => values.fill(value.into()),
            other => panic!("no test fills {other:?}"),
        }
    }

    #[test]
    fn only_what_was_written_or_replaced_is_bound_again() {
        let Some(mut backend) = open("two_inputs") else { return };
        backend.reshape(0, &[2]).unwrap();
        backend.reshape(1, &[2]).unwrap();
        assert_eq!(stale(&backend), ["value", "count"]);
        backend.run().unwrap();
        assert!(stale(&backend).is_empty());
        fill(&mut backend, 1, 5);
        assert_eq!(stale(&backend), ["count"]);
        backend.run().unwrap();
        backend.reshape(0, &[2]).unwrap();
        assert!(stale(&backend).is_empty(), "the same shape again keeps the elements");
        backend.carry(0, 0).unwrap();
        assert_eq!(stale(&backend), ["value"]);
        backend.run().unwrap();
        backend.reshape(1, &[3]).unwrap();
        assert_eq!(stale(&backend), ["count"]);
        assert!(backend.run().is_err(), "2 and 3 cannot be added");
        assert_eq!(stale(&backend), ["value", "count"], "nothing is known of the copies that a failed run leaves");
        backend.copies_inputs = false;
        backend.reshape(0, &[3]).unwrap();
        backend.run().unwrap();
        fill(&mut backend, 0, 5);
        assert!(stale(&backend).is_empty(), "the CPU reads the tensor itself");
    }

    #[test]
    fn a_cache_that_a_run_writes_in_place_is_bound_again() {
        let Some(mut backend) = open("grouped_query_cache") else { return };
        for (present, past) in [(1, 2), (2, 3)] {
            backend.share(present, past).unwrap();
            backend.reshape(past, &[1, 1, 8, 8]).unwrap();
        }
        backend.reshape(0, &[1, 1, 16]).unwrap();
        backend.reshape(1, &[1, 1]).unwrap();
        fill(&mut backend, 1, 1);
        backend.run().unwrap();
        assert_eq!(stale(&backend), ["past_key_values.0.key", "past_key_values.0.value"]);
    }

    #[derive(Debug, Clone, Copy)]
    enum Step {
        Write(usize, i32),
        Reshape(usize, usize),
        Carry,
        Run,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (0..2_usize, -9..9).prop_map(|(input, value)| Step::Write(input, value)),
            (0..2_usize, 1..3_usize).prop_map(|(input, length)| Step::Reshape(input, length)),
            Just(Step::Carry),
            Just(Step::Run),
            Just(Step::Run),
        ];
        proptest::collection::vec(step, 1..40)
    }

    fn copy_of(backend: &OrtBackend, input: usize) -> OwnedTensor {
        OwnedTensor::of(backend.inputs[input].values.as_data())
    }

    proptest! {
        /// `device` stands for a GPU: a copy is made of what is bound, and of nothing else.
        #[test]
        fn no_run_reads_what_an_input_held_before(steps in steps()) {
            let Some(mut backend) = open("two_inputs") else { return Ok(()) };
            backend.reshape(0, &[2]).unwrap();
            backend.reshape(1, &[2]).unwrap();
            fill(&mut backend, 0, 0);
            fill(&mut backend, 1, 0);
            let mut device: [Option<OwnedTensor>; 2] = [None, None];
            for step in steps {
                match step {
                    Step::Write(input, value) => fill(&mut backend, input, value),
                    Step::Reshape(input, length) => {
                        backend.reshape(input, &[length]).unwrap();
                        fill(&mut backend, input, 1);
                    }
                    Step::Carry => _ = backend.carry(0, 0),
                    Step::Run => {
                        for (input, copy) in device.iter_mut().enumerate() {
                            if !backend.inputs[input].is_bound {
                                *copy = Some(copy_of(&backend, input));
                            }
                            prop_assert_eq!(&*copy, &Some(copy_of(&backend, input)));
                        }
                        _ = backend.run();
                    }
                }
            }
        }
    }
}
