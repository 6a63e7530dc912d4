//! What clients call: how their requests come in and the answers go out; parameters, levels of loggers and prompts.

mod answers;
#[cfg(has_logger_services)]
pub(super) mod logger_services;
pub(super) mod parameter_changes;
pub(super) mod parameter_services;
pub(super) mod requests;
pub(super) mod set_prompts;

pub(super) use answers::Answers;
