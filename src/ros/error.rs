//! What ends the node, or keeps it from starting.

use std::io;

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
    /// Parameter `autostart` is true, and the node has not become active.
    #[error("{reason}")]
    NotStarted {
        /// Why, with all causes.
        reason: String,
    },
    /// A fault of ours: a thread or a service ended in a panic.
    #[error("{what} ended in a panic: {reason}")]
    Panicked {
        /// `the thread perceive`.
        what: String,
        /// The panic's words.
        reason: String,
    },
}

impl NodeError {
    /// An endpoint that could not be made.
    pub(super) fn endpoint(action: &'static str, name: &str) -> impl Fn(r2r::Error) -> Self + use<> {
        let name = name.to_owned();
        move |source| Self::Endpoint { action, name: name.clone(), source }
    }
}
