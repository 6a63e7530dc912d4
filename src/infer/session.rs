//! Builds an ONNX Runtime session on the first provider of a list that takes the model.

use super::graph_edit::GraphEdit;
use super::providers::engine_cache::{self, EngineKey, Engines};
use super::providers::engine_shapes::EngineShapes;
use super::providers::{cuda, cure, node_assignment};
use super::{InferError, OnnxFile, Proof, Provider, ProviderPolicy, Refusal, Runtime, TensorRtOptions};
use super::{graph_edit, onnx_file};
use ort::ErrorCode;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use std::path::Path;

/// How a model is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// Where to run, best first. Default: tensorrt, cuda, cpu. What stands behind `cpu` is never used; without `cpu`, a
    /// model that none of the others takes does not open. Nodes that a GPU provider cannot run go to the CPU in any case; the proof counts them.
    pub providers: Vec<Provider>,
    /// What to do when one does not run.
    pub policy: ProviderPolicy,
    /// Which GPU.
    pub device_id: u32,
    /// Threads that share one node's work, the calling one included; nodes run one after another. Fixed, because the
    /// order of float sums, and so the last bits of an output, may depend on it. Default: one for each core.
    pub intra_op_threads: usize,
    /// Whether worker threads spin for a while before they sleep. Default: on, as in ONNX Runtime: where the cores are
    /// ours alone, a run is some 5 to 20 % shorter. Off takes about a third less CPU time at low frame rates, and is
    /// the faster choice by far where other processes compete for the same cores.
    pub spinning: bool,
    /// A change to the graph, where it fits.
    pub edit: Option<GraphEdit>,
    /// For the TensorRT provider.
    pub tensorrt: TensorRtOptions,
    /// Most bytes of GPU memory that the CUDA provider takes for a session's tensors; `None`: what it needs.
    pub cuda_memory_bytes: Option<u64>,
    /// Runs at opening, so that the first frame is as fast as the hundredth; at least 1. Default: 2.
    pub warm_up_runs: usize,
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            providers: Provider::ALL.to_vec(),
            policy: ProviderPolicy::Fallback,
            device_id: 0,
            intra_op_threads: std::thread::available_parallelism().map_or(1, usize::from),
            spinning: true,
            edit: None,
            tensorrt: TensorRtOptions::default(),
            cuda_memory_bytes: None,
            warm_up_runs: 2,
        }
    }
}

/// Builds the session, on the first provider on which `start` goes through: it makes of the session and of the proof of
/// where it runs what is wanted, and runs it. `shapes` are the shapes that open inputs will be bound with, by name.
pub(super) fn open<T>(
    runtime: &Runtime,
    model: &Path,
    options: &SessionOptions,
    shapes: &[(String, Vec<usize>)],
    start: impl FnMut(Session, Proof) -> Result<T, InferError>,
) -> Result<T, InferError> {
    OnnxFile::check(model)?;
    let edited = options.edit.as_ref().and_then(|edit| {
        let left = |reason: &String| tracing::info!(model = %model.display(), ?edit, reason, "the graph runs as it is");
        graph_edit::edited(model, edit).inspect_err(left).ok()
    });
    Chain { runtime, model, edited, options, shapes, refused: Vec::new() }.open(start)
}

/// Registered without a complaint, and still the nodes are elsewhere: a known fault on new chips.
fn not_held(provider: Provider, proof: &Proof) -> InferError {
    let reason = format!("it registered, but most nodes went elsewhere ({})", proof.placement());
    let cure = cure::cure(provider, &reason);
    InferError::Strict { provider, reason, cure }
}

/// Where the files of weights are, for a model that comes from memory.
const WEIGHTS_FOLDER: &str = "session.model_external_initializers_file_folder_path";

/// The attempt in progress, and what was refused so far.
struct Chain<'a> {
    runtime: &'a Runtime,
    model: &'a Path,
    /// The model's bytes with the edit that was wished.
    edited: Option<Vec<u8>>,
    options: &'a SessionOptions,
    shapes: &'a [(String, Vec<usize>)],
    refused: Vec<Refusal>,
}

impl Chain<'_> {
    /// Registers every listed provider that can be, builds the session and starts it; where the building or the first
    /// runs fail on a GPU provider, goes on without that one.
    fn open<T>(mut self, mut start: impl FnMut(Session, Proof) -> Result<T, InferError>) -> Result<T, InferError> {
        let mut wished = up_to_cpu(&self.options.providers);
        loop {
            let mut builder = self.builder()?;
            let (registered, engines) = self.register(&mut builder, &wished)?;
            if let Some(refusal) = self.strictly_refused() {
                let Refusal { provider, reason, cure } = refusal.clone();
                return Err(InferError::Strict { provider, reason, cure });
            }
            if registered.is_empty() {
                return Err(self.nothing_runs());
            }
            self.runtime.log_engine_builds(registered.contains(&Provider::TensorRt));
            let committed = self.commit(builder);
            self.runtime.log_engine_builds(false);
            let broken_model = match committed {
                Ok(session) => {
                    let proof = self.prove(&session, &registered)?;
                    let blamed = proof.gpu_provider();
                    match (start(session, proof), blamed) {
                        (Err(InferError::Run { reason }), _) if rebuilds(engines.as_ref(), &reason) => continue,
                        (Err(InferError::Run { reason }), Some(provider)) => {
                            self.refused.push(Refusal::new(provider, reason));
                            wished.retain(|other| *other != provider);
                            continue;
                        }
                        (started, _) => return started,
                    }
                }
                Err(error) if self.edited.is_some() && is_about_the_model(&error) => {
                    let reason = cure::one_line(error.message());
                    tracing::warn!(model = %self.model.display(), reason, "its graph is not edited");
                    self.edited = None;
                    continue;
                }
                Err(error) if is_about_the_model(&error) => error,
                Err(error) => match registered.iter().find(|provider| provider.is_gpu()) {
                    None => error,
                    Some(_) if rebuilds(engines.as_ref(), error.message()) => continue,
                    Some(&provider) => {
                        self.refused.push(Refusal::new(provider, cure::one_line(error.message())));
                        wished.retain(|other| *other != provider);
                        continue;
                    }
                },
            };
            return Err(self.refused_model(&broken_model));
        }
    }

    fn commit(&self, mut builder: SessionBuilder) -> ort::Result<Session> {
        let Some(bytes) = &self.edited else { return builder.commit_from_file(self.model) };
        let folder = self.model.parent().unwrap_or(Path::new("")).to_string_lossy();
        builder.with_config_entry(WEIGHTS_FOLDER, folder)?.commit_from_memory(bytes)
    }

    fn refused_model(&self, error: &ort::Error) -> InferError {
        onnx_file::in_words(self.model, self.runtime.version(), error.message())
    }

    /// # Errors
    /// [`InferError::Strict`] too.
    fn prove(&self, session: &Session, registered: &[Provider]) -> Result<Proof, InferError> {
        let (requested, refused) = (&self.options.providers, self.refused.clone());
        let proof = match node_assignment::nodes_by_provider(self.runtime, session)? {
            Some(nodes) => Proof::new(requested, nodes, refused),
            None => Proof::unknown(requested, registered, refused),
        };
        match self.options.providers.first() {
            Some(&first) if self.options.policy == ProviderPolicy::Strict && proof.running != first => {
                Err(not_held(first, &proof))
            }
            _ => Ok(proof),
        }
    }

    /// The refusal of the first provider, where it is final.
    fn strictly_refused(&self) -> Option<&Refusal> {
        let first = self.options.providers.first().filter(|_| self.options.policy == ProviderPolicy::Strict)?;
        self.refused.iter().find(|refusal| refusal.provider == *first)
    }

    fn nothing_runs(&self) -> InferError {
        let names: Vec<_> = self.options.providers.iter().map(|provider| provider.name()).collect();
        let reasons: Vec<_> = self.refused.iter().map(|r| format!("{}: {}", r.provider, r.reason)).collect();
        let reason = if names.is_empty() { "the list is empty".to_owned() } else { reasons.join(", ") };
        InferError::NoProvider { wished: names.join(", "), reason }
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

    /// Registers `wished` in order. What registered, and the folder of TensorRT's engines.
    fn register(
        &mut self,
        builder: &mut SessionBuilder,
        wished: &[Provider],
    ) -> Result<(Vec<Provider>, Option<Engines>), InferError> {
        let (mut registered, mut engines) = (Vec::new(), None);
        for &provider in wished {
            let result = match provider {
                Provider::TensorRt => self.register_tensorrt(builder, &mut engines)?,
                Provider::Cuda => cuda::register(builder, self.options.device_id, self.options.cuda_memory_bytes),
                // ONNX Runtime appends the CPU by itself, as the last.
                Provider::Cpu => Ok(()),
            };
            match result {
                Ok(()) => registered.push(provider),
                Err(reason) if self.refused.iter().all(|refusal| refusal.provider != provider) => {
                    self.refused.push(Refusal::new(provider, cure::one_line(&reason)));
                }
                Err(_) => {}
            }
        }
        Ok((registered, engines))
    }

    /// The outer error is the model's, the inner one the provider's.
    fn register_tensorrt(
        &self,
        builder: &mut SessionBuilder,
        engines: &mut Option<Engines>,
    ) -> Result<Result<(), String>, InferError> {
        let (options, device_id) = (&self.options.tensorrt, self.options.device_id);
        let Ok(file) = OnnxFile::read(self.model) else {
            return Ok(Err("TensorRT takes ONNX files only, and this one has ONNX Runtime's own format".to_owned()));
        };
        let shapes = match EngineShapes::of(&file, self.shapes, &options.ranges) {
            Ok(shapes) => shapes,
            Err(reason) => return Ok(Err(reason)),
        };
        // A first registration on a copy loads the library: its version is part of the engine's key.
        let none = EngineShapes::default();
        if let Err(reason) = TensorRtOptions::default().register(&mut builder.clone(), device_id, None, &none) {
            return Ok(Err(reason));
        }
        if let Some(root) = &options.cache_dir {
            let broken =
                |error: std::io::Error| InferError::Runtime { what: "keep engines", reason: error.to_string() };
            let version = self.runtime.version();
            let mut key =
                EngineKey::of(self.model, &file, device_id, version, options.precision, &shapes).map_err(broken)?;
            if self.edited.is_some() {
                key.shapes += &format!(" {:?}", self.options.edit);
            }
            let opened = Engines::open(root, &key).map_err(broken)?;
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

/// The list without what stands behind the CPU: ONNX Runtime would prefer a GPU wherever it stands.
fn up_to_cpu(providers: &[Provider]) -> Vec<Provider> {
    let end = providers.iter().position(|provider| *provider == Provider::Cpu).map_or(providers.len(), |at| at + 1);
    providers[..end].to_vec()
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

    #[test]
    fn what_stands_behind_the_cpu_is_not_used() {
        assert_eq!(up_to_cpu(&[Provider::Cpu, Provider::Cuda]), [Provider::Cpu]);
        assert_eq!(up_to_cpu(&Provider::ALL), Provider::ALL);
        assert_eq!(up_to_cpu(&[Provider::TensorRt]), [Provider::TensorRt]);
    }
}
