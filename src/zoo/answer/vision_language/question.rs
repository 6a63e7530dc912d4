//! What cannot be asked of any model, whatever its family.

use crate::zoo::ZooError;

/// The longest question in bytes: some multiple of what any context holds, and read in a blink.
const MAX_BYTES: usize = 1 << 18;

/// The question without the white space around it.
///
/// # Errors
/// [`ZooError::Question`] for one without words, one that is too long to be read, and one with control characters other
/// than tabs and line ends.
pub(in crate::zoo) fn checked(text: &str) -> Result<&str, ZooError> {
    let words = text.trim();
    if words.is_empty() {
        return Err(refused(text, "is empty, expected words".to_owned()));
    }
    if words.len() > MAX_BYTES {
        return Err(refused(words, format!("has {} bytes, expected at most {MAX_BYTES}", words.len())));
    }
    let is_bad = |character: &char| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
    match words.chars().find(is_bad) {
        Some(bad) => Err(refused(words, format!("holds the control character {bad:?}, expected words"))),
        None => Ok(words),
    }
}

/// Refuses a question, naming its first characters.
pub(in crate::zoo) fn refused(text: &str, reason: String) -> ZooError {
    const CHARS: usize = 40;
    let mut start: String = text.chars().take(CHARS).collect();
    if start.len() < text.len() {
        start.push_str("...");
    }
    ZooError::Question { start, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_words() {
        assert_eq!(checked("  What is this?\nAnd that? ").unwrap(), "What is this?\nAnd that?");
        for (text, reason) in [
            ("", "question \"\" is empty, expected words"),
            (" \n\t", "question \" \\n\\t\" is empty, expected words"),
            ("a\0b", "question \"a\\0b\" holds the control character '\\0', expected words"),
            ("\u{9b}31m", "question \"\\u{9b}31m\" holds the control character '\\u{9b}', expected words"),
        ] {
            assert_eq!(checked(text).unwrap_err().to_string(), reason);
        }
        let huge = "why ".repeat(100_000);
        let message = checked(&huge).unwrap_err().to_string();
        assert!(message.ends_with("...\" has 399999 bytes, expected at most 262144"), "{message}");
    }
}
