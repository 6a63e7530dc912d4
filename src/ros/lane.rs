//! The lane: one thread that owns the walk, from the newest picture to published results.

use super::clock::steady_now;
use super::intake::inbox::{Arrival, Side, Work};
use super::node::Shared;
use super::order::Order;
use super::reason::desk::Desk;
use super::report::health::Health;
use super::report::log::Limiter;
use crate::config::Config;
use crate::pipeline::{FrameError, Input, Intake, Moment, Taken, Walk, Wanted};
use crate::types::Stamp;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const NS_PER_MS: i64 = 1_000_000;

/// What counts as fresh, and how long to wait for what belongs to a picture.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// A picture whose stamp is further than this from ROS time, in the past or in the future, is dropped: older is
    /// no longer true, newer means that the clocks disagree and its age is unknown.
    pub max_age_ns: i64,
    /// The longest wait for the camera_info of a picture that came first.
    pub camera_info_wait: Duration,
}

/// Why a picture does not enter the walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotFresh {
    TooOld { age_ns: i64 },
    FromTheFuture { ahead_ns: i64 },
    NoClock,
}

impl Freshness {
    /// From the parameters.
    pub fn new(config: &Config) -> Self {
        Self {
            max_age_ns: config.max_age_ms * NS_PER_MS,
            camera_info_wait: Duration::from_millis(config.camera_info_wait_ms.unsigned_abs()),
        }
    }

    fn check(&self, stamp: Stamp, now: Option<Stamp>) -> Result<(), NotFresh> {
        let age_ns = now.ok_or(NotFresh::NoClock)?.ns_since(stamp);
        if age_ns > self.max_age_ns {
            Err(NotFresh::TooOld { age_ns })
        } else if age_ns < -self.max_age_ns {
            Err(NotFresh::FromTheFuture { ahead_ns: -age_ns })
        } else {
            Ok(())
        }
    }
}

/// One camera's lane.
pub struct Lane {
    /// What joins the camera's messages.
    pub intake: Intake,
    /// The walk, and with it the model's session.
    pub walk: Walk,
    /// What it has in common with the spin thread.
    pub shared: Shared,
    /// The limits.
    pub freshness: Freshness,
    /// Where jobs for the language model go, if there is one.
    pub desk: Option<Arc<Desk>>,
}

impl Lane {
    /// Works until the inbox is closed.
    pub fn run(mut self) {
        let mut side = Side::default();
        let mut limiter = Limiter::default();
        let inbox = Arc::clone(&self.shared.inbox);
        while let Some(work) = inbox.next(&mut side) {
            match work {
                Work::Order(order) => self.order(order),
                Work::Image(arrival) => {
                    self.intake.expect_camera_info(self.shared.camera_info_expected.load(Ordering::Relaxed));
                    self.give_side(&mut side, &mut limiter);
                    self.image(arrival, &mut side, &mut limiter);
                    self.hand_over_job();
                }
            }
        }
    }

    fn order(&mut self, order: Order) {
        match order {
            Order::Prompts { prompts, reply } => {
                // Who asked may be gone by now.
                let _ = reply.send(self.walk.set_prompts(prompts));
            }
            Order::Ask { inquiry, asker } => {
                self.walk.ask(inquiry, asker);
            }
            Order::Withdraw(id) => self.walk.withdraw(id),
            Order::Proposed(proposed) => self.walk.propose(*proposed),
            Order::TakenBack(job) => self.walk.take_back(*job),
        }
    }

    /// What the walk wants to be looked at goes to the reason thread, which sends it back as an order.
    fn hand_over_job(&mut self) {
        if let Some(desk) = &self.desk
            && let Some(job) = self.walk.take_job()
        {
            desk.put(job);
        }
    }

    fn give_side(&mut self, side: &mut Side, limiter: &mut Limiter) {
        for cdr in side.camera_infos.drain(..) {
            if let Err(error) = self.intake.camera_info(&cdr) {
                lose(&self.shared.health, limiter, Input::CameraInfo, &error);
            }
        }
        for cdr in side.odoms.drain(..) {
            if let Err(error) = self.intake.odom(&cdr) {
                lose(&self.shared.health, limiter, Input::Odom, &error);
            }
        }
    }

    fn image(&mut self, Arrival { cdr, taken: came }: Arrival, side: &mut Side, limiter: &mut Limiter) {
        let deadline = steady_now() + self.freshness.camera_info_wait;
        match self.intake.image(Cow::Owned(cdr)) {
            Err(error) => return lose(&self.shared.health, limiter, Input::Image, &error),
            Ok(Taken::Moment(moment)) => {
                return frame(&mut self.walk, &mut self.shared, &self.freshness, &moment, came, limiter);
            }
            Ok(Taken::Waits { .. } | Taken::Nothing) => {}
        }
        while self.shared.inbox.more_side(side, deadline) {
            self.give_side(side, limiter);
            if let Ok(Taken::Moment(moment)) = self.intake.complete() {
                return frame(&mut self.walk, &mut self.shared, &self.freshness, &moment, came, limiter);
            }
        }
        if let Ok(Some(moment)) = self.intake.go_without() {
            frame(&mut self.walk, &mut self.shared, &self.freshness, &moment, came, limiter);
        }
    }
}

/// One moment that is fresh when it comes and when it goes.
fn frame(
    walk: &mut Walk,
    shared: &mut Shared,
    freshness: &Freshness,
    moment: &Moment<'_>,
    came: Instant,
    limiter: &mut Limiter,
) {
    if let Err(reason) = freshness.check(moment.stamp(), shared.clock.now()) {
        return refuse(shared, freshness, moment.stamp(), reason, limiter);
    }
    let wanted = Wanted::by(&shared.publishers);
    let said = match walk.frame(moment, wanted) {
        Ok(said) => said,
        Err(error) => return lose(&shared.health, limiter, Input::Image, &error),
    };
    if let Err(reason) = freshness.check(moment.stamp(), shared.clock.now()) {
        return refuse(shared, freshness, moment.stamp(), reason, limiter);
    }
    // Unlike a file, DDS may take the next message.
    if let Err(error) = said.hand_to(&mut shared.publishers) {
        shared.health.lock().drop_message(Input::Image, "not_published");
        let source = &error.source;
        return limiter.warn("not_published", format_args!("{error}: {source}"));
    }
    let latency_ms = steady_now().duration_since(came).as_secs_f32() * 1e3;
    let age_ns = shared.clock.now().map_or(0, |now| now.ns_since(moment.stamp()));
    let mut counts = shared.health.lock();
    counts.processed(said.report(), said.plan(), age_ns as f32 / 1e6, latency_ms);
    counts.fresh_ns = shared.clock.watch_ns();
}

fn refuse(shared: &Shared, freshness: &Freshness, stamp: Stamp, reason: NotFresh, limiter: &mut Limiter) {
    let limit_ms = freshness.max_age_ns / NS_PER_MS;
    let cause = match reason {
        NotFresh::TooOld { age_ns } => {
            let age_ms = age_ns / NS_PER_MS;
            limiter.warn(
                "too_old",
                format_args!("image stamped {stamp} dropped: {age_ms} ms old, max_age_ms is {limit_ms}"),
            );
            "too_old"
        }
        NotFresh::FromTheFuture { ahead_ns } => {
            let ahead_ms = ahead_ns / NS_PER_MS;
            limiter.warn(
                "from_the_future",
                format_args!(
                    "image stamped {stamp} dropped: {ahead_ms} ms ahead of ROS time, more than max_age_ms \
                         ({limit_ms}); do the clocks of camera and node agree, or is use_sim_time missing?"
                ),
            );
            "from_the_future"
        }
        NotFresh::NoClock => {
            limiter.warn("no_clock", "image dropped: use_sim_time is set and no /clock has come, its age is unknown");
            "no_clock"
        }
    };
    shared.health.lock().drop_message(Input::Image, cause);
}

fn lose(health: &Health, limiter: &mut Limiter, input: Input, error: &FrameError) {
    let mut counts = health.lock();
    counts.drop_message(input, error.cause());
    if let FrameError::Blind(blind) = error {
        counts.saw_nothing(*blind);
    }
    drop(counts);
    let cause = match input {
        Input::Image => error.cause(),
        Input::CameraInfo => "camera_info",
        Input::Odom => "odom",
    };
    limiter.warn(cause, format_args!("{} dropped: {error}", input.name()));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Freshness = Freshness { max_age_ns: 200, camera_info_wait: Duration::ZERO };

    #[test]
    fn a_picture_is_fresh_within_max_age_of_ros_time_on_both_sides() {
        let now = Some(Stamp::from_ns(1000));
        for ns in [800, 1000, 1200] {
            assert_eq!(LIMITS.check(Stamp::from_ns(ns), now), Ok(()));
        }
        assert_eq!(LIMITS.check(Stamp::from_ns(799), now), Err(NotFresh::TooOld { age_ns: 201 }));
        assert_eq!(LIMITS.check(Stamp::from_ns(1201), now), Err(NotFresh::FromTheFuture { ahead_ns: 201 }));
    }

    #[test]
    fn without_a_clock_nothing_is_fresh() {
        assert_eq!(LIMITS.check(Stamp::from_ns(0), None), Err(NotFresh::NoClock));
    }
}
