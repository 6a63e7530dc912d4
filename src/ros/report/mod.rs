//! What the node says about itself: counts, diagnostics, log.

pub(super) mod diagnostics;
mod endpoints;
mod frames;
pub(super) mod health;
pub(super) mod log;
pub(super) mod logger_levels;
pub(super) mod reporter;
mod section;
pub(super) mod sessions;
pub(super) mod subscribers;
