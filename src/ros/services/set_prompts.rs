//! The service `~/set_prompts`: from words to a set that governs the next picture. It is a change of the parameter
//! `prompts`, whose answer tells the version of the set too.

use super::parameter_changes::{Change, Changed, Sought};
use crate::ros::reason::ask_result::words;
use crate::ros::shared::Ending;
use futures::{Stream, StreamExt};
use r2r::QosProfile;
use r2r::vedette_msgs::srv::SetPrompts;
use std::collections::VecDeque;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

/// The service's private name.
pub const NAME: &str = "~/set_prompts";

/// More requests than these do not wait.
const MAX_WAITING: usize = 32;

type Request = r2r::ServiceRequest<SetPrompts::Service>;

/// The task.
pub struct PromptService {
    requests: Box<dyn Stream<Item = Request> + Unpin + Send>,
    /// In the order in which they came, which is that of the answers.
    waiting: VecDeque<(Request, oneshot::Receiver<Changed>)>,
    changes: UnboundedSender<Change>,
}

impl PromptService {
    /// Offers the service. Sets go to `changes`.
    ///
    /// # Errors
    /// When DDS refuses it.
    pub fn new(node: &mut r2r::Node, changes: UnboundedSender<Change>) -> r2r::Result<Self> {
        let requests = Box::new(node.create_service::<SetPrompts::Service>(NAME, QosProfile::services_default())?);
        Ok(Self { requests, waiting: VecDeque::new(), changes })
    }

    /// Serves until the node ends, and tells those who still wait.
    pub async fn serve(mut self, mut ending: Ending) {
        loop {
            tokio::select! {
                Some(request) = self.requests.next() => self.take(request),
                changed = first(&mut self.waiting) => {
                    if let Some((request, _)) = self.waiting.pop_front() {
                        respond(request, response(changed));
                    }
                }
                () = ending.comes() => {
                    let ends = || Changed::refused("the node ends");
                    return self.waiting.drain(..).for_each(|(request, _)| respond(request, response(ends())));
                }
            }
        }
    }

    fn take(&mut self, request: Request) {
        if self.waiting.len() == MAX_WAITING {
            let words = format!("{MAX_WAITING} sets of prompts wait already");
            return respond(request, response(Changed::refused(words)));
        }
        let (reply, changed) = oneshot::channel();
        let sought = Sought::Prompts(request.message.prompts.clone());
        // Where nobody takes it the reply is dropped, and the client told.
        let _ = self.changes.send(Change { sought, reply });
        self.waiting.push_back((request, changed));
    }
}

/// What became of the first one that waits. Never comes where none does.
async fn first(waiting: &mut VecDeque<(Request, oneshot::Receiver<Changed>)>) -> Changed {
    match waiting.front_mut() {
        Some((_, changed)) => changed.await.unwrap_or_else(|_| Changed::refused("the node ends")),
        None => std::future::pending().await,
    }
}

fn response(changed: Changed) -> SetPrompts::Response {
    let Changed { refused, prompt_version } = changed;
    SetPrompts::Response {
        success: refused.is_none(),
        message: refused.as_deref().map(words).unwrap_or_default(),
        version: prompt_version,
    }
}

fn respond(request: Request, response: SetPrompts::Response) {
    // A caller that went away before its answer is its own affair.
    if let Err(error) = request.respond(response) {
        tracing::debug!("prompts request not answered: {error}");
    }
}
