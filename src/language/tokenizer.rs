//! Texts to token ids and back, as the checkpoint's `tokenizer.json` says.
//!
//! The file's own truncation and padding are switched off: they belong to how somebody once called it. Whoever needs a
//! fixed length asks for it with [`Tokenizer::encode_padded`].

use super::LanguageError;
use super::error::{one_line, start_of};
use std::collections::HashSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use tokenizers::decoders::DecoderWrapper;

/// A text as tokens. All lists are of one length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoding {
    /// Token ids.
    pub ids: Vec<u32>,
    /// Which sentence a token belongs to: 0 where there is one.
    pub type_ids: Vec<u32>,
    /// 1 for tokens, 0 for padding.
    pub mask: Vec<u32>,
    /// The bytes of the text that a token stands for; empty for special tokens that were added.
    pub offsets: Vec<Range<usize>>,
}

/// How the vocabulary writes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// GPT-2's: each byte is a printable character.
    ByteLevel,
    /// SentencePiece's: `▁` is a space, `<0xNN>` a byte.
    SentencePiece,
    /// Pieces that its decoder joins with rules of its own (WordPiece).
    Other,
}

/// A checkpoint's tokenizer.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    path: PathBuf,
    /// Ids that are skipped when special tokens are.
    special: HashSet<u32>,
    vocab_size: usize,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`LanguageError::File`] and [`LanguageError::Broken`], with the file and the reason.
    pub fn open(path: &Path) -> Result<Self, LanguageError> {
        let text = LanguageError::read(path)?;
        let broken = |reason: &str| LanguageError::Broken {
            path: path.to_owned(),
            expected: "Hugging Face tokenizer",
            reason: one_line(reason),
        };
        // The library takes some contradictions inside of a file for impossible.
        let read = catch_unwind(|| text.parse::<tokenizers::Tokenizer>())
            .map_err(|_| broken("its parts contradict each other"))?;
        let mut inner = read.map_err(|error| broken(&error.to_string()))?;
        inner.with_padding(None);
        inner.with_truncation(None).map_err(|error| broken(&error.to_string()))?;
        let special = inner
            .get_added_vocabulary()
            .get_added_tokens_decoder()
            .iter()
            .filter_map(|(id, token)| token.special.then_some(*id))
            .collect();
        let highest = inner.get_vocab(true).into_values().max().ok_or_else(|| broken("its vocabulary is empty"))?;
        // A list as long as the highest id is made more than once.
        if highest > MAX_ID {
            return Err(broken(&format!("its highest token id is {highest}, expected at most {MAX_ID}")));
        }
        Ok(Self { inner, path: path.to_owned(), special, vocab_size: highest as usize + 1 })
    }

    /// A text as tokens; with `add_special` also those that the file puts around a text (`[CLS]`, `<s>`, ...). Special
    /// tokens that are written out in the text are taken for what they are.
    ///
    /// # Errors
    /// [`LanguageError::Tokenizer`] for a text that the file cannot express.
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Encoding, LanguageError> {
        let encoded =
            self.guarded(|| self.inner.encode(text, add_special))?.map_err(|error| self.failed(&error.to_string()))?;
        Ok(Encoding {
            ids: encoded.get_ids().to_vec(),
            type_ids: encoded.get_type_ids().to_vec(),
            mask: encoded.get_attention_mask().to_vec(),
            offsets: encoded.get_offsets().iter().map(|&(start, end)| start..end).collect(),
        })
    }

    /// Texts as tokens with special ones, each filled up at its end to `length` tokens with `pad`, mask 0.
    ///
    /// # Errors
    /// [`LanguageError::TooLong`] for a text with more: nothing is cut. As [`encode`](Self::encode).
    pub fn encode_padded<T: AsRef<str>>(
        &self,
        texts: &[T],
        length: usize,
        pad: u32,
    ) -> Result<Vec<Encoding>, LanguageError> {
        texts
            .iter()
            .map(|text| {
                let text = text.as_ref();
                let mut encoded = self.encode(text, true)?;
                let tokens = encoded.ids.len();
                if tokens > length {
                    return Err(LanguageError::TooLong { start: start_of(text), tokens, limit: length });
                }
                encoded.ids.resize(length, pad);
                encoded.type_ids.resize(length, 0);
                encoded.mask.resize(length, 0);
                encoded.offsets.resize(length, 0..0);
                Ok(encoded)
            })
            .collect()
    }

    /// The text of tokens, special ones left out or written. Ids without a token say nothing.
    ///
    /// # Errors
    /// [`LanguageError::Tokenizer`] when the file's decoder fails.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, LanguageError> {
        self.guarded(|| self.inner.decode(ids, skip_special))?.map_err(|error| self.failed(&error.to_string()))
    }

    /// The id of a token, as the vocabulary writes it.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The id of a token that the model cannot do without.
    ///
    /// # Errors
    /// [`LanguageError::NoToken`].
    pub fn required_token_id(&self, token: &str) -> Result<u32, LanguageError> {
        self.token_id(token).ok_or_else(|| LanguageError::NoToken { path: self.path.clone(), token: token.to_owned() })
    }

    /// A token, as the vocabulary writes it.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// One more than the highest id.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Whether a token is special: no part of a text.
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    /// Whether a token stands beside the vocabulary that was learned: special ones and others that were added.
    pub(super) fn is_added(&self, id: u32) -> bool {
        self.inner.get_added_vocabulary().get_added_tokens_decoder().contains_key(&id)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn alphabet(&self) -> Alphabet {
        fn of(decoder: &DecoderWrapper) -> Alphabet {
            match decoder {
                DecoderWrapper::ByteLevel(_) => Alphabet::ByteLevel,
                DecoderWrapper::Metaspace(_) | DecoderWrapper::ByteFallback(_) => Alphabet::SentencePiece,
                DecoderWrapper::Sequence(parts) => {
                    let mut known = parts.get_decoders().iter().map(of).filter(|part| *part != Alphabet::Other);
                    known.next().unwrap_or(Alphabet::Other)
                }
                _ => Alphabet::Other,
            }
        }
        self.inner.get_decoder().map_or(Alphabet::Other, of)
    }

    fn failed(&self, reason: &str) -> LanguageError {
        LanguageError::Tokenizer { path: self.path.clone(), reason: one_line(reason) }
    }

    /// Runs the library, which panics where a file's parts contradict each other.
    fn guarded<T>(&self, work: impl FnOnce() -> T) -> Result<T, LanguageError> {
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| self.failed("its parts contradict each other"))
    }
}

/// Largest vocabularies have a quarter of a million tokens.
const MAX_ID: u32 = 4_000_000;
