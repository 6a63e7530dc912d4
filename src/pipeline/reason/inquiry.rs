//! A question of somebody's own about the next image, in words that are fit for a model.

use crate::types::{CameraId, Cancel};

/// Who asked. Travels with the job, so that its answer finds its way back.
#[derive(Debug, Clone)]
pub struct Asker {
    /// The question's number, never given twice by one edge.
    pub id: u64,
    /// Ends the answer.
    pub cancel: Cancel,
}

/// Words, what the answer is to be, and how long it may get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inquiry {
    text: String,
    wants_proposal: bool,
    max_tokens: Option<usize>,
    camera: CameraId,
}

/// Why a question is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InquiryError {
    /// Nothing is asked, and no proposal either.
    #[error("the question is empty, expected words (it may be empty where a proposal is wanted)")]
    Empty,
    /// Longer than [`Inquiry::MAX_CHARS`].
    #[error("the question has {chars} characters, expected at most {}", Inquiry::MAX_CHARS)]
    TooLong {
        /// Its length.
        chars: usize,
    },
    /// A line break, a tab, a null or the like.
    #[error("the question holds the control character {found:?}, expected plain text")]
    Control {
        /// The first one.
        found: char,
    },
}

impl Inquiry {
    /// The longest question, in characters.
    pub const MAX_CHARS: usize = 2000;

    /// Of words, trimmed. Empty ones with `wants_proposal` stand for the parameter `reason_prompt`; `max_tokens` of 0
    /// stands for `reason_max_tokens`.
    ///
    /// # Errors
    /// [`InquiryError`] for words that no model should read.
    pub fn new(text: &str, wants_proposal: bool, max_tokens: u32) -> Result<Self, InquiryError> {
        let text = text.trim();
        let chars = text.chars().count();
        if text.is_empty() && !wants_proposal {
            return Err(InquiryError::Empty);
        }
        if chars > Self::MAX_CHARS {
            return Err(InquiryError::TooLong { chars });
        }
        if let Some(found) = text.chars().find(|char| char.is_control()) {
            return Err(InquiryError::Control { found });
        }
        let max_tokens = (max_tokens > 0).then_some(max_tokens as usize);
        Ok(Self { text: text.to_owned(), wants_proposal, max_tokens, camera: CameraId(0) })
    }

    /// It is about the picture of this camera; else about that of the first.
    #[must_use]
    pub fn about(self, camera: CameraId) -> Self {
        Self { camera, ..self }
    }

    /// Whose picture it is about.
    pub(in crate::pipeline) fn camera(&self) -> CameraId {
        self.camera
    }

    /// In words. `None`: the parameter's.
    pub(in crate::pipeline) fn text(&self) -> Option<&str> {
        (!self.text.is_empty()).then_some(&self.text)
    }

    /// Whether the answer is to be a proposal.
    pub(in crate::pipeline) fn wants_proposal(&self) -> bool {
        self.wants_proposal
    }

    /// The limit of tokens. `None`: the parameter's.
    pub(in crate::pipeline) fn max_tokens(&self) -> Option<usize> {
        self.max_tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_question_only_where_a_proposal_is_wanted() {
        assert_eq!(Inquiry::new("  ", false, 0), Err(InquiryError::Empty));
        let proposal = Inquiry::new("  ", true, 0).unwrap();
        assert_eq!((proposal.text(), proposal.max_tokens()), (None, None));
        let words = Inquiry::new(" what is that? ", false, 7).unwrap();
        assert_eq!((words.text(), words.max_tokens()), (Some("what is that?"), Some(7)));
    }

    #[test]
    fn what_no_model_should_read_is_refused_in_words() {
        let error = |text: &str| Inquiry::new(text, true, 0).unwrap_err().to_string();
        assert_eq!(error("a\nb"), "the question holds the control character '\\n', expected plain text");
        assert_eq!(error(&"\u{e9}".repeat(2001)), "the question has 2001 characters, expected at most 2000");
        assert!(Inquiry::new(&"\u{e9}".repeat(2000), false, 0).is_ok());
    }
}
