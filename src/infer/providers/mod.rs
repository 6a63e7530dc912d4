//! Execution providers: what is asked of each, which one runs, and how to cure one that does not.

pub(super) mod cuda;
pub(super) mod cure;
pub(super) mod engine_cache;
pub(super) mod engine_shapes;
mod gpu;
mod kept_engines;
pub(super) mod node_assignment;
mod proof;
mod provider;
pub(super) mod tensorrt;
mod tensorrt_version;

pub use engine_shapes::ShapeRange;
pub use kept_engines::KeptEngines;
pub use proof::{Proof, Refusal};
pub use provider::{Provider, ProviderPolicy};
pub use tensorrt::{Precision, TensorRtOptions};
