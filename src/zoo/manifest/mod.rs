//! What a checkpoint is: its manifest, its files, and what these say about themselves.

mod catalog;
mod contents;
pub(super) mod documents;
mod family;
mod integrity;
pub(super) mod keys;
mod reading;

pub use catalog::{find, list};
pub use contents::{Generation, Input, License, Manifest, ModelFile, Scoring};
pub use family::{Family, Task};
pub use integrity::{Expected, FetchRecord, FetchedFile, Integrity};
