//! From parameters to rooms that are ready: models in their sessions, words encoded, what each room is to be told.

pub(crate) mod class_choice;
mod error;
mod model_folders;
mod models;
mod prompter;
pub(crate) mod settings;

pub use class_choice::ClassError;
pub use error::{LoadError, PromptsRefused};
pub use model_folders::model_folders;
pub use models::{LoadedModel, LoadedReasonModel, load_model, load_reason_model};
pub use prompter::{OpenEncoder, Prompter};
