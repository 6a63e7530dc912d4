//! Running ONNX models: backends, execution providers and the proof of which one runs.
//!
//! In: a model file, the wished providers, tensors to fill. Out: tensors to read, and a [`Proof`] of where the graph's
//! nodes run. What the tensors mean is left to `zoo`. This is the only module that names `ort`.
//!
//! ```no_run
//! use std::path::Path;
//! use vedette::infer::{Backend, OrtBackend, Runtime, SessionOptions};
//!
//! let runtime = Runtime::load(None)?;
//! let shapes = [("images".to_owned(), vec![1, 3, 640, 640])];
//! let mut backend = OrtBackend::open(runtime, Path::new("model.onnx"), &SessionOptions::default(), &shapes)?;
//! let _fill = backend.input(0);
//! backend.run()?;
//! let _read = backend.output(0);
//! println!("{}", backend.proof());
//! # Ok::<(), vedette::infer::InferError>(())
//! ```

mod agreement;
mod checksum;
mod declared;
mod error;
mod fake;
mod graph_edit;
mod library;
mod onnx_file;
mod ort_backend;
mod owned_tensor;
mod providers;
mod regular_file;
mod runtime;
mod session;
mod slot;
mod trial;
mod values;

pub use agreement::{Agreement, BoxDistance, Judge, Judged};
pub use checksum::file_sha256;
pub use error::{InferError, Unsupported};
pub use fake::FakeBackend;
pub use graph_edit::GraphEdit;
pub use onnx_file::OnnxFile;
pub use ort_backend::OrtBackend;
pub use owned_tensor::OwnedTensor;
pub use providers::{KeptEngines, Precision, Proof, Provider, ProviderPolicy, Refusal, ShapeRange, TensorRtOptions};
pub use regular_file::{open_regular, read_short, read_short_into, read_short_text};
pub use runtime::Runtime;
pub use session::{BytesIn, SessionOptions};
pub use trial::{Trial, TrialInput};

use crate::types::{Element, TensorMut, TensorRef};
use std::collections::BTreeMap;
use std::fmt;

/// One tensor of a model, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name in the graph.
    pub name: String,
    /// Its element type.
    pub element: Element,
    /// Its dimensions, outermost first; `None` is one that no run has fixed yet.
    pub shape: Vec<Option<usize>>,
}

impl fmt::Display for TensorSpec {
    /// `images float32 [1, 3, ?, ?]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.element, ShapeText(&self.shape))
    }
}

/// `[1, 3, ?, ?]`.
struct ShapeText<'a>(&'a [Option<usize>]);

impl fmt::Display for ShapeText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, dimension) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            match dimension {
                Some(dimension) => write!(f, "{comma}{dimension}")?,
                None => write!(f, "{comma}?")?,
            }
        }
        f.write_str("]")
    }
}

/// What a backend takes and gives, as bound: dimensions that the graph leaves open carry the value that the next run
/// has for an input and that the last run gave to an output.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signature {
    /// Inputs in the order of the graph.
    pub inputs: Vec<TensorSpec>,
    /// Outputs in the order of the graph, without those of a type that we do not pass.
    pub outputs: Vec<TensorSpec>,
    /// The model's own key-value notes (Ultralytics: `names`, `task`, `imgsz`, ...).
    pub metadata: BTreeMap<String, String>,
}

impl Signature {
    /// The place of an input.
    pub fn input(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|spec| spec.name == name)
    }

    /// The place of an output.
    pub fn output(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|spec| spec.name == name)
    }
}

/// A loaded model with its input and output tensors. One thread owns it.
///
/// Fill every [`input`](Self::input), [`run`](Self::run), read every [`output`](Self::output). The tensors stay at
/// their place from run to run, until an input takes another shape. A model that feeds itself (a decoder with its KV
/// cache) has its outputs [carried](Self::carry) to its inputs, and nothing of them is copied.
pub trait Backend: Send {
    /// Names, element types, shapes and metadata.
    fn signature(&self) -> &Signature;

    /// The input to fill, by its place in [`Signature::inputs`]. It holds what was last written or carried to it.
    ///
    /// # Panics
    /// When there is no such input, and when a value was carried to it that is kept on a device.
    fn input(&mut self, index: usize) -> TensorMut<'_>;

    /// Gives an input another shape for the runs to come; its elements are then unspecified until filled. The same
    /// shape again costs nothing and keeps them. A dimension may be 0 (an empty cache).
    ///
    /// # Errors
    /// [`InferError::Shape`] when the graph does not take it; [`InferError::Runtime`] when there is not as much memory.
    ///
    /// # Panics
    /// When there is no such input.
    fn reshape(&mut self, input: usize, shape: &[usize]) -> Result<(), InferError>;

    /// Makes what the last run wrote to `output` the value of `input` for the next one, shape and all, without a copy.
    /// The output holds nothing after that, until the next run.
    ///
    /// # Errors
    /// [`InferError::Carry`] when the input does not take it; [`InferError::NoValue`] when it was carried already or no
    /// run has been.
    ///
    /// # Panics
    /// When there is no such output or input.
    fn carry(&mut self, output: usize, input: usize) -> Result<(), InferError>;

    /// From now on each run writes `output` into the memory of `input`: a cache of fixed length that the graph extends
    /// in place (GroupQueryAttention with a shared buffer). The input's shape must then be the output's, and reading
    /// either gives the same values; carrying one to the other does nothing. Only for graphs that are made for it: any
    /// other may read what it has overwritten.
    ///
    /// # Errors
    /// [`InferError::Carry`] when their types or numbers of dimensions differ.
    ///
    /// # Panics
    /// When there is no such output or input.
    fn share(&mut self, output: usize, input: usize) -> Result<(), InferError>;

    /// Leaves `output` in the memory of the device that computes it, for an output that is carried and never read: a
    /// KV cache then stays on the GPU from run to run. On the CPU it changes nothing.
    ///
    /// # Panics
    /// When there is no such output.
    fn keep_on_device(&mut self, output: usize);

    /// Computes the outputs from the inputs.
    ///
    /// # Errors
    /// [`InferError::Run`] with the runtime's reason; the backend stays usable.
    fn run(&mut self) -> Result<(), InferError>;

    /// The output of the last run with its shape, by its place in [`Signature::outputs`].
    ///
    /// # Panics
    /// When there is no such output, when it was carried away or is kept on a device, and before the first run.
    fn output(&self, index: usize) -> TensorRef<'_>;

    /// Which provider runs it, and what became of the others.
    fn proof(&self) -> &Proof;

    /// Keeps in the proof how near to the CPU the provider is. One that cannot be on a GPU keeps nothing.
    fn agreed(&mut self, agreement: Agreement) {
        let _ = agreement;
    }
}
