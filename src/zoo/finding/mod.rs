//! Finds models: by name in the folders of models, or by path, where a manifest may be or not.
//!
//! A name or a path gives a [`Manifest`](crate::zoo::Manifest) in any case. Where nobody has written one, it is what the
//! files themselves say: see `unwritten.rs`. `vedette models add` writes it down: see [`written()`].

mod catalog;
mod examined;
mod hub_cache;
mod names_beside;
mod unwritten;
mod whole_path;
mod written;

pub use catalog::{find, find_at, list};
pub use examined::{Examined, examine};
pub use hub_cache::snapshots;
pub use unwritten::UNKNOWN_LICENSE;
pub use written::written;
