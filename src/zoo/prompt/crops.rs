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
//! The vision model runs where the detector runs; it is loaded where prompts are encoded and travels with the first set
//! that the detector takes.

mod crop_encoder;

pub use crop_encoder::{CropPromptEncoder, TEMPLATE};

use super::clip::{CropScorer, Kind, TextVectors, probabilities};
use super::matching::Matching;
use super::own_classes::{OwnClass, relabel};
use crate::infer::Proof;
use crate::types::{BBox, ClassId, ClassScores, Detection, ImagePx, ImageView, Labels, Size};
use crate::zoo::{Detector, EncodedPrompts, PromptForm, Thresholds, ZooError};

const FAMILY: &str = "crops";

/// A detector with fixed classes whose boxes are looked at under prompts. Without prompts it is the detector inside, at
/// no cost.
pub struct CropMatch {
    inner: Box<dyn Detector>,
    matching: Matching,
    labels: Labels,
    /// Since the first prompts.
    scorer: Option<CropScorer>,
    /// `None` while there are no prompts.
    set: Option<PromptSet>,
    /// Those of the last picture's that have an area.
    boxes: Vec<BBox<ImagePx>>,
    /// Of one box.
    shares: Vec<f32>,
}

/// What boxes are compared with.
struct PromptSet {
    /// Of the prompts, and where they compete, of the classes.
    vectors: TextVectors,
    prompts: usize,
    /// Of the detector inside.
    classes: Vec<OwnClass>,
}

impl CropMatch {
    /// Around a detector that has classes of its own.
    pub fn new(inner: Box<dyn Detector>, matching: Matching) -> Self {
        Self {
            labels: inner.labels().clone(),
            inner,
            matching,
            scorer: None,
            set: None,
            boxes: Vec::new(),
            shares: Vec::new(),
        }
    }

    /// Looks at every box and gives it its label.
    fn look(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        let Self { scorer: Some(scorer), set: Some(set), matching, boxes, shares, .. } = self else {
            return Ok(());
        };
        let PromptSet { vectors, prompts, classes } = set;
        let Size { width_px, height_px } = image.size();
        let inside = |detection: &Detection| detection.bbox.clipped(width_px as f32, height_px as f32);
        boxes.clear();
        boxes.extend(out.iter().filter_map(inside));
        let (kind, columns) = (scorer.kind(), vectors.rows().len());
        let mut rows = scorer.logits(image, boxes, vectors)?.chunks_exact(columns);
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

    /// Whether vectors of `prompts` are what a scorer compares boxes of this detector with.
    fn fits(&self, scorer: &CropScorer, vectors: &TextVectors, prompts: usize) -> bool {
        let rivals = if scorer.kind().prompts_compete() { self.inner.labels().len() } else { 0 };
        scorer.takes(vectors.dimensions)
            && vectors.values.len() == (prompts + rivals) * vectors.dimensions
            && vectors.values.iter().all(|value| value.is_finite())
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
        if self.set.is_none() {
            return self.inner.detect(image, thresholds, out);
        }
        self.inner.detect(image, &thresholds.of_all_classes(), out)?;
        self.look(image, thresholds, out).inspect_err(|_| out.clear())
    }

    /// The detector's own, while there are no prompts; none under prompts.
    fn detect_with_scores(
        &mut self,
        image: &ImageView,
        thresholds: &Thresholds,
        out: &mut Vec<Detection>,
        scores: &mut ClassScores,
    ) -> Result<(), ZooError> {
        if self.set.is_none() {
            return self.inner.detect_with_scores(image, thresholds, out, scores);
        }
        scores.start(0);
        self.detect(image, thresholds, out)
    }

    fn set_matching(&mut self, matching: Matching) {
        self.matching = matching;
    }

    fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), ZooError> {
        let EncodedPrompts { labels, prompts, form } = prompts;
        let refused = |found: String| ZooError::Prompts {
            family: FAMILY,
            found,
            expected: "embeddings for crops, and the model of the same checkpoint that looks at them".to_owned(),
        };
        let (vectors, slot) = match form {
            PromptForm::None => {
                (self.set, self.labels) = (None, labels);
                return Ok(());
            }
            PromptForm::CropEmbeddings { vectors, scorer } => (vectors, scorer),
            other => return Err(refused(other.name().to_owned())),
        };
        if !(1..=labels.len()).contains(&prompts) {
            return Err(refused(format!("{prompts} of {} labels", labels.len())));
        }
        let arrived = slot.take();
        match arrived.as_ref().or(self.scorer.as_ref()) {
            None => return Err(refused("without a model that looks at boxes: another detector has it".to_owned())),
            Some(scorer) if !self.fits(scorer, &vectors, prompts) => {
                // It belongs to the next set.
                arrived.into_iter().for_each(|scorer| slot.put(scorer));
                let TextVectors { values, dimensions } = vectors;
                return Err(refused(format!(
                    "{} numbers, {dimensions} to a vector, for {prompts} prompts",
                    values.len()
                )));
            }
            Some(_) => {}
        }
        self.scorer = arrived.or(self.scorer.take());
        let classes = OwnClass::all(self.inner.labels(), &labels, prompts);
        (self.set, self.labels) = (Some(PromptSet { vectors, prompts, classes }), labels);
        Ok(())
    }

    fn proof(&self) -> &Proof {
        self.inner.proof()
    }

    fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        let scorer = self.scorer.iter().map(|scorer| ("vision_model", scorer.proof()));
        self.inner.proofs().into_iter().chain(scorer).collect()
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
