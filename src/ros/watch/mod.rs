//! Who says stop when nobody else does: the watchdog, its plan, and the signals that end the node.

pub(super) mod signals;
pub(super) mod stop;
pub(super) mod watchdog;
