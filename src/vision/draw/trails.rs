//! Where the feet of tracks were in the last pictures.

use crate::types::{Scene, Stamp, TrackId};

/// How far back a trail reaches.
pub const TRAIL_NS: i64 = 2_000_000_000;
/// So many places make a trail at most.
const PLACES: usize = 48;
/// From place to place at the least, so that a trail of any frame rate reaches back all the way.
const STEP_NS: i64 = TRAIL_NS / PLACES as i64;

/// The trails of the tracks alive, in pixels of the image: the middle of each box's lower edge, oldest first. Once there
/// were as many tracks at a time as there will be, nothing is allocated.
#[derive(Debug, Default)]
pub struct Trails {
    last: Option<Stamp>,
    trails: Vec<Trail>,
}

/// The trail of one track.
#[derive(Debug, Clone)]
pub struct Trail {
    id: TrackId,
    is_alive: bool,
    /// A ring: the oldest place is `places[(next + PLACES - count) % PLACES]`.
    places: [(Stamp, [f32; 2]); PLACES],
    next: usize,
    count: usize,
}

impl Trails {
    /// Takes the tracks of a frame. One that is gone loses its trail; after stamps that go back all begin anew.
    pub fn follow(&mut self, stamp: Stamp, scene: &Scene) {
        if self.last.is_some_and(|last| stamp.ns_since(last) < 0) {
            self.trails.clear();
        }
        self.last = Some(stamp);
        self.trails.iter_mut().for_each(|trail| trail.is_alive = false);
        for track in &scene.tracks {
            let foot = [track.bbox.center().0, track.bbox.y_max()];
            let known = self.trails.iter().position(|trail| trail.id == track.id);
            let index = known.unwrap_or_else(|| {
                self.trails.push(Trail {
                    id: track.id,
                    is_alive: true,
                    places: [(stamp, foot); PLACES],
                    next: 0,
                    count: 0,
                });
                self.trails.len() - 1
            });
            let trail = &mut self.trails[index];
            trail.is_alive = true;
            trail.push(stamp, foot);
        }
        self.trails.retain(|trail| trail.is_alive);
    }

    /// Nobody looks any more.
    pub fn clear(&mut self) {
        self.last = None;
        self.trails.clear();
    }

    /// The trail of a track: each place with its age as a share of what a trail reaches back, 1 for the oldest.
    pub fn of(&self, id: TrackId) -> impl Iterator<Item = ([f32; 2], f32)> {
        let trail = self.trails.iter().find(|trail| trail.id == id);
        let now = self.last.unwrap_or_default();
        trail.into_iter().flat_map(Trail::places).filter_map(move |(stamp, place)| {
            let age_ns = now.ns_since(stamp);
            (age_ns <= TRAIL_NS).then_some((place, age_ns as f32 / TRAIL_NS as f32))
        })
    }
}

impl Trail {
    fn push(&mut self, stamp: Stamp, place: [f32; 2]) {
        // The newest place moves on until it is a step from the one before it.
        let nth_newest = |n: usize| self.places[(self.next + PLACES - n) % PLACES].0;
        if self.count >= 2 && nth_newest(1).ns_since(nth_newest(2)) < STEP_NS {
            self.places[(self.next + PLACES - 1) % PLACES] = (stamp, place);
            return;
        }
        self.places[self.next] = (stamp, place);
        self.next = (self.next + 1) % PLACES;
        self.count = (self.count + 1).min(PLACES);
    }

    fn places(&self) -> impl Iterator<Item = (Stamp, [f32; 2])> {
        (0..self.count).map(|nth| self.places[(self.next + PLACES - self.count + nth) % PLACES])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BBox, ClassId, Place, Track};

    fn scene(tracks: &[(u64, f32)]) -> Scene {
        let track = |&(id, x): &(u64, f32)| Track {
            id: TrackId(id),
            bbox: BBox::from_corners(x - 5.0, 10.0, x + 5.0, 40.0).unwrap(),
            velocity_px_s: (0.0, 0.0),
            class: ClassId(0),
            score: 0.5,
            seen: true,
            unseen_ns: 0,
            place: Place::Unknown,
        };
        Scene { tracks: tracks.iter().map(track).collect(), ..Scene::default() }
    }

    fn ms(ms: i64) -> Stamp {
        Stamp::from_ns(ms * 1_000_000)
    }

    fn trail(trails: &Trails, id: u64) -> Vec<([f32; 2], f32)> {
        trails.of(TrackId(id)).collect()
    }

    #[test]
    fn a_trail_is_of_feet_oldest_first_and_ends_with_its_track() {
        let mut trails = Trails::default();
        trails.follow(ms(0), &scene(&[(1, 20.0), (2, 90.0)]));
        trails.follow(ms(500), &scene(&[(1, 30.0)]));
        trails.follow(ms(1000), &scene(&[(1, 40.0)]));
        assert_eq!(trail(&trails, 1), [([20.0, 40.0], 0.5), ([30.0, 40.0], 0.25), ([40.0, 40.0], 0.0)]);
        assert_eq!(trail(&trails, 2), []);
    }

    #[test]
    fn a_trail_reaches_back_two_seconds_at_any_frame_rate() {
        for rate in [1, 5, 30, 200, 1000] {
            let mut trails = Trails::default();
            for frame in 0..8 * rate {
                trails.follow(ms(1000 * frame / rate), &scene(&[(1, frame as f32)]));
            }
            let trail = trail(&trails, 1);
            assert!(trail.len() <= PLACES && trail.len() >= 2, "{rate} Hz: {} places", trail.len());
            assert!(trail[0].1 > 0.9 || rate < 5, "{rate} Hz reaches back {} of it", trail[0].1);
            assert_eq!(trail.last().unwrap().1, 0.0);
        }
    }

    #[test]
    fn stamps_that_go_back_begin_anew() {
        let mut trails = Trails::default();
        trails.follow(ms(5000), &scene(&[(1, 20.0)]));
        trails.follow(ms(0), &scene(&[(1, 30.0)]));
        assert_eq!(trail(&trails, 1), [([30.0, 40.0], 0.0)]);
        trails.clear();
        assert_eq!(trail(&trails, 1), []);
    }
}
