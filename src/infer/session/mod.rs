//! From a model's file to a session on a provider that takes it: how it is to be run, which provider is tried next, and how
//! a session is built for it.

mod chain;
#[cfg(test)]
pub(super) mod fake_source;
mod model_source;
mod options;

pub(super) use chain::{Chain, Source};
pub(super) use model_source::ModelSource;
pub use options::{BytesIn, SessionOptions};
