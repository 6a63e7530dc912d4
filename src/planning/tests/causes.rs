//! The causes of steps: what programs read in place of the words.

use super::scenarios::{PERSON, measured, moving, planned, planner, track};
use crate::planning::PlanningParams;
use crate::types::{Cause, Decision, Motion, Place, Plan, Rule, Track, TrackId, Twist, Until};

/// The plan about these tracks, once nothing is held any more.
fn settled(tracks: &[Track], motion: Motion) -> Plan {
    let mut head = planner(PlanningParams::default());
    for frame in -30..0 {
        planned(&mut head, frame * 100, tracks, motion);
    }
    planned(&mut head, 0, tracks, motion)
}

#[test]
fn a_thing_in_the_way_has_its_gap_and_when_it_is_reached() {
    let plan = settled(&[track(7, 3.0, 0.2, 0.1)], measured(1.0));
    let step = &plan.steps[0];
    let Cause { rule, gap_m, approach_mps, time_to_contact_s, limit_mps, until } = step.cause;
    assert_eq!((step.track, step.class, rule, until), (Some(TrackId(7)), Some(PERSON), Rule::InTheWay, Until::Clear));
    let (gap_m, contact_s, limit_mps) = (gap_m.unwrap(), time_to_contact_s.unwrap(), limit_mps.unwrap());
    assert!((gap_m - 2.8).abs() < 1e-9 && (contact_s - 2.8).abs() < 1e-9, "two deviations nearer, at 1 m/s");
    assert_eq!(approach_mps, Some(0.0));
    assert!(step.reason.contains(&format!("nearest edge {gap_m:.2} m ahead")), "{}", step.reason);
    assert!(step.reason.contains(&format!("up to {limit_mps:.2} m/s")), "{}", step.reason);
    assert!(f64::from(plan.speed_limit_mps.unwrap()) <= limit_mps);
}

#[test]
fn a_robot_that_stands_before_what_stands_reaches_it_never() {
    let plan = settled(&[track(7, 3.0, 0.0, 0.1)], measured(0.0));
    assert_eq!(plan.steps[0].cause.time_to_contact_s, None);
}

#[test]
fn what_is_far_enough_holds_nobody_up() {
    let plan = settled(&[track(7, 15.0, 0.0, 0.1)], measured(0.5));
    assert_eq!((plan.decision, plan.steps.len()), (Decision::Proceed, 1));
    assert_eq!((plan.steps[0].cause.rule, plan.steps[0].cause.until), (Rule::InTheWay, Until::Now));
}

#[test]
fn a_word_that_is_held_says_how_long_it_will_be_at_the_least() {
    let mut head = planner(PlanningParams::default());
    let left = [0, 400, 900].map(|ms| {
        let plan = planned(&mut head, ms, &[], measured(0.0));
        let cause = plan.steps[0].cause;
        assert_eq!((cause.rule, cause.limit_mps), (Rule::Held, Some(0.0)));
        cause.until.left_s().unwrap()
    });
    let expected = [1.0, 0.6, 0.1];
    assert!(left.iter().zip(expected).all(|(left, expected)| (left - expected).abs() < 1e-9), "{left:?}");
    assert_eq!(planned(&mut head, 1000, &[], measured(0.0)).decision, Decision::Proceed, "and so it is");
}

#[test]
fn what_has_no_place_and_a_way_that_nobody_sees_limit_the_speed_until_that_is_over() {
    let unplaced = Track { place: Place::Unknown, ..track(3, 0.0, 0.0, 0.1) };
    let plan = settled(&[unplaced], measured(0.2));
    let cause = plan.steps[0].cause;
    assert_eq!((cause.rule, cause.until, cause.gap_m), (Rule::Unplaced, Until::Sight, None));
    assert_eq!(plan.speed_limit_mps.map(f64::from).map(|mps| (mps * 100.0).round()), Some(30.0));
    assert_eq!(cause.limit_mps, Some(PlanningParams::default().unplaced_speed_mps));

    let backwards = moving(Twist { forward_mps: -0.5, ..Twist::default() });
    let cause = settled(&[], backwards).steps[0].cause;
    assert_eq!((cause.rule, cause.until), (Rule::Backwards, Until::Ahead));
    let sideways = moving(Twist { left_mps: 0.5, ..Twist::default() });
    assert_eq!(settled(&[], sideways).steps[0].cause.rule, Rule::Sideways);
}

#[test]
fn causes_and_words_of_every_rule_are_told_apart() {
    let words: std::collections::BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.as_str()).collect();
    assert_eq!(words.len(), Rule::ALL.len());
    for until in [Until::Now, Until::Clear, Until::Room, Until::Sight, Until::Ahead, Until::Proposal] {
        assert_eq!(Until::from_words(until.as_str(), f64::NAN), Some(until));
    }
    assert_eq!(Until::from_words("time", 0.5), Some(Until::Time { left_s: 0.5 }));
    assert_eq!(Until::from_words("soon", 0.0), None);
}
