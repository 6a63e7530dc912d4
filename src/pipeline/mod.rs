//! The walk: message in, perceive, plan, messages out.
