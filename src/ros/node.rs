//! The node from start to end: what is made, in which order, what happens when a part of it ends, and the end itself.

use super::clock::NodeClock;
use super::error::NodeError;
use super::intake::graph::Topics;
use super::intake::inbox::Inbox;
use super::lifecycle::Lifecycle;
use super::lifecycle::heartbeat::Bond;
use super::lifecycle::services::{Announcer, Asked, LifecycleServices};
use super::managed::{Load, LoadEnd, Managed, Ways};
use super::publishers::Publishers;
use super::reason::ask::{self, Questions};
use super::report::diagnostics::Diagnostics;
use super::report::health::Health;
use super::report::log;
use super::report::reporter::Reporter;
use super::report::subscribers::{Subscribers, Unreached};
use super::services::Answers;
#[cfg(has_logger_services)]
use super::services::logger_services::LoggerServices;
use super::services::parameter_changes::{Changes, InForce};
use super::services::parameter_services::ParameterServices;
use super::services::requests::Reception;
use super::services::set_prompts::{self, PromptService};
use super::shared::{Ending, Shared};
use super::spin::Spin;
use super::threads::{Duty, Threads, words_of};
use super::watch::gate::Gate;
use super::watch::keep_watch;
use super::watch::signals::{self, Signals};
use crate::config::assembly::settings;
use crate::config::{Config, Names};
use crate::pipeline::Transforms;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock, mpsc};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

/// How long DDS has to bring the last stop to all who listen before its endpoints go.
const LINGER: Duration = Duration::from_millis(100);

/// What the process has of the edge before there is a node: signals that are taken, and the tasks' runtime.
pub struct Edge {
    runtime: Runtime,
    signals: Signals,
}

impl Edge {
    /// Takes over SIGINT and SIGTERM. Until [`run`](Self::run) either ends the process with 130: call it first.
    ///
    /// # Errors
    /// [`NodeError::System`] when there is no thread or no handler to be had.
    pub fn start() -> Result<Self, NodeError> {
        let system = |action| move |source| NodeError::System { action, source };
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("edge").enable_all().build();
        let runtime = runtime.map_err(system("start a thread"))?;
        let signals = Signals::take_over(&runtime).map_err(system("listen to signals"))?;
        Ok(Self { runtime, signals })
    }

    /// Runs the node until SIGINT or SIGTERM, or until a thread that it cannot do without has ended in a panic. Then it
    /// says its last stop and ends in order: what is made of the frame in work is withheld, an answer in work ends
    /// between two tokens, whoever waits is told, threads are joined.
    ///
    /// The node is there before it has models: `load` is called on a thread of its own for each `configure`, the first one
    /// at once where the parameter `autostart` is true.
    ///
    /// `names` are the node's names as remapped by the command line of this process, which rcl reads again for itself.
    ///
    /// # Errors
    /// [`NodeError`] when it cannot start, when the first `configure` of an `autostart` fails, or when one of its threads
    /// died. What costs a message or a frame is counted, logged at a limited rate and published in diagnostics instead.
    pub fn run(self, config: &Config, names: &Names, load: Load) -> Result<(), NodeError> {
        let Self { runtime, signals } = self;
        signals.started();
        let node = RunningNode::start(config, names, load, &runtime)?;
        let (faults, is_loading) = runtime.block_on(node.until_the_end(signals));
        match faults.into_iter().next() {
            Some(fault) => return Err(fault),
            // Nothing ends a model that loads, and nothing may be torn down under it.
            None if is_loading => signals::leave("ended while it was loading", signals::INTERRUPTED),
            None => tracing::info!("ended in order"),
        }
        Ok(())
    }
}

/// All that runs.
struct RunningNode {
    managed: Managed,
    /// Clients that want another state.
    asked: UnboundedReceiver<Asked>,
    /// What came of loading.
    loaded: UnboundedReceiver<LoadEnd>,
    /// Other parameters are in force.
    in_force: UnboundedReceiver<InForce>,
    /// Services, and the report.
    tasks: JoinSet<()>,
    /// Those of them that wait for nobody and never end by themselves.
    endless: Vec<AbortHandle>,
    /// Lets their answers out.
    answers: JoinHandle<()>,
    /// Tells it that no more come.
    closing: watch::Sender<bool>,
    /// Tells the services that wait for somebody that the node ends.
    ending: watch::Sender<bool>,
    /// Tells the spin thread.
    is_spun: Arc<AtomicBool>,
    /// Gets the node back from it.
    spun: mpsc::Receiver<Spin>,
}

impl RunningNode {
    fn start(config: &Config, names: &Names, load: Load, runtime: &Runtime) -> Result<Self, NodeError> {
        let mut node = create(names)?;
        log::log_as(&mut node).map_err(NodeError::endpoint("publish", "/rosout"))?;
        let clock =
            NodeClock::new(&mut node, config.use_sim_time).map_err(NodeError::endpoint("subscribe to", "/clock"))?;
        let cameras = config.camera_names();
        let publishers = Publishers::new(&mut node, &cameras, names, &config.qos_overrides)
            .map_err(|(name, source)| NodeError::endpoint("publish", &name)(source))?;
        let shared = Shared {
            inbox: Arc::new(Inbox::default()),
            gate: Arc::new(Gate::new(publishers.clone(), clock.clone())),
            health: Arc::new(Health::of(cameras)),
            topics: Arc::new(Topics::new(Vec::new())),
            clock,
            transforms: Transforms::new(settings::ns_from_ms(config.stamp_reset_ms)),
            lifecycle: Arc::new(Lifecycle::default()),
            parameters: Arc::new(RwLock::new(Arc::new(config.clone()))),
        };
        let (answers, outbox) = Answers::new();
        let mut reception = Reception::new(outbox);
        let announcer = Announcer::new(&mut node).map_err(NodeError::endpoint("publish", Announcer::NAME))?;
        let states =
            LifecycleServices::new(&mut node, &mut reception).map_err(NodeError::endpoint("serve", "the lifecycle"))?;
        let (change, sought) = unbounded_channel();
        let (tell_changed, changed) = unbounded_channel();
        let parameters = ParameterServices::new(&mut node, &mut reception, shared.clone(), change.clone(), changed)
            .map_err(NodeError::endpoint("serve", "parameters"))?;
        #[cfg(has_logger_services)]
        let loggers = LoggerServices::new(&mut node, &mut reception)
            .map_err(NodeError::endpoint("serve", "the levels of loggers"))?;
        let prompts = PromptService::new(&mut node, &mut reception, change)
            .map_err(NodeError::endpoint("serve", set_prompts::NAME))?;
        let (changers, loaded_now) = unbounded_channel();
        let (tell_managed, in_force) = unbounded_channel();
        let changes = Changes::new(shared.clone(), sought, loaded_now, [tell_changed, tell_managed]);
        let (posts, manned) = unbounded_channel();
        let questions = Questions::new(&mut node, &mut reception, names.node(), shared.clone(), manned)
            .map_err(NodeError::endpoint("serve", ask::NAME))?;
        let hardware_id = match config.hardware_id.as_str() {
            "" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
            id => id.to_owned(),
        };
        let diagnostics = Diagnostics::new(&names.node().to_string(), &hardware_id);
        let unreached = Unreached::default();
        let subscribers = Subscribers::of(names.node(), unreached.clone());
        let reporter = Reporter::new(&mut node, diagnostics, shared.clone(), unreached)?;
        let heartbeat = Duration::from_millis(config.bond_heartbeat_period_ms.unsigned_abs());
        let bond = (!heartbeat.is_zero()).then(|| Bond::new(&mut node, names.node().name(), heartbeat)).flatten();
        let (orders, ordered) = mpsc::channel();
        let mut spin = Spin::new(node, reception, shared.clone(), ordered);

        let (ending, is_ending) = Ending::new();
        let is_spun = Arc::new(AtomicBool::new(false));
        let (give_back, spun) = mpsc::channel();
        let mut threads = Threads::new(Arc::clone(&shared.gate));
        let (gate, is_simulated) = (Arc::clone(&shared.gate), shared.clock.is_simulated());
        threads.start(Duty::Watch, move || keep_watch(&gate, is_simulated))?;
        let spinning = Arc::clone(&is_spun);
        threads.start(Duty::Spin, move || {
            let end = catch_unwind(AssertUnwindSafe(|| spin.until(&spinning)));
            // The endpoints outlive a panic: the last stop leaves through them.
            let _ = give_back.send(spin);
            end.unwrap_or_else(|panic| resume_unwind(panic));
        })?;

        let (mut tasks, handle) = (JoinSet::new(), runtime.handle());
        let (closing, is_closing) = Ending::new();
        let answers = handle.spawn(answers.run(is_closing));
        let (ask, asked) = unbounded_channel();
        let lifecycle = Arc::clone(&shared.lifecycle);
        let mut endless = vec![
            #[cfg(has_logger_services)]
            tasks.spawn_on(loggers.serve(), handle),
            tasks.spawn_on(states.serve(Arc::clone(&lifecycle), ask), handle),
            tasks.spawn_on(parameters.serve(), handle),
            tasks.spawn_on(changes.run(), handle),
            tasks.spawn_on(reporter.run(), handle),
        ];
        endless.extend(subscribers.map(|subscribers| tasks.spawn_on(subscribers.run(), handle)));
        tasks.spawn_on(prompts.serve(is_ending.clone()), handle);
        tasks.spawn_on(questions.serve(shared.clock.clone(), is_ending.clone()), handle);
        if let Some(bond) = bond {
            tasks.spawn_on(bond.run(lifecycle, is_ending), handle);
        }
        let (tell, loaded) = unbounded_channel();
        let ways = Ways { spin: orders, changers, posts, loaded: tell };
        let managed = Managed::new(shared, threads, names.clone(), publishers, announcer, ways, load);
        Ok(Self { managed, asked, loaded, in_force, tasks, endless, answers, closing, ending, is_spun, spun })
    }

    /// Waits for a reason to end, changes the state meanwhile, and ends. Returns the faults, the first one first, and
    /// whether a model was still loading.
    async fn until_the_end(mut self, mut signals: Signals) -> (Vec<NodeError>, bool) {
        self.managed.start();
        let mut faults = loop {
            if let Some(fault) = self.managed.take_fault() {
                break vec![fault];
            }
            tokio::select! {
                () = signals.asked() => break Vec::new(),
                ended = self.managed.threads().next_end() => {
                    if ended.is_the_end() {
                        break ended.fault().into_iter().collect();
                    }
                    self.managed.thread_ended(ended);
                }
                Some(asked) = self.asked.recv() => self.managed.asked(asked),
                Some(end) = self.loaded.recv() => self.managed.loaded(end),
                Some(_) = self.in_force.recv() => self.managed.keep_up(),
                Some(end) = self.tasks.join_next() => {
                    if let Err(error) = end {
                        break vec![of_task(error)];
                    }
                }
                Err(error) = &mut self.answers => break vec![of_task(error)],
            }
        };
        signals.end_begun();
        let why = faults.first().map_or_else(|| "the node ends".to_owned(), ToString::to_string);
        if !faults.is_empty() {
            tracing::error!("{why}: saying stop and ending");
        }
        self.managed.close(&why);
        let said = Instant::now();

        let threads = self.managed.threads();
        faults.extend(threads.all_ended(&[Duty::Perceive, Duty::Reason]).await);
        self.ending.send_replace(true);
        self.endless.drain(..).for_each(|task| task.abort());
        self.managed.leave_services();
        while let Some(end) = self.tasks.join_next().await {
            faults.extend(end.err().filter(JoinError::is_panic).map(of_task));
        }
        self.closing.send_replace(true);
        if !self.answers.is_finished() {
            faults.extend(self.answers.await.err().map(of_task));
        }
        sleep_until(said + LINGER).await;
        self.is_spun.store(true, Ordering::Relaxed);
        let threads = self.managed.threads();
        faults.extend(threads.all_ended(&[Duty::Spin, Duty::Watch, Duty::Prompts]).await);
        // With it DDS goes; nobody uses it any more.
        drop(self.spun.try_recv());
        (faults, self.managed.threads().any_runs(&[Duty::Load]))
    }
}

fn of_task(error: JoinError) -> NodeError {
    let reason = error.try_into_panic().map_or_else(|error| error.to_string(), |panic| words_of(&*panic));
    NodeError::Panicked { what: "a service".to_owned(), reason }
}

fn create(names: &Names) -> Result<r2r::Node, NodeError> {
    // r2r panics with rcl's words when rcl refuses its arguments.
    let context = catch_unwind(r2r::Context::create)
        .map_err(|panic| NodeError::Start { reason: words_of(&*panic) })?
        .map_err(|error| NodeError::Start { reason: error.to_string() })?;
    let node = names.node();
    // rcl remaps these by the same rules, to the same names.
    r2r::Node::create(context, node.name(), node.namespace())
        .map_err(|source| NodeError::Create { name: node.to_string(), source })
}
