//! YOLO detectors as Ultralytics exports them to ONNX.
//!
//! In: one input `[1, 3, H, W]`, float32 or float16, NCHW, RGB, 0..=1, letterboxed. Out: one output in either of
//! two [`Layout`]s. The class names are in the metadata under `names`. Source: Ultralytics' documentation of its ONNX
//! export.

mod class_names;
pub(super) mod constant;
mod decode;
mod layout;

pub use decode::Decoder;
pub use layout::Layout;

use crate::infer::{Backend, Proof, Signature};
use crate::types::{ClassScores, Detection, Element, ImageView, Labels, Size};
use crate::vision::{Candidate, Normalize, Preprocessor, suppress};
use crate::zoo::{Detector, Thresholds, ZooError};
use layout::FAMILY;

/// The shape of the input for pictures letterboxed to `input`: `[1, 3, H, W]`.
pub fn input_shape(input: Size) -> Vec<usize> {
    vec![1, 3, input.height_px as usize, input.width_px as usize]
}

/// A YOLO detector around a backend.
pub struct Yolo {
    backend: Box<dyn Backend>,
    preprocessor: Preprocessor,
    decoder: Decoder,
    candidates: Vec<Candidate>,
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
            decoder: Decoder::new(layout, &signature.outputs[0].name),
            candidates: Vec::with_capacity(layout.boxes()),
            labels,
            input,
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
        let has_scores = matches!(self.decoder.layout(), Layout::Rows { .. });
        if let Some(scores) = &mut scores {
            scores.start(if has_scores { self.labels.len() } else { 0 });
        }
        let letterbox = self.preprocessor.run(image, &mut self.backend.input(0))?;
        self.backend.run()?;
        let output = self.backend.output(0).data;
        self.decoder.decode(output, thresholds, &mut self.candidates)?;
        // An end-to-end model has suppressed already: for it, this only sorts and cuts.
        let iou = if self.decoder.layout().needs_nms() { thresholds.iou } else { f32::INFINITY };
        suppress(&mut self.candidates, iou, thresholds.max_detections);
        for &Candidate { bbox, class, score, source } in &self.candidates {
            let Some(bbox) = letterbox.image_from_tensor(bbox) else { continue };
            out.push(Detection { bbox, class, score, track: None });
            if let Some(scores) = &mut scores {
                self.decoder.class_scores(output, source, scores.next_row());
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
