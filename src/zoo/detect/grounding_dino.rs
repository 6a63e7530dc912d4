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
//! A logit that is NaN costs the picture ([`ZooError::NotANumber`]); a box that is not finite is left out alone.
//!
//! Sources: Liu et al. 2023; transformers' documentation of Grounding DINO.

use super::picture_input::PictureInput;
use super::queries::{
    Pick, checked_boxes, checked_logits, feed, four, input, is_float, is_int, keep_best, output, report, sigmoid,
    tensors,
};
use crate::infer::{Backend, Proof, Signature};
use crate::types::{ClassId, Detection, ImageView, Labels, Prompts, Size};
use crate::zoo::manifest::documents::{Document, Words, required_image_processor};
use crate::zoo::{Detector, EncodedPrompts, Manifest, PromptEncoder, PromptForm, Thresholds, ZooError};
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

/// Places of the graph's tensors.
#[derive(Debug, Clone, Copy)]
struct Places {
    picture: usize,
    pixel_mask: usize,
    ids: usize,
    types: usize,
    text_mask: usize,
    logits: usize,
    boxes: usize,
}

/// Prompts as the graph has them.
struct Caption {
    ids: Vec<i64>,
    spans: Vec<Range<usize>>,
}

/// A detector of this family around a backend. It has no classes until it has prompts.
pub struct GroundingDino {
    backend: Box<dyn Backend>,
    picture: PictureInput,
    places: Places,
    caption: Option<Caption>,
    text_threshold: f32,
    labels: Labels,
    picks: Vec<Pick>,
    widened: [Vec<f32>; 2],
}

impl GroundingDino {
    /// For a manifest's model, with [`TEXT_THRESHOLD`].
    ///
    /// # Errors
    /// [`ZooError::Inputs`] and [`ZooError::Outputs`] with the model's tensors and the family's, when they differ;
    /// [`ZooError`] when the preparation of pixels is missing or does not fit.
    pub fn new(manifest: &Manifest, mut backend: Box<dyn Backend>) -> Result<Self, ZooError> {
        let places = places(backend.signature())?;
        Ok(Self {
            picture: PictureInput::new(places.picture, required_image_processor(manifest)?, &mut *backend)?,
            places,
            caption: None,
            text_threshold: TEXT_THRESHOLD,
            labels: Labels::new([""; 0], 0),
            picks: Vec::new(),
            widened: [Vec::new(), Vec::new()],
            backend,
        })
    }

    /// With another threshold for the tokens of a box's prompt, `0..=1`.
    #[must_use]
    pub fn with_text_threshold(self, text_threshold: f32) -> Self {
        Self { text_threshold, ..self }
    }

    fn find(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        self.picks.clear();
        let Self { backend, picture, places, caption, text_threshold, picks, widened: [first, second], .. } = self;
        let Some(caption) = caption else { return Err(refused("missing")) };
        let geometry = picture.fill(image, &mut **backend)?;
        let Size { width_px, height_px } = picture.tensor();
        let mask = [1, height_px as usize, width_px as usize];
        feed(&mut **backend, places.pixel_mask, &mask, std::iter::repeat(1))?;
        backend.run()?;
        let outputs = &backend.signature().outputs;
        let logits = backend.output(places.logits);
        let columns = logits.shape.last().copied().unwrap_or(0);
        let name = &outputs[places.logits].name;
        if columns < caption.ids.len() {
            let expected = format!("[1, N, at least {}]", caption.ids.len());
            return Err(ZooError::Shape { output: name.clone(), found: logits.shape.to_vec(), expected });
        }
        let values = checked_logits(logits, name, columns, first)?;
        let queries = values.len() / columns;
        let boxes = checked_boxes(backend.output(places.boxes), &outputs[places.boxes].name, queries, second)?;
        picks.reserve(queries);
        picks.extend((0..).zip(values.chunks_exact(columns)).filter_map(|(query, row)| {
            let score = sigmoid(highest(row));
            let class = answered(row, &caption.spans, *text_threshold)?;
            (score >= thresholds.score).then_some(Pick { score, class, query })
        }));
        keep_best(picks, queries);
        let image_box = |query| geometry.image_from_normalized_cxcywh(four(boxes, query)?);
        report(picks, thresholds, f32::INFINITY, image_box, out);
        Ok(())
    }
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

fn refused(found: &str) -> ZooError {
    let expected = "a caption of at least one prompt".to_owned();
    ZooError::Prompts { family: FAMILY, found: found.to_owned(), expected }
}

fn feed_caption(backend: &mut dyn Backend, places: Places, caption: &Caption) -> Result<(), ZooError> {
    let shape = [1, caption.ids.len()];
    feed(backend, places.ids, &shape, caption.ids.iter().copied())?;
    feed(backend, places.types, &shape, std::iter::repeat(0))?;
    feed(backend, places.text_mask, &shape, std::iter::repeat(1))
}

impl Detector for GroundingDino {
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

    fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), ZooError> {
        let PromptForm::Caption { ids, spans } = prompts.form else { return Err(refused(prompts.form.name())) };
        let count = prompts.labels.len();
        let is_inside = |span: &Range<usize>| span.start < span.end && span.end <= ids.len();
        if count == 0 || prompts.prompts != count || spans.len() != count || !spans.iter().all(is_inside) {
            return Err(refused(&format!("{} spans of {} tokens for {count} labels", spans.len(), ids.len())));
        }
        let caption = Caption { ids, spans };
        if let Err(error) = feed_caption(&mut *self.backend, self.places, &caption) {
            if let Some(old) = &self.caption {
                feed_caption(&mut *self.backend, self.places, old)?;
            }
            return Err(error);
        }
        (self.caption, self.labels) = (Some(caption), prompts.labels);
        Ok(())
    }

    fn proof(&self) -> &Proof {
        self.backend.proof()
    }
}

fn places(signature: &Signature) -> Result<Places, ZooError> {
    let picture = input(signature, "pixel_values", |spec| is_float(spec, 4));
    let pixel_mask = input(signature, "pixel_mask", |spec| is_int(spec, 3));
    let words =
        ["input_ids", "token_type_ids", "attention_mask"].map(|name| input(signature, name, |spec| is_int(spec, 2)));
    let (Some(picture), Some(pixel_mask), [Some(ids), Some(types), Some(text_mask)], 5) =
        (picture, pixel_mask, words, signature.inputs.len())
    else {
        return Err(ZooError::Inputs {
            family: FAMILY,
            found: tensors(&signature.inputs),
            expected: "pixel_values float32 or float16 [1, 3, H, W], pixel_mask int64 [1, H, W], input_ids, \
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
    Ok(Places { picture, pixel_mask, ids, types, text_mask, logits, boxes })
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
}
