//! The execution providers, and the policy for those that do not run.

use std::fmt;

/// Where a model can run, fastest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// NVIDIA TensorRT: the graph is compiled to an engine for one GPU.
    TensorRt,
    /// NVIDIA CUDA kernels.
    Cuda,
    /// The processor; always there.
    Cpu,
}

impl Provider {
    /// All, in the order of the default list.
    pub const ALL: [Self; 3] = [Self::TensorRt, Self::Cuda, Self::Cpu];

    /// The word in parameters: `tensorrt`, `cuda`, `cpu`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TensorRt => "tensorrt",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
        }
    }

    /// ONNX Runtime's name for it.
    pub const fn ort_name(self) -> &'static str {
        match self {
            Self::TensorRt => "TensorrtExecutionProvider",
            Self::Cuda => "CUDAExecutionProvider",
            Self::Cpu => "CPUExecutionProvider",
        }
    }

    /// The one that ONNX Runtime calls `name`.
    pub(in crate::infer) fn by_ort_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.ort_name() == name)
    }

    /// Whether it computes on a device with its own memory.
    pub(in crate::infer) const fn is_gpu(self) -> bool {
        matches!(self, Self::TensorRt | Self::Cuda)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What to do when a listed provider does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ProviderPolicy {
    /// The next of the list runs; the proof says why.
    #[default]
    Fallback,
    /// The first of the list must run, else the model does not open.
    Strict,
}
