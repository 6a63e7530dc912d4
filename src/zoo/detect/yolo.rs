//! YOLO detectors, and what gives boxes as they do.
//!
//! In: one picture, NCHW or NHWC, float32, float16 or bytes, prepared as the layout has it unless the manifest says
//! otherwise. Out: boxes in one of the layouts of [`LayoutName`] that belong to the family; what
//! tells them apart is in `recognize`, a table of them in `docs/models.md`. The class names are in the metadata under
//! `names`. Sources: the documentation of the exports of Ultralytics, YOLOv5, YOLOv7, YOLOX, YOLO-NAS and MMDeploy.

mod boxes;
mod columns;
pub(super) mod constant;
mod decode;
mod finished;
mod grids;
mod layout;
mod no_detector;
mod notes;
mod placed_picture;
mod plausible;
mod recognize;
mod rows;

pub use decode::Decoder;
pub use layout::Layout;

use super::graph::{Hints, Inputs, NamesFrom, Understood, coco, names_in_metadata};
use crate::infer::{Agreement, Backend, BytesIn, GraphEdit, Proof, Signature};
use crate::types::{ClassScores, Detection, Element, ImageView, Labels, Size};
use crate::vision::{Candidate, Colors, Fit, Normalize, TensorForm, suppress};
use crate::zoo::{Detector, Family, LayoutName, Thresholds, ZooError};
use layout::FAMILY;
use placed_picture::PlacedPicture;
use recognize::Found;

/// The shape of the input for pictures letterboxed to `input`: `[1, 3, H, W]`.
pub fn input_shape(input: Size) -> Vec<usize> {
    vec![1, 3, input.height_px as usize, input.width_px as usize]
}

/// What was understood of a graph, with its places.
struct Recognized {
    inputs: Inputs,
    found: Found,
    form: TensorForm,
    labels: Vec<String>,
    names_from: NamesFrom,
}

/// Reads a graph as one of this family.
///
/// # Errors
/// As [`understand`](super::understand).
pub(super) fn understand(signature: &Signature, hints: &Hints) -> Result<Understood, ZooError> {
    let Recognized { inputs, mut found, form, labels, names_from } = recognized(signature, hints)?;
    if inputs.picture.element == Element::U8 && hints.pixels.normalize.is_some_and(|said| said != Normalize::BYTES) {
        found.notes.push("the input takes bytes: the manifest's range, mean and std are not used".to_owned());
    }
    Ok(Understood {
        family: Family::Yolo,
        layout: found.layout.name,
        input: inputs.picture.name,
        element: inputs.picture.element,
        channels_last: inputs.picture.channels_last,
        size: inputs.picture.size,
        form,
        labels,
        names_from,
        notes: found.notes,
    })
}

/// The edit with which a graph's pictures enter as bytes, where it can be read and lets them.
pub(super) fn bytes_in(signature: &Signature, hints: &Hints, wished: BytesIn) -> Option<GraphEdit> {
    let Recognized { inputs, form, .. } = recognized(signature, hints).ok()?;
    inputs.picture.bytes_in(wished, Some(form.channel_steps().to_vec()))
}

fn recognized(signature: &Signature, hints: &Hints) -> Result<Recognized, ZooError> {
    let inputs = Inputs::of(signature, hints, FAMILY)?;
    let named = match hints.labels {
        Some(given) => Some((given.to_vec(), NamesFrom::Given)),
        None => names_in_metadata(signature)?.map(|names| (names, NamesFrom::Metadata)),
    };
    let count = named.as_ref().map(|(names, from)| (names.len(), *from));
    let mut found = recognize::layout_of(signature, hints, count, inputs.picture.size)?;
    found.notes.extend(inputs.note.clone());
    let assumed = || {
        let classes = found.layout.has_class_scores().then_some(found.layout.classes)?;
        coco::assumed(classes).map(|names| (names, NamesFrom::Coco))
    };
    let unnamed = || ZooError::Names { reason: recognize::UNNAMED.to_owned() };
    let (labels, names_from) = named.or_else(assumed).ok_or_else(unnamed)?;
    if names_from == NamesFrom::Coco {
        found.notes.push("nobody names the 80 classes: those of COCO are taken".to_owned());
    }
    if labels.is_empty() || u16::try_from(labels.len()).is_err() {
        return Err(ZooError::Names { reason: format!("there are {}, expected 1 to 65535", labels.len()) });
    }
    let mut form = hints.pixels.over(form_of(found.layout.name));
    if inputs.picture.element == Element::U8 {
        form.normalize = Normalize::BYTES;
    }
    Ok(Recognized { inputs, found, form, labels, names_from })
}

/// How the pixels of a layout's models are prepared by those who write them.
fn form_of(layout: LayoutName) -> TensorForm {
    match layout {
        LayoutName::Yolox => TensorForm { fit: Fit::Corner, colors: Colors::Bgr, normalize: Normalize::BYTES },
        LayoutName::DetsAndLabels => {
            TensorForm { fit: Fit::Corner, normalize: Normalize::IMAGENET, ..TensorForm::YOLO }
        }
        LayoutName::NormalizedColumns | LayoutName::NormalizedEndToEnd => {
            TensorForm { fit: Fit::Stretch, ..TensorForm::YOLO }
        }
        _ => TensorForm::YOLO,
    }
}

/// A YOLO detector around a backend.
pub struct Yolo {
    backend: Box<dyn Backend>,
    picture: PlacedPicture,
    decoder: Decoder,
    /// The places of the layout's outputs.
    outputs: Vec<usize>,
    candidates: Vec<Candidate>,
    labels: Labels,
    input: Size,
}

impl Yolo {
    /// For a model of which `hints` say what its graph does not.
    ///
    /// # Errors
    /// As [`understand`](super::understand); [`ZooError::Infer`] when the graph does not take its inputs' shapes.
    pub fn new(hints: &Hints, mut backend: Box<dyn Backend>) -> Result<Self, ZooError> {
        let Recognized { inputs, found: Found { layout, outputs, notes }, form, labels, .. } =
            recognized(backend.signature(), hints)?;
        for note in notes {
            tracing::info!(layout = %layout.name, "{note}");
        }
        let size = inputs.picture.size;
        backend.reshape(inputs.picture.place, &inputs.picture.shape())?;
        inputs.prepare_beside(&mut *backend)?;
        let specs = &backend.signature().outputs;
        let names: Vec<&str> = outputs.iter().map(|place| specs[*place].name.as_str()).collect();
        let room = outputs.first().map_or(0, |place| {
            let sides = specs[*place].shape.iter().map(|side| side.unwrap_or(0));
            sides.filter(|side| *side != layout.width).max().unwrap_or(0)
        });
        Ok(Self {
            picture: PlacedPicture::new(&inputs.picture, form),
            decoder: Decoder::new(layout, &names, size),
            candidates: Vec::with_capacity(room),
            labels: Labels::new(labels, 0),
            input: size,
            outputs,
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
        self.candidates.clear();
        let has_scores = self.decoder.layout().has_class_scores();
        if let Some(scores) = &mut scores {
            scores.start(if has_scores { self.labels.len() } else { 0 });
        }
        let letterbox = self.picture.fill(image, &mut *self.backend)?;
        self.backend.run()?;
        let output = |place: usize| self.backend.output(self.outputs[place]);
        self.decoder.decode(output, thresholds, &mut self.candidates)?;
        // An end-to-end model has suppressed already: for it, this only sorts and cuts.
        let iou = if self.decoder.layout().needs_nms() { thresholds.iou } else { f32::INFINITY };
        suppress(&mut self.candidates, iou, thresholds.max_detections);
        for &Candidate { bbox, class, score, source } in &self.candidates {
            let Some(bbox) = letterbox.image_from_tensor(bbox) else { continue };
            out.push(Detection { bbox, class, score, track: None });
            if let Some(scores) = &mut scores {
                self.decoder.class_scores(output(0), source, scores.next_row());
            }
        }
        Ok(())
    }
}

impl Detector for Yolo {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn input_size(&self) -> Size {
        self.input
    }

    fn detect(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        self.find(image, thresholds, out, None)
    }

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
