//! Builds an ONNX Runtime session on the first provider of a list that takes the model.

use super::providers::engine_cache::EngineKey;
use super::providers::gpu::Gpu;
use super::providers::tensorrt::OpenInput;
use super::providers::{cure, engine_cache, node_assignment};
use super::{InferError, OnnxFile, Proof, Provider, ProviderPolicy, Refusal, Runtime, TensorRtOptions};
use super::{checksum, onnx_file};
use ort::ErrorCode;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use std::path::{Path, PathBuf};

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
    /// For the TensorRT provider.
    pub tensorrt: TensorRtOptions,
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
            tensorrt: TensorRtOptions::default(),
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
    Chain { runtime, model, options, shapes, refused: Vec::new() }.open(start)
}

/// Registered without a complaint, and still the nodes are elsewhere: a known fault on new chips.
fn not_held(provider: Provider, proof: &Proof) -> InferError {
    let counts: Vec<_> = proof.nodes.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let reason = format!("it registered, but most nodes went elsewhere ({})", counts.join(", "));
    let cure = cure::cure(provider, &reason);
    InferError::Strict { provider, reason, cure }
}

/// The attempt in progress, and what was refused so far.
struct Chain<'a> {
    runtime: &'a Runtime,
    model: &'a Path,
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
            let committed = builder.commit_from_file(self.model);
            self.runtime.log_engine_builds(false);
            let broken_model = match committed {
                Ok(session) => {
                    let proof = self.prove(&session)?;
                    let blamed = proof.gpu_provider();
                    match (start(session, proof), blamed) {
                        (Err(InferError::Run { reason }), Some(provider)) => {
                            self.refused.push(Refusal::new(provider, reason));
                            wished.retain(|other| *other != provider);
                            continue;
                        }
                        (started, _) => return started,
                    }
                }
                Err(error) if is_about_the_model(&error) => error,
                Err(error) => match registered.iter().find(|provider| provider.is_gpu()) {
                    None => error,
                    Some(Provider::TensorRt) if clear_engines(engines.as_deref(), error.message()) => continue,
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

    fn refused_model(&self, error: &ort::Error) -> InferError {
        onnx_file::in_words(self.model, self.runtime.version(), error.message())
    }

    /// # Errors
    /// [`InferError::Strict`] too.
    fn prove(&self, session: &Session) -> Result<Proof, InferError> {
        let nodes = node_assignment::nodes_by_provider(session)?;
        let proof = Proof::new(&self.options.providers, nodes, self.refused.clone());
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
    ) -> Result<(Vec<Provider>, Option<PathBuf>), InferError> {
        let (mut registered, mut engines) = (Vec::new(), None);
        for &provider in wished {
            let result = match provider {
                Provider::TensorRt => self.register_tensorrt(builder, &mut engines)?,
                Provider::Cuda => register_cuda(builder, self.options.device_id),
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
            model_sha256: checksum::file_sha256(self.model).map_err(broken)?,
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
                .commit_from_file(self.model)
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
    fn what_stands_behind_the_cpu_is_not_used() {
        assert_eq!(up_to_cpu(&[Provider::Cpu, Provider::Cuda]), [Provider::Cpu]);
        assert_eq!(up_to_cpu(&Provider::ALL), Provider::ALL);
        assert_eq!(up_to_cpu(&[Provider::TensorRt]), [Provider::TensorRt]);
    }

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
