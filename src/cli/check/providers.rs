//! `vedette check --gpu`: the detector on each provider by itself: how long it takes, and how far its boxes are from the
//! CPU's.

use super::finding::{Finding, begin};
use super::looks::looks;
use crate::cli::check_picture::Still;
use crate::cli::in_words;
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;
use vedette::config::assembly::{LoadedModel, load_model};
use vedette::config::{Config, ProviderName, ProviderPolicy};
use vedette::infer::Provider;
use vedette::pipeline::Walk;
use vedette::types::Detection;

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
    let mut refusals = Vec::new();
    for (name, provider) in [(ProviderName::Cuda, Provider::Cuda), (ProviderName::TensorRt, Provider::TensorRt)] {
        let tried = on(config, name, provider, &still);
        if let Err(error) = &tried {
            refusals.push(format!("{provider}: {}", in_words(error)));
        }
        findings.push(row(provider.name(), &tried, reference.as_deref()));
    }
    findings.reverse();
    if refusals.len() == 2 {
        findings.push(Finding::bad("no gpu provider", format!("none runs the model: {}", refusals.join("; "))));
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
            let distance = reference.map(|reference| Distance::between(reference, boxes));
            let apart = distance.as_ref().map_or_else(String::new, |distance| format!(", {distance}"));
            let text = format!("p50 {p50_ms:.2} ms, p99 {p99_ms:.2} ms, {} boxes{apart}", boxes.len());
            let details = json!({
                "runs": true,
                "p50_ms": p50_ms,
                "p99_ms": p99_ms,
                "boxes": boxes.len(),
                "distance": distance.map(Distance::into_json),
            });
            Finding::good(subject, text, details)
        }
        Err(error) => Finding::good(subject, format!("does not run: {}", in_words(error)), json!({ "runs": false })),
    }
}

/// How far the boxes of a provider are from the CPU's.
#[derive(Debug, PartialEq)]
struct Distance {
    /// Boxes of either without one of the same class in the same place at the other.
    unmatched: usize,
    /// The least IoU of those that are the same, 1 without any.
    least_iou: f32,
    /// The largest difference of their scores.
    score: f32,
    compared: usize,
}

impl Distance {
    /// Boxes are the same where they have the class and overlap by half; each is taken once, best overlap first.
    fn between(reference: &[Detection], boxes: &[Detection]) -> Self {
        const SAME_PLACE_IOU: f32 = 0.5;
        let pairs = reference.iter().enumerate().flat_map(|(at, one)| {
            let same_class = boxes.iter().enumerate().filter(|(_, other)| other.class == one.class);
            same_class.map(move |(other_at, other)| (at, other_at, one.bbox.iou(&other.bbox)))
        });
        let mut pairs: Vec<_> = pairs.filter(|(_, _, iou)| *iou >= SAME_PLACE_IOU).collect();
        pairs.sort_by(|a, b| b.2.total_cmp(&a.2));
        let (mut taken, mut other_taken) = (vec![false; reference.len()], vec![false; boxes.len()]);
        let mut distance = Self { unmatched: 0, least_iou: 1.0, score: 0.0, compared: 0 };
        for (at, other_at, iou) in pairs {
            if !taken[at] && !other_taken[other_at] {
                (taken[at], other_taken[other_at]) = (true, true);
                distance.least_iou = distance.least_iou.min(iou);
                distance.score = distance.score.max((reference[at].score - boxes[other_at].score).abs());
                distance.compared += 1;
            }
        }
        distance.unmatched = reference.len() + boxes.len() - 2 * distance.compared;
        distance
    }

    fn into_json(self) -> Value {
        json!({
            "compared": self.compared,
            "unmatched": self.unmatched,
            "least_iou": self.least_iou,
            "largest_score_difference": self.score,
        })
    }
}

impl std::fmt::Display for Distance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { unmatched, least_iou, score, compared } = self;
        match (compared, unmatched) {
            (0, 0) => write!(f, "no box to compare with the CPU's: --picture names one with something in it"),
            _ => write!(
                f,
                "beside the CPU's: {compared} the same with IoU {least_iou:.4} or more and scores within {score:.4}, \
                 {unmatched} of either alone"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vedette::types::{BBox, ClassId};

    fn seen(class: u16, x_min: f32, score: f32) -> Detection {
        let bbox = BBox::from_corners(x_min, 0.0, x_min + 10.0, 10.0).unwrap();
        Detection { bbox, class: ClassId(class), score, track: None }
    }

    #[test]
    fn boxes_are_compared_with_those_of_their_class_and_place() {
        let reference = [seen(0, 0.0, 0.9), seen(1, 100.0, 0.5)];
        let same = Distance::between(&reference, &reference);
        assert_eq!(same, Distance { unmatched: 0, least_iou: 1.0, score: 0.0, compared: 2 });
        let moved = Distance::between(&reference, &[seen(1, 101.0, 0.4), seen(0, 0.0, 0.9)]);
        assert!((moved.least_iou - 9.0 / 11.0).abs() < 1e-5 && (moved.score - 0.1).abs() < 1e-6, "{moved:?}");
        assert_eq!((moved.compared, moved.unmatched), (2, 0));
    }

    #[test]
    fn a_box_that_the_other_has_not_or_has_under_another_class_counts() {
        let reference = [seen(0, 0.0, 0.9)];
        assert_eq!(Distance::between(&reference, &[]).unmatched, 1);
        assert_eq!(Distance::between(&reference, &[seen(1, 0.0, 0.9)]).unmatched, 2);
        assert_eq!(Distance::between(&reference, &[seen(0, 0.0, 0.9), seen(0, 1.0, 0.9)]).unmatched, 1);
        assert!(Distance::between(&[], &[]).to_string().contains("--picture"));
    }
}
