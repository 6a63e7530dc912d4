//! How a model is to be run.

use crate::infer::graph_edit::GraphEdit;
use crate::infer::{Provider, ProviderPolicy, Refusal, TensorRtOptions};

/// How a model is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
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
            tensorrt: TensorRtOptions::default(),
            cuda_memory_bytes: None,
            refused: Vec::new(),
            compares: true,
            warm_up_runs: 2,
        }
    }
}
