//! One line of what `vedette check` answers.

use serde_json::Value;

/// One line of the answer.
pub(super) struct Finding {
    pub subject: String,
    pub is_good: bool,
    pub text: String,
    /// What to do about it, where the text does not say so.
    pub cure: Option<String>,
    pub details: Value,
}

impl Finding {
    /// As it should be.
    pub fn good(subject: impl Into<String>, text: String, details: Value) -> Self {
        Self::noted(subject, text, None, details)
    }

    /// Nothing that keeps the node from starting.
    pub fn noted(subject: impl Into<String>, text: String, cure: Option<String>, details: Value) -> Self {
        Self { subject: subject.into(), is_good: true, text, cure, details }
    }

    /// Something that keeps the node, or what was asked for, from running.
    pub fn bad(subject: &'static str, text: String) -> Self {
        Self { subject: subject.into(), is_good: false, text, cure: None, details: Value::Null }
    }

    /// `ok`, `note` or `FAIL`.
    pub fn state(&self) -> &'static str {
        match (self.is_good, &self.cure) {
            (false, _) => "FAIL",
            (true, Some(_)) => "note",
            (true, None) => "ok  ",
        }
    }
}

/// Says on stderr what takes its time.
pub(super) fn begin(what: &str) {
    tell!("vedette check: {what} ...");
}
