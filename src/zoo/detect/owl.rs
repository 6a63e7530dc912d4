//! OWL-ViT and OWLv2: boxes for prompts.
//!
//! In, in the layout of Optimum's and transformers.js' export: `pixel_values` `[1, 3, H, W]` float32 or float16,
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
//! graphs of their own is known. Tokens are made once, with [`OwlPromptEncoder`]. Under TensorRT, another number of
//! prompts than before is another shape, for which it builds an engine at the first picture.
//!
//! A logit that is NaN costs the picture ([`ZooError::NotANumber`]); a box that is not finite is left out alone.
//!
//! Sources: Minderer et al. 2022 and 2023; transformers' documentation of OWL-ViT and OWLv2; Optimum's list of ONNX
//! export configurations.

use super::picture_input::PictureInput;
use super::queries::{
    Pick, checked_boxes, checked_logits, feed, four, input, is_float, is_int, keep_best, logit_floor, output,
    query_row, report, sigmoid, tensors,
};
use crate::infer::{Backend, Proof, Signature};
use crate::types::{ClassId, Detection, ImageView, Labels, Prompts, Size};
use crate::zoo::manifest::documents::{Document, Words, required_image_processor};
use crate::zoo::{Detector, EncodedPrompts, Manifest, PromptEncoder, PromptForm, Thresholds, ZooError};

const FAMILY: &str = "owl";
/// Tokens of a prompt, where `config.json` does not say it.
const TOKENS: usize = 16;
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
        let length = config.count(&["text_config", "max_position_embeddings"])?.unwrap_or(TOKENS);
        Ok(Self { pad: words.pad(manifest)?, words, length })
    }
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

/// Places of the graph's tensors.
#[derive(Debug, Clone, Copy)]
struct Places {
    picture: usize,
    ids: usize,
    mask: usize,
    logits: usize,
    boxes: usize,
}

/// A detector of this family around a backend. It has no classes until it has prompts.
pub struct Owl {
    backend: Box<dyn Backend>,
    picture: PictureInput,
    places: Places,
    prompts: Option<Tokens>,
    labels: Labels,
    /// After a picture, those that were reported, in their order.
    picks: Vec<Pick>,
    /// One box's, to be lent.
    class_scores: Vec<f32>,
    widened: [Vec<f32>; 2],
}

/// Prompts as the graph has them.
struct Tokens {
    ids: Vec<i64>,
    mask: Vec<i64>,
    shape: [usize; 2],
}

impl Owl {
    /// For a manifest's model.
    ///
    /// # Errors
    /// [`ZooError::Inputs`] and [`ZooError::Outputs`] with the model's tensors and the family's, when they differ;
    /// [`ZooError`] when the preparation of pixels is missing or does not fit.
    pub fn new(manifest: &Manifest, mut backend: Box<dyn Backend>) -> Result<Self, ZooError> {
        let places = places(backend.signature())?;
        Ok(Self {
            picture: PictureInput::new(places.picture, required_image_processor(manifest)?, &mut *backend)?,
            places,
            prompts: None,
            labels: Labels::new([""; 0], 0),
            picks: Vec::new(),
            class_scores: Vec::new(),
            widened: [Vec::new(), Vec::new()],
            backend,
        })
    }

    fn find(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        self.picks.clear();
        if self.prompts.is_none() {
            return Err(refused("missing"));
        }
        let geometry = self.picture.fill(image, &mut *self.backend)?;
        self.backend.run()?;
        let Self { backend, places, picks, labels, widened: [first, second], .. } = self;
        let outputs = &backend.signature().outputs;
        let columns = labels.len();
        let values = checked_logits(backend.output(places.logits), &outputs[places.logits].name, columns, first)?;
        let queries = values.len() / columns;
        let boxes = checked_boxes(backend.output(places.boxes), &outputs[places.boxes].name, queries, second)?;
        let floor = logit_floor(thresholds.score);
        picks.reserve(queries);
        picks.extend((0..).zip(values.chunks_exact(columns)).filter_map(|(query, row)| {
            let (class, logit) = best(row)?;
            let score = if logit >= floor { sigmoid(logit) } else { return None };
            (score >= thresholds.score).then_some(Pick { score, class, query })
        }));
        keep_best(picks, queries);
        let image_box = |query| geometry.image_from_normalized_cxcywh(four(boxes, query)?);
        report(picks, thresholds, thresholds.iou, image_box, out);
        Ok(())
    }
}

/// The highest of the prompts' logits, the first of equal ones.
fn best(row: &[f32]) -> Option<(ClassId, f32)> {
    let all = (0..=u16::MAX).map(ClassId).zip(row.iter().copied());
    all.reduce(|best, other| if other.1 > best.1 { other } else { best })
}

fn refused(found: &str) -> ZooError {
    let expected = "tokens of at least one prompt".to_owned();
    ZooError::Prompts { family: FAMILY, found: found.to_owned(), expected }
}

fn feed_tokens(backend: &mut dyn Backend, places: Places, tokens: &Tokens) -> Result<(), ZooError> {
    feed(backend, places.ids, &tokens.shape, tokens.ids.iter().copied())?;
    feed(backend, places.mask, &tokens.shape, tokens.mask.iter().copied())
}

impl Detector for Owl {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn input_size(&self) -> Size {
        self.picture.tensor()
    }

    fn detect(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        out.clear();
        self.find(image, thresholds, out)
    }

    /// The sigmoid of each prompt's logit: they do not sum to 1.
    fn class_scores(&mut self, index: usize) -> Option<&[f32]> {
        let (query, columns) = (self.picks.get(index)?.query, self.labels.len());
        let row = query_row(self.backend.output(self.places.logits).data, query, columns, &mut self.widened[0])?;
        self.class_scores.clear();
        self.class_scores.extend(row.iter().map(|logit| sigmoid(*logit)));
        Some(&self.class_scores)
    }

    fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), ZooError> {
        let PromptForm::Tokens { ids, mask, length } = prompts.form else {
            return Err(refused(prompts.form.name()));
        };
        let count = prompts.labels.len();
        let shape = [count, length];
        if count == 0 || prompts.prompts != count || [ids.len(), mask.len()] != [count * length; 2] {
            return Err(refused(&format!("{} tokens for {count} labels", ids.len())));
        }
        let tokens = Tokens { ids, mask, shape };
        if let Err(error) = feed_tokens(&mut *self.backend, self.places, &tokens) {
            if let Some(old) = &self.prompts {
                feed_tokens(&mut *self.backend, self.places, old)?;
            }
            return Err(error);
        }
        // The last picture's boxes answer other prompts.
        self.picks.clear();
        (self.prompts, self.labels) = (Some(tokens), prompts.labels);
        Ok(())
    }

    fn proof(&self) -> &Proof {
        self.backend.proof()
    }
}

fn places(signature: &Signature) -> Result<Places, ZooError> {
    let picture = input(signature, "pixel_values", |spec| is_float(spec, 4));
    let [ids, mask] = ["input_ids", "attention_mask"].map(|name| input(signature, name, |spec| is_int(spec, 2)));
    let (Some(picture), Some(ids), Some(mask), 3) = (picture, ids, mask, signature.inputs.len()) else {
        return Err(ZooError::Inputs {
            family: FAMILY,
            found: tensors(&signature.inputs),
            expected:
                "pixel_values float32 or float16 [1, 3, H, W], input_ids and attention_mask int64 [prompts, tokens]"
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
    Ok(Places { picture, ids, mask, logits, boxes })
}
