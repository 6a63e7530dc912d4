//! A question to a vision-language model, and what came of it.

use super::{BBox, CancelReason, ClassId, Decision, ImagePx, Stamp, TrackId};
use std::sync::Arc;

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampling {
    /// The most likely one.
    Greedy,
    /// One at random: the same seed gives the same tokens.
    Random {
        /// Divides the logits; above 0.
        temperature: f32,
        /// The smallest set of likely tokens whose probabilities reach this is drawn from; above 0, at most 1.
        top_p: f32,
        /// Where the random numbers begin.
        seed: u64,
    },
}

/// What is in view, for a plan proposal: the only things that it may name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InView {
    /// Tracks with the names of their classes, by ascending id.
    pub tracks: Vec<(TrackId, Box<str>)>,
}

/// What the answer is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerForm {
    /// Words.
    Text,
    /// A plan proposal, forced by a grammar.
    Proposal(InView),
}

/// A question about one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// In words; for Florence-2 a task prompt such as `<OD>`, with its text behind it.
    pub text: String,
    /// What the answer is to be.
    pub form: AnswerForm,
    /// The answer has no more tokens than this; at least 1.
    pub max_tokens: usize,
    /// How its tokens are chosen.
    pub sampling: Sampling,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// The model said that it is complete.
    Stop,
    /// The token limit, or the model's context, was reached.
    Length,
    /// Whoever holds the token ended it.
    Cancelled(CancelReason),
}

impl FinishReason {
    /// The word in results and diagnostics: `stop`, `length`, or the cancellation's.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Cancelled(reason) => reason.as_str(),
        }
    }
}

/// A place in the picture that an answer names.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// In pixels of the original image, clipped to it.
    pub bbox: BBox<ImagePx>,
    /// What it is, in the model's words.
    pub label: String,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// All of it, without special tokens.
    pub text: String,
    /// Places that it names; empty for models that only speak.
    pub regions: Vec<Region>,
    /// Tokens of the picture and the question.
    pub prompt_tokens: usize,
    /// Tokens of the answer, the one that ends it included.
    pub tokens: usize,
    /// Why it ended.
    pub finish: FinishReason,
}

/// One step of a proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposedStep {
    /// What to do.
    pub action: Decision,
    /// About which track.
    pub track: Option<TrackId>,
    /// That track's class.
    pub class: Option<ClassId>,
    /// Why.
    pub reason: String,
}

/// A plan as a language model would have it, before the guard has seen it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The stamp of the picture that it was made from.
    pub stamp: Stamp,
    /// The word.
    pub decision: Decision,
    /// No faster than this, in metres per second; at least 0. `None` is no limit.
    pub speed_limit_mps: Option<f32>,
    /// What to do about what.
    pub steps: Vec<ProposedStep>,
    /// Why, in words.
    pub reason: String,
    /// Name of the model that made it.
    pub model: Arc<str>,
    /// Version of the prompts behind its classes.
    pub prompt_version: u32,
    /// The answer that it was read from.
    pub text: String,
}
