//! OWL-ViT and OWLv2: boxes for prompts.
//!
//! In, in the layout of Optimum's and transformers.js' export: `pixel_values` `[1, 3, H, W]` float32, float16 or uint8,
//! `input_ids` and `attention_mask` int64 `[prompts, 16]`. Out: `logits` `[1, N, prompts]` and `pred_boxes` `[1, N, 4]`,
//! center and size in `0..=1` of the tensor. Pixels are prepared as `preprocessor_config.json` says: OWL-ViT stretches
//! the picture, OWLv2 pads it to a square at its right and bottom, and boxes are taken back accordingly.
//!
//! A box's prompt is the one with the highest logit, its score that logit's sigmoid, as in the reference's
//! `post_process_grounded_object_detection`. Unlike there, boxes of one prompt that overlap by more than
//! [`Thresholds::iou`] are suppressed: the model gives one for each patch of the picture, and a large thing spans many.
//! An output `objectness_logits`, where an export has it, is no part of the score, as in the reference.
//!
//! The published graphs take words and picture together, so the text part runs again with every picture; no layout with
//! graphs of their own is known. Tokens are made once, with [`OwlPromptEncoder`]. Under TensorRT one engine serves every
//! number of prompts.
//!
//! A logit or a coordinate that is not finite costs the picture ([`ZooError::NotANumber`]); a box without area in the
//! picture is left out alone.
//!
//! Sources: Minderer et al. 2022 and 2023; transformers' documentation of OWL-ViT and OWLv2; Optimum's list of ONNX
//! export configurations.

use super::detector::Detector;
use super::picture_input::usual_shape;
use super::prompted::{PIXELS, Places, Prompted, Wording};
use super::queries::{checked_logits, feed, input, is_float, is_int, is_pixels, output, tensors};
use super::thresholds::Thresholds;
use crate::infer::{Backend, ShapeRange, Signature, Trial, TrialInput};
use crate::types::{ClassId, Labels, Prompts, TensorRef};
use crate::zoo::manifest::{Document, Words, required_image_processor};
use crate::zoo::{EncodedPrompts, Manifest, PromptEncoder, PromptForm, ZooError};

const FAMILY: &str = "owl";
/// Tokens of a prompt, where `config.json` does not say it.
const TOKENS: usize = 16;
/// The number of prompts for which an engine is fastest.
const TUNED_FOR: usize = 8;
/// CLIP's, where `config.json` does not say it.
const VOCABULARY: usize = 49_408;

/// Turns prompts into the tokens of CLIP's tokenizer, each padded to as many as the model has places.
pub struct OwlPromptEncoder {
    words: Words,
    pad: u32,
    length: usize,
}

impl OwlPromptEncoder {
    /// From the manifest's `tokenizer.json`, `tokenizer_config.json` and `config.json`.
    ///
    /// # Errors
    /// [`ZooError`] when one of them is missing or broken.
    pub fn new(manifest: &Manifest) -> Result<Self, ZooError> {
        let config = Document::read(manifest, "config")?;
        let words = Words::open(manifest, config.count(&["text_config", "vocab_size"])?.unwrap_or(VOCABULARY))?;
        Ok(Self { pad: words.pad(manifest)?, words, length: prompt_tokens(&config)? })
    }
}

/// Tokens of each prompt.
fn prompt_tokens(config: &Document) -> Result<usize, ZooError> {
    Ok(config.count(&["text_config", "max_position_embeddings"])?.unwrap_or(TOKENS))
}

/// The sizes of the graph's inputs: any number of prompts, and pictures as the checkpoint prepares them.
///
/// # Errors
/// [`ZooError`] when `config.json` or the preparation of pixels is missing or broken.
pub(super) fn ranges(manifest: &Manifest) -> Result<Vec<ShapeRange>, ZooError> {
    let tokens = prompt_tokens(&Document::read(manifest, "config")?)?;
    let words = ["input_ids", "attention_mask"].map(|input| ShapeRange {
        input: input.to_owned(),
        min: vec![1, tokens],
        opt: vec![TUNED_FOR, tokens],
        max: vec![Prompts::MAX, tokens],
    });
    let picture = ShapeRange::only(PIXELS, &usual_shape(&required_image_processor(manifest)?)?);
    Ok(words.into_iter().chain([picture]).collect())
}

impl PromptEncoder for OwlPromptEncoder {
    /// [`PromptForm::Tokens`].
    fn encode(&mut self, prompts: &Prompts) -> Result<EncodedPrompts, ZooError> {
        let texts: Vec<&str> = prompts.texts().collect();
        let encoded = self.words.tokenizer().encode_padded(&texts, self.length, self.pad)?;
        let ids = self.words.checked(encoded.iter().flat_map(|text| &text.ids))?;
        let mask = encoded.iter().flat_map(|text| &text.mask).map(|&bit| i64::from(bit)).collect();
        let form = PromptForm::Tokens { ids, mask, length: self.length };
        Ok(EncodedPrompts { labels: Labels::new(texts, prompts.version()), prompts: prompts.len(), form })
    }
}

/// The least that the graph takes: one prompt of ones, which every vocabulary has, and a picture.
pub(super) fn trial(ranges: Vec<ShapeRange>) -> Trial {
    Trial::new(move |spec| {
        let range = ranges.iter().find(|range| range.input == spec.name)?;
        Some(TrialInput::ones(range.min.clone()))
    })
}

/// A detector of this family around a backend. It has no classes until it has prompts.
///
/// # Errors
/// [`ZooError::Inputs`] and [`ZooError::Outputs`] with the model's tensors and the family's, when they differ;
/// [`ZooError`] when the preparation of pixels is missing or does not fit.
pub(super) fn open(manifest: &Manifest, backend: Box<dyn Backend>) -> Result<Box<dyn Detector>, ZooError> {
    let wording = Owl::of(backend.signature())?;
    Ok(Box::new(Prompted::new(manifest, backend, wording)?))
}

/// Places of the graph's tensors.
#[derive(Debug, Clone, Copy)]
struct Owl {
    places: Places,
    ids: usize,
    mask: usize,
}

/// Prompts as the graph has them.
struct Tokens {
    ids: Vec<i64>,
    mask: Vec<i64>,
    shape: [usize; 2],
}

impl Wording for Owl {
    type Words = Tokens;

    const FAMILY: &'static str = FAMILY;
    const EXPECTED: &'static str = "tokens of at least one prompt";

    fn places(&self) -> Places {
        self.places
    }

    fn words(&self, form: PromptForm, labels: usize) -> Result<Tokens, String> {
        let PromptForm::Tokens { ids, mask, length } = form else { return Err(form.name().to_owned()) };
        if [ids.len(), mask.len()] != [labels * length; 2] {
            return Err(format!("{} tokens for {labels} labels", ids.len()));
        }
        Ok(Tokens { ids, mask, shape: [labels, length] })
    }

    fn feed(&self, backend: &mut dyn Backend, tokens: &Tokens) -> Result<(), ZooError> {
        feed(backend, self.ids, &tokens.shape, tokens.ids.iter().copied())?;
        feed(backend, self.mask, &tokens.shape, tokens.mask.iter().copied())
    }

    fn logits<'a>(
        &self,
        output: TensorRef<'a>,
        name: &str,
        tokens: &Tokens,
        scratch: &'a mut Vec<f32>,
    ) -> Result<(&'a [f32], usize), ZooError> {
        let [prompts, _] = tokens.shape;
        Ok((checked_logits(output, name, prompts, scratch)?, prompts))
    }

    /// The highest of the prompts' logits, the first of equal ones.
    fn answered(&self, row: &[f32], _: &Tokens) -> Option<(ClassId, f32)> {
        let all = (0..=u16::MAX).map(ClassId).zip(row.iter().copied());
        all.reduce(|best, other| if other.1 > best.1 { other } else { best })
    }

    fn overlap(&self, thresholds: &Thresholds) -> f32 {
        thresholds.iou
    }
}

impl Owl {
    fn of(signature: &Signature) -> Result<Self, ZooError> {
        let picture = input(signature, PIXELS, |spec| is_pixels(spec, 4));
        let [ids, mask] = ["input_ids", "attention_mask"].map(|name| input(signature, name, |spec| is_int(spec, 2)));
        let (Some(picture), Some(ids), Some(mask), 3) = (picture, ids, mask, signature.inputs.len()) else {
            return Err(ZooError::Inputs {
                family: FAMILY,
                found: tensors(&signature.inputs),
                expected: "pixel_values float32, float16 or uint8 [1, 3, H, W], input_ids and attention_mask int64 \
                           [prompts, tokens]"
                    .to_owned(),
            });
        };
        let [logits, boxes] = ["logits", "pred_boxes"].map(|name| output(signature, name, |spec| is_float(spec, 3)));
        let (Some(logits), Some(boxes)) = (logits, boxes) else {
            return Err(ZooError::Outputs {
                family: FAMILY,
                found: tensors(&signature.outputs),
                expected: "logits [1, N, prompts] and pred_boxes [1, N, 4] of float32 or float16".to_owned(),
            });
        };
        Ok(Self { places: Places { picture, logits, boxes }, ids, mask })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{OrtBackend, Provider, Runtime, SessionOptions};
    use std::path::Path;

    #[test]
    fn the_least_that_the_graph_takes_runs_through_it() {
        let Some(runtime) = Runtime::or_skip("the least of owl") else { return };
        let ranges = [("input_ids", &[1, 16][..]), ("attention_mask", &[1, 16]), ("pixel_values", &[1, 3, 64, 64])];
        let trial = trial(ranges.map(|(input, shape)| ShapeRange::only(input, shape)).into());
        for family in ["owlvit", "owlv2"] {
            let options = SessionOptions { providers: vec![Provider::Cpu], ..SessionOptions::default() };
            let model = format!("tests/data/parity/{family}/checkpoint/onnx/model.onnx");
            let model = Path::new(env!("CARGO_MANIFEST_DIR")).join(model);
            let mut backend = OrtBackend::open(runtime, &model, &options, &[]).unwrap();
            for (place, spec) in backend.signature().inputs.clone().iter().enumerate() {
                backend.reshape(place, &trial.of(spec).unwrap().shape).unwrap();
                backend.input(place).fill_with_one();
            }
            backend.run().unwrap();
        }
    }
}
