//! The seam between the families of detectors and whoever wants boxes.

use super::thresholds::Thresholds;
use crate::infer::{Agreement, Judged, Proof};
use crate::types::{ClassScores, Detection, ImageView, Labels, Size};
use crate::zoo::prompt::Matching;
use crate::zoo::{EncodedPrompts, ZooError};

/// A model that finds things in one picture.
pub trait Detector: Send {
    /// The names of its classes.
    fn labels(&self) -> &Labels;

    /// The size of the tensor into which pictures are letterboxed.
    fn input_size(&self) -> Size;

    /// Replaces `out` by what is seen in `image`: best score first, boxes in pixels of the image and clipped to it, no
    /// more than `thresholds.max_detections`, no tracks. In steady state nothing of ours is allocated.
    ///
    /// # Errors
    /// [`ZooError`] costs this picture; `out` is then empty and the detector stays usable.
    fn detect(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError>;

    /// As [`detect`](Self::detect), and replaces `scores` by what the model thinks of every class: for each box one
    /// probability for each of [`labels`](Self::labels), which need not sum to 1. No rows for a model that tells its best
    /// class only. For whoever weighs classes; a picture whose scores nobody wants does not pay for them.
    ///
    /// # Errors
    /// As [`detect`](Self::detect).
    fn detect_with_scores(
        &mut self,
        image: &ImageView,
        thresholds: &Thresholds,
        out: &mut Vec<Detection>,
        scores: &mut ClassScores,
    ) -> Result<(), ZooError> {
        scores.start(0);
        self.detect(image, thresholds, out)
    }

    /// Looks for other things from the next picture on; [`labels`](Self::labels) change with it. Cheap: whatever is
    /// slow was done when the prompts were encoded.
    ///
    /// # Errors
    /// [`ZooError::NoPrompts`] for a model with fixed classes, [`ZooError`] when the model does not take these; the
    /// old ones then stay.
    fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), ZooError> {
        let _ = prompts;
        Err(ZooError::NoPrompts)
    }

    /// Takes boxes for prompts by other limits from the next picture on, where it matches them by limits at all.
    fn set_matching(&mut self, matching: Matching) {
        let _ = matching;
    }

    /// Which provider runs the session that every picture needs, and what became of the others.
    fn proof(&self) -> &Proof;

    /// Keeps in the [`proof`](Self::proof) how near to the CPU its provider is.
    fn agreed(&mut self, agreement: Agreement) {
        let _ = agreement;
    }

    /// Every session that it runs now, by the role of its graph: `model`, and with prompts that look at boxes
    /// `vision_model`. What encodes prompts is beside it: [`PromptEncoder::proofs`](crate::zoo::PromptEncoder::proofs).
    fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        vec![("model", self.proof())]
    }
}

impl Judged for Box<dyn Detector> {
    fn runs_on(&self) -> &Proof {
        self.proof()
    }

    fn keep_agreement(&mut self, agreement: Agreement) {
        self.agreed(agreement);
    }
}
