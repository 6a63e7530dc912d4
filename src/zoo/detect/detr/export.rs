//! Which of the family's exports a graph is.

use crate::infer::{Signature, TensorSpec};
use crate::types::Element;
use crate::zoo::detect::graph::{Beside, Hints, Inputs};
use crate::zoo::detect::queries::{is_float, output, tensors};
use crate::zoo::{LayoutName, ZooError};

pub(super) const FAMILY: &str = "detr";

/// The places of a graph's tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Export {
    pub inputs: Inputs,
    pub form: Form,
}

/// How the outputs hold what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Logits of all classes, boxes as center and size in `0..=1`.
    Logits { logits: usize, boxes: usize, origin: Origin },
    /// Best pairs, boxes as corners in pixels of the image, or of the tensor where nothing tells the image's size.
    Decoded { labels: usize, boxes: usize, scores: usize },
    /// Rows of class, score and corners in pixels of the tensor, and how many of them there are.
    Rows { rows: usize, count: usize },
}

/// Who writes logits under these names, which says how pixels are prepared and classes numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// `logits` and `pred_boxes`.
    Transformers,
    /// `labels` and `dets`: RF-DETR and LW-DETR, whose classes may be numbered as COCO's categories.
    RfDetr,
    /// `pred_logits` and `pred_boxes`: the authors' networks as they are, TAO.
    Raw,
}

/// Names of logits and boxes.
const PAIRS: [([&str; 2], Origin); 3] = [
    (["logits", "pred_boxes"], Origin::Transformers),
    (["labels", "dets"], Origin::RfDetr),
    (["pred_logits", "pred_boxes"], Origin::Raw),
];

impl Export {
    /// The export that a graph's outputs tell.
    ///
    /// # Errors
    /// [`ZooError::Inputs`], [`ZooError::InputSize`], [`ZooError::Outputs`], [`ZooError::TwoReadings`].
    pub fn of(signature: &Signature, hints: &Hints) -> Result<Self, ZooError> {
        let inputs = Inputs::of(signature, hints, FAMILY)?;
        if inputs.picture.channels_last {
            return Err(ZooError::Inputs {
                family: FAMILY,
                found: tensors(&signature.inputs),
                expected: "pictures of float32, float16 or uint8 [1, 3, H, W]".to_owned(),
            });
        }
        let wanted = |form: &Form| match (hints.layout, form) {
            (None, _) => true,
            (Some(LayoutName::Decoded), form) => matches!(form, Form::Decoded { .. }),
            (Some(LayoutName::ClassScoreBox), form) => matches!(form, Form::Rows { .. }),
            (Some(_), form) => matches!(form, Form::Logits { .. }),
        };
        let form = Form::of(signature).filter(wanted).ok_or_else(|| ZooError::Outputs {
            family: FAMILY,
            found: tensors(&signature.outputs),
            expected: EXPECTED.to_owned(),
        })?;
        let export = Self { inputs, form };
        if matches!(form, Form::Decoded { .. }) && !export.knows_image() && hints.layout.is_none() {
            return Err(ZooError::TwoReadings {
                found: tensors(&signature.outputs),
                readings:
                    "decoded (RT-DETR, D-FINE: the picture is stretched) or num_dets (it is letterboxed, as for YOLO), \
                           in pixels of the tensor both, since no orig_target_sizes tells the image's size"
                        .to_owned(),
            });
        }
        Ok(export)
    }

    /// Whether the graph is told the size of the image, so that it can give boxes in pixels of it.
    pub fn knows_image(&self) -> bool {
        self.inputs.beside.iter().any(|(_, kind)| *kind == Beside::TargetSizes)
    }

    /// Whether pixels and classes are RF-DETR's.
    pub fn is_rf_detr(&self) -> bool {
        matches!(self.form, Form::Logits { origin: Origin::RfDetr, .. })
    }

    /// How many slots its logits have, where they are fixed.
    pub fn slots(&self, signature: &Signature) -> Option<usize> {
        match self.form {
            Form::Logits { logits, .. } => signature.outputs[logits].shape.last().copied().flatten(),
            _ => None,
        }
    }
}

const EXPECTED: &str = "logits [1, N, C] and pred_boxes [1, N, 4] (transformers), dets [1, N, 4] and labels [1, N, C] of \
                        floats (RF-DETR, LW-DETR), labels [1, N] of integers, boxes [1, N, 4] and scores [1, N] (RT-DETR, \
                        D-FINE, DEIM), or [N, 6] and a number of boxes (PaddleDetection)";

impl Form {
    /// The form that outputs have by their names and shapes.
    pub fn of(signature: &Signature) -> Option<Self> {
        let floats = |name, rank| output(signature, name, |spec| is_float(spec, rank));
        for ([logits, boxes], origin) in PAIRS {
            if let (Some(logits), Some(boxes)) = (floats(logits, 3), floats(boxes, 3)) {
                return Some(Self::Logits { logits, boxes, origin });
            }
        }
        let labels = output(signature, "labels", |spec| is_integer(spec) && spec.shape.len() == 2);
        // With a number of boxes beside them, they are another family's.
        let is_counted = signature.output("num_dets").is_some();
        if let (Some(labels), Some(boxes), Some(scores), false) =
            (labels, floats("boxes", 3), floats("scores", 2), is_counted)
        {
            return Some(Self::Decoded { labels, boxes, scores });
        }
        // PaddleDetection numbers its outputs: they are told by their shapes.
        let rows = signature.outputs.iter().position(|spec| is_float(spec, 2) && spec.shape[1] == Some(6))?;
        let count = signature.outputs.iter().position(|spec| is_integer(spec) && spec.shape.len() <= 1)?;
        Some(Self::Rows { rows, count })
    }
}

fn is_integer(spec: &TensorSpec) -> bool {
    matches!(spec.element, Element::I64 | Element::I32)
}
