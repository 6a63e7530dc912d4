//! Integration tests, one binary.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helper functions too")]

mod allocations;
mod any_numbers;
mod architecture;
mod bad_input;
mod blind;
mod by_path;
mod bytes_in;
mod cameras;
mod changes;
mod conse;
mod damaged_bags;
mod damaged_folders;
mod field_cases;
mod graph_edits;
mod infer;
mod infer_caches;
mod infer_shapes;
mod language;
mod layouts;
mod lenses;
mod messages;
mod onnx_file;
mod onnx_runtime;
mod parity;
mod pictures;
mod prompts;
mod reason;
mod replay;
mod standing_person;
mod tape;
mod tf;
mod tf_table;
mod viewers;
mod walk;
mod zoo;
