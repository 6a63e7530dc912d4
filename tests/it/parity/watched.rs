//! A backend that tells what it was fed and what it gave, and that can be fed something else.

use half::f16;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use vedette::infer::{Backend, InferError, OrtBackend, Proof, Signature};
use vedette::types::{TensorData, TensorMut, TensorRef};

/// A tensor by its shape and its elements as floats.
pub type Values = (Vec<usize>, Vec<f32>);

/// What passed a backend in its last run.
#[derive(Default)]
pub struct Log {
    /// Inputs by name, as they were filled.
    pub fed: BTreeMap<String, Values>,
    /// What to put in their place.
    pub replace: BTreeMap<String, Vec<f32>>,
    /// Outputs by name.
    pub given: BTreeMap<String, Values>,
}

/// An ONNX Runtime session that is watched.
pub struct Watched {
    inner: OrtBackend,
    log: Arc<Mutex<Log>>,
}

/// The other end of a [`Watched`].
#[derive(Clone)]
pub struct Watch(Arc<Mutex<Log>>);

impl Watch {
    pub fn log(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap()
    }
}

impl Watched {
    pub fn new(inner: OrtBackend) -> (Box<Self>, Watch) {
        let log = Arc::new(Mutex::new(Log::default()));
        (Box::new(Self { inner, log: Arc::clone(&log) }), Watch(log))
    }
}

fn read(tensor: TensorData) -> Vec<f32> {
    match tensor {
        TensorData::F32(values) => values.to_vec(),
        TensorData::F16(values) => values.iter().map(|value| value.to_f32()).collect(),
        TensorData::I64(values) => values.iter().map(|value| *value as f32).collect(),
        TensorData::Bool(values) => values.iter().map(|value| f32::from(u8::from(*value))).collect(),
        TensorData::I32(values) => values.iter().map(|value| *value as f32).collect(),
        TensorData::U8(values) => values.iter().map(|value| f32::from(*value)).collect(),
    }
}

fn as_data<'a>(tensor: &'a TensorMut) -> TensorData<'a> {
    match tensor {
        TensorMut::F32(values) => TensorData::F32(values),
        TensorMut::F16(values) => TensorData::F16(values),
        TensorMut::I64(values) => TensorData::I64(values),
        TensorMut::Bool(values) => TensorData::Bool(values),
        TensorMut::I32(values) => TensorData::I32(values),
        TensorMut::U8(values) => TensorData::U8(values),
    }
}

impl Backend for Watched {
    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn input(&mut self, index: usize) -> TensorMut<'_> {
        self.inner.input(index)
    }

    fn reshape(&mut self, input: usize, shape: &[usize]) -> Result<(), InferError> {
        self.inner.reshape(input, shape)
    }

    fn carry(&mut self, output: usize, input: usize) -> Result<(), InferError> {
        self.inner.carry(output, input)
    }

    fn share(&mut self, output: usize, input: usize) -> Result<(), InferError> {
        self.inner.share(output, input)
    }

    fn keep_on_device(&mut self, output: usize) {
        self.inner.keep_on_device(output);
    }

    fn run(&mut self) -> Result<(), InferError> {
        let mut log = self.log.lock().unwrap();
        let inputs = self.inner.signature().inputs.clone();
        for (index, spec) in inputs.into_iter().enumerate() {
            let mut tensor = self.inner.input(index);
            let shape = spec.shape.iter().map(|dimension| dimension.unwrap()).collect();
            let fed = (shape, read(as_data(&tensor)));
            if let Some(values) = log.replace.get(&spec.name) {
                assert_eq!(values.len(), fed.1.len(), "{}", spec.name);
                match &mut tensor {
                    TensorMut::F32(tensor) => tensor.copy_from_slice(values),
                    TensorMut::F16(tensor) => {
                        tensor.iter_mut().zip(values).for_each(|(to, from)| *to = f16::from_f32(*from));
                    }
                    other => panic!("{} is {other:?}", spec.name),
                }
            }
            log.fed.insert(spec.name, fed);
        }
        self.inner.run()?;
        for (index, spec) in self.inner.signature().outputs.iter().enumerate() {
            let TensorRef { shape, data } = self.inner.output(index);
            log.given.insert(spec.name.clone(), (shape.to_vec(), read(data)));
        }
        Ok(())
    }

    fn output(&self, index: usize) -> TensorRef<'_> {
        self.inner.output(index)
    }

    fn proof(&self) -> &Proof {
        self.inner.proof()
    }
}
