//! SmolVLM, SmolVLM2 and Idefics3: a picture in tiles, a chat, words or a plan proposal.
//!
//! Graphs, as Optimum and transformers.js export them: `vision_encoder` (`pixel_values` `[1, frames, 3, S, S]`, perhaps
//! `pixel_attention_mask` bool `[1, frames, S, S]`, to `image_features` `[frames, tokens, width]`), `embed_tokens`
//! (`input_ids` to `inputs_embeds`) and `decoder_model_merged` (`inputs_embeds`, `attention_mask`, `position_ids`,
//! `past_key_values.*` to `logits`, `present.*`).
//!
//! A picture is cut into tiles with all of it behind them, unless the checkpoint's `do_image_splitting` is false. In the
//! prompt each of these frames is `<image>` as often as it has features, between `<fake_token_around_image>`, with its
//! place `<row_1_col_2>` or `<global-img>` ahead; the features stand in for the embeddings of `<image>`. Source: the
//! documentation of transformers' `Idefics3Processor` and `SmolVLMProcessor`, and Marafioti et al. 2025, SmolVLM.

use super::vision_language::{Checkpoint, PromptRows, Speaker, Spoken, VisionEncoder, checked, refused, usual_inputs};
use crate::infer::{Proof, Runtime, SessionOptions, Trial};
use crate::language::{CacheLayout, ChatTemplate, Decoder, Message, Prompt};
use crate::types::{Answer, Cancel, ImageView, Question, Size, TensorMut};
use crate::vision::{TileLayout, TileProcessor};
use crate::zoo::manifest::processor_config;
use crate::zoo::{Manifest, VisionLanguageModel, ZooError};
use std::fmt::Write;

const IMAGE: &str = "<image>";
const AROUND: &str = "<fake_token_around_image>";
const WHOLE: &str = "<global-img>";
const END: &str = "<end_of_utterance>";
const DECODER: &str = "decoder_model_merged";

/// A SmolVLM, SmolVLM2 or Idefics3 in its sessions.
pub struct SmolVlm {
    tiles: TileProcessor,
    vision: VisionEncoder,
    template: ChatTemplate,
    image_token: u32,
    /// Features, and so tokens, of a frame.
    frame_tokens: usize,
    /// What the tokenizer puts ahead of a text, where the chat template has it too.
    bos: Option<String>,
    rows: PromptRows,
    speaker: Speaker,
    /// Whether the decoder takes several tokens behind a cache: one of fixed length may not.
    takes_several: bool,
}

impl SmolVlm {
    /// Loads the manifest's graphs and tries them. Does not verify the files: see [`Manifest::verify`].
    ///
    /// # Errors
    /// [`ZooError`] when a file is missing or not understood, a graph has other tensors, or the parts do not fit each
    /// other.
    pub fn load(manifest: &Manifest, runtime: &'static Runtime, options: &SessionOptions) -> Result<Self, ZooError> {
        let checkpoint = Checkpoint { manifest, runtime, options };
        let room = manifest.generation()?;
        let tiles = TileProcessor::new(processor_config(manifest)?)?;
        let tokenizer = checkpoint.tokenizer()?;
        let image_token = tokenizer.required_token_id(IMAGE)?;
        tokenizer.required_token_id(AROUND)?;
        let mut config = checkpoint.generation_config()?;
        if let Some(end) = tokenizer.token_id(END)
            && !config.eos.contains(&end)
        {
            config.eos.push(end);
        }
        let layout = room
            .shared_cache_tokens
            .map_or(CacheLayout::Growing, |capacity| CacheLayout::Shared { capacity: capacity.get() });
        let embedder = checkpoint.embedder()?;
        let trial = match layout {
            CacheLayout::Growing => usual_inputs(),
            // Its cache has to lie in its inputs' memory, which is not so before the decoder has placed it.
            CacheLayout::Shared { .. } => Trial::none(),
        };
        let decoder = Decoder::new(checkpoint.decoder_of_prompts(DECODER, trial)?, embedder, layout, &[])?;
        let bos = config.bos.and_then(|id| tokenizer.token(id));
        let side = tiles.config().tile_px.unwrap_or_default() as usize;
        let mut model = Self {
            vision: VisionEncoder::load(&checkpoint, &[1, 1, 3, side, side], tiles.channel_steps())?,
            tiles,
            template: checkpoint.chat_template()?,
            image_token,
            frame_tokens: frame_tokens(&checkpoint)?.unwrap_or(0),
            bos,
            rows: PromptRows::default(),
            speaker: Speaker::new(tokenizer, config, decoder, room.context_tokens.get(), true)?,
            takes_several: layout == CacheLayout::Growing,
        };
        model.try_out()?;
        Ok(model)
    }

    /// The token ids of a question about a picture of this size, with which the model is prompted.
    ///
    /// # Errors
    /// [`ZooError::Question`] and [`ZooError::Processor`] for what cannot be asked, [`ZooError::Language`] for what
    /// template and tokenizer refuse.
    pub fn prompt_ids(&self, image: Size, text: &str) -> Result<Vec<u32>, ZooError> {
        let text = checked(text)?;
        let asked = self.speaker.tokenizer.encode(text, false)?.ids;
        if let Some(token) = asked.iter().find(|id| self.speaker.tokenizer.is_special(**id)) {
            let token = self.speaker.tokenizer.token(*token).unwrap_or_default();
            return Err(refused(text, format!("holds {token:?}, one of the model's own tokens, expected words")));
        }
        let chat = self.template.render(&[Message::about_a_picture(text)], true)?;
        let Some((ahead, behind)) = chat.split_once(IMAGE) else {
            return Err(refused(text, format!("has no place for the picture: the chat template writes no {IMAGE}")));
        };
        let frames = frames(self.tiles.layout(image)?, self.frame_tokens);
        let prompt = format!("{ahead}{frames}{behind}");
        let has_bos = self.bos.as_ref().is_some_and(|bos| prompt.starts_with(bos.as_str()));
        Ok(self.speaker.tokenizer.encode(&prompt, !has_bos)?.ids)
    }

    /// One frame of nothing through all graphs.
    fn try_out(&mut self) -> Result<(), ZooError> {
        let side = self.tiles.config().tile_px.unwrap_or_default() as usize;
        match self.vision.pixels(&[1, 1, 3, side, side])? {
            // Frames of zeros are taken for padding.
            TensorMut::F32(pixels) => pixels.fill(1.0),
            TensorMut::F16(pixels) => pixels.fill(half::f16::ONE),
            _ => {}
        }
        let features = self.vision.run()?;
        let width = features.shape.last().copied().unwrap_or_default().max(1);
        let found = features.shape.iter().product::<usize>() / width;
        if self.frame_tokens == 0 {
            self.frame_tokens = found;
        }
        let ids = vec![self.image_token; self.frame_tokens];
        self.rows.set(self.speaker.embed(&ids)?)?;
        self.rows.replace(&ids, self.image_token, features)?;
        let prompt = Prompt { ids: &ids, embeddings: Some(self.rows.as_tensor()) };
        self.speaker.warm_up(&prompt)
    }
}

impl VisionLanguageModel for SmolVlm {
    fn answer(
        &mut self,
        image: &ImageView,
        question: &Question,
        cancel: &Cancel,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Answer, ZooError> {
        let ids = self.prompt_ids(image.size(), &question.text)?;
        let room = self.speaker.room(ids.len(), question)?;
        let layout = self.tiles.layout(image.size())?;
        let side = layout.tile_px as usize;
        self.tiles.run(image, &mut self.vision.pixels(&[1, layout.frames(), 3, side, side])?)?;
        let features = self.vision.run()?;
        self.rows.set(self.speaker.embed(&ids)?)?;
        self.rows.replace(&ids, self.image_token, features)?;
        let prompt = Prompt { ids: &ids, embeddings: Some(self.rows.as_tensor()) };
        let Spoken { text, tokens, finish } =
            self.speaker.speak(&prompt, question, room, self.takes_several, cancel, on_text)?;
        Ok(Answer { text, regions: Vec::new(), prompt_tokens: ids.len(), tokens: tokens.len(), finish })
    }

    fn proof(&self) -> &Proof {
        self.speaker.proof()
    }

    fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        std::iter::once(self.vision.proof()).chain(self.speaker.proofs()).collect()
    }
}

/// How many tokens a frame has by the checkpoint's files; `None` where they do not say it.
fn frame_tokens(checkpoint: &Checkpoint<'_>) -> Result<Option<usize>, ZooError> {
    for role in ["processor_config", "preprocessor_config"] {
        if let Some(count) = checkpoint.count(role, &["image_seq_len"])? {
            return Ok(Some(count));
        }
    }
    Ok(None)
}

/// The picture's place in a prompt.
fn frames(layout: TileLayout, frame_tokens: usize) -> String {
    let features = IMAGE.repeat(frame_tokens);
    let mut text = String::new();
    for row in 1..=layout.rows {
        for column in 1..=layout.columns {
            // A String takes all text.
            let _ = write!(text, "{AROUND}<row_{row}_col_{column}>{features}");
        }
        text.push('\n');
    }
    if layout.rows > 0 {
        text.push('\n');
    }
    let _ = write!(text, "{AROUND}{WHOLE}{features}{AROUND}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_its_tiles_row_by_row_and_then_all_of_it() {
        let layout = TileLayout { rows: 2, columns: 1, tile_px: 8 };
        let (image, around) = ("<image><image>", "<fake_token_around_image>");
        assert_eq!(
            frames(layout, 2),
            format!(
                "{around}<row_1_col_1>{image}\n{around}<row_2_col_1>{image}\n\n{around}<global-img>{image}{around}"
            )
        );
        let whole = TileLayout { rows: 0, columns: 0, tile_px: 8 };
        assert_eq!(frames(whole, 1), "<fake_token_around_image><global-img><image><fake_token_around_image>");
    }
}
