//! A proposal on top of the rules' plan: more careful, or with more reasons; never less safe.
//!
//! Enters: the plan that the rules have made of a frame, and what a language model proposed about an earlier one.
//! Leaves: that plan with the proposal in it as far as the guard lets it, and the ruling in words. What stays as the
//! rules made it: the sequence, the path (a stop has none), the time for which the plan holds, and every step.

use super::guard::{self, Bounded, Present, Refusal};
use crate::types::{
    Cause, Decision, Labels, Plan, PlanSource, PlanStep, Pose2, Proposal, ProposalStatus, ProposedStep, Rule, Stamped,
    Until,
};
use crate::world::Thing;
use std::fmt::{self, Write};
use std::sync::Arc;

/// No more of a proposal's steps enter a plan.
const MAX_STEPS: usize = 8;
/// A reason in the model's words is cut behind so many characters.
const MAX_REASON_CHARS: usize = 200;
/// And its name, where a sentence names it.
const MAX_NAME_CHARS: usize = 64;
/// Where a step is that is about no place: the robot's own.
pub(super) const HERE: Pose2 = Pose2 { x_m: 0.0, y_m: 0.0, yaw_rad: 0.0 };

/// The proposals that a plan may follow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offers<'a> {
    /// One that no plan has been held against yet. Unless it is refused, it takes the place of the other.
    pub arrived: Option<&'a Proposal>,
    /// The one before it, which has not been refused so far.
    pub held: Option<&'a Proposal>,
}

/// What the guard made of a proposal in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ruling<'a> {
    /// Taken, changed, overruled or refused. A proposal that was refused once is never looked at again.
    pub status: ProposalStatus,
    /// Why, in words; at most a few hundred bytes.
    pub verdict: &'a str,
}

/// A plan, and what became of the proposals that were offered.
#[derive(Debug)]
pub struct Planned<'a> {
    /// In the base frame, under the frame's stamp.
    pub plan: Stamped<&'a Plan>,
    /// About the proposal that arrived.
    pub arrived: Option<Ruling<'a>>,
    /// About the one that was held; `None` where there was none, and where the other took its place.
    pub held: Option<ProposalStatus>,
}

/// What the guard changed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Changes {
    is_hover: bool,
    cut_mps: Option<f32>,
    standing_mps: Option<f32>,
    raised_steps: usize,
    steps_left_out: usize,
}

/// Lets the proposal change the rules' plan as far as that is safe. `words` is replaced by the ruling's and also goes
/// behind the plan's verdict; `spare` gives the strings for reasons.
pub(super) fn follow(
    plan: &mut Plan,
    proposal: &Proposal,
    present: &Present<'_>,
    labels: &Labels,
    spare: &mut Vec<String>,
    words: &mut String,
) -> ProposalStatus {
    words.clear();
    let (status, written) = match guard::check(proposal, present) {
        Err(refusal) => (ProposalStatus::Refused, write_refusal(words, refusal, labels)),
        Ok(()) => match guard::bound(plan.decision, plan.speed_limit_mps, proposal) {
            None => (
                ProposalStatus::Overruled,
                write!(words, "{} was proposed, the rules say {}", proposal.decision.as_str(), plan.decision.as_str()),
            ),
            Some(bounded) => {
                let changes = apply(plan, proposal, bounded, present, spare);
                let is_changed = changes != Changes::default();
                let status = if is_changed { ProposalStatus::Changed } else { ProposalStatus::Taken };
                (status, write_followed(words, plan, changes))
            }
        },
    };
    let age_ms = present.stamp.ns_since(proposal.stamp) / 1_000_000;
    let (name, status_word) = (cut(&proposal.model, MAX_NAME_CHARS), status.as_str());
    let separator = if plan.verdict.is_empty() { "" } else { "; " };
    let appended =
        write!(plan.verdict, "{separator}proposal of {name} from a picture {age_ms} ms before: {status_word}, {words}");
    debug_assert!(written.and(appended).is_ok(), "a String takes all text");
    status
}

fn apply(
    plan: &mut Plan,
    proposal: &Proposal,
    bounded: Bounded,
    present: &Present<'_>,
    spare: &mut Vec<String>,
) -> Changes {
    let is_decisive = bounded.decision != plan.decision || bounded.limit_mps != plan.speed_limit_mps;
    let mut changes = Changes {
        is_hover: proposal.decision == Decision::Hover,
        cut_mps: bounded.cut_mps,
        standing_mps: bounded.standing_mps,
        raised_steps: 0,
        steps_left_out: proposal.steps.len().saturating_sub(MAX_STEPS),
    };
    plan.decision = bounded.decision;
    plan.speed_limit_mps = bounded.limit_mps;
    if bounded.decision == Decision::Stop {
        plan.path.clear();
    }
    plan.source = PlanSource::Model;
    plan.model = Arc::clone(&proposal.model);

    let rules_steps = plan.steps.len();
    for step in proposal.steps.iter().take(MAX_STEPS) {
        let track = step.track.and_then(|id| present.track(id));
        let action = safe_action(step, &plan.steps[..rules_steps]);
        changes.raised_steps += usize::from(action != step.action);
        plan.steps.push(PlanStep {
            action,
            track: step.track,
            class: track.map(|track| track.class),
            pose: track.map_or(HERE, place),
            cause: cause(None),
            reason: reason_of(proposal, &step.reason, spare),
        });
    }
    if !proposal.reason.is_empty() {
        // What decides comes first; a second opinion comes behind the rules' reasons.
        let at = if is_decisive { 0 } else { rules_steps };
        let reason = reason_of(proposal, &proposal.reason, spare);
        let cause = cause(bounded.limit_mps);
        let step = PlanStep { action: bounded.decision, track: None, class: None, pose: HERE, cause, reason };
        plan.steps.insert(at, step);
    }
    changes
}

/// A language model said so.
fn cause(limit_mps: Option<f32>) -> Cause {
    let limit_mps = limit_mps.map(f64::from);
    Cause { rule: Rule::Proposed, limit_mps, until: Until::Proposal, ..Cause::default() }
}

/// The proposed action, or that of the rules about the same track where it is more careful.
fn safe_action(step: &ProposedStep, of_rules: &[PlanStep]) -> Decision {
    let proposed = guard::on_the_ground(step.action).unwrap_or(Decision::Stop);
    let same_track = of_rules.iter().filter(|rule| step.track.is_some() && rule.track == step.track);
    same_track
        .map(|rule| rule.action)
        .fold(proposed, |most, action| if guard::care(action) > guard::care(most) { action } else { most })
}

/// Where a step about a thing is: at the robot where the thing has no place on the ground.
pub(super) fn place(thing: &Thing) -> Pose2 {
    let usable = thing.place.ground().filter(|ground| ground.is_usable());
    usable.map_or(HERE, |ground| Pose2 { x_m: ground.position_m.x, y_m: ground.position_m.y, yaw_rad: 0.0 })
}

/// A reason under the name of the model that gives it.
fn reason_of(proposal: &Proposal, reason: &str, spare: &mut Vec<String>) -> String {
    let mut text = spare.pop().unwrap_or_default();
    text.clear();
    text.push_str(cut(&proposal.model, MAX_NAME_CHARS));
    text.push_str(": ");
    let plain = cut(reason, MAX_REASON_CHARS).chars();
    text.extend(plain.map(|character| if character.is_control() { ' ' } else { character }));
    text
}

/// The text up to so many characters.
fn cut(text: &str, chars: usize) -> &str {
    text.char_indices().nth(chars).map_or(text, |(end, _)| &text[..end])
}

fn write_followed(out: &mut String, plan: &Plan, changes: Changes) -> fmt::Result {
    write!(out, "within the rules: {}", plan.decision.as_str())?;
    if let Some(limit_mps) = plan.speed_limit_mps.filter(|_| plan.decision != Decision::Stop) {
        write!(out, " at no more than {limit_mps:.2} m/s")?;
    }
    if changes.is_hover {
        out.push_str(", hover taken as stop");
    }
    if let Some(cut_mps) = changes.cut_mps {
        write!(out, ", down from {cut_mps:.2} m/s")?;
    }
    if let Some(standing_mps) = changes.standing_mps {
        write!(out, ", {standing_mps:.2} m/s is as good as standing")?;
    }
    match changes.raised_steps {
        0 => {}
        1 => out.push_str(", 1 step made more careful"),
        steps => write!(out, ", {steps} steps made more careful")?,
    }
    match changes.steps_left_out {
        0 => Ok(()),
        steps => write!(out, ", {steps} of its steps left out"),
    }
}

fn write_refusal(out: &mut String, refusal: Refusal, labels: &Labels) -> fmt::Result {
    match refusal {
        Refusal::TooOld { age_ns, most_ns } => {
            write!(out, "at most {} ms are allowed, it is {} ms old", most_ns / 1_000_000, age_ns / 1_000_000)
        }
        Refusal::FromLater { ahead_ns } => write!(out, "its picture is {} ms later", ahead_ns / 1_000_000),
        Refusal::OtherPrompts { found, expected } => {
            write!(out, "it was made under prompts of version {found}, now they have version {expected}")
        }
        Refusal::Gone(track) => write!(out, "track {track} is gone"),
        Refusal::OtherClass { track, found, proposed } => {
            let (found, proposed) = (labels.name(found), labels.name(proposed));
            write!(out, "track {track} is {found:?} now, it was proposed about {proposed:?}")
        }
        Refusal::NoLimit(limit_mps) => write!(out, "{limit_mps} m/s is no speed limit"),
        Refusal::NotOnTheGround(word) => {
            write!(out, "no rule here can check where {} leads", word.as_str())
        }
    }
}
