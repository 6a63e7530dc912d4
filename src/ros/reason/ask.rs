//! The action `~/ask`: somebody's questions, one after the other, from the goal to the result.
//!
//! A goal whose turn has come becomes an order to the lane, which makes a job of the next picture; the reason thread
//! tells what the model says. One task owns all of it, and waits for whatever comes next. Should the reason thread end in a
//! panic, those who wait are told, and goals are rejected from then on.

use super::action::{ActionServer, Call, GoalId, GoalRequest, State, time};
use super::ask_result::{result_of, unanswered, words};
use super::desk::Desk;
use super::reasoner::{Progress, Told};
use crate::config::NodeName;
use crate::pipeline::{Asker, Inquiry};
use crate::ros::clock::{EdgeClock, NodeClock, steady_now};
use crate::ros::intake::inbox::Inbox;
use crate::ros::order::Order;
use crate::ros::report::log::{Limiter, Short};
use crate::ros::services::requests::Reception;
use crate::ros::shared::{Ending, Shared};
use crate::types::{CameraId, Cancel, CancelReason, Stamp};
use r2r::std_msgs::msg::Header;
use r2r::vedette_msgs::action::Ask;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// The action's private name.
pub const NAME: &str = "~/ask";

/// More goals than these do not wait.
const MAX_WAITING: usize = 16;

/// Between two messages of feedback: a client's queue holds ten, and a fast model must not overrun it. What is said
/// meanwhile goes with the next one.
const FEEDBACK_PERIOD: Duration = Duration::from_millis(20);

/// How long clients have to fetch what they are told at the end.
const FAREWELL: Duration = Duration::from_millis(200);

/// Questions, from goal to result.
pub struct Questions {
    server: ActionServer,
    /// What a goal may call a camera without a name.
    names: [String; 2],
    /// `None`: there is no language model, or not any more, and every goal is rejected.
    reason: Option<ReasonLane>,
    /// Why goals are rejected, while they are.
    nobody: Option<String>,
    posts: UnboundedReceiver<Post>,
    waiting: VecDeque<(GoalId, Inquiry)>,
    active: Option<Active>,
    last_id: u64,
    shared: Shared,
    limiter: Limiter,
}

/// Who is there to be asked from now on.
pub enum Post {
    /// These threads, once the node is active.
    Manned(ReasonLane),
    /// They take questions.
    Open,
    /// They take none, and why.
    Shut(String),
    /// Nobody, and why.
    Left(String),
    /// Nobody, for the reason thread has ended in a panic with these words.
    Died(String),
}

/// The other threads.
pub struct ReasonLane {
    /// Where the jobs are.
    pub desk: Arc<Desk>,
    /// Where orders go.
    pub inbox: Arc<Inbox>,
    /// What the reason thread tells.
    pub told: UnboundedReceiver<Told>,
}

struct Active {
    goal: GoalId,
    asker: Asker,
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
    /// Offers the action. Nobody answers until `posts` says who does.
    ///
    /// # Errors
    /// When DDS refuses it.
    pub fn new(
        node: &mut r2r::Node,
        reception: &mut Reception,
        name: &NodeName,
        shared: Shared,
        posts: UnboundedReceiver<Post>,
    ) -> r2r::Result<Self> {
        Ok(Self {
            server: ActionServer::new(node, reception)?,
            names: [name.name().to_owned(), name.to_string()],
            reason: None,
            nobody: Some("the node is not configured".to_owned()),
            posts,
            waiting: VecDeque::new(),
            active: None,
            last_id: 0,
            shared,
            limiter: Limiter::default(),
        })
    }

    /// Serves until the node ends and its other threads have ended; what is left is then told so.
    pub async fn serve(mut self, clock: NodeClock, mut ending: Ending) {
        // Feedback, and deadlines.
        let mut ticks = interval(FEEDBACK_PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let has_lane = self.reason.is_some();
            tokio::select! {
                call = self.server.next() => match call {
                    Call::Goal(request) => self.take(*request, clock.now().unwrap_or_default()),
                    Call::Cancel(goals) => goals.into_iter().for_each(|goal| self.cancel(goal)),
                },
                Some(told) = next_told(&mut self.reason) => self.progress(told),
                Some(post) = self.posts.recv() => self.change(post),
                _ = ticks.tick(), if has_lane => self.watch(),
                () = ending.comes() => return self.end().await,
            }
            self.begin_next();
        }
    }

    fn change(&mut self, post: Post) {
        match post {
            Post::Manned(reason) => {
                self.reason = Some(reason);
                self.nobody = Some("the node is not active".to_owned());
            }
            Post::Open if self.reason.is_some() => self.nobody = None,
            Post::Open => {}
            Post::Shut(why) => {
                self.give_up(CancelReason::Shutdown.as_str(), &why);
                self.nobody.get_or_insert(why);
            }
            Post::Left(why) => {
                self.give_up(CancelReason::Shutdown.as_str(), &why);
                (self.reason, self.nobody) = (None, Some(why));
            }
            Post::Died(words) => {
                let why = format!("there is nobody to ask any more: {words}");
                self.give_up("failed", &why);
                (self.reason, self.nobody) = (None, Some(why));
            }
        }
    }

    /// What is left is told that the node ends, and whoever waits gets a moment to fetch it.
    async fn end(mut self) {
        let is_awaited = self.active.is_some() || !self.waiting.is_empty();
        while let Some(told) = self.reason.as_mut().and_then(|reason| reason.told.try_recv().ok()) {
            self.progress(told);
        }
        self.give_up(CancelReason::Shutdown.as_str(), "the node ends");
        let farewell = async {
            loop {
                if let Call::Goal(request) = self.server.next().await {
                    self.server.reject(*request, "the node ends");
                }
            }
        };
        if is_awaited {
            let _: Result<(), _> = timeout(FAREWELL, farewell).await;
        }
    }

    /// Ends all goals without an answer.
    fn give_up(&mut self, finish_reason: &str, message: &str) {
        if let Some(active) = self.active.take() {
            self.withdraw(&active);
            active.asker.cancel.cancel(CancelReason::Shutdown);
            let Active { goal, header, said, .. } = active;
            let result = unanswered(finish_reason, message, header.as_ref(), &said);
            self.server.end(goal, State::Aborted, result);
        }
        for (goal, _) in self.waiting.drain(..) {
            self.server.end(goal, State::Aborted, unanswered(finish_reason, message, None, ""));
        }
    }

    fn take(&mut self, request: GoalRequest, now: Stamp) {
        let camera = if let Some(why) = &self.nobody {
            Err(why.clone())
        } else if self.waiting.len() == MAX_WAITING {
            Err(format!("busy: {MAX_WAITING} questions wait already"))
        } else {
            self.camera(&request.goal.camera)
        };
        let camera = match camera {
            Ok(camera) => camera,
            Err(refusal) => {
                self.limiter.warn("rejected", format_args!("a question is rejected: {refusal}"));
                return self.server.reject(request, &words(&refusal));
            }
        };
        let Ask::Goal { question, want_proposal, max_tokens, .. } = &request.goal;
        let inquiry = Inquiry::new(question, *want_proposal, *max_tokens);
        let id = request.id;
        self.server.accept(request, now);
        match inquiry {
            Ok(inquiry) => self.waiting.push_back((id, inquiry.about(camera))),
            Err(error) => self.server.end(id, State::Aborted, unanswered("failed", &error.to_string(), None, "")),
        }
    }

    /// The camera that a goal names: the first one where it names none. A camera without a name is called as the node is.
    fn camera(&self, called: &str) -> Result<CameraId, String> {
        let cameras = &self.shared.config().cameras;
        if called.is_empty() || cameras.is_empty() && self.names.iter().any(|name| name == called) {
            return Ok(CameraId(0));
        }
        let at = cameras.iter().position(|name| name == called);
        at.map(CameraId).ok_or_else(|| {
            let of_node = [self.names[0].clone()];
            let expected = if cameras.is_empty() { &of_node[..] } else { cameras };
            format!("no camera {} here, expected {} or none", Short(called), expected.join(", "))
        })
    }

    fn cancel(&mut self, goal: GoalId) {
        let word = CancelReason::Asked.as_str();
        if let Some(at) = self.waiting.iter().position(|(id, _)| *id == goal) {
            self.waiting.remove(at);
            self.server.end(goal, State::Canceled, unanswered(word, "cancelled before its turn", None, ""));
        } else if let Some(active) = self.active.take_if(|active| active.goal == goal) {
            active.asker.cancel.cancel(CancelReason::Asked);
            if active.header.is_some() {
                // The model ends between two tokens, and tells it.
                self.active = Some(active);
            } else {
                self.withdraw(&active);
                let message = "cancelled before an image came";
                self.server.end(goal, State::Canceled, unanswered(word, message, None, ""));
            }
        }
    }

    /// What the reason thread tells.
    fn progress(&mut self, Told { id, progress }: Told) {
        // Of a question that was given up nobody wants to hear.
        let Some(active) = self.active.as_mut().filter(|active| active.asker.id == id) else { return };
        match progress {
            Progress::Began(stamp, frame_id) => {
                active.header = Some(Header { stamp: time(stamp), frame_id: words(frame_id.as_str()) });
            }
            Progress::Piece(text, pieces) => {
                active.said.push_str(&text);
                active.pieces = pieces;
                active.feed_back(&self.server);
            }
            Progress::Ended(ended) => {
                active.tell_rest(&self.server);
                let is_canceling = self.server.is_canceling(active.goal);
                let (state, result) = result_of(*ended, active.header.as_ref(), &active.said, is_canceling);
                let goal = active.goal;
                self.active = None;
                self.server.end(goal, state, result);
            }
        }
    }

    fn begin_next(&mut self) {
        let Some(reason) = self.reason.as_ref().filter(|_| self.active.is_none()) else { return };
        let Some((goal, inquiry)) = self.waiting.pop_front() else { return };
        self.last_id += 1;
        let asker = Asker { id: self.last_id, cancel: Cancel::new() };
        reason.inbox.put_order(Order::Ask { inquiry, asker: asker.clone() });
        self.server.execute(goal);
        self.active =
            Some(Active { goal, asker, since: steady_now(), header: None, said: String::new(), told: None, pieces: 0 });
    }

    /// Feedback that was held back, and deadlines: that of what runs, and that of an image which does not come.
    fn watch(&mut self) {
        if let Some(active) = &mut self.active {
            active.feed_back(&self.server);
        }
        let Some(reason) = &self.reason else { return };
        let deadline = Duration::from_millis(self.shared.config().reason_deadline_ms.unsigned_abs());
        reason.desk.enforce(deadline);
        let Some(active) = self.active.as_mut().filter(|active| active.header.is_none()) else { return };
        let now = steady_now();
        if reason.desk.is_busy() {
            // Its turn has not come: the model is still at another picture.
            active.since = now;
        } else if now.duration_since(active.since) >= deadline
            && let Some(active) = self.active.take()
        {
            active.asker.cancel.cancel(CancelReason::Deadline);
            self.withdraw(&active);
            let message = format!("no fresh image came within {} ms (reason_deadline_ms)", deadline.as_millis());
            let result = unanswered(CancelReason::Deadline.as_str(), &message, None, "");
            self.server.end(active.goal, State::Aborted, result);
        }
    }

    fn withdraw(&self, active: &Active) {
        if let Some(reason) = &self.reason {
            reason.inbox.put_order(Order::Withdraw(active.asker.id));
        }
    }
}

impl Active {
    /// Tells the client what was said since the last time, if anything was and that is long enough ago; for the first time
    /// once somebody listens.
    fn feed_back(&mut self, server: &ActionServer) {
        let is_due = match self.told {
            Some((_, last)) => steady_now().duration_since(last) >= FEEDBACK_PERIOD,
            None => server.is_heard(),
        };
        if is_due {
            self.tell_rest(server);
        }
    }

    fn tell_rest(&mut self, server: &ActionServer) {
        let (from, _) = self.told.unwrap_or((0, self.since));
        if let Some(text) = self.said.get(from..).filter(|text| !text.is_empty()) {
            server.feedback(self.goal, Ask::Feedback { text: words(text), tokens: self.pieces });
            self.told = Some((self.said.len(), steady_now()));
        }
    }
}

/// What the reason thread tells next. Never comes where there is none.
async fn next_told(reason: &mut Option<ReasonLane>) -> Option<Told> {
    match reason {
        Some(reason) => reason.told.recv().await,
        None => std::future::pending().await,
    }
}
