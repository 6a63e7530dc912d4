//! The task that publishes `/diagnostics`, once a second.

use super::diagnostics::{self, Diagnostics, Now};
use super::log::Limiter;
use super::subscribers::Unreached;
use crate::ros::clock::{EdgeClock, steady_now};
use crate::ros::error::NodeError;
use crate::ros::shared::Shared;
use crate::types::Stamp;
use r2r::QosProfile;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

const TOPIC: &str = "/diagnostics";
const PERIOD: Duration = Duration::from_secs(1);

/// Reads what all count.
pub struct Reporter {
    diagnostics: Diagnostics,
    publisher: r2r::PublisherUntyped,
    shared: Shared,
    unreached: Unreached,
    limiter: Limiter,
}

impl Reporter {
    /// Offers the topic.
    ///
    /// # Errors
    /// When DDS refuses it.
    pub fn new(
        node: &mut r2r::Node,
        diagnostics: Diagnostics,
        shared: Shared,
        unreached: Unreached,
    ) -> Result<Self, NodeError> {
        let publisher = node
            .create_publisher_untyped(TOPIC, diagnostics::TYPE_NAME, QosProfile::default())
            .map_err(NodeError::endpoint("publish", TOPIC))?;
        Ok(Self { diagnostics, publisher, shared, unreached, limiter: Limiter::default() })
    }

    /// Reports until the task is ended.
    pub async fn run(mut self) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once, with nothing to tell.
        ticks.tick().await;
        let mut before = steady_now();
        loop {
            ticks.tick().await;
            let steady = steady_now();
            self.report(steady.duration_since(before));
            before = steady;
        }
    }

    fn report(&mut self, elapsed: Duration) {
        let counts = self.shared.health.lock().clone();
        let sessions = self.shared.health.sessions().clone();
        let topics = self.shared.topics.lock().clone();
        let unreached = self.unreached.now();
        let (time, life) = (self.shared.clock.now(), self.shared.lifecycle.now());
        let config = self.shared.config();
        let max_age = Duration::from_millis(config.max_age_ms.unsigned_abs());
        let now = Now {
            life: &life,
            counts: &counts,
            sessions: &sessions,
            topics: &topics,
            unreached: &unreached,
            elapsed,
            silent: self.shared.gate.silent(),
            has_time: time.is_some(),
            steady: steady_now(),
            max_age,
            is_paused: !config.enabled,
        };
        let cdr = self.diagnostics.report(time.unwrap_or(Stamp::from_ns(0)), &now);
        if let Err(error) = self.publisher.publish_raw(cdr) {
            self.limiter.warn("diagnostics", format_args!("diagnostics not published: {error}"));
        }
    }
}
