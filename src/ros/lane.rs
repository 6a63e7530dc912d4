//! The lane: one thread that owns the walk, from the newest picture to results that have left.
//!
//! A picture whose age is no longer allowed does not enter the walk, and what was made of one that became too old
//! meanwhile does not leave it: the [`Gate`](super::watch::gate::Gate) checks that at the last moment, and only what has
//! left counts for the watchdog.

use super::clock::{EdgeClock, steady_now};
use super::intake::freshness::Freshness;
use super::intake::inbox::{Arrival, Side, Work};
use super::order::Order;
use super::publishers::Publishers;
use super::reason::desk::Desk;
use super::report::log::Limiter;
use super::shared::Shared;
use super::watch::gate::{Left, Orders};
use super::watch::stop::StopPlan;
use crate::config::{CameraName, Config};
use crate::pipeline::{
    Entered, FrameError, Input, Intake, Intakes, Moment, Output, Pace, PassedOver, Said, Taken, Walk,
};
use crate::spatial::LinkKind;
use crate::types::{CameraId, Stamp};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

const NS_PER_MS: i64 = 1_000_000;

/// How often diagnostics are told where the sessions run: as often as these are told to others.
const SEE_SESSIONS: Duration = Duration::from_secs(1);

/// The lane of all cameras.
pub struct Lane {
    /// What joins the messages of each camera.
    pub intakes: Intakes,
    /// How long a picture waits for what belongs to it.
    pub waits: Vec<Waits>,
    /// What a moment goes through.
    pub passage: Passage,
    /// Where jobs for the language model go, if there is one.
    pub desk: Option<Arc<Desk>>,
    /// The pictures that wait in their intakes, at most one of each camera.
    pub waiting: Vec<Waiting>,
}

/// A picture that waits.
#[derive(Debug, Clone, Copy)]
pub struct Waiting {
    camera: CameraId,
    missing: Input,
    /// When it began to.
    began: Instant,
    /// When it came from DDS.
    came: Instant,
}

/// The longest waits of a picture that came before what belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Waits {
    camera_info: Duration,
    /// For the transforms of its stamp.
    tf: Duration,
}

impl Waits {
    /// By the parameters, for each camera.
    pub fn of_all(config: &Config) -> Vec<Self> {
        let of_camera = |camera: &CameraName| {
            let own = config.of_camera(camera);
            let [camera_info, tf] =
                [own.camera_info_wait_ms, own.tf_wait_ms].map(|ms| Duration::from_millis(ms.unsigned_abs()));
            Self { camera_info, tf }
        };
        config.camera_names().iter().map(of_camera).collect()
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
    /// The names of the cameras.
    pub cameras: Vec<CameraName>,
    /// What may enter.
    pub freshness: Freshness,
    /// Whether the images of each camera, and plans, come fast enough.
    pub paces: Vec<Pace>,
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
        loop {
            let until = self.waiting.iter().map(|waiting| waiting.deadline(&self.waits)).min();
            let waits = |camera| self.waiting.iter().any(|waiting| waiting.camera == camera);
            let Some(work) = inbox.next(&mut side, waits, until) else { return };
            match work {
                Work::Order(order) => {
                    self.order(order);
                    continue;
                }
                Work::Image(arrival) => {
                    let topics = &self.passage.shared.topics;
                    let is_published = topics.publishers(arrival.camera, Input::CameraInfo) > 0;
                    let has_tf = topics.publishers(CameraId(0), Input::Tf) > 0
                        || topics.publishers(CameraId(0), Input::TfStatic) > 0;
                    self.intakes.of(arrival.camera).expect_camera_info(is_published);
                    self.intakes.expect_tf(has_tf);
                    self.give_side(&mut side);
                    self.image(arrival);
                }
                Work::Side => {
                    self.give_side(&mut side);
                    self.go_on(|intake, _| intake.complete());
                }
                Work::Late => {
                    let (now, waits) = (steady_now(), self.waits.clone());
                    self.go_on(|intake, waiting| {
                        if now < waiting.deadline(&waits) {
                            return intake.complete();
                        }
                        intake.go_without_input(waiting.missing)
                    });
                }
            }
            for (_, intake) in self.intakes.iter_mut() {
                for remark in intake.untold_remarks() {
                    tracing::warn!("{remark}");
                }
            }
            self.hand_over_job();
            if steady_now().duration_since(self.passage.sessions_seen) >= SEE_SESSIONS {
                self.passage.see_sessions();
            }
        }
    }

    fn order(&mut self, order: Order) {
        let walk = &mut self.passage.walk;
        match order {
            Order::Begin => {
                walk.begin_anew();
                self.intakes.begin_anew();
                self.waiting.clear();
                self.passage.paces = paces(&self.passage.shared.config());
            }
            Order::Change { config, prompts, reply } => {
                let changed = walk.change(&config, prompts);
                if changed.is_ok() {
                    self.intakes.change(&config);
                    self.waits = Waits::of_all(&config);
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
        for (at, queue) in side.camera_infos.iter_mut().enumerate() {
            for cdr in queue.drain(..) {
                if let Err(error) = self.intakes.of(CameraId(at)).camera_info(&cdr) {
                    self.passage.lose(CameraId(at), Input::CameraInfo, &error);
                }
            }
        }
        for (input, kind, queue) in
            [(Input::TfStatic, LinkKind::Static, &mut side.static_tfs), (Input::Tf, LinkKind::Moving, &mut side.tfs)]
        {
            for cdr in queue.drain(..) {
                if let Err(error) = self.intakes.tf(kind, &cdr) {
                    self.passage.lose(CameraId(0), input, &error);
                }
            }
        }
        for cdr in side.odoms.drain(..) {
            if let Err(error) = self.intakes.odom(&cdr) {
                self.passage.lose(CameraId(0), Input::Odom, &error);
            }
        }
    }

    fn image(&mut self, Arrival { camera, transport, cdr, taken: came, ros_time }: Arrival) {
        if !self.passage.walk.config().enabled && !self.passage.walk.has_events() {
            self.passage.pass_over(camera, PassedOver::Paused);
            return;
        }
        let intake = self.intakes.of(camera);
        // What is too old already is neither decoded nor waited for.
        if intake.stamp_of(&cdr, ros_time).is_some_and(|stamp| self.passage.lets_in(camera, stamp).is_none()) {
            intake.passed_over(&cdr, ros_time);
            return;
        }
        let began = steady_now();
        match intake.picture(transport, Cow::Owned(cdr), ros_time) {
            Ok(Taken::Waits { missing, .. }) => self.waiting.push(Waiting { camera, missing, began, came }),
            taken => self.passage.taken(camera, taken, came),
        }
    }

    /// Looks after all pictures that wait: those that are complete go through, the others wait on, for something else
    /// perhaps.
    fn go_on(&mut self, look: impl for<'a> Fn(&'a mut Intake, Waiting) -> Result<Taken<'a>, FrameError>) {
        let Self { intakes, passage, waiting, .. } = self;
        waiting.retain_mut(|one| match look(intakes.of(one.camera), *one) {
            Ok(Taken::Waits { missing, .. }) => {
                one.missing = missing;
                true
            }
            taken => {
                passage.taken(one.camera, taken, one.came);
                false
            }
        });
    }
}

impl Waiting {
    /// Until when it waits for what it misses.
    fn deadline(&self, waits: &[Waits]) -> Instant {
        let wait = waits.get(self.camera.0).map_or(Duration::ZERO, |waits| match self.missing {
            Input::Tf => waits.tf,
            _ => waits.camera_info,
        });
        self.began + wait
    }
}

/// Of all cameras.
pub fn paces(config: &Config) -> Vec<Pace> {
    config.camera_names().iter().map(|_| Pace::new(config)).collect()
}

impl Passage {
    fn taken(&mut self, camera: CameraId, taken: Result<Taken<'_>, FrameError>, came: Instant) {
        match taken {
            Ok(Taken::Moment(moment)) => self.moment(&moment, came),
            Ok(Taken::Waits { .. } | Taken::Nothing) => {}
            Err(error) => self.lose(camera, Input::Image, &error),
        }
    }

    fn moment(&mut self, moment: &Moment<'_>, came: Instant) {
        let camera = moment.camera;
        let Some(age_ns) = self.lets_in(camera, moment.stamp()) else { return };
        let Entered { events, passed_over } = self.walk.enter(camera, moment.stamp(), moment.frame.frame_id());
        for cdr in events {
            if let Err(error) = self.publishers.send(Output::Events.of(camera), cdr) {
                self.limiter.warn("not_published", &error);
            }
        }
        if let Some(passed_over) = passed_over {
            return self.pass_over(camera, passed_over);
        }
        let wanted = self.publishers.wanted(camera, age_ns);
        let mut counts = self.shared.health.lock();
        let frames = counts.of(camera);
        frames.misfit = moment.misfit;
        frames.is_placed_by_tf = Some(moment.is_placed_by_tf);
        counts.inference.begins(steady_now());
        drop(counts);
        let said = match self.walk.frame(moment, wanted) {
            Ok(said) => said,
            Err(error) => return self.lose(camera, Input::Image, &error),
        };
        // The walk is lent to `said`.
        let (shared, limiter) = (&self.shared, &mut self.limiter);
        shared.health.lock().inference.succeeded();
        match publish(&said, shared, &self.publishers, limiter) {
            Some(left) => {
                let latency_ms = steady_now().duration_since(came).as_secs_f32() * 1e3;
                let age_ms = left.age_ns as f32 / NS_PER_MS as f32;
                shared.health.lock().processed(camera, said.report(), said.plan(), age_ms, latency_ms);
                self.check_pace(camera, moment.stamp(), left);
            }
            None => shared.health.lock().withheld(said.report()),
        }
    }

    /// Other parameters hold from now on.
    fn change(&mut self, config: &Config) {
        self.freshness = Freshness::new(config);
        self.paces = paces(config);
        if let Err(error) = self.shared.gate.change(self.freshness, StopPlan::new(config), !config.enabled) {
            self.limiter.warn("stop", format_args!("the stop has not left: {error}"));
        }
    }

    fn pass_over(&mut self, camera: CameraId, passed_over: PassedOver) {
        self.shared.health.lock().of(camera).pass_over(passed_over);
    }

    /// A provider may have been left in operation, and prompts may have brought a session.
    fn see_sessions(&mut self) {
        self.sessions_seen = steady_now();
        self.shared.health.sessions().detector.see(self.walk.proofs(), Some(self.walk.proof()));
    }

    /// The age of an image of this stamp that may enter.
    fn lets_in(&mut self, camera: CameraId, stamp: Stamp) -> Option<i64> {
        let not_fresh = match self.freshness.age_ns(stamp, self.shared.clock.now()) {
            Ok(age_ns) => return Some(age_ns),
            Err(not_fresh) => not_fresh,
        };
        self.shared.health.lock().drop_message(camera, Input::Image, not_fresh.cause());
        self.limiter
            .warn(not_fresh.cause(), format_args!("{} stamped {stamp} dropped: {not_fresh}", self.image_of(camera)));
        None
    }

    /// `image`, or `front/image`.
    fn image_of(&self, camera: CameraId) -> String {
        self.called(camera, Input::Image)
    }

    fn called(&self, camera: CameraId, input: Input) -> String {
        self.cameras.get(camera.0).map_or_else(|| input.name().to_owned(), |camera| input.name_for(camera))
    }

    fn lose(&mut self, camera: CameraId, input: Input, error: &FrameError) {
        let mut counts = self.shared.health.lock();
        counts.drop_message(camera, input, error.cause());
        match error {
            FrameError::Detect(reason) => counts.inference.failed(reason),
            FrameError::Blind(blind) => {
                counts.of(camera).saw_nothing(*blind);
                counts.inference.skipped();
            }
            FrameError::NoTransform { reason } => {
                counts.of(camera).no_transform.clone_from(reason);
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
        let called = self.called(camera, input);
        self.limiter.warn(cause, format_args!("{called} dropped: {error}"));
    }

    fn check_pace(&mut self, camera: CameraId, stamp: Stamp, left: Left) {
        for warning in self.paces.get_mut(camera.0).map(|pace| pace.warnings(stamp)).unwrap_or_default() {
            tracing::warn!("{warning}");
        }
        // Plans are those of all cameras.
        if self.paces.first_mut().is_some_and(|pace| pace.is_too_slow(left.replaced_ns)) {
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
    let camera = said.camera();
    let mut send = |output: Output, cdr| {
        if let Err(error) = publishers.send(output.of(camera), cdr) {
            shared.health.lock().drop_message(camera, Input::Image, "not_published");
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
    let orders =
        Orders { stamp, sequence: said.plan().sequence, is_stop: said.plan().is_stop(), base_frame, plan, path };
    let left = match shared.gate.pass(&orders) {
        Ok(left) => left,
        Err(withheld) => {
            shared.health.lock().drop_message(camera, Input::Image, withheld.cause());
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
