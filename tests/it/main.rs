//! Integration tests, one binary.

mod allocations;
mod architecture;
mod infer;
mod onnx_runtime;
