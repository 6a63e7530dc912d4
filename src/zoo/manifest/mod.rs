//! What a checkpoint is: its manifest, its files, and what these say about themselves.

mod checkpoint_files;
mod contents;
mod family;
mod faults;
mod integrity;
pub(super) mod keys;
mod layout_name;
mod pixels;
mod reading;
#[cfg(test)]
pub(in crate::zoo) mod samples;

pub(in crate::zoo) use checkpoint_files::{
    Document, Words, image_processor, processor_config, required_image_processor,
};
pub use contents::{Generation, Input, License, Manifest, ModelFile, Scoring};
pub use family::{Family, Task};
pub use faults::Fault;
pub(in crate::zoo) use faults::FaultList;
pub use integrity::{ADDED, Expected, FetchRecord, FetchedFile, Integrity, check_contents};
pub use layout_name::LayoutName;
pub use pixels::Pixels;
