//! Changes of parameters, prompts among them: one after the other, each whole or not at all.
//!
//! One task owns the parameters. A change is checked against them and the node's state; where models are loaded it goes by
//! the prompts thread, which encodes what is new to it, to the lane, which puts it in force between two frames. Only then
//! it is a parameter's value, told on `/parameter_events` and answered.

use crate::config::assembly::{Prompter, PromptsRefused};
use crate::config::{Config, ParameterValue, When};
use crate::ros::intake::inbox::Inbox;
use crate::ros::lifecycle::State;
use crate::ros::order::Order;
use crate::ros::report::health::Health;
use crate::ros::report::log::{Short, cut};
use crate::ros::shared::Shared;
use crate::types::{PromptError, Prompts};
use crate::zoo::EncodedPrompts;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

/// Why a change is refused once the thread that encodes prompts has ended.
const NO_THREAD: &str = "the thread that encodes prompts has ended; the set in force stays";

/// Somebody wants other parameters.
pub struct Change {
    /// Which.
    pub sought: Sought,
    /// Is told what became of it.
    pub reply: oneshot::Sender<Changed>,
}

/// What is wanted.
pub enum Sought {
    /// These values, all of them or nothing.
    Parameters(Vec<(String, ParameterValue)>),
    /// These prompts, whatever they are now.
    Prompts(Vec<String>),
    /// Prompts that are no set, which are not kept until their turn; and why.
    NoPrompts(PromptError),
}

/// Other parameters are in force.
pub struct InForce {
    /// Those that were.
    pub before: Arc<Config>,
    /// Those that are.
    pub now: Arc<Config>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Why nothing has changed.
    pub refused: Option<String>,
    /// The version of the prompts in force; 0 where that is not known.
    pub prompt_version: u32,
}

impl Changed {
    /// Nothing has changed, and why, by somebody who does not know what is in force.
    pub fn refused(why: impl Into<String>) -> Self {
        Self { refused: Some(why.into()), prompt_version: 0 }
    }
}

/// Who puts changes in force, besides the parameters themselves.
pub enum Loaded {
    /// This thread.
    By(ToThread),
    /// Nobody: there are no models.
    Nothing,
}

/// The way to the prompts thread.
pub struct ToThread {
    jobs: Sender<Job>,
    /// That of the prompts in force.
    prompt_version: u32,
}

/// What the thread gets.
struct Job {
    config: Arc<Config>,
    /// Whether its prompts are to be encoded.
    encode: bool,
    reply: oneshot::Sender<Result<u32, String>>,
}

/// The task that owns the parameters.
pub struct Changes {
    shared: Shared,
    changes: UnboundedReceiver<Change>,
    loaded: UnboundedReceiver<Loaded>,
    thread: Option<ToThread>,
    /// Are told what has changed.
    tell: [UnboundedSender<InForce>; 2],
    prompt_version: u32,
}

impl Changes {
    /// `changes` come from the services, `loaded` says who puts them in force; what has changed is told to `tell`.
    pub fn new(
        shared: Shared,
        changes: UnboundedReceiver<Change>,
        loaded: UnboundedReceiver<Loaded>,
        tell: [UnboundedSender<InForce>; 2],
    ) -> Self {
        Self { shared, changes, loaded, thread: None, tell, prompt_version: 0 }
    }

    /// Works until the task is ended. One change is over before the next begins.
    pub async fn run(mut self) {
        loop {
            tokio::select! {
                biased;
                Some(loaded) = self.loaded.recv() => match loaded {
                    Loaded::By(thread) => {
                        self.prompt_version = thread.prompt_version;
                        self.thread = Some(thread);
                    }
                    Loaded::Nothing => (self.thread, self.prompt_version) = (None, 0),
                },
                Some(Change { sought, reply }) = self.changes.recv() => {
                    let changed = match self.change(sought).await {
                        Ok(()) => Changed { refused: None, prompt_version: self.prompt_version },
                        Err(why) => Changed { refused: Some(why), prompt_version: self.prompt_version },
                    };
                    // Who asked may be gone by now.
                    let _ = reply.send(changed);
                }
                else => return,
            }
        }
    }

    async fn change(&mut self, sought: Sought) -> Result<(), String> {
        let state = self.shared.lifecycle.state();
        if state > State::Finalized {
            return Err(format!("the node is {}: ask again when it is not", state.label()));
        }
        let before = self.shared.config();
        let (config, encode) = match sought {
            Sought::Parameters(changes) => {
                let changed = before.changed(&changes, state == State::Active);
                let config = changed.map_err(|error| cut(&error.to_string()))?;
                let encode = config.prompts != before.prompts;
                (config, encode)
            }
            // The same words again are a new set, as they always were.
            Sought::Prompts(prompts) if self.thread.is_some() => (Config { prompts, ..(*before).clone() }, true),
            Sought::NoPrompts(error) if self.thread.is_some() => return Err(error.to_string()),
            Sought::Prompts(_) | Sought::NoPrompts(_) => return Err("the node is not configured".to_owned()),
        };
        let config = Arc::new(config);
        let difference = before.difference(&config);
        if let Some(ToThread { jobs, .. }) = &self.thread {
            let (reply, done) = oneshot::channel();
            let job = Job { config: Arc::clone(&config), encode, reply };
            jobs.send(job).map_err(|_| NO_THREAD.to_owned())?;
            self.prompt_version = done.await.map_err(|_| NO_THREAD.to_owned())??;
        }
        *self.shared.parameters.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&config);
        let named = |(name, value): &(String, ParameterValue)| format!("{name} {}", cut(&value.to_string()));
        if !difference.is_empty() {
            tracing::info!("parameters changed: {}", difference.iter().map(named).collect::<Vec<_>>().join(", "));
            // Nobody listens once the node ends.
            for tell in &self.tell {
                let _ = tell.send(InForce { before: Arc::clone(&before), now: Arc::clone(&config) });
            }
        }
        Ok(())
    }
}

/// The thread: encodes prompts and hands changes to the lane, until the way to it is dropped.
pub struct ChangeThread {
    prompter: Option<Prompter>,
    inbox: Arc<Inbox>,
    health: Arc<Health>,
    version: u32,
    jobs: Receiver<Job>,
}

impl ChangeThread {
    /// For a walk under the prompts of this version, and the way to it. Without a prompter other prompts are refused.
    pub fn new(prompter: Option<Prompter>, shared: &Shared, version: u32) -> (Self, ToThread) {
        let (send, jobs) = channel();
        let (inbox, health) = (Arc::clone(&shared.inbox), Arc::clone(&shared.health));
        (Self { prompter, inbox, health, version, jobs }, ToThread { jobs: send, prompt_version: version })
    }

    /// Works until the way to it is dropped.
    pub fn run(mut self) {
        while let Ok(Job { config, encode, reply }) = self.jobs.recv() {
            let changed = self.change(&config, encode);
            if encode {
                let texts = Short(&config.prompts);
                match &changed {
                    Ok(version) => tracing::info!("looking for {texts}, version {version}"),
                    Err(reason) => tracing::warn!("prompts {texts} refused: {reason}"),
                }
            }
            for hint in config.prompts.iter().filter(|_| encode).filter_map(|text| Prompts::comma_hint(text)) {
                tracing::warn!("{}", cut(&hint));
            }
            // Who asked may be gone by now.
            let _ = reply.send(changed);
        }
    }

    fn change(&mut self, config: &Arc<Config>, encode: bool) -> Result<u32, String> {
        let prompts = if encode { Some(self.encode(config)?) } else { None };
        let version = prompts.as_ref().map_or(self.version, |prompts| prompts.labels.version());
        let (reply, in_force) = channel();
        self.inbox.put_order(Order::Change { config: Arc::clone(config), prompts, reply });
        // The lane drops the order when it ends.
        let changed = in_force.recv().map_err(|_| "the models are let go".to_owned())?;
        if let (Err(_), true, Some(prompter)) = (&changed, encode, &mut self.prompter) {
            prompter.take_back();
        }
        changed.map_err(refusal)?;
        self.version = version;
        Ok(version)
    }

    fn encode(&mut self, config: &Config) -> Result<EncodedPrompts, String> {
        let Some(prompter) = &mut self.prompter else { return Err("the model takes no prompts".to_owned()) };
        let encoded = prompter.encode(&config.prompts);
        self.health.sessions().prompts.see(prompter.proofs(), None);
        encoded.map_err(refusal)
    }
}

fn refusal(refused: PromptsRefused) -> String {
    cut(&refused.to_string())
}

/// Whether a parameter of the table may ever change.
pub fn is_read_only(when: Option<When>) -> bool {
    matches!(when, Some(When::Start) | None)
}
