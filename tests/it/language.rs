//! Words for models and from them.

mod chat_templates;
mod generation;
mod proposals;
mod tokens;
mod toy;

use std::path::PathBuf;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/language").join(name)
}
