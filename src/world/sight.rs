//! What one camera has seen last, kept until it sees again.

use super::thing::Thing;
use crate::types::{Place, Stamp};
use nalgebra::{Matrix2, Point2};

/// Room for as many things as a street has; more make it grow.
const EXPECTED: usize = 64;

/// The newest sight of a camera.
#[derive(Debug)]
pub(super) struct Sight {
    /// The image's stamp; `None` before the first one.
    pub(super) stamp: Option<Stamp>,
    pub(super) is_full: bool,
    pub(super) is_turned_away: bool,
    /// Those with a track by ascending id, then the others.
    pub(super) seen: Vec<Seen>,
}

/// One thing of a sight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// As it was at the sight's stamp, in the base frame of then.
    pub(super) thing: Thing,
    /// Its place in the fixed frame, where it has one.
    pub(super) spot: Option<Spot>,
}

/// A place in the fixed frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) position_m: Point2<f64>,
    pub(super) covariance_m2: Matrix2<f64>,
}

impl Sight {
    pub(super) fn new() -> Self {
        Self { stamp: None, is_full: false, is_turned_away: false, seen: Vec::with_capacity(EXPECTED) }
    }

    pub(super) fn forget(&mut self) {
        self.stamp = None;
        self.seen.clear();
    }

    /// How old it is, if it is no older than `max_age_ns`.
    pub(super) fn age_ns(&self, now: Stamp, max_age_ns: i64) -> Option<i64> {
        let age_ns = now.ns_since(self.stamp?).max(0);
        (age_ns <= max_age_ns).then_some(age_ns)
    }
}

impl Seen {
    /// Whether the camera had a box for it and knows where it stands.
    pub(super) fn is_placed_now(&self) -> bool {
        self.thing.seen && matches!(self.thing.place, Place::Ground(_))
    }
}
