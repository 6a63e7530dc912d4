//! The chain of providers: which of them a model is tried on next, and why those before were left.

use crate::infer::providers::cure;
use crate::infer::providers::engine_cache::Engines;
use crate::infer::{InferError, Proof, Provider, ProviderPolicy, Refusal};
use ort::session::Session;
use ort::session::builder::SessionBuilder;
use std::fmt;
use std::sync::Arc;

/// What makes sessions of one model.
pub(in crate::infer) trait Source: fmt::Debug + Send + Sync {
    /// Registers `wished` in order, as far as that goes.
    ///
    /// # Errors
    /// What no other provider would mend.
    fn register(&self, wished: &[Provider]) -> Result<Registered, InferError>;

    /// The session, and where its nodes are.
    fn build(&self, registered: &mut Registered) -> Result<(Session, Placement), Unbuilt>;

    /// Whether what stands behind `reason` was in the way and is gone, so that the same providers are worth a second
    /// attempt: an engine that cannot be read.
    fn mends(&self, registered: &Registered, reason: &str) -> bool;

    /// Told of what the session comes from that is used from now on.
    fn opened(&self, registered: &Registered) {
        let _ = registered;
    }

    /// The model in messages.
    fn name(&self) -> String;
}

/// The number of graph nodes by ONNX Runtime's provider name; `None` where it does not tell.
pub(in crate::infer) type Placement = Option<Vec<(String, usize)>>;

/// A session that is about to be built.
pub(in crate::infer) struct Registered {
    pub builder: SessionBuilder,
    /// The model's bytes, where it does not come from its file.
    pub edited: Option<Vec<u8>>,
    /// Whether it comes from there.
    pub is_edited: bool,
    /// What registered.
    pub providers: Vec<Provider>,
    /// What did not.
    pub refused: Vec<Refusal>,
    /// TensorRT's engines, which are this process's for as long as it builds.
    pub engines: Option<Engines>,
}

/// Why there is no session.
pub(in crate::infer) enum Unbuilt {
    /// No other provider would take the model either.
    Model(InferError),
    /// This one does not, for a reason in ONNX Runtime's words.
    Provider(Provider, String),
    /// What was in the way is gone: the same providers once more.
    Again,
}

/// The providers that are left for a model, and what became of the others.
#[derive(Debug, Clone)]
pub(in crate::infer) struct Chain {
    source: Arc<dyn Source>,
    requested: Vec<Provider>,
    policy: ProviderPolicy,
    wished: Vec<Provider>,
    refused: Vec<Refusal>,
}

impl Chain {
    pub fn new(source: Arc<dyn Source>, requested: &[Provider], policy: ProviderPolicy) -> Self {
        let wished = up_to_cpu(requested);
        Self { source, requested: requested.to_vec(), policy, wished, refused: Vec::new() }
    }

    /// With those that were left before; each is passed over.
    pub fn without(mut self, refused: &[Refusal]) -> Self {
        refused.iter().cloned().for_each(|refusal| self.refuse(refusal));
        self
    }

    /// The same model on the CPU alone, by which a run is judged.
    pub fn on_the_cpu(&self) -> Self {
        Self::new(Arc::clone(&self.source), &[Provider::Cpu], ProviderPolicy::Fallback)
    }

    pub fn is_strict(&self) -> bool {
        self.policy == ProviderPolicy::Strict
    }

    /// Whether a provider is left.
    pub fn is_at_its_end(&self) -> bool {
        self.wished.is_empty()
    }

    /// The model in messages.
    pub fn model(&self) -> String {
        self.source.name()
    }

    /// Registers every provider that is left and can be, builds the session and starts it: `start` makes of the session,
    /// and of the proof of where it runs, what is wanted, and runs it. Where the building or these first runs fail on a GPU
    /// provider, goes on without that one.
    pub fn open<T>(
        &mut self,
        mut start: impl FnMut(&Self, Session, Proof) -> Result<T, InferError>,
    ) -> Result<T, InferError> {
        loop {
            let mut registered = self.source.register(&self.wished)?;
            registered.refused.drain(..).for_each(|refusal| self.refuse(refusal));
            if let Some(refusal) = self.strictly_refused() {
                return Err(InferError::strict(refusal.clone()));
            }
            if registered.providers.is_empty() {
                return Err(self.nothing_runs());
            }
            match self.source.build(&mut registered) {
                Ok((session, nodes)) => {
                    let mut proof = self.prove(nodes, &registered.providers)?;
                    let engines = registered.engines.as_ref().filter(|_| proof.holds(Provider::TensorRt));
                    proof.engines = engines.map(Engines::kept);
                    let blamed = proof.gpu_provider();
                    match (start(self, session, proof), blamed) {
                        (Err(error), Some(provider)) if error.is_of_a_run() => {
                            let reason = error.into_reason();
                            if !self.source.mends(&registered, &reason) {
                                self.refuse(Refusal::new(provider, reason));
                            }
                        }
                        (started, _) => {
                            self.source.opened(&registered);
                            return started;
                        }
                    }
                }
                Err(Unbuilt::Model(error)) => return Err(error),
                Err(Unbuilt::Again) => {}
                Err(Unbuilt::Provider(_, reason)) if self.source.mends(&registered, &reason) => {}
                Err(Unbuilt::Provider(provider, reason)) => {
                    self.refuse(Refusal::new(provider, cure::one_line(&reason)));
                }
            }
        }
    }

    /// Leaves a provider; the first reason counts.
    fn refuse(&mut self, refusal: Refusal) {
        self.wished.retain(|other| *other != refusal.provider);
        if self.refused.iter().all(|known| known.provider != refusal.provider) {
            self.refused.push(refusal);
        }
    }

    /// # Errors
    /// [`InferError::Strict`] where the nodes are elsewhere.
    fn prove(&self, nodes: Placement, registered: &[Provider]) -> Result<Proof, InferError> {
        let (requested, refused) = (&self.requested, self.refused.clone());
        let proof = match nodes {
            Some(nodes) => Proof::new(requested, nodes, refused),
            None => Proof::unknown(requested, registered, refused),
        };
        match self.requested.first() {
            Some(&first) if self.is_strict() && proof.running != first => Err(not_held(first, &proof)),
            _ => Ok(proof),
        }
    }

    /// The refusal of the first provider, where it is final.
    fn strictly_refused(&self) -> Option<&Refusal> {
        let first = self.requested.first().filter(|_| self.is_strict())?;
        self.refused.iter().find(|refusal| refusal.provider == *first)
    }

    fn nothing_runs(&self) -> InferError {
        let names: Vec<_> = self.requested.iter().map(|provider| provider.name()).collect();
        let reasons: Vec<_> = self.refused.iter().map(|r| format!("{}: {}", r.provider, r.reason)).collect();
        let reason = if names.is_empty() { "the list is empty".to_owned() } else { reasons.join(", ") };
        InferError::NoProvider { wished: names.join(", "), reason }
    }
}

/// Registered without a complaint, and still the nodes are elsewhere: a known fault on new chips.
fn not_held(provider: Provider, proof: &Proof) -> InferError {
    let reason = format!("it registered, but most nodes went elsewhere ({})", proof.placement());
    InferError::strict(Refusal::new(provider, reason))
}

/// The list without what stands behind the CPU: ONNX Runtime would prefer a GPU wherever it stands.
fn up_to_cpu(providers: &[Provider]) -> Vec<Provider> {
    let end = providers.iter().position(|provider| *provider == Provider::Cpu).map_or(providers.len(), |at| at + 1);
    providers[..end].to_vec()
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
