//! From parameters to rooms that are ready: models in their sessions, words encoded, the camera of a file, what each room is to be told.

mod camera_file;
pub(crate) mod class_choice;
mod error;
mod model_folders;
mod models;
mod prompter;
pub(crate) mod settings;

pub use camera_file::{CameraFileError, load_camera};
pub use class_choice::ClassError;
pub use error::{LoadError, PromptsRefused};
pub use model_folders::model_folders;
pub use models::{LoadedModel, LoadedReasonModel, load_model, load_reason_model};
pub use prompter::{OpenEncoder, Prompter};
