//! Sentences to vectors, with encoders of the BERT kind in the layout of sentence-transformers' ONNX exports.
//!
//! In: a text, as `input_ids`, `attention_mask` and, where the graph has it, `token_type_ids`, int64 `[1, tokens]`. Out:
//! a vector of length 1, compared by the dot product: the output `sentence_embedding` `[1, D]`, or else the mean of
//! `last_hidden_state` `[1, tokens, D]`. Source: sentence-transformers' documentation, "Backends: ONNX", and the model
//! card of all-MiniLM-L6-v2 (mean pooling, then L2).
//!
//! Texts go through one at a time, in their own length: quantised graphs may scale what they compute by the whole
//! batch, and so a text's vector never depends on its neighbours. It runs on the CPU with one thread, whatever the
//! parameters of the detector say: a set of prompts is a few short texts once in a while, for which no TensorRT engine
//! with its profile of lengths is worth building, and perceive goes on beside it.

use crate::infer::{Backend, OrtBackend, Proof, Provider, Runtime, SessionOptions, Signature};
use crate::language::Tokenizer;
use crate::types::{Element, TensorData, TensorMut, TensorRef};
use crate::zoo::{Family, Manifest, Task, ZooError};

const FAMILY: &str = "sentence_encoder";
/// The most tokens of a text: as many places as BERT has.
const MAX_TOKENS: usize = 512;

const IDS: &str = "input_ids";
const MASK: &str = "attention_mask";
const TYPES: &str = "token_type_ids";
const SENTENCE: &str = "sentence_embedding";
const STATES: &str = "last_hidden_state";

/// Places of the graph's tensors.
#[derive(Debug, Clone, Copy)]
struct Places {
    ids: usize,
    mask: usize,
    types: Option<usize>,
    output: usize,
}

/// A sentence encoder in its session.
pub struct SentenceEncoder {
    backend: Box<dyn Backend>,
    tokenizer: Tokenizer,
    places: Places,
}

impl SentenceEncoder {
    /// Loads the manifest's model and tokenizer. Does not verify the files: see [`Manifest::verify`].
    ///
    /// # Errors
    /// [`ZooError`] when a file is missing or broken, or the graph has other tensors.
    pub fn load(manifest: &Manifest, runtime: &'static Runtime) -> Result<Self, ZooError> {
        if manifest.family != Family::SentenceEncoder {
            return Err(ZooError::Task { family: manifest.family, found: manifest.task, wanted: Task::Embed });
        }
        let tokenizer = Tokenizer::open(&manifest.path_of("tokenizer")?)?;
        let options =
            SessionOptions { providers: vec![Provider::Cpu], intra_op_threads: 1, ..SessionOptions::default() };
        let backend = OrtBackend::open(runtime, &manifest.model_path(), &options, &[])?;
        Self::new(Box::new(backend), tokenizer)
    }

    /// Around a backend that has the model.
    ///
    /// # Errors
    /// [`ZooError::Inputs`] and [`ZooError::Outputs`] with the model's tensors and the family's, when they differ.
    pub fn new(backend: Box<dyn Backend>, tokenizer: Tokenizer) -> Result<Self, ZooError> {
        let places = places(backend.signature())?;
        Ok(Self { backend, tokenizer, places })
    }

    /// Which provider runs it.
    pub fn proof(&self) -> &Proof {
        self.backend.proof()
    }

    /// The vector of a text, of length 1. The same text gives the same vector, bit for bit.
    ///
    /// # Errors
    /// [`ZooError::TooLong`] for more than 512 tokens, [`ZooError::NoEmbedding`] when what comes out is no direction,
    /// what the tokenizer and the session say.
    pub fn embed(&mut self, text: &str) -> Result<Vec<f32>, ZooError> {
        let encoding = self.tokenizer.encode(text, true)?;
        let tokens = encoding.ids.len();
        if !(1..=MAX_TOKENS).contains(&tokens) {
            return Err(ZooError::TooLong { text: text.chars().take(40).collect(), tokens, limit: MAX_TOKENS });
        }
        let Places { ids, mask, types, output } = self.places;
        let filled = [(Some(ids), &encoding.ids), (Some(mask), &encoding.mask), (types, &encoding.type_ids)];
        for (place, values) in filled.into_iter().filter_map(|(place, values)| Some((place?, values))) {
            self.backend.reshape(place, &[1, tokens])?;
            // The element type was checked with the signature.
            if let TensorMut::I64(tensor) = self.backend.input(place) {
                tensor.iter_mut().zip(values).for_each(|(element, value)| *element = i64::from(*value));
            }
        }
        self.backend.run()?;
        let vector = pooled(self.backend.output(output), tokens);
        unit(vector).ok_or_else(|| ZooError::NoEmbedding { text: text.chars().take(40).collect() })
    }
}

/// `[1, D]` as it is, `[1, tokens, D]` by its mean: without padding, every token counts.
fn pooled(output: TensorRef, tokens: usize) -> Vec<f32> {
    let TensorData::F32(values) = output.data else { return Vec::new() };
    if output.shape.len() == 2 {
        return values.to_vec();
    }
    let mut mean = vec![0.0; output.shape.last().copied().unwrap_or(0)];
    if !mean.is_empty() {
        for state in values.chunks_exact(mean.len()) {
            mean.iter_mut().zip(state).for_each(|(sum, value)| *sum += value / tokens as f32);
        }
    }
    mean
}

/// The vector at length 1; `None` where it has no direction.
fn unit(mut vector: Vec<f32>) -> Option<Vec<f32>> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    vector.iter_mut().for_each(|value| *value /= length);
    (length.is_finite() && length > 1e-9).then_some(vector)
}

fn places(signature: &Signature) -> Result<Places, ZooError> {
    let tensors =
        |specs: &[crate::infer::TensorSpec]| specs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let token_input = |name: &str| {
        let place = signature.input(name)?;
        let spec = &signature.inputs[place];
        (spec.element == Element::I64 && spec.shape.len() == 2).then_some(place)
    };
    let is_known = signature.inputs.iter().all(|spec| [IDS, MASK, TYPES].contains(&spec.name.as_str()));
    let (Some(ids), Some(mask), true) = (token_input(IDS), token_input(MASK), is_known) else {
        return Err(ZooError::Inputs {
            family: FAMILY,
            found: tensors(&signature.inputs),
            expected: format!("{IDS}, {MASK} and, if at all, {TYPES}, int64 [1, tokens]"),
        });
    };
    let vectors = |name: &str, rank: usize| {
        let place = signature.output(name)?;
        let spec = &signature.outputs[place];
        (spec.element == Element::F32 && spec.shape.len() == rank).then_some(place)
    };
    let output = vectors(SENTENCE, 2).or_else(|| vectors(STATES, 3)).ok_or_else(|| ZooError::Outputs {
        family: FAMILY,
        found: tensors(&signature.outputs),
        expected: format!("{SENTENCE} float32 [1, D] or {STATES} float32 [1, tokens, D]"),
    })?;
    Ok(Places { ids, mask, types: token_input(TYPES), output })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{FakeBackend, OwnedTensor};
    use std::collections::BTreeMap;
    use std::path::Path;

    /// A tokenizer of a few words, `[CLS]` and `[SEP]` around them.
    const TOKENIZER: &str = r###"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],
        "normalizer":{"type":"Lowercase"},"pre_tokenizer":{"type":"Whitespace"},
        "post_processor":{"type":"BertProcessing","sep":["[SEP]",1],"cls":["[CLS]",0]},"decoder":null,
        "model":{"type":"WordLevel","vocab":{"[CLS]":0,"[SEP]":1,"[UNK]":2,"van":3},"unk_token":"[UNK]"}}"###;

    fn tokenizer() -> Tokenizer {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, TOKENIZER).unwrap();
        Tokenizer::open(&path).unwrap()
    }

    fn backend(inputs: &[&str], output: (&str, Vec<usize>, Vec<f32>)) -> Box<dyn Backend> {
        let ids = |name| (name, vec![1, 8], OwnedTensor::zeros(Element::I64, 8));
        let (name, shape, values) = output;
        Box::new(FakeBackend::new(
            inputs.iter().copied().map(ids).collect(),
            vec![(name, shape, OwnedTensor::F32(values))],
            BTreeMap::new(),
        ))
    }

    fn embedded(output: (&str, Vec<usize>, Vec<f32>)) -> Result<Vec<f32>, ZooError> {
        SentenceEncoder::new(backend(&[IDS, MASK, TYPES], output), tokenizer())?.embed("van")
    }

    #[test]
    fn a_sentence_embedding_comes_at_length_1() {
        assert_eq!(embedded((SENTENCE, vec![1, 2], vec![3.0, 4.0])).unwrap(), [0.6, 0.8]);
    }

    #[test]
    fn states_become_their_mean_at_length_1() {
        let states = (STATES, vec![1, 3, 2], vec![3.0, 0.0, 0.0, 8.0, 6.0, 4.0]);
        let found = embedded(states).unwrap();
        assert!((found[0] - 0.6).abs() < 1e-6 && (found[1] - 0.8).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        for values in [vec![0.0, 0.0], vec![f32::NAN, 1.0], vec![f32::INFINITY, 1.0]] {
            let error = embedded((SENTENCE, vec![1, 2], values)).unwrap_err();
            assert_eq!(error.to_string(), "the sentence encoder gives no direction for \"van\"");
        }
    }

    #[test]
    fn a_text_beyond_the_models_places_is_refused_with_its_tokens() {
        let backend = backend(&[IDS, MASK], (SENTENCE, vec![1, 2], vec![3.0, 4.0]));
        let mut encoder = SentenceEncoder::new(backend, tokenizer()).unwrap();
        assert_eq!(encoder.embed(&"van ".repeat(510)).unwrap(), [0.6, 0.8]);
        let error = encoder.embed(&"van ".repeat(511)).unwrap_err().to_string();
        assert!(error.ends_with("has 513 tokens, expected at most 512"), "{error}");
    }

    #[test]
    fn a_graph_with_other_tensors_is_refused_with_both_sides() {
        let whole = || (SENTENCE, vec![1, 2], vec![3.0, 4.0]);
        let refusal = |backend| SentenceEncoder::new(backend, tokenizer()).err().unwrap().to_string();
        assert_eq!(
            refusal(backend(&[IDS, "pixel_values"], whole())),
            "model takes [input_ids int64 [1, 8], pixel_values int64 [1, 8]], family sentence_encoder expects \
             input_ids, attention_mask and, if at all, token_type_ids, int64 [1, tokens]"
        );
        assert_eq!(
            refusal(backend(&[IDS, MASK], ("logits", vec![1, 2], vec![3.0, 4.0]))),
            "model gives [logits float32 [1, 2]], family sentence_encoder expects sentence_embedding float32 [1, D] \
             or last_hidden_state float32 [1, tokens, D]"
        );
        assert!(Tokenizer::open(Path::new("/nowhere/tokenizer.json")).is_err());
    }
}
