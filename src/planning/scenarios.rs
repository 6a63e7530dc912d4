//! Meetings of a robot with what is ahead, told frame by frame; and the pieces that other tests here build from.

use super::{Planner, PlanningParams, Speed};
use crate::types::{
    BBox, ClassId, Decision, FrameId, GroundPosition, Labels, Plan, PlanSource, Scene, Stamp, Stamped, Track, TrackId,
};
use nalgebra::{Matrix2, Point2};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) const PERSON: ClassId = ClassId(0);
pub(super) const CAR: ClassId = ClassId(1);

pub(super) fn at(ms: i64) -> Stamp {
    Stamp::from_ns(1_700_000_000_000_000_000 + ms * 1_000_000)
}

/// A place known to `std_m` in every direction.
pub(super) fn ground(x_m: f64, y_m: f64, std_m: f64) -> GroundPosition {
    GroundPosition { position_m: Point2::new(x_m, y_m), covariance_m2: Matrix2::identity() * std_m.powi(2) }
}

/// A person who is seen there.
pub(super) fn track(id: u64, x_m: f64, y_m: f64, std_m: f64) -> Track {
    Track {
        id: TrackId(id),
        bbox: BBox::from_corners(300.0, 200.0, 340.0, 300.0).unwrap(),
        velocity_px_s: (0.0, 0.0),
        class: PERSON,
        score: 0.8,
        seen: true,
        unseen_ns: 0,
        ground: Some(ground(x_m, y_m, std_m)),
    }
}

pub(super) fn labels() -> Labels {
    Labels::new(["person", "car"], 0)
}

pub(super) fn planner(params: PlanningParams) -> Planner {
    Planner::new(params, Arc::from("test"))
}

/// One frame through a planner.
pub(super) fn planned(planner: &mut Planner, ms: i64, tracks: &[Track], speed: Speed) -> Plan {
    let scene = Scene { detections: Vec::new(), tracks: tracks.to_vec() };
    let stamped = Stamped::new(at(ms), FrameId::new("camera"), &scene);
    let plan = planner.plan(&stamped, &labels(), speed);
    assert_eq!((plan.stamp(), plan.frame_id().as_str()), (at(ms), "base_link"));
    (*plan.value()).clone()
}

fn measured(mps: f64) -> Speed {
    Speed::Measured { mps, age_ns: 12_000_000 }
}

/// A planner that has let the robot go, after the clear time before 0 ms.
fn let_go(params: PlanningParams) -> Planner {
    let mut planner = planner(params);
    for frame in -15..0 {
        planned(&mut planner, frame * 100, &[], measured(0.0));
    }
    planner
}

/// The words of a run, each once per stretch.
fn words(plans: &[Plan]) -> Vec<&'static str> {
    let mut words: Vec<_> = plans.iter().map(|plan| plan.decision.as_str()).collect();
    words.dedup();
    words
}

/// A robot that obeys: it brakes with 1 m/s2 and gains speed with 0.5 m/s2 at ten frames a second.
struct Robot {
    speed_mps: f64,
    way_m: f64,
}

impl Robot {
    fn obey(&mut self, plan: &Plan) {
        let limit = f64::from(plan.speed_limit_mps.unwrap());
        self.speed_mps = limit.clamp((self.speed_mps - 0.1).max(0.0), self.speed_mps + 0.05);
        self.way_m += self.speed_mps * 0.1;
    }
}

#[test]
fn the_first_plan_is_stop_and_a_clear_way_is_let_go_after_a_second() {
    let mut planner = planner(PlanningParams::default());
    let first = planned(&mut planner, 0, &[], measured(0.0));
    assert_eq!((first.sequence, first.decision, first.speed_limit_mps), (1, Decision::Stop, Some(0.0)));
    assert!(first.path.is_empty());
    assert_eq!(first.steps[0].reason, "held until the way has been clear for 1000 ms, 0 ms so far");
    assert_eq!(first.steps[0].track, None);
    let plans: Vec<_> = (1..12).map(|frame| planned(&mut planner, frame * 100, &[], measured(0.0))).collect();
    assert_eq!(words(&plans), ["stop", "proceed"]);
    assert_eq!(plans[8].decision, Decision::Stop);
    let free = &plans[9];
    assert_eq!((free.decision, free.speed_limit_mps, free.steps.len()), (Decision::Proceed, Some(1.5), 0));
    assert_eq!((free.path.len(), free.path[80].x_m), (81, 20.0));
    assert_eq!((free.source, &*free.model, free.valid_for_ns), (PlanSource::Rules, "test", 500_000_000));
}

#[test]
fn an_obedient_robot_proceeds_slows_and_stops_before_something_that_stands() {
    let mut planner = let_go(PlanningParams::default());
    let mut robot = Robot { speed_mps: 1.5, way_m: 0.0 };
    let mut plans = Vec::new();
    for frame in 0..200 {
        let plan =
            planned(&mut planner, frame * 100, &[track(7, 10.0 - robot.way_m, 0.2, 0.05)], measured(robot.speed_mps));
        robot.obey(&plan);
        plans.push(plan);
    }
    assert_eq!(words(&plans), ["proceed", "slow", "stop"]);
    assert_eq!(robot.speed_mps, 0.0);
    // Its nearest edge is 0.1 m nearer, and 0.5 m must be left.
    assert!((9.0..=9.41).contains(&robot.way_m), "{}", robot.way_m);
    let slow = plans.iter().find(|plan| plan.decision == Decision::Slow).unwrap();
    let step = &slow.steps[0];
    assert_eq!((step.action, step.track, step.class), (Decision::Slow, Some(TrackId(7)), Some(PERSON)));
    assert!(step.reason.starts_with("person 7: nearest edge 3."), "{}", step.reason);
    assert!(slow.path.last().unwrap().x_m <= step.pose.x_m - 0.1 - 0.5);
    assert!(slow.verdict.contains("measured 12 ms before the image; a stop takes 2.0"), "{}", slow.verdict);
}

#[test]
fn a_robot_that_does_not_slow_is_stopped_at_its_stopping_distance() {
    let mut planner = let_go(PlanningParams::default());
    let mut plans = Vec::new();
    for frame in 0..60 {
        plans.push(planned(
            &mut planner,
            frame * 100,
            &[track(7, 10.0 - 0.15 * frame as f64, 0.0, 0.0)],
            measured(1.5),
        ));
    }
    assert_eq!(words(&plans), ["proceed", "slow", "stop"]);
    let stop = plans.iter().position(|plan| plan.decision == Decision::Stop).unwrap();
    // 2.075 m at 1.5 m/s.
    let (before, then) = (10.0 - 0.15 * (stop as f64 - 1.0), 10.0 - 0.15 * stop as f64);
    assert!(before >= 2.075 && then < 2.075, "{before} {then}");
    assert_eq!(plans[stop].steps[0].reason, "person 7: nearest edge 2.05 m ahead, 0.00 m left; a stop takes 2.08 m");
}

#[test]
fn noise_at_the_border_does_not_make_the_word_flap() {
    let mut planner = let_go(PlanningParams::default());
    let mut plans = Vec::new();
    for frame in 0..300i32 {
        // 0.15 m around the border of stop, 2.075 m at 1.5 m/s; the noise has no pattern that time could hide in.
        let noise = 0.15 * (f64::from(frame) * 12.9898).sin() * (f64::from(frame * frame) * 0.7).cos();
        plans.push(planned(&mut planner, i64::from(frame) * 100, &[track(7, 2.2 + noise, 0.0, 0.03)], measured(1.5)));
    }
    assert_eq!(words(&plans).last(), Some(&"stop"));
    assert!(words(&plans).len() <= 2, "{:?}", words(&plans));
}

#[test]
fn a_way_that_clears_is_taken_after_a_second_and_the_plan_says_what_it_waits_for() {
    let mut planner = let_go(PlanningParams::default());
    planned(&mut planner, 0, &[track(7, 1.0, 0.0, 0.05)], measured(1.0));
    let plans: Vec<_> = (1..=12).map(|frame| planned(&mut planner, frame * 100, &[], measured(0.0))).collect();
    assert_eq!(plans.iter().filter(|plan| plan.decision == Decision::Stop).count(), 10);
    let held = &plans[3];
    assert_eq!((held.steps[0].track, held.steps[0].class), (Some(TrackId(7)), Some(PERSON)));
    assert!(held.verdict.ends_with("held until the way has been clear for 1000 ms, 300 ms so far"), "{}", held.verdict);
    assert_eq!(plans[11].decision, Decision::Proceed);
}

#[test]
fn an_unknown_speed_is_planned_with_as_assumed_and_the_plan_says_so() {
    let mut planner = let_go(PlanningParams::default());
    let plan = planned(&mut planner, 0, &[track(7, 2.0, 0.0, 0.0)], Speed::Assumed { mps: 1.5 });
    assert_eq!(plan.decision, Decision::Stop);
    assert!(plan.verdict.starts_with("speed 1.50 m/s assumed, no fresh odometry"), "{}", plan.verdict);
}

#[test]
fn a_speed_that_is_no_number_is_taken_as_the_highest() {
    for mps in [f64::NAN, f64::INFINITY] {
        let mut planner = let_go(PlanningParams::default());
        let plan = planned(&mut planner, 0, &[track(7, 2.0, 0.0, 0.0)], measured(mps));
        assert_eq!(plan.decision, Decision::Stop);
        assert!(plan.verdict.starts_with("speed unreadable, taken as 1.50 m/s"), "{}", plan.verdict);
    }
}

#[test]
fn a_robot_that_stands_may_go_slowly_towards_something_near() {
    let mut planner = let_go(PlanningParams::default());
    let plan = planned(&mut planner, 0, &[track(7, 1.5, 0.0, 0.05)], measured(0.0));
    assert_eq!(plan.decision, Decision::Slow);
    assert!(plan.speed_limit_mps.unwrap() < 1.0);
    assert_eq!(planned(&mut planner, 100, &[track(7, 0.5, 0.0, 0.05)], measured(0.0)).decision, Decision::Stop);
}

#[test]
fn a_place_that_is_uncertain_is_taken_by_its_nearest_edge() {
    let decide = |std_m| {
        planned(&mut let_go(PlanningParams::default()), 0, &[track(7, 5.0, 0.0, std_m)], measured(1.5)).decision
    };
    assert_eq!((decide(0.05), decide(1.0), decide(1.6)), (Decision::Proceed, Decision::Slow, Decision::Stop));
}

#[test]
fn something_beside_the_corridor_is_no_reason() {
    let mut planner = let_go(PlanningParams::default());
    for frame in 0..40 {
        let beside = [track(1, 4.0 - 0.1 * frame as f64, 1.2, 0.1), track(2, 3.0, -1.2, 0.1)];
        let plan = planned(&mut planner, frame * 100, &beside, measured(1.0));
        assert_eq!((plan.decision, plan.steps.len(), plan.path.len()), (Decision::Proceed, 0, 81), "{}", plan.verdict);
    }
}

#[test]
fn a_walker_who_comes_from_the_side_is_a_reason_before_reaching_the_corridor() {
    let mut planner = let_go(PlanningParams::default());
    let mut first = None;
    for frame in 0..40 {
        let y = 4.0 - 0.12 * frame as f64;
        let plan = planned(&mut planner, frame * 100, &[track(7, 2.5, y, 0.1)], measured(1.0));
        if plan.decision != Decision::Proceed && first.is_none() {
            assert!(plan.steps[0].reason.contains("moving into the corridor"), "{}", plan.steps[0].reason);
            first = Some(y);
        }
    }
    assert!(first.is_some_and(|y| y > 1.3 && y < 3.0), "{first:?}");
}

#[test]
fn a_walker_who_comes_nearer_is_a_reason_earlier_than_one_who_stands() {
    let mut planner = let_go(PlanningParams::default());
    let mut first = None;
    for frame in 0..60 {
        // 1 m/s of ours and 1 m/s of theirs.
        let x = 14.0 - 0.2 * frame as f64;
        let plan = planned(&mut planner, frame * 100, &[track(7, x, 0.0, 0.05)], measured(1.0));
        if plan.decision == Decision::Stop && first.is_none() {
            assert!(plan.steps[0].reason.contains("coming nearer at"), "{}", plan.steps[0].reason);
            first = Some(x);
        }
    }
    // A stop from 1 m/s takes 1.3 m before something that stands.
    assert!(first.is_some_and(|x| x > 2.1 && x < 3.2), "{first:?}");
}

#[test]
fn tracks_that_all_coast_still_count_and_grow() {
    let mut planner = let_go(PlanningParams::default());
    let mut plans = Vec::new();
    for frame in 0..10 {
        let unseen = |track: Track| Track { seen: frame == 0, unseen_ns: frame * 100_000_000, ..track };
        let tracks = [unseen(track(1, 2.2, 0.0, 0.05)), unseen(track(2, 6.0, 0.0, 0.05))];
        plans.push(planned(&mut planner, frame * 100, &tracks, measured(1.0)));
    }
    assert_eq!(words(&plans), ["slow", "stop"]);
    assert!(plans[9].steps[0].reason.contains("not seen for 900 ms"), "{}", plans[9].steps[0].reason);
}

#[test]
fn a_track_without_a_place_allows_a_creep_and_the_plan_says_boxes_only() {
    let unplaced = Track { ground: None, ..track(7, 0.0, 0.0, 0.0) };
    let plan = planned(&mut let_go(PlanningParams::default()), 0, &[unplaced], measured(0.3));
    assert_eq!((plan.decision, plan.speed_limit_mps), (Decision::Slow, Some(0.3f32.next_down())));
    assert!(
        plan.verdict.contains("boxes only: no track has a place on the ground, so at most 0.30 m/s"),
        "{}",
        plan.verdict
    );
    assert_eq!(plan.steps[0].reason, "person 7: in view, without a place on the ground");
    let careful = PlanningParams { unplaced_speed_mps: 0.0, ..PlanningParams::default() };
    assert_eq!(planned(&mut let_go(careful), 0, &[unplaced], measured(0.3)).decision, Decision::Stop);
    let careless = PlanningParams { unplaced_speed_mps: 1.5, ..PlanningParams::default() };
    assert_eq!(planned(&mut let_go(careless), 0, &[unplaced], measured(0.3)).decision, Decision::Proceed);
}

#[test]
fn a_place_that_is_no_number_is_no_place() {
    for (x, std) in [(f64::NAN, 0.1), (3.0, f64::NAN), (f64::INFINITY, 0.1), (3.0, f64::INFINITY)] {
        let plan = planned(&mut let_go(PlanningParams::default()), 0, &[track(7, x, 0.0, std)], measured(0.3));
        assert_eq!(plan.decision, Decision::Slow);
        assert!(plan.steps.iter().all(|step| step.pose.x_m.is_finite()));
    }
}

#[test]
fn classes_that_do_not_count_are_not_looked_at() {
    let params = PlanningParams { obstacle_classes: Some(BTreeSet::from([CAR])), ..PlanningParams::default() };
    let mut planner = let_go(params);
    assert_eq!(planned(&mut planner, 0, &[track(7, 1.0, 0.0, 0.05)], measured(1.0)).decision, Decision::Proceed);
    let car = Track { class: CAR, ..track(7, 1.0, 0.0, 0.05) };
    assert_eq!(planned(&mut planner, 100, &[car], measured(1.0)).decision, Decision::Stop);
}

#[test]
fn frames_that_stay_out_make_the_planner_begin_again() {
    let mut planner = let_go(PlanningParams::default());
    assert_eq!(planned(&mut planner, 0, &[], measured(1.0)).decision, Decision::Proceed);
    let back = planned(&mut planner, 501, &[], measured(1.0));
    assert_eq!((back.decision, back.steps[0].track), (Decision::Stop, None));
}

#[test]
fn steps_are_the_nearest_first_and_no_more_than_a_person_reads() {
    let mut planner = let_go(PlanningParams::default());
    let crowd: Vec<_> = (1..40).map(|id| track(id, 3.0 - 0.05 * id as f64, 0.0, 0.01)).collect();
    let plan = planned(&mut planner, 0, &crowd, measured(1.0));
    assert_eq!(plan.steps.len(), 16);
    assert_eq!(plan.steps[0].track, Some(TrackId(39)));
    assert!(plan.steps.is_sorted_by(|a, b| a.pose.x_m <= b.pose.x_m));
    assert!(plan.verdict.contains("39 of 39 tracks in the way"), "{}", plan.verdict);
}
