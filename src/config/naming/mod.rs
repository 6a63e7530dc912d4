//! Names of nodes and topics, and the rules that remap them.

mod camera_name;
mod remap;
pub(super) mod ros_names;

pub use camera_name::CameraName;
pub use remap::{Names, RemapRule, UnusedRule, camera_info_beside, image_of_compressed, names_rectified};
pub(super) use ros_names::check_node_name;
pub use ros_names::{NameError, NodeName};
