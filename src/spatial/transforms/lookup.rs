//! The way from one frame to another: up from both to where they meet, as tf2's BufferCore walks it.

use super::TransformBuffer;
use super::error::{LookupError, MAX_FRAMES, Miss};
use super::link::{Link, When};
use crate::types::Stamp;
use nalgebra::Isometry3;

/// tf2 follows no chain further, and calls it a loop.
const MAX_DEPTH: usize = 1000;

/// Whether waiting can change what a lookup gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Every moving link of the way has come to the stamp, or none moves.
    Ready,
    /// A moving link has not come to it yet.
    Behind,
}

impl TransformBuffer {
    /// Maps points of `source` into `target` at a time. Names are taken as they are, as tf2 takes them: one that begins
    /// with a slash is refused. Nothing is allocated.
    ///
    /// # Errors
    /// [`LookupError`], of the kind that tf2 gives. [`explain`](Self::explain) puts it in words.
    pub fn lookup(&self, target: &str, source: &str, when: When) -> Result<Isometry3<f64>, LookupError> {
        if target == source {
            return Ok(Isometry3::identity());
        }
        let (target, source) = self.numbers(target, source)?;
        let when = match when {
            When::At(stamp) => When::At(stamp),
            When::Latest => self.latest_of(target, source)?.map_or(When::Latest, When::At),
        };
        let mut missed = None;
        let (mut frame, mut top_from_source) = (source, Isometry3::identity());
        for depth in 0.. {
            let Some(link) = self.link(frame) else { break };
            let placed = match link.at(frame, when) {
                Ok(placed) => placed,
                // There may be a way all the same, when the target is below.
                Err(miss) => {
                    missed = Some(miss);
                    break;
                }
            };
            if frame == target {
                return Ok(top_from_source);
            }
            if depth == MAX_DEPTH {
                return Err(LookupError::Loop);
            }
            top_from_source = placed.parent_from_child * top_from_source;
            frame = placed.parent;
        }
        let top = frame;
        let (mut frame, mut top_from_target) = (target, Isometry3::identity());
        for depth in 0.. {
            if frame == top {
                return Ok(top_from_target.inverse() * top_from_source);
            }
            let Some(link) = self.link(frame) else { break };
            let placed = link.at(frame, when).map_err(|miss| self.missing(target, source, when, miss))?;
            if frame == source {
                return Ok(top_from_target.inverse());
            }
            if depth == MAX_DEPTH {
                return Err(LookupError::Loop);
            }
            top_from_target = placed.parent_from_child * top_from_target;
            frame = placed.parent;
        }
        Err(missed.map_or(LookupError::NotConnected, |miss| self.missing(target, source, when, miss)))
    }

    /// A walk that ended at `miss` may have gone beyond where the two ways meet: what is missing is a link between them.
    fn missing(&self, target: usize, source: usize, when: When, miss: Miss) -> LookupError {
        let mut found = None;
        let is_connected = self.walk(target, source, |child, link| {
            found = found.or(link.at(child, when).err());
            true
        });
        LookupError::Extrapolation(found.filter(|_| is_connected.is_ok()).unwrap_or(miss))
    }

    /// The newest time that all moving links between two frames have; `None` where none moves. For one frame and itself it
    /// is the newest of that frame's own link, as in tf2.
    ///
    /// # Errors
    /// [`LookupError`] where there is no way between them.
    pub fn latest_common_time(&self, target: &str, source: &str) -> Result<Option<Stamp>, LookupError> {
        let (target, source) = self.numbers(target, source)?;
        match self.link(source) {
            Some(Link::Moving(moving)) if target == source => Ok(moving.newest()),
            _ => self.latest_of(target, source),
        }
    }

    /// Whether waiting can change what a lookup at `stamp` gives. Only the links between the two frames are looked at:
    /// what carries both does not matter.
    ///
    /// # Errors
    /// [`LookupError`] where there is no way between them, whatever the time.
    pub fn readiness(&self, target: &str, source: &str, stamp: Stamp) -> Result<Readiness, LookupError> {
        if target == source {
            return Ok(Readiness::Ready);
        }
        let (target, source) = self.numbers(target, source)?;
        let mut readiness = Readiness::Ready;
        self.walk(target, source, |_, link| {
            if let Link::Moving(moving) = link
                && moving.newest().is_none_or(|newest| newest < stamp)
            {
                readiness = Readiness::Behind;
            }
            true
        })?;
        Ok(readiness)
    }

    fn latest_of(&self, target: usize, source: usize) -> Result<Option<Stamp>, LookupError> {
        let mut latest: Option<Stamp> = None;
        self.walk(target, source, |_, link| match link {
            Link::Static(_) => true,
            Link::Moving(moving) => match moving.newest() {
                Some(newest) => {
                    latest = Some(latest.map_or(newest, |latest| latest.min(newest)));
                    true
                }
                None => false,
            },
        })?;
        Ok(latest)
    }

    /// Shows every link of the way between two frames, by the parents that the links had last. A link for which `show`
    /// says no leads nowhere.
    fn walk(
        &self,
        target: usize,
        source: usize,
        mut show: impl FnMut(usize, &Link) -> bool,
    ) -> Result<(), LookupError> {
        let mut above_source = FrameSet::default();
        let mut frame = source;
        let mut depth = 0;
        while frame != target
            && let Some(link) = self.link(frame)
        {
            depth += 1;
            if depth > MAX_DEPTH || !above_source.insert(frame) {
                return Err(LookupError::Loop);
            }
            frame = link.parent();
        }
        above_source.insert(frame);
        let mut meeting = target;
        let mut depth = 0;
        while !above_source.contains(meeting) {
            let link = self.link(meeting).ok_or(LookupError::NotConnected)?;
            depth += 1;
            if depth > MAX_DEPTH {
                return Err(LookupError::Loop);
            }
            if !show(meeting, link) {
                return Err(LookupError::NotConnected);
            }
            meeting = link.parent();
        }
        let mut frame = source;
        while frame != meeting
            && let Some(link) = self.link(frame)
        {
            if !show(frame, link) {
                return Err(LookupError::NotConnected);
            }
            frame = link.parent();
        }
        Ok(())
    }

    fn numbers(&self, target: &str, source: &str) -> Result<(usize, usize), LookupError> {
        let number = |name: &str, unknown| match name.as_bytes().first() {
            None | Some(b'/') => Err(LookupError::Name),
            Some(_) => self.names.number(name).ok_or(unknown),
        };
        Ok((number(target, LookupError::UnknownTarget)?, number(source, LookupError::UnknownSource)?))
    }
}

/// A set of frames, on the stack.
struct FrameSet([u64; MAX_FRAMES / 64]);

impl Default for FrameSet {
    fn default() -> Self {
        Self([0; MAX_FRAMES / 64])
    }
}

impl FrameSet {
    fn contains(&self, frame: usize) -> bool {
        self.0[frame / 64] >> (frame % 64) & 1 == 1
    }

    /// False where it was in it.
    fn insert(&mut self, frame: usize) -> bool {
        let is_new = !self.contains(frame);
        self.0[frame / 64] |= 1 << (frame % 64);
        is_new
    }
}
