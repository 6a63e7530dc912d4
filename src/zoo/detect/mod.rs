//! Families that find things: a picture in, boxes out.
//!
//! A [`Detector`] takes any picture and gives boxes in its pixels. What a family's tensors are called, how pixels get in
//! and how boxes get out is in the file of the family.
//!
//! **Not a number is not 'nothing there'.** An engine that overflows, as one of half precision may, gives NaN or
//! infinities: everywhere, or in the few places that were largest. Nobody knows what the other numbers are worth then, so
//! one of them in any output that is read costs the picture ([`ZooError::NotANumber`]), also where its box would not have
//! been reported. A good box under a class that has no name does so too ([`ZooError::NoSuchClass`]). What is a number is
//! taken: a score above 1 counts as 1, one below 0 as 0, and a box without area in the picture is left out alone.

mod detector;
pub mod detr;
pub mod grounding_dino;
pub(super) mod numbers;
pub mod owl;
pub(super) mod picture_input;
mod prompted;
pub(super) mod queries;
pub(super) mod thresholds;
pub mod yolo;

pub use detector::Detector;
pub use yolo::constant::constant_detector;

use crate::infer::{Backend, InferError, OrtBackend, Runtime, SessionOptions};
use crate::zoo::{Family, Manifest, Task, ZooError};

/// The detector of a manifest's family around a backend that has the manifest's model.
///
/// # Errors
/// [`ZooError`] when inputs, outputs or class names are not those of the family.
pub fn open(manifest: &Manifest, backend: Box<dyn Backend>) -> Result<Box<dyn Detector>, ZooError> {
    match manifest.family {
        Family::Yolo => Ok(Box::new(yolo::Yolo::new(manifest.input()?.size, manifest.labels.as_deref(), backend)?)),
        Family::Detr => Ok(Box::new(detr::Detr::new(manifest, backend)?)),
        Family::Owl => owl::open(manifest, backend),
        Family::GroundingDino => grounding_dino::open(manifest, backend, grounding_dino::TEXT_THRESHOLD),
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
