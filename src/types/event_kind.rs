//! What changes the core and is no message of a camera or a robot.

/// What an event is, by its word on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The walk begins, with these parameters: all is forgotten that was seen before.
    Start,
    /// Parameters have other values from here on.
    Parameters,
}

impl EventKind {
    /// All.
    pub const ALL: [Self; 2] = [Self::Start, Self::Parameters];

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Parameters => "parameters",
        }
    }

    /// The event with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
