//! Where messages come from and go to.

pub mod bag;
#[cfg(feature = "ros")]
pub mod ros;
pub mod source;
