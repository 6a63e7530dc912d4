//! The families that answer: from the reference's own tensors part by part, and from picture and words to text.

mod bad_input;
mod florence2;
pub mod graphs;
mod smolvlm;
