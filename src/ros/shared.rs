//! What the threads and services of one node have in common.

use super::clock::NodeClock;
use super::intake::graph::Topics;
use super::intake::inbox::Inbox;
use super::lifecycle::Lifecycle;
use super::report::health::Health;
use super::watch::gate::Gate;
use crate::config::Config;
use crate::pipeline::Transforms;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;

/// Handles, cheap to clone.
#[derive(Clone)]
pub struct Shared {
    /// The hand-over of messages to the lane.
    pub inbox: Arc<Inbox>,
    /// Through it all plans leave.
    pub gate: Arc<Gate>,
    /// What is counted.
    pub health: Arc<Health>,
    /// The inputs, and who publishes them.
    pub topics: Arc<Topics>,
    /// ROS time.
    pub clock: NodeClock,
    /// Where the robot's frames are, for all cameras and for as long as the node lives: what does not move is told once.
    pub transforms: Transforms,
    /// The state of the node.
    pub lifecycle: Arc<Lifecycle>,
    /// The parameters in force.
    pub parameters: Arc<RwLock<Arc<Config>>>,
}

impl Shared {
    /// The parameters in force.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.parameters.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The word that the node ends, for the services that tell those who wait.
#[derive(Clone)]
pub struct Ending(watch::Receiver<bool>);

impl Ending {
    /// The word, and who says it by sending `true`.
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Waits for the word. Who could say it and is gone has said it.
    pub async fn comes(&mut self) {
        let _ = self.0.wait_for(|is_ending| *is_ending).await;
    }
}
