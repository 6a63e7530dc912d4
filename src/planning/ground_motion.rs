//! How things move over the ground: their own motion, the robot's taken out.

use crate::tracking::ConstantVelocity;
use crate::types::{GroundPosition, Stamp, Track, TrackId};

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

/// A velocity over the ground in the base frame, as far as it is beyond doubt: one standard deviation nearer to zero
/// than the estimate, so that noise is no motion.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct GroundVelocity {
    pub(super) forward_mps: f64,
    pub(super) left_mps: f64,
}

#[derive(Debug, Clone, Copy)]
struct Mover {
    id: TrackId,
    forward: ConstantVelocity,
    left: ConstantVelocity,
    is_present: bool,
}

/// The motion of every track that has a place.
#[derive(Debug, Default)]
pub(super) struct GroundMotions {
    movers: Vec<Mover>,
    last: Option<Stamp>,
}

impl GroundMotions {
    /// Takes the tracks of one frame. The robot's own way is taken out along x; its yaw rate is not known here.
    pub(super) fn update(&mut self, stamp: Stamp, tracks: &[Track], own_speed_mps: f64) {
        let dt_s = self.last.map_or(0.0, |last| stamp.seconds_since(last));
        if !(0.0..=MAX_PAUSE_S).contains(&dt_s) {
            self.movers.clear();
        }
        self.last = Some(stamp);
        for mover in &mut self.movers {
            mover.is_present = false;
            mover.forward.predict(dt_s, AGILITY_MPS);
            mover.forward.shift(-own_speed_mps * dt_s);
            mover.left.predict(dt_s, AGILITY_MPS);
        }
        for track in tracks {
            let Some(ground) = usable(track.ground.as_ref()) else { continue };
            let (x_std, y_std) = deviations_m(ground);
            let (x_std, y_std) = (x_std.max(MIN_POSITION_STD_M), y_std.max(MIN_POSITION_STD_M));
            match self.movers.iter_mut().find(|mover| mover.id == track.id) {
                Some(mover) => {
                    mover.is_present = true;
                    if track.seen {
                        mover.forward.correct(ground.position_m.x, x_std);
                        mover.left.correct(ground.position_m.y, y_std);
                    }
                }
                None => self.movers.push(Mover {
                    id: track.id,
                    forward: ConstantVelocity::new(ground.position_m.x, x_std, VELOCITY_STD_MPS),
                    left: ConstantVelocity::new(ground.position_m.y, y_std, VELOCITY_STD_MPS),
                    is_present: true,
                }),
            }
        }
        self.movers.retain(|mover| mover.is_present);
    }

    /// The motion of a track; none for one that has no place.
    pub(super) fn velocity(&self, id: TrackId) -> GroundVelocity {
        self.movers.iter().find(|mover| mover.id == id).map_or(GroundVelocity::default(), |mover| GroundVelocity {
            forward_mps: beyond_doubt(&mover.forward),
            left_mps: beyond_doubt(&mover.left),
        })
    }
}

/// The position if it is one: finite, with variances that are finite and not negative.
pub(super) fn usable(ground: Option<&GroundPosition>) -> Option<&GroundPosition> {
    ground.filter(|ground| {
        let variances = [ground.covariance_m2.m11, ground.covariance_m2.m22];
        ground.position_m.iter().all(|c| c.is_finite()) && variances.iter().all(|v| v.is_finite() && *v >= 0.0)
    })
}

/// Standard deviations along x and y.
pub(super) fn deviations_m(ground: &GroundPosition) -> (f64, f64) {
    (ground.covariance_m2.m11.sqrt(), ground.covariance_m2.m22.sqrt())
}

fn beyond_doubt(coordinate: &ConstantVelocity) -> f64 {
    let (velocity, doubt) = (coordinate.velocity(), coordinate.velocity_std());
    let speed = (velocity.abs() - doubt).clamp(0.0, MAX_MPS);
    if speed.is_finite() { speed.copysign(velocity) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::scenarios::{at, track};
    use super::*;

    /// Ten frames a second for three seconds; the position in metres as a function of time.
    fn watched(own_speed_mps: f64, position: impl Fn(f64) -> (f64, f64)) -> GroundVelocity {
        let mut motions = GroundMotions::default();
        for frame in 0..30i32 {
            let (x, y) = position(f64::from(frame) / 10.0);
            motions.update(at(i64::from(frame) * 100), &[track(1, x, y, 0.1)], own_speed_mps);
        }
        motions.velocity(TrackId(1))
    }

    #[test]
    fn a_thing_that_stands_does_not_move_whatever_the_robot_does() {
        assert_eq!(watched(0.0, |_| (5.0, 1.0)), GroundVelocity::default());
        assert_eq!(watched(1.0, |t| (9.0 - t, 1.0)), GroundVelocity::default());
    }

    #[test]
    fn a_walker_who_comes_nearer_is_told_from_the_robots_own_way() {
        let velocity = watched(1.0, |t| (12.0 - 2.2 * t, 0.0));
        assert!(velocity.forward_mps < -0.8 && velocity.forward_mps > -1.3, "{velocity:?}");
        assert_eq!(velocity.left_mps, 0.0);
    }

    #[test]
    fn a_walker_to_the_right_has_a_negative_left_velocity() {
        let velocity = watched(0.0, |t| (6.0, 3.0 - 1.2 * t));
        assert!(velocity.left_mps < -0.7, "{velocity:?}");
    }

    #[test]
    fn noise_is_no_motion() {
        let velocity = watched(0.0, |t| (5.0 + 0.1 * (t * 37.0).sin(), 1.0 + 0.1 * (t * 53.0).cos()));
        assert!(velocity.forward_mps.abs() < 0.1 && velocity.left_mps.abs() < 0.1, "{velocity:?}");
    }

    #[test]
    fn a_pause_and_a_clock_set_back_begin_anew() {
        let mut motions = GroundMotions::default();
        for frame in 0..20i64 {
            motions.update(at(frame * 100), &[track(1, 9.0 - 0.2 * frame as f64, 0.0, 0.1)], 0.0);
        }
        assert!(motions.velocity(TrackId(1)).forward_mps < -1.0);
        motions.update(at(1000), &[track(1, 5.0, 0.0, 0.1)], 0.0);
        assert_eq!(motions.velocity(TrackId(1)), GroundVelocity::default());
        motions.update(at(9000), &[track(1, 1.0, 0.0, 0.1)], 0.0);
        assert_eq!(motions.velocity(TrackId(1)), GroundVelocity::default());
    }
}
