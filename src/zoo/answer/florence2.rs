//! Florence-2: captions, boxes and grounding by task prompts (Xiao et al. 2024).
//!
//! Graphs, as Optimum and transformers.js export them: `vision_encoder` (`pixel_values` `[1, 3, H, W]` to
//! `image_features` `[1, places, width]`), `embed_tokens`, `encoder_model` (`inputs_embeds`, the features and then the
//! words; `attention_mask`; to `last_hidden_state`) and `decoder_model_merged` with `use_cache_branch`
//! (`encoder_hidden_states`, `encoder_attention_mask`, `inputs_embeds`, `past_key_values.*.decoder.*` and `.encoder.*`).
//!
//! It answers [`TaskPrompt`]s and no free questions, and cannot propose plans. Its words hold places in the picture,
//! `<loc_0>` to `<loc_999>`: an answer's text keeps them as the model writes them, and [`TaskPrompt::regions`] reads them. One
//! answer is made, without the beams of the published configuration. Source: the documentation of transformers'
//! `Florence2Processor`, and the model card of microsoft/Florence-2-base-ft.

mod places;
mod task_prompt;

pub use task_prompt::TaskPrompt;

use super::vision_language::{Checkpoint, PromptRows, Speaker, Spoken, Tensors, VisionEncoder, checked, refused};
use crate::infer::{Backend, Proof, Runtime, SessionOptions};
use crate::language::{CacheLayout, Decoder, LanguageError, Prompt};
use crate::types::{Answer, AnswerForm, Cancel, Element, ImageView, PixelFormat, Question, Size, TensorRef};
use crate::vision::ImageProcessor;
use crate::zoo::detect::picture_input::usual_shape;
use crate::zoo::manifest::required_image_processor;
use crate::zoo::{Manifest, VisionLanguageModel, ZooError};

const STATES: &str = "encoder_hidden_states";
const STATES_MASK: &str = "encoder_attention_mask";
const FLOATS: &[Element] = &[Element::F32, Element::F16];

const ENCODER: Tensors = Tensors {
    inputs: &[("inputs_embeds", FLOATS), ("attention_mask", &[Element::I64])],
    optional: &[],
    outputs: &[("last_hidden_state", FLOATS)],
};

/// A Florence-2 in its sessions.
pub struct Florence2 {
    pixels: ImageProcessor,
    vision: VisionEncoder,
    encoder: Encoder,
    /// What each answer starts from.
    start: u32,
    rows: PromptRows,
    speaker: Speaker,
}

impl Florence2 {
    /// Loads the manifest's graphs and tries them. Does not verify the files: see [`Manifest::verify`].
    ///
    /// # Errors
    /// [`ZooError`] when a file is missing or not understood, a graph has other tensors, or the parts do not fit each
    /// other.
    pub fn load(manifest: &Manifest, runtime: &'static Runtime, options: &SessionOptions) -> Result<Self, ZooError> {
        let checkpoint = Checkpoint { manifest, runtime, options };
        let context = manifest.generation()?.context_tokens.get();
        let tokenizer = checkpoint.tokenizer()?;
        let config = checkpoint.generation_config()?;
        let start = config.decoder_start.ok_or_else(|| ZooError::File {
            path: manifest.folder.join("generation_config.json"),
            reason: "has no decoder_start_token_id, expected the token that an answer starts from".to_owned(),
        })?;
        for token in ["<loc_0>", "<loc_999>"] {
            tokenizer.required_token_id(token)?;
        }
        let graph = checkpoint.any_graph("decoder_model_merged")?;
        let embedder = checkpoint.embedder()?;
        let decoder = Decoder::new(graph, embedder, CacheLayout::Growing, &[STATES, STATES_MASK])?;
        let pixels = required_image_processor(manifest)?;
        let mut model = Self {
            vision: VisionEncoder::load(&checkpoint, &usual_shape(&pixels)?, pixels.channel_steps())?,
            pixels,
            encoder: Encoder { graph: checkpoint.graph("encoder_model", &ENCODER)? },
            start,
            rows: PromptRows::default(),
            speaker: Speaker::new(tokenizer, config, decoder, context, false)?,
        };
        model.try_out()?;
        Ok(model)
    }

    /// The token ids of a question's words; those of the picture stand ahead of them.
    ///
    /// # Errors
    /// [`ZooError::Question`] for what is no task, [`ZooError::Language`] for what the tokenizer refuses.
    pub fn word_ids(&self, text: &str) -> Result<Vec<u32>, ZooError> {
        self.asked(text).map(|(_, ids)| ids)
    }

    fn asked(&self, text: &str) -> Result<(TaskPrompt, Vec<u32>), ZooError> {
        let text = checked(text)?;
        let (task, words) = TaskPrompt::read(text)?;
        let tokenizer = &self.speaker.tokenizer;
        let ids = tokenizer.encode(words, false)?.ids;
        let own = ids.into_iter().filter(|id| tokenizer.is_special(*id)).filter_map(|id| tokenizer.token(id));
        if let Some(token) = own.into_iter().find(|token| !token.starts_with("<loc_")) {
            return Err(refused(text, format!("holds {token:?}, one of the model's own tokens, expected words")));
        }
        Ok((task, tokenizer.encode(&task.prompt(words), true)?.ids))
    }

    /// One picture of nothing through all graphs.
    fn try_out(&mut self) -> Result<(), ZooError> {
        let gray = [127; 3];
        let size = Size { width_px: 1, height_px: 1 };
        let Ok(picture) = ImageView::new(&gray, size, 3, PixelFormat::Rgb8) else { return Ok(()) };
        let words = self.word_ids(TaskPrompt::ALL[0].token())?;
        self.encode(&picture, &words, None)?;
        self.speaker.warm_up(&prompt(&[self.start]))
    }

    /// Gives the decoder picture and words; how many tokens these are. Words that leave no room for the picture are
    /// refused before it is looked at, as far as `places` says how many it has.
    fn encode(&mut self, image: &ImageView, words: &[u32], question: Option<&Question>) -> Result<usize, ZooError> {
        if let Some(question) = question {
            self.speaker.room(words.len(), question)?;
        }
        let Size { width_px, height_px } = self.pixels.tensor_size(image.size())?;
        let shape = [1, 3, height_px as usize, width_px as usize];
        self.pixels.run(image, &mut self.vision.pixels(&shape)?)?;
        self.rows.set(self.vision.run()?)?;
        self.rows.append(self.speaker.embed(words)?)?;
        let tokens = self.rows.len();
        if let Some(question) = question {
            self.speaker.room(tokens, question)?;
        }
        let states = self.encoder.run(self.rows.as_tensor())?;
        let decoder = self.speaker.graph();
        fill(decoder, STATES, states)?;
        fill_with_one(decoder, STATES_MASK, &[1, tokens])?;
        Ok(tokens)
    }
}

impl VisionLanguageModel for Florence2 {
    fn answer(
        &mut self,
        image: &ImageView,
        question: &Question,
        cancel: &Cancel,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Answer, ZooError> {
        if question.form != AnswerForm::Text {
            let reason = "wants a plan proposal, which Florence-2 cannot make: expected a model that answers in words";
            return Err(refused(&question.text, reason.to_owned()));
        }
        let (task, words) = self.asked(&question.text)?;
        let prompt_tokens = self.encode(image, &words, Some(question))?;
        let start = [self.start];
        let Spoken { text, tokens, finish } =
            self.speaker.speak(&prompt(&start), question, question.max_tokens, false, cancel, on_text)?;
        let regions = task.regions(&text, image.size());
        Ok(Answer { text, regions, prompt_tokens, tokens: tokens.len(), finish })
    }

    fn proof(&self) -> &Proof {
        self.speaker.proof()
    }

    fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        let encoders = [self.vision.proof(), ("encoder_model", self.encoder.graph.proof())];
        encoders.into_iter().chain(self.speaker.proofs()).collect()
    }
}

fn prompt(start: &[u32]) -> Prompt<'_> {
    Prompt { ids: start, embeddings: None }
}

/// A checkpoint's `encoder_model.onnx`.
struct Encoder {
    graph: Box<dyn Backend>,
}

impl Encoder {
    /// The states of a prompt's rows, `[1, tokens, width]`.
    fn run(&mut self, rows: TensorRef<'_>) -> Result<TensorRef<'_>, ZooError> {
        let graph = self.graph.as_mut();
        fill(graph, "inputs_embeds", rows)?;
        fill_with_one(graph, "attention_mask", &rows.shape[..2])?;
        graph.run()?;
        // The tensors were checked with the signature.
        Ok(graph.output(graph.signature().output("last_hidden_state").unwrap_or_default()))
    }
}

/// Copies rows into an input of their shape.
fn fill(graph: &mut dyn Backend, name: &str, rows: TensorRef<'_>) -> Result<(), ZooError> {
    let Some(input) = graph.signature().input(name) else { return Ok(()) };
    graph.reshape(input, rows.shape)?;
    if graph.input(input).copy_floats_from(rows.data) {
        return Ok(());
    }
    let expected = format!("floats for the input {name}");
    Err(LanguageError::Prompt { found: format!("rows {:?}", rows.shape), expected }.into())
}

/// A mask that hides nothing, where the graph has one.
fn fill_with_one(graph: &mut dyn Backend, name: &str, shape: &[usize]) -> Result<(), ZooError> {
    let Some(input) = graph.signature().input(name) else { return Ok(()) };
    graph.reshape(input, shape)?;
    graph.input(input).fill_with_one();
    Ok(())
}
