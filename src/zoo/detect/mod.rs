//! Families that find things: a picture in, boxes out.
//!
//! A [`Detector`] takes any picture and gives boxes in its pixels. What a family's tensors are called, how pixels get in
//! and how boxes get out is in the file of the family.

mod class_names;
pub mod detr;
pub mod grounding_dino;
pub mod owl;
pub(super) mod picture_input;
pub(super) mod queries;
pub(super) mod thresholds;
pub mod yolo;

use crate::infer::{Backend, InferError, OrtBackend, Proof, Runtime, SessionOptions};
use crate::types::{Detection, ImageView, Labels, Size};
use crate::zoo::{EncodedPrompts, Family, Manifest, Task, ZooError};
use thresholds::Thresholds;

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

fn not_a_detector(family: Family) -> ZooError {
    ZooError::Task { family, found: family.task(), wanted: Task::Detect }
}
