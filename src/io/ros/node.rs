//! The node from start to end: what is made, in which order, and how it ends.

use super::clock::NodeClock;
use super::health::Health;
use super::inbox::Inbox;
use super::lane::{Freshness, Lane};
use super::log;
use super::parameters::ParameterServices;
use super::publishers::Publishers;
use super::signals::Signals;
use super::spin::Spin;
use super::{graph::Topic, qos};
use crate::config::{Config, Names};
use crate::pipeline::{Input, Walk};
use std::any::Any;
use std::io;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

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
    /// A fault of ours: the lane ended in a panic.
    #[error("the perceive lane ended in a panic: {reason}")]
    LanePanicked {
        /// The panic's words.
        reason: String,
    },
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
/// published, threads are joined.
///
/// `names` are the node's names as remapped by the command line of this process, which rcl reads again for itself.
///
/// # Errors
/// [`NodeError`] when it cannot start, or when the lane dies. What costs a message or a frame is counted, logged at
/// a limited rate and published in diagnostics instead.
pub fn run(config: &Config, names: &Names, walk: Walk) -> Result<(), NodeError> {
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
        let name = names.resolve(input.name());
        let qos = qos::subscription(config.qos_overrides.get(&name));
        Topic { input, name, qos }
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
    let mut spin = Spin::new(node, config, topics, &walk, parameters, shared.clone())?;
    let inbox = Arc::clone(&shared.inbox);
    let lane = Lane { walk, shared, freshness: Freshness::new(config) };
    let lane = thread::Builder::new()
        .name("perceive".into())
        .spawn(|| lane.run())
        .map_err(|source| NodeError::System { action: "start the perceive lane", source })?;

    spin.until(|| signals.stop_asked() || lane.is_finished());
    inbox.close();
    lane.join().map_err(|panic| NodeError::LanePanicked { reason: words_of(&*panic) })?;
    tracing::info!("ended in order");
    Ok(())
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
