//! Meetings of a robot with what is ahead, told frame by frame; and the pieces that other tests here build from.

use crate::planning::{Obstacles, Planner, PlanningParams};
use crate::types::{
    BBox, CameraId, ClassId, Decision, FrameId, Glimpse, GroundPosition, Labels, Motion, Place, Plan, PlanSource,
    Scene, Stamp, Stamped, Track, TrackId, Twist,
};
use crate::world::World;
use nalgebra::{Matrix2, Point2};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(in crate::planning) const PERSON: ClassId = ClassId(0);
pub(in crate::planning) const CAR: ClassId = ClassId(1);

pub(in crate::planning) fn at(ms: i64) -> Stamp {
    Stamp::from_ns(1_700_000_000_000_000_000 + ms * 1_000_000)
}

/// A place known to `std_m` in every direction.
pub(in crate::planning) fn ground(x_m: f64, y_m: f64, std_m: f64) -> GroundPosition {
    GroundPosition { position_m: Point2::new(x_m, y_m), covariance_m2: Matrix2::identity() * std_m.powi(2) }
}

/// A person who is seen there.
pub(in crate::planning) fn track(id: u64, x_m: f64, y_m: f64, std_m: f64) -> Track {
    Track {
        id: TrackId(id),
        bbox: BBox::from_corners(300.0, 200.0, 340.0, 300.0).unwrap(),
        velocity_px_s: (0.0, 0.0),
        class: PERSON,
        score: 0.8,
        seen: true,
        unseen_ns: 0,
        place: Place::Ground(ground(x_m, y_m, std_m)),
    }
}

pub(in crate::planning) fn labels() -> Labels {
    Labels::new(["person", "car"], 0)
}

/// A planner with the world that it plans in.
pub(in crate::planning) struct Head {
    pub(in crate::planning) planner: Planner,
    pub(in crate::planning) world: World,
}

pub(in crate::planning) fn planner(params: PlanningParams) -> Head {
    Head { planner: Planner::new(params, Arc::from("test")), world: World::new() }
}

/// One frame through a planner.
pub(in crate::planning) fn planned(head: &mut Head, ms: i64, tracks: &[Track], motion: Motion) -> Plan {
    planned_scene(head, ms, &Scene { tracks: tracks.to_vec(), ..Scene::default() }, motion)
}

fn planned_scene(head: &mut Head, ms: i64, scene: &Scene, motion: Motion) -> Plan {
    let stamped = Stamped::new(at(ms), FrameId::new("camera"), scene);
    head.world.update(CameraId(0), &stamped, motion);
    let plan = head.planner.plan(at(ms), head.world.around(), &labels(), motion);
    assert_eq!((plan.stamp(), plan.frame_id().as_str()), (at(ms), "base_link"));
    (*plan.value()).clone()
}

/// Straight ahead, just before the image.
pub(in crate::planning) fn measured(forward_mps: f64) -> Motion {
    moving(Twist { forward_mps, ..Twist::default() })
}

pub(in crate::planning) fn moving(twist: Twist) -> Motion {
    Motion::Measured { twist, age_ns: 12_000_000 }
}

/// A planner that has let the robot go, after the clear time before 0 ms.
fn let_go(params: PlanningParams) -> Head {
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
    assert_eq!(first.steps[0].reason, "stop held until nothing has asked for it for 1000 ms, 0 ms so far");
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
    let end = "; stop held until nothing has asked for it for 1000 ms, 300 ms so far";
    assert!(held.verdict.ends_with(end), "{}", held.verdict);
    assert_eq!(plans[11].decision, Decision::Proceed);
}

#[test]
fn an_unknown_speed_is_planned_with_as_assumed_and_the_plan_says_so() {
    let mut planner = let_go(PlanningParams::default());
    let plan = planned(&mut planner, 0, &[track(7, 2.0, 0.0, 0.0)], Motion::Assumed { forward_mps: 1.5 });
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
fn the_nearest_thing_in_the_way_is_a_step_of_a_plan_that_proceeds_too() {
    let mut planner = let_go(PlanningParams::default());
    let plan = planned(&mut planner, 0, &[track(9, 12.0, 0.0, 0.1), track(7, 6.0, -0.2, 0.1)], measured(1.0));
    assert_eq!((plan.decision, plan.steps.len()), (Decision::Proceed, 1));
    let step = &plan.steps[0];
    assert_eq!((step.action, step.track, step.pose.x_m), (Decision::Proceed, Some(TrackId(7)), 6.0));
    assert_eq!(plan.reason(), "person 7: nearest edge 5.80 m ahead, 0.20 m right; far enough for full speed");
    assert!(plan.verdict.contains("2 of 2 things in the way, the nearest 5.80 m ahead"), "{}", plan.verdict);
    // Behind what makes the plan careful, where that is something else.
    let unplaced = Track { place: Place::Unknown, ..track(3, 0.0, 0.0, 0.0) };
    let plan = planned(&mut planner, 100, &[unplaced, track(7, 6.0, -0.2, 0.1)], measured(1.0));
    let steps: Vec<_> = plan.steps.iter().map(|step| (step.action, step.track.unwrap().0)).collect();
    assert_eq!(steps, [(Decision::Slow, 3), (Decision::Proceed, 7)]);
}

#[test]
fn a_plan_that_is_held_while_something_is_in_the_way_does_not_say_that_the_way_is_clear() {
    let mut planner = let_go(PlanningParams::default());
    planned(&mut planner, 0, &[track(7, 1.2, 0.0, 0.05)], measured(1.0));
    let plan = planned(&mut planner, 300, &[track(7, 2.0, 0.0, 0.05)], measured(0.0));
    assert_eq!(plan.decision, Decision::Stop);
    assert_eq!(plan.reason(), "stop held until nothing has asked for it for 1000 ms, 0 ms so far");
    assert_eq!(plan.steps[1].track, Some(TrackId(7)));
    assert!(!plan.verdict.contains("clear"), "{}", plan.verdict);
}

#[test]
fn what_is_behind_the_robot_does_not_stop_it() {
    for std_m in [0.1, 1.2, 4.0] {
        let plan = planned(&mut let_go(PlanningParams::default()), 0, &[track(7, -2.1, 0.1, std_m)], measured(1.0));
        assert_eq!((plan.decision, plan.steps.len()), (Decision::Proceed, 0), "{}", plan.verdict);
    }
    let beside = planned(&mut let_go(PlanningParams::default()), 0, &[track(7, -0.2, 0.1, 0.1)], measured(1.0));
    assert_eq!(beside.decision, Decision::Stop);
    assert!(beside.reason().starts_with("person 7: nearest edge at the robot"), "{}", beside.reason());
}

#[test]
fn something_seen_for_the_first_time_counts_at_once() {
    let mut planner = let_go(PlanningParams::default());
    let glimpse = |place| Scene { glimpses: vec![Glimpse { class: PERSON, place }], ..Scene::default() };
    let plan = planned_scene(&mut planner, 0, &glimpse(Place::Ground(ground(1.5, 0.0, 0.1))), measured(1.5));
    assert_eq!((plan.decision, plan.steps[0].track, plan.steps[0].class), (Decision::Stop, None, Some(PERSON)));
    assert!(plan.reason().starts_with("untracked person: nearest edge 1.30 m ahead"), "{}", plan.reason());
    let mut planner = let_go(PlanningParams::default());
    let plan = planned_scene(&mut planner, 0, &glimpse(Place::Unknown), measured(0.3));
    assert_eq!(
        (plan.decision, plan.reason()),
        (Decision::Slow, "untracked person: in view, without a place on the ground")
    );
    let held = planned(&mut planner, 100, &[], measured(0.3));
    assert_eq!((held.decision, held.steps[0].track, held.steps[0].class), (Decision::Slow, None, Some(PERSON)));
}

#[test]
fn a_scene_that_is_full_is_as_careful_as_something_without_a_place() {
    let full = Scene { is_full: true, ..Scene::default() };
    let plan = planned_scene(&mut let_go(PlanningParams::default()), 0, &full, measured(0.3));
    assert_eq!((plan.decision, plan.reason()), (Decision::Slow, "more is in view than is looked at"));
    assert!(plan.speed_limit_mps.unwrap() <= 0.3);
}

#[test]
fn in_a_turn_standing_people_do_not_enter_the_corridor() {
    // Ten people on both sides of a bend of 3 m radius: 1.5 m/s at 0.5 rad/s.
    let people: Vec<(f64, f64)> =
        (0..10).map(|n| (2.0 + 0.9 * f64::from(n), if n % 2 == 0 { 3.5 } else { -2.0 })).collect();
    let (mut planner, mut entering, mut unturned) = (let_go(PlanningParams::default()), 0, 0);
    let mut blind_to_turns = let_go(PlanningParams::default());
    for frame in 0..40i64 {
        let yaw = 0.05 * frame as f64;
        let (x_m, y_m) = (3.0 * yaw.sin(), 3.0 * (1.0 - yaw.cos()));
        let (sin, cos) = yaw.sin_cos();
        // Where the boxes waver.
        let noise = |n: usize| 0.05 * (frame as f64 * 7.3 + n as f64 * 2.1).sin();
        let tracks: Vec<Track> = (1..)
            .zip(people.iter().enumerate())
            .map(|(id, (n, &(x, y)))| {
                let (dx, dy) = (x - x_m, y - y_m);
                track(id, cos * dx + sin * dy + noise(n), cos * dy - sin * dx + noise(n + 3), 0.1)
            })
            .filter(|track| track.place.ground().unwrap().position_m.x > 0.5)
            .collect();
        let says_entering = |plan: &Plan| plan.steps.iter().filter(|step| step.reason.contains("moving into")).count();
        let turning = Twist { forward_mps: 1.5, yaw_rate_radps: 0.5, ..Twist::default() };
        entering += says_entering(&planned(&mut planner, frame * 100, &tracks, moving(turning)));
        let straight = Twist { yaw_rate_radps: 0.0, ..turning };
        unturned += says_entering(&planned(&mut blind_to_turns, frame * 100, &tracks, moving(straight)));
    }
    assert_eq!(entering, 0);
    assert!(unturned > 10, "without the turn taken out they would: {unturned}");
}

#[test]
fn somebody_who_follows_a_robot_in_reverse_is_counted_as_approaching() {
    let mut planner = let_go(PlanningParams::default());
    let reverse = moving(Twist { forward_mps: -0.5, ..Twist::default() });
    let plans: Vec<_> = (0..30i64)
        .map(|frame| planned(&mut planner, frame * 100, &[track(7, 5.0 - 0.05 * frame as f64, 0.0, 0.05)], reverse))
        .collect();
    let about = plans[29].steps.iter().find(|step| step.track == Some(TrackId(7))).unwrap();
    // 1 m/s by itself, of which 0.5 show; less what is in doubt.
    assert!(about.reason.contains("coming nearer at 0.7 m/s"), "{}", about.reason);
}

#[test]
fn a_robot_in_reverse_is_never_told_that_its_way_is_free() {
    for (twist, words) in [
        (Twist { forward_mps: -0.5, ..Twist::default() }, "driving backwards at 0.50 m/s, where no camera looks"),
        (Twist { left_mps: 0.5, ..Twist::default() }, "driving sideways at 0.50 m/s, where no camera looks"),
    ] {
        let plan = planned(&mut let_go(PlanningParams::default()), 0, &[], moving(twist));
        assert_eq!((plan.decision, plan.reason()), (Decision::Slow, words));
        assert!(plan.speed_limit_mps.unwrap() <= 0.3 && plan.verdict.contains(words), "{}", plan.verdict);
        let fast = PlanningParams { unplaced_speed_mps: 9.0, ..PlanningParams::default() };
        assert_eq!(planned(&mut let_go(fast), 0, &[], moving(twist)).decision, Decision::Slow);
        let never = PlanningParams { unplaced_speed_mps: 0.0, ..PlanningParams::default() };
        let plan = planned(&mut let_go(never), 0, &[], moving(twist));
        assert_eq!((plan.decision, plan.steps[0].action), (Decision::Stop, Decision::Stop));
    }
}

#[test]
fn what_cannot_move_by_itself_is_passed_over_where_it_is_off_the_ground() {
    let obstacles = Obstacles { still: BTreeSet::from([CAR]), ..Obstacles::default() };
    let decide = |class, place| {
        let params = PlanningParams { obstacles: obstacles.clone(), ..PlanningParams::default() };
        planned(&mut let_go(params), 0, &[Track { class, place, ..track(7, 0.0, 0.0, 0.0) }], measured(0.3))
    };
    let passed_over = decide(CAR, Place::Raised);
    assert_eq!(passed_over.decision, Decision::Proceed);
    assert!(passed_over.verdict.contains("; 1 off the ground and passed over"), "{}", passed_over.verdict);
    assert_eq!(decide(CAR, Place::Unknown).decision, Decision::Slow, "it may be low and near");
    assert_eq!(decide(CAR, Place::Ground(ground(0.8, 0.0, 0.1))).decision, Decision::Stop, "it stands there");
    assert_eq!(decide(PERSON, Place::Raised).decision, Decision::Slow, "the foot is hidden");
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
    let unplaced = Track { place: Place::Unknown, ..track(7, 0.0, 0.0, 0.0) };
    let plan = planned(&mut let_go(PlanningParams::default()), 0, &[unplaced], measured(0.3));
    assert_eq!((plan.decision, plan.speed_limit_mps), (Decision::Slow, Some(0.3f32.next_down())));
    assert!(
        plan.verdict.contains("boxes only: nothing has a place on the ground, so at most 0.30 m/s"),
        "{}",
        plan.verdict
    );
    assert_eq!(plan.steps[0].reason, "person 7: in view, without a place on the ground");
    let careful = PlanningParams { unplaced_speed_mps: 0.0, ..PlanningParams::default() };
    assert_eq!(planned(&mut let_go(careful), 0, &[unplaced], measured(0.3)).decision, Decision::Stop);
    let careless = PlanningParams { unplaced_speed_mps: 1.5, ..PlanningParams::default() };
    let plan = planned(&mut let_go(careless), 0, &[unplaced], measured(0.3));
    assert_eq!((plan.decision, plan.speed_limit_mps), (Decision::Slow, Some(1.5)), "never a free way");
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
    let obstacles = Obstacles { classes: Some(BTreeSet::from([CAR])), ..Obstacles::default() };
    let params = PlanningParams { obstacles, ..PlanningParams::default() };
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
    assert!(plan.verdict.contains("39 of 39 things in the way"), "{}", plan.verdict);
}
