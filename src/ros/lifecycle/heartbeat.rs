//! Signs of life for Nav2's lifecycle manager: a bond (the package of that name) from activation to deactivation.
//!
//! The manager's end has the node's name for its id and listens on `bond` in its namespace. It takes all its nodes down
//! when nothing is heard for the timeout, or when an end says that it breaks.

use super::{Lifecycle, State};
use crate::ros::clock::wall_now;
use crate::ros::shared::Ending;
use crate::wire::bond::{STATUS, Status, encode_status};
use r2r::QosProfile;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Relative, as Nav2 has it: node and manager are in one namespace.
const TOPIC: &str = "bond";

/// Silence after which the other end holds this one for dead; Nav2's own.
const TIMEOUT_S: f32 = 4.0;

/// This end of the bond.
pub struct Bond {
    publisher: r2r::PublisherUntyped,
    node: String,
    period: Duration,
    /// Of this run: the other end tells by it that a node has started again.
    instance: String,
    cdr: Vec<u8>,
}

impl Bond {
    /// For the node of this name, a sign of life each `period`. `None` where this ROS lacks the package.
    pub fn new(node: &mut r2r::Node, name: &str, period: Duration) -> Option<Self> {
        // As bondcpp has it: a manager that comes late hears the next one.
        match node.create_publisher_untyped(TOPIC, STATUS, QosProfile::default().keep_last(100)) {
            Ok(publisher) => {
                let instance = format!("{}-{}", std::process::id(), wall_now().as_ns());
                Some(Self { publisher, node: name.to_owned(), period, instance, cdr: Vec::new() })
            }
            Err(error) => {
                tracing::info!("no bond for a lifecycle manager, for this ROS lacks the package bond ({error})");
                None
            }
        }
    }

    /// Says that the node lives while it is active, and that the bond is broken when it no longer is, until the node ends.
    pub async fn run(mut self, lifecycle: Arc<Lifecycle>, mut ending: Ending) {
        let mut ticks = interval(self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut was_active = false;
        loop {
            let ends = tokio::select! {
                _ = ticks.tick() => false,
                () = ending.comes() => true,
            };
            let is_active = !ends && lifecycle.state() == State::Active;
            if is_active || was_active {
                self.say(is_active);
            }
            was_active = is_active;
            if ends {
                return;
            }
        }
    }

    fn say(&mut self, active: bool) {
        let status = Status {
            id: &self.node,
            instance_id: &self.instance,
            active,
            heartbeat_timeout_s: TIMEOUT_S,
            heartbeat_period_s: self.period.as_secs_f32(),
        };
        encode_status(&mut self.cdr, wall_now(), &status);
        if let Err(error) = self.publisher.publish_raw(&self.cdr) {
            tracing::debug!("bond not published: {error}");
        }
    }
}
