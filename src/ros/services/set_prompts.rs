//! The service `~/set_prompts`: from words to a set that governs the next picture.
//!
//! A task takes requests and answers them; a thread of its own encodes the words, which may load a text encoder first, and
//! waits until the lane has put the set in force. Perceive waits for none of it. Should that thread end in a panic, the set
//! in force stays, and who asks for another is told.

use super::requests::{Reception, Requests};
use crate::config::assembly::Prompter;
use crate::ros::intake::inbox::Inbox;
use crate::ros::order::Order;
use crate::ros::reason::ask_result::words;
use crate::ros::report::health::Health;
use crate::ros::report::log::Short;
use crate::ros::shared::{Ending, Shared};
use crate::types::{PromptError, Prompts};
use r2r::vedette_msgs::srv::SetPrompts;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The service's private name.
pub const NAME: &str = "~/set_prompts";

/// Why a set is refused once the other half has ended.
const NO_THREAD: &str = "the thread that encodes prompts has ended; the set in force stays";

/// More requests than these do not wait.
const MAX_WAITING: usize = 32;

/// So many requests wait for the task, which takes them up in microseconds.
const CAPACITY: usize = 1000;

type Request = super::requests::Request<SetPrompts::Service>;

/// The task's half.
pub struct PromptService {
    requests: Requests<SetPrompts::Service>,
    /// In the order in which they came, which is that of the answers.
    waiting: VecDeque<Request>,
    /// Who encodes now.
    encoders: UnboundedReceiver<Encoding>,
    encoding: Encoding,
}

/// Who encodes prompts.
pub enum Encoding {
    /// This thread.
    By(ToThread),
    /// Nobody, and why.
    Nobody(String),
}

/// The way to the other half, and back.
pub struct ToThread {
    to_encode: Sender<Vec<String>>,
    answers: UnboundedReceiver<SetPrompts::Response>,
    /// The one in force.
    version: u32,
}

/// The other half: encodes, on a thread of its own, until the way to it is dropped.
pub struct PromptThread {
    prompter: Prompter,
    inbox: Arc<Inbox>,
    health: Arc<Health>,
    version: u32,
    to_encode: Receiver<Vec<String>>,
    answers: UnboundedSender<SetPrompts::Response>,
}

impl PromptService {
    /// Offers the service. Nobody encodes until `encoders` says who does.
    ///
    /// # Errors
    /// When DDS refuses it.
    pub fn new(
        node: &mut r2r::Node,
        reception: &mut Reception,
        encoders: UnboundedReceiver<Encoding>,
    ) -> r2r::Result<Self> {
        let requests = reception.offer(node, NAME, CAPACITY, |_, reason| SetPrompts::Response {
            success: false,
            message: reason.to_owned(),
            version: 0,
        })?;
        let encoding = Encoding::Nobody("the node is not configured".to_owned());
        Ok(Self { requests, waiting: VecDeque::new(), encoders, encoding })
    }

    /// Serves until the node ends, and tells those who still wait.
    pub async fn serve(mut self, mut ending: Ending) {
        loop {
            tokio::select! {
                Some(request) = self.requests.next() => self.take(request),
                Some(encoding) = self.encoders.recv() => self.change(encoding),
                answer = next_answer(&mut self.encoding) => match answer {
                    Some(answer) => {
                        if let Encoding::By(thread) = &mut self.encoding {
                            thread.version = answer.version;
                        }
                        if let Some(request) = self.waiting.pop_front() {
                            request.respond(answer);
                        }
                    }
                    None => self.change(Encoding::Nobody(NO_THREAD.to_owned())),
                },
                () = ending.comes() => return self.refuse_all("the node ends"),
            }
        }
    }

    /// Whoever waits for another one is told.
    fn change(&mut self, encoding: Encoding) {
        self.encoding = encoding;
        match &self.encoding {
            Encoding::Nobody(why) => {
                let why = why.clone();
                self.refuse_all(&why);
            }
            Encoding::By(_) => self.refuse_all("the models were loaded anew"),
        }
    }

    fn take(&mut self, mut request: Request) {
        match &self.encoding {
            Encoding::Nobody(why) => request.refuse(why),
            Encoding::By(_) if self.waiting.len() == MAX_WAITING => {
                request.refuse(&format!("busy: {MAX_WAITING} sets of prompts wait already"));
            }
            Encoding::By(thread) => match of_sane_size(request.take_message().prompts) {
                Ok(prompts) => {
                    // Where that thread has just ended, its end comes next, and all who wait are told.
                    let _ = thread.to_encode.send(prompts);
                    self.waiting.push_back(request);
                }
                Err(error) => {
                    let message = error.to_string();
                    tracing::warn!("prompts refused: {message}");
                    let response = SetPrompts::Response { success: false, message, version: thread.version };
                    request.respond(response);
                }
            },
        }
    }

    fn refuse_all(&mut self, reason: &str) {
        self.waiting.drain(..).for_each(|request| request.refuse(reason));
    }
}

/// Prompts that may wait for the thread: what no set can hold is refused before, and nothing of it kept.
fn of_sane_size(prompts: Vec<String>) -> Result<Vec<String>, PromptError> {
    let is_too_large = prompts.len() > Prompts::MAX
        // A character has four bytes at most.
        || prompts.iter().any(|prompt| prompt.len() > Prompts::MAX_CHARS * 4);
    if !is_too_large {
        return Ok(prompts);
    }
    // Without the spaces around them they may still be a set.
    Prompts::new(&prompts, 0).map(|prompts| prompts.texts().map(str::to_owned).collect())
}

/// The next answer of the thread, `None` once it has ended. Never comes where there is none.
async fn next_answer(encoding: &mut Encoding) -> Option<SetPrompts::Response> {
    match encoding {
        Encoding::By(thread) => thread.answers.recv().await,
        Encoding::Nobody(_) => std::future::pending().await,
    }
}

impl PromptThread {
    /// For a walk under the prompts of this version, and the way to it.
    pub fn new(prompter: Prompter, shared: &Shared, version: u32) -> (Self, ToThread) {
        let (words, to_encode) = channel();
        let (said, answers) = unbounded_channel();
        let (inbox, health) = (Arc::clone(&shared.inbox), Arc::clone(&shared.health));
        let thread = Self { prompter, inbox, health, version, to_encode, answers: said };
        (thread, ToThread { to_encode: words, answers, version })
    }

    /// Works until the way to it is dropped.
    pub fn run(mut self) {
        while let Ok(texts) = self.to_encode.recv() {
            let refused = self.set(&texts).err();
            match &refused {
                None => tracing::info!("looking for {}, version {}", Short(&texts), self.version),
                Some(reason) => tracing::warn!("prompts {} refused: {reason}", Short(&texts)),
            }
            let response = SetPrompts::Response {
                success: refused.is_none(),
                message: refused.as_deref().map(words).unwrap_or_default(),
                version: self.version,
            };
            if self.answers.send(response).is_err() {
                return;
            }
        }
    }

    fn set(&mut self, texts: &[String]) -> Result<(), String> {
        let encoded = self.prompter.encode(texts);
        self.health.sessions().prompts.see(self.prompter.proofs(), None);
        let prompts = encoded.map_err(|refused| refused.to_string())?;
        let version = prompts.labels.version();
        let (reply, in_force) = channel();
        self.inbox.put_order(Order::Prompts { prompts, reply });
        // The lane drops the order when it ends.
        in_force.recv().map_err(|_| "the models are let go".to_owned())?.map_err(|refused| refused.to_string())?;
        self.version = version;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(prompts: Vec<String>) -> String {
        of_sane_size(prompts).unwrap_err().to_string()
    }

    #[test]
    fn what_no_set_can_hold_does_not_wait_for_the_thread() {
        let large = "x".repeat(20_000_000);
        assert!(refusal(vec![large]).ends_with("has 20000000 characters, expected at most 256"));
        let many = (0..300).map(|number| format!("thing {number}")).collect();
        assert_eq!(refusal(many), "there are 300 prompts, expected at most 256");
        let empty = refusal(vec![" ".repeat(20_000_000)]);
        assert!(empty.len() < 400 && empty.starts_with("prompt 1 is "), "{empty}");
    }

    #[test]
    fn the_thread_gets_what_may_be_a_set_and_judges_it_in_its_turn() {
        let prompts = ["van", "Van", "x\ny", ""].map(str::to_owned).to_vec();
        assert_eq!(of_sane_size(prompts.clone()).unwrap(), prompts);
        let wide = format!("{}van{}", " ".repeat(5000), " ".repeat(5000));
        assert_eq!(of_sane_size(vec![wide]).unwrap(), ["van"]);
    }
}
