//! Builds an ONNX Runtime session of a model's file, with the providers of which something is expected.

use super::chain::{Placement, Registered, Source, Unbuilt};
use crate::infer::graph_edit;
use crate::infer::onnx_file;
use crate::infer::providers::engine_cache::{self, EngineKey, Engines};
use crate::infer::providers::engine_shapes::EngineShapes;
use crate::infer::providers::{cuda, cure, node_assignment};
use crate::infer::{InferError, OnnxFile, Provider, Refusal, Runtime, SessionOptions, TensorRtOptions};
use ort::ErrorCode;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Where the files of weights are, for a model that comes from memory.
const WEIGHTS_FOLDER: &str = "session.model_external_initializers_file_folder_path";

/// A model's file, and how its sessions are made.
#[derive(Debug)]
pub(in crate::infer) struct ModelSource {
    pub runtime: &'static Runtime,
    pub model: PathBuf,
    pub options: SessionOptions,
    /// The shapes that open inputs will be bound with, by name.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Whether the edit that was wished does not fit, or ONNX Runtime refused the graph with it.
    pub edit_refused: AtomicBool,
    /// Whether whoever opened the model has it with an edit that is for GPU providers alone: then it has it on each provider.
    pub edit_stays: AtomicBool,
}

impl Source for ModelSource {
    fn register(&self, wished: &[Provider]) -> Result<Registered, InferError> {
        let mut builder = self.builder()?;
        let is_for_all = self.edit_stays.load(Ordering::Relaxed)
            || self.options.edit.as_ref().is_some_and(|edit| !edit.is_for_a_gpu());
        let mut edited = is_for_all.then(|| self.edited()).flatten();
        let (mut providers, mut refused, mut engines) = (Vec::new(), Vec::new(), None);
        for &provider in wished {
            let result = match provider {
                Provider::TensorRt => self.register_tensorrt(&mut builder, &mut engines, &mut edited)?,
                Provider::Cuda => cuda::register(&mut builder, self.options.device_id, self.options.cuda_memory_bytes)
                    .inspect(|()| self.edit_for_a_gpu(&mut edited)),
                // ONNX Runtime appends the CPU by itself, as the last.
                Provider::Cpu => Ok(()),
            };
            match result {
                Ok(()) => providers.push(provider),
                Err(reason) => refused.push(Refusal::new(provider, cure::one_line(&reason))),
            }
        }
        // TensorRT may be refused after the graph was edited for it.
        let edited = edited.filter(|_| is_for_all || providers.iter().any(|provider| provider.is_gpu()));
        Ok(Registered { builder, is_edited: edited.is_some(), edited, providers, refused, engines })
    }

    fn build(&self, registered: &mut Registered) -> Result<(Session, Placement), Unbuilt> {
        self.runtime.log_engine_builds(registered.providers.contains(&Provider::TensorRt));
        let committed = self.commit(registered);
        self.runtime.log_engine_builds(false);
        match committed {
            Ok(session) => {
                registered.edited = None;
                let nodes = node_assignment::nodes_by_provider(self.runtime, &session).map_err(Unbuilt::Model)?;
                Ok((session, nodes))
            }
            Err(error) if registered.edited.is_some() && may_be_the_edit(&error, &registered.providers) => {
                let reason = cure::one_line(error.message());
                tracing::warn!(model = %self.model.display(), reason, "its graph is not edited");
                self.edit_refused.store(true, Ordering::Relaxed);
                Err(Unbuilt::Again)
            }
            Err(error) if is_about_the_model(&error) => Err(Unbuilt::Model(self.refused_model(&error))),
            Err(error) => match registered.providers.iter().find(|provider| provider.is_gpu()) {
                None => Err(Unbuilt::Model(self.refused_model(&error))),
                Some(&provider) => Err(Unbuilt::Provider(provider, error.message().to_owned())),
            },
        }
    }

    fn mends(&self, registered: &Registered, reason: &str) -> bool {
        rebuilds(registered.engines.as_ref(), reason)
    }

    fn opened(&self, registered: &Registered) {
        self.edit_stays.store(registered.is_edited, Ordering::Relaxed);
    }

    fn name(&self) -> String {
        self.model.display().to_string()
    }
}

impl ModelSource {
    /// The model's bytes with the edit that was wished, where it fits.
    fn edited(&self) -> Option<Vec<u8>> {
        let model = &self.model;
        let edit = self.options.edit.as_ref().filter(|_| !self.edit_refused.load(Ordering::Relaxed))?;
        let left = |reason: &String| {
            tracing::info!(model = %model.display(), ?edit, reason, "the graph runs as it is");
            self.edit_refused.store(true, Ordering::Relaxed);
        };
        // ONNX Runtime is told where the weights are in a text.
        let is_text = model.to_str().ok_or_else(|| "its path is no text".to_owned());
        is_text.and_then(|_| graph_edit::edited(model, edit)).inspect_err(left).ok()
    }

    /// Edits the graph for the first GPU provider that registers.
    fn edit_for_a_gpu(&self, edited: &mut Option<Vec<u8>>) {
        if edited.is_none() {
            *edited = self.edited();
        }
    }

    fn commit(&self, registered: &mut Registered) -> ort::Result<Session> {
        let Registered { builder, edited, .. } = registered;
        let Some(bytes) = edited else { return builder.commit_from_file(&self.model) };
        let folder = self.model.parent().unwrap_or(Path::new("")).to_string_lossy();
        builder.clone().with_config_entry(WEIGHTS_FOLDER, folder)?.commit_from_memory(bytes)
    }

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
        engines: &mut Option<Engines>,
        edited: &mut Option<Vec<u8>>,
    ) -> Result<Result<(), String>, InferError> {
        let (options, device_id) = (&self.options.tensorrt, self.options.device_id);
        let Ok(file) = OnnxFile::read(&self.model) else {
            return Ok(Err("TensorRT takes ONNX files only, and this one has ONNX Runtime's own format".to_owned()));
        };
        let shapes = match EngineShapes::of(&file, &self.shapes, &options.ranges) {
            Ok(shapes) => shapes,
            Err(reason) => return Ok(Err(reason)),
        };
        // A first registration on a copy loads the library: its version is part of the engine's key.
        let none = EngineShapes::default();
        if let Err(reason) = TensorRtOptions::default().register(&mut builder.clone(), device_id, None, &none) {
            return Ok(Err(reason));
        }
        self.edit_for_a_gpu(edited);
        if let Some(root) = &options.cache_dir {
            let broken = |error: std::io::Error| InferError::Runtime {
                what: "read the model for its engines",
                reason: error.to_string(),
            };
            let version = self.runtime.version();
            let mut key =
                EngineKey::of(&self.model, &file, device_id, version, options.precision, &shapes).map_err(broken)?;
            if edited.is_some() {
                key.shapes += &format!(" {:?}", self.options.edit);
            }
            let opened = match Engines::open(root, &key) {
                Ok(opened) => opened,
                Err(reason) => return Ok(Err(reason)),
            };
            let folder = opened.folder().display();
            tracing::info!(%folder, "TensorRT engines are kept here; a first build takes minutes");
            *engines = Some(opened);
        }
        for (name, &size) in &shapes.fixed {
            let fixed = builder.clone().with_dimension_override(name, i64::try_from(size).unwrap_or(i64::MAX));
            *builder = fixed.map_err(|error| InferError::runtime("fix a dimension")(error.into()))?;
        }
        Ok(options.register(builder, device_id, engines.as_ref().map(Engines::folder), &shapes))
    }
}

/// Whether an edited graph is worth an attempt as its file has it: not where a GPU's library says why it does not run.
fn may_be_the_edit(error: &ort::Error, providers: &[Provider]) -> bool {
    let of_a_gpu = ["TensorRT", "CUDA", "CUDNN", "CUBLAS", "cudaError", "libcu", "libnv", "out of memory"];
    !providers.iter().any(|provider| provider.is_gpu()) || !of_a_gpu.iter().any(|words| error.message().contains(words))
}

/// Whether the file itself is at fault, so that no other provider would take it.
fn is_about_the_model(error: &ort::Error) -> bool {
    use ErrorCode::{InvalidGraph, InvalidProtobuf, NoModel, NoSuchFile};
    matches!(error.code(), InvalidProtobuf | NoSuchFile | NoModel | InvalidGraph)
        || onnx_file::is_about_the_model(error.message())
}

/// A broken or stale engine must not be fatal: where `reason` says that it is one, the cached files are removed. Whether
/// there were any, so that the session is worth a second attempt.
fn rebuilds(engines: Option<&Engines>, reason: &str) -> bool {
    let Some(folder) = engines.map(Engines::folder).filter(|_| engine_cache::is_unreadable(reason)) else {
        return false;
    };
    let removed = engine_cache::clear(folder).unwrap_or(0);
    if removed > 0 {
        let reason = cure::one_line(reason);
        tracing::warn!(folder = %folder.display(), removed, reason, "TensorRT cannot read its cached engine, building anew");
    }
    removed > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::GraphEdit;

    fn source(runtime: &'static Runtime, only_on_gpu: bool) -> ModelSource {
        let edit = Some(GraphEdit::BytesIn { input: "images".to_owned(), steps: Vec::new(), only_on_gpu });
        ModelSource {
            runtime,
            model: Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/yolo_rows.onnx"),
            options: SessionOptions { edit, ..SessionOptions::default() },
            shapes: Vec::new(),
            edit_refused: AtomicBool::new(false),
            edit_stays: AtomicBool::new(false),
        }
    }

    /// What the input of the session on the CPU holds.
    fn input_on_the_cpu(source: &ModelSource) -> String {
        let mut registered = source.register(&[Provider::Cpu]).unwrap();
        let is_edited = registered.is_edited;
        let Ok((session, _)) = source.build(&mut registered) else { panic!("it does not open") };
        let input = session.inputs()[0].dtype().to_string();
        assert_eq!(input.contains("u8"), is_edited, "{input}");
        input
    }

    #[test]
    fn a_graph_that_is_refused_with_its_edit_is_tried_without_it_unless_a_gpu_says_why() {
        let shapes = ort::Error::new("Node (Slice) Op (Slice) [ShapeInferenceError] Input axes has invalid data");
        let memory = ort::Error::new("CUDA failure 2: out of memory");
        for (error, providers, expected) in [
            (&shapes, &[Provider::Cpu][..], true),
            (&shapes, &[Provider::Cuda, Provider::Cpu], true),
            (&memory, &[Provider::Cuda, Provider::Cpu], false),
            (&memory, &[Provider::Cpu], true),
        ] {
            assert_eq!(may_be_the_edit(error, providers), expected, "{error} {providers:?}");
        }
    }

    #[test]
    fn a_session_that_has_the_edit_has_it_on_the_next_provider_too() {
        let Some(runtime) = Runtime::or_skip("the edit that stays") else { return };
        let source = source(runtime, true);
        let of_floats = input_on_the_cpu(&source);
        // As if a GPU provider had been opened with it, and failed in operation.
        let mut on_gpu = source.register(&[Provider::Cpu]).unwrap();
        on_gpu.is_edited = true;
        source.opened(&on_gpu);
        let of_bytes = input_on_the_cpu(&source);
        assert_ne!(of_bytes, of_floats);
        assert_eq!(of_bytes, input_on_the_cpu(&self::source(runtime, false)), "as where it is for all providers");
    }
}
