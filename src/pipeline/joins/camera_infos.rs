//! Which camera took an image: the camera_info of its stamp, or of a file.

use super::history::History;
use crate::types::{CameraModel, Stamp};

/// Entries of camera_info that are kept: seconds of it, and a latched one for ever.
const CAMERA_INFOS: usize = 64;

/// Joins images with camera_info, by the stamps in the headers of both.
///
/// Drivers publish both under one stamp, in either order; an image is ready once camera_info has reached its stamp.
/// Where the stream turns out not to be stamped like the images (a latched or slow camera_info), images no longer
/// wait and take the newest model that is not after them.
#[derive(Debug)]
pub struct CameraInfoJoin {
    history: History<CameraModel>,
    /// The camera of every image, whatever is published.
    fixed: Option<CameraModel>,
    /// The one that came last, for images whose own stamps say nothing.
    newest: Option<CameraModel>,
    stamps_say_nothing: bool,
    reset_ns: i64,
    expected: bool,
    in_step: bool,
}

impl CameraInfoJoin {
    /// `reset_ns`: a jump back of the stamps beyond this is a stream that began again.
    pub fn new(reset_ns: i64) -> Self {
        Self {
            history: History::new(reset_ns, i64::MAX, CAMERA_INFOS, CAMERA_INFOS),
            fixed: None,
            newest: None,
            stamps_say_nothing: false,
            reset_ns,
            expected: false,
            in_step: true,
        }
    }

    /// The camera of every image, where there is one that needs no camera_info.
    #[must_use]
    pub fn with_fixed(self, fixed: Option<CameraModel>) -> Self {
        Self { fixed, ..self }
    }

    /// For images whose stamps are not to be relied on: where no camera_info has theirs, the one that came last serves.
    #[must_use]
    pub fn for_stamps_that_say_nothing(self, stamps_say_nothing: bool) -> Self {
        Self { stamps_say_nothing, ..self }
    }

    /// The camera of every image.
    pub fn fixed(&self) -> Option<&CameraModel> {
        self.fixed.as_ref()
    }

    /// Whether camera_info is published at all; images wait only then.
    pub fn set_expected(&mut self, expected: bool) {
        self.expected = expected;
    }

    /// Another limit for a stream that began again.
    pub fn set_reset(&mut self, reset_ns: i64) {
        self.reset_ns = reset_ns;
        self.history.set(reset_ns, i64::MAX);
    }

    /// A camera_info whose content is good.
    pub fn push(&mut self, stamp: Stamp, model: CameraModel) {
        self.history.push(stamp, model);
        self.newest = Some(model);
    }

    /// A camera_info whose content was refused: nothing is gained by waiting for its stamp.
    pub fn skip(&mut self, stamp: Stamp) {
        self.history.reach(stamp);
    }

    /// Whether waiting can no longer change what an image of this stamp gets.
    pub fn is_ready_for(&self, stamp: Stamp) -> bool {
        if self.fixed.is_some() || !self.expected {
            return true;
        }
        let has_model =
            self.history.at_or_before(stamp).is_some() || (self.stamps_say_nothing && self.newest.is_some());
        match self.history.reached() {
            // Far ahead, with nothing for this image: the images began again and camera_info is about to.
            Some(reached) if reached.ns_since(stamp) > self.reset_ns => has_model || !self.in_step,
            Some(reached) if reached >= stamp => true,
            _ => has_model && !self.in_step,
        }
    }

    /// The model for an image of this stamp.
    pub fn take(&mut self, stamp: Stamp) -> Option<CameraModel> {
        if self.fixed.is_some() {
            return self.fixed;
        }
        let found = self.history.at_or_before(stamp);
        let is_its_own = found.is_some_and(|(known, _)| known == stamp);
        if self.expected {
            self.in_step = is_its_own;
        }
        if self.stamps_say_nothing && !is_its_own { self.newest } else { found.map(|(_, model)| model) }
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

    /// By its focal length.
    fn model(number: f64) -> CameraModel {
        let focal = 10.0 + number;
        let k = [focal, 0.0, 1.0, 0.0, focal, 1.0, 0.0, 0.0, 1.0];
        CameraModel::new(Size { width_px: 4, height_px: 3 }, &k, "plumb_bob", []).unwrap()
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
    fn a_camera_of_a_file_serves_all_images_without_a_wait_and_outdoes_what_is_published() {
        let mut join = expecting().with_fixed(Some(model(7.0)));
        assert!(join.is_ready_for(stamp(100)));
        join.push(stamp(100), model(1.0));
        assert_eq!(join.take(stamp(100)), Some(model(7.0)));
    }

    #[test]
    fn images_whose_stamps_say_nothing_take_the_camera_info_of_their_stamp_or_else_the_last_one() {
        let mut join = expecting().for_stamps_that_say_nothing(true);
        join.push(stamp(5_000_000), model(1.0));
        assert_eq!(join.take(stamp(0)), Some(model(1.0)), "images stamped 0, camera_info not");
        assert!(join.is_ready_for(stamp(0)));
        join.push(stamp(5_000_100), model(2.0));
        assert_eq!(join.take(stamp(0)), Some(model(2.0)));
        join.push(stamp(0), model(3.0));
        join.push(stamp(5_000_200), model(4.0));
        assert_eq!(join.take(stamp(0)), Some(model(3.0)), "its own");
    }
}
