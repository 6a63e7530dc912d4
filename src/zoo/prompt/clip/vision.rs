//! The vision side: boxes of a picture against texts.

use super::kind::{Kind, normalize, probabilities};
use super::text::TextVectors;
use crate::infer::{Backend, Judge, OrtBackend, Proof, Runtime, SessionOptions, ShapeRange};
use crate::types::{BBox, ImagePx, ImageView, Size};
use crate::vision::ImageProcessor;
use crate::zoo::detect::numbers;
use crate::zoo::detect::picture_input::{shape, usual_shape};
use crate::zoo::detect::queries::{floats, input, is_float, is_pixels, output, tensors};
use crate::zoo::manifest::required_image_processor;
use crate::zoo::{Manifest, Scoring, ZooError};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Most crops of a run; more boxes take several.
const BATCH: usize = 16;

/// The input of the pictures.
const PIXELS: &str = "pixel_values";

/// Says how well texts fit what boxes of a picture show.
pub struct CropScorer {
    backend: Box<dyn Backend>,
    processor: ImageProcessor,
    kind: Kind,
    scoring: Scoring,
    tensor: Size,
    picture: usize,
    output: usize,
    /// Of one box.
    vector: Vec<f32>,
    widened: Vec<f32>,
    logits: Vec<f32>,
}

impl CropScorer {
    /// Loads the manifest's `vision_model`. Does not verify the files: see [`Manifest::verify`].
    ///
    /// # Errors
    /// As [`OrtBackend::open`] and [`new`](Self::new).
    pub fn load(manifest: &Manifest, runtime: &'static Runtime, options: &SessionOptions) -> Result<Self, ZooError> {
        let mut options = options.clone();
        let processor = required_image_processor(manifest)?;
        let one = usual_shape(&processor)?;
        options.edit = options.bytes_in.edit(PIXELS, processor.channel_steps());
        let many = [&[BATCH], &one[1..]].concat();
        let shapes = [(PIXELS.to_owned(), one.clone())];
        options.tensorrt.precision = options.tensorrt.precision.or(manifest.family.precision());
        options.tensorrt.ranges = vec![ShapeRange { input: PIXELS.to_owned(), min: one.clone(), opt: one, max: many }];
        let model = manifest.path_of("vision_model")?;
        let judge = Judge { runtime, model: &model, options: &options, on: "" };
        let backend = judge.open_backend(|options| OrtBackend::open(runtime, &model, options, &shapes))?;
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
        let picture = input(signature, PIXELS, |spec| is_pixels(spec, 4));
        let picture = picture.filter(|_| signature.inputs.len() == 1).ok_or_else(|| ZooError::Inputs {
            family: kind.family(),
            found: tensors(&signature.inputs),
            expected: "a vision model with pixel_values float32, float16 or uint8 [images, 3, H, W]".to_owned(),
        })?;
        let output = output(signature, kind.image_output(), |spec| is_float(spec, 2));
        let output = output.ok_or_else(|| ZooError::Outputs {
            family: kind.family(),
            found: tensors(&signature.outputs),
            expected: format!("{} [images, D] of float32 or float16", kind.image_output()),
        })?;
        let processor = required_image_processor(manifest)?;
        processor.check_element(backend.signature().inputs[picture].element)?;
        let usual = usual_shape(&processor)?;
        backend.reshape(picture, &usual)?;
        Ok(Self {
            tensor: processor.tensor_size(Size { width_px: 640, height_px: 480 })?,
            processor,
            kind,
            scoring: manifest.scoring()?,
            picture,
            output,
            vector: Vec::new(),
            widened: Vec::new(),
            logits: Vec::new(),
            backend,
        })
    }

    pub(in crate::zoo) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether vectors of so many numbers are this checkpoint's, as far as the graph says it.
    pub(in crate::zoo) fn takes(&self, dimensions: usize) -> bool {
        let given = self.backend.signature().outputs[self.output].shape.last().copied().flatten();
        dimensions > 0 && given.is_none_or(|given| given == dimensions)
    }

    /// The logit of each text for each box: `boxes x texts`, row after row. Boxes go through in batches of up to 16.
    ///
    /// # Errors
    /// [`ZooError`] costs this picture; among others, a box without area inside of it.
    pub fn logits(
        &mut self,
        image: &ImageView,
        boxes: &[BBox<ImagePx>],
        texts: &TextVectors,
    ) -> Result<&[f32], ZooError> {
        self.logits.clear();
        let [_, channels, height, width] = shape(self.tensor);
        for batch in boxes.chunks(BATCH) {
            self.backend.reshape(self.picture, &[batch.len(), channels, height, width])?;
            for (index, bbox) in batch.iter().enumerate() {
                let input = &mut self.backend.input(self.picture);
                self.processor.run_box(image, *bbox, input, index * channels * height * width)?;
            }
            self.compare(batch.len(), texts)?;
        }
        Ok(&self.logits)
    }

    /// Runs, and adds the logits of so many boxes.
    fn compare(&mut self, boxes: usize, texts: &TextVectors) -> Result<(), ZooError> {
        let Self { backend, vector, widened, logits, .. } = self;
        backend.run()?;
        let (output, name) = (backend.output(self.output), self.kind.image_output());
        if output.shape != [boxes, texts.dimensions] {
            return Err(ZooError::Shape {
                output: name.to_owned(),
                found: output.shape.to_vec(),
                expected: format!("[{boxes}, {}], as the texts have it", texts.dimensions),
            });
        }
        let embeddings = floats(output.data, widened);
        numbers::check(embeddings, output.shape, name)?;
        for embedding in embeddings.chunks_exact(texts.dimensions.max(1)) {
            vector.clear();
            vector.extend_from_slice(embedding);
            normalize(vector, name)?;
            logits.extend(texts.rows().map(|text| {
                let similarity: f32 = text.iter().zip(&*vector).map(|(a, b)| a * b).sum();
                self.scoring.logit_scale * similarity + self.scoring.logit_bias
            }));
        }
        Ok(())
    }

    /// Makes one box's logits probabilities: shares of one (CLIP), or each by itself (SigLIP).
    pub fn probabilities(&self, logits: &mut [f32]) {
        probabilities(self.kind, logits);
    }

    /// Which provider runs it, and what became of the others.
    pub fn proof(&self) -> &Proof {
        self.backend.proof()
    }
}

/// A scorer on its way to the detector that looks with it: in every set of prompts of one encoder, until the first of them
/// is taken. A set that is refused before it reaches the detector loses nothing.
#[derive(Clone)]
pub struct ScorerSlot(Arc<Mutex<Option<CropScorer>>>);

impl ScorerSlot {
    /// With a scorer in it.
    pub fn new(scorer: CropScorer) -> Self {
        Self(Arc::new(Mutex::new(Some(scorer))))
    }

    /// The scorer, if no detector has it yet.
    pub(in crate::zoo) fn take(&self) -> Option<CropScorer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts it back, for a later set.
    pub(in crate::zoo) fn put(&self, scorer: CropScorer) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(scorer);
    }
}

impl fmt::Debug for ScorerSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScorerSlot").finish_non_exhaustive()
    }
}

impl PartialEq for ScorerSlot {
    /// Whether they are the same one.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
