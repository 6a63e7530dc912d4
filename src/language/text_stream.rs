//! Tokens into text while they come: a piece leaves as soon as its characters are complete.

use super::{LanguageError, Tokenizer};

/// Decodes one answer. What it gives, put together, is [`Tokenizer::decode`] of all its tokens.
///
/// A token's text depends on the one before it (the first one's leading space goes, a character's bytes lie in several
/// tokens), so that a window of the last tokens is decoded with and without the newest.
#[derive(Debug, Clone)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    skip_special: bool,
    /// The tokens of the last piece, and those that came after it.
    window: Vec<u32>,
    /// How many of the window are out.
    written: usize,
    /// The text of those.
    written_text: String,
}

impl<'a> TextStream<'a> {
    /// The beginning of an answer, special tokens left out or written.
    pub fn new(tokenizer: &'a Tokenizer, skip_special: bool) -> Self {
        Self { tokenizer, skip_special, window: Vec::new(), written: 0, written_text: String::new() }
    }

    /// The text that the next token completes, if it completes any.
    ///
    /// # Errors
    /// As [`Tokenizer::decode`].
    pub fn push(&mut self, id: u32) -> Result<Option<String>, LanguageError> {
        let Some(token) = self.tokenizer.token(id) else { return Ok(None) };
        if self.skip_special && self.tokenizer.is_special(id) {
            return Ok(None);
        }
        self.window.push(id);
        // Bytes of a run are valid or not as a whole.
        if byte_of(&token).is_some() {
            return Ok(None);
        }
        let text = self.tokenizer.decode(&self.window, self.skip_special)?;
        if text.ends_with(char::REPLACEMENT_CHARACTER) {
            return Ok(None);
        }
        let Some(piece) = text.get(self.written_text.len()..).filter(|piece| !piece.is_empty()) else {
            return Ok(None);
        };
        let piece = piece.to_owned();
        self.window.drain(..self.written);
        self.written = self.window.len();
        self.written_text = self.tokenizer.decode(&self.window, self.skip_special)?;
        Ok(Some(piece))
    }

    /// What is left at the end, characters that never became complete included.
    ///
    /// # Errors
    /// As [`Tokenizer::decode`].
    pub fn finish(self) -> Result<Option<String>, LanguageError> {
        if self.window.len() == self.written {
            return Ok(None);
        }
        let text = self.tokenizer.decode(&self.window, self.skip_special)?;
        Ok(text.get(self.written_text.len()..).filter(|piece| !piece.is_empty()).map(str::to_owned))
    }
}

/// The byte that a token of SentencePiece's byte fallback stands for: `<0xE2>`.
pub(super) fn byte_of(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}
