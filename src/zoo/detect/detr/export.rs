//! Which of the family's exports a graph is.

use crate::infer::Signature;
use crate::zoo::ZooError;
use crate::zoo::detect::queries::{input, is_float, is_int, output, tensors};

const FAMILY: &str = "detr";

/// The places of a graph's tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Export {
    pub picture: usize,
    /// `orig_target_sizes`.
    pub sizes: Option<usize>,
    pub form: Form,
}

/// How the outputs hold what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Logits of all classes, boxes as center and size in `0..=1`.
    Logits {
        logits: usize,
        boxes: usize,
        /// Whether the classes are numbered as COCO's categories.
        rf_detr: bool,
    },
    /// Best pairs, boxes as corners in pixels of the image.
    Decoded { labels: usize, boxes: usize, scores: usize },
}

impl Export {
    /// The export that a graph's inputs tell.
    ///
    /// # Errors
    /// [`ZooError::Inputs`], [`ZooError::Outputs`].
    pub fn of(signature: &Signature) -> Result<Self, ZooError> {
        let picture = |name| input(signature, name, |spec| is_float(spec, 4));
        let floats = |name, rank| output(signature, name, |spec| is_float(spec, rank));
        let outputs = |expected: &str| ZooError::Outputs {
            family: FAMILY,
            found: tensors(&signature.outputs),
            expected: expected.to_owned(),
        };
        let logits = |picture, [logits, boxes]: [&'static str; 2], rf_detr| {
            let (logits, boxes) = (floats(logits, 3)?, floats(boxes, 3)?);
            Some(Self { picture, sizes: None, form: Form::Logits { logits, boxes, rf_detr } })
        };
        match signature.inputs.len() {
            1 => {
                if let Some(picture) = picture("pixel_values") {
                    let export = logits(picture, ["logits", "pred_boxes"], false);
                    return export
                        .ok_or_else(|| outputs("logits [1, N, C] and pred_boxes [1, N, 4] beside pixel_values"));
                }
                if let Some(picture) = picture("input") {
                    let export = logits(picture, ["labels", "dets"], true);
                    return export.ok_or_else(|| outputs("dets [1, N, 4] and labels [1, N, C] of floats beside input"));
                }
            }
            2 => {
                let sizes = input(signature, "orig_target_sizes", |spec| is_int(spec, 2));
                if let (Some(picture), Some(sizes)) = (picture("images"), sizes) {
                    let labels = output(signature, "labels", |spec| is_int(spec, 2));
                    return match (labels, floats("boxes", 3), floats("scores", 2)) {
                        (Some(labels), Some(boxes), Some(scores)) => {
                            Ok(Self { picture, sizes: Some(sizes), form: Form::Decoded { labels, boxes, scores } })
                        }
                        _ => Err(outputs(
                            "labels int64 [1, N], boxes [1, N, 4] and scores [1, N] beside images and orig_target_sizes",
                        )),
                    };
                }
            }
            _ => {}
        }
        Err(ZooError::Inputs {
            family: FAMILY,
            found: tensors(&signature.inputs),
            expected: "pixel_values (transformers), images and orig_target_sizes int64 [1, 2] (the authors' \
                       repositories) or input (RF-DETR), pictures as float32 or float16 [1, 3, H, W]"
                .to_owned(),
        })
    }

    pub fn is_rf_detr(&self) -> bool {
        matches!(self.form, Form::Logits { rf_detr: true, .. })
    }
}
