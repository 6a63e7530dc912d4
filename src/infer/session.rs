//! Builds an ONNX Runtime session of a model's file, with the providers of which something is expected.

use super::chain::{Registered, Source, Unbuilt};
use super::providers::engine_cache::EngineKey;
use super::providers::gpu::Gpu;
use super::providers::tensorrt::OpenInput;
use super::providers::{cure, engine_cache, node_assignment};
use super::{InferError, Provider, Refusal, Runtime, SessionOptions, TensorRtOptions};
use super::{checksum, onnx_file};
use ort::ErrorCode;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use std::path::{Path, PathBuf};

/// A model's file, and how its sessions are made.
#[derive(Debug)]
pub(super) struct ModelSource {
    pub runtime: &'static Runtime,
    pub model: PathBuf,
    pub options: SessionOptions,
    /// The shapes that open inputs will be bound with, by name.
    pub shapes: Vec<(String, Vec<usize>)>,
}

impl Source for ModelSource {
    fn register(&self, wished: &[Provider]) -> Result<Registered, InferError> {
        let mut builder = self.builder()?;
        let (mut providers, mut refused, mut engines) = (Vec::new(), Vec::new(), None);
        for &provider in wished {
            let result = match provider {
                Provider::TensorRt => self.register_tensorrt(&mut builder, &mut engines)?,
                Provider::Cuda => register_cuda(&mut builder, self.options.device_id),
                // ONNX Runtime appends the CPU by itself, as the last.
                Provider::Cpu => Ok(()),
            };
            match result {
                Ok(()) => providers.push(provider),
                Err(reason) => refused.push(Refusal::new(provider, cure::one_line(&reason))),
            }
        }
        Ok(Registered { builder, providers, refused, engines })
    }

    fn build(&self, registered: Registered) -> Result<(Session, Vec<(String, usize)>), Unbuilt> {
        let Registered { mut builder, providers, engines, .. } = registered;
        self.runtime.log_engine_builds(providers.contains(&Provider::TensorRt));
        let committed = builder.commit_from_file(&self.model);
        self.runtime.log_engine_builds(false);
        match committed {
            Ok(session) => {
                let nodes = node_assignment::nodes_by_provider(&session).map_err(Unbuilt::Model)?;
                Ok((session, nodes))
            }
            Err(error) if is_about_the_model(&error) => Err(Unbuilt::Model(self.refused_model(&error))),
            Err(error) => match providers.into_iter().find(|provider| provider.is_gpu()) {
                None => Err(Unbuilt::Model(self.refused_model(&error))),
                Some(Provider::TensorRt) if clear_engines(engines.as_deref(), error.message()) => Err(Unbuilt::Again),
                Some(provider) => Err(Unbuilt::Provider(provider, cure::one_line(error.message()))),
            },
        }
    }

    fn name(&self) -> String {
        self.model.display().to_string()
    }
}

impl ModelSource {
    fn refused_model(&self, error: &ort::Error) -> InferError {
        onnx_file::in_words(&self.model, self.runtime.version(), error.message())
    }

    fn builder(&self) -> Result<SessionBuilder, InferError> {
        let threads = self.options.intra_op_threads.max(1);
        let build = || -> ort::Result<SessionBuilder> {
            Ok(Session::builder(self.runtime.environment())?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_parallel_execution(false)?
                .with_intra_threads(threads)?
                .with_inter_threads(1)?
                .with_intra_op_spinning(self.options.spinning)?
                .with_config_entry(node_assignment::RECORD_KEY, "1")?)
        };
        build().map_err(InferError::runtime("make a session builder"))
    }

    /// The outer error is the model's, the inner one the provider's.
    fn register_tensorrt(
        &self,
        builder: &mut SessionBuilder,
        engines: &mut Option<PathBuf>,
    ) -> Result<Result<(), String>, InferError> {
        let device_id = self.options.device_id;
        // A first registration on a copy loads the library: its version is part of the engine's key.
        if let Err(reason) = TensorRtOptions::default().register(&mut builder.clone(), device_id, None, &[]) {
            return Ok(Err(reason));
        }
        let options = &self.options.tensorrt;
        let open_inputs = self.open_inputs()?;
        if let Some(root) = &options.cache_dir {
            let folder = self.engine_folder(root, &open_inputs)?;
            tracing::info!(folder = %folder.display(), "TensorRT engines are kept here; a first build takes minutes");
            *engines = Some(folder);
        }
        Ok(options.register(builder, device_id, engines.as_deref(), &open_inputs))
    }

    fn engine_folder(&self, root: &Path, open_inputs: &[OpenInput]) -> Result<PathBuf, InferError> {
        let options = &self.options.tensorrt;
        let broken = |error: std::io::Error| InferError::Runtime { what: "keep engines", reason: error.to_string() };
        let key = EngineKey {
            model_sha256: checksum::file_sha256(&self.model).map_err(broken)?,
            gpu: Gpu::query(self.options.device_id),
            tensorrt: engine_cache::loaded_tensorrt_version(),
            onnxruntime: self.runtime.version().to_owned(),
            precision: options.precision(),
            profile: options.profile(open_inputs),
        };
        let folder = key.folder(root);
        std::fs::create_dir_all(&folder).map_err(broken)?;
        Ok(folder)
    }

    /// The inputs that the graph leaves open, as a session without any optimization states them.
    fn open_inputs(&self) -> Result<Vec<OpenInput>, InferError> {
        let build = || -> ort::Result<Session> {
            Session::builder(self.runtime.environment())?
                .with_optimization_level(GraphOptimizationLevel::Disable)?
                .with_intra_threads(1)?
                .commit_from_file(&self.model)
        };
        let session = build().map_err(|error| self.refused_model(&error))?;
        let open = session.inputs().iter().filter_map(|input| {
            let declared = input.dtype().tensor_shape()?;
            let (name, shape) = self.shapes.iter().find(|(name, _)| name == input.name())?;
            declared.iter().any(|&dimension| dimension < 0).then(|| OpenInput {
                name: name.clone(),
                shape: shape.clone(),
                open_batch: declared.first().is_some_and(|&dimension| dimension < 0),
            })
        });
        Ok(open.collect())
    }
}

/// Whether the file itself is at fault, so that no other provider would take it.
fn is_about_the_model(error: &ort::Error) -> bool {
    use ErrorCode::{InvalidGraph, InvalidProtobuf, NoModel, NoSuchFile};
    matches!(error.code(), InvalidProtobuf | NoSuchFile | NoModel | InvalidGraph)
        || onnx_file::is_about_the_model(error.message())
}

/// A broken or stale engine must not be fatal: removes the cached files, and says whether there were any, so that the
/// session is worth a second attempt.
fn clear_engines(folder: Option<&Path>, reason: &str) -> bool {
    let Some(folder) = folder else { return false };
    let removed = engine_cache::clear(folder).unwrap_or(0);
    if removed > 0 {
        let reason = cure::one_line(reason);
        tracing::warn!(folder = %folder.display(), removed, reason, "TensorRT refused its cached engine, building anew");
    }
    removed > 0
}

/// With the options that a robot needs, measured on an H200 with YOLOv12n (docs/performance.md), where none of them costs
/// time:
///
/// - cuDNN's algorithms by its heuristics. Its exhaustive search, ONNX Runtime's default, captures streams while it
///   measures, and every other session of the process that runs meanwhile, or copies an input, fails with 'operation not
///   permitted when stream is capturing'; a session opens in a quarter of the time.
/// - whole float32. TF32, the default, moved logits by up to 0.03 and boxes by up to half a pixel.
/// - an arena that grows by what is asked for, not to twice its size: the memory of a Jetson or a DGX Spark is the CPU's.
#[cfg(feature = "cuda")]
fn register_cuda(builder: &mut SessionBuilder, device_id: u32) -> Result<(), String> {
    use ort::ep::cuda::ConvAlgorithmSearch;
    use ort::ep::{self, ArenaExtendStrategy, ExecutionProvider};
    let device_id = i32::try_from(device_id).map_err(|_| format!("device_id {device_id} is none"))?;
    let provider = ep::CUDA::default()
        .with_device_id(device_id)
        .with_conv_algorithm_search(ConvAlgorithmSearch::Heuristic)
        .with_tf32(false)
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested);
    provider.register(builder).map_err(|error| error.message().to_owned())
}

#[cfg(not(feature = "cuda"))]
fn register_cuda(_: &mut SessionBuilder, _: u32) -> Result<(), String> {
    Err("this vedette was built without the feature cuda".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_cache_that_held_something_is_worth_a_second_attempt() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!clear_engines(None, "broken"));
        assert!(!clear_engines(Some(folder.path()), "broken"));
        std::fs::write(folder.path().join("a.engine"), b"x").unwrap();
        assert!(clear_engines(Some(folder.path()), "broken"));
        assert!(!clear_engines(Some(folder.path()), "broken"));
    }
}
