//! `vedette check --gpu`: the detector on each provider by itself: how long it takes, and how far its boxes are from the
//! CPU's.

use super::finding::{Finding, begin};
use super::looks::looks;
use crate::cli::check_picture::Still;
use crate::cli::outcome::{in_words, strictly_refused};
use anyhow::Result;
use serde_json::json;
use std::path::Path;
use vedette::config::assembly::{LoadedModel, load_model};
use vedette::config::{Config, ProviderName, ProviderPolicy};
use vedette::infer::{Agreement, Provider};
use vedette::pipeline::Walk;
use vedette::types::Detection;
use vedette::zoo::boxes_apart;

/// How often the picture is looked at on each provider, after the warm-up.
const LOOKS: usize = 100;

/// What to do about a provider whose boxes are others.
const TOO_FAR: &str = "these are too far from the CPU's: set `tensorrt_precision: fp32` where it is TensorRT in 16 bits, try a \
                       newer driver, CUDA or TensorRT";

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
    #[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is what is wanted")]
    let from_score = config.score_threshold as f32;
    let mut findings = vec![row("cpu", &cpu, None, from_score)];
    let mut runs_on_a_gpu = false;
    for (name, provider) in [(ProviderName::Cuda, Provider::Cuda), (ProviderName::TensorRt, Provider::TensorRt)] {
        let tried = on(config, name, provider, &still);
        runs_on_a_gpu |= tried.is_ok();
        findings.push(row(provider.name(), &tried, reference.as_deref(), from_score));
    }
    findings.reverse();
    if !runs_on_a_gpu {
        findings.push(Finding::bad("no gpu provider", "none runs the model, for the reasons above".to_owned()));
    }
    findings
}

/// With one provider, that is taken as it is: how far off it is, is what is asked. Boxes are told down to half of the score
/// from which they count, so that none on the brink is taken for one that is missing.
fn alone(config: &Config, name: ProviderName) -> Config {
    Config {
        providers: vec![name],
        provider_policy: ProviderPolicy::Strict,
        compare_with_cpu: false,
        score_threshold: config.score_threshold / 2.0,
        ..config.clone()
    }
}

/// Opens the model on one provider alone, and looks at the picture.
fn on(config: &Config, name: ProviderName, provider: Provider, still: &Still) -> Result<Tried> {
    begin(&format!("opening {} on {provider} alone", config.model));
    let alone = alone(config, name);
    let LoadedModel { name, detector, prompts, .. } = load_model(&alone)?;
    let mut walk = Walk::prompted(&alone, detector, &name, prompts)?;
    let mut boxes = Vec::new();
    let took_ms = looks(&mut walk, still, LOOKS, &mut boxes)?;
    let at = |percent: usize| took_ms.get((took_ms.len() - 1) * percent / 100).copied().unwrap_or_default();
    Ok(Tried { boxes, p50_ms: at(50), p99_ms: at(99) })
}

/// `reference` are the CPU's boxes, for the others. Boxes count from `from_score` on.
fn row(provider: &str, tried: &Result<Tried>, reference: Option<&[Detection]>, from_score: f32) -> Finding {
    let subject = format!("on {provider}");
    match tried {
        Ok(Tried { boxes, p50_ms, p99_ms }) => {
            let agreement = reference.map(|reference| Agreement::Boxes(boxes_apart(reference, boxes, from_score)));
            let apart = agreement.as_ref().map_or_else(String::new, |agreement| format!(", {agreement}"));
            let count = boxes.iter().filter(|found| found.score >= from_score).count();
            let text = format!("p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, {count} boxes{apart}");
            let is_far = agreement.as_ref().is_some_and(|agreement| !agreement.is_near());
            let details = json!({
                "runs": true,
                "p50_ms": p50_ms,
                "p99_ms": p99_ms,
                "boxes": count,
                "agreement": agreement,
            });
            Finding::noted(subject, text, is_far.then(|| TOO_FAR.to_owned()), details)
        }
        Err(error) => {
            let (reason, cure) =
                strictly_refused(error).unwrap_or_else(|| (in_words(error), "see the lines above".to_owned()));
            Finding::noted(subject, format!("does not run: {reason}"), Some(cure), json!({ "runs": false }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vedette::types::{BBox, ClassId};

    fn tried(boxes: &[(f32, f32)]) -> Tried {
        let detection = |&(x_min, score): &(f32, f32)| {
            let bbox = BBox::from_corners(x_min, 0.0, x_min + 10.0, 10.0).unwrap();
            Detection { bbox, class: ClassId(0), score, track: None }
        };
        Tried { boxes: boxes.iter().map(detection).collect(), p50_ms: 1.0, p99_ms: 2.0 }
    }

    fn told(reference: &[(f32, f32)], boxes: &[(f32, f32)]) -> Finding {
        row("cuda", &Ok(tried(boxes)), Some(&tried(reference).boxes), 0.5)
    }

    #[test]
    fn a_provider_that_is_too_far_off_is_opened_all_the_same_so_that_its_boxes_are_told() {
        let config = Config { score_threshold: 0.5, ..Config::default() };
        let alone = alone(&config, ProviderName::Cuda);
        assert_eq!((alone.providers, alone.compare_with_cpu), (vec![ProviderName::Cuda], false));
        let far = told(&[(0.0, 0.9)], &[(3.0, 0.9), (100.0, 0.8)]);
        assert!(far.text.contains("2 boxes, beside the CPU: 1 boxes with IoU 0.5385"), "{}", far.text);
        assert!(far.text.contains("1 of either alone") && far.state() == "note", "{}", far.text);
        assert!(far.is_good, "it keeps no node from starting");
    }

    #[test]
    fn a_box_on_the_brink_of_what_is_published_is_no_missing_one() {
        let config = Config { score_threshold: 0.5, ..Config::default() };
        assert_eq!(alone(&config, ProviderName::Cpu).score_threshold, 0.25, "so that both are seen");
        let near = told(&[(0.0, 0.9), (50.0, 0.501)], &[(0.0, 0.9), (50.0, 0.499)]);
        assert!(near.text.contains("1 boxes, beside the CPU: 2 boxes"), "{}", near.text);
        assert!(near.text.contains("0 of either alone") && near.state() == "ok  ", "{}", near.text);
    }
}
