//! The action `~/ask`: somebody's questions, one after the other, from the goal to the result.
//!
//! A goal whose turn has come becomes an order to the lane, which makes a job of the next picture; the reason thread
//! tells what the model says. Used from the spin thread only, which never waits for any of it.

use super::action::{ActionServer, GoalId, GoalRequest, State, time};
use super::clock::steady_now;
use super::desk::{Desk, Ticket};
use super::inbox::Inbox;
use super::order::Order;
use super::reasoner::{Ended, Told};
use crate::config::{Config, NodeName};
use crate::pipeline::{Failure, Inquiry};
use crate::types::{Cancel, CancelReason, FinishReason, Labels, Proposal, Stamp};
use r2r::builtin_interfaces::msg::Duration as DurationMessage;
use r2r::std_msgs::msg::Header;
use r2r::vedette_msgs::action::Ask;
use r2r::vedette_msgs::msg;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// The action's private name.
pub const NAME: &str = "~/ask";

/// More goals than these do not wait.
const MAX_WAITING: usize = 16;

/// Between two messages of feedback: a client's queue holds ten, and a fast model must not overrun it. What is said
/// meanwhile goes with the next one.
const FEEDBACK_PERIOD: Duration = Duration::from_millis(20);

/// Questions, from goal to result.
pub struct Questions {
    server: ActionServer,
    /// What a goal may call this camera.
    names: [String; 2],
    /// `None`: there is no language model, and every goal is rejected.
    reason: Option<ReasonLane>,
    waiting: VecDeque<(GoalId, Inquiry)>,
    active: Option<Active>,
    last_id: u64,
    deadline: Duration,
}

/// The other threads.
pub struct ReasonLane {
    /// Where the jobs are.
    pub desk: Arc<Desk>,
    /// Where orders go.
    pub inbox: Arc<Inbox>,
    /// What the reason thread tells.
    pub told: Receiver<Told>,
}

struct Active {
    goal: GoalId,
    ticket: Ticket,
    /// When the wait for a picture began.
    since: Instant,
    /// That of the picture, once there is one.
    header: Option<Header>,
    /// What was said so far.
    said: String,
    /// So many bytes of it went out as feedback, and when.
    told: Option<(usize, Instant)>,
    /// Pieces so far.
    pieces: u32,
}

impl Questions {
    /// Offers the action.
    ///
    /// # Errors
    /// When DDS refuses it.
    pub fn new(
        node: &mut r2r::Node,
        config: &Config,
        name: &NodeName,
        reason: Option<ReasonLane>,
    ) -> r2r::Result<Self> {
        Ok(Self {
            server: ActionServer::new(node, NAME)?,
            names: [name.name().to_owned(), name.to_string()],
            reason,
            waiting: VecDeque::new(),
            active: None,
            last_id: 0,
            deadline: Duration::from_millis(config.reason_deadline_ms.unsigned_abs()),
        })
    }

    /// Whether somebody waits for words.
    pub fn is_busy(&self) -> bool {
        self.active.is_some() || !self.waiting.is_empty()
    }

    /// Does all that can be done now; `now` is ROS time.
    pub fn work(&mut self, now: Stamp) {
        while let Some(request) = self.server.next_goal() {
            self.take(request, now);
        }
        for goal in self.server.answer() {
            self.cancel(goal);
        }
        self.listen();
        self.begin_next();
        self.watch();
    }

    /// The node ends, and its other threads have: what is left is told so.
    pub fn end(&mut self) {
        self.listen();
        let waiting = self.waiting.drain(..).map(|(goal, _)| (goal, None));
        let active = self.active.take().map(|active| (active.goal, Some(active)));
        for (goal, active) in waiting.chain(active).collect::<Vec<_>>() {
            let message = "the node ends".to_owned();
            let result = unanswered(CancelReason::Shutdown.as_str(), message, active.as_ref());
            self.server.end(goal, State::Aborted, result);
        }
        while let Some(request) = self.server.next_goal() {
            ActionServer::reject(request);
        }
        self.server.answer();
    }

    fn take(&mut self, request: GoalRequest, now: Stamp) {
        let camera = &request.goal.camera;
        let refusal = if self.reason.is_none() {
            Some("there is nobody to ask, parameter reason_model is empty".to_owned())
        } else if !camera.is_empty() && !self.names.contains(camera) {
            Some(format!("no camera {camera:?} here, expected {:?} or none", self.names[0]))
        } else if self.waiting.len() == MAX_WAITING {
            Some(format!("{MAX_WAITING} questions wait already"))
        } else {
            None
        };
        if let Some(refusal) = refusal {
            tracing::warn!("a question is rejected: {refusal}");
            return ActionServer::reject(request);
        }
        let Ask::Goal { question, want_proposal, max_tokens, .. } = &request.goal;
        let inquiry = Inquiry::new(question, *want_proposal, *max_tokens);
        let id = request.id;
        self.server.accept(request, now);
        match inquiry {
            Ok(inquiry) => self.waiting.push_back((id, inquiry)),
            Err(error) => self.server.end(id, State::Aborted, unanswered("failed", error.to_string(), None)),
        }
    }

    fn cancel(&mut self, goal: GoalId) {
        let word = CancelReason::Asked.as_str();
        if let Some(at) = self.waiting.iter().position(|(id, _)| *id == goal) {
            self.waiting.remove(at);
            let message = "cancelled before its turn".to_owned();
            self.server.end(goal, State::Canceled, unanswered(word, message, None));
        } else if let Some(active) = self.active.take_if(|active| active.goal == goal) {
            active.ticket.cancel.cancel(CancelReason::Asked);
            if active.header.is_some() {
                // The model ends between two tokens, and tells it.
                self.active = Some(active);
            } else {
                self.withdraw(&active);
                let message = "cancelled before an image came".to_owned();
                self.server.end(goal, State::Canceled, unanswered(word, message, None));
            }
        }
    }

    /// What the reason thread has told.
    fn listen(&mut self) {
        while let Some(told) = self.reason.as_ref().and_then(|reason| reason.told.try_recv().ok()) {
            let (Told::Began(id, ..) | Told::Piece(id, ..) | Told::Ended(id, _)) = &told;
            // Of a question that was given up nobody wants to hear.
            let Some(active) = self.active.as_mut().filter(|active| active.ticket.id == *id) else { continue };
            match told {
                Told::Began(_, stamp, frame_id) => {
                    active.header = Some(Header { stamp: time(stamp), frame_id: words(frame_id.as_str()) });
                }
                Told::Piece(_, text, pieces) => {
                    active.said.push_str(&text);
                    active.pieces = pieces;
                }
                Told::Ended(_, ended) => {
                    active.feed_back(&self.server);
                    let is_canceling = self.server.is_canceling(active.goal);
                    let (state, result) = result_of(*ended, active, is_canceling);
                    let goal = active.goal;
                    self.active = None;
                    self.server.end(goal, state, result);
                }
            }
        }
        if let Some(active) = &mut self.active
            && active.told.is_none_or(|(_, last)| steady_now().duration_since(last) >= FEEDBACK_PERIOD)
        {
            active.feed_back(&self.server);
        }
    }

    fn begin_next(&mut self) {
        let Some(reason) = self.reason.as_ref().filter(|_| self.active.is_none()) else { return };
        let Some((goal, inquiry)) = self.waiting.pop_front() else { return };
        self.last_id += 1;
        let ticket = Ticket { id: self.last_id, cancel: Cancel::new() };
        reason.inbox.put_order(Order::Ask { inquiry, ticket: ticket.clone() });
        self.server.execute(goal);
        self.active = Some(Active {
            goal,
            ticket,
            since: steady_now(),
            header: None,
            said: String::new(),
            told: None,
            pieces: 0,
        });
    }

    /// Deadlines: that of what runs, and that of an image which does not come.
    fn watch(&mut self) {
        let Some(reason) = &self.reason else { return };
        reason.desk.enforce(self.deadline);
        let Some(active) = self.active.as_mut().filter(|active| active.header.is_none()) else { return };
        let now = steady_now();
        if reason.desk.is_busy() {
            // Its turn has not come: the model is still at another picture.
            active.since = now;
        } else if now.duration_since(active.since) >= self.deadline
            && let Some(active) = self.active.take()
        {
            active.ticket.cancel.cancel(CancelReason::Deadline);
            self.withdraw(&active);
            let message = format!("no fresh image came within {} ms (reason_deadline_ms)", self.deadline.as_millis());
            let result = unanswered(CancelReason::Deadline.as_str(), message, None);
            self.server.end(active.goal, State::Aborted, result);
        }
    }

    fn withdraw(&self, active: &Active) {
        if let Some(reason) = &self.reason {
            reason.inbox.put_order(Order::Withdraw(active.ticket.id));
        }
    }
}

impl Active {
    /// Tells the client what was said since the last time, if anything was.
    fn feed_back(&mut self, server: &ActionServer) {
        let (from, _) = self.told.unwrap_or((0, self.since));
        if let Some(text) = self.said.get(from..).filter(|text| !text.is_empty()) {
            server.feedback(self.goal, Ask::Feedback { text: words(text), tokens: self.pieces });
            self.told = Some((self.said.len(), steady_now()));
        }
    }
}

/// Text as r2r takes it: a null character, which a model may well say, would end the string, and it panics.
fn words(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A result without an answer: why, and what was said by then.
fn unanswered(finish_reason: &str, message: String, active: Option<&Active>) -> Ask::Result {
    Ask::Result {
        header: active.and_then(|active| active.header.clone()).unwrap_or_default(),
        text: active.map(|active| words(&active.said)).unwrap_or_default(),
        finish_reason: finish_reason.to_owned(),
        message: words(&message),
        ..Ask::Result::default()
    }
}

fn result_of(ended: Ended, active: &Active, is_canceling: bool) -> (State, Ask::Result) {
    let Ended { answer, proposal, first_after, duration } = ended;
    let header = active.header.clone().unwrap_or_default();
    let mut result = match answer {
        Err(Failure { reason, .. }) => unanswered("failed", reason, Some(active)),
        Ok(answer) => Ask::Result {
            text: words(&answer.text),
            regions: answer.regions.iter().map(region).collect(),
            prompt_tokens: count(answer.prompt_tokens),
            tokens: count(answer.tokens),
            finish_reason: answer.finish.as_str().to_owned(),
            message: match answer.finish {
                FinishReason::Cancelled(CancelReason::Deadline) => "reason_deadline_ms is over".to_owned(),
                FinishReason::Cancelled(CancelReason::Shutdown) => "the node ends".to_owned(),
                _ => String::new(),
            },
            ..Ask::Result::default()
        },
    };
    result.time_to_first_token = first_after.map(duration_message).unwrap_or_default();
    result.duration = duration_message(duration);
    let is_complete = ["stop", "length"].contains(&result.finish_reason.as_str());
    let mut state = match result.finish_reason.as_str() {
        _ if is_complete => State::Succeeded,
        // Only a goal that somebody wants cancelled can be.
        "cancelled" if is_canceling => State::Canceled,
        _ => State::Aborted,
    };
    match proposal {
        None => {}
        Some(Ok((proposal, labels))) => {
            result.has_proposal = true;
            result.proposal = proposal_message(&header, proposal, &labels);
        }
        Some(Err(failure)) if is_complete => {
            state = State::Aborted;
            result.message = words(&format!("the answer is no proposal: {}", failure.reason));
        }
        Some(Err(_)) => {}
    }
    result.header = header;
    (state, result)
}

/// As it was read, before the guard has ruled on it: that comes with the next image, in `~/proposal`.
fn proposal_message(header: &Header, proposal: Proposal, labels: &Labels) -> msg::Proposal {
    let step = |step: crate::types::ProposedStep| msg::ProposedStep {
        action: step.action.as_str().to_owned(),
        track_id: step.track.map(|track| track.to_string()).unwrap_or_default(),
        class_id: step.class.map(|class| words(labels.name(class))).unwrap_or_default(),
        reason: words(&step.reason),
    };
    msg::Proposal {
        header: header.clone(),
        picture_stamp: time(proposal.stamp),
        status: String::new(),
        verdict: String::new(),
        decision: proposal.decision.as_str().to_owned(),
        speed_limit_mps: proposal.speed_limit_mps.unwrap_or(f32::NAN),
        steps: proposal.steps.into_iter().map(step).collect(),
        reason: words(&proposal.reason),
        model: proposal.model.as_ref().to_owned(),
        prompt_version: proposal.prompt_version,
        text: words(&proposal.text),
    }
}

fn region(region: &crate::types::Region) -> msg::Region {
    let bbox = &region.bbox;
    msg::Region {
        label: words(&region.label),
        x_min: f64::from(bbox.x_min()),
        y_min: f64::from(bbox.y_min()),
        x_max: f64::from(bbox.x_max()),
        y_max: f64::from(bbox.y_max()),
    }
}

fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

fn duration_message(duration: Duration) -> DurationMessage {
    let sec = i32::try_from(duration.as_secs()).unwrap_or(i32::MAX);
    DurationMessage { sec, nanosec: duration.subsec_nanos() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Answer;

    fn active() -> Active {
        let ticket = Ticket { id: 1, cancel: Cancel::new() };
        let said = "so f\0r".to_owned();
        let header = Header { frame_id: "camera".to_owned(), ..Header::default() };
        let since = steady_now();
        Active { goal: GoalId::default(), ticket, since, header: Some(header), said, told: None, pieces: 2 }
    }

    fn ended(finish: FinishReason) -> Ended {
        let text = "so f\0r".to_owned();
        let answer = Answer { text, regions: Vec::new(), prompt_tokens: 9, tokens: 3, finish };
        let (first_after, duration) = (None, Duration::from_millis(1500));
        Ended { answer: Ok(answer), proposal: None, first_after, duration }
    }

    fn failure(reason: &str) -> Failure {
        Failure { status: crate::types::ProposalStatus::Failed, reason: reason.to_owned(), text: String::new() }
    }

    #[test]
    fn the_state_of_a_goal_follows_why_its_answer_ended() {
        let state = |finish, is_canceling| result_of(ended(finish), &active(), is_canceling).0;
        assert_eq!(state(FinishReason::Stop, false), State::Succeeded);
        assert_eq!(state(FinishReason::Length, true), State::Succeeded, "it was complete before it could be cancelled");
        assert_eq!(state(FinishReason::Cancelled(CancelReason::Asked), true), State::Canceled);
        assert_eq!(state(FinishReason::Cancelled(CancelReason::Deadline), false), State::Aborted);
        assert_eq!(state(FinishReason::Cancelled(CancelReason::Shutdown), false), State::Aborted);
    }

    #[test]
    fn a_result_names_picture_times_and_reason_and_holds_no_null() {
        let (_, result) = result_of(ended(FinishReason::Cancelled(CancelReason::Deadline)), &active(), false);
        assert_eq!((result.text.as_str(), result.header.frame_id.as_str()), ("so f\u{fffd}r", "camera"));
        assert_eq!(
            (result.finish_reason.as_str(), result.message.as_str()),
            ("deadline", "reason_deadline_ms is over")
        );
        assert_eq!((result.duration.sec, result.duration.nanosec), (1, 500_000_000));
    }

    #[test]
    fn what_failed_or_is_no_proposal_aborts_in_words() {
        let failed = Ended { answer: Err(failure("no such tensor")), ..ended(FinishReason::Stop) };
        let (state, result) = result_of(failed, &active(), false);
        assert_eq!((state, result.finish_reason.as_str()), (State::Aborted, "failed"));
        assert_eq!((result.message.as_str(), result.text.as_str()), ("no such tensor", "so f\u{fffd}r"));
        let poem = Ended { proposal: Some(Err(failure("roses"))), ..ended(FinishReason::Stop) };
        let (state, result) = result_of(poem, &active(), false);
        assert_eq!((state, result.message.as_str()), (State::Aborted, "the answer is no proposal: roses"));
        assert!(!result.has_proposal && result.text == "so f\u{fffd}r");
    }
}
