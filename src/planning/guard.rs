//! Whether a language model's proposal may touch a plan at all, and what is left of it within the rules' plan.
//!
//! A proposal is refused as a whole when it is older than it may be, was made under other prompts, names a track that
//! is gone or has become something else, has a speed limit that is none, or says `land` or `return`.
//!
//! Decisions in the order of care are those of a robot that drives, as vedette_msgs/Plan lists them:
//! `proceed < slow < avoid < yield < stop`. The more careful word and the lower limit win. The rules know the ground
//! ahead and nothing of the air: `hover` is taken as `stop`, which is what it means to whoever drives and to whoever
//! flies; `land` and `return` lead to places that nobody here has looked at. `avoid` and `yield` change the word alone:
//! limit and path stay within those of the rules.

use super::care::MIN_MOVING_MPS;
use crate::types::{ClassId, Decision, Proposal, ProposedStep, Stamp, TrackId};
use crate::world::Thing;

/// What a proposal is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Present<'a> {
    /// Of the frame whose plan is made.
    pub(super) stamp: Stamp,
    /// What is around the robot then.
    pub(super) things: &'a [Thing],
    /// Of the labels in force.
    pub(super) prompt_version: u32,
    /// The oldest picture that may still be behind a proposal.
    pub(super) max_age_ns: i64,
}

impl Present<'_> {
    pub(super) fn track(&self, id: TrackId) -> Option<&Thing> {
        self.things.iter().find(|thing| thing.track == Some(id))
    }
}

/// Why a proposal is not followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Refusal {
    TooOld { age_ns: i64, most_ns: i64 },
    FromLater { ahead_ns: i64 },
    OtherPrompts { found: u32, expected: u32 },
    Gone(TrackId),
    OtherClass { track: TrackId, found: ClassId, proposed: ClassId },
    NoLimit(f32),
    NotOnTheGround(Decision),
}

/// Whether the proposal is about the world as it is.
pub(super) fn check(proposal: &Proposal, present: &Present<'_>) -> Result<(), Refusal> {
    let age_ns = present.stamp.ns_since(proposal.stamp);
    if age_ns < 0 {
        return Err(Refusal::FromLater { ahead_ns: age_ns.saturating_neg() });
    }
    if age_ns > present.max_age_ns {
        return Err(Refusal::TooOld { age_ns, most_ns: present.max_age_ns });
    }
    if proposal.prompt_version != present.prompt_version {
        let (found, expected) = (proposal.prompt_version, present.prompt_version);
        return Err(Refusal::OtherPrompts { found, expected });
    }
    if let Some(limit_mps) = proposal.speed_limit_mps.filter(|limit| !limit.is_finite() || *limit < 0.0) {
        return Err(Refusal::NoLimit(limit_mps));
    }
    let mut words = proposal.steps.iter().map(|step| step.action).chain([proposal.decision]);
    if let Some(word) = words.find(|word| on_the_ground(*word).is_none()) {
        return Err(Refusal::NotOnTheGround(word));
    }
    proposal.steps.iter().try_for_each(|step| check_track(step, present))
}

fn check_track(step: &ProposedStep, present: &Present<'_>) -> Result<(), Refusal> {
    let Some(id) = step.track else { return Ok(()) };
    let track = present.track(id).ok_or(Refusal::Gone(id))?;
    match step.class {
        Some(proposed) if proposed != track.class => {
            Err(Refusal::OtherClass { track: id, found: track.class, proposed })
        }
        _ => Ok(()),
    }
}

/// What a word means to a robot that drives; `None` for those that lead elsewhere.
pub(super) const fn on_the_ground(word: Decision) -> Option<Decision> {
    match word {
        Decision::Hover => Some(Decision::Stop),
        Decision::Land | Decision::Return => None,
        word => Some(word),
    }
}

/// The place in the order of care; the words of aircraft count as `stop`.
pub(super) const fn care(word: Decision) -> u8 {
    match word {
        Decision::Proceed => 0,
        Decision::Slow => 1,
        Decision::Avoid => 2,
        Decision::Yield => 3,
        Decision::Stop | Decision::Hover | Decision::Land | Decision::Return => 4,
    }
}

/// A proposal's word and limit within those of the rules.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounded {
    pub(super) decision: Decision,
    pub(super) limit_mps: Option<f32>,
    /// The proposed limit, where the rules allow less.
    pub(super) cut_mps: Option<f32>,
    /// The proposed limit, where a robot as slow as that stands.
    pub(super) standing_mps: Option<f32>,
}

/// The word and the limit that are left of a proposal; `None` where the rules' word is more careful.
pub(super) fn bound(decision: Decision, limit_mps: Option<f32>, proposal: &Proposal) -> Option<Bounded> {
    let word = on_the_ground(proposal.decision)?;
    if care(word) < care(decision) {
        return None;
    }
    let stop = Bounded { decision: Decision::Stop, limit_mps: Some(0.0), cut_mps: None, standing_mps: None };
    if word == Decision::Stop {
        return Some(stop);
    }
    let proposed_mps = proposal.speed_limit_mps;
    if let Some(proposed_mps) = proposed_mps.filter(|limit| f64::from(*limit) < MIN_MOVING_MPS) {
        return Some(Bounded { standing_mps: Some(proposed_mps), ..stop });
    }
    let is_above = |proposed: &f32| limit_mps.is_some_and(|allowed| *proposed > allowed);
    let cut_mps = proposed_mps.filter(is_above);
    let limit_mps = if cut_mps.is_some() { limit_mps } else { proposed_mps.or(limit_mps) };
    Some(Bounded { decision: word, limit_mps, cut_mps, standing_mps: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planning::tests::scenarios::{CAR, PERSON, at, measured, track};
    use crate::types::{CameraId, FrameId, Scene, Stamped};
    use crate::world::World;
    use std::sync::Arc;

    fn proposal(decision: Decision, speed_limit_mps: Option<f32>) -> Proposal {
        Proposal {
            stamp: at(0),
            decision,
            speed_limit_mps,
            steps: Vec::new(),
            reason: String::new(),
            model: Arc::from("test"),
            prompt_version: 0,
            text: String::new(),
        }
    }

    fn about(track: u64, class: Option<ClassId>) -> Proposal {
        let step = ProposedStep { action: Decision::Slow, track: Some(TrackId(track)), class, reason: String::new() };
        Proposal { steps: vec![step], ..proposal(Decision::Slow, None) }
    }

    fn checked(proposal: &Proposal, ms: i64) -> Result<(), Refusal> {
        let mut world = World::new();
        let scene = Scene { tracks: vec![track(7, 5.0, 0.0, 0.1)], ..Scene::default() };
        world.update(CameraId(0), &Stamped::new(at(ms), FrameId::new("camera"), &scene), measured(0.0));
        let things = world.things();
        check(proposal, &Present { stamp: at(ms), things, prompt_version: 0, max_age_ns: 3_000_000_000 })
    }

    #[test]
    fn a_proposal_is_fresh_from_its_picture_to_its_greatest_age() {
        let slow = proposal(Decision::Slow, None);
        assert_eq!(checked(&slow, 0), Ok(()));
        assert_eq!(checked(&slow, 3000), Ok(()));
        let too_old = Refusal::TooOld { age_ns: 3_001_000_000, most_ns: 3_000_000_000 };
        assert_eq!(checked(&slow, 3001), Err(too_old));
        assert_eq!(checked(&slow, -1), Err(Refusal::FromLater { ahead_ns: 1_000_000 }));
    }

    #[test]
    fn every_track_that_it_names_must_be_alive_and_what_it_was() {
        assert_eq!(checked(&about(7, None), 100), Ok(()));
        assert_eq!(checked(&about(7, Some(PERSON)), 100), Ok(()));
        let other = Refusal::OtherClass { track: TrackId(7), found: PERSON, proposed: CAR };
        assert_eq!(checked(&about(7, Some(CAR)), 100), Err(other));
        assert_eq!(checked(&about(8, None), 100), Err(Refusal::Gone(TrackId(8))));
    }

    #[test]
    fn other_prompts_and_limits_that_are_none_are_refused() {
        let other = Proposal { prompt_version: 2, ..proposal(Decision::Slow, None) };
        assert_eq!(checked(&other, 0), Err(Refusal::OtherPrompts { found: 2, expected: 0 }));
        for limit in [-0.1, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(checked(&proposal(Decision::Slow, Some(limit)), 0), Err(Refusal::NoLimit(limit)));
        }
        assert!(matches!(checked(&proposal(Decision::Slow, Some(f32::NAN)), 0), Err(Refusal::NoLimit(_))));
    }

    #[test]
    fn land_and_return_are_refused_as_decisions_and_as_steps_and_hover_is_a_stop() {
        for word in [Decision::Land, Decision::Return] {
            assert_eq!(checked(&proposal(word, None), 0), Err(Refusal::NotOnTheGround(word)));
            let mut step = about(7, None);
            step.steps[0].action = word;
            assert_eq!(checked(&step, 0), Err(Refusal::NotOnTheGround(word)));
        }
        assert_eq!(checked(&proposal(Decision::Hover, None), 0), Ok(()));
        let hover = bound(Decision::Proceed, Some(1.5), &proposal(Decision::Hover, None)).unwrap();
        assert_eq!((hover.decision, hover.limit_mps), (Decision::Stop, Some(0.0)));
    }

    #[test]
    fn the_more_careful_word_and_the_lower_limit_win() {
        use Decision::{Avoid, Proceed, Slow, Stop, Yield};
        let bound = |rules, allowed, word, limit| {
            bound(rules, Some(allowed), &proposal(word, limit)).map(|b| (b.decision, b.limit_mps, b.cut_mps))
        };
        assert_eq!(bound(Proceed, 1.5, Slow, Some(0.5)), Some((Slow, Some(0.5), None)));
        assert_eq!(bound(Proceed, 1.5, Yield, None), Some((Yield, Some(1.5), None)));
        assert_eq!(bound(Slow, 0.8, Avoid, Some(2.0)), Some((Avoid, Some(0.8), Some(2.0))));
        assert_eq!(bound(Slow, 0.8, Slow, Some(0.8)), Some((Slow, Some(0.8), None)));
        assert_eq!(bound(Slow, 0.8, Stop, Some(2.0)), Some((Stop, Some(0.0), None)));
        assert_eq!(bound(Slow, 0.8, Proceed, None), None);
        assert_eq!(bound(Stop, 0.0, Yield, None), None);
        assert_eq!(bound(Stop, 0.0, Stop, None), Some((Stop, Some(0.0), None)));
    }

    #[test]
    fn a_limit_at_which_a_robot_stands_is_a_stop() {
        let standing = bound(Decision::Proceed, Some(1.5), &proposal(Decision::Slow, Some(0.01))).unwrap();
        assert_eq!((standing.decision, standing.limit_mps), (Decision::Stop, Some(0.0)));
        assert_eq!(standing.standing_mps, Some(0.01));
    }
}
