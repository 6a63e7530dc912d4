//! The service `~/set_prompts`: from words to a set that governs the next picture.
//!
//! The spin thread takes requests and answers them; a thread of its own encodes the words, which may load a text encoder
//! first, and waits until the lane has put the set in force. Perceive waits for none of it.

use crate::config::assembly::Prompter;
use crate::ros::intake::inbox::Inbox;
use crate::ros::order::Order;
use crate::ros::reason::ask_result::words;
use futures::{FutureExt, Stream, StreamExt};
use r2r::QosProfile;
use r2r::vedette_msgs::srv::SetPrompts;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

/// The service's private name.
pub const NAME: &str = "~/set_prompts";

/// More requests than these do not wait.
const MAX_WAITING: usize = 32;

type Request = r2r::ServiceRequest<SetPrompts::Service>;

/// The spin thread's half.
pub struct PromptService {
    requests: Box<dyn Stream<Item = Request> + Unpin>,
    /// In the order in which they came, which is that of the answers.
    waiting: VecDeque<Request>,
    to_encode: Sender<Vec<String>>,
    answers: Receiver<SetPrompts::Response>,
}

/// The other half: encodes, on a thread of its own, until the service is dropped.
pub struct PromptThread {
    prompter: Prompter,
    inbox: Arc<Inbox>,
    version: u32,
    to_encode: Receiver<Vec<String>>,
    answers: Sender<SetPrompts::Response>,
}

impl PromptService {
    /// Offers the service. `version` is the one in force.
    ///
    /// # Errors
    /// When DDS refuses it.
    pub fn new(
        node: &mut r2r::Node,
        prompter: Prompter,
        inbox: Arc<Inbox>,
        version: u32,
    ) -> r2r::Result<(Self, PromptThread)> {
        let requests = Box::new(node.create_service::<SetPrompts::Service>(NAME, QosProfile::services_default())?);
        let (words, to_encode) = channel();
        let (said, answers) = channel();
        let service = Self { requests, waiting: VecDeque::new(), to_encode: words, answers };
        Ok((service, PromptThread { prompter, inbox, version, to_encode, answers: said }))
    }

    /// Takes what was asked and answers what is done. Never waits.
    pub fn answer(&mut self) {
        while let Some(Some(request)) = self.requests.next().now_or_never() {
            if self.waiting.len() == MAX_WAITING {
                let message = format!("{MAX_WAITING} sets of prompts wait already");
                respond(request, SetPrompts::Response { success: false, message, version: 0 });
            } else {
                // Without that thread there is no answer below, and the request is refused there.
                let _ = self.to_encode.send(request.message.prompts.clone());
                self.waiting.push_back(request);
            }
        }
        loop {
            match self.answers.try_recv() {
                Ok(answer) => {
                    if let Some(request) = self.waiting.pop_front() {
                        respond(request, answer);
                    }
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => return self.refuse_all("the thread that encodes prompts has ended"),
            }
        }
    }

    /// Tells all who wait why they get no other answer.
    pub fn refuse_all(&mut self, reason: &str) {
        for request in self.waiting.drain(..) {
            respond(request, SetPrompts::Response { success: false, message: reason.to_owned(), version: 0 });
        }
    }

    /// Whether somebody waits for an answer.
    pub fn is_busy(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl PromptThread {
    /// Works until the service is dropped.
    pub fn run(mut self) {
        while let Ok(texts) = self.to_encode.recv() {
            let refused = self.set(&texts).err();
            match &refused {
                None => tracing::info!("looking for {texts:?}, version {}", self.version),
                Some(reason) => tracing::warn!("prompts {texts:?} refused: {reason}"),
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
        let prompts = self.prompter.encode(texts).map_err(|refused| refused.to_string())?;
        let version = prompts.labels.version();
        let (reply, in_force) = channel();
        self.inbox.put_order(Order::Prompts { prompts, reply });
        // The lane drops the order when it ends.
        in_force.recv().map_err(|_| "the node ends".to_owned())?.map_err(|refused| refused.to_string())?;
        self.version = version;
        Ok(())
    }
}

fn respond(request: Request, response: SetPrompts::Response) {
    // A caller that went away before its answer is its own affair.
    if let Err(error) = request.respond(response) {
        tracing::debug!("prompts request not answered: {error}");
    }
}
