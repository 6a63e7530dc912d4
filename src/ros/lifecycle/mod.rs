//! The managed node: which state it is in, who may change it, and who is told (design.ros2.org, "Managed nodes"; the
//! services and the topic are those of rclcpp_lifecycle).
//!
//! The node, its services, logs and diagnostics are there from the start; models come with `configure` and go with
//! `cleanup`; pictures are taken and plans said between `activate` and `deactivate`. What a transition does is the node's
//! own affair (`node`); here is what state it is in, and the services about it, which answer whatever else goes on.

pub(super) mod heartbeat;
pub(super) mod services;
mod states;

pub(super) use states::{Outcome, State, Transition};

use super::clock::steady_now;
use states::Machine;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The state of one node, behind a lock that nobody holds for longer than a copy takes.
#[derive(Debug)]
pub(super) struct Lifecycle(Mutex<Life>);

/// The state, and what is known of how it came to be.
#[derive(Debug, Clone)]
pub(super) struct Life {
    machine: Machine,
    /// Since when it lasts.
    pub(super) since: Instant,
    /// What a busy node is at, and since when.
    pub(super) step: Option<(String, Instant)>,
    /// Why the last transition came to nothing; none once one has succeeded.
    pub(super) failure: Option<String>,
}

impl Life {
    /// The state.
    pub(super) fn state(&self) -> State {
        self.machine.state()
    }
}

impl Default for Lifecycle {
    fn default() -> Self {
        Self(Mutex::new(Life { machine: Machine::default(), since: steady_now(), step: None, failure: None }))
    }
}

impl Lifecycle {
    /// A copy.
    pub(super) fn now(&self) -> Life {
        self.lock().clone()
    }

    /// The state.
    pub(super) fn state(&self) -> State {
        self.lock().state()
    }

    /// The transition that a client asks for, if it leads on from here; see [`Machine::asked`].
    pub(super) fn asked(&self, id: u8, label: &str) -> Option<&'static Transition> {
        self.lock().machine.asked(id, label)
    }

    /// The transitions that lead on from here.
    pub(super) fn available(&self) -> Vec<&'static Transition> {
        self.lock().machine.available().collect()
    }

    /// Takes a transition that leads on from here.
    pub(super) fn begin(&self, transition: &Transition) {
        let mut life = self.lock();
        life.machine.begin(transition);
        life.since = steady_now();
    }

    /// Takes the way out of a busy state; returns it. `failure` says why it is not the way of success.
    pub(super) fn end(&self, outcome: Outcome, failure: Option<String>) -> Option<&'static Transition> {
        let mut life = self.lock();
        let way = life.machine.end(outcome);
        (life.since, life.step) = (steady_now(), None);
        // Error processing that succeeds does not make good what has failed.
        if outcome != Outcome::Success || way.is_some_and(|way| way.from != State::ErrorProcessing) {
            life.failure = failure;
        }
        way
    }

    /// Says what a busy node is at now.
    pub(super) fn step(&self, words: &str) {
        self.lock().step = Some((words.to_owned(), steady_now()));
        tracing::info!("{words}");
    }

    /// In the state that the transitions of these labels lead to, one after the other.
    #[cfg(test)]
    pub(in crate::ros) fn after(labels: &[&str]) -> Self {
        let lifecycle = Self::default();
        for label in labels {
            lifecycle.begin(lifecycle.asked(0, label).unwrap());
            lifecycle.end(Outcome::Success, None);
        }
        lifecycle
    }

    fn lock(&self) -> MutexGuard<'_, Life> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_failed_is_remembered_through_error_processing_until_something_succeeds() {
        let lifecycle = Lifecycle::default();
        lifecycle.begin(lifecycle.asked(1, "").unwrap());
        lifecycle.end(Outcome::Error, Some("no such model".to_owned()));
        assert_eq!(lifecycle.state(), State::ErrorProcessing);
        lifecycle.end(Outcome::Success, None);
        let life = lifecycle.now();
        assert_eq!((life.state(), life.failure.as_deref()), (State::Unconfigured, Some("no such model")));
        lifecycle.begin(lifecycle.asked(1, "").unwrap());
        lifecycle.end(Outcome::Success, None);
        assert_eq!(lifecycle.now().failure, None);
    }
}
