//! How a model is to be run.

use crate::infer::graph_edit::GraphEdit;
use crate::infer::{Provider, ProviderPolicy, Refusal, TensorRtOptions};
use crate::types::ChannelStep;

/// Where the pictures of a model enter as bytes, which become its numbers in the graph, bit for bit the same: a quarter of
/// what has to be copied to a GPU. Of a model of which pixels are resized in floats they never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BytesIn {
    /// On GPU providers.
    #[default]
    OnGpu,
    /// On the CPU too, where nothing is won.
    Always,
    /// Nowhere.
    Never,
}

impl BytesIn {
    /// The edit for an input of floats; `None` where there are no steps or where it is not wished.
    pub(crate) fn edit(self, input: &str, steps: Option<Vec<ChannelStep>>) -> Option<GraphEdit> {
        let steps = steps.filter(|_| self != Self::Never)?;
        Some(GraphEdit::BytesIn { input: input.to_owned(), steps, only_on_gpu: self == Self::OnGpu })
    }
}

/// How a model is to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionOptions {
    /// Where to run, best first. Default: tensorrt, cuda, cpu. What stands behind `cpu` is never used; without `cpu`, a
    /// model that none of the others takes does not open. Nodes that a GPU provider cannot run go to the CPU in any case; the proof counts them.
    pub providers: Vec<Provider>,
    /// What to do when one does not run.
    pub policy: ProviderPolicy,
    /// Which GPU.
    pub device_id: u32,
    /// Threads that share one node's work, the calling one included; nodes run one after another. Fixed, because the
    /// order of float sums, and so the last bits of an output, may depend on it. Default: one for each core.
    pub intra_op_threads: usize,
    /// Whether worker threads spin for a while before they sleep. Default: on, as in ONNX Runtime: where the cores are
    /// ours alone, a run is some 5 to 20 % shorter. Off takes about a third less CPU time at low frame rates, and is
    /// the faster choice by far where other processes compete for the same cores.
    pub spinning: bool,
    /// A change to the graph, where it fits.
    pub edit: Option<GraphEdit>,
    /// Where families whose pictures can enter as bytes have them so.
    pub bytes_in: BytesIn,
    /// For the TensorRT provider.
    pub tensorrt: TensorRtOptions,
    /// Most bytes of GPU memory that the CUDA provider takes for a session's tensors; `None`: what it needs.
    pub cuda_memory_bytes: Option<u64>,
    /// Providers that are passed over, with what was found against each.
    pub refused: Vec<Refusal>,
    /// Whether what a GPU provider computes is compared with the CPU before it is used, by a [`Judge`](crate::infer::Judge).
    /// Default: yes.
    pub compares: bool,
    /// Runs at opening, so that the first frame is as fast as the hundredth; at least 1. Default: 2.
    pub warm_up_runs: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            providers: Provider::ALL.to_vec(),
            policy: ProviderPolicy::Fallback,
            device_id: 0,
            intra_op_threads: std::thread::available_parallelism().map_or(1, usize::from),
            spinning: true,
            edit: None,
            bytes_in: BytesIn::default(),
            tensorrt: TensorRtOptions::default(),
            cuda_memory_bytes: None,
            refused: Vec::new(),
            compares: true,
            warm_up_runs: 2,
        }
    }
}
