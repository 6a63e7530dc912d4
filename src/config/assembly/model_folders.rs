//! Where models are looked for.

use crate::config::Config;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A list of folders in which models are looked for too, written as `PATH` is.
const VARIABLE: &str = "VEDETTE_MODELS";

/// The folders in which models are looked for, in this order: those of `model_dirs`, those of the environment variable
/// `VEDETTE_MODELS`, `models` beside the binary, and where the binary is in `<prefix>/bin` or `<prefix>/lib/vedette`, the
/// folder `<prefix>/share/vedette/models`. They need not be there.
pub fn model_folders(config: &Config) -> Vec<PathBuf> {
    folders(&config.model_dirs, env::var_os(VARIABLE), env::current_exe().ok().as_deref())
}

fn folders(model_dirs: &[PathBuf], variable: Option<OsString>, binary: Option<&Path>) -> Vec<PathBuf> {
    let given = variable.unwrap_or_default();
    let given = env::split_paths(&given).filter(|folder| !folder.as_os_str().is_empty());
    let beside = binary.and_then(Path::parent).into_iter().flat_map(|folder| {
        let shared = prefix_of(folder).map(|prefix| prefix.join("share/vedette/models"));
        std::iter::once(folder.join("models")).chain(shared)
    });
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in model_dirs.iter().cloned().chain(given).chain(beside) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// The prefix under which a binary in `folder` is installed.
fn prefix_of(folder: &Path) -> Option<&Path> {
    let is_named = |folder: &Path, name: &str| folder.file_name() == Some(OsStr::new(name));
    let parent = folder.parent()?;
    if is_named(folder, "bin") {
        Some(parent)
    } else if is_named(folder, "vedette") && is_named(parent, "lib") {
        parent.parent()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variable: Option<&str>, binary: Option<&str>) -> Vec<String> {
        let found = folders(&["models".into(), "/opt/models".into()], variable.map(Into::into), binary.map(Path::new));
        found.iter().skip(2).map(|folder| folder.display().to_string()).collect()
    }

    #[test]
    fn models_are_looked_for_where_a_person_put_them_then_beside_the_binary() {
        assert_eq!(told(None, None), [""; 0]);
        assert_eq!(told(Some("/a:b::/opt/models:"), None), ["/a", "b"], "each once, and none without a name");
        assert_eq!(told(None, Some("/work/target/release/vedette")), ["/work/target/release/models"]);
        let share = "/opt/ros/share/vedette/models";
        assert_eq!(told(Some("/a"), Some("/opt/ros/bin/vedette")), ["/a", "/opt/ros/bin/models", share]);
        assert_eq!(told(None, Some("/opt/ros/lib/vedette/vedette")), ["/opt/ros/lib/vedette/models", share]);
        assert_eq!(told(None, Some("/opt/vedette/vedette")), ["/opt/vedette/models"]);
    }
}
