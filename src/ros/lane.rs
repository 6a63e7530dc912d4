//! The lane: one thread that owns the walk, from the newest picture to results that have left.
//!
//! A picture whose age is no longer allowed does not enter the walk, and what was made of one that became too old
//! meanwhile does not leave it: the [`Gate`](super::watch::gate::Gate) checks that at the last moment, and only what has
//! left counts for the watchdog.

use super::clock::{EdgeClock, steady_now};
use super::intake::freshness::Freshness;
use super::intake::inbox::{Arrival, Side, Work};
use super::order::Order;
use super::publishers::{Publish, Publishers};
use super::reason::desk::Desk;
use super::report::log::Limiter;
use super::shared::Shared;
use super::watch::gate::{Left, Orders};
use super::watch::stop::StopPlan;
use crate::config::Config;
use crate::pipeline::{Entered, FrameError, Input, Intake, Moment, Output, Pace, PassedOver, Said, Taken, Walk};
use crate::spatial::LinkKind;
use crate::types::Stamp;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NS_PER_MS: i64 = 1_000_000;

/// How often diagnostics are told where the sessions run: as often as these are told to others.
const SEE_SESSIONS: Duration = Duration::from_secs(1);

/// One camera's lane.
pub struct Lane {
    /// What joins the camera's messages.
    pub intake: Intake,
    /// How long a picture waits for what belongs to it.
    pub waits: Waits,
    /// What a moment goes through.
    pub passage: Passage,
    /// Where jobs for the language model go, if there is one.
    pub desk: Option<Arc<Desk>>,
}

/// The longest waits of a picture that came before what belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    camera_info: Duration,
    /// For the transforms of its stamp.
    tf: Duration,
}

impl Waits {
    /// By the parameters.
    pub fn new(config: &Config) -> Self {
        let [camera_info, tf] =
            [config.camera_info_wait_ms, config.tf_wait_ms].map(|ms| Duration::from_millis(ms.unsigned_abs()));
        Self { camera_info, tf }
    }
}

/// From a moment to what has left.
pub struct Passage {
    /// The walk, and with it the model's session.
    pub walk: Walk,
    /// What it has in common with the other threads.
    pub shared: Shared,
    /// Where all leaves that is no plan.
    pub publishers: Publishers,
    /// What may enter.
    pub freshness: Freshness,
    /// Whether images and plans come fast enough.
    pub pace: Pace,
    /// When it was last seen where the sessions run.
    pub sessions_seen: Instant,
    /// Warnings.
    pub limiter: Limiter,
}

impl Lane {
    /// Works until the inbox is closed.
    pub fn run(mut self) {
        let mut side = Side::default();
        let inbox = Arc::clone(&self.passage.shared.inbox);
        while let Some(work) = inbox.next(&mut side) {
            match work {
                Work::Order(order) => self.order(order),
                Work::Image(arrival) => {
                    let is_published = self.passage.shared.topics.publishers(Input::CameraInfo) > 0;
                    self.intake.expect_camera_info(is_published);
                    let topics = &self.passage.shared.topics;
                    self.intake.expect_tf(topics.publishers(Input::Tf) + topics.publishers(Input::TfStatic) > 0);
                    self.give_side(&mut side);
                    self.image(arrival, &mut side);
                    for remark in self.intake.untold_remarks() {
                        tracing::warn!("{remark}");
                    }
                    self.hand_over_job();
                    if steady_now().duration_since(self.passage.sessions_seen) >= SEE_SESSIONS {
                        self.passage.see_sessions();
                    }
                }
            }
        }
    }

    fn order(&mut self, order: Order) {
        let walk = &mut self.passage.walk;
        match order {
            Order::Begin => {
                walk.begin_anew();
                self.intake.begin_anew();
                self.passage.pace = Pace::new(&self.passage.shared.config());
            }
            Order::Change { config, prompts, reply } => {
                let changed = walk.change(&config, prompts);
                if changed.is_ok() {
                    self.intake.change(&config);
                    self.waits = Waits::new(&config);
                    self.passage.change(&config);
                }
                // Who asked may be gone by now.
                let _ = reply.send(changed);
                self.passage.see_sessions();
            }
            Order::Ask { inquiry, asker } => {
                walk.ask(inquiry, asker);
            }
            Order::Withdraw(id) => walk.withdraw(id),
            Order::Proposed(proposed) => walk.propose(*proposed),
            Order::TakenBack(job) => walk.take_back(*job),
            Order::StopAsking => walk.stop_asking(),
        }
    }

    /// What the walk wants to be looked at goes to the reason thread, which sends it back as an order.
    fn hand_over_job(&mut self) {
        if let Some(desk) = &self.desk
            && let Some(job) = self.passage.walk.take_job()
        {
            desk.put(job);
        }
    }

    fn give_side(&mut self, side: &mut Side) {
        for cdr in side.camera_infos.drain(..) {
            if let Err(error) = self.intake.camera_info(&cdr) {
                self.passage.lose(Input::CameraInfo, &error);
            }
        }
        for (input, kind, queue) in
            [(Input::TfStatic, LinkKind::Static, &mut side.static_tfs), (Input::Tf, LinkKind::Moving, &mut side.tfs)]
        {
            for cdr in queue.drain(..) {
                if let Err(error) = self.intake.tf(kind, &cdr) {
                    self.passage.lose(input, &error);
                }
            }
        }
        for cdr in side.odoms.drain(..) {
            if let Err(error) = self.intake.odom(&cdr) {
                self.passage.lose(Input::Odom, &error);
            }
        }
    }

    fn image(&mut self, Arrival { transport, cdr, taken: came, ros_time }: Arrival, side: &mut Side) {
        if !self.passage.walk.config().enabled && !self.passage.walk.has_events() {
            self.passage.pass_over(PassedOver::Paused);
            return;
        }
        // What is too old already is neither decoded nor waited for.
        if self.intake.stamp_of(&cdr, ros_time).is_some_and(|stamp| self.passage.lets_in(stamp).is_none()) {
            self.intake.passed_over(&cdr, ros_time);
            return;
        }
        let began = steady_now();
        let mut missing = match self.intake.picture(transport, Cow::Owned(cdr), ros_time) {
            Ok(Taken::Waits { missing, .. }) => missing,
            taken => return self.passage.taken(taken, came),
        };
        loop {
            let wait = if missing == Input::Tf { self.waits.tf } else { self.waits.camera_info };
            let has_more = self.passage.shared.inbox.more_side(side, began + wait);
            if has_more {
                self.give_side(side);
            }
            match if has_more { self.intake.complete() } else { self.intake.go_without_input(missing) } {
                Ok(Taken::Waits { missing: next, .. }) => missing = next,
                taken => return self.passage.taken(taken, came),
            }
        }
    }
}

impl Passage {
    fn taken(&mut self, taken: Result<Taken<'_>, FrameError>, came: Instant) {
        match taken {
            Ok(Taken::Moment(moment)) => self.moment(&moment, came),
            Ok(Taken::Waits { .. } | Taken::Nothing) => {}
            Err(error) => self.lose(Input::Image, &error),
        }
    }

    fn moment(&mut self, moment: &Moment<'_>, came: Instant) {
        let Some(age_ns) = self.lets_in(moment.stamp()) else { return };
        let Entered { events, passed_over } = self.walk.enter(moment.stamp(), moment.frame.frame_id());
        for cdr in events {
            if let Err(error) = self.publishers.publish(Output::Events, cdr) {
                self.limiter.warn("not_published", &error);
            }
        }
        if let Some(passed_over) = passed_over {
            return self.pass_over(passed_over);
        }
        let wanted = self.publishers.wanted(age_ns);
        let mut counts = self.shared.health.lock();
        counts.misfit = moment.misfit;
        counts.is_placed_by_tf = Some(moment.is_placed_by_tf);
        counts.inference.begins(steady_now());
        drop(counts);
        let said = match self.walk.frame(moment, wanted) {
            Ok(said) => said,
            Err(error) => return self.lose(Input::Image, &error),
        };
        // The walk is lent to `said`.
        let (shared, limiter) = (&self.shared, &mut self.limiter);
        shared.health.lock().inference.succeeded();
        match publish(&said, shared, &self.publishers, limiter) {
            Some(left) => {
                let latency_ms = steady_now().duration_since(came).as_secs_f32() * 1e3;
                let age_ms = left.age_ns as f32 / NS_PER_MS as f32;
                shared.health.lock().processed(said.report(), said.plan(), age_ms, latency_ms);
                self.check_pace(moment.stamp(), left);
            }
            None => shared.health.lock().withheld(said.report()),
        }
    }

    /// Other parameters hold from now on.
    fn change(&mut self, config: &Config) {
        self.freshness = Freshness::new(config);
        self.pace = Pace::new(config);
        if let Err(error) = self.shared.gate.change(self.freshness, StopPlan::new(config), !config.enabled) {
            self.limiter.warn("stop", format_args!("the stop has not left: {error}"));
        }
    }

    fn pass_over(&mut self, passed_over: PassedOver) {
        self.shared.health.lock().pass_over(passed_over);
    }

    /// A provider may have been left in operation, and prompts may have brought a session.
    fn see_sessions(&mut self) {
        self.sessions_seen = steady_now();
        self.shared.health.sessions().detector.see(self.walk.proofs(), Some(self.walk.proof()));
    }

    /// The age of an image of this stamp that may enter.
    fn lets_in(&mut self, stamp: Stamp) -> Option<i64> {
        let not_fresh = match self.freshness.age_ns(stamp, self.shared.clock.now()) {
            Ok(age_ns) => return Some(age_ns),
            Err(not_fresh) => not_fresh,
        };
        self.shared.health.lock().drop_message(Input::Image, not_fresh.cause());
        self.limiter.warn(not_fresh.cause(), format_args!("image stamped {stamp} dropped: {not_fresh}"));
        None
    }

    fn lose(&mut self, input: Input, error: &FrameError) {
        let mut counts = self.shared.health.lock();
        counts.drop_message(input, error.cause());
        match error {
            FrameError::Detect(reason) => counts.inference.failed(reason),
            FrameError::Blind(blind) => {
                counts.saw_nothing(*blind);
                counts.inference.skipped();
            }
            FrameError::NoTransform { reason } => {
                counts.no_transform.clone_from(reason);
                counts.inference.skipped();
            }
            // Refused before the model ran.
            _ if input == Input::Image => counts.inference.skipped(),
            _ => {}
        }
        drop(counts);
        let cause = match input {
            Input::Image | Input::CompressedImage => error.cause(),
            Input::CameraInfo => "camera_info",
            Input::Odom => "odom",
            Input::Tf | Input::TfStatic => "tf",
        };
        self.limiter.warn(cause, format_args!("{} dropped: {error}", input.name()));
    }

    fn check_pace(&mut self, stamp: Stamp, left: Left) {
        for warning in self.pace.warnings(stamp) {
            tracing::warn!("{warning}");
        }
        if self.pace.is_too_slow(left.replaced_ns) {
            let max_age_ms = self.freshness.max_age_ns / NS_PER_MS;
            let age_ms = left.replaced_ns.unwrap_or(0) / NS_PER_MS;
            tracing::warn!(
                "plans come too slowly: each is about {age_ms} ms old before the next one leaves, max_age_ms is \
                 {max_age_ms}, so the watchdog says stop between them; raise max_age_ms above the time from image to \
                 image plus the latency, or make the model or the camera faster"
            );
        }
    }
}

/// Publishes what was said: first what stays true at any age, then the plan, and the rest only if that has left. `None`
/// where it has not.
fn publish(said: &Said<'_>, shared: &Shared, publishers: &Publishers, limiter: &mut Limiter) -> Option<Left> {
    let mut send = |output, cdr| {
        if let Err(error) = publishers.publish(output, cdr) {
            shared.health.lock().drop_message(Input::Image, "not_published");
            limiter.warn("not_published", &error);
        }
    };
    if !shared.gate.is_open() {
        return None;
    }
    let (mut plan, mut path) = (&[][..], &[][..]);
    for (output, cdr) in said.messages() {
        match output {
            Output::Events | Output::LabelInfo | Output::VisionInfo | Output::Proposal => send(output, cdr),
            Output::Plan => plan = cdr,
            Output::Path => path = cdr,
            Output::Detections | Output::Markers | Output::ImageAnnotations | Output::ImageAnnotated => {}
        }
    }
    let (stamp, base_frame) = (said.stamp(), said.base_frame());
    let orders = Orders { stamp, sequence: said.plan().sequence, base_frame, plan, path };
    let left = match shared.gate.pass(&orders) {
        Ok(left) => left,
        Err(withheld) => {
            shared.health.lock().drop_message(Input::Image, withheld.cause());
            let stamp = said.stamp();
            limiter
                .warn(withheld.cause(), format_args!("the plan of the image stamped {stamp} is withheld: {withheld}"));
            return None;
        }
    };
    for (output, cdr) in said.messages().filter(|(output, _)| is_seen(*output)) {
        send(output, cdr);
    }
    Some(left)
}

/// What was seen in the image: it leaves with the plan or not at all.
const fn is_seen(output: Output) -> bool {
    matches!(output, Output::Detections) || output.is_on_demand()
}
