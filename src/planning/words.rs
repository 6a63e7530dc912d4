//! Why, in words a person reads: the reasons of steps and the verdict of a plan.

use super::blind::{BLIND, Blind};
use super::care::Word;
use super::hold::Held;
use super::params::PlanningParams;
use crate::types::{Cause, Labels, Motion, Rule};
use crate::world::Thing;
use std::fmt::{self, Write};

/// What a plan rests on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grounds {
    pub(super) motion: Motion,
    /// The number that was planned with.
    pub(super) speed_mps: f64,
    /// What a stop from it takes.
    pub(super) stop_m: f64,
    /// Things of the classes that count.
    pub(super) considered: usize,
    /// Those in the way.
    pub(super) in_the_way: usize,
    /// The nearest of them.
    pub(super) nearest_m: Option<f64>,
    /// Those without a place on the ground.
    pub(super) unplaced: usize,
    pub(super) unplaced_mps: f64,
    /// Those that are raised and will not come.
    pub(super) passed_over: usize,
    pub(super) blind: [Option<Blind>; BLIND],
    pub(super) held: Held,
    /// The plan's.
    pub(super) word: Word,
    pub(super) clear_after_ns: i64,
    pub(super) room_m: f64,
}

/// A thing that makes the plan careful, or is the nearest in the way: which, where, how it moves, what follows. Writing to a
/// `String` cannot fail; the result is there for `?`.
pub(super) fn write_thing(
    out: &mut String,
    labels: &Labels,
    thing: &Thing,
    cause: &Cause,
    word: Word,
    stop_m: f64,
) -> fmt::Result {
    write_name(out, labels, thing)?;
    let Some(gap_m) = cause.gap_m else {
        write!(out, ": in view, without a place on the ground")?;
        return write_unseen(out, thing);
    };
    if gap_m > 0.0 {
        write!(out, ": nearest edge {gap_m:.2} m ahead")?;
    } else {
        write!(out, ": nearest edge at the robot")?;
    }
    if let Some(ground) = thing.place.ground() {
        let left_m = ground.position_m.y;
        write!(out, ", {:.2} m {}", left_m.abs(), if left_m < 0.0 { "right" } else { "left" })?;
    }
    if cause.rule == Rule::Entering {
        write!(out, ", moving into the corridor")?;
    }
    if let Some(approach_mps) = cause.approach_mps.filter(|mps| *mps > 0.0) {
        write!(out, ", coming nearer at {approach_mps:.1} m/s")?;
    }
    write_unseen(out, thing)?;
    match word {
        Word::Proceed => write!(out, "; far enough for full speed"),
        Word::Slow => write!(out, "; up to {:.2} m/s can be stopped gently", cause.limit_mps.unwrap_or_default()),
        Word::Stop => write!(out, "; a stop takes {stop_m:.2} m"),
    }
}

/// What nobody has looked at.
pub(super) fn write_blind(out: &mut String, blind: Blind, params: &PlanningParams) -> fmt::Result {
    match blind {
        Blind::Backwards { mps } => write!(out, "driving backwards at {mps:.2} m/s, where no camera looks"),
        Blind::Sideways { mps } => write!(out, "driving sideways at {mps:.2} m/s, where no camera looks"),
        Blind::Full => write!(out, "more is in view than is looked at"),
        Blind::TurnedAway if params.cameras.len() > 1 => {
            write!(out, "no camera sees any of the way ahead (mount_*, camera_info)")
        }
        Blind::TurnedAway => write!(out, "the camera sees none of the way ahead (mount_*, camera_info)"),
        Blind::Lost { camera, others } => {
            let name = params.cameras.get(camera.0).map_or("", |needed| needed.name.as_str());
            write!(out, "no image younger than {} ms of camera {name}", params.max_sight_age_ms)?;
            if others > 0 { write!(out, " and {others} more") } else { Ok(()) }
        }
    }
}

/// Why a plan is more careful than its frame.
pub(super) fn write_held(out: &mut String, grounds: &Grounds) -> fmt::Result {
    let (word, clear_after_ms) = (grounds.word.decision().as_str(), grounds.clear_after_ns / 1_000_000);
    match grounds.held {
        Held::No => Ok(()),
        Held::Limit => write!(out, "the limit is the lowest of the last {clear_after_ms} ms"),
        Held::Clearing { clear_ns } => write!(
            out,
            "{word} held until nothing has asked for it for {clear_after_ms} ms, {} ms so far",
            clear_ns / 1_000_000
        ),
        Held::Close => {
            write!(out, "{word} held until nothing asks for it with {:.2} m to spare on every side", grounds.room_m)
        }
    }
}

/// What the plan rests on.
pub(super) fn write_verdict(out: &mut String, grounds: &Grounds, params: &PlanningParams) -> fmt::Result {
    let Grounds { speed_mps, stop_m, considered, in_the_way, unplaced, unplaced_mps, passed_over, .. } = *grounds;
    match grounds.motion {
        _ if grounds.motion.credible().is_none() => write!(out, "speed unreadable, taken as {speed_mps:.2} m/s")?,
        Motion::Assumed { .. } => write!(out, "speed {speed_mps:.2} m/s assumed, no fresh odometry")?,
        Motion::Measured { age_ns, .. } => {
            let side = if age_ns < 0 { "after" } else { "before" };
            let age_ms = age_ns.unsigned_abs() / 1_000_000;
            write!(out, "speed {speed_mps:.2} m/s measured {age_ms} ms {side} the image")?;
        }
    }
    write!(out, "; a stop takes {stop_m:.2} m; {in_the_way} of {considered} things in the way")?;
    match grounds.nearest_m {
        Some(nearest_m) if nearest_m > 0.0 => write!(out, ", the nearest {nearest_m:.2} m ahead")?,
        Some(_) => out.push_str(", the nearest at the robot"),
        None => {}
    }
    if passed_over > 0 {
        write!(out, "; {passed_over} off the ground and passed over")?;
    }
    if unplaced > 0 {
        let which = if unplaced == considered { "boxes only: nothing" } else { "not everything" };
        write!(out, "; {which} has a place on the ground, so at most {unplaced_mps:.2} m/s")?;
    }
    for blind in grounds.blind.into_iter().flatten() {
        out.push_str("; ");
        write_blind(out, blind, params)?;
        if !blind.is_stop() {
            write!(out, ", so at most {unplaced_mps:.2} m/s")?;
        }
    }
    if grounds.held != Held::No {
        out.push_str("; ");
        write_held(out, grounds)?;
    }
    Ok(())
}

/// `person 7`; `untracked person` where there is no track.
fn write_name(out: &mut String, labels: &Labels, thing: &Thing) -> fmt::Result {
    let name = labels.name(thing.class);
    match thing.track {
        Some(id) => write!(out, "{name} {id}"),
        None => write!(out, "untracked {name}"),
    }
}

fn write_unseen(out: &mut String, thing: &Thing) -> fmt::Result {
    if thing.seen { Ok(()) } else { write!(out, ", not seen for {} ms", thing.unseen_ns / 1_000_000) }
}
