//! Which tracks of different cameras are one thing.
//!
//! Each camera's tracker counts its own tracks, all of them by different numbers. Where two cameras look at one place, a
//! thing there has a track in each. They are taken for one when they have been at the same place, as far as both
//! can tell, for some images in a row, and have one class; the thing then has the number of the older track, for as long
//! as any camera follows it. When they come apart again they are two.

use super::sight::{Seen, Sight, Spot};
use crate::types::{CameraId, Stamp, TrackId};
use nalgebra::{Matrix2, Vector2};

/// So many images in a row must agree that two tracks are one thing, so that people who pass each other stay two.
const MEETINGS: u32 = 3;
/// And so many that they are two.
const PARTINGS: u32 = 5;
/// What two cameras' mountings disagree by, one standard deviation.
const MOUNTING_STD_M: f64 = 0.25;
/// The squared distance in standard deviations that 99 of 100 pairs of one thing stay below, on a plane.
const GATE: f64 = 9.21;
/// Nothing is one thing over more than this, however badly its place is known.
const MOST_M: f64 = 1.5;

/// The memory for it. Empty for ever where there is one camera.
#[derive(Debug, Default)]
pub(super) struct Identities {
    names: Vec<Name>,
    meetings: Vec<Meeting>,
}

/// A track whose thing has another number.
#[derive(Debug, Clone, Copy)]
struct Name {
    camera: CameraId,
    track: TrackId,
    thing: TrackId,
    /// Images in a row in which it was somewhere else than the thing.
    apart: u32,
}

/// A track and a thing of other cameras that have been at one place for some images.
#[derive(Debug, Clone, Copy)]
struct Meeting {
    camera: CameraId,
    track: TrackId,
    with: TrackId,
    images: u32,
    is_now: bool,
}

impl Identities {
    /// Whether every track has its own number.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Nothing is known of any track.
    pub(super) fn forget(&mut self) {
        self.names.clear();
        self.meetings.clear();
    }

    /// The number of the thing that a camera's track is about.
    pub(super) fn thing(&self, camera: CameraId, track: TrackId) -> TrackId {
        let named = self.names.iter().find(|name| (name.camera, name.track) == (camera, track));
        named.map_or(track, |name| name.thing)
    }

    /// A camera's tracks that live no more have no names.
    pub(super) fn keep(&mut self, camera: CameraId, is_alive: impl Fn(TrackId) -> bool) {
        self.names.retain(|name| name.camera != camera || is_alive(name.track));
        self.meetings.retain(|meeting| meeting.camera != camera || is_alive(meeting.track));
    }

    /// Looks at the newest sight of `camera`, whose things have their numbers, beside those of the others that are no
    /// older than `max_age_ns`. `velocity` tells how a thing moves in the fixed frame. What is found holds from the next
    /// image of each camera on.
    pub(super) fn look(
        &mut self,
        camera: CameraId,
        sights: &[Sight],
        now: Stamp,
        max_age_ns: i64,
        velocity: impl Fn(TrackId) -> Vector2<f64>,
    ) {
        let Some((sight, stamp)) = sights.get(camera.0).and_then(|sight| Some((sight, sight.stamp?))) else { return };
        let others = || {
            let fresh = sights.iter().enumerate().filter_map(|(at, other)| {
                other.age_ns(now, max_age_ns)?;
                Some((CameraId(at), other, other.stamp?))
            });
            fresh.filter(|(other, ..)| *other != camera)
        };
        for meeting in self.meetings.iter_mut().filter(|meeting| meeting.camera == camera) {
            meeting.is_now = false;
        }
        for (seen, id) in tracked(sight) {
            let Some(spot) = seen.spot.filter(|_| seen.is_placed_now()) else { continue };
            let mut nearest: Option<(f64, CameraId, TrackId)> = None;
            for (other, theirs, theirs_stamp) in others() {
                let way_s = stamp.seconds_since(theirs_stamp);
                for (their, their_id) in tracked(theirs).filter(|(their, _)| their.thing.class == seen.thing.class) {
                    let Some(their_spot) = their.spot.filter(|_| their.is_placed_now()) else { continue };
                    let moved_m = velocity(their_id) * way_s;
                    let apart = apart(&spot, &their_spot, moved_m);
                    if their_id == id {
                        self.watch(camera, other, id, apart.is_some());
                        continue;
                    }
                    // No camera has one thing twice.
                    if has(theirs, id) || has(sight, their_id) {
                        continue;
                    }
                    if let Some(apart) = apart
                        && nearest.is_none_or(|(least, ..)| apart < least)
                    {
                        nearest = Some((apart, other, their_id));
                    }
                }
            }
            if let Some((_, other, with)) = nearest {
                self.meet(camera, id, other, with);
            }
        }
        self.meetings.retain(|meeting| meeting.camera != camera || meeting.is_now);
    }

    /// One thing in two cameras, at one place or not.
    fn watch(&mut self, camera: CameraId, other: CameraId, thing: TrackId, is_together: bool) {
        let is_meant = |name: &Name| name.thing == thing && (name.camera == camera || name.camera == other);
        for name in self.names.iter_mut().filter(|name| is_meant(name)) {
            name.apart = if is_together { 0 } else { name.apart + 1 };
        }
        self.names.retain(|name| !is_meant(name) || name.apart < PARTINGS);
    }

    fn meet(&mut self, camera: CameraId, id: TrackId, other: CameraId, with: TrackId) {
        let known = self
            .meetings
            .iter_mut()
            .find(|meeting| (meeting.camera, meeting.track, meeting.with) == (camera, id, with));
        let images = match known {
            Some(meeting) => {
                meeting.is_now = true;
                meeting.images += 1;
                meeting.images
            }
            None => {
                self.meetings.push(Meeting { camera, track: id, with, images: 1, is_now: true });
                1
            }
        };
        if images < MEETINGS {
            return;
        }
        self.meetings.retain(|meeting| ![id, with].contains(&meeting.track) && ![id, with].contains(&meeting.with));
        if with < id { self.rename(camera, id, with) } else { self.rename(other, with, id) }
    }

    /// The track of a camera that is called `from` so far is about the thing `to`.
    fn rename(&mut self, camera: CameraId, from: TrackId, to: TrackId) {
        match self.names.iter_mut().find(|name| name.camera == camera && name.thing == from) {
            Some(name) => (name.thing, name.apart) = (to, 0),
            None => self.names.push(Name { camera, track: from, thing: to, apart: 0 }),
        }
    }
}

fn tracked(sight: &Sight) -> impl Iterator<Item = (&Seen, TrackId)> {
    sight.seen.iter().filter_map(|seen| Some((seen, seen.thing.track?)))
}

fn has(sight: &Sight, id: TrackId) -> bool {
    tracked(sight).any(|(_, of)| of == id)
}

/// The squared distance of two places in standard deviations, where they may be one: the second one has moved.
fn apart(one: &Spot, other: &Spot, moved_m: Vector2<f64>) -> Option<f64> {
    let way_m = one.position_m - (other.position_m + moved_m);
    let spread_m2 = one.covariance_m2 + other.covariance_m2 + Matrix2::identity() * (2.0 * MOUNTING_STD_M.powi(2));
    let apart = (way_m.transpose() * spread_m2.try_inverse()? * way_m).x;
    // Numbers that are none are no meeting.
    (apart <= GATE && way_m.norm() <= MOST_M).then_some(apart)
}
