//! The text side: prompts to vectors of length 1.

use super::kind::{Kind, normalize};
use crate::infer::{Backend, OrtBackend, Proof, Provider, Runtime, SessionOptions};
use crate::zoo::detect::queries::{feed, floats, input, is_float, is_int, output, tensors};
use crate::zoo::manifest::{Document, Words};
use crate::zoo::{Manifest, ZooError};

/// Texts as vectors of length 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextVectors {
    /// `texts x dimensions`, row after row.
    pub values: Vec<f32>,
    /// Length of one row.
    pub dimensions: usize,
}

impl TextVectors {
    /// One for each text.
    pub(in crate::zoo) fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dimensions.max(1))
    }
}

/// Turns texts into vectors, for a [`CropScorer`](super::CropScorer) of the same checkpoint.
///
/// Runs on the CPU with one thread, whatever the parameters of the detector say: a set of prompts is a few short texts
/// once in a while, and perceive goes on beside it.
pub struct TextEncoder {
    backend: Box<dyn Backend>,
    words: Words,
    kind: Kind,
    /// Most tokens of a text.
    limit: usize,
    /// With which to fill a text up to the limit; `None` leaves it as long as it is.
    pad: Option<u32>,
    ids: usize,
    mask: Option<usize>,
    output: usize,
}

impl TextEncoder {
    /// Loads the manifest's `text_model`. Does not verify the files: see [`Manifest::verify`].
    ///
    /// # Errors
    /// As [`OrtBackend::open`] and [`new`](Self::new).
    pub fn load(manifest: &Manifest, runtime: &'static Runtime) -> Result<Self, ZooError> {
        let options =
            SessionOptions { providers: vec![Provider::Cpu], intra_op_threads: 1, ..SessionOptions::default() };
        let backend = OrtBackend::open(runtime, &manifest.path_of("text_model")?, &options, &[])?;
        Self::new(manifest, Box::new(backend))
    }

    /// Around a backend that has the model.
    ///
    /// # Errors
    /// [`ZooError::Inputs`] and [`ZooError::Outputs`] with the model's tensors and the family's, when they differ;
    /// [`ZooError`] when the tokenizer or a configuration is missing or broken.
    pub fn new(manifest: &Manifest, backend: Box<dyn Backend>) -> Result<Self, ZooError> {
        let kind = Kind::of(manifest)?;
        let signature = backend.signature();
        let ids = input(signature, "input_ids", |spec| is_int(spec, 2));
        let mask = input(signature, "attention_mask", |spec| is_int(spec, 2));
        let ids = ids.filter(|_| signature.inputs.len() == 1 + usize::from(mask.is_some()));
        let ids = ids.ok_or_else(|| ZooError::Inputs {
            family: kind.family(),
            found: tensors(&signature.inputs),
            expected: "a text model with input_ids and, if at all, attention_mask, int64 [texts, tokens]".to_owned(),
        })?;
        let output = output(signature, kind.text_output(), |spec| is_float(spec, 2));
        let output = output.ok_or_else(|| ZooError::Outputs {
            family: kind.family(),
            found: tensors(&signature.outputs),
            expected: format!("{} [texts, D] of float32 or float16", kind.text_output()),
        })?;
        let config = Document::read(manifest, "config")?;
        let [vocabulary, limit] = kind.usual_text();
        let words = Words::open(manifest, config.count(&["text_config", "vocab_size"])?.unwrap_or(vocabulary))?;
        let pad = if kind == Kind::Siglip { Some(words.pad(manifest)?) } else { None };
        let limit = config.count(&["text_config", "max_position_embeddings"])?.unwrap_or(limit);
        Ok(Self { backend, words, kind, limit, pad, ids, mask, output })
    }

    pub(in crate::zoo) fn kind(&self) -> Kind {
        self.kind
    }

    /// Which provider runs it.
    pub fn proof(&self) -> &Proof {
        self.backend.proof()
    }

    /// The vector of a text, of length 1.
    ///
    /// # Errors
    /// [`ZooError::TooLong`], [`ZooError::NotANumber`] and [`ZooError::NoDirection`]; what the tokenizer and the session
    /// say.
    pub fn embed(&mut self, text: &str) -> Result<Vec<f32>, ZooError> {
        let mut encoded = self.words.tokenizer().encode(text, true)?;
        let tokens = encoded.ids.len();
        if !(1..=self.limit).contains(&tokens) {
            return Err(ZooError::TooLong { text: text.chars().take(40).collect(), tokens, limit: self.limit });
        }
        if let Some(pad) = self.pad {
            encoded.ids.resize(self.limit, pad);
            encoded.mask.resize(self.limit, 0);
        }
        let shape = [1, encoded.ids.len()];
        feed(&mut *self.backend, self.ids, &shape, self.words.checked(&encoded.ids)?)?;
        if let Some(mask) = self.mask {
            feed(&mut *self.backend, mask, &shape, encoded.mask.into_iter().map(i64::from))?;
        }
        self.backend.run()?;
        let mut widened = Vec::new();
        let mut vector = floats(self.backend.output(self.output).data, &mut widened).to_vec();
        normalize(&mut vector, self.kind.text_output())?;
        Ok(vector)
    }
}
