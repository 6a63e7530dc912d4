//! The things around the robot after each frame.

use super::filter::PlanarMotion;
use super::identities::Identities;
use super::reckoning::Reckoning;
use super::sight::{Seen, Sight, Spot};
use super::thing::{GroundVelocity, Thing};
use crate::types::{CameraId, GroundPosition, Motion, Place, Scene, Stamp, Stamped, TrackId, Twist};
use nalgebra::{Matrix2, Rotation2, Vector2};

/// How fast a new track may move, one standard deviation.
const VELOCITY_STD_MPS: f64 = 1.5;
/// What a velocity may change by in a second: a walker who starts or stops.
const AGILITY_MPS: f64 = 0.7;
/// The least that a position is uncertain by.
const MIN_POSITION_STD_M: f64 = 0.05;
/// Nothing that one meets is faster; what seems so is a bad position.
const MAX_MPS: f64 = 10.0;
/// After a longer pause everything is new.
const MAX_PAUSE_S: f64 = 2.0;
/// Room for as many things as a street has; more make it grow.
const EXPECTED: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Mover {
    id: TrackId,
    motion: PlanarMotion,
}

/// What the cameras have told so far. Same scenes, motions and stamps in the same order in, same things out; after the first
/// frames nothing is allocated.
#[derive(Debug)]
pub struct World {
    reckoning: Reckoning,
    /// The newest stamp of all cameras, and how the robot moved then.
    last: Option<(Stamp, Twist)>,
    max_age_ns: i64,
    /// By camera.
    sights: Vec<Sight>,
    identities: Identities,
    movers: Vec<Mover>,
    things: Vec<Thing>,
    missing: Vec<CameraId>,
    is_full: bool,
    is_turned_away: bool,
}

/// What is around the robot after a frame, by the newest sight of each camera.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The newest stamp of all cameras: the moment that this is about.
    pub now: Stamp,
    /// Every thing: those with a track by ascending id, then the others.
    pub things: &'a [Thing],
    /// Whether a detector gave about as many boxes as are looked at.
    pub is_full: bool,
    /// Whether no camera sees any of the robot's way ahead. False where one has no camera model, which then cannot tell.
    pub is_turned_away: bool,
    /// The cameras that have no sight that is young enough.
    pub missing: &'a [CameraId],
}

impl World {
    /// Nothing is known. Of one camera.
    pub fn new() -> Self {
        Self::of(1, i64::MAX)
    }

    /// Nothing is known. A sight of one of so many cameras counts for `max_age_ns`, by the stamps.
    pub fn of(cameras: usize, max_age_ns: i64) -> Self {
        Self {
            reckoning: Reckoning::new(),
            last: None,
            max_age_ns,
            sights: (0..cameras).map(|_| Sight::new()).collect(),
            identities: Identities::default(),
            movers: Vec::with_capacity(EXPECTED),
            things: Vec::with_capacity(EXPECTED),
            missing: Vec::with_capacity(cameras),
            is_full: false,
            is_turned_away: false,
        }
    }

    /// A sight counts for so long from the next frame on.
    pub fn set_max_age(&mut self, max_age_ns: i64) {
        self.max_age_ns = max_age_ns;
    }

    /// Forgets everything: the stamps began again, or the tracks mean something else now.
    pub fn reset(&mut self) {
        self.reckoning = Reckoning::new();
        self.last = None;
        self.sights.iter_mut().for_each(Sight::forget);
        self.identities.forget();
        self.movers.clear();
        self.things.clear();
    }

    /// Takes one frame's scene and how the robot moved then. A motion that is not credible counts as none. Frames of one
    /// camera come in the order of their stamps; one that is behind the newest frame of another camera tells of the past,
    /// and is taken so.
    pub fn update(&mut self, camera: CameraId, scene: &Stamped<&Scene>, motion: Motion) {
        if camera.0 >= self.sights.len() {
            self.sights.resize_with(camera.0 + 1, Sight::new);
        }
        let twist = motion.credible().unwrap_or_default();
        if self.sights[camera.0].stamp.is_some_and(|before| scene.stamp() < before) {
            self.reset();
        }
        let behind_s = self.advance(scene.stamp(), twist);
        let then = self.reckoning.before(behind_s, &twist);
        self.see(camera, scene, then, behind_s);
        if self.sights.len() > 1 {
            let (movers, sights) = (&self.movers, &self.sights);
            let velocity = |id| {
                let mover = movers.iter().find(|mover: &&Mover| mover.id == id);
                mover.map_or_else(Vector2::zeros, |mover| mover.motion.velocity())
            };
            self.identities.look(camera, sights, self.now(), self.max_age_ns, velocity);
        }
        let sights = &self.sights;
        let is_present = |mover: &Mover| {
            let has = |seen: &Seen| seen.thing.track == Some(mover.id) && seen.spot.is_some();
            sights.iter().any(|sight| sight.seen.iter().any(has))
        };
        self.movers.retain(is_present);
        self.put_together();
    }

    /// Gives the tracks and boxes of a camera's scene the numbers of their things. Those of an only camera have them.
    pub fn name(&self, camera: CameraId, scene: &mut Scene) {
        if self.identities.is_empty() {
            return;
        }
        let Scene { detections, only_tracked, tracks, .. } = scene;
        for track in &mut *tracks {
            track.id = self.identities.thing(camera, track.id);
        }
        tracks.sort_unstable_by_key(|track| track.id);
        for detection in detections.iter_mut().chain(only_tracked) {
            detection.track = detection.track.map(|track| self.identities.thing(camera, track));
        }
    }

    /// What is around the robot after the last frame.
    pub fn around(&self) -> Surroundings<'_> {
        Surroundings {
            now: self.now(),
            things: &self.things,
            is_full: self.is_full,
            is_turned_away: self.is_turned_away,
            missing: &self.missing,
        }
    }

    /// Every thing of the last frame: those with a track by ascending id, then the others.
    pub fn things(&self) -> &[Thing] {
        &self.things
    }

    fn now(&self) -> Stamp {
        self.last.map_or(Stamp::from_ns(0), |(now, _)| now)
    }

    /// Moves on to a frame's stamp; returns by how many seconds it is behind the newest one.
    fn advance(&mut self, stamp: Stamp, twist: Twist) -> f64 {
        let (dt_s, before) = self.last.map_or((0.0, twist), |(last, before)| (stamp.seconds_since(last), before));
        if dt_s.abs() > MAX_PAUSE_S {
            self.reset();
        }
        if dt_s < 0.0 && self.last.is_some() {
            return -dt_s;
        }
        if self.last.replace((stamp, twist)).is_some() {
            self.reckoning.advance(dt_s, &before, &twist);
            for mover in &mut self.movers {
                mover.motion.predict(dt_s, AGILITY_MPS);
            }
        }
        0.0
    }

    /// Replaces a camera's sight. `then` is where the robot was at the frame's stamp, `behind_s` seconds ago.
    fn see(&mut self, camera: CameraId, scene: &Stamped<&Scene>, then: Reckoning, behind_s: f64) {
        let Scene { tracks, glimpses, is_full, is_turned_away, .. } = scene.value();
        self.identities.keep(camera, |id| tracks.binary_search_by_key(&id, |track| track.id).is_ok());
        let mut seen = std::mem::take(&mut self.sights[camera.0].seen);
        seen.clear();
        for track in tracks {
            let id = self.identities.thing(camera, track.id);
            let spot = usable(&track.place).map(|ground| spot_of(ground, then));
            if let Some(spot) = &spot {
                self.watch(id, spot, track.seen, behind_s);
            }
            let thing = Thing {
                track: Some(id),
                class: track.class,
                place: checked(track.place),
                velocity: GroundVelocity::default(),
                seen: track.seen,
                unseen_ns: track.unseen_ns.max(0),
            };
            seen.push(Seen { thing, spot });
        }
        seen.extend(glimpses.iter().map(|glimpse| {
            let thing = Thing {
                track: None,
                class: glimpse.class,
                place: checked(glimpse.place),
                velocity: GroundVelocity::default(),
                seen: true,
                unseen_ns: 0,
            };
            Seen { thing, spot: usable(&glimpse.place).map(|ground| spot_of(ground, then)) }
        }));
        self.sights[camera.0] =
            Sight { stamp: Some(scene.stamp()), is_full: *is_full, is_turned_away: *is_turned_away, seen };
    }

    fn watch(&mut self, id: TrackId, spot: &Spot, seen: bool, behind_s: f64) {
        match self.movers.iter_mut().find(|mover| mover.id == id) {
            Some(mover) if seen => {
                let position_m = spot.position_m + mover.motion.velocity() * behind_s;
                mover.motion.correct(&position_m, &spot.covariance_m2);
            }
            Some(_) => {}
            None => {
                let motion = PlanarMotion::new(&spot.position_m, &spot.covariance_m2, VELOCITY_STD_MPS);
                self.movers.push(Mover { id, motion });
            }
        }
    }

    /// All things of all sights that are young enough, each once: by the sight that saw it last.
    fn put_together(&mut self) {
        let (now, fixed_from_base) = (self.now(), self.reckoning.fixed_from_base());
        self.things.clear();
        self.missing.clear();
        (self.is_full, self.is_turned_away) = (false, true);
        for (at, sight) in self.sights.iter().enumerate() {
            let Some(age_ns) = sight.age_ns(now, self.max_age_ns) else {
                self.missing.push(CameraId(at));
                continue;
            };
            self.is_full |= sight.is_full;
            self.is_turned_away &= sight.is_turned_away;
            for seen in &sight.seen {
                let mover = self.movers.iter().find(|mover| Some(mover.id) == seen.thing.track);
                let mut thing = seen.thing;
                if let Some(mover) = mover {
                    thing.velocity = beyond_doubt(&mover.motion, fixed_from_base);
                }
                if age_ns > 0 {
                    thing.unseen_ns = thing.unseen_ns.saturating_add(age_ns);
                    let velocity = mover.map_or_else(Vector2::zeros, |mover| mover.motion.velocity());
                    thing.place = self.moved(seen, velocity * Stamp::from_ns(age_ns).seconds_since(Stamp::from_ns(0)));
                }
                let twin = self.things.iter_mut().find(|other| other.track.is_some() && other.track == thing.track);
                match twin {
                    Some(twin) if is_better(&thing, twin) => *twin = thing,
                    Some(_) => {}
                    None => self.things.push(thing),
                }
            }
        }
        if self.sights.len() > 1 {
            // A stable sort: what has no track stays in the order of the cameras.
            self.things.sort_by_key(|thing| thing.track.map_or(u64::MAX, |id| id.0));
        }
    }

    /// Where a thing of an older sight is now, in the base frame, when it has gone that way since.
    fn moved(&self, seen: &Seen, way_m: Vector2<f64>) -> Place {
        let Some(spot) = &seen.spot else { return seen.thing.place };
        let turn = self.reckoning.fixed_from_base().inverse();
        let ground = GroundPosition {
            position_m: self.reckoning.base(&(spot.position_m + way_m)),
            covariance_m2: turn.matrix() * spot.covariance_m2 * turn.matrix().transpose(),
        };
        checked(Place::Ground(ground))
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether one camera tells more of a thing than another: where it stands, and by a younger look.
fn is_better(one: &Thing, other: &Thing) -> bool {
    let rank = |thing: &Thing| (thing.place.ground().is_some(), std::cmp::Reverse(thing.unseen_ns));
    rank(one) > rank(other)
}

fn spot_of(ground: &GroundPosition, at: Reckoning) -> Spot {
    let turn = at.fixed_from_base();
    let covariance_m2 = turn.matrix() * spread_m2(ground) * turn.matrix().transpose();
    Spot { position_m: at.fixed(&ground.position_m), covariance_m2 }
}

fn usable(place: &Place) -> Option<&GroundPosition> {
    place.ground().filter(|ground| ground.is_usable())
}

/// A place that is a number, or that nobody can tell.
fn checked(place: Place) -> Place {
    match place {
        Place::Ground(ground) if !ground.is_usable() => Place::Unknown,
        place => place,
    }
}

/// The covariance of a position, never better than a detector's: symmetric, and without what no covariance has.
fn spread_m2(ground: &GroundPosition) -> Matrix2<f64> {
    let c = &ground.covariance_m2;
    let most = (c.m11 * c.m22).sqrt();
    let mixed = (c.m12 + c.m21) / 2.0;
    let mixed = if mixed.is_finite() && most.is_finite() { mixed.clamp(-most, most) } else { 0.0 };
    Matrix2::new(c.m11, mixed, mixed, c.m22) + Matrix2::identity() * MIN_POSITION_STD_M.powi(2)
}

fn beyond_doubt(motion: &PlanarMotion, fixed_from_base: Rotation2<f64>) -> GroundVelocity {
    let (velocity, std) = motion.velocity_in(fixed_from_base);
    let held = |velocity: f64, doubt: f64| {
        let speed = (velocity.abs() - doubt).clamp(0.0, MAX_MPS);
        if speed.is_finite() { speed.copysign(velocity) } else { 0.0 }
    };
    GroundVelocity { forward_mps: held(velocity.x, std.x), left_mps: held(velocity.y, std.y) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BBox, ClassId, FrameId, Glimpse, Track};
    use nalgebra::{Isometry2, Point2};
    use proptest::prelude::*;

    const PERSON: ClassId = ClassId(0);

    fn at(ms: i64) -> Stamp {
        Stamp::from_ns(1_700_000_000_000_000_000 + ms * 1_000_000)
    }

    fn ground(x_m: f64, y_m: f64, std_m: f64) -> GroundPosition {
        GroundPosition { position_m: Point2::new(x_m, y_m), covariance_m2: Matrix2::identity() * std_m.powi(2) }
    }

    fn track(id: u64, x_m: f64, y_m: f64) -> Track {
        Track {
            id: TrackId(id),
            bbox: BBox::from_corners(300.0, 200.0, 340.0, 300.0).unwrap(),
            velocity_px_s: (0.0, 0.0),
            class: PERSON,
            score: 0.8,
            seen: true,
            unseen_ns: 0,
            place: Place::Ground(ground(x_m, y_m, 0.1)),
        }
    }

    fn measured(forward_mps: f64, left_mps: f64, yaw_rate_radps: f64) -> Motion {
        let twist = Twist { forward_mps, left_mps, up_mps: 0.0, yaw_rate_radps };
        Motion::Measured { twist, age_ns: 0 }
    }

    fn frame(world: &mut World, ms: i64, tracks: Vec<Track>, motion: Motion) {
        let scene = Scene { tracks, ..Scene::default() };
        world.update(CameraId(0), &Stamped::new(at(ms), FrameId::new("camera"), &scene), motion);
    }

    /// Ten frames a second for three seconds; the position in the base frame, in metres, as a function of time.
    fn watched(motion: Motion, position: impl Fn(f64) -> (f64, f64)) -> GroundVelocity {
        let mut world = World::new();
        for number in 0..30i32 {
            let (x, y) = position(f64::from(number) / 10.0);
            frame(&mut world, i64::from(number) * 100, vec![track(1, x, y)], motion);
        }
        world.things()[0].velocity
    }

    #[test]
    fn a_thing_that_stands_does_not_move_whatever_the_robot_does() {
        assert_eq!(watched(measured(0.0, 0.0, 0.0), |_| (5.0, 1.0)), GroundVelocity::default());
        assert_eq!(watched(measured(1.0, 0.0, 0.0), |t| (9.0 - t, 1.0)), GroundVelocity::default());
        assert_eq!(watched(measured(-0.5, 0.0, 0.0), |t| (3.0 + t / 2.0, 1.0)), GroundVelocity::default());
        assert_eq!(watched(measured(0.0, -0.8, 0.0), |t| (6.0, 1.0 + 0.8 * t)), GroundVelocity::default());
        assert_eq!(watched(Motion::Assumed { forward_mps: 1.0 }, |t| (9.0 - t, 1.0)), GroundVelocity::default());
    }

    #[test]
    fn a_turn_is_taken_out_of_what_is_seen_and_an_unknown_one_is_not() {
        let seen = |t: f64| {
            let base_from_fixed = Isometry2::rotation(-0.5 * t);
            let point = base_from_fixed * Point2::new(8.0, 2.0);
            (point.x, point.y)
        };
        assert_eq!(watched(measured(0.0, 0.0, 0.5), seen), GroundVelocity::default());
        assert!(watched(measured(0.0, 0.0, 0.0), seen).left_mps < -1.0);
    }

    #[test]
    fn a_walker_who_comes_nearer_is_told_from_the_robots_own_way() {
        let velocity = watched(measured(1.0, 0.0, 0.0), |t| (12.0 - 2.2 * t, 0.0));
        assert!(velocity.forward_mps < -0.8 && velocity.forward_mps > -1.3, "{velocity:?}");
        assert_eq!(velocity.left_mps, 0.0);
        let follower = watched(measured(-0.5, 0.0, 0.0), |t| (6.0 - 0.5 * t, 0.0));
        assert!(follower.forward_mps < -0.6 && follower.forward_mps > -1.2, "in reverse: {follower:?}");
    }

    #[test]
    fn a_walker_to_the_right_has_a_negative_left_velocity() {
        let velocity = watched(measured(0.0, 0.0, 0.0), |t| (6.0, 3.0 - 1.2 * t));
        assert!(velocity.left_mps < -0.7, "{velocity:?}");
    }

    #[test]
    fn noise_is_no_motion() {
        let noisy = |t: f64| (5.0 + 0.1 * (t * 37.0).sin(), 1.0 + 0.1 * (t * 53.0).cos());
        let velocity = watched(measured(0.0, 0.0, 0.0), noisy);
        assert!(velocity.forward_mps.abs() < 0.1 && velocity.left_mps.abs() < 0.1, "{velocity:?}");
    }

    #[test]
    fn a_pause_and_a_clock_set_back_begin_anew() {
        let mut world = World::new();
        let still = measured(0.0, 0.0, 0.0);
        for number in 0..20i64 {
            frame(&mut world, number * 100, vec![track(1, 9.0 - 0.2 * number as f64, 0.0)], still);
        }
        assert!(world.things()[0].velocity.forward_mps < -1.0);
        frame(&mut world, 1000, vec![track(1, 5.0, 0.0)], still);
        assert_eq!(world.things()[0].velocity, GroundVelocity::default());
        frame(&mut world, 9000, vec![track(1, 1.0, 0.0)], still);
        assert_eq!(world.things()[0].velocity, GroundVelocity::default());
    }

    #[test]
    fn glimpses_are_things_without_a_track_and_a_place_that_is_no_number_is_none() {
        let (mut world, mut broken) = (World::new(), track(3, 4.0, 0.0));
        broken.place = Place::Ground(ground(f64::NAN, 0.0, 0.1));
        let glimpses = vec![Glimpse { class: PERSON, place: Place::Ground(ground(2.0, 0.0, 0.1)) }];
        let scene = Scene { tracks: vec![broken], glimpses, ..Scene::default() };
        world.update(CameraId(0), &Stamped::new(at(0), FrameId::new("camera"), &scene), measured(0.0, 0.0, 0.0));
        let [tracked, glimpsed] = world.things() else { panic!("{:?}", world.things()) };
        assert_eq!((tracked.track, tracked.place), (Some(TrackId(3)), Place::Unknown));
        assert_eq!((glimpsed.track, glimpsed.place, glimpsed.seen), (None, Place::Ground(ground(2.0, 0.0, 0.1)), true));
    }

    proptest! {
        #[test]
        fn any_numbers_give_finite_velocities(
            frames in prop::collection::vec(
                (any::<i32>(), prop::array::uniform6(prop::num::f64::ANY), prop::array::uniform3(prop::num::f64::ANY)),
                1..12,
            ),
        ) {
            let mut world = World::new();
            for (ms, [x, y, xx, xy, yx, yy], [forward, left, yaw]) in frames {
                let place = GroundPosition {
                    position_m: Point2::new(x, y), covariance_m2: Matrix2::new(xx, xy, yx, yy),
                };
                let tracks = vec![Track { place: Place::Ground(place), ..track(1, 0.0, 0.0) }];
                frame(&mut world, i64::from(ms), tracks, measured(forward, left, yaw));
                for thing in world.things() {
                    prop_assert!(thing.velocity.forward_mps.is_finite() && thing.velocity.left_mps.is_finite());
                    prop_assert!(thing.place.ground().is_none_or(|ground| ground.is_usable()));
                }
            }
        }
    }
}
