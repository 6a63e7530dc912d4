//! The last values of a stamped stream, found by stamp.

use crate::types::Stamp;
use std::collections::VecDeque;

/// The last values of a stamped stream, ordered by stamp.
#[derive(Debug)]
pub(super) struct History<T> {
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
    pub(super) fn new(reset_ns: i64, span_ns: i64, most: usize, expected: usize) -> Self {
        Self { entries: VecDeque::with_capacity(expected), reached: None, reset_ns, span_ns, most }
    }

    /// Other limits hold from now on.
    pub(super) fn set(&mut self, reset_ns: i64, span_ns: i64) {
        (self.reset_ns, self.span_ns) = (reset_ns, span_ns);
    }

    /// Notes that the stream has come to `stamp`. A jump back beyond `reset_ns` is a stream that began again.
    pub(super) fn reach(&mut self, stamp: Stamp) {
        match self.reached {
            Some(reached) if reached.ns_since(stamp) > self.reset_ns => {
                self.entries.clear();
                self.reached = Some(stamp);
            }
            reached => self.reached = reached.max(Some(stamp)),
        }
    }

    pub(super) fn push(&mut self, stamp: Stamp, value: T) {
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
    pub(super) fn at_or_before(&self, stamp: Stamp) -> Option<(Stamp, T)> {
        let place = self.entries.partition_point(|(known, _)| *known <= stamp);
        place.checked_sub(1).map(|last| self.entries[last])
    }

    /// The entries that are not after `stamp`, the newest first.
    pub(super) fn back_from(&self, stamp: Stamp) -> impl Iterator<Item = (Stamp, T)> {
        let place = self.entries.partition_point(|(known, _)| *known <= stamp);
        self.entries.range(..place).rev().copied()
    }

    /// The newest stamp seen.
    pub(super) fn reached(&self) -> Option<Stamp> {
        self.reached
    }

    /// How many entries there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(ms: i64) -> Stamp {
        Stamp::from_ns(ms * 1_000_000)
    }

    proptest! {
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
    fn memory_is_bounded_and_keeps_the_newest() {
        let mut history = History::new(i64::MAX, i64::MAX, 64, 64);
        for ms in 0..1000 {
            history.push(stamp(ms), ms);
        }
        history.push(stamp(1), 1);
        assert_eq!(history.len(), 64);
        assert_eq!(history.at_or_before(stamp(5000)), Some((stamp(999), 999)));
    }
}
