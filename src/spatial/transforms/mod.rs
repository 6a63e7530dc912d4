//! Where the frames of the robot are, by what tf says: a buffer like tf2's BufferCore.
//!
//! Enters: transforms, moving ones for a stamp and static ones for all times. Leaves: the transform between any two
//! frames at a stamp, through chains and branches, or why there is none, in tf2's kinds and with the frames that there
//! are. A moving link keeps ten seconds; between two stamps it goes straight and turns on the shorter arc, and beyond
//! them it is not guessed.
//!
//! Otherwise than in tf2, nothing here knows a clock: time that began again shows in the stamps. A link whose stamps jump
//! back begins anew ([`TransformBuffer::insert`]), and so does, by [`TransformBuffer::begin_again`], every link that has
//! not come back from the future when the pictures have.
//!
//! The frames, their names and what is kept of each are bounded. Source: tf2's buffer_core.cpp and cache.cpp, against
//! which a recorded table in `tests/data/tf` holds this.

mod error;
mod link;
mod lookup;
mod names;

pub use error::{LookupError, LookupKind, Miss, TransformRefused};
pub use link::When;
pub use lookup::Readiness;

use crate::types::Stamp;
use error::{Against, apart};
use link::{Inserted, Link, Moving, Placed};
use nalgebra::Isometry3;
use names::FrameNames;
use std::fmt::Write;

/// How long a moving link is kept, as in tf2.
const CACHE_NS: i64 = 10_000_000_000;
/// Places that are kept of all moving links together, and of each of them at the least and at the most: ten seconds at
/// 400 Hz.
const MOST_PLACES: usize = 262_144;
const FEWEST_OF_A_LINK: usize = 64;
const MOST_OF_A_LINK: usize = 4096;
/// Frames that [`TransformBuffer::explain`] lists.
const LISTED_FRAMES: usize = 16;

/// Whether a frame moves in its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// As on `/tf`.
    Moving,
    /// As on `/tf_static`.
    Static,
}

/// All frames and their links. One for a robot, however many cameras look into it.
#[derive(Debug)]
pub struct TransformBuffer {
    names: FrameNames,
    /// By the number of the child frame; none for a frame that was only named as a parent.
    links: Vec<Option<Link>>,
    moving: usize,
    reset_ns: i64,
}

impl TransformBuffer {
    /// Knows no frame. `reset_ns`: a link whose stamps jump back by more is one that began again.
    pub fn new(reset_ns: i64) -> Self {
        Self { names: FrameNames::default(), links: Vec::new(), moving: 0, reset_ns }
    }

    /// From now on a link whose stamps jump back by more than this is one that began again.
    pub fn set_reset(&mut self, reset_ns: i64) {
        self.reset_ns = reset_ns;
    }

    /// Takes where `child` is in `parent` at a stamp. Slashes before the names are left away, as in tf2. A link stays of
    /// the kind that it was first; of two moving transforms with one stamp the first stays.
    ///
    /// # Errors
    /// [`TransformRefused`]; everything is then as it was.
    pub fn insert(
        &mut self,
        kind: LinkKind,
        stamp: Stamp,
        parent: &str,
        child: &str,
        parent_from_child: Isometry3<f64>,
    ) -> Result<(), TransformRefused> {
        let (parent, child) = (without_slash(parent), without_slash(child));
        if parent.is_empty() || child.is_empty() {
            return Err(TransformRefused::NoName { parent: short(parent), child: short(child) });
        }
        if parent == child {
            return Err(TransformRefused::ToItself { frame: short(child) });
        }
        let (child_number, parent) = (self.names.number_or_new(child)?, self.names.number_or_new(parent)?);
        self.links.resize_with(self.names.len(), || None);
        let placed = Placed { parent, parent_from_child };
        let most = (MOST_PLACES / self.moving.max(1)).clamp(FEWEST_OF_A_LINK, MOST_OF_A_LINK);
        match (&mut self.links[child_number], kind) {
            (link @ None, LinkKind::Static) | (link @ Some(Link::Static(_)), _) => *link = Some(Link::Static(placed)),
            (link @ None, LinkKind::Moving) => {
                *link = Some(Link::Moving(Moving::new(stamp, placed)));
                self.moving += 1;
            }
            (Some(Link::Moving(moving)), _) => {
                if moving.newest().is_some_and(|newest| newest.ns_since(stamp) > self.reset_ns) {
                    moving.forget();
                }
                if let Inserted::TooOld(newest) = moving.insert(stamp, placed, CACHE_NS, most) {
                    return Err(TransformRefused::TooOld { child: short(child), stamp, newest });
                }
            }
        }
        Ok(())
    }

    /// Time began again at about `now`: every moving link that is further ahead than a jump is of the time before, and
    /// forgotten. Frames and static links stay.
    pub fn begin_again(&mut self, now: Stamp) {
        let reset_ns = self.reset_ns;
        self.forget(|newest| newest.ns_since(now) > reset_ns);
    }

    /// Forgets where all moving links were. Frames and static links stay, as in tf2.
    pub fn clear(&mut self) {
        self.forget(|_| true);
    }

    fn forget(&mut self, is_old: impl Fn(Stamp) -> bool) {
        for link in self.links.iter_mut().flatten() {
            if let Link::Moving(moving) = link
                && moving.newest().is_some_and(&is_old)
            {
                moving.forget();
            }
        }
    }

    /// Whether anything was ever said of this frame.
    pub fn knows(&self, frame: &str) -> bool {
        self.names.number(frame).is_some()
    }

    /// Why there is no transform, in words: what was asked, what is missing, which frames there are and how old they are.
    pub fn explain(&self, target: &str, source: &str, asked: Stamp, error: &LookupError) -> String {
        let mut words = format!("no transform from {:?} to {:?} at {asked}: ", short(source), short(target));
        // Writing into a string cannot fail.
        let _ = match error {
            LookupError::Name => write!(words, "a frame's name must not be empty or begin with a slash"),
            LookupError::UnknownSource => write!(words, "there is no frame {:?}", short(source)),
            LookupError::UnknownTarget => write!(words, "there is no frame {:?}", short(target)),
            LookupError::NotConnected => write!(words, "the two are not connected"),
            LookupError::Loop => write!(words, "the frames above {:?} come to themselves again", short(source)),
            LookupError::Extrapolation(miss) => {
                let parent = self.link(miss.child).map_or("", |link| self.names.name(link.parent()));
                let (child, miss) = (self.names.name(miss.child), *miss);
                write!(words, "{child:?} in {parent:?} {}", Against { miss, asked })
            }
        };
        words.push_str("; frames: ");
        for number in 0..self.names.len().min(LISTED_FRAMES) {
            let name = self.names.name(number);
            let comma = if number == 0 { "" } else { ", " };
            let _ = match self.link(number) {
                None => write!(words, "{comma}{name} (root)"),
                Some(Link::Static(placed)) => {
                    write!(words, "{comma}{name} (static in {})", self.names.name(placed.parent))
                }
                Some(link @ Link::Moving(moving)) => {
                    let age = moving.newest().map_or("forgotten".to_owned(), |newest| apart(newest, asked));
                    write!(words, "{comma}{name} (in {}, {age})", self.names.name(link.parent()))
                }
            };
        }
        match self.names.len() {
            0 => words.push_str("none"),
            frames if frames > LISTED_FRAMES => {
                let _ = write!(words, " and {} more", frames - LISTED_FRAMES);
            }
            _ => {}
        }
        words
    }

    fn link(&self, child: usize) -> Option<&Link> {
        self.links.get(child).and_then(Option::as_ref)
    }
}

/// A name as errors show it.
fn short(name: &str) -> String {
    name.chars().take(64).collect()
}

/// The name as tf2 keeps it.
pub fn without_slash(frame: &str) -> &str {
    frame.strip_prefix('/').unwrap_or(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nalgebra::{Translation3, UnitQuaternion};

    fn at(ms: i64) -> Stamp {
        Stamp::from_ns(ms * 1_000_000)
    }

    fn ahead(x_m: f64) -> Isometry3<f64> {
        Isometry3::from_parts(Translation3::new(x_m, 0.0, 0.0), UnitQuaternion::identity())
    }

    fn moved(buffer: &mut TransformBuffer, ms: i64, parent: &str, child: &str, x_m: f64) {
        buffer.insert(LinkKind::Moving, at(ms), parent, child, ahead(x_m)).unwrap();
    }

    /// base_link - mast - camera, of which the mast moves; and odom above.
    fn robot() -> TransformBuffer {
        let mut buffer = TransformBuffer::new(1_000_000_000);
        buffer.insert(LinkKind::Static, at(0), "/mast", "camera", ahead(0.5)).unwrap();
        moved(&mut buffer, 1000, "base_link", "mast", 1.0);
        moved(&mut buffer, 1100, "base_link", "/mast", 2.0);
        moved(&mut buffer, 900, "odom", "base_link", 7.0);
        buffer
    }

    fn x_of(buffer: &TransformBuffer, ms: i64) -> Result<f64, LookupError> {
        buffer.lookup("base_link", "camera", When::At(at(ms))).map(|found| found.translation.x)
    }

    #[test]
    fn a_lookup_waits_for_the_links_between_its_frames_and_for_no_other() {
        let buffer = robot();
        for (ms, expected) in [(1050, Readiness::Ready), (1100, Readiness::Ready), (1101, Readiness::Behind)] {
            assert_eq!(buffer.readiness("base_link", "camera", at(ms)), Ok(expected));
        }
        assert_eq!(buffer.readiness("mast", "camera", at(9999)), Ok(Readiness::Ready), "static");
        assert!((x_of(&buffer, 1050).unwrap() - 2.0).abs() < 1e-12);
        assert_eq!(buffer.readiness("base_link", "lidar", at(1050)), Err(LookupError::UnknownSource));
    }

    #[test]
    fn a_missing_transform_is_named_with_all_that_is_there() {
        let buffer = robot();
        let error = x_of(&buffer, 1350).unwrap_err();
        assert_eq!(
            buffer.explain("base_link", "camera", at(1350), &error),
            "no transform from \"camera\" to \"base_link\" at 1.350000000: \"mast\" in \"base_link\" has come to \
             1.100000000, 0.250 s before; frames: camera (static in mast), mast (in base_link, 0.250 s before), \
             base_link (in odom, 0.450 s before), odom (root)"
        );
        let empty = TransformBuffer::new(1);
        let error = empty.lookup("base_link", "camera", When::Latest).unwrap_err();
        let expected = "no transform from \"camera\" to \"base_link\" at 0.000000000: there is no frame \"base_link\"; frames: none";
        assert_eq!(empty.explain("base_link", "camera", at(0), &error), expected);
    }

    #[test]
    fn a_link_whose_stamps_jump_back_begins_anew_and_a_small_step_back_is_the_past() {
        let mut buffer = robot();
        moved(&mut buffer, 5000, "base_link", "mast", 9.0);
        moved(&mut buffer, 4500, "base_link", "mast", 8.0);
        assert_eq!(x_of(&buffer, 4500), Ok(8.5));
        moved(&mut buffer, 10, "base_link", "mast", 3.0);
        assert_eq!(x_of(&buffer, 10), Ok(3.5));
        assert!(x_of(&buffer, 4500).is_err(), "what was before the jump is forgotten");
    }

    #[test]
    fn when_time_began_again_what_is_still_ahead_is_forgotten_and_waited_for() {
        let mut buffer = robot();
        moved(&mut buffer, 5000, "base_link", "mast", 9.0);
        buffer.begin_again(at(1050));
        assert_eq!(buffer.readiness("base_link", "camera", at(1050)), Ok(Readiness::Behind));
        let error = x_of(&buffer, 1050).unwrap_err();
        assert!(buffer.explain("base_link", "camera", at(1050), &error).contains("has nothing since its stamps began"));
        moved(&mut buffer, 1050, "base_link", "mast", 4.0);
        assert_eq!(x_of(&buffer, 1050), Ok(4.5));
    }

    #[test]
    fn names_that_are_none_are_refused_by_what_they_are() {
        let mut buffer = robot();
        let told = |buffer: &mut TransformBuffer, parent: &str, child: &str| {
            buffer.insert(LinkKind::Moving, at(0), parent, child, ahead(0.0)).unwrap_err().to_string()
        };
        assert_eq!(told(&mut buffer, "/", "a"), "a transform from \"a\" to \"\": expected two frames with names");
        assert_eq!(told(&mut buffer, "/a", "a"), "a transform of \"a\" to itself, expected another parent");
        assert!(told(&mut buffer, &"a".repeat(257), "b").contains("257 bytes, expected at most 256"));
        let mut patient = TransformBuffer::new(i64::MAX);
        moved(&mut patient, 20_000, "a", "b", 1.0);
        assert!(told(&mut patient, "a", "b").contains("stamped 0.000000000, too old: its newest one is of 20.0"));
    }

    #[test]
    fn a_flood_of_names_is_held_off_and_costs_no_frame_that_was_there() {
        let mut buffer = robot();
        let mut refused = 0;
        for number in 0..10_000 {
            let name = format!("flood_{number}");
            refused += usize::from(buffer.insert(LinkKind::Moving, at(0), "odom", &name, ahead(0.0)).is_err());
        }
        assert_eq!(buffer.names.len(), error::MAX_FRAMES);
        assert_eq!(refused, 10_000 - (error::MAX_FRAMES - 4));
        assert!(x_of(&buffer, 1050).is_ok());
        let error = x_of(&buffer, 0).unwrap_err();
        assert!(buffer.explain("base_link", "camera", at(0), &error).ends_with(" and 4080 more"));
    }
}
