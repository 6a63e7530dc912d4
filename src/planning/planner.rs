//! The planner: looks at every thing, decides, and writes the plan.

use super::blind::{BLIND, Blind};
use super::braking::Braking;
use super::care::{Care, Rules, Word};
use super::corridor::{COASTING_DRIFT_MPS, Corridor, InTheWay};
use super::guard::Present;
use super::hold::{Held, Hold};
use super::params::PlanningParams;
use super::proposals::{self, HERE, Offers, Planned, Ruling, place};
use super::words::{self, Grounds};
use crate::types::{
    Cause, ClassId, Decision, FrameId, Labels, Motion, Plan, PlanSource, PlanStep, Pose2, ProposalStatus, Rule, Stamp,
    Stamped, TrackId, Until,
};
use crate::world::{Surroundings, Thing};
use std::sync::Arc;

/// A plan of the rules has no more steps than this.
const MAX_STEPS: usize = 16;
/// A path has no more poses than this.
const MAX_POSES: u32 = 10_000;
/// Room for as many things as a street has; more make it grow.
const EXPECTED_THINGS: usize = 64;
/// Room for a reason, so that strings stop growing early.
const REASON_CAPACITY: usize = 192;

/// Makes one plan per frame. Same scenes, things, labels, motions and stamps in, same plans out; after the first frames nothing
/// is allocated.
#[derive(Debug)]
pub struct Planner {
    params: PlanningParams,
    /// The name of the model whose boxes the rules see.
    model: Arc<str>,
    braking: Braking,
    hold: Hold,
    /// What the last frame that decided by itself was careful about.
    cause: Option<(Option<TrackId>, ClassId)>,
    found: Vec<Found>,
    /// Reasons of earlier plans, to be written over.
    spare: Vec<String>,
    plan: Plan,
    /// What the guard said about the proposal that arrived, and about the one that was held.
    ruling: String,
    held_ruling: String,
}

/// A thing that makes the plan careful, or might.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// Among the things.
    thing: usize,
    /// `None` where it has no place.
    in_the_way: Option<InTheWay>,
    care: Care,
}

impl Found {
    /// For programs, with the robot at this speed.
    fn cause(&self, speed_mps: f64) -> Cause {
        let limit_mps = Some(self.care.limit_mps);
        let Some(InTheWay { gap_m, approach_mps, is_entering }) = self.in_the_way else {
            return Cause { rule: Rule::Unplaced, limit_mps, until: Until::Sight, ..Cause::default() };
        };
        let closing_mps = speed_mps + approach_mps;
        Cause {
            rule: if is_entering { Rule::Entering } else { Rule::InTheWay },
            gap_m: Some(gap_m),
            approach_mps: Some(approach_mps),
            time_to_contact_s: (closing_mps > 0.0).then(|| gap_m / closing_mps),
            limit_mps,
            until: if self.care.word == Word::Proceed { Until::Now } else { Until::Clear },
        }
    }
}

/// What a frame asks for.
#[derive(Debug, Clone, Copy)]
struct Outlook {
    now: Care,
    /// With `distance_hysteresis_m` to spare.
    with_room: Care,
    considered: usize,
    unplaced: usize,
    passed_over: usize,
}

impl Planner {
    /// A planner that has seen nothing: it begins at `stop`. `model` is the name of the model whose boxes it will get.
    pub fn new(params: PlanningParams, model: Arc<str>) -> Self {
        let valid_for_ns = i64::from(params.valid_for_ms) * 1_000_000;
        let mut planner = Self {
            braking: Braking::new(&params),
            hold: Hold::new(i64::from(params.clear_after_ms) * 1_000_000, valid_for_ns),
            cause: None,
            found: Vec::with_capacity(EXPECTED_THINGS),
            spare: (0..MAX_STEPS).map(|_| String::with_capacity(REASON_CAPACITY)).collect(),
            plan: Plan {
                sequence: 0,
                decision: Decision::Stop,
                speed_limit_mps: Some(0.0),
                steps: Vec::with_capacity(MAX_STEPS),
                path: Vec::new(),
                valid_for_ns,
                source: PlanSource::Rules,
                model: Arc::clone(&model),
                prompt_version: 0,
                verdict: String::with_capacity(2 * REASON_CAPACITY),
            },
            ruling: String::new(),
            held_ruling: String::new(),
            model,
            params,
        };
        // The longest path once, so that no later one has to grow.
        planner.write_path(planner.rules(0.0).about_nothing());
        planner
    }

    /// Forgets what it has seen and begins again at `stop`: the stamps began again. The sequence goes on.
    pub fn reset(&mut self) {
        self.hold = Hold::new(i64::from(self.params.clear_after_ms) * 1_000_000, self.plan.valid_for_ns);
        self.cause = None;
    }

    /// Other parameters hold from the next frame on, obstacles among them. Nothing is forgotten: a word that is held stays
    /// held, for the new times.
    pub fn set_params(&mut self, params: PlanningParams) {
        self.braking = Braking::new(&params);
        self.plan.valid_for_ns = i64::from(params.valid_for_ms) * 1_000_000;
        self.hold.set(i64::from(params.clear_after_ms) * 1_000_000, self.plan.valid_for_ns);
        self.params = params;
    }

    /// Plans are in this frame from the next one on.
    pub fn set_base_frame(&mut self, base_frame: &FrameId) {
        if self.params.base_frame != *base_frame {
            self.params.base_frame = base_frame.clone();
        }
    }

    /// The last plan; before the first frame a `stop` that has sequence 0.
    pub fn last(&self) -> &Plan {
        &self.plan
    }

    /// The plan for one frame, in the base frame and under the frame's stamp, by what is around the robot after it.
    ///
    /// Things of classes that do not count are not looked at. A thing that is not seen counts where it is predicted, with
    /// an edge that grows by a metre per second. One without a place on the ground (no camera model, a hidden foot) limits
    /// the speed to `unplaced_speed_mps`, wherever it is in the picture, unless it is raised and known not to move by
    /// itself. So do a scene that is full, and a robot that drives backwards or sideways. A camera that is required and has
    /// no sight that is young enough is a `stop`.
    ///
    /// The speed limit always allows the robot to halt before the nearest thing in the corridor; `stop` comes with a
    /// limit of 0 and without a path. The nearest thing in the way is always a step. A motion that is not finite is taken
    /// as `max_speed_mps` ahead.
    pub fn plan(&mut self, stamp: Stamp, around: Surroundings<'_>, labels: &Labels, motion: Motion) -> Stamped<&Plan> {
        self.plan_with(stamp, around, labels, motion, Offers::default()).plan
    }

    /// As [`plan`](Self::plan), and then within that what a language model proposed. The plan is never less careful
    /// than it would be without: its word is at least as careful, its limit at most as high, its path at most as long,
    /// and all steps of the rules are in it. What the planner remembers is that of the rules alone.
    pub fn plan_with(
        &mut self,
        stamp: Stamp,
        around: Surroundings<'_>,
        labels: &Labels,
        motion: Motion,
        offers: Offers<'_>,
    ) -> Planned<'_> {
        self.plan_by_rules(around, labels, motion);
        let present = Present {
            stamp: around.now,
            things: around.things,
            prompt_version: labels.version(),
            max_age_ns: i64::from(self.params.proposal_max_age_ms) * 1_000_000,
        };
        let mut follow = |proposal, words: &mut String| {
            proposals::follow(&mut self.plan, proposal, &present, labels, &mut self.spare, words)
        };
        let arrived = offers.arrived.map(|proposal| follow(proposal, &mut self.ruling));
        let held = offers.held.filter(|_| matches!(arrived, None | Some(ProposalStatus::Refused)));
        let held = held.map(|proposal| follow(proposal, &mut self.held_ruling));
        Planned {
            plan: Stamped::new(stamp, self.params.base_frame.clone(), &self.plan),
            arrived: arrived.map(|status| Ruling { status, verdict: &self.ruling }),
            held,
        }
    }

    fn plan_by_rules(&mut self, around: Surroundings<'_>, labels: &Labels, motion: Motion) {
        let Surroundings { now, things, is_full, is_turned_away, missing } = around;
        let speed_mps = motion.credible().map_or(self.params.max_speed_mps, |twist| twist.speed_mps());
        let rules = self.rules(speed_mps);
        let blind = [
            Blind::lost(missing, &self.params.cameras),
            is_turned_away.then_some(Blind::TurnedAway),
            Blind::way(motion),
            is_full.then_some(Blind::Full),
        ];
        let outlook = self.look(things, &rules, blind);
        let (care, held) = self.hold.decide(now, outlook.now, outlook.with_room);
        self.remember_cause(things, care, held);

        let grounds = Grounds {
            motion,
            speed_mps,
            stop_m: self.braking.distance_m(speed_mps, 0.0),
            considered: outlook.considered,
            in_the_way: self.found.iter().filter(|found| found.in_the_way.is_some()).count(),
            nearest_m: self.nearest_m(),
            unplaced: outlook.unplaced,
            unplaced_mps: self.params.unplaced_speed_mps,
            passed_over: outlook.passed_over,
            blind,
            held,
            word: care.word,
            clear_after_ns: i64::from(self.params.clear_after_ms) * 1_000_000,
            room_m: self.params.distance_hysteresis_m,
        };
        self.write_steps(things, labels, &rules, care, &grounds);
        self.write_path(care);
        self.plan.sequence += 1;
        self.plan.decision = care.word.decision();
        self.plan.speed_limit_mps = Some(f32_at_most(care.limit_mps));
        self.plan.source = PlanSource::Rules;
        if !Arc::ptr_eq(&self.plan.model, &self.model) {
            self.plan.model = Arc::clone(&self.model);
        }
        self.plan.prompt_version = labels.version();
        self.plan.verdict.clear();
        let written = words::write_verdict(&mut self.plan.verdict, &grounds, &self.params);
        debug_assert!(written.is_ok(), "a String takes all text");
    }

    fn rules(&self, speed_mps: f64) -> Rules {
        let max_mps = self.params.max_speed_mps;
        let in_sight_mps = self.braking.speed_mps(self.params.corridor_length_m, 0.0);
        let cruise_mps = if max_mps.is_finite() { max_mps.min(in_sight_mps) } else { 0.0 };
        Rules { braking: self.braking, speed_mps, cruise_mps }
    }

    /// Finds what is in the way, nearest first, and what follows from all of it.
    fn look(&mut self, things: &[Thing], rules: &Rules, blind: [Option<Blind>; BLIND]) -> Outlook {
        let corridor = Corridor {
            half_width_m: self.params.corridor_width_m / 2.0,
            length_m: self.params.corridor_length_m,
            rear_m: self.params.rear_extent_m,
            horizon_s: self.braking.time_s(rules.speed_mps.max(rules.cruise_mps)),
        };
        let free = rules.about_nothing();
        let unknown = rules.about_unknown(self.params.unplaced_speed_mps);
        let about = |blind| rules.about_blind(blind, self.params.unplaced_speed_mps);
        let seen = blind.into_iter().flatten().fold(free, |care, blind| care.and(about(blind)));
        let (mut now, mut with_room) = (seen, seen);
        let (mut considered, mut unplaced, mut passed_over) = (0, 0, 0);
        self.found.clear();
        for (index, thing) in things.iter().enumerate() {
            if !self.params.obstacles.include(thing.class) {
                continue;
            }
            considered += 1;
            let Some(ground) = thing.place.ground() else {
                if self.params.obstacles.pass_over(thing.class, &thing.place) {
                    passed_over += 1;
                    continue;
                }
                unplaced += 1;
                (now, with_room) = (now.and(unknown), with_room.and(unknown));
                self.found.push(Found { thing: index, in_the_way: None, care: unknown });
                continue;
            };
            let drift_m = Stamp::from_ns(thing.unseen_ns).seconds_since(Stamp::from_ns(0)) * COASTING_DRIFT_MPS;
            let look = |room_m: f64| corridor.in_the_way(ground, thing.velocity, drift_m + room_m);
            let about = |found: InTheWay| rules.about_gap(found.gap_m, found.approach_mps);
            if let Some(found) = look(0.0) {
                let care = about(found);
                now = now.and(care);
                self.found.push(Found { thing: index, in_the_way: Some(found), care });
            }
            if let Some(found) = look(self.params.distance_hysteresis_m) {
                with_room = with_room.and(about(found));
            }
        }
        // What has no place comes behind all that has one.
        let distance_m = |found: &Found| found.in_the_way.map_or(f64::INFINITY, |found| found.gap_m);
        self.found.sort_unstable_by(|a, b| distance_m(a).total_cmp(&distance_m(b)).then_with(|| a.thing.cmp(&b.thing)));
        Outlook { now, with_room, considered, unplaced, passed_over }
    }

    fn nearest_m(&self) -> Option<f64> {
        self.found.iter().find_map(|found| found.in_the_way).map(|found| found.gap_m)
    }

    fn remember_cause(&mut self, things: &[Thing], care: Care, held: Held) {
        if !held.is_word() {
            let decisive = self.found.iter().find(|found| found.care.word == care.word && care.word > Word::Proceed);
            self.cause = decisive.map(|found| (things[found.thing].track, things[found.thing].class));
        }
    }

    /// What is waited for, what nobody sees, what makes the plan careful, nearest first; and behind all that the nearest
    /// thing in the way where it asks for nothing.
    fn write_steps(&mut self, things: &[Thing], labels: &Labels, rules: &Rules, care: Care, grounds: &Grounds) {
        self.spare.extend(self.plan.steps.drain(..).map(|step| step.reason));
        let spare = &mut self.spare;
        let mut reason = || {
            let mut reason = spare.pop().unwrap_or_else(|| String::with_capacity(REASON_CAPACITY));
            reason.clear();
            reason
        };
        let steps = &mut self.plan.steps;
        if grounds.held.is_word() {
            let mut reason = reason();
            let written = words::write_held(&mut reason, grounds);
            debug_assert!(written.is_ok(), "a String takes all text");
            let (track, class) = self.cause.unzip();
            let action = care.word.decision();
            let cause = grounds.held.cause(care.limit_mps, grounds.clear_after_ns);
            steps.push(PlanStep { action, track: track.flatten(), class, pose: HERE, cause, reason });
        }
        for blind in grounds.blind.iter().flatten() {
            let mut reason = reason();
            let written = words::write_blind(&mut reason, *blind, &self.params);
            debug_assert!(written.is_ok(), "a String takes all text");
            let care = rules.about_blind(*blind, grounds.unplaced_mps);
            let (action, cause) = (care.word.decision(), blind.cause(care.limit_mps));
            steps.push(PlanStep { action, track: None, class: None, pose: HERE, cause, reason });
        }
        let nearest = self.found.first().filter(|found| found.in_the_way.is_some() && found.care.word == Word::Proceed);
        let room = MAX_STEPS - steps.len() - usize::from(nearest.is_some());
        let careful = self.found.iter().filter(|found| found.care.word > Word::Proceed).take(room);
        for found in careful.chain(nearest) {
            let thing = &things[found.thing];
            let (mut reason, cause) = (reason(), found.cause(grounds.speed_mps));
            let written = words::write_thing(&mut reason, labels, thing, &cause, found.care.word, grounds.stop_m);
            debug_assert!(written.is_ok(), "a String takes all text");
            let action = found.care.word.decision();
            let (track, class, pose) = (thing.track, Some(thing.class), place(thing));
            steps.push(PlanStep { action, track, class, pose, cause, reason });
        }
    }

    /// Straight ahead, to the corridor's end or to the margin before the nearest thing in it.
    fn write_path(&mut self, care: Care) {
        self.plan.path.clear();
        let PlanningParams { corridor_length_m, stop_margin_m, path_spacing_m, .. } = self.params;
        if care.word == Word::Stop {
            return;
        }
        let end_m = self.nearest_m().map_or(corridor_length_m, |gap_m| (gap_m - stop_margin_m).min(corridor_length_m));
        let ahead = (0..=MAX_POSES).map(|pose| f64::from(pose) * path_spacing_m.abs()).take_while(|&x_m| x_m <= end_m);
        self.plan.path.extend(ahead.map(|x_m| Pose2 { x_m, ..HERE }));
    }
}

/// The nearest `f32` that is not above: a limit must not grow by rounding.
#[expect(clippy::cast_possible_truncation, reason = "the loss of digits is what this is about, and it goes down")]
fn f32_at_most(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) > value { near.next_down() } else { near }
}
