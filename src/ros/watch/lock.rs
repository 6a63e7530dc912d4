//! The lock, `~/stop`: true while the robot is not to move, said with each plan and again all the time, so that who
//! listens can hold silence for a stop. That is what twist_mux does with the topic of a lock that has a timeout.

use crate::ros::clock::steady_now;
use crate::ros::publishers::{NotPublished, Publish};
use std::time::{Duration, Instant};

/// It is said again once this has passed, and looked at as often: at the latest after twice as long.
pub const PERIOD: Duration = Duration::from_millis(50);

/// What the lock says, and when it last did.
pub struct Lock {
    is_locked: bool,
    said: Option<Instant>,
}

impl Lock {
    /// Locked, and not said yet.
    pub fn new() -> Self {
        Self { is_locked: true, said: None }
    }

    /// Locks or lets go, and says so at once.
    ///
    /// # Errors
    /// When DDS does not take it; the next beat says it again.
    pub fn set(&mut self, to: &dyn Publish, is_locked: bool) -> Result<(), NotPublished> {
        self.is_locked = is_locked;
        self.said = None;
        self.beat(to)
    }

    /// Says it again where it is time to.
    ///
    /// # Errors
    /// When DDS does not take it; the next beat says it again.
    pub fn beat(&mut self, to: &dyn Publish) -> Result<(), NotPublished> {
        let now = steady_now();
        if self.said.is_none_or(|said| now.duration_since(said) >= PERIOD) {
            to.publish_stop(self.is_locked)?;
            self.said = Some(now);
        }
        Ok(())
    }
}
