//! Words for models and from them: tokens, chat templates, the generation loop, grammars.
//!
//! In: texts, and a decoder in a [`Backend`](crate::infer::Backend). Out: token ids, texts, and answers that a grammar
//! has bound. What a model's tensors mean otherwise is left to `zoo`. This is the only module that names the crates of
//! tokenizers, templates and grammars.

mod chat_template;
mod decoder;
mod error;
mod generate;
mod generation_config;
mod grammar;
mod kv_cache;
mod proposal_form;
mod repetition;
mod sampling;
mod text_stream;
mod tokenizer;

pub use chat_template::{ChatTemplate, Content, Message, Part};
pub use decoder::{Decoder, EmbeddingGraph, Prompt};
pub use error::LanguageError;
pub use generate::{Generated, GenerationOptions, generate};
pub use generation_config::GenerationConfig;
pub use grammar::{GrammarState, GrammarVocabulary};
pub use kv_cache::CacheLayout;
pub use proposal_form::{ProposalForm, ProposalOrigin};
pub use sampling::Sampler;
pub use text_stream::TextStream;
pub use tokenizer::{Encoding, Tokenizer};
