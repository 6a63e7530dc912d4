//! YOLO detectors as Ultralytics exports them to ONNX.
//!
//! In: one input `[1, 3, H, W]`, float32 or float16, NCHW, RGB, 0..=1, letterboxed. Out: one output in either of
//! two [`Layout`]s. The class names are in the metadata under `names`. Source: Ultralytics' documentation of its ONNX
//! export.

mod constant;
mod decode;

pub use constant::constant_detector;
pub use decode::{Decoder, Layout};

use super::class_names;
use crate::infer::{Backend, Proof, Signature};
use crate::types::{Detection, Element, ImageView, Labels, Size};
use crate::vision::{Candidate, Normalize, Preprocessor, suppress};
use crate::zoo::{Detector, Thresholds, ZooError};

const FAMILY: &str = "yolo";

/// The shape of the input for pictures letterboxed to `input`: `[1, 3, H, W]`.
pub fn input_shape(input: Size) -> Vec<usize> {
    vec![1, 3, input.height_px as usize, input.width_px as usize]
}

/// A YOLO detector around a backend.
pub struct Yolo {
    backend: Box<dyn Backend>,
    preprocessor: Preprocessor,
    decoder: Decoder,
    /// After a picture, those that were reported, in their order.
    candidates: Vec<Candidate>,
    /// One box's, to be lent.
    class_scores: Vec<f32>,
    labels: Labels,
    input: Size,
}

impl Yolo {
    /// For a model whose pictures are letterboxed to `input`. `labels` stand in for the names in the metadata.
    ///
    /// # Errors
    /// [`ZooError`] with the model's tensors and the family's, when they differ.
    pub fn new(input: Size, labels: Option<&[String]>, backend: Box<dyn Backend>) -> Result<Self, ZooError> {
        let signature = backend.signature();
        check_input(signature, input)?;
        let labels = labels_of(signature, labels)?;
        let layout = Layout::of(signature, labels.len())?;
        Ok(Self {
            preprocessor: Preprocessor::new(input, Normalize::UNIT),
            decoder: Decoder::new(layout),
            candidates: Vec::with_capacity(layout.boxes()),
            class_scores: vec![0.0; labels.len()],
            labels,
            input,
            backend,
        })
    }

    fn find(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        self.candidates.clear();
        let letterbox = self.preprocessor.run(image, &mut self.backend.input(0))?;
        self.backend.run()?;
        self.decoder.decode(self.backend.output(0).data, thresholds, &mut self.candidates);
        // An end-to-end model has suppressed already: for it, this only sorts and cuts.
        let iou = if self.decoder.layout().needs_nms() { thresholds.iou } else { f32::INFINITY };
        suppress(&mut self.candidates, iou, thresholds.max_detections);
        self.candidates.retain(|&Candidate { bbox, class, score, .. }| {
            let bbox = letterbox.image_from_tensor(bbox);
            out.extend(bbox.map(|bbox| Detection { bbox, class, score, track: None }));
            bbox.is_some()
        });
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
        out.clear();
        self.find(image, thresholds, out)
    }

    fn class_scores(&mut self, index: usize) -> Option<&[f32]> {
        let source = self.candidates.get(index)?.source;
        self.decoder.class_scores(self.backend.output(0).data, source, &mut self.class_scores)?;
        Some(&self.class_scores)
    }

    fn proof(&self) -> &Proof {
        self.backend.proof()
    }
}

fn check_input(signature: &Signature, input: Size) -> Result<(), ZooError> {
    let refused = || ZooError::Inputs {
        family: FAMILY,
        found: signature.inputs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        expected: "one input [1, 3, H, W] of float32 or float16".to_owned(),
    };
    let [spec] = signature.inputs.as_slice() else { return Err(refused()) };
    let [Some(1), Some(3), Some(height), Some(width)] = spec.shape.as_slice() else { return Err(refused()) };
    if !matches!(spec.element, Element::F32 | Element::F16) {
        return Err(refused());
    }
    let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
    let model = Size { width_px: side(*width), height_px: side(*height) };
    if model != input {
        return Err(ZooError::InputSize { model, manifest: input });
    }
    Ok(())
}

fn labels_of(signature: &Signature, given: Option<&[String]>) -> Result<Labels, ZooError> {
    let names = match (given, signature.metadata.get("names")) {
        (Some(given), _) => given.to_vec(),
        (None, Some(text)) => class_names::parse(text)?,
        (None, None) => {
            let reason = "neither the model's metadata nor the manifest's key labels has them".to_owned();
            return Err(ZooError::Names { reason });
        }
    };
    if u16::try_from(names.len()).is_err() {
        return Err(ZooError::Names { reason: format!("{} are more than 65535", names.len()) });
    }
    Ok(Labels::new(names, 0))
}
