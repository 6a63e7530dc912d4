//! Model families and their manifests.
//!
//! A [`Manifest`] says which family a checkpoint belongs to and which files it needs. A family (one file here) knows
//! tensor names, preprocessing and the layout of the outputs, so that a new checkpoint is a new manifest and no new
//! code. In: a picture and [`Thresholds`]. Out: boxes in pixels of the picture. What runs the model is left to
//! `infer`, the pixels to `vision`.
//!
//! | family | task | layouts |
//! | --- | --- | --- |
//! | [`yolo`] | detect | `[1, 4 + C, N]` (v8, v9, 11, 12), `[1, N, 6]` (v10, 26); float32 and float16 |
//! | [`detr`] | detect | RT-DETR, D-FINE: `logits` and `pred_boxes`, or `labels`, `boxes`, `scores`; RF-DETR: `dets` and `labels` |
//! | [`owl`] | detect | prompts: `pixel_values`, `input_ids`, `attention_mask` to `logits` and `pred_boxes` |
//! | [`grounding_dino`] | detect | prompts in one caption: the same with `pixel_mask` and `token_type_ids` |
//! | [`clip`] | score | CLIP, SigLIP: `text_model` and `vision_model` to vectors |
//! | [`conse`] | detect | prompts for any of the above, by the names of its classes |
//! | [`crops`] | detect | the same, by what CLIP or SigLIP sees in its boxes |
//! | [`smolvlm`] | answer | SmolVLM, SmolVLM2, Idefics3: `vision_encoder`, `embed_tokens`, `decoder_model_merged` |
//! | [`florence2`] | answer | the same and `encoder_model`; task prompts |
//! | [`SentenceEncoder`] | embed | `input_ids`, ... to `sentence_embedding` or `last_hidden_state` |

mod catalog;
mod checkpoint;
pub mod clip;
pub mod conse;
pub mod crops;
pub mod detr;
mod error;
mod family;
pub mod florence2;
pub mod grounding_dino;
mod integrity;
mod keys;
mod manifest;
mod names;
pub mod owl;
mod own_classes;
mod picture_input;
mod prompting;
mod queries;
mod raw_manifest;
mod sentence_encoder;
pub mod smolvlm;
mod thresholds;
mod vision_language;
pub mod yolo;

pub use catalog::{find, list};
pub use conse::Conse;
pub use crops::CropMatch;
pub use error::{ManifestError, ZooError};
pub use family::{Family, Task};
pub use integrity::{Expected, FetchRecord, FetchedFile, Integrity};
pub use manifest::{Generation, Input, License, Manifest, ModelFile, Scoring};
pub use prompting::{EncodedPrompts, PromptEncoder, PromptForm};
pub use sentence_encoder::SentenceEncoder;
pub use thresholds::{ClassMask, Thresholds, UnknownClass};
pub use vision_language::VisionLanguageModel;
pub use yolo::constant_detector;

use crate::infer::{Backend, InferError, OrtBackend, Proof, Runtime, SessionOptions};
use crate::types::{Detection, ImageView, Labels, Size};

/// A model that finds things in one picture.
pub trait Detector: Send {
    /// The names of its classes.
    fn labels(&self) -> &Labels;

    /// The size of the tensor into which pictures are letterboxed.
    fn input_size(&self) -> Size;

    /// Replaces `out` by what is seen in `image`: best score first, boxes in pixels of the image and clipped to it, no
    /// more than `thresholds.max_detections`, no tracks. In steady state nothing of ours is allocated.
    ///
    /// # Errors
    /// [`ZooError`] costs this picture; `out` is then empty and the detector stays usable.
    fn detect(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError>;

    /// What the model thinks of every class for the box that the last [`detect`](Self::detect) left at `index`: one
    /// probability, `0..=1`, for each of [`labels`](Self::labels). `None` for a model that gives its best class only.
    /// Read when it is asked for: a picture whose scores nobody wants costs nothing more.
    fn class_scores(&mut self, index: usize) -> Option<&[f32]> {
        let _ = index;
        None
    }

    /// Looks for other things from the next picture on; [`labels`](Self::labels) change with it. Cheap: whatever is
    /// slow was done when the prompts were encoded.
    ///
    /// # Errors
    /// [`ZooError::NoPrompts`] for a model with fixed classes, [`ZooError`] when the model does not take these; the
    /// old ones then stay.
    fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), ZooError> {
        let _ = prompts;
        Err(ZooError::NoPrompts)
    }

    /// Which provider runs it, and what became of the others.
    fn proof(&self) -> &Proof;
}

/// The detector of a manifest's family around a backend that has the manifest's model.
///
/// # Errors
/// [`ZooError`] when inputs, outputs or class names are not those of the family.
pub fn open(manifest: &Manifest, backend: Box<dyn Backend>) -> Result<Box<dyn Detector>, ZooError> {
    match manifest.family {
        Family::Yolo => Ok(Box::new(yolo::Yolo::new(manifest.input()?.size, manifest.labels.as_deref(), backend)?)),
        Family::Detr => Ok(Box::new(detr::Detr::new(manifest, backend)?)),
        Family::Owl => Ok(Box::new(owl::Owl::new(manifest, backend)?)),
        Family::GroundingDino => Ok(Box::new(grounding_dino::GroundingDino::new(manifest, backend)?)),
        family => Err(not_a_detector(family)),
    }
}

/// Loads the manifest's model into ONNX Runtime and opens it. Does not verify the files: see [`Manifest::verify`].
///
/// # Errors
/// As [`OrtBackend::open`] and [`open`].
pub fn load(manifest: &Manifest, runtime: &Runtime, options: &SessionOptions) -> Result<Box<dyn Detector>, ZooError> {
    let open_with =
        |shapes: &[(String, Vec<usize>)]| OrtBackend::open(runtime, &manifest.model_path(), options, shapes);
    let backend = match manifest.family {
        Family::Yolo => {
            let input = manifest.input()?;
            open_with(&[(input.name.clone(), yolo::input_shape(input.size))])?
        }
        Family::Detr => load_detr(manifest, open_with)?,
        // How many prompts there are, and for Grounding DINO how large a picture is, shows later. A profile of shapes
        // would hold TensorRT to the first ones.
        Family::Owl | Family::GroundingDino => open_with(&[])?,
        family => return Err(not_a_detector(family)),
    };
    open(manifest, Box::new(backend))
}

/// Loads the manifest's model into ONNX Runtime as one that answers questions, and tries it. Does not verify the files:
/// see [`Manifest::verify`].
///
/// # Errors
/// [`ZooError::Task`] for a family that answers none; otherwise as the families' `load`.
pub fn load_vision_language(
    manifest: &Manifest,
    runtime: &Runtime,
    options: &SessionOptions,
) -> Result<Box<dyn VisionLanguageModel>, ZooError> {
    match manifest.family {
        Family::Florence2 => Ok(Box::new(florence2::Florence2::load(manifest, runtime, options)?)),
        Family::Smolvlm => Ok(Box::new(smolvlm::SmolVlm::load(manifest, runtime, options)?)),
        family => Err(ZooError::Task { family, found: family.task(), wanted: Task::Answer }),
    }
}

/// What the picture's input is called shows only once the model is open; its shape is wanted before that. A wrong guess
/// opens it a second time, without shapes.
fn load_detr(
    manifest: &Manifest,
    open_with: impl Fn(&[(String, Vec<usize>)]) -> Result<OrtBackend, InferError>,
) -> Result<OrtBackend, ZooError> {
    match open_with(&detr::likely_shapes(manifest)?) {
        Err(InferError::UnknownInput { .. }) => Ok(open_with(&[])?),
        opened => Ok(opened?),
    }
}

/// What encodes prompts for a model that takes them itself ([`Family::takes_prompts`]).
///
/// # Errors
/// [`ZooError::NoPrompts`] for another one, [`ZooError`] when the tokenizer or a configuration is missing or broken.
pub fn prompt_encoder(manifest: &Manifest) -> Result<Box<dyn PromptEncoder>, ZooError> {
    match manifest.family {
        Family::Owl => Ok(Box::new(owl::OwlPromptEncoder::new(manifest)?)),
        Family::GroundingDino => Ok(Box::new(grounding_dino::CaptionEncoder::new(manifest)?)),
        _ => Err(ZooError::NoPrompts),
    }
}

fn not_a_detector(family: Family) -> ZooError {
    ZooError::Task { family, found: family.task(), wanted: Task::Detect }
}
