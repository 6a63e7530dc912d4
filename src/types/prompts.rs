//! What a detector is told to look for, in words.

use std::fmt;
use std::sync::Arc;

/// Prompts in words, checked, and the version that governs what is made from them.
///
/// Each is trimmed, has no control character and at least one letter or digit; no two are the same but for case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompts {
    texts: Arc<[Box<str>]>,
    version: u32,
}

/// Why a set of prompts is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Nothing to look for.
    #[error("there is no prompt, expected at least one")]
    None,
    /// More than [`Prompts::MAX`].
    #[error("there are {found} prompts, expected at most {}", Prompts::MAX)]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// Without a letter or a digit.
    #[error("prompt {number} is {text:?}, expected words")]
    Empty {
        /// Counted from 1.
        number: usize,
        /// As given.
        text: String,
    },
    /// Longer than [`Prompts::MAX_CHARS`].
    #[error("prompt {number} ({start:?}...) has {chars} characters, expected at most {}", Prompts::MAX_CHARS)]
    TooLong {
        /// Counted from 1.
        number: usize,
        /// Its first words.
        start: String,
        /// Its length.
        chars: usize,
    },
    /// A line break, a tab, a null or the like inside.
    #[error("prompt {number} ({text:?}) holds the control character {found:?}, expected plain text")]
    Control {
        /// Counted from 1.
        number: usize,
        /// As given.
        text: String,
        /// The character.
        found: char,
    },
    /// Two prompts of one text: a box could not tell which of them it answers.
    #[error("prompts {first} and {second} are both {text:?}")]
    Duplicate {
        /// Counted from 1.
        first: usize,
        /// Counted from 1.
        second: usize,
        /// The text.
        text: String,
    },
}

impl Prompts {
    /// Most prompts of a set.
    pub const MAX: usize = 256;
    /// Most characters of a prompt.
    pub const MAX_CHARS: usize = 256;

    /// Checks the texts. `version` counts the sets of a run from 1.
    ///
    /// # Errors
    /// [`PromptError`] with the prompt's number, counted from 1.
    pub fn new(texts: impl IntoIterator<Item = impl AsRef<str>>, version: u32) -> Result<Self, PromptError> {
        let mut checked: Vec<Box<str>> = Vec::new();
        let mut folded: Vec<String> = Vec::new();
        let mut found = 0;
        for text in texts {
            found += 1;
            if found > Self::MAX {
                continue;
            }
            let text = checked_text(text.as_ref(), found)?;
            let lower = text.to_lowercase();
            if let Some(first) = folded.iter().position(|earlier| *earlier == lower) {
                return Err(PromptError::Duplicate { first: first + 1, second: found, text: text.to_owned() });
            }
            folded.push(lower);
            checked.push(text.into());
        }
        match found {
            0 => Err(PromptError::None),
            found if found > Self::MAX => Err(PromptError::TooMany { found }),
            _ => Ok(Self { texts: checked.into(), version }),
        }
    }

    /// Prompts in one text, as on the command line: `pedestrian; delivery van`. A semicolon at the end is no prompt.
    ///
    /// # Errors
    /// As [`Prompts::new`].
    pub fn parse(text: &str, version: u32) -> Result<Self, PromptError> {
        let text = text.trim();
        let text = text.strip_suffix(';').unwrap_or(text);
        if text.trim().is_empty() {
            return Err(PromptError::None);
        }
        Self::new(text.split(';'), version)
    }

    /// What is to be said of a text that is one prompt and may be meant as several: one with a comma in it.
    pub fn comma_hint(text: &str) -> Option<String> {
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        let words = || format!("the prompt {text:?} has a comma in it and is one prompt; several are {parts:?}");
        text.contains(',').then(words)
    }

    /// The texts in order.
    pub fn texts(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.texts.iter().map(|text| &**text)
    }

    /// How many there are: at least one.
    #[expect(clippy::len_without_is_empty, reason = "a set of prompts is never empty")]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Which set of the run this is, counted from 1.
    pub fn version(&self) -> u32 {
        self.version
    }
}

impl fmt::Display for Prompts {
    /// `pedestrian; delivery van`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, text) in self.texts().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{text}")?;
        }
        Ok(())
    }
}

fn checked_text(text: &str, number: usize) -> Result<&str, PromptError> {
    let trimmed = text.trim();
    let chars = trimmed.chars().count();
    if chars > Prompts::MAX_CHARS {
        let start = trimmed.chars().take(24).collect();
        return Err(PromptError::TooLong { number, start, chars });
    }
    if let Some(found) = trimmed.chars().find(|character| character.is_control()) {
        return Err(PromptError::Control { number, text: trimmed.to_owned(), found });
    }
    if !trimmed.chars().any(char::is_alphanumeric) {
        return Err(PromptError::Empty { number, text: text.to_owned() });
    }
    Ok(trimmed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(texts: &[&str]) -> String {
        Prompts::new(texts, 1).unwrap_err().to_string()
    }

    #[test]
    fn a_prompt_with_a_comma_may_be_meant_as_several() {
        let hint = Prompts::comma_hint("pedestrian, delivery van,");
        let expected = r#"the prompt "pedestrian, delivery van," has a comma in it and is one prompt; several are ["pedestrian", "delivery van"]"#;
        assert_eq!(hint.as_deref(), Some(expected));
        assert_eq!(Prompts::comma_hint("delivery van; dog"), None);
    }

    #[test]
    fn prompts_are_trimmed_and_keep_their_order() {
        let prompts = Prompts::parse(" pedestrian;delivery van ; Straße; ", 3).unwrap();
        assert_eq!(prompts.texts().collect::<Vec<_>>(), ["pedestrian", "delivery van", "Straße"]);
        assert_eq!((prompts.len(), prompts.version()), (3, 3));
        assert_eq!(prompts.to_string(), "pedestrian; delivery van; Straße");
    }

    #[test]
    fn each_bad_prompt_is_refused_with_its_number() {
        assert_eq!(refusal(&[]), "there is no prompt, expected at least one");
        assert_eq!(Prompts::parse(" ; ", 1), Err(PromptError::None));
        assert_eq!(refusal(&["dog", " "]), "prompt 2 is \" \", expected words");
        assert_eq!(refusal(&["..."]), "prompt 1 is \"...\", expected words");
        assert_eq!(
            refusal(&["a\u{0}b"]),
            "prompt 1 (\"a\\0b\") holds the control character '\\0', expected plain text"
        );
        assert_eq!(refusal(&["Dog", "cat", "dog "]), "prompts 1 and 3 are both \"dog\"");
        assert_eq!(
            refusal(&["x".repeat(300).as_str()]),
            "prompt 1 (\"xxxxxxxxxxxxxxxxxxxxxxxx\"...) has 300 characters, expected at most 256"
        );
        let many: Vec<String> = (0..300).map(|number| format!("thing {number}")).collect();
        let error = Prompts::new(&many, 1).unwrap_err();
        assert_eq!(error.to_string(), "there are 300 prompts, expected at most 256");
    }

    proptest! {
        #[test]
        fn a_set_survives_its_own_display(text in "[^;]{0,20}(;[^;]{0,20}){0,4}") {
            if let Ok(prompts) = Prompts::parse(&text, 1) {
                prop_assert_eq!(Prompts::parse(&prompts.to_string(), 1), Ok(prompts));
            }
        }
    }
}
