//! The tracker: three rounds of association, then births and farewells.

use super::assignment::Assignment;
use super::class_vote::ClassVote;
use super::kalman::BoxMotion;
use super::params::TrackingParams;
use crate::types::{BBox, ClassId, Detection, ImagePx, Place, Stamp, Track, TrackId};

/// The overlap that a doubtful pair must reach: a poor box, or one of another class.
const DOUBTFUL_MIN_IOU: f32 = 0.5;
/// What another class costs a pair in the contest for a box.
const OTHER_CLASS_FACTOR: f32 = 0.7;
/// An unconfirmed track may miss boxes for this part of `max_unseen_ms`.
const UNCONFIRMED_PART: i64 = 4;
/// Room for as many boxes as a street has; more make it grow.
const EXPECTED_BOXES: usize = 64;
/// Boxes with a smaller side overlap nothing reliably.
const MIN_SIDE_PX: f32 = 1.0;
/// Coordinates further out belong to no picture ([`ImageView`](crate::types::ImageView) allows 32768).
const MAX_COORDINATE_PX: f32 = 131_072.0;

/// One thing that is followed.
#[derive(Debug, Clone, Copy)]
struct Followed {
    /// `None` until enough boxes have come.
    id: Option<TrackId>,
    motion: BoxMotion,
    vote: ClassVote,
    score: f32,
    boxes: u32,
    last_seen: Stamp,
    is_seen: bool,
}

/// Follows the things of one camera from frame to frame. Same frames in, same tracks out; after the first frames
/// nothing is allocated.
#[derive(Debug)]
pub struct Tracker {
    params: TrackingParams,
    followed: Vec<Followed>,
    /// The latest stamp so far.
    now: Option<Stamp>,
    ids: Ids,
    assignment: Assignment,
    /// Which of the frame's boxes no track has taken, in the order of the detections.
    free: Vec<usize>,
    /// Which of `followed` and of the boxes take part in a round.
    players: Vec<usize>,
    offered: Vec<usize>,
}

/// Numbers that are given once.
#[derive(Debug)]
struct Ids {
    next: u64,
    step: u64,
}

impl Ids {
    fn give(&mut self) -> TrackId {
        let id = TrackId(self.next);
        self.next += self.step;
        id
    }
}

/// A round of association.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Round {
    /// Confirmed tracks choose among good boxes.
    Good,
    /// Confirmed tracks that got none choose among poor ones.
    Poor,
    /// Tracks that are not confirmed yet choose from what is left.
    Unconfirmed,
}

impl Tracker {
    /// A tracker that has seen nothing.
    pub fn new(params: TrackingParams) -> Self {
        Self::numbering(params, 1, 1)
    }

    /// As [`new`](Self::new), for one of several cameras: its ids are `first`, `first + step`, and so on, so that no two of
    /// `step` trackers give the same.
    pub fn numbering(params: TrackingParams, first: u64, step: u64) -> Self {
        Self {
            params,
            followed: Vec::with_capacity(EXPECTED_BOXES),
            now: None,
            ids: Ids { next: first, step },
            assignment: Assignment::new(EXPECTED_BOXES),
            free: Vec::with_capacity(EXPECTED_BOXES),
            players: Vec::with_capacity(EXPECTED_BOXES),
            offered: Vec::with_capacity(EXPECTED_BOXES),
        }
    }

    /// Other parameters hold from the next frame on; tracks stay.
    pub fn set_params(&mut self, params: TrackingParams) {
        self.params = params;
    }

    /// Takes one frame: writes the track that took it on every detection (`None` where none did, or where its track is
    /// not confirmed yet) and fills `tracks` with the confirmed tracks alive after the frame, by ascending id, without
    /// places.
    ///
    /// Boxes that are empty or far outside any picture, and scores that are not finite, are left alone. A stamp that is
    /// earlier than the last one counts as the same moment; one that is earlier by more than `max_unseen_ms` is a clock
    /// that was set back, and begins anew. Ids go on counting in any case.
    pub fn update(&mut self, stamp: Stamp, detections: &mut [Detection], tracks: &mut Vec<Track>) {
        let now = self.advance(stamp);
        self.free.clear();
        for (index, detection) in detections.iter_mut().enumerate() {
            detection.track = None;
            if is_trackable(detection) && detection.score >= self.params.low_score {
                self.free.push(index);
            }
        }
        for round in [Round::Good, Round::Poor, Round::Unconfirmed] {
            self.associate(round, now, detections);
        }
        self.begin_tracks(now, detections);
        self.part_from_lost(now);
        self.report(now, tracks);
    }

    /// Forgets all tracks. Ids go on counting: an id is never given twice in a run.
    pub fn reset(&mut self) {
        self.followed.clear();
        self.now = None;
    }

    fn max_unseen_ns(&self) -> i64 {
        i64::from(self.params.max_unseen_ms) * 1_000_000
    }

    /// Moves every track to the new moment, and drops those that have gone unseen too long to be found again.
    fn advance(&mut self, stamp: Stamp) -> Stamp {
        let max_unseen_ns = self.max_unseen_ns();
        let last = self.now.unwrap_or(stamp);
        if stamp.ns_since(last) < -max_unseen_ns {
            self.reset();
        }
        let now = self.now.map_or(stamp, |last| last.max(stamp));
        self.followed.retain(|followed| now.ns_since(followed.last_seen) <= max_unseen_ns);
        let dt_s = now.seconds_since(last).max(0.0);
        for followed in &mut self.followed {
            followed.is_seen = false;
            followed.motion.predict(dt_s);
        }
        self.now = Some(now);
        now
    }

    /// One round: the players' predicted boxes against the boxes on offer.
    fn associate(&mut self, round: Round, now: Stamp, detections: &mut [Detection]) {
        let TrackingParams { high_score, min_iou, .. } = self.params;
        self.players.clear();
        self.players.extend((0..self.followed.len()).filter(|&index| {
            let followed = &self.followed[index];
            !followed.is_seen && followed.id.is_none() == (round == Round::Unconfirmed)
        }));
        self.offered.clear();
        self.offered.extend(self.free.iter().copied().filter(|&index| match round {
            Round::Good => detections[index].score >= high_score,
            Round::Poor => detections[index].score < high_score,
            Round::Unconfirmed => true,
        }));
        if self.players.is_empty() || self.offered.is_empty() {
            return;
        }
        let (followed, players, offered) = (&self.followed, &self.players, &self.offered);
        let taken = self.assignment.solve(players.len(), offered.len(), |player, offer| {
            let (player, detection) = (&followed[players[player]], &detections[offered[offer]]);
            let is_doubtful = detection.score < high_score || detection.class != player.vote.winner();
            let needed = if is_doubtful { min_iou.max(DOUBTFUL_MIN_IOU) } else { min_iou };
            f64::from(affinity(player, &detection.bbox, detection.class, needed))
        });
        for (&player, offer) in self.players.iter().zip(taken) {
            let Some(index) = offer.map(|offer| self.offered[offer]) else { continue };
            let followed = &mut self.followed[player];
            followed.take(&detections[index], now);
            if followed.id.is_none() && followed.boxes >= self.params.confirm_frames {
                followed.id = Some(self.ids.give());
            }
            detections[index].track = followed.id;
            self.free.retain(|&free| free != index);
        }
    }

    /// Boxes that are good enough and belong to no track begin one.
    fn begin_tracks(&mut self, now: Stamp, detections: &mut [Detection]) {
        for &index in &self.free {
            let detection = &mut detections[index];
            if detection.score < self.params.new_track_score {
                continue;
            }
            let mut followed = Followed::new(detection, now);
            if self.params.confirm_frames <= 1 {
                followed.id = Some(self.ids.give());
                detection.track = followed.id;
            }
            self.followed.push(followed);
        }
    }

    /// Drops unconfirmed tracks that found no box soon enough; lets the others coast.
    fn part_from_lost(&mut self, now: Stamp) {
        let patience_ns = self.max_unseen_ns() / UNCONFIRMED_PART;
        self.followed.retain_mut(|followed| {
            if !followed.is_seen {
                followed.motion.hold_size();
            }
            let is_kept = followed.id.is_some() || now.ns_since(followed.last_seen) <= patience_ns;
            is_kept && followed.motion.bbox().is_some()
        });
    }

    fn report(&self, now: Stamp, tracks: &mut Vec<Track>) {
        tracks.clear();
        tracks.extend(self.followed.iter().filter_map(|followed| {
            Some(Track {
                id: followed.id?,
                bbox: followed.motion.bbox()?,
                velocity_px_s: followed.motion.velocity_px_s(),
                class: followed.vote.winner(),
                score: followed.score,
                seen: followed.is_seen,
                unseen_ns: now.ns_since(followed.last_seen),
                place: Place::Unknown,
            })
        }));
        tracks.sort_unstable_by_key(|track| track.id);
    }
}

impl Followed {
    fn new(detection: &Detection, now: Stamp) -> Self {
        let score = detection.score.clamp(0.0, 1.0);
        Self {
            id: None,
            motion: BoxMotion::new(&detection.bbox),
            vote: ClassVote::new(detection.class, score),
            score,
            boxes: 1,
            last_seen: now,
            is_seen: true,
        }
    }

    fn take(&mut self, detection: &Detection, now: Stamp) {
        self.motion.correct(&detection.bbox);
        self.score = detection.score.clamp(0.0, 1.0);
        self.vote.add(detection.class, self.score);
        self.boxes = self.boxes.saturating_add(1);
        self.last_seen = now;
        self.is_seen = true;
    }
}

/// How well a box fits a track, `0..=1`: the overlap of both, grown by what the prediction does not know. 0 below
/// `needed`.
fn affinity(followed: &Followed, bbox: &BBox<ImagePx>, class: ClassId, needed: f32) -> f32 {
    let Some(predicted) = followed.motion.bbox() else { return 0.0 };
    let (by_x, by_y) = followed.motion.uncertainty_px();
    let overlap = match (grown(&predicted, by_x, by_y), grown(bbox, by_x, by_y)) {
        (Some(predicted), Some(bbox)) => predicted.iou(&bbox),
        _ => 0.0,
    };
    if overlap < needed {
        0.0
    } else if class == followed.vote.winner() {
        overlap
    } else {
        overlap * OTHER_CLASS_FACTOR
    }
}

fn grown(bbox: &BBox<ImagePx>, by_x: f32, by_y: f32) -> Option<BBox<ImagePx>> {
    BBox::from_corners(bbox.x_min() - by_x, bbox.y_min() - by_y, bbox.x_max() + by_x, bbox.y_max() + by_y)
}

fn is_trackable(detection: &Detection) -> bool {
    let bbox = &detection.bbox;
    let is_near = [bbox.x_min(), bbox.y_min(), bbox.x_max(), bbox.y_max()].iter().all(|c| c.abs() <= MAX_COORDINATE_PX);
    detection.score.is_finite() && is_near && bbox.width() >= MIN_SIDE_PX && bbox.height() >= MIN_SIDE_PX
}
