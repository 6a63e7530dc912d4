//! The things around the robot after each frame.

use super::filter::PlanarMotion;
use super::reckoning::Reckoning;
use crate::types::{ClassId, GroundPosition, Motion, Place, Scene, Stamp, Stamped, TrackId, Twist};
use nalgebra::{Matrix2, Rotation2};

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

/// A velocity over the ground along the axes of the base frame, the robot's own motion taken out, as far as it is beyond
/// doubt: one standard deviation nearer to zero than the estimate, so that noise is no motion.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GroundVelocity {
    /// Along x: negative when it comes towards the robot's front.
    pub forward_mps: f64,
    /// Along y: negative when it goes to the right.
    pub left_mps: f64,
}

/// One thing around the robot.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thing {
    /// Its track; `None` while it has none.
    pub track: Option<TrackId>,
    /// What it is.
    pub class: ClassId,
    /// Where it is at the frame's stamp, in the base frame. A ground position is usable.
    pub place: Place,
    /// How it moves; zero for what has no track or no place.
    pub velocity: GroundVelocity,
    /// Whether this frame had a box for it; otherwise it is where it was expected.
    pub seen: bool,
    /// Nanoseconds since it was last seen.
    pub unseen_ns: i64,
}

#[derive(Debug, Clone, Copy)]
struct Mover {
    id: TrackId,
    motion: PlanarMotion,
    is_present: bool,
}

/// What one camera has told so far. Same scenes, motions and stamps in, same things out; after the first frames nothing
/// is allocated.
#[derive(Debug)]
pub struct World {
    reckoning: Reckoning,
    last: Option<(Stamp, Twist)>,
    movers: Vec<Mover>,
    things: Vec<Thing>,
}

impl World {
    /// Nothing is known.
    pub fn new() -> Self {
        Self {
            reckoning: Reckoning::new(),
            last: None,
            movers: Vec::with_capacity(EXPECTED),
            things: Vec::with_capacity(EXPECTED),
        }
    }

    /// Forgets everything: the stamps began again, or the tracks mean something else now.
    pub fn reset(&mut self) {
        self.reckoning = Reckoning::new();
        self.last = None;
        self.movers.clear();
        self.things.clear();
    }

    /// Takes one frame's scene and how the robot moved then. A motion that is not credible counts as none.
    pub fn update(&mut self, scene: &Stamped<&Scene>, motion: Motion) {
        let Scene { tracks, glimpses, .. } = scene.value();
        self.advance(scene.stamp(), motion.credible().unwrap_or_default());
        for track in tracks {
            if let Some(ground) = usable(&track.place) {
                self.watch(track.id, ground, track.seen);
            }
        }
        self.movers.retain(|mover| mover.is_present);
        self.things.clear();
        let fixed_from_base = self.reckoning.fixed_from_base();
        for track in tracks {
            let mover = self.movers.iter().find(|mover| mover.id == track.id);
            self.things.push(Thing {
                track: Some(track.id),
                class: track.class,
                place: checked(track.place),
                velocity: mover.map_or(GroundVelocity::default(), |mover| beyond_doubt(&mover.motion, fixed_from_base)),
                seen: track.seen,
                unseen_ns: track.unseen_ns.max(0),
            });
        }
        self.things.extend(glimpses.iter().map(|glimpse| Thing {
            track: None,
            class: glimpse.class,
            place: checked(glimpse.place),
            velocity: GroundVelocity::default(),
            seen: true,
            unseen_ns: 0,
        }));
    }

    /// Every thing of the last frame: those with a track by ascending id, then the others.
    pub fn things(&self) -> &[Thing] {
        &self.things
    }

    fn advance(&mut self, stamp: Stamp, twist: Twist) {
        let (dt_s, before) = self.last.map_or((0.0, twist), |(last, before)| (stamp.seconds_since(last), before));
        self.last = Some((stamp, twist));
        if !(0.0..=MAX_PAUSE_S).contains(&dt_s) {
            self.movers.clear();
            self.reckoning = Reckoning::new();
            return;
        }
        self.reckoning.advance(dt_s, &before, &twist);
        for mover in &mut self.movers {
            mover.is_present = false;
            mover.motion.predict(dt_s, AGILITY_MPS);
        }
    }

    fn watch(&mut self, id: TrackId, ground: &GroundPosition, seen: bool) {
        let position_m = self.reckoning.fixed(&ground.position_m);
        let turn = self.reckoning.fixed_from_base();
        let covariance_m2 = turn.matrix() * spread_m2(ground) * turn.matrix().transpose();
        match self.movers.iter_mut().find(|mover| mover.id == id) {
            Some(mover) => {
                mover.is_present = true;
                if seen {
                    mover.motion.correct(&position_m, &covariance_m2);
                }
            }
            None => self.movers.push(Mover {
                id,
                motion: PlanarMotion::new(&position_m, &covariance_m2, VELOCITY_STD_MPS),
                is_present: true,
            }),
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
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
    use crate::types::{BBox, FrameId, Glimpse, Track};
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
        world.update(&Stamped::new(at(ms), FrameId::new("camera"), &scene), motion);
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
        world.update(&Stamped::new(at(0), FrameId::new("camera"), &scene), measured(0.0, 0.0, 0.0));
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
