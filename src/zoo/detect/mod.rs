//! Families that find things: a picture in, boxes out.
//!
//! A [`Detector`] takes any picture and gives boxes in its pixels. What a family's tensors are called, how pixels get in
//! and how boxes get out is in the file of the family.
//!
//! **Not a number is not 'nothing there'.** An engine that overflows, as one of half precision may, gives NaN or
//! infinities: everywhere, or in the few places that were largest. Nobody knows what the other numbers are worth then, so
//! one of them in any output that is read costs the picture ([`ZooError::NotANumber`]), also where its box would not have
//! been reported. A good box under a class that has no name does so too ([`ZooError::NoSuchClass`]). What is a number is
//! taken: a score a little above 1 counts as 1, one a little below 0 as 0, and a box without area in the picture is left
//! out alone. Numbers that cannot be those of the layout that was taken (logits for scores, boxes in other units) cost the
//! picture as well, with the likely cause ([`ZooError::NotThatLayout`]): nothing is silently nothing.

mod boxes_apart;
mod detector;
pub mod detr;
mod graph;
pub mod grounding_dino;
pub(super) mod numbers;
pub mod owl;
pub(super) mod picture_input;
mod prompted;
pub(super) mod queries;
pub(super) mod thresholds;
mod trial_pictures;
pub mod yolo;

pub use boxes_apart::boxes_apart;
pub use detector::Detector;
use graph::Inputs;
pub(in crate::zoo) use graph::names_in_metadata;
pub use graph::{Hints, NamesFrom, Understood};
pub use yolo::constant::constant_detector;

use crate::infer::{
    Backend, BytesIn, GraphEdit, InferError, Judge, OnnxFile, OrtBackend, Runtime, SessionOptions, Signature,
};
use crate::zoo::{Family, LayoutName, Manifest, Task, ZooError};

/// Reads a graph as a detector with fixed classes: family, layout, size, classes, and how pictures get in. Nothing is
/// opened and nothing run; a detector is built from the same reading, so that what is told here is what will be done.
///
/// # Errors
/// [`ZooError::Inputs`], [`ZooError::InputSize`] and [`ZooError::Outputs`] with the graph's tensors when they are of no
/// known export; [`ZooError::TwoReadings`] when they are of two; [`ZooError::Names`] when nobody names the classes;
/// [`ZooError::Task`] for a family that is not told by its graph.
pub fn understand(signature: &Signature, hints: &Hints) -> Result<Understood, ZooError> {
    let family = hints.family.or(hints.layout.map(LayoutName::family));
    match family.unwrap_or(if detr::is_likely(signature) { Family::Detr } else { Family::Yolo }) {
        Family::Yolo => yolo::understand(signature, hints),
        Family::Detr => detr::understand(signature, hints),
        family => Err(not_a_detector(family)),
    }
}

/// The detector of a manifest's family around a backend that has the manifest's model.
///
/// # Errors
/// [`ZooError`] when inputs, outputs or class names are not those of the family.
pub fn open(manifest: &Manifest, backend: Box<dyn Backend>) -> Result<Box<dyn Detector>, ZooError> {
    match manifest.family {
        Family::Yolo => Ok(Box::new(yolo::Yolo::new(&Hints::from(manifest), backend)?)),
        Family::Detr => Ok(Box::new(detr::Detr::new(manifest, backend)?)),
        Family::Owl => owl::open(manifest, backend),
        Family::GroundingDino => grounding_dino::open(manifest, backend, grounding_dino::TEXT_THRESHOLD),
        family => Err(not_a_detector(family)),
    }
}

/// Loads the manifest's model into ONNX Runtime and opens it, on a provider that finds the boxes that the CPU finds. Does not verify the files: see [`Manifest::verify`].
///
/// # Errors
/// As [`OrtBackend::open`] and [`open`].
pub fn load(
    manifest: &Manifest,
    runtime: &'static Runtime,
    options: &SessionOptions,
) -> Result<Box<dyn Detector>, ZooError> {
    let mut options = options.clone();
    options.tensorrt.precision = options.tensorrt.precision.or(manifest.family.precision());
    let model = manifest.model_path();
    let pictures = trial_pictures::in_words(manifest);
    match manifest.family {
        Family::Yolo | Family::Detr => {
            let judge = Judge { runtime, model: &model, options: &options, on: &pictures };
            judge.open(
                |options| {
                    let open_with = |shapes: &[(String, Vec<usize>)], edit: Option<GraphEdit>| {
                        let options = SessionOptions { edit, ..options.clone() };
                        OrtBackend::open(runtime, &model, &options, shapes)
                    };
                    open(manifest, Box::new(load_closed(manifest, options.bytes_in, open_with)?))
                },
                |reference, judged| trial_pictures::compare(manifest, &mut **reference, &mut **judged),
            )
        }
        // How many prompts there are shows later.
        Family::Owl => {
            options.tensorrt.ranges = owl::ranges(manifest)?;
            options.edit = prompted::bytes_in(manifest, options.bytes_in)?;
            let judge = Judge { runtime, model: &model, options: &options, on: "" };
            let trial = owl::trial(options.tensorrt.ranges.clone());
            let open_tried = |options: &_| OrtBackend::open_tried(runtime, &model, options, &[], trial.clone());
            open(manifest, Box::new(judge.open_backend(open_tried)?))
        }
        // Its graph wants a caption of real words: the first prompts are the first run.
        Family::GroundingDino => {
            options.edit = prompted::bytes_in(manifest, options.bytes_in)?;
            open(manifest, Box::new(OrtBackend::open(runtime, &model, &options, &[])?))
        }
        family => Err(not_a_detector(family)),
    }
}

/// The file itself says what its inputs are called and which of their dimensions are open: the session is opened once, with
/// the shapes that will be bound.
fn load_closed(
    manifest: &Manifest,
    bytes_in: BytesIn,
    open_with: impl Fn(&[(String, Vec<usize>)], Option<GraphEdit>) -> Result<OrtBackend, InferError>,
) -> Result<OrtBackend, ZooError> {
    let mut hints = Hints::from(manifest);
    if hints.size.is_none() && manifest.family == Family::Detr {
        hints.size = detr::configured_size(manifest)?;
    }
    let (signature, edit) = match OnnxFile::read(&manifest.model_path()) {
        Ok(OnnxFile { signature, .. }) => {
            let edit = match manifest.family {
                Family::Detr => detr::bytes_in(manifest, &signature, &hints, bytes_in),
                _ => yolo::bytes_in(&signature, &hints, bytes_in),
            };
            (signature, edit)
        }
        // ONNX Runtime's own format; or a reason that opening the file gives too.
        Err(_) => (open_with(&[], None)?.signature().clone(), None),
    };
    match Inputs::of(&signature, &hints, manifest.family.word()) {
        Ok(inputs) => Ok(open_with(&inputs.shapes(&signature), edit)?),
        Err(refused) => {
            // An input of a type that is not passed is the better reason.
            open_with(&[], None)?;
            Err(refused)
        }
    }
}

fn not_a_detector(family: Family) -> ZooError {
    ZooError::Task { family, found: family.task(), wanted: Task::Detect }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::manifest::samples::loaded;
    use std::cell::RefCell;
    use std::path::Path;

    /// A fixture of the parity tests.
    fn fixture(name: &str, family: Family) -> Manifest {
        let text = format!(
            "family = {:?}\ntask = \"detect\"\nsource = \"models/parity\"\nverified = false\n[license]\nname = \"Apache-2.0\"\n\
             [[files]]\npath = \"onnx/model.onnx\"\n[[files]]\npath = \"config.json\"\n\
             [[files]]\npath = \"preprocessor_config.json\"\n[[files]]\npath = \"tokenizer.json\"\n\
             [[files]]\npath = \"tokenizer_config.json\"\n",
            family.word()
        );
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/parity/{name}/checkpoint"));
        Manifest { folder, ..loaded(&text) }
    }

    /// Whether pictures are to enter the graph of a manifest as bytes.
    fn asks(manifest: &Manifest, wished: BytesIn) -> bool {
        if matches!(manifest.family, Family::Owl | Family::GroundingDino) {
            return prompted::bytes_in(manifest, wished).unwrap().is_some();
        }
        let asked = RefCell::new(None);
        let refused = |_: &[(String, Vec<usize>)], edit: Option<GraphEdit>| {
            *asked.borrow_mut() = edit;
            Err(InferError::NoProvider { wished: String::new(), reason: String::new() })
        };
        load_closed(manifest, wished, refused).unwrap_err();
        asked.into_inner().is_some()
    }

    #[test]
    fn pictures_enter_as_bytes_wherever_pixels_are_not_resized_in_floats() {
        for (name, family, expected) in [
            ("rtdetr", Family::Detr, true),
            ("rtdetr_v2", Family::Detr, true),
            ("rtdetr_v2_boxes", Family::Detr, true),
            ("dfine", Family::Detr, true),
            ("rfdetr", Family::Detr, false),
            ("owlvit", Family::Owl, true),
            ("owlv2", Family::Owl, false),
            ("grounding_dino", Family::GroundingDino, true),
        ] {
            let manifest = fixture(name, family);
            assert_eq!(asks(&manifest, BytesIn::OnGpu), expected, "{name}");
            assert_eq!(asks(&manifest, BytesIn::Always), expected, "{name}");
            assert!(!asks(&manifest, BytesIn::Never), "{name}");
        }
    }

    #[test]
    fn pictures_enter_a_yolo_graph_as_bytes_where_it_takes_planes_of_floats() {
        for model in ["yolo_rows", "yolo_rows_f16", "yolo_rows_open"] {
            let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models");
            let OnnxFile { mut signature, .. } = OnnxFile::read(&models.join(format!("{model}.onnx"))).unwrap();
            let hints = Hints::default();
            assert!(yolo::bytes_in(&signature, &hints, BytesIn::OnGpu).is_some(), "{model}");
            assert_eq!(yolo::bytes_in(&signature, &hints, BytesIn::Never), None, "{model}");
            signature.inputs[0].shape = [1, 64, 64, 3].map(Some).into();
            yolo::understand(&signature, &hints).unwrap();
            assert_eq!(yolo::bytes_in(&signature, &hints, BytesIn::OnGpu), None, "{model} with the channels last");
        }
    }
}
