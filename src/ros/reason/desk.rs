//! The hand-over from the lane to the reason thread: one job waits or runs, and whoever holds the desk can end it.

use crate::pipeline::ReasonJob;
use crate::ros::clock::steady_now;
use crate::types::{Cancel, CancelReason};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The desk. No lock is held while the model runs.
#[derive(Default)]
pub struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    job: Option<ReasonJob>,
    /// The token of what runs, and since when.
    running: Option<(Cancel, Instant)>,
    is_closed: bool,
}

impl Desk {
    /// Puts a job on the desk. The walk makes no second one before the first is done.
    pub fn put(&self, job: ReasonJob) {
        self.lock().job = Some(job);
        self.changed.notify_one();
    }

    /// Waits for a job; its token ends it. `None` once closed.
    pub fn next(&self) -> Option<(ReasonJob, Cancel)> {
        let mut state = self.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(job) = state.job.take() {
                let cancel = job.asker().map(|asker| asker.cancel.clone()).unwrap_or_default();
                state.running = Some((cancel.clone(), steady_now()));
                return Some((job, cancel));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The job that ran has ended.
    pub fn done(&self) {
        self.lock().running = None;
    }

    /// Whether a job waits or runs.
    pub fn is_busy(&self) -> bool {
        let state = self.lock();
        state.job.is_some() || state.running.is_some()
    }

    /// Ends what has run for longer than `deadline`.
    pub fn enforce(&self, deadline: Duration) {
        if let Some((cancel, since)) = &self.lock().running
            && steady_now().duration_since(*since) >= deadline
        {
            cancel.cancel(CancelReason::Deadline);
        }
    }

    /// Ends what runs between two tokens, and then the thread.
    pub fn close(&self) {
        let mut state = self.lock();
        state.is_closed = true;
        state.job = None;
        if let Some((cancel, _)) = &state.running {
            cancel.cancel(CancelReason::Shutdown);
        }
        self.changed.notify_all();
    }

    /// A poisoned lock only means that another thread ended in a panic, which the spin thread reports itself.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running(desk: &Desk) -> Cancel {
        let cancel = Cancel::new();
        desk.lock().running = Some((cancel.clone(), steady_now()));
        cancel
    }

    #[test]
    fn what_runs_too_long_is_ended_and_nothing_else() {
        let desk = Desk::default();
        desk.enforce(Duration::ZERO);
        let cancel = running(&desk);
        desk.enforce(Duration::from_secs(3600));
        assert!(desk.is_busy() && cancel.reason().is_none());
        desk.enforce(Duration::ZERO);
        assert_eq!(cancel.reason(), Some(CancelReason::Deadline));
        desk.done();
        assert!(!desk.is_busy());
    }

    #[test]
    fn closing_ends_what_runs_and_the_thread() {
        let desk = Desk::default();
        let cancel = running(&desk);
        desk.close();
        assert_eq!(cancel.reason(), Some(CancelReason::Shutdown));
        assert!(desk.next().is_none());
    }
}
