//! A source of sessions that are on the CPU and say that they are elsewhere.

use super::chain::{Placement, Registered, Source, Unbuilt};
use crate::infer::{InferError, Provider, Runtime};
use ort::session::Session;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// For each provider the models of `tests/data/models` that stand for it, one after the other; the last one stays.
#[derive(Debug)]
pub(in crate::infer) struct FakeSource {
    runtime: &'static Runtime,
    models: Vec<(Provider, Vec<&'static str>)>,
    /// What has been built, in order.
    built: Mutex<Vec<Provider>>,
}

impl FakeSource {
    /// `None` after saying that `test` is skipped.
    pub fn or_skip(test: &str, models: &[(Provider, &[&'static str])]) -> Option<Self> {
        let runtime = Runtime::or_skip(test)?;
        let models = models.iter().map(|(provider, models)| (*provider, models.to_vec())).collect();
        Some(Self { runtime, models, built: Mutex::default() })
    }

    pub fn built(&self) -> Vec<Provider> {
        self.built.lock().unwrap().clone()
    }
}

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/models/{name}.onnx"))
}

impl Source for FakeSource {
    fn register(&self, wished: &[Provider]) -> Result<Registered, InferError> {
        let builder = Session::builder(self.runtime.environment()).map_err(InferError::runtime("make a builder"))?;
        let is_known = |provider: &Provider| self.models.iter().any(|(known, _)| known == provider);
        let providers = wished.iter().copied().filter(is_known).collect();
        Ok(Registered { builder, edited: None, is_edited: false, providers, refused: Vec::new(), engines: None })
    }

    fn build(&self, registered: &mut Registered) -> Result<(Session, Placement), Unbuilt> {
        let provider = registered.providers[0];
        let (_, models) = self.models.iter().find(|(known, _)| *known == provider).unwrap();
        let mut built = self.built.lock().unwrap();
        let before = built.iter().filter(|other| **other == provider).count();
        built.push(provider);
        let session = registered.builder.commit_from_file(model(models[before.min(models.len() - 1)])).unwrap();
        Ok((session, Some(vec![(provider.ort_name().to_owned(), 6)])))
    }

    fn mends(&self, _: &Registered, _: &str) -> bool {
        false
    }

    fn name(&self) -> String {
        "a fake".to_owned()
    }
}
