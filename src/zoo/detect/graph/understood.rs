//! What may be said about a graph, and what was understood of it.

use crate::types::{Element, Size};
use crate::vision::TensorForm;
use crate::zoo::{Family, LayoutName, Manifest, Pixels};
use std::fmt;

/// What is said about a graph by somebody else than itself; all of it may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Hints<'a> {
    /// The family.
    pub family: Option<Family>,
    /// How the outputs hold boxes.
    pub layout: Option<LayoutName>,
    /// The size of pictures, for graphs that leave it open.
    pub size: Option<Size>,
    /// What is done to their pixels.
    pub pixels: Pixels,
    /// The class names, by class number.
    pub labels: Option<&'a [String]>,
}

impl<'a> From<&'a Manifest> for Hints<'a> {
    fn from(manifest: &'a Manifest) -> Self {
        Self {
            family: Some(manifest.family),
            layout: manifest.layout,
            size: manifest.input.as_ref().and_then(|input| input.size),
            pixels: manifest.input.as_ref().map(|input| input.pixels).unwrap_or_default(),
            labels: manifest.labels.as_deref(),
        }
    }
}

/// Where class names come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamesFrom {
    /// The manifest, or whoever asks.
    Given,
    /// The graph's metadata.
    Metadata,
    /// Nobody says them; a model of 80 classes is taken for one of COCO.
    Coco,
}

impl fmt::Display for NamesFrom {
    /// As a refusal says it of names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Given => "from the manifest or a file beside the model",
            Self::Metadata => "from the model's metadata",
            Self::Coco => "those of COCO",
        })
    }
}

/// What was understood of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Understood {
    /// What decodes it.
    pub family: Family,
    /// How its outputs hold boxes.
    pub layout: LayoutName,
    /// The name of the input that takes the picture.
    pub input: String,
    /// The input's element type.
    pub element: Element,
    /// Whether the input is `[1, H, W, 3]`, not `[1, 3, H, W]`.
    pub channels_last: bool,
    /// The size of the tensor into which pictures are put.
    pub size: Size,
    /// What is done to them on the way.
    pub form: TensorForm,
    /// The class names, by class number.
    pub labels: Vec<String>,
    /// Where they come from.
    pub names_from: NamesFrom,
    /// What was assumed, and what is left unread: whole sentences without a full stop.
    pub notes: Vec<String>,
}
