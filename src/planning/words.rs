//! Why, in words a person reads: the reasons of steps and the verdict of a plan.

use super::corridor::InTheWay;
use super::hold::Held;
use super::speed::Speed;
use crate::types::{Labels, Track};
use std::fmt::{self, Write};

/// What a plan rests on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grounds {
    pub(super) speed: Speed,
    /// The number that was planned with.
    pub(super) speed_mps: f64,
    /// What a stop from it takes.
    pub(super) stop_m: f64,
    /// Tracks of the classes that count.
    pub(super) considered: usize,
    /// Those in the way.
    pub(super) in_the_way: usize,
    /// The nearest of them.
    pub(super) nearest_m: Option<f64>,
    /// Those without a place on the ground.
    pub(super) unplaced: usize,
    pub(super) unplaced_mps: f64,
    pub(super) held: Held,
    pub(super) clear_after_ns: i64,
    pub(super) room_m: f64,
}

/// A track that is in the way: which, where, how it moves, what follows. Writing to a `String` cannot fail; the result
/// is there for `?`.
pub(super) fn write_in_the_way(
    out: &mut String,
    labels: &Labels,
    track: &Track,
    found: InTheWay,
    limit_mps: f64,
    stop_m: f64,
) -> fmt::Result {
    write_name(out, labels, track)?;
    write!(out, ": nearest edge {:.2} m ahead", found.gap_m)?;
    if let Some(ground) = track.ground {
        let left_m = ground.position_m.y;
        write!(out, ", {:.2} m {}", left_m.abs(), if left_m < 0.0 { "right" } else { "left" })?;
    }
    if found.is_entering {
        write!(out, ", moving into the corridor")?;
    }
    if found.approach_mps > 0.0 {
        write!(out, ", coming nearer at {:.1} m/s", found.approach_mps)?;
    }
    write_unseen(out, track)?;
    if limit_mps > 0.0 {
        write!(out, "; up to {limit_mps:.2} m/s can be stopped gently")
    } else {
        write!(out, "; a stop takes {stop_m:.2} m")
    }
}

/// A track that has no place on the ground.
pub(super) fn write_unplaced(out: &mut String, labels: &Labels, track: &Track) -> fmt::Result {
    write_name(out, labels, track)?;
    write!(out, ": in view, without a place on the ground")?;
    write_unseen(out, track)
}

/// Why a plan is more careful than its frame.
pub(super) fn write_held(out: &mut String, grounds: &Grounds) -> fmt::Result {
    match grounds.held {
        Held::No => Ok(()),
        Held::Limit => write!(out, "the limit is the lowest of the last {} ms", grounds.clear_after_ns / 1_000_000),
        Held::Clearing { clear_ns } => write!(
            out,
            "held until the way has been clear for {} ms, {} ms so far",
            grounds.clear_after_ns / 1_000_000,
            clear_ns / 1_000_000
        ),
        Held::Close => write!(out, "held until the way is clear with {:.2} m to spare", grounds.room_m),
    }
}

/// What the plan rests on.
pub(super) fn write_verdict(out: &mut String, grounds: &Grounds) -> fmt::Result {
    let Grounds { speed_mps, stop_m, considered, in_the_way, unplaced, unplaced_mps, .. } = *grounds;
    match grounds.speed {
        _ if grounds.speed.credible_mps().is_none() => write!(out, "speed unreadable, taken as {speed_mps:.2} m/s")?,
        Speed::Assumed { .. } => write!(out, "speed {speed_mps:.2} m/s assumed, no fresh odometry")?,
        Speed::Measured { age_ns, .. } => {
            let side = if age_ns < 0 { "after" } else { "before" };
            let age_ms = age_ns.unsigned_abs() / 1_000_000;
            write!(out, "speed {speed_mps:.2} m/s measured {age_ms} ms {side} the image")?;
        }
    }
    write!(out, "; a stop takes {stop_m:.2} m; {in_the_way} of {considered} tracks in the way")?;
    if let Some(nearest_m) = grounds.nearest_m {
        write!(out, ", the nearest {nearest_m:.2} m ahead")?;
    }
    if unplaced > 0 {
        let which = if unplaced == considered { "boxes only: no track" } else { "not every track" };
        write!(out, "; {which} has a place on the ground, so at most {unplaced_mps:.2} m/s")?;
    }
    if grounds.held != Held::No {
        out.push_str("; ");
        write_held(out, grounds)?;
    }
    Ok(())
}

fn write_name(out: &mut String, labels: &Labels, track: &Track) -> fmt::Result {
    write!(out, "{} {}", labels.name(track.class), track.id)
}

fn write_unseen(out: &mut String, track: &Track) -> fmt::Result {
    if track.seen { Ok(()) } else { write!(out, ", not seen for {} ms", track.unseen_ns / 1_000_000) }
}
