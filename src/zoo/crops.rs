//! Prompts for a detector with fixed classes, by what its boxes show.
//!
//! In: a box, and what CLIP or SigLIP ([`clip`](super::clip)) makes of the picture in it and of the prompts. Out: the
//! same box under the prompt that fits, or under its own class. Where [`conse`](super::conse) compares words
//! with words, this looks: a `red car` is told from a blue one, and a detector's mistake may be put right. It costs a
//! run of the vision model for every 16 boxes of a picture.
//!
//! Prompts and names of classes are put into one sentence, [`TEMPLATE`], so that they differ in the thing alone.
//! [`Matching`] is about probabilities here:
//!
//! - **CLIP** knows no "none of these", so the name of the box's own class competes: the probability of a prompt is its
//!   share in a softmax over all prompts and that name. A prompt that says less than the name (`vehicle` for a `car`)
//!   seldom wins.
//! - **SigLIP**'s probabilities are independent, each a sigmoid: all may be low, and no class needs to compete.
//!
//! A prompt takes a box when its probability is at least [`Matching::min_similarity`] and at least
//! [`Matching::min_lead`] above that of every other prompt, and with CLIP of the box's own class. A box that none takes
//! goes to the prompt that *names its class* (`dog`, `a dog` for the class `dog`), if there is one: the detector has said
//! so. With CLIP that prompt stands for the name. What is left keeps its own class.
//!
//! The published score is the detector's own confidence in the box, unchanged, as with `conse`; and as there the class
//! mask of [`Thresholds`] is over the labels after matching, and boxes that have come to one label are suppressed once
//! more.
//!
//! The vision model runs where the detector runs; it is loaded where prompts are encoded and comes from there through a
//! channel, ahead of the first prompts that need it.

mod encoder;

pub use encoder::{CropPromptEncoder, TEMPLATE};

use super::clip::{ImageScorer, Kind, probabilities};
use super::conse::Matching;
use super::own_classes::{OwnClass, relabel};
use super::{Detector, EncodedPrompts, PromptForm, Thresholds, ZooError};
use crate::infer::Proof;
use crate::types::{BBox, ClassId, Detection, ImagePx, ImageView, Labels, Size};
use std::sync::mpsc::{Receiver, Sender, channel};

const FAMILY: &str = "crops";

/// A detector with fixed classes whose boxes are looked at under prompts. Without prompts it is the detector inside, at
/// no cost.
pub struct CropMatch {
    inner: Box<dyn Detector>,
    matching: Matching,
    labels: Labels,
    arriving: Receiver<ImageScorer>,
    scorer: Option<ImageScorer>,
    /// Of the detector inside; `None` while there are no prompts.
    classes: Option<Vec<OwnClass>>,
    prompts: usize,
    /// What the detector inside is asked for: all classes.
    thresholds: Thresholds,
    /// Those of the last picture's that have an area.
    boxes: Vec<BBox<ImagePx>>,
    /// Of one box.
    shares: Vec<f32>,
}

impl CropMatch {
    /// Around a detector that has classes of its own. What looks at the boxes is to be sent before the first prompts
    /// are set; of several the last one counts.
    pub fn new(inner: Box<dyn Detector>, matching: Matching) -> (Self, Sender<ImageScorer>) {
        let (sender, arriving) = channel();
        let detector = Self {
            labels: inner.labels().clone(),
            inner,
            matching,
            arriving,
            scorer: None,
            classes: None,
            prompts: 0,
            thresholds: Thresholds::default(),
            boxes: Vec::new(),
            shares: Vec::new(),
        };
        (detector, sender)
    }

    /// Looks at every box and gives it its label.
    fn look(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        let Self { scorer: Some(scorer), classes: Some(classes), matching, prompts, boxes, shares, .. } = self else {
            return Ok(());
        };
        let Size { width_px, height_px } = image.size();
        let inside = |detection: &Detection| detection.bbox.clipped(width_px as f32, height_px as f32);
        boxes.clear();
        boxes.extend(out.iter().filter_map(inside));
        let (kind, columns) = (scorer.kind(), scorer.labels().len());
        let mut rows = scorer.box_logits(image, boxes)?.chunks_exact(columns);
        relabel(out, thresholds, |_, detection| {
            let row = inside(detection).and_then(|_| rows.next())?;
            let own = classes.get(usize::from(detection.class.0))?;
            let (of_prompts, of_classes) = row.split_at(*prompts);
            let rival = of_classes.get(usize::from(detection.class.0)).filter(|_| own.named_by.is_none());
            shares.clear();
            shares.extend(of_prompts.iter().chain(rival));
            let taken = taker(kind, shares, *prompts, matching);
            taken.or(own.named_by).or(own.label)
        });
        Ok(())
    }
}

/// The prompt that takes a box, by the logits of the first `prompts` texts and of their rivals behind them.
fn taker(kind: Kind, logits: &mut [f32], prompts: usize, matching: &Matching) -> Option<ClassId> {
    probabilities(kind, logits);
    let of_prompts = (0..).map(ClassId).zip(logits.iter().copied()).take(prompts);
    let (prompt, best) = of_prompts.reduce(|best, other| if other.1 > best.1 { other } else { best })?;
    let others = logits.iter().enumerate().filter(|(text, _)| *text != usize::from(prompt.0));
    let next = others.map(|(_, share)| *share).fold(0.0, f32::max);
    (best >= matching.min_similarity && best - next >= matching.min_lead).then_some(prompt)
}

impl Detector for CropMatch {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn input_size(&self) -> Size {
        self.inner.input_size()
    }

    fn detect(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        if self.classes.is_none() {
            return self.inner.detect(image, thresholds, out);
        }
        let Thresholds { score, iou, max_detections, classes: _ } = *thresholds;
        self.thresholds = Thresholds { score, iou, max_detections, classes: None };
        self.inner.detect(image, &self.thresholds, out)?;
        self.look(image, thresholds, out).inspect_err(|_| out.clear())
    }

    /// The detector's own, while there are no prompts.
    fn class_scores(&mut self, index: usize) -> Option<&[f32]> {
        if self.classes.is_some() { None } else { self.inner.class_scores(index) }
    }

    fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), ZooError> {
        let EncodedPrompts { labels, prompts, form } = prompts;
        let refused = |found: String| ZooError::Prompts {
            family: FAMILY,
            found,
            expected: "embeddings for crops, and a model that looks at them".to_owned(),
        };
        let (vectors, dimensions) = match form {
            PromptForm::None => {
                (self.classes, self.labels) = (None, labels);
                return Ok(());
            }
            PromptForm::CropEmbeddings { vectors, dimensions } => (vectors, dimensions),
            other => return Err(refused(other.name().to_owned())),
        };
        if !(1..=labels.len()).contains(&prompts) {
            return Err(refused(format!("{prompts} of {} labels", labels.len())));
        }
        if let Some(arrived) = self.arriving.try_iter().last() {
            self.scorer = Some(arrived);
        }
        let Some(scorer) = &mut self.scorer else { return Err(refused("ahead of such a model".to_owned())) };
        let own = self.inner.labels();
        let rivals = own.names().filter(|_| scorer.kind().prompts_compete());
        let texts = Labels::new(labels.names().take(prompts).chain(rivals), labels.version());
        scorer.set_prompts(EncodedPrompts {
            prompts: texts.len(),
            labels: texts,
            form: PromptForm::Embeddings { vectors, dimensions },
        })?;
        self.classes = Some(OwnClass::all(own, &labels, prompts));
        (self.labels, self.prompts) = (labels, prompts);
        Ok(())
    }

    fn proof(&self) -> &Proof {
        self.inner.proof()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATCHING: Matching = Matching { min_similarity: 0.6, min_lead: 0.02 };

    #[test]
    fn in_clip_a_prompt_must_beat_the_other_prompts_and_the_own_class() {
        let taken = |logits: &[f32], prompts| taker(Kind::Clip, &mut logits.to_vec(), prompts, &MATCHING);
        assert_eq!(taken(&[25.0, 27.0, 24.0], 2), Some(ClassId(1)));
        assert_eq!(taken(&[25.0, 24.0, 27.0], 2), None, "the own class is the likeliest");
        assert_eq!(taken(&[27.0, 26.9, 20.0], 2), None, "two prompts alike");
        assert_eq!(taken(&[20.0], 1), Some(ClassId(0)), "nobody competes");
    }

    #[test]
    fn in_siglip_a_prompt_may_be_unlikely_without_another_being_likelier() {
        let taken = |logits: &[f32]| taker(Kind::Siglip, &mut logits.to_vec(), logits.len(), &MATCHING);
        assert_eq!(taken(&[-1.0, -9.0]), None);
        assert_eq!(taken(&[-1.0, 1.0]), Some(ClassId(1)));
        assert_eq!(taken(&[5.0, 5.0]), None, "no lead");
    }
}
