//! Where one frame is in its parent, over time.

use super::error::Miss;
use crate::types::Stamp;
use nalgebra::{Isometry3, Quaternion, UnitQuaternion};
use std::collections::VecDeque;

/// Of which time a transform is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Of this time, between the stamps that are there.
    At(Stamp),
    /// Of the newest time that all links of the way have. What tf2 calls time 0.
    Latest,
}

/// One place of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    /// The parent's number.
    pub(super) parent: usize,
    pub(super) parent_from_child: Isometry3<f64>,
}

/// A frame's link to its parent. It stays of the kind that it was first, as in tf2.
#[derive(Debug)]
pub(super) enum Link {
    /// The same at all times.
    Static(Placed),
    Moving(Moving),
}

/// The last places of a frame that moves.
#[derive(Debug)]
pub(super) struct Moving {
    /// The oldest first.
    entries: VecDeque<(Stamp, Placed)>,
    /// The parent that it had last, also once its entries are forgotten.
    parent: usize,
}

/// What became of a place.
pub(super) enum Inserted {
    Taken,
    /// The newest is this.
    TooOld(Stamp),
}

impl Moving {
    pub(super) fn new(stamp: Stamp, placed: Placed) -> Self {
        Self { entries: VecDeque::from([(stamp, placed)]), parent: placed.parent }
    }

    /// Takes a place unless it is older than `cache_ns` before the newest. Of two with one stamp the first stays. The
    /// oldest go where they are older than that, or more than `most`.
    pub(super) fn insert(&mut self, stamp: Stamp, placed: Placed, cache_ns: i64, most: usize) -> Inserted {
        if let Some(newest) = self.newest().filter(|newest| newest.ns_since(stamp) > cache_ns) {
            return Inserted::TooOld(newest);
        }
        let at = self.entries.partition_point(|(known, _)| *known < stamp);
        if self.entries.get(at).is_none_or(|(known, _)| *known != stamp) {
            self.entries.insert(at, (stamp, placed));
        }
        let (newest, last) = self.entries[self.entries.len() - 1];
        self.parent = last.parent;
        while self.entries.len() > most
            || self.entries.front().is_some_and(|(oldest, _)| newest.ns_since(*oldest) > cache_ns)
        {
            self.entries.pop_front();
        }
        Inserted::Taken
    }

    pub(super) fn newest(&self) -> Option<Stamp> {
        self.entries.back().map(|(stamp, _)| *stamp)
    }

    pub(super) fn forget(&mut self) {
        self.entries.clear();
    }

    fn at(&self, child: usize, when: When) -> Result<Placed, Miss> {
        let (Some(&(oldest, _)), Some(&(newest, last))) = (self.entries.front(), self.entries.back()) else {
            return Err(Miss { child, has: None });
        };
        let When::At(stamp) = when else { return Ok(last) };
        let after = self.entries.partition_point(|(known, _)| *known < stamp);
        let (Some(&(later, placed)), false) = (self.entries.get(after), stamp < oldest) else {
            return Err(Miss { child, has: Some((oldest, newest)) });
        };
        if later == stamp {
            return Ok(placed);
        }
        let (earlier, before) = self.entries[after - 1];
        if before.parent != placed.parent {
            return Ok(before);
        }
        let share = stamp.ns_since(earlier) as f64 / later.ns_since(earlier) as f64;
        Ok(Placed { parent: before.parent, parent_from_child: between(&before, &placed, share) })
    }
}

impl Link {
    /// Where `child` is at a time, and in which parent.
    pub(super) fn at(&self, child: usize, when: When) -> Result<Placed, Miss> {
        match self {
            Self::Static(placed) => Ok(*placed),
            Self::Moving(moving) => moving.at(child, when),
        }
    }

    /// The parent that it had last.
    pub(super) fn parent(&self) -> usize {
        match self {
            Self::Static(placed) => placed.parent,
            Self::Moving(moving) => moving.parent,
        }
    }
}

/// The place on the straight way from one to the other, the turn on the shortest.
fn between(before: &Placed, after: &Placed, share: f64) -> Isometry3<f64> {
    let (from, to) = (&before.parent_from_child, &after.parent_from_child);
    let place = from.translation.vector.lerp(&to.translation.vector, share);
    Isometry3::from_parts(place.into(), slerp(&from.rotation, &to.rotation, share))
}

/// Shoemake's spherical interpolation on the shorter arc.
fn slerp(from: &UnitQuaternion<f64>, to: &UnitQuaternion<f64>, share: f64) -> UnitQuaternion<f64> {
    let cosine = from.coords.dot(&to.coords);
    let (to, cosine) = if cosine < 0.0 { (-to.coords, -cosine) } else { (to.coords, cosine) };
    let angle = cosine.min(1.0).acos();
    if angle == 0.0 {
        return *from;
    }
    let (of_from, of_to) = (((1.0 - share) * angle).sin(), (share * angle).sin());
    UnitQuaternion::new_normalize(Quaternion::from((from.coords * of_from + to * of_to) / angle.sin()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::Vector3;

    fn turned(yaw_rad: f64) -> UnitQuaternion<f64> {
        UnitQuaternion::from_axis_angle(&Vector3::z_axis(), yaw_rad)
    }

    #[test]
    fn a_turn_goes_the_shorter_way_at_an_even_pace() {
        for (from, to, share, expected) in [(0.0, 1.0, 0.25, 0.25), (3.0, -3.0, 0.5, std::f64::consts::PI)] {
            assert!(slerp(&turned(from), &turned(to), share).angle_to(&turned(expected)) < 1e-12);
        }
        let (a, minus_a) = (turned(0.3), UnitQuaternion::new_unchecked(-turned(0.3).into_inner()));
        assert!(slerp(&a, &minus_a, 0.5).angle_to(&a) < 1e-12);
    }

    #[test]
    fn a_link_keeps_no_more_than_it_may() {
        let placed = Placed { parent: 0, parent_from_child: Isometry3::identity() };
        let mut moving = Moving::new(Stamp::from_ns(0), placed);
        for ns in 1..1000 {
            moving.insert(Stamp::from_ns(ns), placed, 100, 64);
        }
        assert_eq!(moving.entries.len(), 64);
        assert!(
            moving.at(1, When::At(Stamp::from_ns(935))).is_err() && moving.at(1, When::At(Stamp::from_ns(936))).is_ok()
        );
        assert!(matches!(moving.insert(Stamp::from_ns(898), placed, 100, 64), Inserted::TooOld(_)));
    }
}
