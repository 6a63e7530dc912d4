//! The node's threads, and how each of them ends.

use super::error::NodeError;
use super::watch::gate::Gate;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a thread is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// The lane: from pictures to plans.
    Perceive,
    /// From DDS to the lane.
    Spin,
    /// Says stop when nobody else does.
    Watch,
    /// Owns the language model.
    Reason,
    /// Encodes prompts.
    Prompts,
    /// Loads the models.
    Load,
}

impl Duty {
    /// The thread's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Perceive => "perceive",
            Self::Spin => "spin",
            Self::Watch => "watch",
            Self::Reason => "reason",
            Self::Prompts => "prompts",
            Self::Load => "load",
        }
    }

    /// Whether the node cannot go on without it.
    const fn is_vital(self) -> bool {
        matches!(self, Self::Perceive | Self::Spin | Self::Watch)
    }
}

/// A thread has ended.
#[derive(Debug)]
pub struct Ended {
    /// Which one.
    pub duty: Duty,
    /// The words of the panic, if it ended in one.
    pub panic: Option<String>,
}

impl Ended {
    /// Whether the node ends with it. One that was told to end is no loss.
    pub fn is_the_end(&self) -> bool {
        self.duty.is_vital() && self.panic.is_some()
    }

    /// The fault, if it was one.
    pub fn fault(self) -> Option<NodeError> {
        let what = format!("the thread {}", self.duty.name());
        self.panic.map(|reason| NodeError::Panicked { what, reason })
    }
}

/// All threads beside the one that calls [`Edge::run`](super::Edge::run).
pub struct Threads {
    gate: Arc<Gate>,
    running: Vec<(Duty, JoinHandle<()>)>,
    tell: UnboundedSender<Ended>,
    ends: UnboundedReceiver<Ended>,
}

impl Threads {
    /// None yet. A panic of one that the node cannot do without closes the gate on the spot.
    pub fn new(gate: Arc<Gate>) -> Self {
        let (tell, ends) = unbounded_channel();
        Self { gate, running: Vec::new(), tell, ends }
    }

    /// Starts one.
    ///
    /// # Errors
    /// [`NodeError::System`] when there is no thread to be had.
    pub fn start(&mut self, duty: Duty, work: impl FnOnce() + Send + 'static) -> Result<(), NodeError> {
        let (gate, tell) = (Arc::clone(&self.gate), self.tell.clone());
        let thread = thread::Builder::new().name(duty.name().into()).spawn(move || {
            let panic = catch_unwind(AssertUnwindSafe(work)).err().map(|panic| words_of(&*panic));
            if let Some(words) = panic.as_ref().filter(|_| duty.is_vital()) {
                // Whoever is told of the end logs it; this must not wait.
                let _ = gate.close(&format!("the thread {} ended in a panic: {words}", duty.name()));
            }
            // Without anybody to tell, the node has ended before.
            let _ = tell.send(Ended { duty, panic });
        });
        let thread = thread.map_err(|source| NodeError::System { action: "start a thread", source })?;
        self.running.push((duty, thread));
        Ok(())
    }

    /// The next thread to end. Never comes when none is left.
    pub async fn next_end(&mut self) -> Ended {
        // There is a sender in `self`, so there always is a next one.
        let Some(ended) = self.ends.recv().await else { std::future::pending().await };
        if let Some(at) = self.running.iter().position(|(duty, _)| *duty == ended.duty) {
            // Only the thread's last steps are left; its panic has been caught.
            let _ = self.running.swap_remove(at).1.join();
        }
        ended
    }

    /// Whether one of these still runs.
    pub fn any_runs(&self, duties: &[Duty]) -> bool {
        self.running.iter().any(|(duty, _)| duties.contains(duty))
    }

    /// Waits until those of these that run have ended; returns their faults.
    pub async fn all_ended(&mut self, duties: &[Duty]) -> Vec<NodeError> {
        let mut faults = Vec::new();
        while self.any_runs(duties) {
            faults.extend(self.next_end().await.fault());
        }
        faults
    }
}

/// The words of a panic.
pub fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ros::watch::gate::tests::bench;

    #[tokio::test]
    async fn a_panic_of_a_thread_that_the_node_needs_is_the_last_stop_at_once() {
        for duty in [Duty::Perceive, Duty::Spin, Duty::Watch] {
            let bench = bench(1000);
            let mut threads = Threads::new(Arc::clone(&bench.gate));
            threads.start(duty, || panic!("by order of the test")).unwrap();
            let ended = threads.next_end().await;
            let words = format!("the thread {} ended in a panic: by order of the test", duty.name());
            assert_eq!(bench.left(), [format!("stop 0: {words}"), "~/path".to_owned()]);
            assert!(ended.is_the_end() && ended.fault().unwrap().to_string() == words);
        }
    }

    #[tokio::test]
    async fn the_node_goes_on_without_the_others() {
        let bench = bench(1000);
        let mut threads = Threads::new(Arc::clone(&bench.gate));
        for duty in [Duty::Reason, Duty::Prompts] {
            threads.start(duty, || panic!("by order of the test")).unwrap();
            assert!(!threads.next_end().await.is_the_end());
        }
        assert!(bench.left().is_empty() && bench.gate.is_open());
    }

    #[tokio::test]
    async fn all_that_run_are_waited_for_and_faults_are_told() {
        let mut threads = Threads::new(Arc::clone(&bench(1000).gate));
        threads.start(Duty::Perceive, || std::thread::sleep(std::time::Duration::from_millis(20))).unwrap();
        threads.start(Duty::Prompts, || panic!("by order of the test")).unwrap();
        let faults = threads.all_ended(&[Duty::Perceive, Duty::Reason, Duty::Prompts]).await;
        assert_eq!((faults.len(), threads.running.len()), (1, 0));
    }
}
