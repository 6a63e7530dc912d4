//! What a checkpoint says about its own generation: `generation_config.json`, and the token ids of `config.json`.

use super::LanguageError;
use super::error::one_line;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The part of transformers' `GenerationConfig` that a greedy or sampled loop uses.
///
/// `max_length`, `temperature`, `top_p` and beams are not taken from it: whoever asks says how.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationConfig {
    /// Tokens that end an answer.
    pub eos: Vec<u32>,
    /// Begins a text.
    pub bos: Option<u32>,
    /// Fills up a text.
    pub pad: Option<u32>,
    /// What an encoder-decoder's answer starts from.
    pub decoder_start: Option<u32>,
    /// What an answer's first token is.
    pub forced_bos: Option<u32>,
    /// No sequence of so many tokens comes twice; 0 is no limit.
    pub no_repeat_ngram: usize,
    /// Divides the likelihood of what was said before; 1 is none.
    pub repetition_penalty: f32,
    /// Tokens that an answer never holds: `suppress_tokens`, and those of `bad_words_ids` that are one token long.
    pub suppressed: Vec<u32>,
}

impl Default for GenerationConfig {
    /// Without tokens and rules.
    fn default() -> Self {
        Self {
            eos: Vec::new(),
            bos: None,
            pad: None,
            decoder_start: None,
            forced_bos: None,
            no_repeat_ngram: 0,
            repetition_penalty: 1.0,
            suppressed: Vec::new(),
        }
    }
}

impl GenerationConfig {
    /// Reads a checkpoint's folder. Token ids that `generation_config.json` lacks come from `config.json`, or from its
    /// `text_config`. A folder with neither gives a configuration without any.
    ///
    /// # Errors
    /// [`LanguageError::File`], [`LanguageError::Broken`], and [`LanguageError::Value`] with the file and the key.
    pub fn open(folder: &Path) -> Result<Self, LanguageError> {
        let mut sources = Vec::new();
        for name in ["generation_config.json", "config.json"] {
            let path = folder.join(name);
            if let Some(value) = LanguageError::read_json(&path)? {
                sources.push(Source { path, value });
            }
        }
        let ids = |key| -> Result<Vec<u32>, LanguageError> {
            for source in &sources {
                for holder in [Some(&source.value), source.value.get("text_config")] {
                    if let Some(value) = holder.and_then(|holder| holder.get(key)).filter(|value| !value.is_null()) {
                        return source.ids(key, value);
                    }
                }
            }
            Ok(Vec::new())
        };
        let id = |key| ids(key).map(|ids| ids.first().copied());
        // Rules come from one file, as transformers takes them.
        let none = Source { path: folder.join("generation_config.json"), value: Value::Null };
        let rules = sources.first().unwrap_or(&none);
        Ok(Self {
            eos: ids("eos_token_id")?,
            bos: id("bos_token_id")?,
            pad: id("pad_token_id")?,
            decoder_start: id("decoder_start_token_id")?,
            forced_bos: rules.list("forced_bos_token_id")?.first().copied(),
            no_repeat_ngram: rules.count("no_repeat_ngram_size")?,
            repetition_penalty: rules.penalty("repetition_penalty")?,
            suppressed: rules.suppressed()?,
        })
    }
}

struct Source {
    path: PathBuf,
    value: Value,
}

impl Source {
    fn get(&self, key: &str) -> Option<&Value> {
        self.value.get(key).filter(|value| !value.is_null())
    }

    fn refuse(&self, key: &str, value: &Value, expected: &'static str) -> LanguageError {
        let (path, key) = (self.path.clone(), key.to_owned());
        LanguageError::Value { path, key, found: one_line(&value.to_string()), expected }
    }

    fn ids(&self, key: &str, value: &Value) -> Result<Vec<u32>, LanguageError> {
        let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
        let ids = match value {
            Value::Array(values) => values.iter().map(id).collect(),
            value => id(value).map(|id| vec![id]),
        };
        ids.ok_or_else(|| self.refuse(key, value, "a token id or a list of them"))
    }

    fn list(&self, key: &str) -> Result<Vec<u32>, LanguageError> {
        self.get(key).map_or(Ok(Vec::new()), |value| self.ids(key, value))
    }

    fn count(&self, key: &str) -> Result<usize, LanguageError> {
        let Some(value) = self.get(key) else { return Ok(0) };
        let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
        count.ok_or_else(|| self.refuse(key, value, "a count"))
    }

    fn penalty(&self, key: &str) -> Result<f32, LanguageError> {
        let Some(value) = self.get(key) else { return Ok(1.0) };
        #[expect(clippy::cast_possible_truncation, reason = "a factor near 1")]
        let penalty = value.as_f64().map(|penalty| penalty as f32);
        let valid = penalty.filter(|penalty| *penalty > 0.0 && penalty.is_finite());
        valid.ok_or_else(|| self.refuse(key, value, "a number above 0"))
    }

    fn suppressed(&self) -> Result<Vec<u32>, LanguageError> {
        let mut ids = self.list("suppress_tokens")?;
        let key = "bad_words_ids";
        if let Some(value) = self.get(key) {
            let words = value.as_array().ok_or_else(|| self.refuse(key, value, "a list of lists of token ids"))?;
            for word in words {
                if let [id] = self.ids(key, word)?[..] {
                    ids.push(id);
                }
            }
        }
        Ok(ids)
    }
}
