//! Names of nodes and topics, and the rules that remap them.

mod remap;
pub(super) mod ros_names;

pub use remap::{Names, RemapRule, UnusedRule, camera_info_beside, image_of_compressed, names_rectified};
pub use ros_names::{NameError, NodeName};
