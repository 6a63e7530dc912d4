//! Integration tests, one binary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

mod allocations;
mod architecture;
mod infer;
mod onnx_runtime;
mod zoo;
