//! What holds for every plan, whatever comes in.

use super::scenarios::{PERSON, measured, planned, planner, track};
use crate::planning::PlanningParams;
use crate::types::{BBox, ClassId, Decision, GroundPosition, Motion, Place, Plan, Track, TrackId, Twist};
use nalgebra::{Matrix2, Point2};
use proptest::prelude::*;

fn params() -> impl Strategy<Value = PlanningParams> {
    (0.4f64..3.0, 2.0f64..40.0, 0.0f64..2.0, 0.2f64..5.0, 0u32..1500, 0.1f64..5.0, 0u32..1500).prop_map(
        |(
            corridor_width_m,
            corridor_length_m,
            stop_margin_m,
            deceleration_mps2,
            latency_budget_ms,
            max_speed_mps,
            clear_after_ms,
        )| {
            PlanningParams {
                corridor_width_m,
                corridor_length_m,
                stop_margin_m,
                deceleration_mps2,
                latency_budget_ms,
                max_speed_mps,
                clear_after_ms,
                ..PlanningParams::default()
            }
        },
    )
}

/// Places around the corridor, some without one.
fn any_place() -> impl Strategy<Value = Option<(f64, f64, f64)>> {
    prop::option::weighted(0.9, (-2.0f64..25.0, -3.0f64..3.0, 0.0f64..1.5))
}

fn tracks_at(places: &[Option<(f64, f64, f64)>], first_id: u64) -> Vec<Track> {
    (first_id..)
        .zip(places)
        .map(|(id, place)| match *place {
            Some((x, y, std)) => track(id, x, y, std),
            None => Track { place: Place::Unknown, ..track(id, 0.0, 0.0, 0.0) },
        })
        .collect()
}

/// Frames of tracks that keep their ids and jump about: worse than any world.
fn any_frames(most: usize) -> impl Strategy<Value = Vec<Vec<Option<(f64, f64, f64)>>>> {
    prop::collection::vec(prop::collection::vec(any_place(), 0..most), 1..25)
}

fn care(decision: Decision) -> u8 {
    match decision {
        Decision::Proceed => 0,
        Decision::Slow => 1,
        _ => 2,
    }
}

fn is_finite(plan: &Plan) -> bool {
    let pose_is_finite = |x: f64, y: f64, yaw: f64| x.is_finite() && y.is_finite() && yaw.is_finite();
    plan.speed_limit_mps.is_some_and(|limit| limit.is_finite() && limit >= 0.0)
        && plan.path.iter().all(|pose| pose_is_finite(pose.x_m, pose.y_m, pose.yaw_rad))
        && plan.steps.iter().all(|step| pose_is_finite(step.pose.x_m, step.pose.y_m, step.pose.yaw_rad))
        && !plan.verdict.contains("NaN")
        && !plan.steps.iter().any(|step| step.reason.contains("NaN"))
}

proptest! {
    #[test]
    fn the_limit_always_allows_a_stop_before_the_nearest_thing_in_the_corridor(
        params in params(), frames in any_frames(6), speeds in prop::collection::vec(0.0f64..6.0, 25),
    ) {
        let mut planner = planner(params.clone());
        for ((frame, places), speed) in (0i64..).zip(&frames).zip(speeds) {
            let tracks = tracks_at(places, 1);
            let plan = planned(&mut planner, frame * 100, &tracks, measured(speed));
            let limit = f64::from(plan.speed_limit_mps.unwrap());
            let needed = limit * f64::from(params.latency_budget_ms) / 1000.0
                + limit.powi(2) / (2.0 * params.deceleration_mps2)
                + params.stop_margin_m;
            prop_assert!(limit <= params.max_speed_mps);
            prop_assert_eq!(plan.decision == Decision::Stop, limit == 0.0);
            if plan.decision == Decision::Stop {
                prop_assert!(plan.path.is_empty());
                continue;
            }
            prop_assert!(needed <= params.corridor_length_m + 1e-9);
            for (x, y, std) in places.iter().flatten() {
                let nearest = x - 2.0 * std;
                let is_ahead = *x >= 0.0 && nearest <= params.corridor_length_m;
                if is_ahead && y.abs() - 2.0 * std <= params.corridor_width_m / 2.0 {
                    prop_assert!(needed <= nearest + 1e-9, "limit {} needs {} of {}", limit, needed, nearest);
                    prop_assert!(plan.path.iter().all(|pose| pose.x_m <= nearest - params.stop_margin_m));
                }
            }
        }
    }

    #[test]
    fn more_obstacles_never_make_a_plan_less_careful(
        params in params(), frames in any_frames(4), more in any_frames(4),
        speeds in prop::collection::vec(0.0f64..4.0, 25),
    ) {
        let (mut with_few, mut with_many) = (planner(params.clone()), planner(params));
        let more = more.iter().cycle();
        for (((frame, places), added), speed) in (0i64..).zip(&frames).zip(more).zip(speeds) {
            let few = tracks_at(places, 1);
            let many: Vec<_> = few.iter().copied().chain(tracks_at(added, 100)).collect();
            let speed = measured(speed);
            let few = planned(&mut with_few, frame * 100, &few, speed);
            let many = planned(&mut with_many, frame * 100, &many, speed);
            prop_assert!(care(many.decision) >= care(few.decision), "{}", frame);
            prop_assert!(many.speed_limit_mps <= few.speed_limit_mps, "{}: {:?} {:?}", frame, few, many);
        }
    }

    #[test]
    fn a_nearer_obstacle_or_a_faster_robot_never_makes_the_first_plan_less_careful(
        params in params(), x in 0.0f64..25.0, nearer in 0.0f64..5.0, speed in 0.0f64..4.0, faster in 0.0f64..2.0,
    ) {
        let params = PlanningParams { clear_after_ms: 0, ..params };
        let plan = |x: f64, speed: f64| {
            planned(&mut planner(params.clone()), 0, &[track(1, x, 0.0, 0.1)], measured(speed))
        };
        prop_assume!(x - 0.2 <= params.corridor_length_m);
        let before = plan(x, speed);
        prop_assert!(care(plan((x - nearer).max(0.0), speed).decision) >= care(before.decision));
        prop_assert!(care(plan(x, speed + faster).decision) >= care(before.decision));
    }

    #[test]
    fn the_same_frames_make_the_same_plans(params in params(), frames in any_frames(6)) {
        let (mut first, mut second) = (planner(params.clone()), planner(params));
        for (frame, places) in (0i64..).zip(&frames) {
            let tracks = tracks_at(places, 1);
            let speed = Motion::Assumed { forward_mps: 1.0 };
            prop_assert_eq!(planned(&mut first, frame * 90, &tracks, speed), planned(&mut second, frame * 90, &tracks, speed));
        }
    }

    #[test]
    fn no_number_makes_a_plan_panic_or_carry_one_that_is_none(
        frames in prop::collection::vec(
            (
                any::<i32>(),
                prop::collection::vec(prop::array::uniform6(prop_oneof![-5.0f64..20.0, prop::num::f64::ANY]), 0..5),
                prop::array::uniform4(prop_oneof![-3.0f64..3.0, prop::num::f64::ANY]),
                any::<i64>(),
            ),
            1..10,
        ),
    ) {
        let mut planner = planner(PlanningParams { clear_after_ms: 0, ..PlanningParams::default() });
        for (ms, places, [forward_mps, left_mps, up_mps, yaw_rate_radps], age_ns) in frames {
            let tracks: Vec<_> = (1..).zip(&places).map(|(id, &[x, y, xx, xy, yx, yy])| Track {
                id: TrackId(id),
                bbox: BBox::from_corners(0.0, 0.0, 1.0, 1.0).unwrap(),
                velocity_px_s: (f32::NAN, 0.0),
                class: ClassId(PERSON.0 + 500),
                score: f32::NAN,
                seen: x > 1.0,
                unseen_ns: age_ns,
                place: Place::Ground(GroundPosition {
                    position_m: Point2::new(x, y), covariance_m2: Matrix2::new(xx, xy, yx, yy),
                }),
            }).collect();
            let twist = Twist { forward_mps, left_mps, up_mps, yaw_rate_radps };
            let plan = planned(&mut planner, i64::from(ms), &tracks, Motion::Measured { twist, age_ns });
            prop_assert!(is_finite(&plan), "{:?}", plan);
        }
    }

    #[test]
    fn parameters_out_of_range_end_in_stop_or_a_finite_plan(
        numbers in prop::array::uniform9(prop_oneof![-1.0f64..20.0, prop::num::f64::ANY]),
        ms in prop::array::uniform3(any::<u32>()),
    ) {
        let [corridor_width_m, corridor_length_m, stop_margin_m, deceleration_mps2, max_speed_mps,
            unplaced_speed_mps, distance_hysteresis_m, path_spacing_m, mps] = numbers;
        let [latency_budget_ms, clear_after_ms, valid_for_ms] = ms;
        let mut planner = planner(PlanningParams {
            corridor_width_m, corridor_length_m, stop_margin_m, deceleration_mps2, latency_budget_ms, max_speed_mps,
            unplaced_speed_mps, clear_after_ms, distance_hysteresis_m, path_spacing_m, valid_for_ms,
            ..PlanningParams::default()
        });
        for frame in 0..3 {
            let tracks = [track(1, 3.0, 0.0, 0.1), Track { place: Place::Unknown, ..track(2, 0.0, 0.0, 0.0) }];
            let plan = planned(&mut planner, frame * 100, &tracks, Motion::Assumed { forward_mps: mps });
            prop_assert!(plan.speed_limit_mps.is_some_and(|limit| limit.is_finite() && limit >= 0.0));
            prop_assert!(plan.path.iter().all(|pose| pose.x_m.is_finite()));
        }
    }
}
