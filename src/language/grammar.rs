//! Answers that cannot but be valid: before each token is chosen, those that the grammar does not take are excluded.
//!
//! The grammar knows texts by their bytes, so that each token of the vocabulary is given as the bytes that it decodes
//! to; special and added tokens have none, and the grammar never takes them.

use super::LanguageError;
use super::error::one_line;
use super::proposal_form::{ProposalForm, TEXT_CHARACTERS};
use super::text_stream::byte_of;
use super::tokenizer::{Alphabet, Tokenizer};
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use serde_json::json;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use toktrie::{ApproximateTokEnv, InferenceCapabilities, TokEnv, TokRxInfo, TokTrie};

/// A model's vocabulary, prepared for grammars: made once, as it is read token by token.
pub struct GrammarVocabulary {
    factory: ParserFactory,
    environment: TokEnv,
}

/// One answer under a grammar.
pub struct GrammarState {
    matcher: Matcher,
    environment: TokEnv,
    longest_answer_bytes: usize,
}

impl GrammarVocabulary {
    /// Prepares a tokenizer's vocabulary.
    ///
    /// # Errors
    /// [`LanguageError::Grammar`] when the vocabulary writes no bytes (neither byte-level BPE nor SentencePiece), or has
    /// no token for a character of JSON.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self, LanguageError> {
        let words = words(tokenizer)?;
        let end = u32::try_from(words.len() - 1).map_err(failed)?;
        let trie = TokTrie::from(&TokRxInfo::new(end + 1, end), &words);
        if let Some(byte) = (b' '..=b'~').find(|byte| trie.token_id_at_bytes(&[*byte]).is_none()) {
            return Err(failed(format!(
                "vocabulary {} has no token {:?}",
                tokenizer.path().display(),
                char::from(byte)
            )));
        }
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let slices = [8, 24].map(|chars| format!("{TEXT_CHARACTERS}{{1,{chars}}}"));
        let capabilities = InferenceCapabilities::default();
        let mut factory = ParserFactory::new(&environment, capabilities, &slices).map_err(failed)?;
        factory.quiet().limits_mut().verbose_errors = false;
        Ok(Self { factory, environment })
    }

    /// The beginning of an answer of this form.
    ///
    /// # Errors
    /// [`LanguageError::Grammar`] when the form is too large, or a class's name holds a control character.
    pub fn start(&self, form: &ProposalForm) -> Result<GrammarState, LanguageError> {
        if let Some(name) = form.unwritable_class() {
            return Err(failed(format!("class {name:?} holds a control character")));
        }
        let mut schema = form.schema();
        schema["x-guidance"] = json!({"whitespace_flexible": false, "json_allowed_escapes": "\"\\"});
        let parser = self.factory.create_parser(TopLevelGrammar::from_json_schema(schema));
        let matcher = Matcher::new(parser);
        if let Some(reason) = matcher.get_error() {
            return Err(failed(reason));
        }
        let environment = Arc::clone(&self.environment);
        Ok(GrammarState { matcher, environment, longest_answer_bytes: form.longest_answer_bytes() })
    }
}

impl GrammarState {
    /// No answer has more tokens: each covers at least one byte.
    pub fn longest_answer_tokens(&self) -> usize {
        self.longest_answer_bytes
    }

    /// Excludes what cannot follow: its logits become negative infinity. NaN among what can follow stays.
    ///
    /// # Errors
    /// [`LanguageError::Grammar`] when the answer is complete, or the grammar too hard.
    pub fn mask(&mut self, logits: &mut [f32]) -> Result<(), LanguageError> {
        let allowed = self.matcher.compute_mask().map_err(failed)?;
        let mut words = allowed.as_slice().iter();
        // The last bit that is there stands for the end, which is no token.
        let tokens = self.environment.tok_trie().vocab_size() - 1;
        let (known, unknown) = logits.split_at_mut(tokens.min(logits.len()));
        unknown.fill(f32::NEG_INFINITY);
        for block in known.chunks_mut(32) {
            let word = words.next().copied().unwrap_or_default();
            if word == 0 {
                block.fill(f32::NEG_INFINITY);
            } else if word != u32::MAX {
                for (bit, logit) in block.iter_mut().enumerate() {
                    if word >> bit & 1 == 0 {
                        *logit = f32::NEG_INFINITY;
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes the token that was chosen.
    ///
    /// # Errors
    /// [`LanguageError::Grammar`] when it cannot follow.
    pub fn accept(&mut self, token: u32) -> Result<(), LanguageError> {
        self.matcher.consume_token(token).map_err(failed)
    }

    /// Takes all tokens about which there is no choice, longest first, and appends them.
    ///
    /// # Errors
    /// [`LanguageError::Grammar`] when the grammar is too hard.
    pub fn accept_forced(&mut self, tokens: &mut Vec<u32>) -> Result<(), LanguageError> {
        if self.is_complete() {
            return Ok(());
        }
        let bytes = self.matcher.compute_ff_bytes();
        let forced = self.environment.tok_trie().greedy_tokenize(&bytes);
        for token in forced {
            self.accept(token)?;
            tokens.push(token);
        }
        Ok(())
    }

    /// Whether nothing can follow.
    pub fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }
}

fn failed(reason: impl Display) -> LanguageError {
    LanguageError::Grammar { reason: one_line(&reason.to_string()) }
}

/// The bytes of each token by its id, none for those that stand for no text; behind them the end, which has none.
fn words(tokenizer: &Tokenizer) -> Result<Vec<Vec<u8>>, LanguageError> {
    let alphabet = tokenizer.alphabet();
    if alphabet == Alphabet::Other {
        let reason = format!("vocabulary {} is neither byte-level nor SentencePiece's", tokenizer.path().display());
        return Err(failed(reason));
    }
    let byte_of_character = byte_level_alphabet();
    let ids = u32::try_from(tokenizer.vocab_size()).map_err(failed)?;
    let bytes = |id: u32| -> Option<Vec<u8>> {
        let token = tokenizer.token(id).filter(|_| !tokenizer.is_added(id))?;
        match alphabet {
            Alphabet::ByteLevel => token.chars().map(|character| byte_of_character.get(&character).copied()).collect(),
            _ => match byte_of(&token) {
                Some(byte) => Some(vec![byte]),
                None => Some(token.replace('\u{2581}', " ").into_bytes()),
            },
        }
    };
    // Longer ones are no text that anybody proposes.
    const MOST_BYTES: usize = 255;
    let mut words: Vec<Vec<u8>> =
        (0..ids).map(|id| bytes(id).filter(|bytes| bytes.len() <= MOST_BYTES).unwrap_or_default()).collect();
    words.push(Vec::new());
    Ok(words)
}

/// GPT-2's characters for bytes: printable ones of Latin-1 stand for themselves, the others follow from U+0100 in order.
fn byte_level_alphabet() -> HashMap<char, u8> {
    let is_itself = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let others = (0..=u8::MAX).filter(|byte| !is_itself(*byte));
    let itself = (0..=u8::MAX).filter(|byte| is_itself(*byte)).map(|byte| (char::from(byte), byte));
    ('\u{100}'..).zip(others).chain(itself).collect()
}
