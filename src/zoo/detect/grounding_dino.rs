//! Grounding DINO: boxes for prompts, which are read together as one caption.
//!
//! In, as transformers names them: `pixel_values` `[1, 3, H, W]` float32 or float16, `pixel_mask` int64 `[1, H, W]` (all
//! ones: one picture needs no padding), `input_ids`, `token_type_ids` and `attention_mask` int64 `[1, tokens]`. Out:
//! `logits` `[1, N, 256]` over the caption's tokens and `pred_boxes` `[1, N, 4]`, center and size in `0..=1`. H and W
//! follow the picture's aspect, as `preprocessor_config.json` says (800 to 1333 px), so the first picture of another
//! size costs new tensors, and under TensorRT an engine.
//!
//! The caption is the reference's: the prompts in lower case, joined by `. `, a full stop at the end. Text and picture
//! are one graph: the text part runs with every picture; no layout with graphs of their own is known.
//!
//! **Score** as in the reference's `post_process_grounded_object_detection`: the highest sigmoid over all tokens of the
//! caption. **Label:** the reference gives the words whose tokens are above the text threshold, which may be pieces of
//! several phrases. Here a box answers the prompt that holds the highest of those tokens; a box none of whose tokens in
//! a prompt is above [`TEXT_THRESHOLD`] answers none and is left out.
//!
//! A logit of the caption's tokens or a coordinate that is not finite costs the picture ([`ZooError::NotANumber`]); behind
//! the caption, logits may be negative infinity, as the reference fills them up. A box without area in the picture is
//! left out alone.
//!
//! Sources: Liu et al. 2023; transformers' documentation of Grounding DINO.

use super::detector::Detector;
use super::numbers;
use super::prompted::{PIXELS, Places, Prompted, Wording};
use super::queries::{feed, input, is_float, is_int, is_pixels, output, sigmoid, tensors, unchecked_logits};
use super::thresholds::Thresholds;
use crate::infer::{Backend, Signature};
use crate::types::{ClassId, Labels, Prompts, Size, TensorRef};
use crate::zoo::manifest::{Document, Words};
use crate::zoo::{EncodedPrompts, Manifest, PromptEncoder, PromptForm, ZooError};
use std::ops::Range;

const FAMILY: &str = "grounding_dino";
/// BERT's, where `config.json` does not say it.
const VOCABULARY: usize = 30_522;
/// Tokens of a caption, where `config.json` does not say it.
const TOKENS: usize = 256;

/// Least probability of a token of the prompt that a box answers: the reference's default.
pub const TEXT_THRESHOLD: f32 = 0.25;

/// Turns prompts into the tokens of one caption.
pub struct CaptionEncoder {
    words: Words,
    limit: usize,
}

impl CaptionEncoder {
    /// From the manifest's `tokenizer.json` and `config.json`.
    ///
    /// # Errors
    /// [`ZooError`] when one of them is missing or broken.
    pub fn new(manifest: &Manifest) -> Result<Self, ZooError> {
        let config = Document::read(manifest, "config")?;
        let words = Words::open(manifest, config.count(&["text_config", "vocab_size"])?.unwrap_or(VOCABULARY))?;
        Ok(Self { words, limit: config.count(&["max_text_len"])?.unwrap_or(TOKENS) })
    }
}

impl PromptEncoder for CaptionEncoder {
    /// [`PromptForm::Caption`]. All prompts together have at most 256 tokens, full stops included.
    fn encode(&mut self, prompts: &Prompts) -> Result<EncodedPrompts, ZooError> {
        let (caption, places) = caption(prompts.texts());
        let encoded = self.words.tokenizer().encode(&caption, true)?;
        if encoded.ids.len() > self.limit {
            let text = caption.chars().take(40).collect();
            return Err(ZooError::TooLong { text, tokens: encoded.ids.len(), limit: self.limit });
        }
        let spans = places.iter().zip(prompts.texts()).map(|(place, text)| {
            let inside = |bytes: &Range<usize>| bytes.end > bytes.start.max(place.start) && bytes.start < place.end;
            let first = encoded.offsets.iter().position(inside);
            let last = encoded.offsets.iter().rposition(inside);
            first.zip(last).map(|(first, last)| first..last + 1).ok_or_else(|| ZooError::Prompts {
                family: FAMILY,
                found: format!("{text:?}, which has no token"),
                expected: "words that the tokenizer knows".to_owned(),
            })
        });
        let form =
            PromptForm::Caption { spans: spans.collect::<Result<_, _>>()?, ids: self.words.checked(&encoded.ids)? };
        let labels = Labels::new(prompts.texts(), prompts.version());
        Ok(EncodedPrompts { labels, prompts: prompts.len(), form })
    }
}

/// The caption of prompts, and the bytes of each in it.
fn caption<'a>(prompts: impl Iterator<Item = &'a str>) -> (String, Vec<Range<usize>>) {
    let mut caption = String::new();
    let places = prompts.map(|prompt| {
        if !caption.is_empty() {
            caption.push_str(". ");
        }
        let start = caption.len();
        caption.push_str(&prompt.to_lowercase());
        start..caption.len()
    });
    let places = places.collect();
    caption.push('.');
    (caption, places)
}

/// A detector of this family around a backend. It has no classes until it has prompts. `text_threshold` is the least
/// probability of a token of the prompt that a box answers, `0..=1`: [`TEXT_THRESHOLD`] unless there is a reason.
///
/// # Errors
/// [`ZooError::Inputs`] and [`ZooError::Outputs`] with the model's tensors and the family's, when they differ;
/// [`ZooError`] when the preparation of pixels is missing or does not fit.
pub fn open(
    manifest: &Manifest,
    backend: Box<dyn Backend>,
    text_threshold: f32,
) -> Result<Box<dyn Detector>, ZooError> {
    let wording = GroundingDino::of(backend.signature(), text_threshold)?;
    Ok(Box::new(Prompted::new(manifest, backend, wording)?))
}

/// Places of the graph's tensors.
#[derive(Debug, Clone, Copy)]
struct GroundingDino {
    places: Places,
    pixel_mask: usize,
    ids: usize,
    types: usize,
    text_mask: usize,
    text_threshold: f32,
}

/// Prompts as the graph has them.
struct Caption {
    ids: Vec<i64>,
    spans: Vec<Range<usize>>,
}

impl Wording for GroundingDino {
    type Words = Caption;

    const FAMILY: &'static str = FAMILY;
    const EXPECTED: &'static str = "a caption of at least one prompt";

    fn places(&self) -> Places {
        self.places
    }

    fn words(&self, form: PromptForm, labels: usize) -> Result<Caption, String> {
        let PromptForm::Caption { ids, spans } = form else { return Err(form.name().to_owned()) };
        let is_inside = |span: &Range<usize>| span.start < span.end && span.end <= ids.len();
        if spans.len() != labels || !spans.iter().all(is_inside) {
            return Err(format!("{} spans of {} tokens for {labels} labels", spans.len(), ids.len()));
        }
        Ok(Caption { ids, spans })
    }

    fn feed(&self, backend: &mut dyn Backend, caption: &Caption) -> Result<(), ZooError> {
        let shape = [1, caption.ids.len()];
        feed(backend, self.ids, &shape, caption.ids.iter().copied())?;
        feed(backend, self.types, &shape, std::iter::repeat(0))?;
        feed(backend, self.text_mask, &shape, std::iter::repeat(1))
    }

    /// One picture needs no padding.
    fn feed_size(&self, backend: &mut dyn Backend, tensor: Size) -> Result<(), ZooError> {
        let mask = [1, tensor.height_px as usize, tensor.width_px as usize];
        feed(backend, self.pixel_mask, &mask, std::iter::repeat(1))
    }

    fn logits<'a>(
        &self,
        output: TensorRef<'a>,
        name: &str,
        caption: &Caption,
        scratch: &'a mut Vec<f32>,
    ) -> Result<(&'a [f32], usize), ZooError> {
        let (columns, tokens) = (output.shape.last().copied().unwrap_or(0), caption.ids.len());
        if columns < tokens {
            let expected = format!("[1, N, at least {tokens}]");
            return Err(ZooError::Shape { output: name.to_owned(), found: output.shape.to_vec(), expected });
        }
        let values = unchecked_logits(output, name, columns, scratch)?;
        if are_logits(values, columns, tokens) {
            return Ok((values, columns));
        }
        let is_logit = |at: usize, logit: f32| is_logit(at % columns, logit, tokens);
        match numbers::refusal(values.iter().copied(), output.shape, name, is_logit) {
            Some(refusal) => Err(refusal),
            None => Ok((values, columns)),
        }
    }

    /// The prompt with the highest token, if that is above the threshold; the score is that of the whole caption.
    fn answered(&self, row: &[f32], caption: &Caption) -> Option<(ClassId, f32)> {
        Some((answered(row, &caption.spans, self.text_threshold)?, highest(row)))
    }

    fn overlap(&self, _: &Thresholds) -> f32 {
        f32::INFINITY
    }
}

fn are_logits(values: &[f32], columns: usize, tokens: usize) -> bool {
    let mut rows = values.chunks_exact(columns);
    rows.all(|row| row.iter().enumerate().fold(true, |all, (column, logit)| all & is_logit(column, *logit, tokens)))
}

/// Whether a query's logit can be right: a number among the caption's tokens, behind them also 'certainly not'.
fn is_logit(column: usize, logit: f32, tokens: usize) -> bool {
    logit < f32::INFINITY && (logit > f32::NEG_INFINITY || column >= tokens)
}

fn highest(logits: &[f32]) -> f32 {
    logits.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The prompt with the highest token, if that is above the threshold; the first of equal ones.
fn answered(row: &[f32], spans: &[Range<usize>], text_threshold: f32) -> Option<ClassId> {
    let all = (0..=u16::MAX).map(ClassId).zip(spans.iter().map(|span| row.get(span.clone()).map_or(0.0, highest)));
    let (class, logit) = all.reduce(|best, other| if other.1 > best.1 { other } else { best })?;
    (sigmoid(logit) > text_threshold).then_some(class)
}

impl GroundingDino {
    fn of(signature: &Signature, text_threshold: f32) -> Result<Self, ZooError> {
        let picture = input(signature, PIXELS, |spec| is_pixels(spec, 4));
        let pixel_mask = input(signature, "pixel_mask", |spec| is_int(spec, 3));
        let words = ["input_ids", "token_type_ids", "attention_mask"]
            .map(|name| input(signature, name, |spec| is_int(spec, 2)));
        let (Some(picture), Some(pixel_mask), [Some(ids), Some(types), Some(text_mask)], 5) =
            (picture, pixel_mask, words, signature.inputs.len())
        else {
            return Err(ZooError::Inputs {
                family: FAMILY,
                found: tensors(&signature.inputs),
                expected:
                    "pixel_values float32, float16 or uint8 [1, 3, H, W], pixel_mask int64 [1, H, W], input_ids, \
                           token_type_ids and attention_mask int64 [1, tokens]"
                        .to_owned(),
            });
        };
        let [logits, boxes] = ["logits", "pred_boxes"].map(|name| output(signature, name, |spec| is_float(spec, 3)));
        let (Some(logits), Some(boxes)) = (logits, boxes) else {
            return Err(ZooError::Outputs {
                family: FAMILY,
                found: tensors(&signature.outputs),
                expected: "logits [1, N, 256] and pred_boxes [1, N, 4] of float32 or float16".to_owned(),
            });
        };
        Ok(Self { places: Places { picture, logits, boxes }, pixel_mask, ids, types, text_mask, text_threshold })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caption_is_lower_case_with_a_full_stop_behind_each_prompt() {
        let (caption, places) = caption(["Delivery van", "ÄPFEL"].into_iter());
        assert_eq!(caption, "delivery van. äpfel.");
        assert_eq!(places.iter().map(|place| &caption[place.clone()]).collect::<Vec<_>>(), ["delivery van", "äpfel"]);
    }

    #[test]
    fn a_box_answers_the_prompt_with_the_highest_token_above_the_threshold() {
        let spans = [1..3, 4..5];
        // The highest token of all, the full stop at 3, is in no prompt.
        let row = [-9.0, -2.0, 1.0, 5.0, 0.5, f32::NEG_INFINITY];
        assert_eq!(answered(&row, &spans, 0.25), Some(ClassId(0)));
        assert_eq!(answered(&row, &spans, 0.75), None);
        assert_eq!(highest(&row), 5.0);
        assert_eq!(answered(&row, &[], 0.25), None);
    }

    #[test]
    fn behind_the_caption_logits_may_be_certainly_not_and_nothing_else() {
        let check = |values: [f32; 4]| are_logits(&values, 4, 2);
        assert!(check([0.5, -0.5, f32::NEG_INFINITY, -9.0]));
        for (at, bad) in [(0, f32::NEG_INFINITY), (1, f32::NAN), (2, f32::NAN), (3, f32::INFINITY)] {
            let mut values = [0.5; 4];
            values[at] = bad;
            assert!(!check(values), "{bad} at {at}");
        }
    }
}
