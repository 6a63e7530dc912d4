//! CLIP and SigLIP: how well words fit a picture, or boxes of it.
//!
//! Text and vision are graphs of their own, as transformers.js and Optimum split them, so that words are encoded once:
//!
//! | graph (role) | in | out |
//! | --- | --- | --- |
//! | `text_model` | `input_ids` int64 `[1, tokens]`, and `attention_mask` where the graph has it | `text_embeds` (CLIP), `pooler_output` (SigLIP) `[1, D]` |
//! | `vision_model` | `pixel_values` `[images, 3, H, W]`, float32 or float16 | `image_embeds` (CLIP), `pooler_output` (SigLIP) `[images, D]` |
//!
//! Both vectors are brought to length 1; `logit_scale * their dot product + logit_bias`, from the manifest's
//! `[scoring]`, is the logit of a prompt. **CLIP** gives a softmax over the prompts: they compete, sum to 1, and one
//! prompt alone always has 1. **SigLIP** gives a sigmoid for each: they are independent, and all may be low.
//!
//! Prompts are encoded one at a time, so that none depends on its neighbours: CLIP's in their own length, at most 77
//! tokens, SigLIP's padded to 64. Pixels are prepared as `preprocessor_config.json` says; of a box, its smallest
//! rectangle of whole pixels is cut out first.
//!
//! An embedding that is not finite costs the picture, or the set of prompts ([`ZooError::NotANumber`]).
//!
//! Sources: Radford et al. 2021; Zhai et al. 2023; transformers' documentation of both.

mod text;

pub use text::TextEncoder;

use crate::infer::{Backend, BatchProfile, OrtBackend, Proof, Runtime, SessionOptions};
use crate::types::{BBox, ImagePx, ImageView, Labels, Size};
use crate::vision::ImageProcessor;
use crate::zoo::detect::picture_input::{shape, usual_shape};
use crate::zoo::detect::queries::{floats, input, is_float, output, sigmoid, tensors};
use crate::zoo::manifest::documents::required_image_processor;
use crate::zoo::{EncodedPrompts, Family, Manifest, PromptForm, Scoring, Task, ZooError};

/// Most crops of a run; more boxes take several.
const BATCH: usize = 16;

/// What tells the two families apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::zoo) enum Kind {
    Clip,
    Siglip,
}

impl Kind {
    fn of(manifest: &Manifest) -> Result<Self, ZooError> {
        match manifest.family {
            Family::Clip => Ok(Self::Clip),
            Family::Siglip => Ok(Self::Siglip),
            family => Err(ZooError::Task { family, found: family.task(), wanted: Task::Score }),
        }
    }

    const fn family(self) -> &'static str {
        match self {
            Self::Clip => "clip",
            Self::Siglip => "siglip",
        }
    }

    const fn text_output(self) -> &'static str {
        match self {
            Self::Clip => "text_embeds",
            Self::Siglip => "pooler_output",
        }
    }

    const fn image_output(self) -> &'static str {
        match self {
            Self::Clip => "image_embeds",
            Self::Siglip => "pooler_output",
        }
    }

    /// Whether the probabilities of prompts are shares of one.
    pub const fn prompts_compete(self) -> bool {
        matches!(self, Self::Clip)
    }

    /// Tokens of the vocabulary and of a text, where `config.json` does not say it.
    const fn usual_text(self) -> [usize; 2] {
        match self {
            Self::Clip => [49_408, 77],
            Self::Siglip => [32_000, 64],
        }
    }
}

/// Brings a vector to length 1; one of length 0 stays as it is, similar to nothing.
fn normalize(vector: &mut [f32], output: &str) -> Result<(), ZooError> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !length.is_finite() {
        let found = vector.iter().filter(|value| !value.is_finite()).count();
        return Err(ZooError::NotANumber { output: output.to_owned(), found, of: vector.len() });
    }
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    Ok(())
}

/// Scores pictures, or boxes of them, against prompts.
pub struct ImageScorer {
    backend: Box<dyn Backend>,
    processor: ImageProcessor,
    kind: Kind,
    scoring: Scoring,
    tensor: Size,
    picture: usize,
    output: usize,
    labels: Labels,
    /// Of the prompts, row after row.
    vectors: Vec<f32>,
    dimensions: usize,
    /// Of one picture.
    vector: Vec<f32>,
    widened: Vec<f32>,
    scores: Vec<f32>,
}

impl ImageScorer {
    /// Loads the manifest's `vision_model`. Does not verify the files: see [`Manifest::verify`].
    ///
    /// # Errors
    /// As [`OrtBackend::open`] and [`new`](Self::new).
    pub fn load(manifest: &Manifest, runtime: &Runtime, options: &SessionOptions) -> Result<Self, ZooError> {
        let mut options = options.clone();
        options.tensorrt.batch = Some(BatchProfile { min: 1, opt: 1, max: BATCH });
        let shapes = [("pixel_values".to_owned(), usual_shape(&required_image_processor(manifest)?)?)];
        let backend = OrtBackend::open(runtime, &manifest.path_of("vision_model")?, &options, &shapes)?;
        Self::new(manifest, Box::new(backend))
    }

    /// Around a backend that has the model.
    ///
    /// # Errors
    /// [`ZooError::Inputs`] and [`ZooError::Outputs`] with the model's tensors and the family's, when they differ;
    /// [`ZooError`] when the manifest has no `[scoring]`, or the preparation of pixels is missing or does not fit.
    pub fn new(manifest: &Manifest, mut backend: Box<dyn Backend>) -> Result<Self, ZooError> {
        let kind = Kind::of(manifest)?;
        let signature = backend.signature();
        let picture = input(signature, "pixel_values", |spec| is_float(spec, 4));
        let picture = picture.filter(|_| signature.inputs.len() == 1).ok_or_else(|| ZooError::Inputs {
            family: kind.family(),
            found: tensors(&signature.inputs),
            expected: "a vision model with pixel_values float32 or float16 [images, 3, H, W]".to_owned(),
        })?;
        let output = output(signature, kind.image_output(), |spec| is_float(spec, 2));
        let output = output.ok_or_else(|| ZooError::Outputs {
            family: kind.family(),
            found: tensors(&signature.outputs),
            expected: format!("{} [images, D] of float32 or float16", kind.image_output()),
        })?;
        let processor = required_image_processor(manifest)?;
        let usual = usual_shape(&processor)?;
        backend.reshape(picture, &usual)?;
        Ok(Self {
            tensor: processor.tensor_size(Size { width_px: 640, height_px: 480 })?,
            processor,
            kind,
            scoring: manifest.scoring()?,
            picture,
            output,
            labels: Labels::new([""; 0], 0),
            vectors: Vec::new(),
            dimensions: 0,
            vector: Vec::new(),
            widened: Vec::new(),
            scores: Vec::new(),
            backend,
        })
    }

    pub(in crate::zoo) fn kind(&self) -> Kind {
        self.kind
    }

    /// The prompts.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Scores against other prompts from now on.
    ///
    /// # Errors
    /// [`ZooError::Prompts`] for another form than finite embeddings; the old prompts then stay.
    pub fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), ZooError> {
        let refused = |found: String| ZooError::Prompts {
            family: self.kind.family(),
            found,
            expected: "a finite embedding for each of at least one prompt".to_owned(),
        };
        let PromptForm::Embeddings { vectors, dimensions } = prompts.form else {
            return Err(refused(prompts.form.name().to_owned()));
        };
        let count = prompts.labels.len();
        let given = self.backend.signature().outputs[self.output].shape.last().copied().flatten();
        let fits = count > 0
            && prompts.prompts == count
            && dimensions > 0
            && given.is_none_or(|given| given == dimensions)
            && vectors.len() == count * dimensions;
        if !fits || vectors.iter().any(|value| !value.is_finite()) {
            return Err(refused(format!("{} numbers, {dimensions} to a vector, for {count} labels", vectors.len())));
        }
        (self.vectors, self.dimensions, self.labels) = (vectors, dimensions, prompts.labels);
        Ok(())
    }

    /// The probability of each prompt for the whole picture, as far as the checkpoint's processor shows it: CLIP's cuts
    /// out the middle square.
    ///
    /// # Errors
    /// [`ZooError`] costs this picture.
    pub fn score_frame(&mut self, image: &ImageView) -> Result<&[f32], ZooError> {
        self.scores.clear();
        self.backend.reshape(self.picture, &shape(self.tensor))?;
        self.processor.run(image, &mut self.backend.input(self.picture))?;
        self.score(1)?;
        probabilities(self.kind, &mut self.scores);
        Ok(&self.scores)
    }

    /// The probability of each prompt for each box: `boxes x prompts`, row after row. Boxes go through in batches of
    /// up to 16.
    ///
    /// # Errors
    /// [`ZooError`] costs this picture; among others, a box without area inside the picture.
    pub fn score_boxes(&mut self, image: &ImageView, boxes: &[BBox<ImagePx>]) -> Result<&[f32], ZooError> {
        self.box_logits(image, boxes)?;
        for row in self.scores.chunks_exact_mut(self.labels.len().max(1)) {
            probabilities(self.kind, row);
        }
        Ok(&self.scores)
    }

    /// As [`Self::score_boxes`], before logits become probabilities.
    pub(in crate::zoo) fn box_logits(
        &mut self,
        image: &ImageView,
        boxes: &[BBox<ImagePx>],
    ) -> Result<&[f32], ZooError> {
        self.scores.clear();
        let [_, channels, height, width] = shape(self.tensor);
        for batch in boxes.chunks(BATCH) {
            self.backend.reshape(self.picture, &[batch.len(), channels, height, width])?;
            for (index, bbox) in batch.iter().enumerate() {
                let input = &mut self.backend.input(self.picture);
                self.processor.run_box(image, *bbox, input, index * channels * height * width)?;
            }
            self.score(batch.len())?;
        }
        Ok(&self.scores)
    }

    /// Runs, and adds the logits of so many pictures.
    fn score(&mut self, pictures: usize) -> Result<(), ZooError> {
        let Self { backend, labels, dimensions, vectors, vector, widened, scores, .. } = self;
        if labels.is_empty() {
            return Err(ZooError::Prompts {
                family: self.kind.family(),
                found: "missing".to_owned(),
                expected: "embeddings of at least one prompt".to_owned(),
            });
        }
        backend.run()?;
        let output = backend.output(self.output);
        if output.shape != [pictures, *dimensions] {
            return Err(ZooError::Shape {
                output: self.kind.image_output().to_owned(),
                found: output.shape.to_vec(),
                expected: format!("[{pictures}, {dimensions}], as the prompts have it"),
            });
        }
        for embedding in floats(output.data, widened).chunks_exact(*dimensions) {
            vector.clear();
            vector.extend_from_slice(embedding);
            normalize(vector, self.kind.image_output())?;
            scores.extend(vectors.chunks_exact(*dimensions).map(|prompt| {
                let similarity: f32 = prompt.iter().zip(&*vector).map(|(a, b)| a * b).sum();
                self.scoring.logit_scale * similarity + self.scoring.logit_bias
            }));
        }
        Ok(())
    }

    /// Which provider runs it, and what became of the others.
    pub fn proof(&self) -> &Proof {
        self.backend.proof()
    }
}

/// Logits of one picture become probabilities.
pub(in crate::zoo) fn probabilities(kind: Kind, logits: &mut [f32]) {
    match kind {
        Kind::Siglip => logits.iter_mut().for_each(|logit| *logit = sigmoid(*logit)),
        Kind::Clip => {
            let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            logits.iter_mut().for_each(|logit| *logit = (*logit - highest).exp());
            let sum: f32 = logits.iter().sum();
            logits.iter_mut().for_each(|share| *share /= sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_compete_in_clip_and_stand_alone_in_siglip() {
        let mut logits = [1.0, 1.0, 300.0];
        probabilities(Kind::Clip, &mut logits);
        assert_eq!(logits, [0.0, 0.0, 1.0]);
        let mut logits = [0.0, 0.0, -300.0];
        probabilities(Kind::Siglip, &mut logits);
        assert_eq!(logits, [0.5, 0.5, 0.0]);
    }

    #[test]
    fn a_vector_comes_to_length_1_unless_it_is_no_number() {
        let mut vector = [3.0, 4.0];
        normalize(&mut vector, "image_embeds").unwrap();
        assert_eq!(vector, [0.6, 0.8]);
        let error = normalize(&mut [f32::NAN, 1.0], "image_embeds").unwrap_err();
        assert_eq!(error.to_string(), "1 of 2 numbers in the model's image_embeds are NaN");
    }
}
