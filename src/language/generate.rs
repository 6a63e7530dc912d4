//! The generation loop: a prompt into the cache, then token by token until the model, a limit or somebody ends it.

use super::repetition::Repetition;
use super::{Decoder, GenerationConfig, GrammarState, LanguageError, Prompt, Sampler};
use crate::types::{Cancel, FinishReason, Sampling};

/// How an answer is made.
#[derive(Debug, Clone, Copy)]
pub struct GenerationOptions<'a> {
    /// How each token is chosen.
    pub sampling: Sampling,
    /// Most tokens of the answer; at least 1.
    pub max_tokens: usize,
    /// Most tokens of prompt and answer together that the model was made for.
    pub context_tokens: usize,
    /// What ends an answer and may not be in it. Beams are none of it: one answer is made.
    pub config: &'a GenerationConfig,
    /// Whether several tokens that a grammar leaves no choice about may run as one step. Only for graphs that mask the
    /// tokens of a step from each other behind a cache; a decoder with `use_cache_branch` often does not.
    pub forced_together: bool,
}

/// What a loop made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The answer's tokens, the one that ended it included.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub finish: FinishReason,
}

/// Makes one answer.
///
/// The decoder is cleared first. `on_token` gets each token as soon as it is chosen; `cancel` is looked at before the
/// prompt and between tokens. Under a grammar the answer is complete when the grammar is, and the rules of
/// [`GenerationConfig`] against repetition do not hold: they could leave no token.
///
/// # Errors
/// [`LanguageError::EmptyPrompt`]; [`LanguageError::PromptTooLong`] when it leaves no room in the context;
/// [`LanguageError::TokenLimit`] when the grammar's longest answer might not fit; [`LanguageError::Setting`];
/// [`LanguageError::NanLogits`], [`LanguageError::NoTokenLeft`], [`LanguageError::Infer`] from a step; what `on_token`
/// gives. The decoder stays usable.
pub fn generate(
    decoder: &mut Decoder,
    prompt: &Prompt<'_>,
    options: &GenerationOptions<'_>,
    mut grammar: Option<&mut GrammarState>,
    cancel: &Cancel,
    on_token: &mut dyn FnMut(u32) -> Result<(), LanguageError>,
) -> Result<Generated, LanguageError> {
    let room = room(decoder, prompt, options)?;
    if let Some(grammar) = &grammar
        && grammar.longest_answer_tokens() > room
    {
        return Err(LanguageError::TokenLimit { limit: room, needed: grammar.longest_answer_tokens() });
    }
    let mut sampler = Sampler::new(options.sampling)?;
    let mut repetition = Repetition::new(options.config, prompt.ids);
    let mut tokens = Vec::with_capacity(room.min(MOST_RESERVED));
    let mut step: Vec<u32> = Vec::new();
    let ended = |tokens, finish| Ok(Generated { tokens, finish });

    if let Some(reason) = cancel.reason() {
        return ended(tokens, FinishReason::Cancelled(reason));
    }
    decoder.clear()?;
    decoder.prefill(prompt)?;
    loop {
        let logits = decoder.logits()?;
        step.clear();
        match &mut grammar {
            Some(grammar) => {
                grammar.mask(logits)?;
                step.push(sampler.next(logits)?);
                grammar.accept(step[0])?;
                if options.forced_together {
                    grammar.accept_forced(&mut step)?;
                }
            }
            None => {
                let forced = options.config.forced_bos.filter(|_| tokens.is_empty() && prompt.ids.len() == 1);
                step.push(match forced {
                    Some(token) => token,
                    None => {
                        repetition.apply(logits);
                        sampler.next(logits)?
                    }
                });
            }
        }
        for (place, &token) in step.iter().enumerate() {
            tokens.push(token);
            repetition.saw(token);
            on_token(token)?;
            let is_complete = match &grammar {
                Some(grammar) => grammar.is_complete() && place + 1 == step.len(),
                None => options.config.eos.contains(&token),
            };
            if is_complete && tokens.len() <= room {
                return ended(tokens, FinishReason::Stop);
            }
            if tokens.len() == room {
                return ended(tokens, FinishReason::Length);
            }
        }
        if let Some(reason) = cancel.reason() {
            return ended(tokens, FinishReason::Cancelled(reason));
        }
        decoder.step(&step)?;
    }
}

/// An answer's tokens are kept in memory that is taken at once, unless that would be absurd.
const MOST_RESERVED: usize = 4096;

/// How many tokens an answer may have.
fn room(decoder: &Decoder, prompt: &Prompt<'_>, options: &GenerationOptions<'_>) -> Result<usize, LanguageError> {
    if options.max_tokens == 0 {
        return Err(LanguageError::Setting { name: "max_tokens", value: "0".to_owned(), expected: "at least 1" });
    }
    if prompt.ids.is_empty() {
        return Err(LanguageError::EmptyPrompt);
    }
    let context = decoder.capacity().map_or(options.context_tokens, |capacity| capacity.min(options.context_tokens));
    let tokens = prompt.ids.len();
    if tokens >= context {
        return Err(LanguageError::PromptTooLong { tokens, context });
    }
    Ok(options.max_tokens.min(context - tokens))
}
