//! The node from start to end: what is made, in which order, and how it ends.

use super::clock::NodeClock;
use super::intake::graph::Topic;
use super::intake::inbox::Inbox;
use super::intake::qos;
use super::lane::{Freshness, Lane};
use super::publishers::Publishers;
use super::reason::ask;
use super::reason::ask::{Questions, ReasonLane};
use super::reason::desk::Desk;
use super::reason::reasoner::Reasoner;
use super::report::diagnostics::Diagnostics;
use super::report::health::Health;
use super::report::log;
use super::services::parameter_services::ParameterServices;
use super::services::set_prompts;
use super::services::set_prompts::PromptService;
use super::spin::{Services, Spin};
use super::watch::signals::Signals;
use crate::config::assembly::Prompter;
use crate::config::{Config, Names};
use crate::pipeline::{Input, Intake, Reason, Walk};
use std::any::Any;
use std::io;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

/// What ends the node, or keeps it from starting.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// rcl refuses the command line or the environment.
    #[error("ROS 2 does not start: {reason}")]
    Start {
        /// rcl's own words.
        reason: String,
    },
    /// rcl refuses the node.
    #[error("cannot create the node {name}")]
    Create {
        /// Its full name.
        name: String,
        /// Why.
        source: r2r::Error,
    },
    /// A topic or service of the node cannot be made.
    #[error("cannot {action} {name}")]
    Endpoint {
        /// `publish`, `subscribe to` or `serve`.
        action: &'static str,
        /// The topic or service as the node calls it.
        name: String,
        /// Why.
        source: r2r::Error,
    },
    /// The system gives no thread, or no handler for signals.
    #[error("cannot {action}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A fault of ours: a thread ended in a panic.
    #[error("the thread {thread} ended in a panic: {reason}")]
    Panicked {
        /// Its name.
        thread: String,
        /// The panic's words.
        reason: String,
    },
}

/// What the node is made of.
pub struct Parts {
    /// From pictures to plans.
    pub walk: Walk,
    /// Encodes prompts for the walk's detector; without it there is no `~/set_prompts`.
    pub prompter: Option<Prompter>,
    /// The language model; without it `~/ask` rejects every goal.
    pub reason: Option<Reason>,
}

/// What the spin thread and the lane have in common.
#[derive(Clone)]
pub struct Shared {
    /// The hand-over of messages.
    pub inbox: Arc<Inbox>,
    /// What both count.
    pub health: Arc<Health>,
    /// Whether camera_info has a publisher, so that pictures wait for theirs.
    pub camera_info_expected: Arc<AtomicBool>,
    /// ROS time.
    pub clock: NodeClock,
    /// Where results go.
    pub publishers: Publishers,
}

/// Runs the node until SIGINT or SIGTERM, then ends it in order: no new frames, the frame in work is finished and
/// published, an answer in work ends between two tokens, threads are joined.
///
/// `names` are the node's names as remapped by the command line of this process, which rcl reads again for itself.
///
/// # Errors
/// [`NodeError`] when it cannot start, or when the lane dies. What costs a message or a frame is counted, logged at
/// a limited rate and published in diagnostics instead.
pub fn run(config: &Config, names: &Names, parts: Parts) -> Result<(), NodeError> {
    let Parts { walk, prompter, mut reason } = parts;
    let signals = Signals::listen().map_err(|source| NodeError::System { action: "listen to signals", source })?;
    let mut node = create(names)?;
    log::log_as(&mut node).map_err(|source| NodeError::Endpoint {
        action: "publish",
        name: "/rosout".into(),
        source,
    })?;

    let clock = NodeClock::new(&mut node, config.use_sim_time).map_err(|source| NodeError::Endpoint {
        action: "subscribe to",
        name: "/clock".into(),
        source,
    })?;
    let publishers = Publishers::new(&mut node).map_err(|(output, source)| NodeError::Endpoint {
        action: "publish",
        name: output.name().into(),
        source,
    })?;
    let topics = Input::ALL.map(|input| {
        let name = names.resolve_input(input.name());
        let qos = qos::subscription(config.qos_overrides.get(&name));
        Topic { input, called: names.input(input.name()), name, qos }
    });
    let parameters = ParameterServices::new(&mut node, config).map_err(|source| NodeError::Endpoint {
        action: "serve",
        name: "parameters".into(),
        source,
    })?;

    tracing::info!("{} listens to {}; {}", names.node(), topics[0].name, walk.proof());

    let shared = Shared {
        inbox: Arc::new(Inbox::default()),
        health: Arc::new(Health::default()),
        camera_info_expected: Arc::new(AtomicBool::new(false)),
        clock,
        publishers,
    };
    let serve = |name: &str| {
        let name = name.to_owned();
        move |source| NodeError::Endpoint { action: "serve", name, source }
    };
    let (prompts, prompt_thread) = prompter
        .map(|prompter| {
            PromptService::new(&mut node, prompter, Arc::clone(&shared.inbox), walk.labels().version())
                .map_err(serve(set_prompts::NAME))
        })
        .transpose()?
        .unzip();
    let mut diagnostics = Diagnostics::new(&names.node().to_string(), &config.model, walk.proof().clone());
    if let Some(reason) = &mut reason {
        let proof = reason.model().proof().clone();
        tracing::info!("{} answers questions; {proof}", reason.name());
        diagnostics = diagnostics.with_reason(reason.name(), proof);
    }
    let desk = reason.is_some().then(|| Arc::new(Desk::default()));
    let (tell, told) = mpsc::channel();
    let reason_lane =
        desk.as_ref().map(|desk| ReasonLane { desk: Arc::clone(desk), inbox: Arc::clone(&shared.inbox), told });
    let questions = Questions::new(&mut node, config, names.node(), reason_lane).map_err(serve(ask::NAME))?;
    let services = Services { parameters, prompts, questions };
    let mut spin = Spin::new(node, config, topics, &walk, services, diagnostics, shared.clone())?;

    let inbox = Arc::clone(&shared.inbox);
    let reasoner = reason.zip(desk.clone()).map(|(reason, desk)| Reasoner {
        reason,
        desk,
        inbox: Arc::clone(&inbox),
        health: Arc::clone(&shared.health),
        told: tell,
    });
    let (intake, freshness) = (Intake::new(config), Freshness::new(config));
    let lane = Lane { intake, walk, shared, freshness, desk: desk.clone() };
    let mut threads = vec![start("perceive", || lane.run())?];
    threads.extend(reasoner.map(|reasoner| start("reason", || reasoner.run())).transpose()?);
    let prompt_thread = prompt_thread.map(|thread| start("prompts", || thread.run())).transpose()?;

    spin.until(|| signals.stop_asked() || threads.iter().any(JoinHandle::is_finished));
    inbox.close();
    if let Some(desk) = &desk {
        desk.close();
    }
    let ends: Vec<_> = threads.into_iter().map(join).collect();
    spin.end();
    ends.into_iter().chain(prompt_thread.map(join)).collect::<Result<(), _>>()?;
    tracing::info!("ended in order");
    Ok(())
}

fn start(name: &'static str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, NodeError> {
    let thread = thread::Builder::new().name(name.into()).spawn(work);
    thread.map_err(|source| NodeError::System { action: "start a thread", source })
}

fn join(thread: JoinHandle<()>) -> Result<(), NodeError> {
    let name = thread.thread().name().unwrap_or_default().to_owned();
    thread.join().map_err(|panic| NodeError::Panicked { thread: name, reason: words_of(&*panic) })
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

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|words| (*words).to_owned());
    words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".to_owned())
}
