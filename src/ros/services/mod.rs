//! What clients call: how their requests come in and the answers go out; parameters and prompts.

mod answers;
pub(super) mod parameter_services;
pub(super) mod requests;
pub(super) mod set_prompts;

pub(super) use answers::Answers;
