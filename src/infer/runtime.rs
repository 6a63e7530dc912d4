//! Loads ONNX Runtime: one library and one environment for the life of the process.

use super::library::{self, LibraryError};
use super::{InferError, Provider};
use ort::logging::LogLevel;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The names under which the system's loader may know the library.
const SYSTEM_NAMES: [&str; 2] = ["libonnxruntime.so", "libonnxruntime.so.1"];

static LOADED: OnceLock<Runtime> = OnceLock::new();
static LOADING: Mutex<()> = Mutex::new(());

/// The loaded ONNX Runtime.
#[derive(Debug)]
pub struct Runtime {
    environment: ort::environment::Environment,
    path: PathBuf,
    version: String,
}

impl Runtime {
    /// Keeps ONNX Runtime from telling its maker how it is used, and from the files that it would have for that: a
    /// program's first call. Where a library has started threads before it, the program begins again, in the same process.
    /// False where the system refuses that.
    pub fn without_telemetry() -> bool {
        library::without_telemetry()
    }

    /// Loads the library: from the environment variable `ORT_DYLIB_PATH` if it is set; else from `path` if one is given;
    /// else from beside this program (its folder, the `lib` next to that, and the `.deps` that `make setup` fills above
    /// it); else from where the system's loader finds it. A process has one runtime: after the first success, every
    /// call returns that one, whatever its `path`.
    ///
    /// Provider libraries (`libonnxruntime_providers_*.so`) must lie beside the file, under the path by which it is
    /// loaded.
    ///
    /// # Errors
    /// [`InferError::LibraryMissing`] with every path that was tried; [`InferError::LibraryTooOld`].
    pub fn load(path: Option<&Path>) -> Result<&'static Self, InferError> {
        let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = LOADED.get() {
            return Ok(loaded);
        }
        let beside = std::env::current_exe().map(|program| beside(&program)).unwrap_or_default();
        let loaded =
            Self::load_first(&candidates(std::env::var_os("ORT_DYLIB_PATH").map(PathBuf::from), path, beside))?;
        Ok(LOADED.get_or_init(|| loaded))
    }

    fn load_first(candidates: &[PathBuf]) -> Result<Self, InferError> {
        let mut tried = Vec::new();
        for path in candidates {
            match library::load(path) {
                Ok(version) => {
                    let environment = ort::init()
                        .with_telemetry(false)
                        .with_logger(Arc::new(forward_log))
                        .build()
                        .map_err(InferError::runtime("make its environment"))?;
                    let loaded = Self { environment, path: path.clone(), version };
                    loaded.log_engine_builds(false);
                    return Ok(loaded);
                }
                Err(LibraryError::TooOld(found)) => {
                    let needed_minor = library::OLDEST_MINOR;
                    return Err(InferError::LibraryTooOld { path: path.clone(), found, needed_minor });
                }
                Err(LibraryError::Unusable(reason)) => {
                    tried.push(format!("{} ({})", path.display(), super::providers::cure::one_line(&reason)));
                }
            }
        }
        Err(InferError::LibraryMissing { tried: tried.join(", ") })
    }

    /// The file that was loaded.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version as it states it, `1.32.0`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it says which provider holds which nodes: from 1.24 on.
    pub fn tells_node_assignment(&self) -> bool {
        library::minor(&self.version) >= library::NEWEST
    }

    /// The providers that this library was built with. Whether one also runs here shows when a model is opened.
    pub fn built_in_providers(&self) -> Vec<Provider> {
        Provider::ALL.into_iter().filter(|&provider| is_built_in(provider)).collect()
    }

    /// Whether ONNX Runtime reports its progress: it does so at a level at which it also writes hundreds of lines for
    /// each session, so only while TensorRT may be building an engine.
    pub(super) fn log_engine_builds(&self, on: bool) {
        self.environment.set_log_level(if on { LogLevel::Info } else { LogLevel::Warning });
    }

    /// `ort`'s own, of which a process has one: for a bench of sessions that are not ours.
    #[doc(hidden)]
    pub fn environment(&self) -> &ort::environment::Environment {
        &self.environment
    }
}

#[cfg(test)]
impl Runtime {
    /// The one that `make setup` fetches, or that `ORT_DYLIB_PATH` names; `None` after saying that `test` is skipped.
    pub(crate) fn or_skip(test: &str) -> Option<&'static Self> {
        let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/onnxruntime/libonnxruntime.so");
        Self::load(Some(&fetched)).inspect_err(|reason| eprintln!("SKIPPED {test}: {reason}")).ok()
    }
}

fn is_built_in(provider: Provider) -> bool {
    match provider {
        #[cfg(feature = "tensorrt")]
        Provider::TensorRt => is_available::<ort::ep::TensorRT>(),
        #[cfg(feature = "cuda")]
        Provider::Cuda => is_available::<ort::ep::CUDA>(),
        Provider::Cpu => true,
        #[cfg(not(all(feature = "tensorrt", feature = "cuda")))]
        _ => false,
    }
}

#[cfg(any(feature = "tensorrt", feature = "cuda"))]
fn is_available<P: ort::ep::ExecutionProvider>() -> bool {
    P::is_available().unwrap_or(false)
}

fn candidates(from_environment: Option<PathBuf>, given: Option<&Path>, beside: Vec<PathBuf>) -> Vec<PathBuf> {
    match from_environment.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => vec![path],
        None => {
            let given = given.map(Path::to_path_buf);
            given.into_iter().chain(beside).chain(SYSTEM_NAMES.map(PathBuf::from)).collect()
        }
    }
}

/// How far above the program the project's folder may be: `target/release/deps/`.
const LEVELS: usize = 4;

/// The libraries that came with `program`, or that the project has in which it was built.
fn beside(program: &Path) -> Vec<PathBuf> {
    let folders: Vec<&Path> = program.ancestors().skip(1).take(LEVELS).collect();
    let own = folders.first().map(|own| own.to_path_buf());
    let above = folders.get(1).into_iter().flat_map(|above| [above.to_path_buf(), above.join("lib")]);
    let installed = own.into_iter().chain(above);
    let fetched = folders.iter().map(|folder| folder.join(".deps/onnxruntime"));
    installed.chain(fetched).map(|folder| folder.join(SYSTEM_NAMES[0])).filter(|path| path.is_file()).collect()
}

/// ONNX Runtime's log under the target `onnxruntime`. What it calls an error reaches us as an error of the call that
/// caused it, and is handled there: so all is one step quieter here.
fn forward_log(level: LogLevel, _category: &str, _id: &str, _location: &str, message: &str) {
    match level {
        LogLevel::Fatal => tracing::error!(target: "onnxruntime", "{message}"),
        LogLevel::Error | LogLevel::Warning => tracing::debug!(target: "onnxruntime", "{message}"),
        LogLevel::Info if message.contains("TensorRT") => tracing::info!(target: "onnxruntime", "{message}"),
        LogLevel::Info | LogLevel::Verbose => tracing::trace!(target: "onnxruntime", "{message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_variable_wins_over_the_given_path() {
        let given = Path::new("/opt/ort/libonnxruntime.so");
        let beside = vec![PathBuf::from("/opt/vedette/libonnxruntime.so")];
        assert_eq!(candidates(Some("/env.so".into()), Some(given), beside.clone()), [PathBuf::from("/env.so")]);
        let without = candidates(Some("".into()), Some(given), beside.clone());
        assert_eq!(without[..2], [given.to_path_buf(), beside[0].clone()]);
        assert_eq!(without[2..], SYSTEM_NAMES.map(PathBuf::from));
    }

    #[test]
    fn a_library_is_found_beside_an_installed_program_and_in_the_project_that_built_it() {
        let root = tempfile::tempdir().unwrap();
        let put = |folder: &str| {
            let folder = root.path().join(folder);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("libonnxruntime.so"), b"").unwrap();
        };
        assert!(beside(&root.path().join("bin/vedette")).is_empty());
        put("lib");
        assert_eq!(beside(&root.path().join("bin/vedette")).len(), 1);
        assert_eq!(beside(&root.path().join("lib/vedette/vedette")).len(), 1);
        put(".deps/onnxruntime");
        let built = beside(&root.path().join("target/release/vedette"));
        assert_eq!(built, [root.path().join(".deps/onnxruntime/libonnxruntime.so")]);
    }

    #[test]
    fn a_missing_library_is_named_with_the_cure() {
        let error = Runtime::load_first(&["/nowhere/libonnxruntime.so".into()]).unwrap_err().to_string();
        assert!(error.starts_with("no ONNX Runtime: /nowhere/libonnxruntime.so ("), "{error}");
        assert!(error.contains("cannot open shared object file") && error.contains("make setup"), "{error}");
    }

    #[test]
    fn a_file_that_is_no_library_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"not an ELF file").unwrap();
        let error = Runtime::load_first(&[file.path().to_path_buf()]).unwrap_err().to_string();
        assert!(error.contains(&*file.path().to_string_lossy()), "{error}");
    }
}
