//! CLIP and SigLIP: how well words fit a picture, or boxes of it.
//!
//! Text and vision are graphs of their own, as transformers.js and Optimum split them, so that words are encoded once:
//!
//! | graph (role) | in | out |
//! | --- | --- | --- |
//! | `text_model` | `input_ids` int64 `[1, tokens]`, and `attention_mask` where the graph has it | `text_embeds` (CLIP), `pooler_output` (SigLIP) `[1, D]` |
//! | `vision_model` | `pixel_values` `[images, 3, H, W]`, float32 or float16 | `image_embeds` (CLIP), `pooler_output` (SigLIP) `[images, D]` |
//!
//! Both vectors are brought to length 1; `logit_scale * their dot product + logit_bias`, from the manifest's
//! `[scoring]`, is the logit of a prompt. **CLIP** gives a softmax over the prompts: they compete, sum to 1, and one
//! prompt alone always has 1. **SigLIP** gives a sigmoid for each: they are independent, and all may be low.
//!
//! Prompts are encoded one at a time, so that none depends on its neighbours: CLIP's in their own length, at most 77
//! tokens, SigLIP's padded to 64. Pixels are prepared as `preprocessor_config.json` says; of a box, its smallest
//! rectangle of whole pixels is cut out first.
//!
//! A vector that is not finite, or has length 0, costs the picture or the set of prompts.
//!
//! Sources: Radford et al. 2021; Zhai et al. 2023; transformers' documentation of both.

mod kind;
mod text;
mod vision;

pub(in crate::zoo) use kind::{Kind, probabilities};
pub use text::{TextEncoder, TextVectors};
pub use vision::{CropScorer, ScorerSlot};
