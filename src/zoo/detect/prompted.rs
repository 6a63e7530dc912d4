//! Detectors whose one graph takes words and a picture: the frame around what a family does with both.
//!
//! Tokens are fed when prompts are set and stay in the graph's inputs; each picture is fed and runs; of each query's
//! logits the family says which prompt is answered and how well, by a logit whose sigmoid is the score.

use super::detector::Detector;
use super::picture_input::PictureInput;
use super::queries::{Pick, checked_boxes, four, keep_best, logit_floor, report, sigmoid};
use super::thresholds::Thresholds;
use crate::infer::{Agreement, Backend, BytesIn, GraphEdit, Proof};
use crate::types::{ClassId, Detection, ImageView, Labels, Size, TensorRef};
use crate::zoo::manifest::required_image_processor;
use crate::zoo::{EncodedPrompts, Manifest, PromptForm, ZooError};

/// What a family does with words, and with what its graph says about them.
pub(in crate::zoo) trait Wording: Send {
    /// Prompts as the graph has them.
    type Words: Send;

    /// The family's name.
    const FAMILY: &'static str;

    /// The prompts that it takes, for refusals.
    const EXPECTED: &'static str;

    /// Places of the picture among the inputs, of logits and boxes among the outputs.
    fn places(&self) -> Places;

    /// Takes prompts for so many labels.
    ///
    /// # Errors
    /// What was found in place of such prompts.
    fn words(&self, form: PromptForm, labels: usize) -> Result<Self::Words, String>;

    /// Fills the inputs that take words.
    ///
    /// # Errors
    /// [`ZooError::Infer`] when the graph does not take their shape.
    fn feed(&self, backend: &mut dyn Backend, words: &Self::Words) -> Result<(), ZooError>;

    /// Fills what follows from the size of the picture's tensor.
    ///
    /// # Errors
    /// [`ZooError::Infer`] when the graph does not take its shape.
    fn feed_size(&self, backend: &mut dyn Backend, tensor: Size) -> Result<(), ZooError> {
        let _ = (backend, tensor);
        Ok(())
    }

    /// The logits, checked, and how many each query has.
    ///
    /// # Errors
    /// [`ZooError::Shape`] and [`ZooError::NotANumber`].
    fn logits<'a>(
        &self,
        output: TensorRef<'a>,
        name: &str,
        words: &Self::Words,
        scratch: &'a mut Vec<f32>,
    ) -> Result<(&'a [f32], usize), ZooError>;

    /// The prompt that a query answers, and the logit of its score. `None` where it answers none.
    fn answered(&self, row: &[f32], words: &Self::Words) -> Option<(ClassId, f32)>;

    /// The highest IoU at which two boxes of one prompt both stay.
    fn overlap(&self, thresholds: &Thresholds) -> f32;
}

/// The input of the picture.
pub(super) const PIXELS: &str = "pixel_values";

/// The edit with which pictures enter as bytes, where the checkpoint's preparation of pixels lets them.
///
/// # Errors
/// [`ZooError`] when that is missing or not understood.
pub(super) fn bytes_in(manifest: &Manifest, wished: BytesIn) -> Result<Option<GraphEdit>, ZooError> {
    Ok(wished.edit(PIXELS, required_image_processor(manifest)?.channel_steps()))
}

/// Places of the tensors that all such graphs have.
#[derive(Debug, Clone, Copy)]
pub(in crate::zoo) struct Places {
    pub picture: usize,
    pub logits: usize,
    pub boxes: usize,
}

/// A detector around a backend. It has no classes until it has prompts.
pub(in crate::zoo) struct Prompted<W: Wording> {
    backend: Box<dyn Backend>,
    picture: PictureInput,
    wording: W,
    words: Option<W::Words>,
    labels: Labels,
    picks: Vec<Pick>,
    widened: [Vec<f32>; 2],
}

impl<W: Wording> Prompted<W> {
    /// For a manifest's model, whose graph `wording` knows.
    ///
    /// # Errors
    /// [`ZooError`] when the preparation of pixels is missing or does not fit.
    pub fn new(manifest: &Manifest, mut backend: Box<dyn Backend>, wording: W) -> Result<Self, ZooError> {
        let picture = PictureInput::new(wording.places().picture, required_image_processor(manifest)?, &mut *backend)?;
        Ok(Self {
            backend,
            picture,
            wording,
            words: None,
            labels: Labels::new([""; 0], 0),
            picks: Vec::new(),
            widened: [Vec::new(), Vec::new()],
        })
    }

    fn refused(found: String) -> ZooError {
        ZooError::Prompts { family: W::FAMILY, found, expected: W::EXPECTED.to_owned() }
    }
}

impl<W: Wording> Detector for Prompted<W> {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn input_size(&self) -> Size {
        self.picture.tensor()
    }

    fn detect(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        out.clear();
        self.picks.clear();
        let Self { backend, picture, wording, words, picks, widened: [first, second], .. } = self;
        let Some(words) = words else { return Err(Self::refused("missing".to_owned())) };
        let geometry = picture.fill(image, &mut **backend)?;
        wording.feed_size(&mut **backend, picture.tensor())?;
        backend.run()?;
        let (outputs, Places { logits, boxes, .. }) = (&backend.signature().outputs, wording.places());
        let (values, columns) = wording.logits(backend.output(logits), &outputs[logits].name, words, first)?;
        let queries = values.len() / columns;
        let boxes = checked_boxes(backend.output(boxes), &outputs[boxes].name, queries, second)?;
        let floor = logit_floor(thresholds.score);
        picks.reserve(queries);
        picks.extend((0..).zip(values.chunks_exact(columns)).filter_map(|(query, row)| {
            let (class, logit) = wording.answered(row, words).filter(|(_, logit)| *logit >= floor)?;
            let score = sigmoid(logit);
            (score >= thresholds.score).then_some(Pick { score, class, query })
        }));
        keep_best(picks, queries);
        let image_box = |query| geometry.image_from_normalized_cxcywh(four(boxes, query)?);
        report(picks, thresholds, wording.overlap(thresholds), image_box, out);
        Ok(())
    }

    fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), ZooError> {
        let count = prompts.labels.len();
        if count == 0 || prompts.prompts != count {
            return Err(Self::refused(format!("{} of {count} labels", prompts.prompts)));
        }
        let words = self.wording.words(prompts.form, count).map_err(Self::refused)?;
        if let Err(error) = self.wording.feed(&mut *self.backend, &words) {
            if let Some(old) = &self.words {
                self.wording.feed(&mut *self.backend, old)?;
            }
            return Err(error);
        }
        (self.words, self.labels) = (Some(words), prompts.labels);
        Ok(())
    }

    fn proof(&self) -> &Proof {
        self.backend.proof()
    }

    fn agreed(&mut self, agreement: Agreement) {
        self.backend.agreed(agreement);
    }
}
