//! The proof of the provider that runs a model, and the reasons of those that do not.

use super::cure::cure;
use super::kept_engines::KeptEngines;
use super::provider::Provider;
use crate::infer::Agreement;
use std::fmt;

/// Why a provider does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which one.
    pub provider: Provider,
    /// ONNX Runtime's reason, in one line.
    pub reason: String,
    /// What a person can do about it.
    pub cure: String,
}

impl Refusal {
    pub(in crate::infer) fn new(provider: Provider, reason: String) -> Self {
        let cure = cure(provider, &reason);
        Self { provider, reason, cure }
    }
}

/// Which provider runs a model, as ONNX Runtime itself states it after the session is built.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    /// The list that was asked for.
    pub requested: Vec<Provider>,
    /// The provider that holds most of the nodes; where that is unknown, the first that registered.
    pub running: Provider,
    /// ONNX Runtime's provider names with the number of graph nodes that each holds, most first. Counted after basic
    /// optimization: the final graph can have fewer. `None`: unknown, ONNX Runtime says it from 1.24 on.
    pub nodes: Option<Vec<(String, usize)>>,
    /// The providers that were asked for and do not run.
    pub refused: Vec<Refusal>,
    /// How near a GPU provider was found to the CPU, before it was used. `None` on the CPU, and where nothing was compared.
    pub agreement: Option<Agreement>,
    /// Where TensorRT's engines are kept, when it holds nodes and they are.
    pub engines: Option<KeptEngines>,
}

impl Proof {
    /// From the counts of nodes by ONNX Runtime's provider name. A graph without nodes is the CPU's.
    pub(in crate::infer) fn new(
        requested: &[Provider],
        mut nodes: Vec<(String, usize)>,
        refused: Vec<Refusal>,
    ) -> Self {
        nodes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let running = nodes.first().and_then(|(name, _)| Provider::by_ort_name(name)).unwrap_or(Provider::Cpu);
        Self { requested: requested.to_vec(), running, nodes: Some(nodes), refused, agreement: None, engines: None }
    }

    /// From the providers that registered, where ONNX Runtime does not tell which nodes each holds.
    pub(in crate::infer) fn unknown(requested: &[Provider], registered: &[Provider], refused: Vec<Refusal>) -> Self {
        let running = registered.first().copied().unwrap_or(Provider::Cpu);
        Self { requested: requested.to_vec(), running, nodes: None, refused, agreement: None, engines: None }
    }

    /// The GPU provider that holds most nodes, or that may hold some where that is unknown; `None` where all are on the CPU.
    /// Inputs are bound again at each run as soon as there is one: ONNX Runtime copies an input to a device when it is
    /// bound, and only then.
    pub(in crate::infer) fn gpu_provider(&self) -> Option<Provider> {
        match &self.nodes {
            Some(nodes) => nodes.iter().filter_map(|(name, _)| Provider::by_ort_name(name)).find(|one| one.is_gpu()),
            None => Some(self.running).filter(|one| one.is_gpu()),
        }
    }

    /// Whether a provider holds nodes, or may hold some where that is unknown.
    pub fn holds(&self, provider: Provider) -> bool {
        match &self.nodes {
            Some(nodes) => nodes.iter().any(|(name, _)| Provider::by_ort_name(name) == Some(provider)),
            None => self.running == provider,
        }
    }

    /// The nodes of each provider, or that they are unknown: `CUDAExecutionProvider 371 nodes, CPUExecutionProvider 1 nodes`.
    pub fn placement(&self) -> String {
        match &self.nodes {
            Some(nodes) => {
                let counts: Vec<String> = nodes.iter().map(|(name, count)| format!("{name} {count} nodes")).collect();
                counts.join(", ")
            }
            None => "which nodes it holds is unknown before ONNX Runtime 1.24".to_owned(),
        }
    }

    /// Whether another provider than the first of the list runs.
    pub fn is_fallback(&self) -> bool {
        self.requested.first().is_some_and(|first| *first != self.running)
    }
}

impl fmt::Display for Proof {
    /// One line: `cpu runs the model (CPUExecutionProvider 372 nodes); tensorrt refused: <reason>, cure: <cure>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} runs the model ({})", self.running, self.placement())?;
        if let Some(agreement) = &self.agreement {
            write!(f, ", {agreement}")?;
        }
        for Refusal { provider, reason, cure } in &self.refused {
            write!(f, "; {provider} refused: {reason}, cure: {cure}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_provider_with_most_nodes_runs_the_model() {
        let nodes = vec![("CPUExecutionProvider".to_owned(), 3), ("TensorrtExecutionProvider".to_owned(), 300)];
        let proof = Proof::new(&[Provider::TensorRt, Provider::Cpu], nodes, Vec::new());
        assert_eq!((proof.running, proof.is_fallback()), (Provider::TensorRt, false));
        assert_eq!(proof.nodes.unwrap()[0].1, 300);
    }

    #[test]
    fn a_registered_provider_that_holds_few_nodes_is_a_fallback() {
        let nodes = vec![("TensorrtExecutionProvider".to_owned(), 1), ("CPUExecutionProvider".to_owned(), 371)];
        assert!(Proof::new(&[Provider::TensorRt, Provider::Cpu], nodes, Vec::new()).is_fallback());
    }

    #[test]
    fn one_node_on_a_gpu_is_enough_to_bind_inputs_again() {
        let (cpu, cuda, tensorrt) = ("CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider");
        let table: [(&[(&str, usize)], _); 6] = [
            (&[], None),
            (&[(cpu, 372)], None),
            (&[(cpu, 371), (cuda, 1)], Some(Provider::Cuda)),
            (&[(cuda, 372)], Some(Provider::Cuda)),
            (&[(cpu, 200), (cuda, 100), (tensorrt, 1)], Some(Provider::Cuda)),
            (&[(tensorrt, 1), (cuda, 1)], Some(Provider::Cuda)),
        ];
        for (nodes, expected) in table {
            let nodes = nodes.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
            let proof = Proof::new(&Provider::ALL, nodes, Vec::new());
            assert_eq!(proof.gpu_provider(), expected, "{proof}");
        }
    }

    #[test]
    fn where_the_nodes_are_unknown_inputs_are_bound_again_as_soon_as_a_gpu_registered() {
        let table: [(&[Provider], _); 4] = [
            (&[], None),
            (&[Provider::Cpu], None),
            (&[Provider::Cuda, Provider::Cpu], Some(Provider::Cuda)),
            (&Provider::ALL, Some(Provider::TensorRt)),
        ];
        for (registered, expected) in table {
            let proof = Proof::unknown(&Provider::ALL, registered, Vec::new());
            assert_eq!(proof.gpu_provider(), expected, "{proof}");
            assert!(proof.to_string().contains("unknown before ONNX Runtime 1.24"), "{proof}");
        }
    }

    #[test]
    fn the_proof_reads_as_one_line_with_reason_and_cure() {
        let refused = vec![Refusal::new(Provider::Cuda, "CUDA execution provider is not enabled in this build".into())];
        let proof = Proof::new(&Provider::ALL, vec![("CPUExecutionProvider".to_owned(), 372)], refused);
        let line = proof.to_string();
        assert!(line.starts_with("cpu runs the model (CPUExecutionProvider 372 nodes); cuda refused: "), "{line}");
        assert!(line.contains("make setup GPU=1") && !line.contains('\n'), "{line}");
    }
}
