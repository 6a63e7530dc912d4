//! What decodes a model, and what it is for.

use crate::infer::Precision;
use serde::Deserialize;
use std::fmt;

/// A family of models that share tensor names, preprocessing and output layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// YOLO detectors, and what gives boxes as they do.
    Yolo,
    /// DETR, RT-DETR, D-FINE, DEIM, RF-DETR, LW-DETR, and PaddleDetection's.
    Detr,
    /// OWL-ViT and OWLv2: boxes for prompts.
    Owl,
    /// Grounding DINO: boxes for prompts.
    GroundingDino,
    /// CLIP: pictures and words in one space.
    Clip,
    /// SigLIP: the same, with independent scores.
    Siglip,
    /// Sentences to vectors.
    SentenceEncoder,
    /// SmolVLM, SmolVLM2 and Idefics3: answers about pictures.
    Smolvlm,
    /// Florence-2: answers, boxes and captions by task prompts.
    #[serde(rename = "florence2")]
    Florence2,
}

impl Family {
    /// Whether its manifests say the size of the pictures. The others read it from the checkpoint's own
    /// `preprocessor_config.json`.
    pub const fn takes_input(self) -> bool {
        matches!(self, Self::Yolo | Self::Detr)
    }

    /// Whether its detectors have no classes of their own and look for what prompts say.
    pub const fn takes_prompts(self) -> bool {
        matches!(self, Self::Owl | Self::GroundingDino)
    }

    /// Its word in manifests.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Yolo => "yolo",
            Self::Detr => "detr",
            Self::Owl => "owl",
            Self::GroundingDino => "grounding_dino",
            Self::Clip => "clip",
            Self::Siglip => "siglip",
            Self::SentenceEncoder => "sentence_encoder",
            Self::Smolvlm => "smolvlm",
            Self::Florence2 => "florence2",
        }
    }

    /// In how many bits its models compute under TensorRT where nobody says it. In 16, detectors of the DETR kind lose boxes
    /// (public reports of D-FINE, DEIM and RF-DETR), and of the others nothing is known.
    pub const fn precision(self) -> Precision {
        match self {
            Self::Yolo => Precision::Half,
            _ => Precision::Full,
        }
    }

    /// What its models are for.
    pub const fn task(self) -> Task {
        match self {
            Self::Yolo | Self::Detr | Self::Owl | Self::GroundingDino => Task::Detect,
            Self::Clip | Self::Siglip => Task::Score,
            Self::SentenceEncoder => Task::Embed,
            Self::Smolvlm | Self::Florence2 => Task::Answer,
        }
    }
}

impl fmt::Display for Family {
    /// The word in manifests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Boxes with classes, fixed ones or prompts.
    Detect,
    /// How well words fit a picture.
    Score,
    /// Words to vectors.
    Embed,
    /// Answers about a picture.
    Answer,
}

impl fmt::Display for Task {
    /// The word in manifests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Detect => "detect",
            Self::Score => "score",
            Self::Embed => "embed",
            Self::Answer => "answer",
        })
    }
}
