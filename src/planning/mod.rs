//! From a scene to a plan.
