//! What the families refuse.
