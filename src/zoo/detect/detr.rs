//! Detectors of the DETR kind with fixed classes: RT-DETR v1 and v2, D-FINE, RF-DETR.
//!
//! Three exports, told apart by the names of their tensors; float32 or float16:
//!
//! | export | inputs | outputs |
//! | --- | --- | --- |
//! | transformers (Optimum, transformers.js) | `pixel_values` `[1, 3, H, W]` | `logits` `[1, N, C]`, `pred_boxes` `[1, N, 4]` |
//! | the authors' repositories (RT-DETR, D-FINE) | `images` `[1, 3, H, W]`, `orig_target_sizes` int64 `[1, 2]` | `labels` int64 `[1, N]`, `boxes` `[1, N, 4]`, `scores` `[1, N]` |
//! | RF-DETR | `input` `[1, 3, H, W]` | `dets` `[1, N, 4]`, `labels` `[1, N, 91]` |
//!
//! With logits, each pair of a query and a class is a candidate: sigmoid, the N best of all pairs, no NMS; boxes are
//! center and size in `0..=1` of the tensor. So a query may come out under two classes. It does not, where
//! [`Thresholds::classes`] leaves out the better one of them. The authors' export has done this inside, for the size
//! that it is fed (width, height): that of the image, so that its boxes are in pixels of the image.
//!
//! A logit, score or coordinate that is not finite costs the picture ([`ZooError::NotANumber`]), and so does a good box
//! under a class that has no slot ([`ZooError::NoSuchClass`]). A box without area in the picture is left out alone; a score
//! above 1 counts as 1.
//!
//! **Pixels** are prepared as the checkpoint's `preprocessor_config.json` says, where the manifest lists it. Otherwise
//! they are stretched (bilinear) to the manifest's `[input]`, as the authors publish it: RT-DETR and D-FINE take
//! `0..=1` without mean and deviation; RF-DETR those of ImageNet, and resizes floats, not bytes.
//!
//! **Names** are the manifest's `labels` or those in `config.json` (`id2label`). RF-DETR numbers its logits by COCO's
//! 91 category ids, eleven of which no class has: 91 names with `N/A` at those, or COCO's 80 names, which are put where
//! they belong. Slots without a name are skipped.
//!
//! Sources: transformers' documentation of the models and of `post_process_object_detection`; the export scripts'
//! documentation of lyuwenyu/RT-DETR, Peterande/D-FINE and roboflow/rf-detr.

mod export;
mod slots;

use super::numbers;
use super::picture_input::{PictureInput, usual_shape};
use super::queries::{
    Pick, checked_boxes, checked_logits, feed, floats, four, keep_best, logit_floor, query_row, report, sigmoid,
};
use crate::infer::{Backend, Proof};
use crate::types::{BBox, ClassId, ClassScores, Detection, ImagePx, ImageView, Labels, Size, TensorData};
use crate::vision::{ImageProcessor, Normalize, NormalizedGeometry, ProcessorConfig, Resample, Resize, SizeRule};
use crate::zoo::manifest::image_processor;
use crate::zoo::{Detector, Manifest, Thresholds, ZooError};
use export::{Export, Form};
use slots::Slots;

const IMAGENET: Normalize = Normalize { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/// The inputs with their shapes, as the manifest lets one expect: those of the export that it is likely to be.
///
/// # Errors
/// [`ZooError`] when the manifest's files do not say the size of the pictures.
pub(in crate::zoo) fn likely_shapes(manifest: &Manifest) -> Result<Vec<(String, Vec<usize>)>, ZooError> {
    let shape = usual_shape(&processor(manifest, false)?)?;
    let name = manifest.input.as_ref().map_or("pixel_values", |input| input.name.as_str());
    let sizes = (name == "images").then(|| ("orig_target_sizes".to_owned(), vec![1, 2]));
    Ok(std::iter::once((name.to_owned(), shape)).chain(sizes).collect())
}

fn processor(manifest: &Manifest, is_rf_detr: bool) -> Result<ImageProcessor, ZooError> {
    if let Some(processor) = image_processor(manifest)? {
        return Ok(processor);
    }
    let (size, filter) = (manifest.input()?.size, Resample::Bilinear);
    let config = if is_rf_detr {
        let resize = Resize::Floats { rule: SizeRule::Exact(size), filter };
        ProcessorConfig { resize, ..ProcessorConfig::stretched(size, filter, IMAGENET) }
    } else {
        ProcessorConfig::stretched(size, filter, Normalize::UNIT)
    };
    Ok(ImageProcessor::new(config)?)
}

/// A detector of this family around a backend.
pub struct Detr {
    backend: Box<dyn Backend>,
    picture: PictureInput,
    export: Export,
    slots: Slots,
    picks: Vec<Pick>,
    /// Whether the best class of each query is reported, as far as it has come up.
    is_wanted: Vec<Option<bool>>,
    widened: [Vec<f32>; 2],
}

impl Detr {
    /// For a manifest's model.
    ///
    /// # Errors
    /// [`ZooError::Inputs`] and [`ZooError::Outputs`] with the model's tensors and those of each export when they are
    /// of none; [`ZooError`] when names or the preparation of pixels are missing or do not fit.
    pub fn new(manifest: &Manifest, mut backend: Box<dyn Backend>) -> Result<Self, ZooError> {
        let export = Export::of(backend.signature())?;
        let slots = Slots::new(manifest, &export, backend.signature())?;
        let picture = PictureInput::new(export.picture, processor(manifest, export.is_rf_detr())?, &mut *backend)?;
        if let Some(sizes) = export.sizes {
            feed(&mut *backend, sizes, &[1, 2], [1, 1])?;
        }
        Ok(Self {
            picture,
            export,
            picks: Vec::new(),
            is_wanted: Vec::new(),
            slots,
            widened: [Vec::new(), Vec::new()],
            backend,
        })
    }

    fn find(
        &mut self,
        image: &ImageView,
        thresholds: &Thresholds,
        out: &mut Vec<Detection>,
        scores: Option<&mut ClassScores>,
    ) -> Result<(), ZooError> {
        out.clear();
        self.picks.clear();
        let geometry = self.picture.fill(image, &mut *self.backend)?;
        if let Some(sizes) = self.export.sizes {
            let Size { width_px, height_px } = image.size();
            feed(&mut *self.backend, sizes, &[1, 2], [i64::from(width_px), i64::from(height_px)])?;
        }
        self.backend.run()?;
        match self.export.form {
            Form::Logits { logits, boxes, .. } => self.pick_pairs((logits, boxes), &geometry, thresholds, out, scores),
            Form::Decoded { labels, boxes, scores: of_boxes } => {
                if let Some(scores) = scores {
                    scores.start(0);
                }
                self.pick_decoded([labels, boxes, of_boxes], image.size(), thresholds, out)
            }
        }
    }

    fn pick_pairs(
        &mut self,
        (logits, boxes): (usize, usize),
        geometry: &NormalizedGeometry,
        thresholds: &Thresholds,
        out: &mut Vec<Detection>,
        scores: Option<&mut ClassScores>,
    ) -> Result<(), ZooError> {
        let Self { backend, slots, picks, is_wanted, widened: [first, second], .. } = self;
        let outputs = &backend.signature().outputs;
        let columns = slots.classes().len();
        let values = checked_logits(backend.output(logits), &outputs[logits].name, columns, first)?;
        let queries = values.len() / columns;
        let boxes = checked_boxes(backend.output(boxes), &outputs[boxes].name, queries, second)?;
        picks.reserve(values.len());
        let floor = logit_floor(thresholds.score);
        for (query, row) in (0..).zip(values.chunks_exact(columns)) {
            for (logit, class) in row.iter().zip(slots.classes()) {
                if let (true, Some(class)) = (*logit >= floor, *class) {
                    picks.push(Pick { score: sigmoid(*logit), class, query });
                }
            }
        }
        picks.retain(|pick| pick.score >= thresholds.score);
        keep_best(picks, queries);
        if thresholds.classes.is_some() {
            is_wanted.clear();
            is_wanted.resize(queries, None);
            // The first pick of a query is its best.
            picks.retain(|pick| {
                let place = usize::try_from(pick.query).ok().and_then(|query| is_wanted.get_mut(query));
                place.is_some_and(|wanted| *wanted.get_or_insert_with(|| thresholds.reports(pick.class)))
            });
        }
        let image_box = |query| geometry.image_from_normalized_cxcywh(four(boxes, query)?);
        report(picks, thresholds, f32::INFINITY, image_box, out);
        if let Some(scores) = scores {
            scores.start(slots.labels().len());
            for row in picks.iter().map(|pick| query_row(values, columns, pick.query)) {
                let scores = scores.next_row();
                for (logit, class) in row.iter().zip(slots.classes()) {
                    if let Some(score) = class.and_then(|class| scores.get_mut(usize::from(class.0))) {
                        *score = sigmoid(*logit);
                    }
                }
            }
        }
        Ok(())
    }

    fn pick_decoded(
        &mut self,
        [labels, boxes, scores]: [usize; 3],
        image: Size,
        thresholds: &Thresholds,
        out: &mut Vec<Detection>,
    ) -> Result<(), ZooError> {
        let Self { backend, slots, picks, widened: [first, second], .. } = self;
        let outputs = &backend.signature().outputs;
        let refused = |place: usize, expected: String| {
            let (output, found) = (outputs[place].name.clone(), backend.output(place).shape.to_vec());
            ZooError::Shape { output, found, expected }
        };
        let &[1, queries] = backend.output(scores).shape else { return Err(refused(scores, "[1, N]".to_owned())) };
        let TensorData::I64(classes) = backend.output(labels).data else {
            return Err(refused(labels, "int64".to_owned()));
        };
        if backend.output(labels).shape != [1, queries] {
            return Err(refused(labels, format!("[1, {queries}]")));
        }
        let boxes = checked_boxes(backend.output(boxes), &outputs[boxes].name, queries, first)?;
        let values = floats(backend.output(scores).data, second);
        numbers::check(values, &[1, queries], &outputs[scores].name)?;
        let class_of =
            |slot: i64| -> Option<Option<ClassId>> { slots.classes().get(usize::try_from(slot).ok()?).copied() };
        picks.reserve(queries);
        for ((query, &score), &slot) in
            (0..).zip(values).zip(classes).filter(|((_, score), _)| **score >= thresholds.score)
        {
            let Some(class) = class_of(slot) else {
                let (output, classes) = (outputs[labels].name.clone(), slots.classes().len());
                return Err(ZooError::NoSuchClass { output, at: query as usize, found: slot.to_string(), classes });
            };
            picks.extend(class.map(|class| Pick { score: score.min(1.0), class, query }));
        }
        keep_best(picks, queries);
        let (width, height) = (image.width_px as f32, image.height_px as f32);
        let image_box = |query| {
            let [x_min, y_min, x_max, y_max] = four(boxes, query)?;
            BBox::<ImagePx>::from_corners(x_min, y_min, x_max, y_max)?.clipped(width, height)
        };
        report(picks, thresholds, f32::INFINITY, image_box, out);
        Ok(())
    }
}

impl Detector for Detr {
    fn labels(&self) -> &Labels {
        self.slots.labels()
    }

    fn input_size(&self) -> Size {
        self.picture.tensor()
    }

    fn detect(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        self.find(image, thresholds, out, None)
    }

    /// The authors' export tells its best classes only.
    fn detect_with_scores(
        &mut self,
        image: &ImageView,
        thresholds: &Thresholds,
        out: &mut Vec<Detection>,
        scores: &mut ClassScores,
    ) -> Result<(), ZooError> {
        self.find(image, thresholds, out, Some(scores))
    }

    fn proof(&self) -> &Proof {
        self.backend.proof()
    }
}
