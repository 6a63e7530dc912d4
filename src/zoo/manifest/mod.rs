//! What a checkpoint is: its manifest, its files, and what these say about themselves.

mod catalog;
mod checkpoint_files;
mod contents;
mod family;
mod integrity;
pub(super) mod keys;
mod layout_name;
mod pixels;
mod reading;
#[cfg(test)]
mod samples;

pub use catalog::{find, list};
pub(in crate::zoo) use checkpoint_files::{
    Document, Words, image_processor, processor_config, required_image_processor,
};
pub use contents::{Generation, Input, License, Manifest, ModelFile, Scoring};
pub use family::{Family, Task};
pub use integrity::{Expected, FetchRecord, FetchedFile, Integrity, check_contents};
pub use layout_name::LayoutName;
pub use pixels::Pixels;
