//! The node from start to end: what is made, in which order, what happens when a part of it ends, and the end itself.

use super::clock::{NodeClock, steady_now};
use super::error::NodeError;
use super::intake::freshness::Freshness;
use super::intake::graph::{Topic, Topics};
use super::intake::inbox::Inbox;
use super::intake::qos;
use super::lane::{Lane, Passage};
use super::order::Order;
use super::publishers::Publishers;
use super::reason::ask::{self, Questions, ReasonLane};
use super::reason::desk::Desk;
use super::reason::reasoner::{Reasoner, Told};
use super::report::diagnostics::Diagnostics;
use super::report::health::Health;
use super::report::log::{self, Limiter};
use super::report::reporter::Reporter;
use super::report::sessions::{ModelSessions, Sessions};
use super::services::parameter_services::ParameterServices;
use super::services::set_prompts::{self, PromptService};
use super::shared::{Ending, Shared};
use super::spin::Spin;
use super::threads::{Duty, Ended, Threads, words_of};
use super::watch::gate::Gate;
use super::watch::keep_watch;
use super::watch::signals::Signals;
use super::watch::stop::StopPlan;
use crate::config::assembly::Prompter;
use crate::config::{Config, Names};
use crate::pipeline::{Input, Intake, Pace, Reason, Transport, Walk};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

/// How long DDS has to bring the last stop to all who listen before its endpoints go.
const LINGER: Duration = Duration::from_millis(100);

/// What the node is made of.
pub struct Parts {
    /// What joins the camera's messages.
    pub intake: Intake,
    /// From pictures to plans.
    pub walk: Walk,
    /// Encodes prompts for the walk's detector; without it there is no `~/set_prompts`.
    pub prompter: Option<Prompter>,
    /// The language model; without it `~/ask` rejects every goal.
    pub reason: Option<Reason>,
}

/// What the process has of the edge before there is a node: signals that are taken, and the tasks' runtime.
pub struct Edge {
    runtime: Runtime,
    signals: Signals,
}

impl Edge {
    /// Takes over SIGINT and SIGTERM. Until [`run`](Self::run) either ends the process with 130: call it first, before
    /// models are loaded.
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
    /// `names` are the node's names as remapped by the command line of this process, which rcl reads again for itself.
    ///
    /// # Errors
    /// [`NodeError`] when it cannot start, or when one of its threads died. What costs a message or a frame is counted,
    /// logged at a limited rate and published in diagnostics instead.
    pub fn run(self, config: &Config, names: &Names, parts: Parts) -> Result<(), NodeError> {
        let Self { runtime, signals } = self;
        signals.started();
        let node = RunningNode::start(config, names, parts, &runtime)?;
        let faults = runtime.block_on(node.until_the_end(signals));
        match faults.into_iter().next() {
            Some(fault) => Err(fault),
            None => {
                tracing::info!("ended in order");
                Ok(())
            }
        }
    }
}

/// All that runs.
struct RunningNode {
    shared: Shared,
    threads: Threads,
    /// Services, and the report.
    tasks: JoinSet<()>,
    /// Those of them that wait for nobody and never end by themselves.
    endless: Vec<AbortHandle>,
    /// Tells the services that wait for somebody that the node ends.
    ending: watch::Sender<bool>,
    /// Tells the spin thread.
    is_spun: Arc<AtomicBool>,
    /// Gets the node back from it.
    spun: mpsc::Receiver<Spin>,
    desk: Option<Arc<Desk>>,
    tell: UnboundedSender<Told>,
}

impl RunningNode {
    fn start(config: &Config, names: &Names, parts: Parts, runtime: &Runtime) -> Result<Self, NodeError> {
        let Parts { intake, walk, prompter, mut reason } = parts;
        let mut node = create(names)?;
        log::log_as(&mut node).map_err(NodeError::endpoint("publish", "/rosout"))?;
        let clock =
            NodeClock::new(&mut node, config.use_sim_time).map_err(NodeError::endpoint("subscribe to", "/clock"))?;
        let publishers = Publishers::new(&mut node)
            .map_err(|(output, source)| NodeError::endpoint("publish", output.name())(source))?;
        let freshness = Freshness::new(config);
        let stop = StopPlan::new(config, walk.labels());
        let shared = Shared {
            inbox: Arc::new(Inbox::default()),
            gate: Arc::new(Gate::new(publishers.clone(), clock.clone(), freshness, stop)),
            health: Arc::new(Health::default()),
            topics: Arc::new(Topics::new(topics(config, names))),
            clock,
        };
        let image = shared.topics.of_pictures();
        tracing::info!("{} listens to {image}; {}", names.node(), walk.proof());
        if intake.is_rectified() {
            tracing::info!("images of {image} are taken as rectified: the calibration's P holds, without distortion");
        }

        let parameters =
            ParameterServices::new(&mut node, config).map_err(NodeError::endpoint("serve", "parameters"))?;
        let version = walk.labels().version();
        let mut sessions = Sessions {
            detector: ModelSessions::of(&config.model),
            prompts: ModelSessions::of(&config.text_model),
            reason: None,
        };
        sessions.detector.see(walk.proofs(), Some(walk.proof()));
        sessions.prompts.see(prompter.iter().flat_map(Prompter::proofs), None);
        let (prompts, prompt_thread) = prompter
            .map(|prompter| PromptService::new(&mut node, prompter, &shared, version))
            .transpose()
            .map_err(NodeError::endpoint("serve", set_prompts::NAME))?
            .unzip();
        if let Some(reason) = &mut reason {
            let name = reason.name().to_owned();
            let model = reason.model();
            tracing::info!("{name} answers questions; {}", model.proof());
            let mut of_reason = ModelSessions::of(&name);
            of_reason.see(model.proofs(), Some(model.proof()));
            sessions.reason = Some(of_reason);
        }
        *shared.health.sessions() = sessions;
        let diagnostics = Diagnostics::new(&names.node().to_string());
        let max_age = Duration::from_millis(config.max_age_ms.unsigned_abs());
        let reporter = Reporter::new(&mut node, diagnostics, shared.clone(), max_age)?;
        let desk = reason.is_some().then(|| Arc::new(Desk::default()));
        let (tell, told) = unbounded_channel();
        let reason_lane =
            desk.as_ref().map(|desk| ReasonLane { desk: Arc::clone(desk), inbox: Arc::clone(&shared.inbox), told });
        let questions = Questions::new(&mut node, config, names.node(), reason_lane)
            .map_err(NodeError::endpoint("serve", ask::NAME))?;
        let mut spin = Spin::new(node, shared.clone(), names.transport(config.image_transport))?;

        let reasoner = reason.zip(desk.clone()).map(|(reason, desk)| Reasoner {
            reason,
            desk,
            inbox: Arc::clone(&shared.inbox),
            health: Arc::clone(&shared.health),
            told: tell.clone(),
        });
        let lane = Lane {
            intake,
            camera_info_wait: Duration::from_millis(config.camera_info_wait_ms.unsigned_abs()),
            passage: Passage {
                walk,
                shared: shared.clone(),
                publishers,
                freshness,
                pace: Pace::new(config),
                sessions_seen: steady_now(),
                limiter: Limiter::default(),
            },
            desk: desk.clone(),
        };

        let (ending, is_ending) = Ending::new();
        let is_spun = Arc::new(AtomicBool::new(false));
        let (give_back, spun) = mpsc::channel();
        let threads = Threads::new(Arc::clone(&shared.gate));
        let (tasks, endless) = (JoinSet::new(), Vec::new());
        let mut node = Self { shared, threads, tasks, endless, ending, is_spun, spun, desk, tell };
        let (gate, is_simulated) = (Arc::clone(&node.shared.gate), node.shared.clock.is_simulated());
        node.threads.start(Duty::Watch, move || keep_watch(&gate, is_simulated))?;
        node.threads.start(Duty::Perceive, || lane.run())?;
        if let Some(reasoner) = reasoner {
            node.threads.start(Duty::Reason, || reasoner.run())?;
        }
        if let Some(thread) = prompt_thread {
            node.threads.start(Duty::Prompts, || thread.run())?;
        }
        let is_spun = Arc::clone(&node.is_spun);
        node.threads.start(Duty::Spin, move || {
            let end = catch_unwind(AssertUnwindSafe(|| spin.until(&is_spun)));
            // The endpoints outlive a panic: the last stop leaves through them.
            let _ = give_back.send(spin);
            end.unwrap_or_else(|panic| resume_unwind(panic));
        })?;

        let (tasks, handle) = (&mut node.tasks, runtime.handle());
        node.endless.push(tasks.spawn_on(parameters.serve(), handle));
        node.endless.push(tasks.spawn_on(reporter.run(), handle));
        if let Some(prompts) = prompts {
            tasks.spawn_on(prompts.serve(is_ending.clone()), handle);
        }
        tasks.spawn_on(questions.serve(node.shared.clock.clone(), is_ending), handle);
        Ok(node)
    }

    /// Waits for a reason to end, and ends. Returns the faults, the first one first.
    async fn until_the_end(mut self, mut signals: Signals) -> Vec<NodeError> {
        let mut faults = loop {
            tokio::select! {
                () = signals.asked() => break Vec::new(),
                ended = self.threads.next_end() => {
                    if ended.is_the_end() {
                        break ended.fault().into_iter().collect();
                    }
                    self.go_on_without(ended);
                }
                Some(end) = self.tasks.join_next() => {
                    if let Err(error) = end {
                        break vec![of_task(error)];
                    }
                }
            }
        };
        signals.end_begun();
        let why = faults.first().map_or_else(|| "the node ends".to_owned(), ToString::to_string);
        if !faults.is_empty() {
            tracing::error!("{why}: saying stop and ending");
        }
        self.close(&why);
        let said = Instant::now();

        faults.extend(self.threads.all_ended(&[Duty::Perceive, Duty::Reason]).await);
        self.ending.send_replace(true);
        self.endless.drain(..).for_each(|task| task.abort());
        while let Some(end) = self.tasks.join_next().await {
            faults.extend(end.err().filter(JoinError::is_panic).map(of_task));
        }
        sleep_until(said + LINGER).await;
        self.is_spun.store(true, Ordering::Relaxed);
        faults.extend(self.threads.all_ended(&[Duty::Spin, Duty::Watch, Duty::Prompts]).await);
        // With it DDS goes; nobody uses it any more.
        drop(self.spun.try_recv());
        faults
    }

    /// Says the last stop, and lets the threads end that make something of pictures and questions.
    fn close(&self, why: &str) {
        if let Err(error) = self.shared.gate.close(why) {
            tracing::error!("the last stop has not left: {error}");
        }
        self.shared.inbox.close();
        if let Some(desk) = &self.desk {
            desk.close();
        }
    }

    /// A thread has ended that the node can do without.
    fn go_on_without(&self, ended: Ended) {
        let duty = ended.duty;
        let Some(fault) = ended.fault() else { return };
        let words = fault.to_string();
        tracing::error!("{words}; perception goes on without it");
        match duty {
            Duty::Reason => {
                self.shared.health.lock().reason.ended = Some(words.clone());
                self.shared.inbox.put_order(Order::StopAsking);
                // Without the task the node ends.
                let _ = self.tell.send(Told::Gone(words));
            }
            Duty::Prompts => self.shared.health.lock().prompts_ended = Some(words),
            Duty::Perceive | Duty::Spin | Duty::Watch => {}
        }
    }
}

impl Drop for RunningNode {
    /// Whatever way the node is left, the last stop has been said.
    fn drop(&mut self) {
        self.close("the node ends");
    }
}

fn of_task(error: JoinError) -> NodeError {
    let reason = error.try_into_panic().map_or_else(|error| error.to_string(), |panic| words_of(&*panic));
    NodeError::Panicked { what: "a service".to_owned(), reason }
}

/// The inputs by their names, with what is asked of those who publish them.
fn topics(config: &Config, names: &Names) -> Vec<Topic> {
    let is_left_out = |input: &Input| {
        Transport::ALL
            .into_iter()
            .any(|one| one.input() == *input && !one.is_allowed(names.transport(config.image_transport)))
    };
    let topic = |input: Input| {
        let name = names.resolve_input(input.name());
        let qos = qos::subscription(config.qos_overrides.get(&name));
        Topic { input, called: names.input(input.name()), name, qos }
    };
    Input::ALL.into_iter().filter(|input| !is_left_out(input)).map(topic).collect()
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
