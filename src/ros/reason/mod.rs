//! The live half of the reason lane: the action `~/ask`, the desk, and the thread that owns the language model.

pub(super) mod action;
pub(super) mod ask;
pub(super) mod ask_result;
pub(super) mod desk;
pub(super) mod reasoner;
