//! One step of a decoder graph: tokens in behind those of its cache, logits of the next one out.
//!
//! Inputs that it fills, where the graph has them: `input_ids` or `inputs_embeds`, `attention_mask`, `position_ids`,
//! `use_cache_branch`, `num_logits_to_keep` and the [cache](super::CacheLayout). What an encoder gives is filled by the
//! caller through [`Decoder::backend`], before [`Decoder::clear`] or after.

use super::kv_cache::{CacheLayout, KvCache};
use super::{LanguageError, TokenEmbedder};
use crate::infer::{Backend, Signature};
use crate::types::{Element, TensorData, TensorMut, TensorRef};

/// A decoder graph with its cache. One thread owns it.
pub struct Decoder {
    backend: Box<dyn Backend>,
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
    /// What stands for them where the decoder takes embeddings and some are no words': `[1, ids, width]`.
    pub embeddings: Option<TensorRef<'a>>,
    /// Where they stand.
    pub positions: Positions<'a>,
}

/// Values of `position_ids`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positions<'a> {
    /// 0, 1, 2, ...
    Counting,
    /// Several numbers for each token (Qwen2.5-VL: time, row, column).
    Given {
        /// `[axes, 1, tokens]`, row-major.
        prompt: &'a [i64],
        /// All numbers of the first token behind the prompt; each one after it counts up.
        next: i64,
    },
}

#[derive(Debug)]
struct Places {
    tokens: Tokens,
    logits: usize,
    mask: Option<usize>,
    positions: Option<usize>,
    branch: Option<usize>,
    kept_logits: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
enum Tokens {
    Ids(usize),
    Embeddings(usize),
}

impl Decoder {
    /// Takes a graph. `given` are the inputs that the caller fills, such as `encoder_hidden_states`.
    ///
    /// # Errors
    /// [`LanguageError::Decoder`] when it has no token input, no `logits`, no cache, or an input that nobody fills; with
    /// what was found and what was wanted.
    pub fn new(mut backend: Box<dyn Backend>, layout: CacheLayout, given: &[&str]) -> Result<Self, LanguageError> {
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
        Ok(Self { backend, cache, places, logits: Vec::new(), past: 0 })
    }

    /// The graph, for the inputs that the caller fills.
    pub fn backend(&mut self) -> &mut dyn Backend {
        self.backend.as_mut()
    }

    /// Which provider runs the graph.
    pub fn proof(&self) -> &crate::infer::Proof {
        self.backend.proof()
    }

    /// Whether it takes `inputs_embeds` and not ids.
    pub fn takes_embeddings(&self) -> bool {
        matches!(self.places.tokens, Tokens::Embeddings(_))
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
    /// [`LanguageError::Prompt`] when its parts do not agree or an embedder is missing; [`LanguageError::Infer`].
    pub fn prefill(
        &mut self,
        prompt: &Prompt<'_>,
        embedder: Option<&mut dyn TokenEmbedder>,
    ) -> Result<(), LanguageError> {
        match (self.places.tokens, prompt.embeddings) {
            (Tokens::Embeddings(input), Some(rows)) => self.fill_rows(input, rows, prompt.ids.len())?,
            _ => self.fill_tokens(prompt.ids, embedder)?,
        }
        self.run(prompt.ids.len(), prompt.positions, true)
    }

    /// Runs tokens that follow.
    ///
    /// # Errors
    /// As [`prefill`](Self::prefill).
    pub fn step(
        &mut self,
        ids: &[u32],
        positions: Positions<'_>,
        embedder: Option<&mut dyn TokenEmbedder>,
    ) -> Result<(), LanguageError> {
        self.fill_tokens(ids, embedder)?;
        self.run(ids.len(), positions, false)
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

    fn fill_tokens(&mut self, ids: &[u32], embedder: Option<&mut dyn TokenEmbedder>) -> Result<(), LanguageError> {
        match (self.places.tokens, embedder) {
            (Tokens::Ids(input), _) => {
                self.backend.reshape(input, &[1, ids.len()])?;
                if let TensorMut::I64(values) = self.backend.input(input) {
                    values.iter_mut().zip(ids).for_each(|(value, id)| *value = i64::from(*id));
                }
                Ok(())
            }
            (Tokens::Embeddings(input), Some(embedder)) => self.fill_rows(input, embedder.embed(ids)?, ids.len()),
            (Tokens::Embeddings(_), None) => Err(LanguageError::Prompt {
                found: "ids".to_owned(),
                expected: "an embedder, as the decoder takes inputs_embeds".to_owned(),
            }),
        }
    }

    fn fill_rows(&mut self, input: usize, rows: TensorRef<'_>, tokens: usize) -> Result<(), LanguageError> {
        let [1, given, width] = *rows.shape else {
            return Err(refused_rows(&format!("embeddings of shape {:?}", rows.shape), tokens));
        };
        if given != tokens {
            return Err(refused_rows(&format!("embeddings of {given} tokens"), tokens));
        }
        self.backend.reshape(input, &[1, tokens, width])?;
        if !self.backend.input(input).copy_floats_from(rows.data) {
            return Err(refused_rows("embeddings that are no floats", tokens));
        }
        Ok(())
    }

    fn run(&mut self, tokens: usize, positions: Positions<'_>, is_prompt: bool) -> Result<(), LanguageError> {
        let backend = self.backend.as_mut();
        if let Some(mask) = self.places.mask {
            backend.reshape(mask, &[1, self.past + tokens])?;
            backend.input(mask).fill_with_one();
        }
        if let Some(place) = self.places.positions {
            fill_positions(backend, place, self.past, tokens, positions, is_prompt)?;
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
        let tokens =
            match (input("inputs_embeds", &[Element::F32, Element::F16])?, input("input_ids", &[Element::I64])?) {
                (Some(rows), None) => Tokens::Embeddings(rows),
                (None, Some(ids)) => Tokens::Ids(ids),
                (both, _) => {
                    let inputs: Vec<&str> = signature.inputs.iter().map(|input| input.name.as_str()).collect();
                    let which = if both.is_some() { "only one of" } else { "one of" };
                    let expected = format!("{which} inputs_embeds and input_ids");
                    return Err(LanguageError::Decoder { found: format!("inputs [{}]", inputs.join(", ")), expected });
                }
            };
        let logits = signature.output("logits").ok_or_else(|| {
            let outputs: Vec<&str> = signature.outputs.iter().map(|output| output.name.as_str()).collect();
            LanguageError::Decoder { found: format!("outputs [{}]", outputs.join(", ")), expected: "logits".to_owned() }
        })?;
        Ok(Self {
            tokens,
            logits,
            mask: input("attention_mask", &[Element::I64, Element::Bool, Element::F32])?,
            positions: input("position_ids", &[Element::I64])?,
            branch: input("use_cache_branch", &[Element::Bool])?,
            kept_logits: input("num_logits_to_keep", &[Element::I64])?,
        })
    }

    fn fills(&self, place: usize) -> bool {
        let (Tokens::Ids(tokens) | Tokens::Embeddings(tokens)) = self.tokens;
        tokens == place || [self.mask, self.positions, self.branch, self.kept_logits].contains(&Some(place))
    }
}

fn refused_rows(found: &str, tokens: usize) -> LanguageError {
    LanguageError::Prompt {
        found: found.to_owned(),
        expected: format!("float [1, {tokens}, width], as it has {tokens} tokens"),
    }
}

/// `[1, tokens]`, or `[axes, 1, tokens]`.
fn fill_positions(
    backend: &mut dyn Backend,
    place: usize,
    past: usize,
    tokens: usize,
    positions: Positions<'_>,
    is_prompt: bool,
) -> Result<(), LanguageError> {
    let spec = &backend.signature().inputs[place];
    let axes = match spec.shape[..] {
        [axes, _, _] => axes.unwrap_or(MROPE_AXES),
        _ => 1,
    };
    if spec.shape.len() == 3 {
        backend.reshape(place, &[axes, 1, tokens])?;
    } else {
        backend.reshape(place, &[1, tokens])?;
    }
    let TensorMut::I64(values) = backend.input(place) else { return Ok(()) };
    let first = match positions {
        Positions::Counting => i64::try_from(past).unwrap_or(i64::MAX),
        Positions::Given { prompt, .. } if is_prompt => {
            if prompt.len() != values.len() {
                let found = format!("{} positions", prompt.len());
                return Err(LanguageError::Prompt { found, expected: format!("{axes} for each of {tokens} tokens") });
            }
            values.copy_from_slice(prompt);
            return Ok(());
        }
        Positions::Given { next, .. } => next,
    };
    for row in values.chunks_mut(tokens.max(1)) {
        row.iter_mut().zip(first..).for_each(|(value, position)| *value = position);
    }
    Ok(())
}

/// Time, row and column.
const MROPE_AXES: usize = 3;
