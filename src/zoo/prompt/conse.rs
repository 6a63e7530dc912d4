//! Prompts for a detector with fixed classes, without training.
//!
//! In: a box with what the detector thinks of each of its classes, and how similar each class's name is to each prompt.
//! Out: the same box under the prompt that fits, or under its own class. A convex combination of semantic
//! embeddings, after Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", 2013: the best
//! [`TOP_CLASSES`] probabilities of a box, divided by their sum, weigh the classes' embeddings, and the sum is compared
//! with each prompt's. One thing differs: the sum is not brought to length 1 before that, so that a box is never more
//! similar to a prompt than the most similar of its classes is. A detector that wavers does not gain by it.
//!
//! What words alone get wrong is left to two rules:
//!
//! - A prompt that *names a class* (`dog`, `Dogs`, `a dog` for the class `dog`) takes the boxes whose best class is that
//!   one, whatever the similarities, and no other: a `hot dog` (.72 similar to `dog`), a `cat` (.66) are none.
//! - A class whose name *ends in another class's name* (`hot dog`, `teddy bear`) borrows that class's similarities in a
//!   sentence encoder. It counts only for prompts that are more similar to it than to the class inside: `animal` does
//!   not take a `hot dog`.
//!
//! A prompt takes a box when their similarity is at least [`Matching::min_similarity`] and at least
//! [`Matching::min_lead`] above that of every other prompt.
//!
//! The published score is the detector's own confidence in the box, unchanged: thresholds and tracking keep their
//! meaning, and a similarity is no probability. The class mask of [`Thresholds`] is over the labels after matching.
//! Boxes that came under several classes and answer one prompt (`car` and `truck` for `vehicle`) are suppressed once
//! more by `Thresholds::iou`.

mod class_encoder;
mod table;

pub use class_encoder::{ClassPromptEncoder, TEMPLATE};
pub use table::TOP_CLASSES;

use super::matching::Matching;
use super::own_classes::relabel;
use crate::infer::Proof;
use crate::types::{ClassScores, Detection, ImageView, Labels, Size};
use crate::zoo::{Detector, EncodedPrompts, PromptForm, Thresholds, ZooError};
use table::{Answer, FAMILY, MatchTable};

/// A detector with fixed classes that takes prompts. Without prompts it is the detector inside, at no cost.
///
/// Of a detector that tells its best class only, only that one counts.
pub struct Conse {
    inner: Box<dyn Detector>,
    matching: Matching,
    labels: Labels,
    /// `None` while there are no prompts.
    table: Option<MatchTable>,
    /// What it thinks of the last picture's boxes.
    scores: ClassScores,
}

impl Conse {
    /// Around a detector that has classes of its own.
    pub fn new(inner: Box<dyn Detector>, matching: Matching) -> Self {
        Self { labels: inner.labels().clone(), inner, matching, table: None, scores: ClassScores::default() }
    }
}

impl Detector for Conse {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn input_size(&self) -> Size {
        self.inner.input_size()
    }

    fn detect(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        let Self { table: Some(table), inner, matching, scores, .. } = self else {
            return self.inner.detect(image, thresholds, out);
        };
        inner.detect_with_scores(image, &thresholds.of_all_classes(), out, scores)?;
        relabel(out, thresholds, |index, detection| match table.answer(detection.class, scores.row(index), matching) {
            Answer::Prompt(prompt) => Some(prompt),
            Answer::Own(label) => label,
        });
        Ok(())
    }

    /// The detector's own, while there are no prompts; none under prompts.
    fn detect_with_scores(
        &mut self,
        image: &ImageView,
        thresholds: &Thresholds,
        out: &mut Vec<Detection>,
        scores: &mut ClassScores,
    ) -> Result<(), ZooError> {
        if self.table.is_none() {
            return self.inner.detect_with_scores(image, thresholds, out, scores);
        }
        scores.start(0);
        self.detect(image, thresholds, out)
    }

    fn set_matching(&mut self, matching: Matching) {
        self.matching = matching;
    }

    fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), ZooError> {
        let table = match prompts.form {
            PromptForm::None => None,
            PromptForm::ClassSimilarities { similarities } => {
                Some(MatchTable::new(self.inner.labels(), &prompts.labels, prompts.prompts, similarities)?)
            }
            other => {
                return Err(ZooError::Prompts {
                    family: FAMILY,
                    found: other.name().to_owned(),
                    expected: "class similarities".to_owned(),
                });
            }
        };
        (self.table, self.labels) = (table, prompts.labels);
        Ok(())
    }

    fn proof(&self) -> &Proof {
        self.inner.proof()
    }

    fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        self.inner.proofs()
    }
}

#[cfg(test)]
mod tests;
