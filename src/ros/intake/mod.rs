//! How messages come in: DDS endpoints and their QoS, what the graph says of them, and the hand-over to the lane.

pub(super) mod freshness;
pub(super) mod gaps;
pub(super) mod graph;
pub(super) mod inbox;
pub(super) mod qos;
pub(super) mod silences;
pub(super) mod transport;
