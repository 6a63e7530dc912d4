//! Vedette: the mounted scout that watches, reports what it sees and says what to do.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod config;
pub mod infer;
pub mod io;
pub mod pipeline;
pub mod planning;
pub mod spatial;
pub mod tracking;
pub mod types;
pub mod vision;
pub mod wire;
pub mod zoo;
