//! What a proposal does to a plan, and what none can do, whatever it says.

use super::scenarios::{CAR, Head, PERSON, at, labels, measured, planner, track};
use crate::planning::guard::care;
use crate::planning::{Offers, PlanningParams};
use crate::types::{
    CameraId, ClassId, Decision, FrameId, Motion, Place, Plan, PlanSource, Proposal, ProposalStatus, ProposedStep,
    Scene, Stamped, Track, TrackId, Twist,
};
use proptest::prelude::*;
use std::sync::Arc;

const STANDING: Motion =
    Motion::Measured { twist: Twist { forward_mps: 0.0, left_mps: 0.0, up_mps: 0.0, yaw_rate_radps: 0.0 }, age_ns: 0 };

fn step(action: Decision, track: Option<u64>, reason: &str) -> ProposedStep {
    ProposedStep { action, track: track.map(TrackId), class: track.map(|_| PERSON), reason: reason.to_owned() }
}

/// From the picture of 0 ms.
fn proposal(decision: Decision, speed_limit_mps: Option<f32>, steps: Vec<ProposedStep>) -> Proposal {
    Proposal {
        stamp: at(0),
        decision,
        speed_limit_mps,
        steps,
        reason: "a child plays near the road".to_owned(),
        model: Arc::from("vlm"),
        prompt_version: 0,
        text: String::new(),
    }
}

/// A frame's plan, and the ruling on each of the proposals.
struct Told {
    plan: Plan,
    arrived: Option<(ProposalStatus, String)>,
    held: Option<ProposalStatus>,
}

fn told(head: &mut Head, ms: i64, tracks: &[Track], motion: Motion, offers: Offers<'_>) -> Told {
    let scene = Scene { tracks: tracks.to_vec(), ..Scene::default() };
    let scene = Stamped::new(at(ms), FrameId::new("camera"), &scene);
    head.world.update(CameraId(0), &scene, motion);
    let planned = head.planner.plan_with(at(ms), head.world.around(), &labels(), motion, offers);
    assert_eq!((planned.plan.stamp(), planned.plan.frame_id().as_str()), (at(ms), "base_link"));
    Told {
        plan: (*planned.plan.value()).clone(),
        arrived: planned.arrived.map(|ruling| (ruling.status, ruling.verdict.to_owned())),
        held: planned.held,
    }
}

/// Past the clear time: the rules say `proceed` to a free way.
fn let_go() -> Head {
    let mut planner = planner(PlanningParams::default());
    for frame in -15..0 {
        told(&mut planner, frame * 100, &[], STANDING, Offers::default());
    }
    planner
}

fn arrived(proposal: &Proposal) -> Offers<'_> {
    Offers { arrived: Some(proposal), held: None }
}

fn held(proposal: &Proposal) -> Offers<'_> {
    Offers { arrived: None, held: Some(proposal) }
}

#[test]
fn a_more_careful_proposal_is_taken_with_its_reason_first() {
    let slow = proposal(Decision::Slow, Some(0.5), vec![step(Decision::Slow, Some(7), "may run")]);
    let Told { plan, arrived, .. } = told(&mut let_go(), 300, &[track(7, 15.0, 3.0, 0.1)], STANDING, arrived(&slow));
    assert_eq!((plan.decision, plan.speed_limit_mps, plan.source), (Decision::Slow, Some(0.5), PlanSource::Model));
    assert_eq!((&*plan.model, plan.path.len()), ("vlm", 81));
    assert_eq!(plan.reason(), "vlm: a child plays near the road");
    let about = &plan.steps[1];
    assert_eq!((about.action, about.track, about.class), (Decision::Slow, Some(TrackId(7)), Some(PERSON)));
    assert_eq!((about.pose.x_m, about.pose.y_m, about.reason.as_str()), (15.0, 3.0, "vlm: may run"));
    assert_eq!(arrived, Some((ProposalStatus::Taken, "within the rules: slow at no more than 0.50 m/s".to_owned())));
    let end = "; proposal of vlm from a picture 300 ms before: taken, within the rules: slow at no more than 0.50 m/s";
    assert!(plan.verdict.ends_with(end), "{}", plan.verdict);
}

#[test]
fn a_proposal_of_the_same_word_adds_its_reasons_behind_those_of_the_rules() {
    let mut planner = let_go();
    let tracks = [track(7, 3.0, 0.0, 0.1)];
    let alone = told(&mut let_go(), 300, &tracks, STANDING, Offers::default()).plan;
    assert_eq!(alone.decision, Decision::Slow);
    let slow = proposal(Decision::Slow, None, vec![step(Decision::Proceed, Some(7), "steps aside")]);
    let Told { plan, arrived, .. } = told(&mut planner, 300, &tracks, STANDING, arrived(&slow));
    assert_eq!((plan.source, plan.speed_limit_mps), (PlanSource::Model, alone.speed_limit_mps));
    assert_eq!(plan.steps[0], alone.steps[0]);
    assert_eq!(plan.steps[1].reason, "vlm: a child plays near the road");
    assert_eq!((plan.steps[2].action, plan.steps[2].reason.as_str()), (Decision::Slow, "vlm: steps aside"));
    let (status, words) = arrived.unwrap();
    assert_eq!(status, ProposalStatus::Changed);
    assert!(words.ends_with(", 1 step made more careful"), "{words}");
}

#[test]
fn a_faster_proposal_is_cut_to_the_rules_and_a_less_careful_word_is_overruled() {
    let tracks = [track(7, 3.0, 0.0, 0.1)];
    let alone = told(&mut let_go(), 300, &tracks, STANDING, Offers::default()).plan;
    let fast = proposal(Decision::Slow, Some(9.0), Vec::new());
    let Told { plan, arrived: ruling, .. } = told(&mut let_go(), 300, &tracks, STANDING, arrived(&fast));
    assert_eq!(plan.speed_limit_mps, alone.speed_limit_mps);
    let (status, words) = ruling.unwrap();
    assert!(status == ProposalStatus::Changed && words.ends_with(", down from 9.00 m/s"), "{words}");

    let free = proposal(Decision::Proceed, None, Vec::new());
    let Told { mut plan, arrived, .. } = told(&mut let_go(), 300, &tracks, STANDING, arrived(&free));
    assert_eq!(arrived, Some((ProposalStatus::Overruled, "proceed was proposed, the rules say slow".to_owned())));
    plan.verdict.clone_from(&alone.verdict);
    assert_eq!(plan, alone, "the rules' plan stays");
}

#[test]
fn hover_is_a_stop_without_a_path_and_land_is_refused() {
    let hover = proposal(Decision::Hover, None, Vec::new());
    let Told { plan, arrived: ruling, .. } = told(&mut let_go(), 300, &[], STANDING, arrived(&hover));
    assert_eq!((plan.decision, plan.speed_limit_mps, plan.path.len()), (Decision::Stop, Some(0.0), 0));
    assert_eq!(ruling.unwrap().1, "within the rules: stop, hover taken as stop");
    let land = proposal(Decision::Land, None, Vec::new());
    let Told { plan, arrived, .. } = told(&mut let_go(), 300, &[], STANDING, arrived(&land));
    assert_eq!((plan.decision, plan.source, &*plan.model), (Decision::Proceed, PlanSource::Rules, "test"));
    assert_eq!(arrived, Some((ProposalStatus::Refused, "no rule here can check where land leads".to_owned())));
}

#[test]
fn each_refusal_says_why() {
    let of = |decision, ms, tracks: &[Track], change: fn(&mut Proposal)| {
        let mut proposal = proposal(decision, None, vec![step(Decision::Slow, Some(7), "")]);
        change(&mut proposal);
        told(&mut let_go(), ms, tracks, STANDING, arrived(&proposal)).arrived.unwrap()
    };
    let there = [track(7, 15.0, 3.0, 0.1)];
    let refused = |words: &str| (ProposalStatus::Refused, words.to_owned());
    let slow = Decision::Slow;
    assert_eq!(of(slow, 3100, &there, |_| ()), refused("at most 3000 ms are allowed, it is 3100 ms old"));
    assert_eq!(of(slow, 100, &[], |_| ()), refused("track 7 is gone"));
    assert_eq!(
        of(slow, 100, &there, |proposal| proposal.steps[0].class = Some(CAR)),
        refused(r#"track 7 is "person" now, it was proposed about "car""#)
    );
    assert_eq!(
        of(slow, 100, &there, |proposal| proposal.prompt_version = 4),
        refused("it was made under prompts of version 4, now they have version 0")
    );
    assert_eq!(of(slow, 100, &there, |proposal| proposal.stamp = at(150)), refused("its picture is 50 ms later"));
    assert_eq!(
        of(slow, 100, &there, |proposal| proposal.speed_limit_mps = Some(-1.0)),
        refused("-1 m/s is no speed limit")
    );
}

#[test]
fn a_new_proposal_takes_the_place_of_the_old_one_unless_it_is_refused() {
    let (old, new) = (proposal(Decision::Slow, Some(0.5), Vec::new()), proposal(Decision::Slow, Some(0.9), Vec::new()));
    let both = |new| Offers { arrived: Some(new), held: Some(&old) };
    let Told { plan, held: kept, .. } = told(&mut let_go(), 300, &[], STANDING, both(&new));
    assert_eq!((plan.speed_limit_mps, kept), (Some(0.9), None));
    let lost = proposal(Decision::Return, None, Vec::new());
    let Told { plan, held: kept, .. } = told(&mut let_go(), 300, &[], STANDING, both(&lost));
    assert_eq!((plan.speed_limit_mps, kept), (Some(0.5), Some(ProposalStatus::Taken)));
    assert!(
        plan.verdict.contains(": refused, no rule") && plan.verdict.contains(": taken, within"),
        "{}",
        plan.verdict
    );
}

#[test]
fn when_a_proposal_ends_the_plan_is_that_of_the_rules_again() {
    let mut planner = let_go();
    let stop = proposal(Decision::Stop, None, Vec::new());
    for frame in 1..=30 {
        let Told { plan, held, .. } = told(&mut planner, frame * 100, &[], STANDING, held(&stop));
        assert_eq!((plan.decision, held), (Decision::Stop, Some(ProposalStatus::Taken)), "{frame}");
    }
    let Told { plan, held, .. } = told(&mut planner, 3100, &[], STANDING, held(&stop));
    assert_eq!(
        (plan.decision, plan.source, held),
        (Decision::Proceed, PlanSource::Rules, Some(ProposalStatus::Refused))
    );
    assert_eq!((plan.speed_limit_mps, plan.path.len(), &*plan.model), (Some(1.5), 81, "test"));
}

#[test]
fn words_of_any_length_stay_short() {
    let reason = "é\n".repeat(5000);
    let mut long = proposal(Decision::Slow, None, vec![step(Decision::Slow, None, &reason); 500]);
    (long.reason, long.model) = (reason.clone(), Arc::from(reason.as_str()));
    let Told { plan, arrived, .. } = told(&mut let_go(), 300, &[], STANDING, arrived(&long));
    assert_eq!(plan.steps.len(), 9);
    assert!(plan.steps.iter().all(|step| step.reason.chars().count() <= 64 + 2 + 200));
    assert!(plan.verdict.chars().count() < 400);
    let (status, words) = arrived.unwrap();
    assert!(status == ProposalStatus::Changed && words.ends_with(", 492 of its steps left out"), "{words}");
}

fn any_decision() -> impl Strategy<Value = Decision> {
    use Decision::{Avoid, Hover, Land, Proceed, Return, Slow, Stop, Yield};
    // Those that are never refused come more often.
    prop::sample::select(vec![Proceed, Proceed, Slow, Slow, Stop, Avoid, Avoid, Yield, Yield, Hover, Land, Return])
}

fn any_limit() -> impl Strategy<Value = Option<f32>> {
    prop::option::of(prop_oneof![9 => 0.0f32..6.0, 1 => prop::num::f32::ANY])
}

fn any_step() -> impl Strategy<Value = ProposedStep> {
    let class =
        prop_oneof![4 => Just(None), 4 => Just(Some(PERSON)), 1 => (0u16..3).prop_map(|class| Some(ClassId(class)))];
    (any_decision(), prop::option::of(1u64..5), class, ".{0,12}")
        .prop_map(|(action, track, class, reason)| ProposedStep { action, track: track.map(TrackId), class, reason })
}

fn any_proposal() -> impl Strategy<Value = Proposal> {
    let version = prop_oneof![9 => Just(0u32), 1 => any::<u32>()];
    let steps = prop::collection::vec(any_step(), 0..4);
    (any_decision(), any_limit(), steps, -4000i64..500, version, ".{0,12}").prop_map(
        |(decision, speed_limit_mps, steps, ms, prompt_version, reason)| Proposal {
            stamp: at(ms),
            decision,
            speed_limit_mps,
            steps,
            reason,
            model: Arc::from("vlm"),
            prompt_version,
            text: String::new(),
        },
    )
}

/// People around the corridor, some without a place.
fn any_tracks() -> impl Strategy<Value = Vec<Track>> {
    let place = prop::option::weighted(0.8, (-2.0f64..25.0, -3.0f64..3.0, 0.0f64..1.0));
    prop::collection::vec(place, 0..4).prop_map(|places| {
        let at_place = |(id, place): (u64, Option<(f64, f64, f64)>)| match place {
            Some((x, y, std)) => track(id, x, y, std),
            None => Track { place: Place::Unknown, ..track(id, 0.0, 0.0, 0.0) },
        };
        (1..).zip(places).map(at_place).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_proposal_makes_a_plan_less_careful_than_the_rules(
        frames in prop::collection::vec(
            (any_tracks(), 0.0f64..3.0, prop::option::of(any_proposal()), prop::option::of(any_proposal())), 1..20,
        ),
        clear_after_ms in prop_oneof![Just(0u32), Just(300)],
        max_speed_mps in 0.1f64..4.0,
    ) {
        let params = PlanningParams { clear_after_ms, max_speed_mps, ..PlanningParams::default() };
        let (mut alone, mut advised) = (planner(params.clone()), planner(params));
        for ((number, (tracks, mps, new, old)), sequence) in (0i64..).zip(&frames).zip(1u64..) {
            let speed = measured(*mps);
            let rules = told(&mut alone, number * 100, tracks, speed, Offers::default()).plan;
            let offers = Offers { arrived: new.as_ref(), held: old.as_ref() };
            let Told { plan, arrived, held } = told(&mut advised, number * 100, tracks, speed, offers);

            prop_assert!(care(plan.decision) >= care(rules.decision), "{:?} {:?}", rules, plan);
            prop_assert!(!matches!(plan.decision, Decision::Hover | Decision::Land | Decision::Return));
            let (limit, of_rules) = (plan.speed_limit_mps.unwrap(), rules.speed_limit_mps.unwrap());
            prop_assert!((0.0..=of_rules).contains(&limit) && f64::from(limit) <= max_speed_mps);
            prop_assert_eq!(plan.decision == Decision::Stop, limit == 0.0);
            let expected_path = if plan.decision == Decision::Stop { &[][..] } else { &rules.path };
            prop_assert_eq!(&plan.path[..], expected_path);
            prop_assert_eq!((plan.sequence, plan.valid_for_ns), (sequence, rules.valid_for_ns));
            prop_assert_eq!(plan.prompt_version, rules.prompt_version);
            prop_assert!(rules.steps.iter().all(|step| plan.steps.contains(step)));
            for step in plan.steps.iter().filter(|step| step.reason.starts_with("vlm: ") && step.track.is_some()) {
                let mut same = rules.steps.iter().filter(|rule| rule.track == step.track);
                prop_assert!(same.all(|rule| care(step.action) >= care(rule.action)), "{:?}", step);
            }
            prop_assert!(plan.verdict.starts_with(&rules.verdict));

            let follows = [arrived.map(|(status, _)| status), held].into_iter().flatten()
                .any(|status| matches!(status, ProposalStatus::Taken | ProposalStatus::Changed));
            prop_assert_eq!(plan.source == PlanSource::Model, follows);
            if !follows {
                prop_assert_eq!(Plan { verdict: rules.verdict.clone(), ..plan }, rules);
            }
        }
    }
}
