//! What a model with open inputs is tried on when it is opened.

use super::TensorSpec;
use std::fmt;
use std::sync::Arc;

/// An input as it is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialInput {
    /// Its shape; a dimension may be 0 (an empty cache).
    pub shape: Vec<usize>,
    /// Whether it holds ones, as a mask does that hides nothing; else zeros, which is a token that every model has.
    pub is_one: bool,
}

impl TrialInput {
    /// Of zeros.
    pub fn zeros(shape: impl Into<Vec<usize>>) -> Self {
        Self { shape: shape.into(), is_one: false }
    }

    /// Of ones.
    pub fn ones(shape: impl Into<Vec<usize>>) -> Self {
        Self { shape: shape.into(), is_one: true }
    }
}

type Describe = dyn Fn(&TensorSpec) -> Option<TrialInput> + Send + Sync;

/// Says of each input what it is like in use; of one that the graph fixes nothing need be said.
#[derive(Clone)]
pub struct Trial(Arc<Describe>);

impl Trial {
    /// By a function of an input as the graph declares it.
    pub fn new(describe: impl Fn(&TensorSpec) -> Option<TrialInput> + Send + Sync + 'static) -> Self {
        Self(Arc::new(describe))
    }

    /// No input is known.
    pub fn none() -> Self {
        Self::new(|_| None)
    }

    /// What `input` is like.
    pub fn of(&self, input: &TensorSpec) -> Option<TrialInput> {
        (self.0)(input)
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").finish_non_exhaustive()
    }
}
