//! One step of a decoder: tokens in behind those of its cache, logits of the next one out.
//!
//! Exports split it in two: `embed_tokens` makes rows of token ids, `decoder_model_merged` takes rows, so that features of a
//! picture may stand among them. Inputs of the second that are filled here: `inputs_embeds` and, where the graph has them,
//! `attention_mask`, `position_ids`, `use_cache_branch`, `num_logits_to_keep` and the [cache](super::CacheLayout). What an
//! encoder gives is filled by the caller through [`Decoder::backend`], before [`Decoder::clear`] or after.

use super::LanguageError;
use super::kv_cache::{CacheLayout, KvCache};
use crate::infer::{Backend, Proof, Signature};
use crate::types::{Element, TensorData, TensorMut, TensorRef};

/// A decoder graph with its cache, and the graph that embeds its tokens. One thread owns it.
pub struct Decoder {
    backend: Box<dyn Backend>,
    embedder: EmbeddingGraph,
    cache: KvCache,
    places: Places,
    logits: Vec<f32>,
    /// Tokens in the cache.
    past: usize,
}

/// What the tokens of a prompt are to the decoder.
#[derive(Debug, Clone, Copy)]
pub struct Prompt<'a> {
    /// The tokens. Rules against repetition count them.
    pub ids: &'a [u32],
    /// What stands for them where some are no words': `[1, ids, width]`.
    pub embeddings: Option<TensorRef<'a>>,
}

#[derive(Debug)]
struct Places {
    rows: usize,
    logits: usize,
    mask: Option<usize>,
    positions: Option<usize>,
    branch: Option<usize>,
    kept_logits: Option<usize>,
}

impl Decoder {
    /// Takes both graphs. `given` are the inputs that the caller fills, such as `encoder_hidden_states`.
    ///
    /// # Errors
    /// [`LanguageError::Decoder`] when it has no `inputs_embeds`, no `logits`, no cache, or an input that nobody fills; with
    /// what was found and what was wanted.
    pub fn new(
        mut backend: Box<dyn Backend>,
        embedder: EmbeddingGraph,
        layout: CacheLayout,
        given: &[&str],
    ) -> Result<Self, LanguageError> {
        let signature = backend.signature();
        let cache = KvCache::find(signature, layout)?;
        let places = Places::find(signature)?;
        for (place, input) in signature.inputs.iter().enumerate() {
            if !(cache.takes(place) || places.fills(place) || given.contains(&input.name.as_str())) {
                let expected = format!("only inputs that are known, besides [{}]", given.join(", "));
                return Err(LanguageError::Decoder { found: format!("input {input}"), expected });
            }
        }
        cache.place(backend.as_mut())?;
        Ok(Self { backend, embedder, cache, places, logits: Vec::new(), past: 0 })
    }

    /// The graph, for the inputs that the caller fills.
    pub fn backend(&mut self) -> &mut dyn Backend {
        self.backend.as_mut()
    }

    /// Which provider runs the graph.
    pub fn proof(&self) -> &Proof {
        self.backend.proof()
    }

    /// The graph that embeds its tokens.
    pub fn embedder(&self) -> &EmbeddingGraph {
        &self.embedder
    }

    /// The rows of tokens: `[1, ids, width]`.
    ///
    /// # Errors
    /// [`LanguageError::Infer`], such as for an id that the model does not have.
    pub fn embed(&mut self, ids: &[u32]) -> Result<TensorRef<'_>, LanguageError> {
        self.embedder.embed(ids)
    }

    /// Tokens that it has seen since it was cleared.
    pub fn past(&self) -> usize {
        self.past
    }

    /// Most tokens that its cache holds, where that is fixed.
    pub fn capacity(&self) -> Option<usize> {
        self.cache.capacity()
    }

    /// Forgets all tokens.
    ///
    /// # Errors
    /// [`LanguageError::Infer`] when the graph does not take an empty cache.
    pub fn clear(&mut self) -> Result<(), LanguageError> {
        self.past = 0;
        self.cache.clear(self.backend.as_mut())
    }

    /// Runs a prompt behind what it has seen.
    ///
    /// # Errors
    /// [`LanguageError::Prompt`] when its parts do not agree; [`LanguageError::Infer`].
    pub fn prefill(&mut self, prompt: &Prompt<'_>) -> Result<(), LanguageError> {
        let Some(rows) = prompt.embeddings else { return self.step(prompt.ids) };
        fill_rows(&mut *self.backend, self.places.rows, rows, prompt.ids.len())?;
        self.run(prompt.ids.len())
    }

    /// Runs tokens that follow.
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    pub fn step(&mut self, ids: &[u32]) -> Result<(), LanguageError> {
        let rows = self.embedder.embed(ids)?;
        fill_rows(&mut *self.backend, self.places.rows, rows, ids.len())?;
        self.run(ids.len())
    }

    /// Logits of the next token after the last run, one for each of the model's tokens. They are the caller's to change.
    ///
    /// # Errors
    /// [`LanguageError::Decoder`] when the graph's output is no row of floats.
    pub fn logits(&mut self) -> Result<&mut [f32], LanguageError> {
        let output = self.backend.output(self.places.logits);
        let width = output.shape.last().copied().unwrap_or_default();
        let refuse =
            |found: String| LanguageError::Decoder { found, expected: "float logits [1, n, tokens]".to_owned() };
        self.logits.clear();
        match output.data {
            TensorData::F32(all) if width > 0 && all.len() >= width => {
                self.logits.extend_from_slice(&all[all.len() - width..]);
            }
            TensorData::F16(all) if width > 0 && all.len() >= width => {
                self.logits.extend(all[all.len() - width..].iter().map(|value| value.to_f32()));
            }
            _ => return Err(refuse(format!("logits of shape {:?}", output.shape))),
        }
        Ok(&mut self.logits)
    }

    fn run(&mut self, tokens: usize) -> Result<(), LanguageError> {
        let backend = self.backend.as_mut();
        if let Some(mask) = self.places.mask {
            backend.reshape(mask, &[1, self.past + tokens])?;
            backend.input(mask).fill_with_one();
        }
        if let Some(place) = self.places.positions {
            fill_positions(backend, place, self.past, tokens)?;
        }
        if let Some(branch) = self.places.branch {
            backend.reshape(branch, &[1])?;
            if let TensorMut::Bool(values) = backend.input(branch) {
                values.fill(self.cache.is_filled());
            }
        }
        if let Some(kept) = self.places.kept_logits {
            backend.input(kept).fill_with_one();
        }
        backend.run()?;
        self.cache.carry(backend)?;
        self.past += tokens;
        Ok(())
    }
}

impl Places {
    fn find(signature: &Signature) -> Result<Self, LanguageError> {
        let input = |name: &str, elements: &[Element]| -> Result<Option<usize>, LanguageError> {
            let Some(place) = signature.input(name) else { return Ok(None) };
            if elements.contains(&signature.inputs[place].element) {
                return Ok(Some(place));
            }
            let expected = elements.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
            Err(LanguageError::Decoder { found: format!("input {}", signature.inputs[place]), expected })
        };
        let rows = input("inputs_embeds", &[Element::F32, Element::F16])?.ok_or_else(|| {
            let inputs: Vec<&str> = signature.inputs.iter().map(|input| input.name.as_str()).collect();
            let found = format!("inputs [{}]", inputs.join(", "));
            LanguageError::Decoder { found, expected: "inputs_embeds".to_owned() }
        })?;
        let logits = signature.output("logits").ok_or_else(|| {
            let outputs: Vec<&str> = signature.outputs.iter().map(|output| output.name.as_str()).collect();
            LanguageError::Decoder { found: format!("outputs [{}]", outputs.join(", ")), expected: "logits".to_owned() }
        })?;
        Ok(Self {
            rows,
            logits,
            mask: input("attention_mask", &[Element::I64, Element::Bool, Element::F32])?,
            positions: input("position_ids", &[Element::I64])?,
            branch: input("use_cache_branch", &[Element::Bool])?,
            kept_logits: input("num_logits_to_keep", &[Element::I64])?,
        })
    }

    fn fills(&self, place: usize) -> bool {
        self.rows == place || [self.mask, self.positions, self.branch, self.kept_logits].contains(&Some(place))
    }
}

fn refused_rows(found: &str, tokens: usize) -> LanguageError {
    LanguageError::Prompt {
        found: found.to_owned(),
        expected: format!("float [1, {tokens}, width], as it has {tokens} tokens"),
    }
}

fn fill_rows(backend: &mut dyn Backend, input: usize, rows: TensorRef<'_>, tokens: usize) -> Result<(), LanguageError> {
    let [1, given, width] = *rows.shape else {
        return Err(refused_rows(&format!("embeddings of shape {:?}", rows.shape), tokens));
    };
    if given != tokens {
        return Err(refused_rows(&format!("embeddings of {given} tokens"), tokens));
    }
    backend.reshape(input, &[1, tokens, width])?;
    if !backend.input(input).copy_floats_from(rows.data) {
        return Err(refused_rows("embeddings that are no floats", tokens));
    }
    Ok(())
}

/// 0, 1, 2, ... from the prompt's first token on: `[1, tokens]`.
fn fill_positions(backend: &mut dyn Backend, place: usize, past: usize, tokens: usize) -> Result<(), LanguageError> {
    backend.reshape(place, &[1, tokens])?;
    if let TensorMut::I64(values) = backend.input(place) {
        let first = i64::try_from(past).unwrap_or(i64::MAX);
        values.iter_mut().zip(first..).for_each(|(value, position)| *value = position);
    }
    Ok(())
}

/// A checkpoint's `embed_tokens.onnx`: `input_ids` int64 `[1, n]` to float `[1, n, width]`.
pub struct EmbeddingGraph {
    backend: Box<dyn Backend>,
}

impl EmbeddingGraph {
    /// Takes a graph with one input and one output.
    ///
    /// # Errors
    /// [`LanguageError::Decoder`] with the inputs and outputs that it has instead.
    pub fn new(backend: Box<dyn Backend>) -> Result<Self, LanguageError> {
        let signature = backend.signature();
        match (&signature.inputs[..], &signature.outputs[..]) {
            ([ids], [rows]) if ids.element == Element::I64 && matches!(rows.element, Element::F32 | Element::F16) => {
                Ok(Self { backend })
            }
            (inputs, outputs) => {
                let tensors: Vec<String> = inputs.iter().chain(outputs).map(ToString::to_string).collect();
                let expected = "an embedding's: int64 input_ids in, float rows out".to_owned();
                Err(LanguageError::Decoder { found: format!("tensors [{}]", tensors.join("; ")), expected })
            }
        }
    }

    /// Which provider runs the graph.
    pub fn proof(&self) -> &Proof {
        self.backend.proof()
    }

    /// The rows of the ids: `[1, ids, width]`.
    ///
    /// # Errors
    /// [`LanguageError::Infer`], such as for an id that the model does not have.
    pub fn embed(&mut self, ids: &[u32]) -> Result<TensorRef<'_>, LanguageError> {
        self.backend.reshape(0, &[1, ids.len()])?;
        if let TensorMut::I64(input) = self.backend.input(0) {
            input.iter_mut().zip(ids).for_each(|(input, id)| *input = i64::from(*id));
        }
        self.backend.run()?;
        Ok(self.backend.output(0))
    }
}
