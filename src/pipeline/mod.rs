//! The walk: message in, perceive, plan, messages out.

mod topics;

pub use topics::{Input, Output, OutputError, Outputs};
