//! What belongs to an image, found by stamp and never by arrival: its camera model and the robot's motion.

use crate::types::{CameraModel, Motion, Stamp, Twist};
use std::collections::VecDeque;

/// Entries of camera_info that are kept: seconds of it, and a latched one for ever.
const CAMERA_INFOS: usize = 64;
/// Entries of odometry that are kept at most: eight seconds at 1 kHz.
const ODOMETRIES: usize = 8192;
/// Room for the odometry of four seconds at 250 Hz; more makes it grow.
const EXPECTED_ODOMETRIES: usize = 1024;
/// Odometry is kept for longer than any image may need it, by this much.
const SLACK_NS: i64 = 1_000_000_000;

/// The last values of a stamped stream, ordered by stamp.
#[derive(Debug)]
struct History<T> {
    entries: VecDeque<(Stamp, T)>,
    /// The newest stamp seen, also of a message whose content was refused.
    reached: Option<Stamp>,
    reset_ns: i64,
    /// An entry that is older than the newest one by more is forgotten.
    span_ns: i64,
    most: usize,
}

impl<T: Copy> History<T> {
    /// Keeps `most` entries, with room for `expected` of them.
    fn new(reset_ns: i64, span_ns: i64, most: usize, expected: usize) -> Self {
        Self { entries: VecDeque::with_capacity(expected), reached: None, reset_ns, span_ns, most }
    }

    /// Notes that the stream has come to `stamp`. A jump back beyond `reset_ns` is a stream that began again.
    fn reach(&mut self, stamp: Stamp) {
        match self.reached {
            Some(reached) if reached.ns_since(stamp) > self.reset_ns => {
                self.entries.clear();
                self.reached = Some(stamp);
            }
            reached => self.reached = reached.max(Some(stamp)),
        }
    }

    fn push(&mut self, stamp: Stamp, value: T) {
        self.reach(stamp);
        let place = self.entries.partition_point(|(known, _)| *known < stamp);
        if let Some(entry) = self.entries.get_mut(place).filter(|(known, _)| *known == stamp) {
            entry.1 = value;
            return;
        }
        if self.entries.len() == self.most {
            if place == 0 {
                return;
            }
            self.entries.pop_front();
            self.entries.insert(place - 1, (stamp, value));
        } else {
            self.entries.insert(place, (stamp, value));
        }
        let newest = self.entries.back().map_or(stamp, |(newest, _)| *newest);
        while self.entries.front().is_some_and(|(oldest, _)| newest.ns_since(*oldest) > self.span_ns) {
            self.entries.pop_front();
        }
    }

    /// The newest entry that is not after `stamp`.
    fn at_or_before(&self, stamp: Stamp) -> Option<(Stamp, T)> {
        let place = self.entries.partition_point(|(known, _)| *known <= stamp);
        place.checked_sub(1).map(|last| self.entries[last])
    }
}

/// Joins images with camera_info.
///
/// Drivers publish both under one stamp, in either order; an image is ready once camera_info has reached its stamp.
/// Where the stream turns out not to be stamped like the images (a latched or slow camera_info), images no longer
/// wait and take the newest model that is not after them.
#[derive(Debug)]
pub struct CameraInfoJoin {
    history: History<CameraModel>,
    expected: bool,
    in_step: bool,
}

impl CameraInfoJoin {
    /// `reset_ns`: a jump back of the stamps beyond this is a stream that began again.
    pub fn new(reset_ns: i64) -> Self {
        let history = History::new(reset_ns, i64::MAX, CAMERA_INFOS, CAMERA_INFOS);
        Self { history, expected: false, in_step: true }
    }

    /// Whether camera_info is published at all; images wait only then.
    pub fn set_expected(&mut self, expected: bool) {
        self.expected = expected;
    }

    /// A camera_info whose content is good.
    pub fn push(&mut self, stamp: Stamp, model: CameraModel) {
        self.history.push(stamp, model);
    }

    /// A camera_info whose content was refused: nothing is gained by waiting for its stamp.
    pub fn skip(&mut self, stamp: Stamp) {
        self.history.reach(stamp);
    }

    /// Whether waiting can no longer change what an image of this stamp gets.
    pub fn is_ready_for(&self, stamp: Stamp) -> bool {
        if !self.expected {
            return true;
        }
        let has_model = self.history.at_or_before(stamp).is_some();
        match self.history.reached {
            // Far ahead, with nothing for this image: the images began again and camera_info is about to.
            Some(reached) if reached.ns_since(stamp) > self.history.reset_ns => has_model || !self.in_step,
            Some(reached) if reached >= stamp => true,
            _ => has_model && !self.in_step,
        }
    }

    /// The model for an image of this stamp.
    pub fn take(&mut self, stamp: Stamp) -> Option<CameraModel> {
        let found = self.history.at_or_before(stamp);
        if self.expected {
            self.in_step = found.is_some_and(|(known, _)| known == stamp);
        }
        found.map(|(_, model)| model)
    }
}

/// The robot's motion from odometry.
#[derive(Debug)]
pub struct MotionJoin {
    history: History<Twist>,
    max_age_ns: i64,
    assumed_mps: f64,
}

impl MotionJoin {
    /// `assumed_mps` ahead serves where odometry is absent or older than `max_age_ns` at the image's stamp. Odometry is
    /// kept for images that come up to `max_delay_ns` behind it, whatever its rate.
    pub fn new(reset_ns: i64, max_age_ns: i64, max_delay_ns: i64, assumed_mps: f64) -> Self {
        let span_ns = max_age_ns.saturating_add(max_delay_ns).saturating_add(SLACK_NS);
        Self { history: History::new(reset_ns, span_ns, ODOMETRIES, EXPECTED_ODOMETRIES), max_age_ns, assumed_mps }
    }

    /// A measured motion.
    pub fn push(&mut self, stamp: Stamp, twist: Twist) {
        self.history.push(stamp, twist);
    }

    /// The motion at an image's stamp, from the newest odometry that is not after it.
    pub fn at(&self, stamp: Stamp) -> Motion {
        match self.history.at_or_before(stamp) {
            Some((known, twist)) if stamp.ns_since(known) <= self.max_age_ns => {
                Motion::Measured { twist, age_ns: stamp.ns_since(known) }
            }
            _ => Motion::Assumed { forward_mps: self.assumed_mps },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Size;
    use proptest::prelude::*;

    const RESET_NS: i64 = 1_000_000_000;

    fn stamp(ms: i64) -> Stamp {
        Stamp::from_ns(ms * 1_000_000)
    }

    fn model(focal: f64) -> CameraModel {
        let k = [focal, 0.0, 1.0, 0.0, focal, 1.0, 0.0, 0.0, 1.0];
        CameraModel::new(Size { width_px: 4, height_px: 3 }, &k, "plumb_bob", [].into_iter()).unwrap()
    }

    fn expecting() -> CameraInfoJoin {
        let mut join = CameraInfoJoin::new(RESET_NS);
        join.set_expected(true);
        join
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_changes_nothing(order in Just((0..10i64).collect::<Vec<_>>()).prop_shuffle()) {
            let mut join = expecting();
            for i in order {
                join.push(stamp(i * 100), model(1.0 + i as f64));
            }
            for i in 0..10 {
                prop_assert_eq!(join.take(stamp(i * 100)), Some(model(1.0 + i as f64)));
            }
        }

        #[test]
        fn the_newest_entry_not_after_a_stamp_is_found(stamps in prop::collection::vec(0..500i64, 1..60), at in 0..600i64) {
            let mut history = History::new(i64::MAX, i64::MAX, 64, 64);
            for ms in &stamps {
                history.push(stamp(*ms), *ms);
            }
            let expected = stamps.iter().copied().filter(|ms| *ms <= at).max();
            prop_assert_eq!(history.at_or_before(stamp(at)).map(|(_, ms)| ms), expected);
        }
    }

    #[test]
    fn an_image_waits_for_the_camera_info_of_its_stamp() {
        let mut join = expecting();
        assert!(!join.is_ready_for(stamp(100)));
        join.push(stamp(100), model(1.0));
        assert!(join.is_ready_for(stamp(100)));
        assert_eq!(join.take(stamp(100)), Some(model(1.0)));
        assert!(!join.is_ready_for(stamp(200)));
    }

    #[test]
    fn without_camera_info_nobody_waits() {
        assert!(CameraInfoJoin::new(RESET_NS).is_ready_for(stamp(100)));
    }

    #[test]
    fn a_latched_camera_info_serves_all_images_without_a_wait() {
        let mut join = expecting();
        join.push(stamp(0), model(1.0));
        assert!(!join.is_ready_for(stamp(100)), "the first image cannot know yet");
        assert_eq!(join.take(stamp(100)), Some(model(1.0)));
        assert!(join.is_ready_for(stamp(200)));
    }

    #[test]
    fn a_refused_camera_info_ends_the_wait() {
        let mut join = expecting();
        join.skip(stamp(100));
        assert!(join.is_ready_for(stamp(100)));
        assert_eq!(join.take(stamp(100)), None);
    }

    #[test]
    fn a_stream_that_begins_again_forgets_the_future() {
        let mut join = expecting();
        join.push(stamp(9000), model(9.0));
        join.push(stamp(100), model(1.0));
        assert!(!join.is_ready_for(stamp(200)));
        assert_eq!(join.take(stamp(100)), Some(model(1.0)));
    }

    #[test]
    fn the_first_image_of_a_stream_that_begins_again_waits_for_its_camera_info() {
        let mut join = expecting();
        join.push(stamp(9000), model(9.0));
        assert_eq!(join.take(stamp(9000)), Some(model(9.0)));
        assert!(!join.is_ready_for(stamp(100)));
        join.push(stamp(100), model(1.0));
        assert!(join.is_ready_for(stamp(100)));
        assert_eq!(join.take(stamp(100)), Some(model(1.0)));
    }

    #[test]
    fn images_do_not_wait_for_a_camera_info_that_is_stamped_far_ahead_of_them() {
        let mut join = expecting();
        join.push(stamp(9000), model(9.0));
        assert_eq!(join.take(stamp(100)), None);
        assert!(join.is_ready_for(stamp(200)));
    }

    #[test]
    fn memory_is_bounded_and_keeps_the_newest() {
        let mut history = History::new(i64::MAX, i64::MAX, 64, 64);
        for ms in 0..1000 {
            history.push(stamp(ms), ms);
        }
        history.push(stamp(1), 1);
        assert_eq!(history.entries.len(), 64);
        assert_eq!(history.at_or_before(stamp(5000)), Some((stamp(999), 999)));
    }

    #[test]
    fn odometry_counts_until_it_is_too_old() {
        let mut join = MotionJoin::new(RESET_NS, 500_000_000, 0, 1.5);
        let assumed = Motion::Assumed { forward_mps: 1.5 };
        assert_eq!(join.at(stamp(0)), assumed);
        let twist = Twist { forward_mps: -0.4, yaw_rate_radps: 0.1, ..Twist::default() };
        join.push(stamp(100), twist);
        assert_eq!(join.at(stamp(50)), assumed, "odometry of the future says nothing");
        assert_eq!(join.at(stamp(600)), Motion::Measured { twist, age_ns: 500_000_000 });
        assert_eq!(join.at(stamp(601)), assumed);
    }

    #[test]
    fn fast_odometry_is_kept_for_images_that_come_late() {
        for rate_hz in [50, 250, 1000] {
            // Five seconds, of which the last image that may still come is 800 ms old.
            let mut join = MotionJoin::new(RESET_NS, 500_000_000, 800_000_000, 1.5);
            for number in 0..5 * rate_hz {
                let twist = Twist { forward_mps: number as f64, ..Twist::default() };
                join.push(Stamp::from_ns(number * 1_000_000_000 / rate_hz), twist);
            }
            let Motion::Measured { twist, age_ns } = join.at(stamp(4200)) else { panic!("{rate_hz} Hz") };
            assert_eq!((twist.forward_mps, age_ns), ((4200 * rate_hz / 1000) as f64, 0), "{rate_hz} Hz");
            let kept = join.history.entries.len() as i64;
            assert!(kept <= 24 * rate_hz / 10, "{kept} at {rate_hz} Hz");
        }
    }

    #[test]
    fn odometry_without_end_takes_bounded_memory() {
        let mut join = MotionJoin::new(RESET_NS, i64::MAX, i64::MAX, 1.5);
        (0..20_000).for_each(|ns| join.push(Stamp::from_ns(ns), Twist::default()));
        assert_eq!(join.history.entries.len(), ODOMETRIES);
    }
}
