//! The files of a checkpoint with several graphs, found by their roles in the manifest.

use super::usual_inputs::usual_inputs;
use crate::infer::{
    Backend, GraphEdit, Judge, OrtBackend, Provider, Runtime, SessionOptions, Signature, TensorSpec, Trial,
};
use crate::language::{ChatTemplate, EmbeddingGraph, GenerationConfig, Tokenizer};
use crate::types::Element;
use crate::zoo::manifest::Document;
use crate::zoo::{Manifest, ZooError};
use std::path::{Path, PathBuf};

/// A manifest's files, and how its graphs are to be run.
pub(in crate::zoo) struct Checkpoint<'a> {
    pub manifest: &'a Manifest,
    pub runtime: &'static Runtime,
    pub options: &'a SessionOptions,
}

/// The tensors of a graph by name, with the elements that will do.
pub(in crate::zoo) struct Tensors {
    pub inputs: &'static [(&'static str, &'static [Element])],
    /// Inputs that some exports have.
    pub optional: &'static [(&'static str, &'static [Element])],
    pub outputs: &'static [(&'static str, &'static [Element])],
}

impl Checkpoint<'_> {
    /// The graph of a role in a session of its own. Shapes that it leaves open stay open.
    ///
    /// # Errors
    /// [`ZooError::Manifest`] without such a role, [`ZooError::Infer`], and [`ZooError::Graph`] when it has not the
    /// tensors that are wanted.
    pub fn graph(&self, role: &str, wanted: &Tensors) -> Result<Box<dyn Backend>, ZooError> {
        self.with_tensors(self.any_graph(role)?, role, wanted)
    }

    /// A graph that has the tensors that are wanted.
    ///
    /// # Errors
    /// [`ZooError::Graph`] when it has not.
    pub(super) fn with_tensors(
        &self,
        graph: Box<dyn Backend>,
        role: &str,
        wanted: &Tensors,
    ) -> Result<Box<dyn Backend>, ZooError> {
        if wanted.fit(graph.signature()) {
            return Ok(graph);
        }
        Err(ZooError::Graph {
            role: role.to_owned(),
            family: self.manifest.family,
            found: in_and_out(&list(&graph.signature().inputs), &list(&graph.signature().outputs)),
            expected: wanted.in_words(),
        })
    }

    /// As [`graph`](Self::graph), whatever tensors it has.
    ///
    /// # Errors
    /// [`ZooError::Manifest`] and [`ZooError::Infer`].
    pub fn any_graph(&self, role: &str) -> Result<Box<dyn Backend>, ZooError> {
        self.opened(role, self.options, usual_inputs())
    }

    /// As [`any_graph`](Self::any_graph), for a decoder that takes a whole prompt at once, tried with inputs of its own: of
    /// its logits those of the last token are computed alone, where its graph lets them.
    ///
    /// # Errors
    /// [`ZooError::Manifest`] and [`ZooError::Infer`].
    pub fn decoder_of_prompts(&self, role: &str, trial: Trial) -> Result<Box<dyn Backend>, ZooError> {
        let edit = Some(GraphEdit::LastOnly { output: "logits".to_owned() });
        self.opened(role, &SessionOptions { edit, ..self.options.clone() }, trial)
    }

    /// The graph of a role with options of its own.
    ///
    /// # Errors
    /// [`ZooError::Manifest`] and [`ZooError::Infer`].
    pub(super) fn opened(
        &self,
        role: &str,
        options: &SessionOptions,
        trial: Trial,
    ) -> Result<Box<dyn Backend>, ZooError> {
        let model = self.manifest.path_of(role)?;
        let judge = Judge { runtime: self.runtime, model: &model, options, on: "" };
        let open = |options: &_| OrtBackend::open_tried(self.runtime, &model, options, &[], trial.clone());
        Ok(Box::new(judge.open_backend(open)?))
    }

    /// The graph that looks up the rows of tokens, on the CPU wherever the others run: the table stays out of the GPU's
    /// memory, and a token that it does not have is refused. CUDA's `Gather` reads past the table's end without a word.
    ///
    /// # Errors
    /// As [`any_graph`](Self::any_graph), and [`ZooError::Language`] when it is no embedding.
    pub fn embedder(&self) -> Result<EmbeddingGraph, ZooError> {
        let options = SessionOptions { providers: vec![Provider::Cpu], ..self.options.clone() };
        Ok(EmbeddingGraph::new(self.opened("embed_tokens", &options, Trial::none())?)?)
    }

    /// # Errors
    /// [`ZooError::Manifest`] and [`ZooError::Language`].
    pub fn tokenizer(&self) -> Result<Tokenizer, ZooError> {
        Ok(Tokenizer::open(&self.manifest.path_of("tokenizer")?)?)
    }

    /// # Errors
    /// [`ZooError::Manifest`] and [`ZooError::Language`].
    pub fn chat_template(&self) -> Result<ChatTemplate, ZooError> {
        Ok(ChatTemplate::open(&self.folder()?)?)
    }

    /// # Errors
    /// [`ZooError::Manifest`] and [`ZooError::Language`].
    pub fn generation_config(&self) -> Result<GenerationConfig, ZooError> {
        Ok(GenerationConfig::open(&self.folder()?)?)
    }

    /// A count in the JSON file of a role, below keys of objects; `None` where the manifest lists no such file or the
    /// file does not say it.
    ///
    /// # Errors
    /// [`ZooError::File`] for a file that is no JSON, or anything but a whole number above 0.
    pub fn count(&self, role: &str, keys: &[&str]) -> Result<Option<usize>, ZooError> {
        if self.manifest.path_of(role).is_err() {
            return Ok(None);
        }
        Document::read(self.manifest, role)?.count(keys)
    }

    /// Where the tokenizer is: the configurations of its words are beside it.
    fn folder(&self) -> Result<PathBuf, ZooError> {
        let tokenizer = self.manifest.path_of("tokenizer")?;
        Ok(tokenizer.parent().map_or_else(|| self.manifest.folder.clone(), Path::to_owned))
    }
}

impl Tensors {
    /// All that is wanted, and no input that nobody fills.
    fn fit(&self, signature: &Signature) -> bool {
        let is = |spec: &TensorSpec, (name, elements): &(&str, &[Element])| {
            spec.name == *name && elements.contains(&spec.element)
        };
        let has = |specs: &[TensorSpec], wanted: &(&str, &[Element])| specs.iter().any(|spec| is(spec, wanted));
        self.inputs.iter().all(|wanted| has(&signature.inputs, wanted))
            && self.outputs.iter().all(|wanted| has(&signature.outputs, wanted))
            && signature
                .inputs
                .iter()
                .all(|spec| self.inputs.iter().chain(self.optional).any(|wanted| is(spec, wanted)))
    }

    fn in_words(&self) -> String {
        let names = |wanted: &[(&str, &[Element])]| {
            let one = |(name, elements): &(&str, &[Element])| {
                let elements = elements.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
                format!("{name} {elements}")
            };
            wanted.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        let mut inputs = names(self.inputs);
        if !self.optional.is_empty() {
            inputs = format!("{inputs}, perhaps {}", names(self.optional));
        }
        in_and_out(&inputs, &names(self.outputs))
    }
}

fn in_and_out(inputs: &str, outputs: &str) -> String {
    format!("inputs [{inputs}] and outputs [{outputs}]")
}

fn list(specs: &[TensorSpec]) -> String {
    specs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
