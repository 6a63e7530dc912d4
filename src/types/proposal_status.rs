//! What becomes of a language model's answer that was to be a plan proposal.

/// The fate of one proposal, or of the answer that should have been one.
///
/// The first four are the guard's rulings on a proposal that could be read; the others are events: there was nothing
/// to rule on, and the plan is that of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProposalStatus {
    /// The plan follows it as it is.
    Taken,
    /// The plan follows it, with changes that the guard made.
    Changed,
    /// The rules are more careful in this frame: their plan stays. It may be taken in a later frame.
    Overruled,
    /// It must not be followed: too old, about things that are gone, or not for a robot that these rules know.
    Refused,
    /// The answer is complete and no proposal.
    Unreadable,
    /// The answer ended at the limit of tokens, before it was a proposal.
    Truncated,
    /// The deadline ended the answer.
    Late,
    /// Somebody, or something newer, ended the answer.
    Cancelled,
    /// The model did not run.
    Failed,
}

impl ProposalStatus {
    /// All of them, the guard's rulings first.
    pub const ALL: [Self; 9] = [
        Self::Taken,
        Self::Changed,
        Self::Overruled,
        Self::Refused,
        Self::Unreadable,
        Self::Truncated,
        Self::Late,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The word as vedette_msgs/Proposal carries it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Changed => "changed",
            Self::Overruled => "overruled",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
            Self::Truncated => "truncated",
            Self::Late => "late",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether the guard ruled: there was a proposal.
    pub const fn is_ruling(self) -> bool {
        matches!(self, Self::Taken | Self::Changed | Self::Overruled | Self::Refused)
    }
}
