//! From pictures to tensors and back to boxes.
