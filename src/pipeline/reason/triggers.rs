//! When a language model is asked for a proposal: by the stamps of the frames and by what is in view, never by a clock.

use crate::types::{ClassId, Stamp};
use std::collections::BTreeSet;

/// Why a proposal is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// So much time has passed since the last one.
    Period,
    /// A class came into view that was not there before.
    NewClass(ClassId),
}

/// The triggers of one node. A trigger stays until a job was made of it.
#[derive(Debug)]
pub(in crate::pipeline) struct Triggers {
    /// 0: none by time.
    period_ns: i64,
    on_new_class: bool,
    /// The picture of the last job.
    last: Option<Stamp>,
    /// The classes of the tracks that were alive after the last frame, under the labels of this version.
    classes: BTreeSet<ClassId>,
    version: u32,
    waiting: Option<Trigger>,
}

impl Triggers {
    pub(in crate::pipeline) fn new(period_ns: i64, on_new_class: bool) -> Self {
        Self { period_ns, on_new_class, last: None, classes: BTreeSet::new(), version: 0, waiting: None }
    }

    /// Other times and occasions from the next frame on.
    pub(in crate::pipeline) fn set(&mut self, period_ns: i64, on_new_class: bool) {
        (self.period_ns, self.on_new_class) = (period_ns, on_new_class);
        if !on_new_class {
            self.waiting = None;
        }
    }

    /// Stamps begin again: nothing has been seen, nobody was asked.
    pub(in crate::pipeline) fn reset(&mut self) {
        self.last = None;
        self.classes.clear();
        self.waiting = None;
    }

    /// One frame, with the classes of the confirmed tracks and the version of their labels: what is due, if anything is. The first
    /// frame is, where proposals come by time.
    pub(in crate::pipeline) fn due(
        &mut self,
        stamp: Stamp,
        classes: impl Iterator<Item = ClassId> + Clone,
        version: u32,
    ) -> Option<Trigger> {
        if self.version != version {
            // Other prompts: the numbers mean other classes.
            self.classes.clear();
            self.version = version;
        }
        let new = classes.clone().find(|class| !self.classes.contains(class));
        let is_gone = |class: &ClassId| !classes.clone().any(|of| of == *class);
        if new.is_some() || self.classes.iter().any(is_gone) {
            self.classes = classes.collect();
        }
        if self.on_new_class {
            self.waiting = self.waiting.or(new.map(Trigger::NewClass));
        }
        let is_time = self.last.is_none_or(|last| stamp.ns_since(last) >= self.period_ns);
        self.waiting.or((self.period_ns > 0 && is_time).then_some(Trigger::Period))
    }

    /// A job was made of the frame with this stamp.
    pub(in crate::pipeline) fn served(&mut self, stamp: Stamp) {
        self.last = Some(stamp);
        self.waiting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERSON: ClassId = ClassId(0);
    const CAR: ClassId = ClassId(1);

    fn at(ms: i64) -> Stamp {
        Stamp::from_ns(ms * 1_000_000)
    }

    /// A frame whose trigger is served at once.
    fn served(triggers: &mut Triggers, ms: i64, classes: &[ClassId]) -> Option<Trigger> {
        let due = triggers.due(at(ms), classes.iter().copied(), 0);
        if due.is_some() {
            triggers.served(at(ms));
        }
        due
    }

    #[test]
    fn the_period_counts_from_the_last_job_by_stamp() {
        let mut triggers = Triggers::new(2_000_000_000, true);
        assert_eq!(served(&mut triggers, 0, &[]), Some(Trigger::Period));
        assert_eq!(served(&mut triggers, 1999, &[]), None);
        assert_eq!(served(&mut triggers, 2050, &[]), Some(Trigger::Period));
        assert_eq!(served(&mut triggers, 3000, &[CAR]), Some(Trigger::NewClass(CAR)));
        assert_eq!(served(&mut triggers, 4100, &[CAR]), None);
        assert_eq!(served(&mut triggers, 5000, &[CAR]), Some(Trigger::Period));
    }

    #[test]
    fn a_class_is_new_when_no_live_track_had_it() {
        let mut triggers = Triggers::new(0, true);
        assert_eq!(served(&mut triggers, 0, &[]), None);
        assert_eq!(served(&mut triggers, 100, &[PERSON, CAR]), Some(Trigger::NewClass(PERSON)));
        assert_eq!(served(&mut triggers, 200, &[PERSON, CAR]), None, "both were there");
        assert_eq!(served(&mut triggers, 300, &[PERSON]), None);
        assert_eq!(served(&mut triggers, 400, &[PERSON, PERSON]), None, "another person");
        assert_eq!(served(&mut triggers, 500, &[PERSON, CAR]), Some(Trigger::NewClass(CAR)), "it came back");
        let mut by_time_only = Triggers::new(0, false);
        assert_eq!(served(&mut by_time_only, 0, &[CAR]), None);
    }

    #[test]
    fn other_prompts_make_every_class_new() {
        let mut triggers = Triggers::new(0, true);
        assert_eq!(served(&mut triggers, 0, &[PERSON]), Some(Trigger::NewClass(PERSON)));
        assert_eq!(triggers.due(at(100), [PERSON].into_iter(), 1), Some(Trigger::NewClass(PERSON)));
    }

    #[test]
    fn a_trigger_waits_until_it_is_served() {
        let mut triggers = Triggers::new(0, true);
        for ms in [0, 100, 200] {
            assert_eq!(triggers.due(at(ms), [CAR].into_iter(), 0), Some(Trigger::NewClass(CAR)));
        }
        triggers.served(at(200));
        assert_eq!(triggers.due(at(300), [CAR].into_iter(), 0), None);
    }

    #[test]
    fn a_jump_back_forgets_what_was_seen_and_what_waited() {
        let mut triggers = Triggers::new(2_000_000_000, true);
        triggers.served(at(9000));
        assert_eq!(triggers.due(at(9100), [CAR].into_iter(), 0), Some(Trigger::NewClass(CAR)));
        triggers.reset();
        assert_eq!(served(&mut triggers, 5, &[]), Some(Trigger::Period), "the first frame of a new beginning");
    }
}
