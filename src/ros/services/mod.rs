//! What clients call: parameters and prompts.

pub(super) mod parameter_changes;
pub(super) mod parameter_services;
pub(super) mod set_prompts;
