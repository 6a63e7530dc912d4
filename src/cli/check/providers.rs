//! `vedette check --gpu`: the detector on each provider by itself: how long it takes, and how far its boxes are from the
//! CPU's.

use super::finding::{Finding, begin};
use super::looks::looks;
use crate::cli::check_picture::Still;
use crate::cli::in_words;
use anyhow::Result;
use serde_json::json;
use std::path::Path;
use vedette::config::assembly::{LoadedModel, load_model};
use vedette::config::{Config, ProviderName, ProviderPolicy};
use vedette::infer::{Agreement, InferError, Provider};
use vedette::pipeline::Walk;
use vedette::types::Detection;
use vedette::zoo::{Thresholds, ZooError, boxes_apart};

/// How often the picture is looked at on each provider, after the warm-up.
const LOOKS: usize = 100;

/// The detector on one provider.
struct Tried {
    boxes: Vec<Detection>,
    p50_ms: f64,
    p99_ms: f64,
}

/// One finding for each provider, and one that is bad where no GPU provider runs.
pub(super) fn findings(config: &Config, picture: Option<&Path>) -> Vec<Finding> {
    let still = match picture.map_or_else(|| Ok(Still::of_nothing()), Still::read) {
        Ok(still) => still,
        Err(error) => return vec![Finding::bad("picture", in_words(&error))],
    };
    let cpu = on(config, ProviderName::Cpu, Provider::Cpu, &still);
    let reference = cpu.as_ref().ok().map(|tried| tried.boxes.clone());
    let mut findings = vec![row("cpu", &cpu, None)];
    let mut runs_on_a_gpu = false;
    for (name, provider) in [(ProviderName::Cuda, Provider::Cuda), (ProviderName::TensorRt, Provider::TensorRt)] {
        let tried = on(config, name, provider, &still);
        runs_on_a_gpu |= tried.is_ok();
        findings.push(row(provider.name(), &tried, reference.as_deref()));
    }
    findings.reverse();
    if !runs_on_a_gpu {
        findings.push(Finding::bad("no gpu provider", "none runs the model, for the reasons above".to_owned()));
    }
    findings
}

/// Opens the model on one provider alone, and looks at the picture.
fn on(config: &Config, name: ProviderName, provider: Provider, still: &Still) -> Result<Tried> {
    begin(&format!("opening {} on {provider} alone", config.model));
    let alone = Config { providers: vec![name], provider_policy: ProviderPolicy::Strict, ..config.clone() };
    let LoadedModel { name, detector, prompts, .. } = load_model(&alone)?;
    let mut walk = Walk::prompted(&alone, detector, &name, prompts)?;
    let mut boxes = Vec::new();
    let took_ms = looks(&mut walk, still, LOOKS, &mut boxes)?;
    let at = |percent: usize| took_ms.get((took_ms.len() - 1) * percent / 100).copied().unwrap_or_default();
    Ok(Tried { boxes, p50_ms: at(50), p99_ms: at(99) })
}

/// `reference` are the CPU's boxes, for the others.
fn row(provider: &str, tried: &Result<Tried>, reference: Option<&[Detection]>) -> Finding {
    let subject = format!("on {provider}");
    match tried {
        Ok(Tried { boxes, p50_ms, p99_ms }) => {
            let agreement =
                reference.map(|reference| Agreement::Boxes(boxes_apart(reference, boxes, Thresholds::default().score)));
            let apart = agreement.as_ref().map_or_else(String::new, |agreement| format!(", {agreement}"));
            let text = format!("p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, {} boxes{apart}", boxes.len());
            let details = json!({
                "runs": true,
                "p50_ms": p50_ms,
                "p99_ms": p99_ms,
                "boxes": boxes.len(),
                "agreement": agreement,
            });
            Finding::good(subject, text, details)
        }
        Err(error) => {
            let strict = error.chain().find_map(|cause| match cause.downcast_ref() {
                Some(ZooError::Infer(InferError::Strict { reason, cure, .. })) => Some((reason.clone(), cure.clone())),
                _ => None,
            });
            let (reason, cure) = strict.unwrap_or_else(|| (in_words(error), "see the lines above".to_owned()));
            Finding::noted(subject, format!("does not run: {reason}"), Some(cure), json!({ "runs": false }))
        }
    }
}
