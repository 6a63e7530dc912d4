//! Integration tests, one binary.

mod allocations;
mod infer;
mod onnx_runtime;
