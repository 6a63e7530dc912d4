//! What a model with open inputs is tried on when it is opened.

use super::slot::{InputSlot, OutputSlot};
use super::{Backend, InferError, OrtBackend, TensorSpec, declared};
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

    /// What this input is like.
    pub fn of(&self, declared: &TensorSpec) -> Option<TrialInput> {
        (self.0)(declared)
    }

    /// No input is known.
    pub fn none() -> Self {
        Self::new(|_| None)
    }
}

impl fmt::Debug for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trial").finish_non_exhaustive()
    }
}

impl OrtBackend {
    /// Runs once with open inputs as they are in use, and leaves them open again. Without a run where an input is not
    /// described, or not as the graph has it: then the first use shows what the provider is worth.
    ///
    /// # Errors
    /// As [`run`](Backend::run).
    pub(super) fn try_out(&mut self, trial: &Trial) -> Result<(), InferError> {
        let open: Vec<bool> = self.inputs.iter().map(|input| input.is_open).collect();
        let described: Vec<_> = self.inputs.iter().map(|input| trial.of(&input.declared)).collect();
        for (input, described) in self.inputs.iter().zip(&described) {
            let fits = described.as_ref().map(|described| declared::takes(&input.declared, &described.shape));
            if !fits.unwrap_or(!input.is_open) {
                tracing::debug!(input = %input.declared, ?described, "not tried: the input is not as described");
                return Ok(());
            }
        }
        let (outputs, before) = (self.signature.outputs.clone(), self.outputs.len());
        for (place, described) in described.iter().enumerate() {
            let Some(TrialInput { shape, is_one }) = described else { continue };
            self.reshape(place, shape)?;
            if *is_one {
                self.inputs[place].values.as_mut().fill_with_one();
            }
        }
        self.run_here()?;
        for (place, is_open) in open.into_iter().enumerate() {
            if is_open {
                let declared = self.inputs[place].declared.clone();
                self.signature.inputs[place] = declared.clone();
                self.inputs[place] = InputSlot::new(declared)?;
            }
        }
        self.outputs = (0..before).map(|_| OutputSlot::new()).collect();
        self.signature.outputs = outputs;
        self.reshaped = true;
        Ok(())
    }
}
