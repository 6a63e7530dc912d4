//! The one plan without a picture: `stop`, because no plan that is still true has left, or because none will.

use crate::types::{Decision, Plan, PlanSource};
use std::sync::Arc;

/// The plan that the edge publishes by itself, stamped now and in the base frame. It is no part of a replay.
///
/// `sequence` is that of the newest plan that has left, which this one takes back; 0 before the first. `verdict` says
/// why. `valid_for_ms` is the planner's.
pub fn stop_plan(sequence: u64, model: Arc<str>, verdict: String, valid_for_ms: u32) -> Plan {
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
        verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_takes_back_the_plan_before_it_and_allows_nothing() {
        let plan = stop_plan(3, Arc::from("yolov12n"), "no plan for 1200 ms".to_owned(), 500);
        assert_eq!(
            (plan.sequence, plan.decision, plan.speed_limit_mps, plan.source),
            (3, Decision::Stop, Some(0.0), PlanSource::Watchdog)
        );
        assert!(plan.path.is_empty() && plan.steps.is_empty());
        assert_eq!((plan.valid_for_ns, plan.verdict.as_str()), (500_000_000, "no plan for 1200 ms"));
    }
}
