//! The spin thread: DDS to inbox, services, graph, watchdog and diagnostics.

use super::clock::steady_now;
use super::intake::gaps::Gaps;
use super::intake::graph::{Publishing, Topic};
use super::intake::inbox::Arrival;
use super::lane::Freshness;
use super::node::{NodeError, Shared};
use super::reason::ask::Questions;
use super::report::diagnostics;
use super::report::diagnostics::{Diagnostics, Moment};
use super::report::health::SUPERSEDED;
use super::report::log::Limiter;
use super::services::parameter_services::ParameterServices;
use super::services::set_prompts::PromptService;
use super::watch::stop::StopPlan;
use super::watch::watchdog::{Watch, Watchdog};
use crate::config::Config;
use crate::pipeline::{Input, Walk};
use crate::types::Stamp;
use crate::wire;
use futures::{FutureExt, Stream, StreamExt};
use r2r::QosProfile;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The longest sleep while nothing comes: how late a signal is noticed.
const MAX_WAIT: Duration = Duration::from_millis(50);
/// As long while somebody waits for words: how late a piece of an answer may be.
const BUSY_WAIT: Duration = Duration::from_millis(5);
/// How long clients have to fetch what they are told at the end.
const FAREWELL: Duration = Duration::from_millis(200);
/// Between two looks at the graph.
const GRAPH_PERIOD: Duration = Duration::from_millis(200);
/// Between two diagnostics.
const DIAGNOSTICS_PERIOD: Duration = Duration::from_secs(1);

type Messages = Box<dyn Stream<Item = Vec<u8>> + Unpin>;

/// All that the spin thread owns.
pub struct Spin {
    /// In the order of [`Input::ALL`].
    messages: [Messages; 3],
    /// In the order of [`Input::ALL`].
    topics: [(Topic, Publishing); 3],
    services: Services,
    shared: Shared,
    freshness: Freshness,
    /// From the moment at which ROS time begins.
    watchdog: Option<Watchdog>,
    stop: StopPlan,
    silent: Option<Duration>,
    gaps: Gaps,
    diagnostics: Diagnostics,
    diagnostics_publisher: r2r::PublisherUntyped,
    looked: Option<Instant>,
    reported: Instant,
    limiter: Limiter,
    /// Last, so that all that hangs on the node goes before it.
    node: r2r::Node,
}

/// What clients ask for.
pub struct Services {
    /// Parameters.
    pub parameters: ParameterServices,
    /// `~/set_prompts`, where somebody encodes them.
    pub prompts: Option<PromptService>,
    /// `~/ask`.
    pub questions: Questions,
}

impl Spin {
    /// Subscribes to the inputs and prepares all else; nothing is taken before [`until`](Self::until).
    ///
    /// # Errors
    /// The endpoint that DDS refuses.
    pub fn new(
        mut node: r2r::Node,
        config: &Config,
        topics: [Topic; 3],
        walk: &Walk,
        services: Services,
        diagnostics: Diagnostics,
        shared: Shared,
    ) -> Result<Self, NodeError> {
        let mut subscribe = |input: usize| -> Result<Messages, NodeError> {
            let Topic { input, called, qos, .. } = &topics[input];
            let stream = node.subscribe_raw(called, input.type_name(), qos.clone());
            let stream = stream.map_err(|source| NodeError::Endpoint {
                action: "subscribe to",
                name: called.clone(),
                source,
            })?;
            Ok(Box::new(stream))
        };
        let messages = [subscribe(0)?, subscribe(1)?, subscribe(2)?];
        let diagnostics_publisher = node
            .create_publisher_untyped("/diagnostics", diagnostics::TYPE_NAME, QosProfile::default())
            .map_err(|source| NodeError::Endpoint { action: "publish", name: "/diagnostics".into(), source })?;
        Ok(Self {
            messages,
            topics: topics.map(|topic| (topic, Publishing::default())),
            services,
            freshness: Freshness::new(config),
            watchdog: None,
            stop: StopPlan::new(config, walk),
            silent: None,
            gaps: Gaps::default(),
            diagnostics,
            diagnostics_publisher,
            looked: None,
            reported: steady_now(),
            limiter: Limiter::default(),
            shared,
            node,
        })
    }

    /// Works until `ended` says so; asked at least every [`MAX_WAIT`].
    pub fn until(&mut self, ended: impl Fn() -> bool) {
        while !ended() {
            let wait = self.wait();
            self.node.spin_once(wait);
            self.take_messages();
            self.serve();
            self.watch();
            let now = steady_now();
            if self.looked.is_none_or(|looked| now.duration_since(looked) >= GRAPH_PERIOD) {
                self.looked = Some(now);
                self.look_at_graph();
            }
            if now.duration_since(self.reported) >= DIAGNOSTICS_PERIOD {
                self.report(now);
            }
        }
    }

    /// Tells those who still wait that the node ends. The other threads have ended.
    pub fn end(mut self) {
        let is_awaited = self.services.questions.is_busy();
        let end = steady_now() + FAREWELL;
        if let Some(prompts) = &mut self.services.prompts {
            prompts.refuse_all("the node ends");
        }
        self.services.questions.end();
        while is_awaited && steady_now() < end {
            self.node.spin_once(BUSY_WAIT);
            self.services.questions.end();
        }
    }

    fn serve(&mut self) {
        let Services { parameters, prompts, questions } = &mut self.services;
        parameters.answer();
        if let Some(prompts) = prompts {
            prompts.answer();
        }
        questions.work(self.shared.clock.now().unwrap_or_default());
    }

    /// Until the watchdog has something to say. Simulated time may run faster than that; then `/clock` wakes us.
    fn wait(&self) -> Duration {
        let due_ns = match (&self.watchdog, self.shared.clock.watch_ns()) {
            (Some(watchdog), Some(now_ns)) => watchdog.wait_ns(now_ns),
            _ => i64::MAX,
        };
        let Services { prompts, questions, .. } = &self.services;
        let is_busy = questions.is_busy() || prompts.as_ref().is_some_and(PromptService::is_busy);
        let longest = if is_busy { BUSY_WAIT } else { MAX_WAIT };
        Duration::from_nanos(due_ns.unsigned_abs()).clamp(Duration::from_millis(1), longest)
    }

    fn take_messages(&mut self) {
        let [image, camera_info, odom] = &mut self.messages;
        let inbox = &self.shared.inbox;
        // camera_info first: it then is there when its picture is taken.
        while let Some(Some(cdr)) = camera_info.next().now_or_never() {
            inbox.put_camera_info(cdr);
        }
        while let Some(Some(cdr)) = odom.next().now_or_never() {
            inbox.put_odom(cdr);
        }
        while let Some(Some(cdr)) = image.next().now_or_never() {
            let missing = wire::peek_stamp(&cdr).map_or(0, |stamp| self.gaps.came(stamp));
            let replaced = inbox.put_image(Arrival { cdr, taken: steady_now() });
            let mut counts = self.shared.health.lock();
            counts.received += 1;
            counts.missing += missing;
            if replaced.is_some() {
                counts.drop_message(Input::Image, SUPERSEDED);
            }
        }
    }

    fn watch(&mut self) {
        let Some(now_ns) = self.shared.clock.watch_ns() else { return };
        let watchdog = self.watchdog.get_or_insert_with(|| Watchdog::new(self.freshness.max_age_ns, now_ns));
        let fresh_ns = self.shared.health.lock().fresh_ns;
        match watchdog.check(now_ns, fresh_ns) {
            Watch::Fresh => {
                if self.silent.take().is_some() {
                    tracing::info!("fresh images come again");
                }
            }
            Watch::Stale => {}
            Watch::Stop { silent_ns, first } => {
                let silent = Duration::from_nanos(silent_ns.unsigned_abs());
                self.silent = Some(silent);
                if first {
                    tracing::warn!("no fresh image for {} ms: saying stop", silent.as_millis());
                }
                // ROS time has begun, else there were no watch_ns.
                let stamp = self.shared.clock.now().unwrap_or_default();
                let silence_ms = fresh_ns.is_some().then_some(silent_ns / 1_000_000);
                if let Err(error) = self.stop.say(&mut self.shared.publishers, stamp, silence_ms) {
                    self.limiter.warn("stop", format_args!("{error}: {}", error.source));
                }
            }
        }
    }

    fn look_at_graph(&mut self) {
        for (topic, publishing) in &mut self.topics {
            let found = topic.look(&self.node);
            for problem in found.problems.iter().filter(|problem| !publishing.problems.contains(problem)) {
                tracing::warn!("{problem}");
            }
            if topic.input == Input::CameraInfo {
                self.shared.camera_info_expected.store(found.publishers > 0, Ordering::Relaxed);
            }
            *publishing = found;
        }
    }

    fn report(&mut self, now: Instant) {
        let counts = self.shared.health.lock().clone();
        let elapsed = now.duration_since(self.reported);
        self.reported = now;
        let moment = Moment { counts: &counts, topics: &self.topics, elapsed, silent: self.silent };
        let stamp = self.shared.clock.now().unwrap_or(Stamp::from_ns(0));
        let cdr = self.diagnostics.report(stamp, &moment);
        if let Err(error) = self.diagnostics_publisher.publish_raw(cdr) {
            self.limiter.warn("diagnostics", format_args!("diagnostics not published: {error}"));
        }
    }
}
