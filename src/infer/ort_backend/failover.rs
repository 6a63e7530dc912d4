//! What becomes of a run that fails on a GPU provider: answered by the next provider, or lost; never by what was before.
//!
//! Whether the provider or what it was fed is at fault shows where the same inputs are run on the next provider of the
//! list: what goes through there is its answer, and the provider is left. What fails everywhere is an error of the run. Where the
//! inputs cannot be run again (a cache that is in the device's memory, or one that the run has written in place), a session
//! is opened anew instead: the provider that does not get through that is left, and the run is lost.
//!
//! Each such trial opens a session, which takes as long as at the start. So of runs that fail one after the other only the
//! first, the second, the fourth, the eighth, ... are tried.

use super::OrtBackend;
use crate::infer::slot::{OutputValue, state};
use crate::infer::values::Values;
use crate::infer::{Backend, InferError, Provider, Refusal};

impl OrtBackend {
    /// After a run that failed.
    ///
    /// # Errors
    /// `failed`, where the run stays without an answer; [`InferError::Strict`] where the provider must not be left.
    pub(super) fn leave_or_fail(&mut self, failed: InferError) -> Result<(), InferError> {
        let Some(provider) = self.proof.gpu_provider().filter(|_| failed.is_of_a_run()) else { return Err(failed) };
        self.failures = self.failures.saturating_add(1);
        if !self.failures.is_power_of_two() {
            return Err(failed);
        }
        if self.has_inputs_to_run_again() {
            self.run_elsewhere(provider, failed)
        } else {
            self.open_anew(provider, failed)
        }
    }

    /// Whether all inputs can be read, and are what they were before the run.
    fn has_inputs_to_run_again(&self) -> bool {
        self.inputs.iter().all(|input| input.values.is_on_host())
            && !self.outputs.iter().any(|output| matches!(output.value, OutputValue::Shared(_)))
    }

    /// Runs the same inputs on the next provider that takes them, and stays there.
    fn run_elsewhere(&mut self, provider: Provider, failed: InferError) -> Result<(), InferError> {
        let refusal = Refusal::new(provider, failed.clone().into_reason());
        let is_strict = self.chain.is_strict();
        let mut chain = match is_strict {
            true => self.chain.on_the_cpu(),
            false => self.chain.clone().without(std::slice::from_ref(&refusal)),
        };
        if chain.is_at_its_end() {
            return Err(failed);
        }
        let opening = self.opening.clone();
        let answered = chain.open(|chain, session, proof| {
            let mut next = Self::start(chain, session, proof, &opening)?;
            next.arrange_outputs_as(self)?;
            next.swap_host_inputs(self);
            let ran = next.run_here();
            if ran.is_err() || is_strict {
                next.swap_host_inputs(self);
            }
            ran.map(|()| next)
        });
        match answered {
            Ok(_) if is_strict => {
                tracing::error!(model = self.chain.model(), %provider, reason = refusal.reason, "the provider failed");
                self.stopped = Some(refusal.clone());
                Err(InferError::strict(refusal))
            }
            Ok(next) => {
                self.go_on_with(next, provider);
                Ok(())
            }
            Err(elsewhere) => {
                tracing::debug!(model = self.chain.model(), %provider, %elsewhere, "a run fails elsewhere too");
                Err(failed)
            }
        }
    }

    /// Opens the model anew on the provider that failed, or where that does not go through on the next one, and stays there.
    fn open_anew(&mut self, provider: Provider, failed: InferError) -> Result<(), InferError> {
        let opening = self.opening.clone();
        let opened = self.chain.clone().open(|chain, session, proof| Self::start(chain, session, proof, &opening));
        match opened {
            Ok(next) if next.proof.gpu_provider() == Some(provider) => Err(failed),
            Ok(mut next) => {
                next.arrange_outputs_as(self)?;
                next.swap_host_inputs(self);
                self.go_on_with(next, provider);
                Err(failed)
            }
            Err(InferError::Strict { provider, reason, cure }) => {
                self.stopped = Some(Refusal { provider, reason, cure });
                Err(failed)
            }
            Err(_) => Err(failed),
        }
    }

    fn go_on_with(&mut self, next: Self, left: Provider) {
        *self = next;
        let refusal = self.proof.refused.iter().find(|refusal| refusal.provider == left);
        let reason = refusal.map(|refusal| refusal.reason.as_str()).unwrap_or_default();
        tracing::warn!(model = self.chain.model(), left = %left, reason, "a provider failed in operation: {}", self.proof);
    }

    /// Which outputs lie in inputs, and which stay where they are computed.
    fn arrange_outputs_as(&mut self, other: &Self) -> Result<(), InferError> {
        for (place, output) in other.outputs.iter().enumerate() {
            match output.value {
                OutputValue::Shared(input) => self.share(place, input)?,
                _ if output.stays_on_device => self.keep_on_device(place),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes the other's inputs and gives its own. Of one in a device's memory only the shape is taken: whoever feeds it
    /// has to begin anew.
    fn swap_host_inputs(&mut self, other: &mut Self) {
        for (place, (mine, theirs)) in self.inputs.iter_mut().zip(&mut other.inputs).enumerate() {
            if theirs.values.is_on_host() {
                std::mem::swap(mine, theirs);
            } else if let Ok(zeros) = Values::zeros(theirs.declared.element, &theirs.shape) {
                mine.put(zeros, &theirs.shape);
            }
            (mine.is_bound, theirs.is_bound) = (false, false);
            if !mine.is_open {
                state(&mut self.signature.inputs[place], &mine.shape);
            }
        }
        (self.reshaped, other.reshaped) = (true, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::session::fake_source::FakeSource;
    use crate::infer::{ProviderPolicy, SessionOptions, Trial, TrialInput};
    use crate::types::{TensorData, TensorMut};
    use std::sync::Arc;

    const CUDA: Provider = Provider::Cuda;
    const CPU: Provider = Provider::Cpu;

    type Opened = Result<(OrtBackend, Arc<FakeSource>), InferError>;

    /// Opened on what the models stand for, with an input of that many rows, or an open one that is `trial`.
    fn open_as(
        test: &str,
        models: &[(Provider, &[&'static str])],
        policy: ProviderPolicy,
        rows: Result<usize, Trial>,
    ) -> Option<Opened> {
        let source = Arc::new(FakeSource::or_skip(test, models)?);
        let providers = models.iter().map(|(provider, _)| *provider).collect();
        let options = SessionOptions { providers, policy, intra_op_threads: 1, ..SessionOptions::default() };
        let (shapes, trial) = match rows {
            Ok(rows) => (vec![("x".to_owned(), vec![rows, 2])], Trial::none()),
            Err(trial) => (Vec::new(), trial),
        };
        let opened = OrtBackend::open_from(source.clone(), &options, shapes, trial);
        Some(opened.map(|backend| (backend, source)))
    }

    fn doubled(backend: &mut OrtBackend, value: f32) -> Result<f32, InferError> {
        let TensorMut::F32(input) = backend.input(0) else { panic!("x is float32") };
        input.fill(value);
        backend.run()?;
        let TensorData::F32(output) = backend.output(0).data else { panic!("y is float32") };
        Ok(output[0])
    }

    #[test]
    fn a_provider_that_fails_in_operation_is_left_and_the_frame_is_answered_by_the_next() {
        let models: [(_, &[_]); 2] = [(CUDA, &["doubling_to_100"]), (CPU, &["doubling"])];
        let Some(opened) = open_as("left in operation", &models, ProviderPolicy::Fallback, Ok(3)) else { return };
        let (mut backend, source) = opened.unwrap();
        assert_eq!(doubled(&mut backend, 7.0).unwrap(), 14.0);
        assert_eq!((backend.proof().running, backend.proof().refused.len()), (CUDA, 0));
        assert_eq!(doubled(&mut backend, 300.0).unwrap(), 600.0, "never the last answer, 14");
        let proof = backend.proof().clone();
        assert_eq!((proof.running, proof.is_fallback()), (CPU, true));
        let [refusal] = &proof.refused[..] else { panic!("{proof}") };
        assert!(refusal.provider == CUDA && refusal.reason.contains("indices element out of data bounds"), "{proof}");
        for value in [1.0, 500.0, 2.0] {
            assert_eq!(doubled(&mut backend, value).unwrap(), 2.0 * value);
        }
        assert_eq!(*backend.proof(), proof, "once");
        assert_eq!(source.built(), [CUDA, CPU]);
    }

    #[test]
    fn a_run_that_fails_everywhere_costs_no_provider() {
        let models: [(_, &[_]); 2] = [(CUDA, &["doubling_to_100"]), (CPU, &["doubling_to_100"])];
        for policy in [ProviderPolicy::Fallback, ProviderPolicy::Strict] {
            let Some(opened) = open_as("at fault itself", &models, policy, Ok(1)) else { return };
            let (mut backend, _) = opened.unwrap();
            assert!(matches!(doubled(&mut backend, 300.0), Err(InferError::Run { .. })));
            assert_eq!(doubled(&mut backend, 3.0).unwrap(), 6.0);
            assert_eq!((backend.proof().running, backend.proof().refused.len()), (CUDA, 0));
        }
    }

    #[test]
    fn of_runs_that_fail_in_a_row_few_open_a_session() {
        let models: [(_, &[_]); 2] = [(CUDA, &["doubling_to_100"]), (CPU, &["doubling_to_100"])];
        let Some(opened) = open_as("in a row", &models, ProviderPolicy::Fallback, Ok(1)) else { return };
        let (mut backend, source) = opened.unwrap();
        for _ in 0..20 {
            doubled(&mut backend, 300.0).unwrap_err();
        }
        assert_eq!(source.built().len(), 1 + 5, "at runs 1, 2, 4, 8 and 16");
    }

    #[test]
    fn a_strict_provider_that_fails_stops_and_says_so_at_each_run() {
        let models: [(_, &[_]); 2] = [(CUDA, &["doubling_to_100"]), (CPU, &["doubling"])];
        let Some(opened) = open_as("strict in operation", &models, ProviderPolicy::Strict, Ok(1)) else { return };
        let (mut backend, _) = opened.unwrap();
        assert_eq!(doubled(&mut backend, 3.0).unwrap(), 6.0);
        for value in [300.0, 3.0] {
            let error = doubled(&mut backend, value).unwrap_err();
            assert!(matches!(error, InferError::Strict { provider: CUDA, .. }), "{error}");
        }
    }

    #[test]
    fn all_between_two_that_run_are_left_with_their_reasons() {
        let models: [(_, &[_]); 3] =
            [(Provider::TensorRt, &["doubling_to_100"]), (CUDA, &["doubling_never"]), (CPU, &["doubling"])];
        let Some(opened) = open_as("two fail", &models, ProviderPolicy::Fallback, Ok(1)) else { return };
        let (mut backend, _) = opened.unwrap();
        assert_eq!(doubled(&mut backend, 300.0).unwrap(), 600.0);
        let left: Vec<_> = backend.proof().refused.iter().map(|refusal| refusal.provider).collect();
        assert_eq!(left, [Provider::TensorRt, CUDA]);
    }

    #[test]
    fn a_cache_that_was_written_in_place_is_lost_and_nothing_is_answered_from_it() {
        let models: [(_, &[_]); 2] = [(CUDA, &["doubling_to_100", "doubling_never"]), (CPU, &["doubling"])];
        let Some(opened) = open_as("in place", &models, ProviderPolicy::Fallback, Ok(1)) else { return };
        let (mut backend, source) = opened.unwrap();
        backend.share(0, 0).unwrap();
        assert_eq!(doubled(&mut backend, 7.0).unwrap(), 14.0);
        assert!(matches!(doubled(&mut backend, 300.0), Err(InferError::Run { .. })));
        assert_eq!((backend.proof().running, source.built()), (CPU, vec![CUDA, CUDA, CPU]));
        assert_eq!(doubled(&mut backend, 300.0).unwrap(), 600.0);
        let TensorMut::F32(input) = backend.input(0) else { panic!("x is float32") };
        assert_eq!(input, [600.0; 2], "the output is still in the input's place");
    }

    #[test]
    fn a_device_that_is_whole_keeps_a_model_whose_cache_was_lost() {
        let models: [(_, &[_]); 2] = [(CUDA, &["doubling_to_100"]), (CPU, &["doubling"])];
        let Some(opened) = open_as("whole", &models, ProviderPolicy::Fallback, Ok(1)) else { return };
        let (mut backend, source) = opened.unwrap();
        backend.share(0, 0).unwrap();
        assert!(matches!(doubled(&mut backend, 300.0), Err(InferError::Run { .. })));
        assert_eq!((backend.proof().running, source.built()), (CUDA, vec![CUDA, CUDA]));
        assert_eq!(doubled(&mut backend, 7.0).unwrap(), 14.0);
    }

    #[test]
    fn a_model_with_open_inputs_is_tried_as_it_is_used_and_left_open() {
        let trial = || Trial::new(|input| (input.name == "x").then(|| TrialInput::ones([4, 2])));
        let models: [(_, &[_]); 2] = [(CUDA, &["doubling_never"]), (CPU, &["doubling"])];
        let Some(opened) = open_as("open", &models, ProviderPolicy::Fallback, Err(trial())) else { return };
        let (mut backend, _) = opened.unwrap();
        assert_eq!((backend.proof().running, backend.proof().refused.len()), (CPU, 1));
        assert!(matches!(backend.run(), Err(InferError::OpenShape { .. })));

        let models: [(_, &[_]); 2] = [(CUDA, &["doubling"]), (CPU, &["doubling"])];
        let Some(opened) = open_as("open", &models, ProviderPolicy::Fallback, Err(trial())) else { return };
        let (mut backend, _) = opened.unwrap();
        assert_eq!(backend.proof().running, CUDA);
        assert_eq!(backend.signature().inputs[0].to_string(), "x float32 [?, 2]");
        assert_eq!(backend.signature().outputs[0].to_string(), "y float32 [?, 2]");
        assert!(matches!(backend.run(), Err(InferError::OpenShape { .. })));
        backend.reshape(0, &[5, 2]).unwrap();
        assert_eq!(doubled(&mut backend, 3.0).unwrap(), 6.0);
        assert_eq!(backend.output(0).shape, [5, 2]);
    }
}
