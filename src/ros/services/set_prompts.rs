//! The service `~/set_prompts`: from words to a set that governs the next picture. It is a change of the parameter
//! `prompts`, whose answer tells the version of the set too.

use super::parameter_changes::{Change, Changed, Sought};
use super::requests::{Reception, Requests};
use crate::ros::reason::ask_result::words;
use crate::ros::shared::Ending;
use crate::types::{PromptError, Prompts};
use r2r::vedette_msgs::srv::SetPrompts;
use std::collections::VecDeque;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

/// The service's private name.
pub const NAME: &str = "~/set_prompts";

/// More requests than these do not wait.
const MAX_WAITING: usize = 32;

type Request = super::requests::Request<SetPrompts::Service>;

/// The task.
pub struct PromptService {
    requests: Requests<SetPrompts::Service>,
    /// In the order in which they came, which is that of the answers.
    waiting: VecDeque<(Request, oneshot::Receiver<Changed>)>,
    changes: UnboundedSender<Change>,
}

impl PromptService {
    /// Offers the service. Sets go to `changes`.
    ///
    /// # Errors
    /// When DDS refuses it.
    pub fn new(node: &mut r2r::Node, reception: &mut Reception, changes: UnboundedSender<Change>) -> r2r::Result<Self> {
        let requests = reception.offer(node, NAME, |_, reason| response(Changed::refused(reason)))?;
        Ok(Self { requests, waiting: VecDeque::new(), changes })
    }

    /// Serves until the node ends, and tells those who still wait.
    pub async fn serve(mut self, mut ending: Ending) {
        loop {
            tokio::select! {
                Some(request) = self.requests.next() => self.take(request),
                changed = first(&mut self.waiting) => {
                    if let Some((request, _)) = self.waiting.pop_front() {
                        request.respond(response(changed));
                    }
                }
                () = ending.comes() => {
                    let ends = || Changed::refused("the node ends");
                    return self.waiting.drain(..).for_each(|(request, _)| request.respond(response(ends())));
                }
            }
        }
    }

    fn take(&mut self, mut request: Request) {
        if self.waiting.len() == MAX_WAITING {
            return request.refuse(&format!("busy: {MAX_WAITING} sets of prompts wait already"));
        }
        let sought = match of_sane_size(request.take_message().prompts) {
            Ok(prompts) => Sought::Prompts(prompts),
            Err(error) => {
                tracing::warn!("prompts refused: {error}");
                Sought::NoPrompts(error)
            }
        };
        let (reply, changed) = oneshot::channel();
        // Where nobody takes it the reply is dropped, and the client told.
        let _ = self.changes.send(Change { sought, reply });
        self.waiting.push_back((request, changed));
    }
}

/// Prompts that may wait for their turn: of what no set can hold only the reason is kept.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(prompts: Vec<String>) -> String {
        of_sane_size(prompts).unwrap_err().to_string()
    }

    #[test]
    fn what_no_set_can_hold_is_not_kept() {
        let large = "x".repeat(20_000_000);
        assert!(refusal(vec![large]).ends_with("has 20000000 characters, expected at most 256"));
        let many = (0..300).map(|number| format!("thing {number}")).collect();
        assert_eq!(refusal(many), "there are 300 prompts, expected at most 256");
        let empty = refusal(vec![" ".repeat(20_000_000)]);
        assert!(empty.len() < 400 && empty.starts_with("prompt 1 is "), "{empty}");
    }

    #[test]
    fn what_may_be_a_set_is_judged_in_its_turn() {
        let prompts = ["van", "Van", "x\ny", ""].map(str::to_owned).to_vec();
        assert_eq!(of_sane_size(prompts.clone()).unwrap(), prompts);
        let wide = format!("{}van{}", " ".repeat(5000), " ".repeat(5000));
        assert_eq!(of_sane_size(vec![wide]).unwrap(), ["van"]);
    }
}
