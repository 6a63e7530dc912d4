//! Keys and values of past tokens, as exported decoders take and give them: `past_key_values.*` in, `present.*` out.
//!
//! Nothing of them is copied: what a run gave is carried to the next one's inputs, or lies in the inputs' own memory
//! from the start. Names as Optimum, transformers.js and ONNX Runtime's GenAI export them: `past_key_values.{i}.key`,
//! and for an encoder-decoder `past_key_values.{i}.decoder.key` and `.encoder.key`.

use super::LanguageError;
use crate::infer::{Backend, Signature, TensorSpec};

/// How a graph hands its cache on. A graph is exported for one of them, and its names do not say for which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheLayout {
    /// Each run gives a cache that is longer by its tokens, in new memory.
    Growing,
    /// Each run writes its tokens into a cache of fixed length, in place (GroupQueryAttention with a shared buffer).
    Shared {
        /// Tokens that the cache holds.
        capacity: usize,
    },
}

/// The cache of one decoder.
#[derive(Debug)]
pub(super) struct KvCache {
    pairs: Vec<Pair>,
    layout: CacheLayout,
    /// Whether the encoder's part is there: a first run has been.
    is_filled: bool,
}

#[derive(Debug)]
struct Pair {
    /// Places in the signature.
    past: usize,
    present: usize,
    heads: usize,
    width: usize,
    /// Keys and values of an encoder's output: computed by the first run only, dummies afterwards.
    is_encoders: bool,
}

const PAST: &str = "past_key_values";
const PRESENT: [&str; 2] = ["present", "present_key_values"];

impl KvCache {
    /// Finds the pairs of a graph.
    pub(super) fn find(signature: &Signature, layout: CacheLayout) -> Result<Self, LanguageError> {
        let mut pairs = Vec::new();
        for (past, spec) in signature.inputs.iter().enumerate() {
            let Some(suffix) = spec.name.strip_prefix(PAST) else { continue };
            let present = PRESENT.iter().find_map(|prefix| signature.output(&format!("{prefix}{suffix}")));
            let Some(present) = present else {
                let outputs: Vec<&str> = signature.outputs.iter().map(|output| output.name.as_str()).collect();
                let (found, expected) = (format!("outputs [{}]", outputs.join(", ")), format!("present{suffix}"));
                return Err(LanguageError::Decoder { found, expected });
            };
            let (heads, width) = heads_and_width(spec)?;
            pairs.push(Pair { past, present, heads, width, is_encoders: suffix.contains(".encoder.") });
        }
        if pairs.is_empty() {
            let inputs: Vec<&str> = signature.inputs.iter().map(|input| input.name.as_str()).collect();
            let found = format!("inputs [{}]", inputs.join(", "));
            return Err(LanguageError::Decoder { found, expected: format!("a cache in {PAST}.*") });
        }
        Ok(Self { pairs, layout, is_filled: false })
    }

    /// Whether the inputs are the cache's.
    pub(super) fn takes(&self, input: usize) -> bool {
        self.pairs.iter().any(|pair| pair.past == input)
    }

    /// Most tokens that it holds.
    pub(super) fn capacity(&self) -> Option<usize> {
        match self.layout {
            CacheLayout::Growing => None,
            CacheLayout::Shared { capacity } => Some(capacity),
        }
    }

    /// Whether a graph with both branches is to use its past.
    pub(super) fn is_filled(&self) -> bool {
        self.is_filled
    }

    /// Once, before the first run: where the presents lie.
    pub(super) fn place(&self, backend: &mut dyn Backend) -> Result<(), LanguageError> {
        for pair in &self.pairs {
            match self.layout {
                CacheLayout::Shared { .. } if !pair.is_encoders => backend.share(pair.present, pair.past)?,
                _ => backend.keep_on_device(pair.present),
            }
        }
        Ok(())
    }

    /// Forgets all tokens.
    pub(super) fn clear(&mut self, backend: &mut dyn Backend) -> Result<(), LanguageError> {
        self.is_filled = false;
        for pair in &self.pairs {
            let tokens = match self.layout {
                CacheLayout::Shared { capacity } if !pair.is_encoders => capacity,
                _ => 0,
            };
            backend.reshape(pair.past, &[1, pair.heads, tokens, pair.width])?;
        }
        Ok(())
    }

    /// After a run: its presents are the next one's past. An encoder's are carried once and stay.
    pub(super) fn carry(&mut self, backend: &mut dyn Backend) -> Result<(), LanguageError> {
        for pair in &self.pairs {
            if pair.is_encoders && self.is_filled {
                continue;
            }
            if matches!(self.layout, CacheLayout::Growing) || pair.is_encoders {
                backend.carry(pair.present, pair.past)?;
            }
        }
        self.is_filled = true;
        Ok(())
    }
}

/// From `[batch, heads, tokens, width]`.
fn heads_and_width(spec: &TensorSpec) -> Result<(usize, usize), LanguageError> {
    match spec.shape[..] {
        [_, Some(heads), _, Some(width)] => Ok((heads, width)),
        _ => Err(LanguageError::Decoder {
            found: spec.to_string(),
            expected: "[batch, heads, tokens, width] with numbers for heads and width".to_owned(),
        }),
    }
}
