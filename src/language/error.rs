//! What can go wrong between words and tokens.

use crate::infer::{InferError, read_short_text};
use std::path::{Path, PathBuf};

/// The longest tokenizer, template or configuration: those of the largest vocabularies have some 40 MB.
const MOST_BYTES: u64 = 256 << 20;

/// Why a text was not read, made or understood.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LanguageError {
    /// A file of the checkpoint cannot be read.
    #[error("file {} cannot be read: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// A file of the checkpoint is not what its name promises.
    #[error("file {} is not a {expected}: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A value of a configuration file has another type or range.
    #[error("file {}: {key} is {found}, expected {expected}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// Its value, shortened.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// None of the files that may hold a chat template does.
    #[error(
        "no chat template in {}: looked for chat_template.jinja, chat_template.json and chat_template in \
         tokenizer_config.json",
        folder.display()
    )]
    NoTemplate {
        /// The checkpoint.
        folder: PathBuf,
    },
    /// A chat template does not render these messages.
    #[error("chat template {} does not render: {reason}", path.display())]
    Template {
        /// The file that it comes from.
        path: PathBuf,
        /// The engine's reason, in one line.
        reason: String,
    },
    /// The tokenizer refuses a text or ids.
    #[error("tokenizer {} fails: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Its reason, in one line.
        reason: String,
    },
    /// A token that the model needs is not in the vocabulary.
    #[error("tokenizer {} has no token {token:?}", path.display())]
    NoToken {
        /// The file.
        path: PathBuf,
        /// The token.
        token: String,
    },
    /// A text has more tokens than fit.
    #[error("text {start:?} has {tokens} tokens, expected at most {limit}")]
    TooLong {
        /// Its first characters.
        start: String,
        /// Its tokens, special ones included.
        tokens: usize,
        /// Most that fit.
        limit: usize,
    },
    /// A prompt has no token.
    #[error("the prompt has no token, expected at least one")]
    EmptyPrompt,
    /// A prompt leaves no room for an answer.
    #[error("the prompt has {tokens} tokens, expected fewer than the model's context of {context}")]
    PromptTooLong {
        /// Its tokens, a picture's included.
        tokens: usize,
        /// Prompt and answer together.
        context: usize,
    },
    /// A setting of generation is out of its range.
    #[error("{name} is {value}, expected {expected}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: String,
        /// Its range.
        expected: &'static str,
    },
    /// The model gave a number that is none.
    #[error("logits hold NaN at token {token} of {tokens}")]
    NanLogits {
        /// The first place.
        token: usize,
        /// How many logits there are.
        tokens: usize,
    },
    /// Every token is excluded.
    #[error("none of {tokens} tokens can follow")]
    NoTokenLeft {
        /// How many logits there are.
        tokens: usize,
    },
    /// The graph is not the decoder that was expected.
    #[error("decoder has {found}, expected {expected}")]
    Decoder {
        /// What it has.
        found: String,
        /// What was wanted.
        expected: String,
    },
    /// Embeddings of a prompt and the tokens that they stand for do not agree in number or element type.
    #[error("prompt has {found}, expected {expected}")]
    Prompt {
        /// What it has.
        found: String,
        /// What was wanted.
        expected: String,
    },
    /// The grammar cannot be used.
    #[error("grammar fails: {reason}")]
    Grammar {
        /// The engine's reason, in one line.
        reason: String,
    },
    /// A proposal might not fit.
    #[error("token limit is {limit}, expected at least {needed}: the longest proposal about what is in view")]
    TokenLimit {
        /// The limit.
        limit: usize,
        /// What always suffices.
        needed: usize,
    },
    /// An answer is no proposal about what is in view.
    #[error("answer {start:?} is no proposal: {reason}")]
    Proposal {
        /// Its first characters.
        start: String,
        /// What is wrong.
        reason: String,
    },
    /// An answer ends before the proposal does.
    #[error("answer of {bytes} bytes ends inside of its proposal ({ending:?})")]
    Cut {
        /// Its length.
        bytes: usize,
        /// Its last characters.
        ending: String,
    },
    /// The graph did not run.
    #[error(transparent)]
    Infer(#[from] InferError),
}

impl LanguageError {
    /// A file's text.
    pub(super) fn read(path: &Path) -> Result<String, Self> {
        read_short_text(path, MOST_BYTES)
            .map_err(|error| Self::File { path: path.to_owned(), reason: one_line(&error.to_string()) })
    }

    /// A file's JSON; `None` where there is no such file.
    pub(super) fn read_json(path: &Path) -> Result<Option<serde_json::Value>, Self> {
        if !path.exists() {
            return Ok(None);
        }
        serde_json::from_str(&Self::read(path)?).map(Some).map_err(|error| Self::Broken {
            path: path.to_owned(),
            expected: "JSON file",
            reason: error.to_string(),
        })
    }
}

/// An outside library's reason, without line breaks and no longer than a person reads.
pub(super) fn one_line(text: &str) -> String {
    const CHARS: usize = 400;
    let mut line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(CHARS) {
        line.truncate(end);
        line.push_str("...");
    }
    line
}

/// The first characters of a text, for a message.
pub(super) fn start_of(text: &str) -> String {
    text.chars().take(40).collect()
}
