//! From a prompt to an answer: what every family does in the same way once its prompt is rows of numbers.

use crate::infer::{Backend, Proof};
use crate::language::{
    Decoder, GenerationConfig, GenerationOptions, GrammarVocabulary, LanguageError, Prompt, ProposalForm, TextStream,
    Tokenizer, generate,
};
use crate::types::{AnswerForm, Cancel, FinishReason, Question, TensorRef};
use crate::zoo::ZooError;

/// A checkpoint's words: tokenizer, embeddings, decoder and their limits.
pub(in crate::zoo) struct Speaker {
    pub tokenizer: Tokenizer,
    pub config: GenerationConfig,
    decoder: Decoder,
    /// Prepared at the first question that wants a proposal: large vocabularies take a second.
    vocabulary: Option<GrammarVocabulary>,
    context_tokens: usize,
    /// Whether special tokens are left out of texts; those that begin, end and fill up always are.
    skip_special: bool,
}

/// An answer as the model gave it.
pub(in crate::zoo) struct Spoken {
    pub text: String,
    /// The one that ended it included.
    pub tokens: Vec<u32>,
    pub finish: FinishReason,
}

impl Speaker {
    /// Around the parts of a checkpoint. `skip_special`: special tokens are no part of its answers.
    ///
    /// # Errors
    /// [`ZooError::UnknownToken`] when the embedding does not take the tokenizer's last token.
    pub fn new(
        tokenizer: Tokenizer,
        config: GenerationConfig,
        mut decoder: Decoder,
        context_tokens: usize,
        skip_special: bool,
    ) -> Result<Self, ZooError> {
        let id = u32::try_from(tokenizer.vocab_size().saturating_sub(1)).unwrap_or(u32::MAX);
        if let Err(error) = decoder.embed(&[id]) {
            let path = tokenizer.path().to_owned();
            return Err(ZooError::UnknownToken { path, id, reason: error.to_string() });
        }
        Ok(Self { tokenizer, config, decoder, vocabulary: None, context_tokens, skip_special })
    }

    /// The longest prompt and answer together.
    fn context_tokens(&self) -> usize {
        self.decoder.capacity().map_or(self.context_tokens, |capacity| capacity.min(self.context_tokens))
    }

    /// The decoder's graph, for inputs that are no tokens.
    pub fn graph(&mut self) -> &mut dyn Backend {
        self.decoder.backend()
    }

    /// Which provider runs the decoder.
    pub fn proof(&self) -> &Proof {
        self.decoder.proof()
    }

    /// Every session of its own, by the role of its graph.
    pub fn proofs(&self) -> [(&'static str, &Proof); 2] {
        [("embed_tokens", self.decoder.embedder().proof()), ("decoder_model_merged", self.decoder.proof())]
    }

    /// The rows of tokens: `[1, ids, width]`.
    ///
    /// # Errors
    /// [`ZooError::Language`].
    pub fn embed(&mut self, ids: &[u32]) -> Result<TensorRef<'_>, ZooError> {
        Ok(self.decoder.embed(ids)?)
    }

    /// How many tokens an answer may have behind a prompt of so many tokens: before the picture is looked at, so that
    /// what cannot be answered costs nothing.
    ///
    /// # Errors
    /// [`ZooError::Language`] when the prompt leaves no room, or the room is too small for the shortest proposal.
    pub fn room(&self, prompt_tokens: usize, question: &Question) -> Result<usize, ZooError> {
        let context = self.context_tokens();
        if prompt_tokens >= context {
            return Err(LanguageError::PromptTooLong { tokens: prompt_tokens, context }.into());
        }
        let room = question.max_tokens.min(context - prompt_tokens);
        if let AnswerForm::Proposal(in_view) = &question.form {
            ProposalForm::fitting(in_view, room)?;
        }
        Ok(room)
    }

    /// Runs the decoder once for a prompt and once for a token, so that parts that do not fit each other are refused at
    /// once, and the first answer is as fast as the others.
    ///
    /// # Errors
    /// [`ZooError::Language`] when a part does not run.
    pub fn warm_up(&mut self, prompt: &Prompt<'_>) -> Result<(), ZooError> {
        self.decoder.clear()?;
        self.decoder.prefill(prompt)?;
        self.decoder.logits()?;
        let last = &prompt.ids[prompt.ids.len().saturating_sub(1)..];
        Ok(self.decoder.step(last)?)
    }

    /// Answers a prompt. `forced_together` as in [`GenerationOptions`].
    ///
    /// # Errors
    /// [`ZooError::Language`] as [`generate`] says.
    pub fn speak(
        &mut self,
        prompt: &Prompt<'_>,
        question: &Question,
        room: usize,
        forced_together: bool,
        cancel: &Cancel,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Spoken, ZooError> {
        let mut grammar = match &question.form {
            AnswerForm::Text => None,
            AnswerForm::Proposal(in_view) => {
                let form = ProposalForm::fitting(in_view, room)?;
                let vocabulary = match &self.vocabulary {
                    Some(vocabulary) => vocabulary,
                    None => self.vocabulary.insert(GrammarVocabulary::new(&self.tokenizer)?),
                };
                Some(vocabulary.start(&form)?)
            }
        };
        let options = GenerationOptions {
            sampling: question.sampling,
            max_tokens: question.max_tokens,
            context_tokens: self.context_tokens,
            config: &self.config,
            forced_together,
        };
        let mut stream = TextStream::new(&self.tokenizer, self.skip_special);
        let mut text = String::new();
        let mut say = |piece: Option<String>| {
            if let Some(piece) = piece {
                on_text(&piece);
                text.push_str(&piece);
            }
        };
        let config = &self.config;
        let is_frame = |id: u32| config.eos.contains(&id) || [config.bos, config.pad].contains(&Some(id));
        let generated = generate(&mut self.decoder, prompt, &options, grammar.as_mut(), cancel, &mut |token| {
            if !is_frame(token) {
                say(stream.push(token)?);
            }
            Ok(())
        })?;
        say(stream.finish()?);
        Ok(Spoken { text, tokens: generated.tokens, finish: generated.finish })
    }
}
