//! The clocks of the edge: ROS time, which `/clock` may drive, and the steady clock for latencies and deadlines.

use crate::types::Stamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The steady clock.
#[expect(clippy::disallowed_methods, reason = "the one place of the live edge that reads the steady clock")]
pub fn steady_now() -> Instant {
    Instant::now()
}

/// The wall clock, for log messages.
#[expect(clippy::disallowed_methods, reason = "the one place of the live edge that reads the wall clock")]
pub fn wall_now() -> Stamp {
    Stamp::from_ns(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, saturating_ns))
}

/// The two times that decide what may leave.
pub trait EdgeClock: Send {
    /// ROS time. `None` while simulated time has not begun.
    fn now(&self) -> Option<Stamp>;

    /// What the watchdog counts in, in nanoseconds: simulated time where it drives the node, so that a paused
    /// simulation is no alarm; else the steady clock, which nobody can set. `None` while simulated time has not begun.
    fn watch_ns(&self) -> Option<i64>;
}

/// The clock of one node. Cheap to clone, for any thread.
#[derive(Clone)]
pub struct NodeClock {
    ros: Arc<Mutex<r2r::Clock>>,
    is_simulated: bool,
    started: Instant,
}

impl NodeClock {
    /// The node's clock; with `use_sim_time` it subscribes to `/clock`, and stands at no time until that comes.
    ///
    /// Call it before other subscriptions are made: r2r takes messages in the order of its subscriptions, so the
    /// time is then the newest when a picture is taken.
    ///
    /// # Errors
    /// When `/clock` cannot be subscribed to.
    pub fn new(node: &mut r2r::Node, use_sim_time: bool) -> r2r::Result<Self> {
        if use_sim_time {
            node.get_time_source().enable_sim_time(node)?;
        }
        Ok(Self { ros: node.get_ros_clock(), is_simulated: use_sim_time, started: steady_now() })
    }

    /// Whether `/clock` drives it.
    pub fn is_simulated(&self) -> bool {
        self.is_simulated
    }
}

impl EdgeClock for NodeClock {
    fn now(&self) -> Option<Stamp> {
        let now = self.ros.lock().unwrap_or_else(PoisonError::into_inner).get_now().ok()?;
        let began = !(self.is_simulated && now.is_zero());
        began.then(|| Stamp::from_ns(saturating_ns(now)))
    }

    fn watch_ns(&self) -> Option<i64> {
        if self.is_simulated {
            self.now().map(Stamp::as_ns)
        } else {
            Some(saturating_ns(steady_now().duration_since(self.started)))
        }
    }
}

fn saturating_ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
