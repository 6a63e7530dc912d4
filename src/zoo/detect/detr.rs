//! Detectors of the DETR kind with fixed classes: DETR, RT-DETR v1 to v4, D-FINE, DEIM, RF-DETR, LW-DETR, and those of
//! PaddleDetection.
//!
//! Their exports, told apart by the names and shapes of their outputs; float32 or float16:
//!
//! | export | inputs beside the picture `[1, 3, H, W]` | outputs |
//! | --- | --- | --- |
//! | transformers (Optimum, transformers.js) | DETR: `pixel_mask` | `logits` `[1, N, C]`, `pred_boxes` `[1, N, 4]` |
//! | the authors' repositories (RT-DETR, D-FINE, DEIM) | `orig_target_sizes` `[1, 2]` | `labels` `[1, N]`, `boxes` `[1, N, 4]`, `scores` `[1, N]` |
//! | their networks alone, TAO | | `pred_logits`, `pred_boxes` |
//! | RF-DETR, LW-DETR | | `dets` `[1, N, 4]`, `labels` `[1, N, C]` |
//! | PaddleDetection | `im_shape`, `scale_factor` `[1, 2]` | `[N, 6]` (class, score, corners), the number of boxes |
//!
//! With logits, each pair of a query and a class is a candidate: sigmoid, the N best of all pairs, no NMS; boxes are
//! center and size in `0..=1` of the tensor. So a query may come out under two classes. It does not, where
//! [`Thresholds::classes`] leaves out the better one of them, nor with softmax, where its best class is its only one. The
//! authors' export has done this inside, for the size that it is fed (width, height): that of the image, so that its
//! boxes are in pixels of the image; a graph without that input can only give pixels of the tensor, and its layout must be
//! said. PaddleDetection's is fed a scale of 1, so that its boxes are in pixels of the tensor.
//!
//! A logit, score or coordinate that is not finite costs the picture ([`ZooError::NotANumber`]), and so does a good box
//! under a class that has no slot ([`ZooError::NoSuchClass`]). A box without area in the picture is left out alone; a score
//! a little above 1 counts as 1. Logits that are all probabilities, scores far from `0..=1` and boxes in other units than
//! the export's are none of it ([`ZooError::NotThatLayout`]).
//!
//! **Pixels** are prepared as the checkpoint's `preprocessor_config.json` says, where the manifest lists it. Otherwise
//! they are stretched (bilinear) to the graph's size, as the authors publish it: RT-DETR and D-FINE take `0..=1` without
//! mean and deviation; RF-DETR those of ImageNet, and resizes floats, not bytes. The manifest's `input.mean` and
//! `input.std` outdo both.
//!
//! **Names** are the manifest's `labels`, those in `config.json` (`id2label`) or in the graph's metadata. RF-DETR numbers its logits by COCO's
//! 91 category ids, eleven of which no class has: 91 names with `N/A` at those, or COCO's 80 names, which are put where
//! they belong. Slots without a name are skipped: see `slots`.
//!
//! Sources: transformers' documentation of the models and of `post_process_object_detection`; the export scripts'
//! documentation of lyuwenyu/RT-DETR, Peterande/D-FINE, roboflow/rf-detr and PaddlePaddle/PaddleDetection.

mod export;
mod slots;

use super::graph::{Beside, Hints, NamesFrom, Understood, names_in_metadata};
use super::numbers;
use super::picture_input::{PictureInput, usual_size};
use super::queries::{
    Pick, checked_boxes, checked_logits, counted, floats, four, keep_best, logit_floor, query_row, report, sigmoid,
};
use crate::infer::{Agreement, Backend, BytesIn, GraphEdit, Proof, Signature};
use crate::types::{BBox, ClassId, ClassScores, Detection, ImagePx, ImageView, Labels, Size, TensorData};
use crate::vision::{
    Colors, Fit, ImageProcessor, Normalize, NormalizedGeometry, ProcessorConfig, Resample, Resize, SizeRule, TensorForm,
};
use crate::zoo::manifest::{Document, image_processor};
use crate::zoo::{Detector, Family, LayoutName, Manifest, Thresholds, ZooError};
use export::{Export, FAMILY, Form, Origin};
use slots::{Known, Names, Slots};

/// What a score may be, rounding included.
const SCORES: std::ops::RangeInclusive<f32> = -0.5..=2.0;

/// Whether a graph's outputs are those of this family.
pub(super) fn is_likely(signature: &Signature) -> bool {
    Form::of(signature).is_some()
}

/// The size of the tensor that a usual picture becomes, where the checkpoint's `preprocessor_config.json` says it.
///
/// # Errors
/// [`ZooError`] for a file that is not understood.
pub(super) fn configured_size(manifest: &Manifest) -> Result<Option<Size>, ZooError> {
    image_processor(manifest)?.map(|processor| usual_size(&processor)).transpose()
}

/// Reads a graph as one of this family.
///
/// # Errors
/// As [`understand`](super::understand).
pub(super) fn understand(signature: &Signature, hints: &Hints) -> Result<Understood, ZooError> {
    let export = Export::of(signature, hints)?;
    let given = hints.labels.map(given_names);
    let given = given.map_or_else(|| metadata_names(signature), |names| Ok(Some(names)))?;
    let slots = Slots::of(given, known(&export, signature, hints))?;
    let form = form_of(&export, hints)?;
    let mut notes: Vec<String> = export.inputs.note.clone().into_iter().collect();
    if slots.names_from == NamesFrom::Coco {
        notes.push("nobody names the classes: those of COCO are taken".to_owned());
    }
    if hints.pixels.normalize.is_none() {
        notes.push(match export.form {
            Form::Decoded { .. } => {
                "pixels are taken as 0..1; DEIMv2's larger models want mean and std (input.mean, input.std)".to_owned()
            }
            _ => format!(
                "pixels are taken as {}, unless a preprocessor_config.json or the manifest says otherwise",
                form.normalize
            ),
        });
    }
    let read = match export.form {
        Form::Logits { logits, boxes, .. } => vec![logits, boxes],
        Form::Decoded { labels, boxes, scores } => vec![labels, boxes, scores],
        Form::Rows { rows, count } => vec![rows, count],
    };
    let names = signature.outputs.iter().enumerate().filter(|(place, _)| !read.contains(place));
    let names: Vec<&str> = names.map(|(_, spec)| spec.name.as_str()).collect();
    if !names.is_empty() {
        notes.push(format!("not read: {}", names.join(", ")));
    }
    Ok(Understood {
        family: Family::Detr,
        layout: slots.layout,
        input: export.inputs.picture.name,
        element: export.inputs.picture.element,
        channels_last: false,
        size: export.inputs.picture.size,
        form,
        labels: slots.labels().names().map(str::to_owned).collect(),
        names_from: slots.names_from,
        notes,
    })
}

fn known(export: &Export, signature: &Signature, hints: &Hints) -> Known {
    let of_form = match export.form {
        Form::Logits { .. } => LayoutName::Logits,
        Form::Decoded { .. } => LayoutName::Decoded,
        Form::Rows { .. } => LayoutName::ClassScoreBox,
    };
    Known { slots: export.slots(signature), rf_detr: export.is_rf_detr(), said: hints.layout, of_form }
}

fn given_names(labels: &[String]) -> Names {
    let has_holes = labels.iter().any(|name| name == "N/A");
    let names = labels.iter().map(|name| Some(name.clone()).filter(|name| name != "N/A")).collect();
    Names { names, from: NamesFrom::Given, by_slot: has_holes }
}

/// Those of the graph's metadata.
fn metadata_names(signature: &Signature) -> Result<Option<Names>, ZooError> {
    let names = names_in_metadata(signature)?;
    Ok(names.map(|names| Names { from: NamesFrom::Metadata, ..given_names(&names) }))
}

/// The manifest's names, or those of its `config.json`, or the graph's.
fn names_of(manifest: &Manifest, signature: &Signature) -> Result<Option<Names>, ZooError> {
    match (&manifest.labels, manifest.path_of("config")) {
        (Some(labels), _) => Ok(Some(given_names(labels))),
        (None, Ok(_)) => {
            let names = Document::read(manifest, "config")?.class_names()?;
            Ok(Some(Names { names, from: NamesFrom::Given, by_slot: true }))
        }
        (None, Err(_)) => metadata_names(signature),
    }
}

/// How pixels are prepared where no `preprocessor_config.json` says it.
///
/// # Errors
/// [`ZooError::Inputs`] when the manifest wants a picture that is not stretched, or BGR.
fn form_of(export: &Export, hints: &Hints) -> Result<TensorForm, ZooError> {
    let normalize = match export.form {
        Form::Logits { origin: Origin::RfDetr | Origin::Raw, .. } => Normalize::IMAGENET,
        _ => Normalize::UNIT,
    };
    let form = hints.pixels.over(TensorForm { fit: Fit::Stretch, colors: Colors::Rgb, normalize });
    if form.fit != Fit::Stretch || form.colors != Colors::Rgb {
        return Err(ZooError::Inputs {
            family: FAMILY,
            found: format!("{}, as the manifest says: {form}", export.inputs.picture.name),
            expected: "pictures that are stretched, rgb".to_owned(),
        });
    }
    Ok(form)
}

fn processor(manifest: &Manifest, export: &Export, hints: &Hints) -> Result<ImageProcessor, ZooError> {
    let form = form_of(export, hints)?;
    if hints.pixels.is_silent()
        && let Some(processor) = image_processor(manifest)?
    {
        return Ok(processor);
    }
    let (size, filter) = (export.inputs.picture.size, Resample::Bilinear);
    let config = ProcessorConfig::stretched(size, filter, form.normalize);
    let config = if export.is_rf_detr() {
        ProcessorConfig { resize: Resize::Floats { rule: SizeRule::Exact(size), filter }, ..config }
    } else {
        config
    };
    Ok(ImageProcessor::new(config)?)
}

/// The edit with which a graph's pictures enter as bytes, where it can be read and lets them.
pub(super) fn bytes_in(
    manifest: &Manifest,
    signature: &Signature,
    hints: &Hints,
    wished: BytesIn,
) -> Option<GraphEdit> {
    let export = Export::of(signature, hints).ok()?;
    let steps = processor(manifest, &export, hints).ok()?.channel_steps();
    export.inputs.picture.bytes_in(wished, steps)
}

/// A detector of this family around a backend.
pub struct Detr {
    backend: Box<dyn Backend>,
    picture: PictureInput,
    form: Form,
    /// The place of `orig_target_sizes`.
    target_sizes: Option<usize>,
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
        let hints = Hints::from(manifest);
        let export = Export::of(backend.signature(), &hints)?;
        let slots = Slots::of(names_of(manifest, backend.signature())?, known(&export, backend.signature(), &hints))?;
        let processor = processor(manifest, &export, &hints)?;
        export.inputs.prepare_beside(&mut *backend)?;
        let picture = PictureInput::new(export.inputs.picture.place, processor, &mut *backend)?;
        Ok(Self {
            picture,
            form: export.form,
            target_sizes: export
                .inputs
                .beside
                .into_iter()
                .find_map(|(place, kind)| (kind == Beside::TargetSizes).then_some(place)),
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
        mut scores: Option<&mut ClassScores>,
    ) -> Result<(), ZooError> {
        out.clear();
        self.picks.clear();
        let geometry = self.picture.fill(image, &mut *self.backend)?;
        if let Some(place) = self.target_sizes {
            let Size { width_px, height_px } = image.size();
            Beside::TargetSizes.fill(&mut self.backend.input(place), [width_px, height_px]);
        }
        self.backend.run()?;
        if let (false, Some(scores)) = (matches!(self.form, Form::Logits { .. }), &mut scores) {
            scores.start(0);
        }
        match self.form {
            Form::Logits { logits, boxes, .. } => self.pick_pairs((logits, boxes), &geometry, thresholds, out, scores),
            Form::Decoded { labels, boxes, scores: of_boxes } => {
                self.pick_decoded([labels, boxes, of_boxes], (image.size(), &geometry), thresholds, out)
            }
            Form::Rows { rows, count } => self.pick_rows((rows, count), &geometry, thresholds, out),
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
        let boxes_name = &outputs[boxes].name;
        let boxes = checked_boxes(backend.output(boxes), boxes_name, queries, second)?;
        picks.reserve(values.len());
        let name = &outputs[logits].name;
        check_logits(values, name, slots.layout)?;
        let floor = logit_floor(thresholds.score);
        for (query, row) in (0..).zip(values.chunks_exact(columns)) {
            if slots.is_softmax() {
                picks.extend(softmax_pick(row, slots, query));
                continue;
            }
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
        // Centres beyond the second picture to the right or below.
        let is_beyond = |pick: &Pick| four(boxes, pick.query).is_some_and(|[cx, cy, ..]| cx > 2.0 || cy > 2.0);
        if !picks.is_empty() && picks.iter().all(is_beyond) {
            let reason = "all boxes lie outside the picture: they are in pixels, expected 0 to 1".to_owned();
            return Err(ZooError::NotThatLayout { output: boxes_name.clone(), layout: slots.layout, reason });
        }
        let image_box = |query| geometry.image_from_normalized_cxcywh(four(boxes, query)?);
        report(picks, thresholds, f32::INFINITY, image_box, out);
        if let Some(scores) = scores {
            scores.start(slots.labels().len());
            for row in picks.iter().map(|pick| query_row(values, columns, pick.query)) {
                let scores = scores.next_row();
                let of_all = slots.is_softmax().then(|| Softmax::of(row));
                for (logit, class) in row.iter().zip(slots.classes()) {
                    if let Some(score) = class.and_then(|class| scores.get_mut(usize::from(class.0))) {
                        *score = of_all.map_or_else(|| sigmoid(*logit), |of_all| of_all.probability(*logit));
                    }
                }
            }
        }
        Ok(())
    }

    fn pick_decoded(
        &mut self,
        [labels, boxes, scores]: [usize; 3],
        (image, geometry): (Size, &NormalizedGeometry),
        thresholds: &Thresholds,
        out: &mut Vec<Detection>,
    ) -> Result<(), ZooError> {
        // Without a word about the image, boxes can only be the tensor's.
        let tensor = self.target_sizes.is_none().then(|| self.picture.tensor());
        let Self { backend, slots, picks, widened: [first, second], .. } = self;
        let outputs = &backend.signature().outputs;
        let refused = |place: usize, expected: String| {
            let (output, found) = (outputs[place].name.clone(), backend.output(place).shape.to_vec());
            ZooError::Shape { output, found, expected }
        };
        let &[1, queries] = backend.output(scores).shape else { return Err(refused(scores, "[1, N]".to_owned())) };
        let classes = backend.output(labels).data;
        let slot_of = |query: usize| match classes {
            TensorData::I64(values) => values.get(query).copied(),
            TensorData::I32(values) => values.get(query).map(|value| i64::from(*value)),
            _ => None,
        };
        if backend.output(labels).shape != [1, queries] {
            return Err(refused(labels, format!("[1, {queries}]")));
        }
        let boxes_name = &outputs[boxes].name;
        let boxes = checked_boxes(backend.output(boxes), boxes_name, queries, first)?;
        let values = floats(backend.output(scores).data, second);
        numbers::check(values, &[1, queries], &outputs[scores].name)?;
        let class_of =
            |slot: i64| -> Option<Option<ClassId>> { slots.classes().get(usize::try_from(slot).ok()?).copied() };
        picks.reserve(queries);
        check_scores(values.iter().copied(), &outputs[scores].name, slots.layout)?;
        for (query, &score) in (0u32..).zip(values).filter(|(_, score)| **score >= thresholds.score) {
            let slot = slot_of(query as usize).ok_or_else(|| refused(labels, "int64 or int32".to_owned()))?;
            let Some(class) = class_of(slot) else {
                let (output, classes) = (outputs[labels].name.clone(), slots.classes().len());
                return Err(ZooError::NoSuchClass { output, at: query as usize, found: slot.to_string(), classes });
            };
            picks.extend(class.map(|class| Pick { score: score.min(1.0), class, query }));
        }
        keep_best(picks, queries);
        let is_small =
            |pick: &Pick| four(boxes, pick.query).is_some_and(|[_, _, right, low]| right <= 1.0 && low <= 1.0);
        // In a picture of a few pixels, a box may be as small.
        let is_large = image.width_px > 16 && image.height_px > 16;
        if is_large && !picks.is_empty() && picks.iter().all(is_small) {
            let reason = "all boxes lie in the first pixel: they are in 0..1, expected pixels of the image".to_owned();
            return Err(ZooError::NotThatLayout { output: boxes_name.clone(), layout: slots.layout, reason });
        }
        let (width, height) = (image.width_px as f32, image.height_px as f32);
        let image_box = |query| {
            let [x_min, y_min, x_max, y_max] = four(boxes, query)?;
            if let Some(Size { width_px, height_px }) = tensor {
                let (width, height) = (width_px as f32, height_px as f32);
                let corners = [x_min / width, y_min / height, x_max / width, y_max / height];
                return geometry.image_from_normalized_xyxy(corners);
            }
            BBox::<ImagePx>::from_corners(x_min, y_min, x_max, y_max)?.clipped(width, height)
        };
        report(picks, thresholds, f32::INFINITY, image_box, out);
        Ok(())
    }

    /// Class, score and corners in pixels of the tensor, which shows the whole picture.
    fn pick_rows(
        &mut self,
        (rows, count): (usize, usize),
        geometry: &NormalizedGeometry,
        thresholds: &Thresholds,
        out: &mut Vec<Detection>,
    ) -> Result<(), ZooError> {
        let tensor = self.picture.tensor();
        let Self { backend, slots, picks, widened: [first, _], .. } = self;
        let name = &backend.signature().outputs[rows].name;
        let output = backend.output(rows);
        let values = floats(output.data, first);
        if !matches!(output.shape, [_, 6]) || !values.len().is_multiple_of(6) {
            let (output, found) = (name.clone(), output.shape.to_vec());
            return Err(ZooError::Shape { output, found, expected: "[N, 6] of float32 or float16".to_owned() });
        }
        let values = values.as_chunks::<6>().0;
        // Behind the last box, there is whatever was there before.
        let count_name = &backend.signature().outputs[count].name;
        let values = &values[..counted(backend.output(count), count_name, slots.layout, values.len())?];
        numbers::check(values.as_flattened(), &[values.len(), 6], name)?;
        // Nothing found is one row with the class -1.
        let is_box = |row: &&[f32; 6]| row[0] != -1.0;
        check_scores(values.iter().filter(is_box).map(|row| row[1]), name, slots.layout)?;
        let boxes = (0u32..).zip(values).filter(|(_, row)| is_box(row) && row[1] >= thresholds.score);
        for (query, &[number, score, ..]) in boxes {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
            let slot = (number >= 0.0 && number.fract() == 0.0).then_some(number as usize);
            let Some(class) = slot.and_then(|slot| slots.classes().get(slot).copied()) else {
                let (output, classes) = (name.clone(), slots.classes().len());
                return Err(ZooError::NoSuchClass { output, at: query as usize, found: number.to_string(), classes });
            };
            picks.extend(class.map(|class| Pick { score: score.min(1.0), class, query }));
        }
        keep_best(picks, values.len());
        let corners = |query: u32| values.get(query as usize).map(|row| [row[2], row[3], row[4], row[5]]);
        let is_small = |pick: &Pick| corners(pick.query).is_some_and(|[_, _, right, low]| right <= 1.0 && low <= 1.0);
        if !picks.is_empty() && picks.iter().all(is_small) {
            let reason = "all boxes lie in the first pixel: they are in 0..1, expected pixels of the tensor".to_owned();
            return Err(ZooError::NotThatLayout { output: name.clone(), layout: slots.layout, reason });
        }
        let (width, height) = (tensor.width_px as f32, tensor.height_px as f32);
        let image_box = |query| {
            let [x_min, y_min, x_max, y_max] = corners(query)?;
            geometry.image_from_normalized_xyxy([x_min / width, y_min / height, x_max / width, y_max / height])
        };
        report(picks, thresholds, f32::INFINITY, image_box, out);
        Ok(())
    }
}

/// What makes the logits of a query probabilities that sum to 1.
#[derive(Debug, Clone, Copy)]
struct Softmax {
    highest: f32,
    sum: f32,
}

impl Softmax {
    fn of(logits: &[f32]) -> Self {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        Self { highest, sum: logits.iter().map(|logit| (logit - highest).exp()).sum() }
    }

    fn probability(self, logit: f32) -> f32 {
        ((logit - self.highest).exp() / self.sum).min(1.0)
    }
}

/// The best class of a query; none where none has a name.
fn softmax_pick(row: &[f32], slots: &Slots, query: u32) -> Option<Pick> {
    let classes = row.iter().zip(slots.classes()).filter_map(|(logit, class)| Some((*logit, (*class)?)));
    let (logit, class) = classes.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    Some(Pick { score: Softmax::of(row).probability(logit), class, query })
}

/// Refuses logits that are probabilities already: none of them is below 0, which no network's are.
fn check_logits(logits: &[f32], output: &str, layout: LayoutName) -> Result<(), ZooError> {
    if logits.is_empty() || !logits.iter().all(|logit| (0.0..=1.0).contains(logit)) {
        return Ok(());
    }
    let reason =
        "all are from 0 to 1, so they are probabilities, expected logits: export without the sigmoid".to_owned();
    Err(ZooError::NotThatLayout { output: output.to_owned(), layout, reason })
}

fn check_scores(scores: impl Iterator<Item = f32>, output: &str, layout: LayoutName) -> Result<(), ZooError> {
    let best = scores.fold(f32::NEG_INFINITY, f32::max);
    if !best.is_finite() || SCORES.contains(&best) {
        return Ok(());
    }
    let reason = format!("the best score is {best}, expected 0 to 1: logits (export with the sigmoid)");
    Err(ZooError::NotThatLayout { output: output.to_owned(), layout, reason })
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

    fn agreed(&mut self, agreement: Agreement) {
        self.backend.agreed(agreement);
    }
}
