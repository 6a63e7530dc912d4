//! What the transitions of the managed node do: models come and go, pictures are taken and plans said.
//!
//! One owner, the loop that runs the node, calls all of this, so that one transition is over before the next begins.
//! What takes long is done by threads: `load` makes the models, and whoever is told to end is waited for; the loop goes on
//! meanwhile, and the services answer.

use super::clock::steady_now;
use super::error::NodeError;
use super::intake::freshness::Freshness;
use super::intake::graph::Topic;
use super::intake::qos;
use super::lane::{Lane, Passage, Waits, paces};
use super::lifecycle::services::{Announcer, Asked};
use super::lifecycle::{Outcome, State, Transition};
use super::order::Order;
use super::publishers::Publishers;
use super::reason::ask::{Post, ReasonLane};
use super::reason::desk::Desk;
use super::reason::reasoner::Reasoner;
use super::report::log::{Limiter, Short};
use super::report::sessions::{ModelSessions, Sessions};
use super::services::parameter_changes::{ChangeThread, Loaded};
use super::shared::Shared;
use super::spin::SpinOrder;
use super::threads::{Duty, Ended, Threads, words_of};
use super::watch::stop::StopPlan;
use crate::config::assembly::Prompter;
use crate::config::{CameraName, Config, Names, in_words};
use crate::pipeline::{Input, Intakes, Reason, Walk, inputs, transport_of};
use crate::types::CameraId;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The threads that come with the models and go with them.
const OF_MODELS: [Duty; 3] = [Duty::Perceive, Duty::Reason, Duty::Prompts];

/// What a configured node is made of.
pub struct Parts {
    /// What joins the messages of each camera.
    pub intakes: Intakes,
    /// From pictures to plans.
    pub walk: Walk,
    /// Encodes prompts for the walk's detector; without it other prompts are refused.
    pub prompter: Option<Prompter>,
    /// The language model; without it `~/ask` rejects every goal.
    pub reason: Option<Reason>,
}

/// Why there are no parts.
pub type LoadFailed = Box<dyn Error + Send + Sync>;

/// Makes the parts for these parameters, and says each step that may take long.
pub type Load = Box<dyn FnMut(&Config, &dyn Fn(&str)) -> Result<Parts, LoadFailed> + Send>;

/// What came of loading.
pub struct LoadEnd {
    /// For the next time.
    load: Load,
    /// The parameters that it was done for.
    config: Arc<Config>,
    result: Result<Parts, NotLoaded>,
}

enum NotLoaded {
    Failed(LoadFailed),
    Panicked(String),
}

/// A transition under way.
struct Pending {
    transition: &'static Transition,
    /// Who is told; nobody for what the node does by itself.
    client: Option<Asked>,
    /// What it waits for.
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The models.
    Loading,
    /// The end of the threads that have them; what comes then.
    Releasing(Then),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Load,
    End,
}

/// The ways to the threads and tasks that a transition concerns.
pub struct Ways {
    /// To the spin thread.
    pub spin: mpsc::Sender<SpinOrder>,
    /// To the task that owns the parameters.
    pub changers: UnboundedSender<Loaded>,
    /// To the task that serves questions.
    pub posts: UnboundedSender<Post>,
    /// To whoever gives the end of loading back through [`Managed::loaded`].
    pub loaded: UnboundedSender<LoadEnd>,
}

/// The node, as its transitions see it.
pub struct Managed {
    shared: Shared,
    threads: Threads,
    names: Names,
    publishers: Publishers,
    announcer: Announcer,
    ways: Ways,
    /// `None` while it loads.
    load: Option<Load>,
    /// The parameters with which the models were loaded, while there are any.
    loaded_with: Option<Arc<Config>>,
    desk: Option<Arc<Desk>>,
    pending: Option<Pending>,
    /// Until the first configure has ended.
    is_starting: bool,
    fault: Option<NodeError>,
}

impl Managed {
    /// Unconfigured. `load` makes the models.
    pub fn new(
        shared: Shared,
        threads: Threads,
        names: Names,
        publishers: Publishers,
        announcer: Announcer,
        ways: Ways,
        load: Load,
    ) -> Self {
        Self {
            shared,
            threads,
            names,
            publishers,
            announcer,
            ways,
            load: Some(load),
            loaded_with: None,
            desk: None,
            pending: None,
            is_starting: false,
            fault: None,
        }
    }

    /// The threads.
    pub fn threads(&mut self) -> &mut Threads {
        &mut self.threads
    }

    /// What ends the node, if something does.
    pub fn take_fault(&mut self) -> Option<NodeError> {
        self.fault.take()
    }

    /// Configures and activates by itself where parameter `autostart` says so.
    pub fn start(&mut self) {
        let name = self.names.node();
        if !self.shared.config().autostart {
            tracing::info!("{name} is there, unconfigured: autostart is false");
            return;
        }
        tracing::info!("{name} is there");
        self.is_starting = true;
        self.by_itself("configure");
    }

    /// A client wants another state.
    pub fn asked(&mut self, client: Asked) {
        let Some(transition) = self.shared.lifecycle.asked(client.id, &client.label) else {
            let (state, id) = (self.shared.lifecycle.state().label(), client.id);
            let what =
                if client.label.is_empty() { format!("transition {id}") } else { Short(&client.label).to_string() };
            tracing::warn!("no transition leads on by {what} from the state {state}");
            return client.answer(false);
        };
        self.begin(transition, Some(client));
    }

    fn by_itself(&mut self, label: &str) {
        if let Some(transition) = self.shared.lifecycle.asked(0, label) {
            self.begin(transition, None);
        }
    }

    fn begin(&mut self, transition: &'static Transition, client: Option<Asked>) {
        let was = transition.from;
        self.shared.lifecycle.begin(transition);
        self.announcer.taken(transition);
        self.pending = Some(Pending { transition, client, stage: Stage::Releasing(Then::End) });
        match transition.to {
            State::Configuring => self.start_loading(),
            State::Activating if self.is_outdated() => {
                tracing::info!("parameters that hold from the load on have changed: loading again");
                self.release("the models are loaded anew", Then::Load);
            }
            State::Activating => self.activate(),
            State::Deactivating => {
                self.deactivate("the node is deactivated");
                self.end(Outcome::Success, None);
            }
            State::CleaningUp => self.release("the node is not configured", Then::End),
            _ => {
                if was == State::Active {
                    self.deactivate("the node is shut down");
                }
                self.release("the node is shut down", Then::End);
            }
        }
    }

    /// Whether a parameter that holds from the load on is another one by now.
    fn is_outdated(&self) -> bool {
        let config = self.shared.config();
        self.loaded_with.as_ref().is_some_and(|loaded| !loaded.loads_as(&config))
    }

    /// Loads again where the node is active with what holds no longer: such a parameter is refused from an activation on, but
    /// one that was taken just before may come into force after it.
    pub fn keep_up(&mut self) {
        if self.shared.lifecycle.state() == State::Active && self.is_outdated() {
            self.by_itself("deactivate");
            self.by_itself("activate");
        }
    }

    fn start_loading(&mut self) {
        let Some(mut load) = self.load.take() else { return };
        self.set_stage(Stage::Loading);
        let (config, lifecycle) = (self.shared.config(), Arc::clone(&self.shared.lifecycle));
        let tell = self.ways.loaded.clone();
        let work = move || {
            let step = |words: &str| lifecycle.step(words);
            let loaded = catch_unwind(AssertUnwindSafe(|| load(&config, &step)));
            let result = match loaded {
                Ok(result) => result.map_err(NotLoaded::Failed),
                Err(panic) => Err(NotLoaded::Panicked(words_of(&*panic))),
            };
            // Nobody listens once the node ends.
            let _ = tell.send(LoadEnd { load, config, result });
        };
        if let Err(error) = self.threads.start(Duty::Load, work) {
            self.fault = Some(error);
        }
    }

    /// What came of loading.
    pub fn loaded(&mut self, LoadEnd { load, config, result }: LoadEnd) {
        self.load = Some(load);
        let is_configuring = self.shared.lifecycle.state() == State::Configuring;
        match result {
            Ok(parts) => match self.advertise(&config) {
                // DDS refuses a name that is too long behind that of the node.
                Err(error) => self.end(Outcome::Error, Some(in_words(&error))),
                Ok(()) => match self.install(config, parts) {
                    Ok(()) if is_configuring => self.end(Outcome::Success, None),
                    Ok(()) => self.activate(),
                    Err(error) => self.fault = Some(error),
                },
            },
            Err(NotLoaded::Failed(error)) => {
                // Where models were there before, they are gone.
                let outcome = if is_configuring { Outcome::Failure } else { Outcome::Error };
                self.end(outcome, Some(in_words(&*error)));
            }
            Err(NotLoaded::Panicked(words)) => {
                self.end(Outcome::Error, Some(format!("loading ended in a panic: {words}")));
            }
        }
    }

    /// Gives the parts to the threads that work with them.
    fn install(&mut self, config: Arc<Config>, parts: Parts) -> Result<(), NodeError> {
        let Parts { intakes, walk, prompter, mut reason } = parts;
        let shared = &self.shared;
        shared.topics.replace(topics(&config, &self.names));
        shared.inbox.reopen();
        let mut sessions = Sessions {
            detector: ModelSessions::of(&config.model),
            prompts: ModelSessions::of(&config.text_model),
            reason: None,
        };
        sessions.detector.see(walk.proofs(), Some(walk.proof()));
        sessions.prompts.see(prompter.iter().flat_map(Prompter::proofs), None);
        tracing::info!("{} runs", walk.proof());
        if let Some(reason) = &mut reason {
            let name = reason.name().to_owned();
            let model = reason.model();
            tracing::info!("{name} answers questions; {}", model.proof());
            let mut of_reason = ModelSessions::of(&name);
            of_reason.see(model.proofs(), Some(model.proof()));
            sessions.reason = Some(of_reason);
        }
        *shared.health.sessions() = sessions;
        shared.health.lock().renew(config.camera_names());

        let version = walk.labels().version();
        let (thread, to_thread) = ChangeThread::new(prompter, shared, version);
        self.threads.start(Duty::Prompts, || thread.run())?;
        let _ = self.ways.changers.send(Loaded::By(to_thread));
        let post = match reason {
            Some(reason) => {
                let desk = Arc::new(Desk::default());
                let inbox = || Arc::clone(&shared.inbox);
                let (tell, told) = unbounded_channel();
                let (at, health) = (Arc::clone(&desk), Arc::clone(&shared.health));
                let reasoner = Reasoner { reason, desk: at, inbox: inbox(), health, told: tell };
                self.threads.start(Duty::Reason, || reasoner.run())?;
                self.desk = Some(Arc::clone(&desk));
                Post::Manned(ReasonLane { desk, inbox: inbox(), told })
            }
            None => Post::Left("there is nobody to ask, parameter reason_model is empty".to_owned()),
        };
        let _ = self.ways.posts.send(post);
        let lane = Lane {
            intakes: intakes.with_transforms(&shared.transforms),
            waits: Waits::of_all(&config),
            waiting: Vec::new(),
            passage: Passage {
                walk,
                shared: shared.clone(),
                publishers: self.publishers.clone(),
                freshness: Freshness::new(&config),
                paces: paces(&config),
                cameras: config.camera_names(),
                sessions_seen: steady_now(),
                limiter: Limiter::default(),
            },
            desk: self.desk.clone(),
        };
        self.threads.start(Duty::Perceive, || lane.run())?;
        self.loaded_with = Some(config);
        Ok(())
    }

    /// Publishes for the cameras as they are by these parameters, where they are other ones than before.
    fn advertise(&mut self, config: &Config) -> Result<(), NodeError> {
        let cameras = config.camera_names();
        if self.shared.health.lock().cameras == cameras {
            return Ok(());
        }
        let (reply, advertised) = mpsc::channel();
        let (before, names, overrides) = (self.publishers.clone(), self.names.clone(), config.qos_overrides.clone());
        let work = move |node: &mut r2r::Node| {
            let _ = reply.send(before.for_cameras(node, &cameras, &names, &overrides));
        };
        let _ = self.ways.spin.send(SpinOrder::Do(Box::new(work)));
        // Where the spin thread has ended, the node ends too.
        if let Ok(publishers) = advertised.recv() {
            self.publishers = publishers.map_err(|(name, source)| NodeError::endpoint("publish", &name)(source))?;
        }
        Ok(())
    }

    fn activate(&mut self) {
        let config = self.shared.config();
        self.shared.inbox.forget();
        self.shared.inbox.put_order(Order::Begin);
        let (reply, listens) = mpsc::channel();
        let cameras = config.camera_names();
        let transports = cameras.iter().map(|camera| transport_of(&config, &self.names, camera)).collect();
        let _ = self.ways.spin.send(SpinOrder::Listen { transports, reply });
        // The spin thread takes it within some milliseconds; where it has ended, the node ends too.
        match listens.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return self.end(Outcome::Failure, Some(in_words(&error))),
            Err(_) => return self.end(Outcome::Failure, Some("the thread spin has ended".to_owned())),
        }
        self.shared.gate.open(Freshness::new(&config), StopPlan::new(&config), !config.enabled);
        let _ = self.ways.posts.send(Post::Open);
        tracing::info!("{} listens to {}", self.names.node(), self.shared.topics.of_pictures());
        self.end(Outcome::Success, None);
    }

    /// One last stop, and then nothing.
    fn deactivate(&mut self, why: &str) {
        if let Err(error) = self.shared.gate.shut(why) {
            tracing::error!("the stop has not left: {error}");
        }
        let _ = self.ways.spin.send(SpinOrder::Leave);
        let _ = self.ways.posts.send(Post::Shut("the node is not active".to_owned()));
        self.shared.inbox.forget();
    }

    /// Tells the threads that have the models to end.
    fn release(&mut self, why: &str, then: Then) {
        self.shared.inbox.close();
        if let Some(desk) = self.desk.take() {
            desk.close();
        }
        let _ = self.ways.changers.send(Loaded::Nothing);
        let _ = self.ways.posts.send(Post::Left(why.to_owned()));
        self.set_stage(Stage::Releasing(then));
        self.check_released();
    }

    fn check_released(&mut self) {
        let Some(Pending { stage: Stage::Releasing(then), .. }) = self.pending else { return };
        if self.threads.any_runs(&OF_MODELS) {
            return;
        }
        self.loaded_with = None;
        *self.shared.health.sessions() = Sessions::default();
        match then {
            Then::Load => self.start_loading(),
            Then::End => self.end(Outcome::Success, None),
        }
    }

    fn set_stage(&mut self, stage: Stage) {
        if let Some(pending) = &mut self.pending {
            pending.stage = stage;
        }
    }

    /// The way out of the busy state. After an error that is the way through error processing, in which all is let go.
    fn end(&mut self, outcome: Outcome, failure: Option<String>) {
        if let Some(reason) = failure.as_ref().filter(|_| self.is_starting) {
            self.fault = Some(NodeError::NotStarted { reason: reason.clone() });
        }
        let before = self.shared.lifecycle.now();
        let Some(way) = self.shared.lifecycle.end(outcome, failure.clone()) else { return };
        self.announcer.taken(way);
        if let Some(failure) = &failure {
            tracing::error!("{} failed: {failure}", before.state().label());
        }
        if way.to == State::ErrorProcessing {
            return self.release("the node is not configured", Then::End);
        }
        let seconds = steady_now().duration_since(before.since).as_secs_f64();
        tracing::info!("{} after {seconds:.1} s of {}", way.to.label(), before.state().label());
        let Some(Pending { transition, client, .. }) = self.pending.take() else { return };
        if let Some(client) = client {
            // What went through error processing has failed.
            client.answer(outcome == Outcome::Success && before.state() != State::ErrorProcessing);
        }
        if self.is_starting {
            if transition.to == State::Configuring && way.to == State::Inactive {
                return self.by_itself("activate");
            }
            self.is_starting = false;
        }
        self.keep_up();
    }

    /// A thread has ended that the node can do without, or was told to.
    pub fn thread_ended(&mut self, ended: Ended) {
        let duty = ended.duty;
        if let Some(fault) = ended.fault() {
            let words = fault.to_string();
            tracing::error!("{words}; perception goes on without it");
            match duty {
                Duty::Prompts => self.shared.health.lock().prompts_ended = Some(words),
                Duty::Reason => {
                    self.shared.inbox.put_order(Order::StopAsking);
                    self.shared.health.lock().reason.ended = Some(words.clone());
                    let _ = self.ways.posts.send(Post::Died(words));
                }
                _ => {}
            }
        }
        self.check_released();
    }

    /// Says the last stop, and lets the threads end that make something of pictures and questions.
    pub fn close(&mut self, why: &str) {
        if let Err(error) = self.shared.gate.close(why) {
            tracing::error!("the last stop has not left: {error}");
        }
        self.shared.inbox.close();
        if let Some(desk) = self.desk.take() {
            desk.close();
        }
        if let Some(client) = self.pending.take().and_then(|pending| pending.client) {
            client.answer(false);
        }
    }

    /// Lets the tasks know that no more thread comes.
    pub fn leave_services(&mut self) {
        let _ = self.ways.changers.send(Loaded::Nothing);
    }
}

impl Drop for Managed {
    /// Whatever way the node is left, the last stop has been said.
    fn drop(&mut self) {
        self.close("the node ends");
    }
}

/// The inputs by their names, with what is asked of those who publish them.
fn topics(config: &Config, names: &Names) -> Vec<Topic> {
    let topic = |(camera, camera_name, input): (CameraId, CameraName, Input)| {
        let label = input.name_for(&camera_name);
        let name = names.resolve_input(&label);
        let qos = qos::subscription(input, config.qos_overrides.subscriptions.get(&name));
        Topic { input, camera, called: names.input(&label), label, name, qos }
    };
    inputs(config, names).into_iter().map(topic).collect()
}
