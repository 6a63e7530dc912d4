//! Model families and their manifests.
//!
//! A [`Manifest`] says which family a checkpoint belongs to and which files it needs. A family (one file in `detect`, `prompt` or `answer`) knows
//! tensor names, preprocessing and the layout of the outputs, so that a new checkpoint is a new manifest and no new
//! code. In: a picture and [`Thresholds`]. Out: boxes in pixels of the picture. What runs the model is left to
//! `infer`, the pixels to `vision`.
//!
//! | family | task | layouts |
//! | --- | --- | --- |
//! | [`yolo`](detect::yolo) | detect | [`LayoutName::Rows`] to [`LayoutName::DetsAndLabels`]: YOLOv5 to YOLO26, YOLOX, YOLO-NAS, MMDetection |
//! | [`detr`](detect::detr) | detect | [`LayoutName::Logits`] to [`LayoutName::ClassScoreBox`]: DETR, RT-DETR, D-FINE, DEIM, RF-DETR, PaddleDetection |
//! | [`owl`](detect::owl) | detect | prompts: `pixel_values`, `input_ids`, `attention_mask` to `logits` and `pred_boxes` |
//! | [`grounding_dino`](detect::grounding_dino) | detect | prompts in one caption: the same with `pixel_mask` and `token_type_ids` |
//! | [`clip`](prompt::clip) | score | CLIP, SigLIP: `text_model` and `vision_model` to vectors |
//! | [`conse`](prompt::conse) | detect | prompts for any of the above, by the names of its classes |
//! | [`crops`](prompt::crops) | detect | the same, by what CLIP or SigLIP sees in its boxes |
//! | [`smolvlm`](answer::smolvlm) | answer | SmolVLM, SmolVLM2, Idefics3: `vision_encoder`, `embed_tokens`, `decoder_model_merged` |
//! | [`florence2`](answer::florence2) | answer | the same and `encoder_model`; task prompts |
//! | [`SentenceEncoder`] | embed | `input_ids`, ... to `sentence_embedding` or `last_hidden_state` |

pub mod answer;
pub mod detect;
mod error;
mod finding;
mod manifest;
pub mod prompt;

pub use answer::{VisionLanguageModel, load_vision_language};
pub use detect::thresholds::{ClassMask, Thresholds, UnknownClass};
pub use detect::{Detector, Hints, NamesFrom, Understood, boxes_apart, constant_detector, load, open, understand};
pub use error::{ManifestError, ZooError};
pub use finding::{Examined, UNKNOWN_LICENSE, examine, find, find_at, list, snapshots, written};
pub use manifest::{
    ADDED, Expected, Family, Fault, FetchRecord, FetchedFile, Generation, Input, Integrity, LayoutName, License,
    Manifest, ModelFile, Pixels, Scoring, Task, check_contents,
};
pub use prompt::{Conse, CropMatch, EncodedPrompts, PromptEncoder, PromptForm, SentenceEncoder, prompt_encoder};
