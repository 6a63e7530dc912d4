//! The one plan without a picture: `stop`, because none came.

use crate::types::{Decision, Plan, PlanSource};
use std::sync::Arc;

/// The plan that the edge publishes, stamped now and in the base frame, when no frame that is fresh enough has come for
/// `max_age_ms`. It is no part of a replay.
///
/// `sequence` is the edge's own count of such plans, from 1. `silence_ms` is how long ago the last fresh frame came;
/// `None` when there has been none. `valid_for_ms` is the planner's.
pub fn stop_plan(sequence: u64, model: Arc<str>, silence_ms: Option<i64>, max_age_ms: u32, valid_for_ms: u32) -> Plan {
    let silence = match silence_ms {
        Some(silence_ms) => format!("no fresh frame for {silence_ms} ms"),
        None => "no fresh frame yet".to_owned(),
    };
    Plan {
        sequence,
        decision: Decision::Stop,
        speed_limit_mps: Some(0.0),
        steps: Vec::new(),
        path: Vec::new(),
        valid_for_ns: i64::from(valid_for_ms) * 1_000_000,
        source: PlanSource::Watchdog,
        model,
        prompt_version: 0,
        verdict: format!("{silence}, at most {max_age_ms} ms are allowed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_stop_that_says_how_long() {
        let plan = stop_plan(3, Arc::from("yolov12n"), Some(1200), 500, 500);
        assert_eq!(
            (plan.decision, plan.speed_limit_mps, plan.source),
            (Decision::Stop, Some(0.0), PlanSource::Watchdog)
        );
        assert!(plan.path.is_empty() && plan.steps.is_empty());
        assert_eq!(plan.verdict, "no fresh frame for 1200 ms, at most 500 ms are allowed");
        assert_eq!(
            stop_plan(1, Arc::from("m"), None, 500, 500).verdict,
            "no fresh frame yet, at most 500 ms are allowed"
        );
    }
}
