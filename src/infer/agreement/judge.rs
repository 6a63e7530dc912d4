//! Opens a model on the first of its providers that computes what the CPU computes.

use super::Agreement;
use super::outputs_apart;
use super::remembered::Remembered;
use crate::infer::providers::cure::TOO_FAR;
use crate::infer::{
    Backend, GraphEdit, InferError, OrtBackend, Precision, Proof, Provider, ProviderPolicy, Refusal, Runtime,
    SessionOptions,
};
use std::fmt::Display;
use std::path::Path;

/// What runs on a provider and can be compared with the same on the CPU.
pub trait Judged {
    /// Where it runs.
    fn runs_on(&self) -> &Proof;

    /// Keeps in the proof how near it is.
    fn keep_agreement(&mut self, agreement: Agreement);
}

/// A model that is to be opened on a provider that computes what the CPU computes.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// ONNX Runtime.
    pub runtime: &'static Runtime,
    /// The graph's file.
    pub model: &'a Path,
    /// How it is to be run.
    pub options: &'a SessionOptions,
    /// What else a result depends on that is remembered: what is compared, and what the options do not say.
    pub on: &'a str,
}

impl Judge<'_> {
    /// Opens the model, and where that ends on a GPU provider and `options.compares` says so, opens it on the CPU too and
    /// compares the two; `None` is no answer. What was found is kept beside the engines and not measured again at the
    /// next start. A provider that is too far off is an error under the strict policy; else TensorRT is tried once more in 32
    /// bits where it computed in 16, and then the provider is left for the next one of the list.
    ///
    /// # Errors
    /// Those of `open`; [`InferError::Strict`].
    pub fn open<T: Judged, E: From<InferError> + Display>(
        &self,
        mut open: impl FnMut(&SessionOptions) -> Result<T, E>,
        mut compare: impl FnMut(&mut T, &mut T) -> Option<Agreement>,
    ) -> Result<T, E> {
        let model = self.model.display();
        let (mut options, mut reference) = (self.options.clone(), None);
        loop {
            let mut opened = open(&options)?;
            let Some(provider) = opened.runs_on().gpu_provider().filter(|_| options.compares) else {
                return Ok(opened);
            };
            let remembered = Remembered::of(self.runtime, self.model, &options, opened.runs_on(), self.on);
            let known = remembered.as_ref().and_then(|remembered| Some((remembered.read()?, remembered.path())));
            let found = if known.is_some() {
                None
            } else {
                if reference.is_none() {
                    match open(&on_the_cpu(&options)) {
                        Ok(opened) => reference = Some(opened),
                        Err(error) => {
                            tracing::warn!(%model, %provider, %error, "not compared: it does not open on the CPU")
                        }
                    }
                }
                reference.as_mut().and_then(|reference| compare(reference, &mut opened))
            };
            if opened.runs_on().refused.iter().any(|refusal| refusal.provider == provider) {
                // It failed meanwhile and another one took over, whose answers they are.
                options.refused.clone_from(&opened.runs_on().refused);
                continue;
            }
            if let (Some(remembered), Some(found)) = (&remembered, &found) {
                remembered.keep(found);
            }
            let kept_in = known.as_ref().map(|(_, path)| path.display());
            let Some(agreement) = known.as_ref().map(|(known, _)| known.clone()).or(found) else {
                tracing::info!(%model, %provider, "not compared with the CPU, which has no answer to compare with");
                return Ok(opened);
            };
            if agreement.is_near() {
                tracing::info!(%model, %provider, "{agreement}");
                opened.keep_agreement(agreement);
                return Ok(opened);
            }
            let is_in_half =
                options.tensorrt.precision == Precision::Half && opened.runs_on().holds(Provider::TensorRt);
            drop(opened);
            let mut reason = match agreement {
                Agreement::Failed(reason) => reason,
                agreement => format!("{TOO_FAR}: {agreement}"),
            };
            if let Some(path) = kept_in {
                reason += &format!(" (found at an earlier start; to compare again remove {path})");
            }
            let refusal = Refusal::new(provider, reason);
            if options.policy == ProviderPolicy::Strict {
                return Err(InferError::strict(refusal).into());
            }
            let reason = &refusal.reason;
            if is_in_half {
                tracing::warn!(%model, reason, "TensorRT computes it in 32 bits instead of 16");
                options.tensorrt.precision = Precision::Full;
            } else {
                tracing::warn!(%model, %provider, reason, "a provider is left");
                options.refused.push(refusal);
            }
        }
    }

    /// As [`open`](Self::open) for a graph that is compared by the numbers that it makes of noise, or of what its inputs are
    /// like in use where these are open.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_backend(
        &self,
        open: impl FnMut(&SessionOptions) -> Result<OrtBackend, InferError>,
    ) -> Result<OrtBackend, InferError> {
        self.open(open, outputs_apart::compare)
    }
}

impl Judged for OrtBackend {
    fn runs_on(&self) -> &Proof {
        self.proof()
    }

    fn keep_agreement(&mut self, agreement: Agreement) {
        self.agreed(agreement);
    }
}

/// The same on the CPU, by which the others are judged: it takes the same inputs.
fn on_the_cpu(options: &SessionOptions) -> SessionOptions {
    SessionOptions {
        providers: vec![Provider::Cpu],
        refused: Vec::new(),
        policy: ProviderPolicy::Fallback,
        warm_up_runs: 1,
        edit: options.edit.clone().map(GraphEdit::for_all),
        ..options.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::session::fake_source::FakeSource;
    use crate::infer::{TensorRtOptions, Trial, TrialInput};
    use crate::types::{TensorData, TensorMut};
    use std::sync::Arc;

    const TENSORRT: Provider = Provider::TensorRt;
    const CUDA: Provider = Provider::Cuda;
    const CPU: Provider = Provider::Cpu;

    /// Opened on what the models stand for; in 32 bits TensorRT has the model `in_full`.
    fn judged(
        test: &str,
        models: &[(Provider, &'static str)],
        in_full: &'static str,
        options: SessionOptions,
    ) -> Option<Result<OrtBackend, InferError>> {
        let runtime = Runtime::or_skip(test)?;
        let providers = models.iter().map(|(provider, _)| *provider).collect();
        let options = SessionOptions { providers, intra_op_threads: 1, ..options };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/doubling.onnx");
        let judge = Judge { runtime, model: &path, options: &options, on: "" };
        Some(judge.open_backend(|options| {
            let stand_ins: Vec<(Provider, Vec<&'static str>)> = models
                .iter()
                .map(|&(provider, model)| {
                    let is_full = provider == TENSORRT && options.tensorrt.precision == Precision::Full;
                    (provider, vec![if is_full { in_full } else { model }])
                })
                .collect();
            let stand_ins: Vec<_> = stand_ins.iter().map(|(provider, models)| (*provider, &models[..])).collect();
            let source = Arc::new(FakeSource::or_skip(test, &stand_ins).unwrap());
            let trial = Trial::new(|_| Some(TrialInput::zeros([4, 2])));
            OrtBackend::open_from(source, options, Vec::new(), trial)
        }))
    }

    fn half() -> SessionOptions {
        let tensorrt = TensorRtOptions { precision: Precision::Half, ..TensorRtOptions::default() };
        SessionOptions { tensorrt, ..SessionOptions::default() }
    }

    #[test]
    fn a_provider_that_computes_the_same_is_kept_and_its_proof_says_how_near_it_is() {
        let models = [(CUDA, "doubling"), (CPU, "doubling")];
        let Some(opened) = judged("near", &models, "", SessionOptions::default()) else { return };
        let opened = opened.unwrap();
        let proof = opened.proof();
        assert_eq!((proof.running, &proof.agreement), (CUDA, &Some(Agreement::Numbers { of_largest: 0.0 })));
        assert!(proof.to_string().contains("beside the CPU: outputs within 0.0000 %"), "{proof}");
    }

    #[test]
    fn a_provider_that_computes_something_else_is_left_with_the_reason() {
        let models = [(CUDA, "doubling_inexactly"), (CPU, "doubling")];
        let Some(opened) = judged("far", &models, "", SessionOptions::default()) else { return };
        let opened = opened.unwrap();
        let proof = opened.proof();
        assert_eq!((proof.running, proof.is_fallback()), (CPU, true));
        let [refusal] = &proof.refused[..] else { panic!("{proof}") };
        assert_eq!(refusal.provider, CUDA);
        assert!(refusal.reason.contains("outputs within 10.0000 %"), "{proof}");
        assert!(refusal.cure.contains("compare_with_cpu: false"), "{proof}");
    }

    #[test]
    fn strictly_it_is_an_error() {
        let models = [(CUDA, "doubling_inexactly"), (CPU, "doubling")];
        let options = SessionOptions { policy: ProviderPolicy::Strict, ..SessionOptions::default() };
        let Some(opened) = judged("strictly far", &models, "", options) else { return };
        let error = opened.unwrap_err();
        assert!(matches!(error, InferError::Strict { provider: CUDA, .. }), "{error}");
    }

    #[test]
    fn sixteen_bits_that_are_too_few_become_32_then_another_provider_and_the_cpu_at_last() {
        let good = [(TENSORRT, "doubling_inexactly"), (CUDA, "doubling"), (CPU, "doubling")];
        let Some(opened) = judged("in full", &good, "doubling", half()) else { return };
        assert_eq!(opened.unwrap().proof().running, TENSORRT);

        let Some(opened) = judged("in full too", &good, "doubling_inexactly", half()) else { return };
        let opened = opened.unwrap();
        let left: Vec<_> = opened.proof().refused.iter().map(|refusal| refusal.provider).collect();
        assert_eq!((opened.proof().running, left), (CUDA, vec![TENSORRT]));

        let bad = [(TENSORRT, "doubling_inexactly"), (CUDA, "doubling_inexactly"), (CPU, "doubling")];
        let Some(opened) = judged("all", &bad, "doubling_inexactly", half()) else { return };
        let opened = opened.unwrap();
        let left: Vec<_> = opened.proof().refused.iter().map(|refusal| refusal.provider).collect();
        assert_eq!((opened.proof().running, left), (CPU, vec![TENSORRT, CUDA]));
    }

    #[test]
    fn nobody_compares_where_it_is_not_wished() {
        let models = [(CUDA, "doubling_inexactly"), (CPU, "doubling")];
        let options = SessionOptions { compares: false, ..SessionOptions::default() };
        let Some(opened) = judged("not wished", &models, "", options) else { return };
        let opened = opened.unwrap();
        assert_eq!((opened.proof().running, &opened.proof().agreement), (CUDA, &None));
    }

    #[test]
    fn what_was_found_is_not_measured_again() {
        let cache = tempfile::tempdir().unwrap();
        let with_cache = || {
            let tensorrt = TensorRtOptions { cache_dir: Some(cache.path().to_owned()), ..TensorRtOptions::default() };
            SessionOptions { tensorrt, ..SessionOptions::default() }
        };
        let near = [(CUDA, "doubling"), (CPU, "doubling")];
        let Some(opened) = judged("the first start", &near, "", with_cache()) else { return };
        assert_eq!(opened.unwrap().proof().running, CUDA);
        // The next one would be found too far off.
        let far = [(CUDA, "doubling_inexactly"), (CPU, "doubling")];
        let opened = judged("the second", &far, "", with_cache()).unwrap().unwrap();
        assert_eq!(opened.proof().agreement, Some(Agreement::Numbers { of_largest: 0.0 }));
    }

    #[test]
    fn a_refusal_that_is_remembered_says_where_so_that_a_new_driver_can_be_tried() {
        let cache = tempfile::tempdir().unwrap();
        let tensorrt = TensorRtOptions { cache_dir: Some(cache.path().to_owned()), ..TensorRtOptions::default() };
        let options = SessionOptions { tensorrt, ..SessionOptions::default() };
        let far = [(CUDA, "doubling_inexactly"), (CPU, "doubling")];
        let Some(opened) = judged("far at first", &far, "", options.clone()) else { return };
        opened.unwrap();
        // As with a driver that computes it rightly.
        let near = [(CUDA, "doubling"), (CPU, "doubling")];
        let opened = judged("near at last", &near, "", options.clone()).unwrap().unwrap();
        let [refusal] = &opened.proof().refused[..] else { panic!("{}", opened.proof()) };
        let (_, path) = refusal.reason.split_once("to compare again remove ").expect(&refusal.reason);
        std::fs::remove_file(path.trim_end_matches(')')).unwrap();
        assert_eq!(judged("near now", &near, "", options).unwrap().unwrap().proof().running, CUDA);
    }

    /// Opened on what the models stand for, and compared by runs in operation, of `value`.
    fn judged_by_runs(
        test: &str,
        models: &[(Provider, &[&'static str])],
        options: SessionOptions,
        value: f32,
    ) -> Option<Result<OrtBackend, InferError>> {
        let runtime = Runtime::or_skip(test)?;
        let providers = models.iter().map(|(provider, _)| *provider).collect();
        let options = SessionOptions { providers, intra_op_threads: 1, ..options };
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/doubling.onnx");
        let doubled = |backend: &mut OrtBackend| {
            let TensorMut::F32(input) = backend.input(0) else { panic!("x is float32") };
            input.fill(value);
            backend.run()?;
            let TensorData::F32(output) = backend.output(0).data else { panic!("y is float32") };
            Ok::<f32, InferError>(output[0])
        };
        let judge = Judge { runtime, model: &path, options: &options, on: "" };
        let open = |options: &SessionOptions| {
            let source = Arc::new(FakeSource::or_skip(test, models).unwrap());
            OrtBackend::open_from(source, options, vec![("x".to_owned(), vec![1, 2])], Trial::none())
        };
        Some(judge.open(open, |reference, judged| {
            let expected = doubled(reference).ok()?;
            Some(match doubled(judged) {
                Ok(found) => Agreement::Numbers { of_largest: (found - expected).abs() / expected },
                Err(error) => Agreement::Failed(error.into_reason()),
            })
        }))
    }

    #[test]
    fn a_provider_that_fails_in_the_comparison_is_not_near_by_the_answer_of_the_next_one() {
        let cache = tempfile::tempdir().unwrap();
        let tensorrt = TensorRtOptions { cache_dir: Some(cache.path().to_owned()), ..TensorRtOptions::default() };
        let options = SessionOptions { tensorrt, ..SessionOptions::default() };
        let models: [(_, &[_]); 3] =
            [(TENSORRT, &["doubling_to_100"]), (CUDA, &["doubling_inexactly"]), (CPU, &["doubling"])];
        let Some(opened) = judged_by_runs("fails meanwhile", &models, options.clone(), 300.0) else { return };
        let opened = opened.unwrap();
        let left: Vec<_> = opened.proof().refused.iter().map(|refusal| refusal.provider).collect();
        assert_eq!((opened.proof().running, left), (CPU, vec![TENSORRT, CUDA]), "CUDA is compared too");
        assert_eq!(opened.proof().agreement, None);
        // A device that was short of memory then is not passed over for ever.
        let models: [(_, &[_]); 2] = [(TENSORRT, &["doubling"]), (CPU, &["doubling"])];
        let opened = judged_by_runs("whole again", &models, options, 300.0).unwrap().unwrap();
        assert_eq!(opened.proof().running, TENSORRT);
        assert_eq!(
            std::fs::read_dir(cache.path().join("agreement")).unwrap().count(),
            2,
            "of CUDA and of the whole one"
        );
    }

    #[test]
    fn a_run_that_fails_under_the_strict_policy_is_told_and_not_remembered() {
        let cache = tempfile::tempdir().unwrap();
        let tensorrt = TensorRtOptions { cache_dir: Some(cache.path().to_owned()), ..TensorRtOptions::default() };
        let options = SessionOptions { tensorrt, policy: ProviderPolicy::Strict, ..SessionOptions::default() };
        let failing: [(_, &[_]); 2] = [(CUDA, &["doubling_to_100"]), (CPU, &["doubling"])];
        let Some(opened) = judged_by_runs("strictly failing", &failing, options.clone(), 300.0) else { return };
        let error = opened.unwrap_err().to_string();
        assert!(error.contains("data bounds") && !error.contains("too far"), "{error}");
        assert_eq!(error.matches("provider_policy").count(), 1, "{error}");
        let whole: [(_, &[_]); 2] = [(CUDA, &["doubling"]), (CPU, &["doubling"])];
        let opened = judged_by_runs("strictly whole", &whole, options, 300.0).unwrap();
        assert_eq!(opened.unwrap().proof().running, CUDA);
    }

    /// What runs where its proof says, and is wrong with 16 bits.
    struct Mixed {
        proof: Proof,
        is_half: bool,
    }

    impl Judged for Mixed {
        fn runs_on(&self) -> &Proof {
            &self.proof
        }

        fn keep_agreement(&mut self, agreement: Agreement) {
            self.proof.agreement = Some(agreement);
        }
    }

    #[test]
    fn sixteen_bits_become_32_also_where_cuda_holds_more_nodes_than_tensorrt() {
        let Some(runtime) = Runtime::or_skip("nodes on two providers") else { return };
        let options = half();
        let judge = Judge { runtime, model: Path::new("none.onnx"), options: &options, on: "" };
        let open = |options: &SessionOptions| {
            let on_both = [(CUDA.ort_name().to_owned(), 200), (TENSORRT.ort_name().to_owned(), 100)];
            let nodes = match options.providers[..] {
                [CPU] => vec![(CPU.ort_name().to_owned(), 300)],
                _ => on_both.to_vec(),
            };
            let proof = Proof::new(&options.providers, nodes, options.refused.clone());
            Ok::<_, InferError>(Mixed { proof, is_half: options.tensorrt.precision == Precision::Half })
        };
        let opened = judge
            .open(open, |_, judged| Some(Agreement::Numbers { of_largest: if judged.is_half { 0.3 } else { 0.0 } }));
        let Mixed { proof, is_half } = opened.unwrap();
        assert_eq!((proof.running, is_half, proof.refused.len()), (CUDA, false, 0), "CUDA is not to blame: {proof}");
    }
}
