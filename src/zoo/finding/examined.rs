//! What a detector's graph was understood to be, for whoever wants to see it before it runs.

use crate::infer::{OnnxFile, Signature};
use crate::zoo::manifest::Document;
use crate::zoo::{Family, Hints, Manifest, Understood, ZooError, understand};

/// A detector with fixed classes, as its file and its manifest say. The node reads it in the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct Examined {
    /// What the file says of itself.
    pub file: OnnxFile,
    /// What it was understood to be.
    pub understood: Understood,
    /// Whether the checkpoint's `preprocessor_config.json` says what is done to pixels, in place of
    /// [`Understood::form`].
    pub has_processor: bool,
}

/// Reads the graph of a manifest's model. Nothing is loaded or run.
///
/// # Errors
/// [`ZooError::Infer`] for a file that is no ONNX model; as [`understand`]; [`ZooError::Task`] for families whose
/// detectors have no classes of their own, and for those that are no detectors.
pub fn examine(manifest: &Manifest) -> Result<Examined, ZooError> {
    let file = OnnxFile::read(&manifest.model_path())?;
    let understood = understood(manifest, Some(manifest.family), &file.signature)?;
    let has_processor = ["preprocessor_config", "processor_config"].iter().any(|role| manifest.path_of(role).is_ok());
    let says_pixels = manifest.input.as_ref().is_some_and(|input| !input.pixels.is_silent());
    Ok(Examined { file, understood, has_processor: has_processor && !says_pixels })
}

/// As [`understand`], with all that the manifest and its files say; `family` where it is known.
pub(super) fn understood(
    manifest: &Manifest,
    family: Option<Family>,
    signature: &Signature,
) -> Result<Understood, ZooError> {
    let of_config = match (&manifest.labels, manifest.path_of("config")) {
        (None, Ok(_)) if manifest.family == Family::Detr => {
            let names = Document::read(manifest, "config")?.class_names()?;
            Some(names.into_iter().map(|name| name.unwrap_or_else(|| "N/A".to_owned())).collect::<Vec<_>>())
        }
        _ => None,
    };
    let labels = of_config.as_deref().or(manifest.labels.as_deref());
    understand(signature, &Hints { family, labels, ..Hints::from(manifest) })
}
