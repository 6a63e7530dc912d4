//! The protocol of an action server, for `~/ask`: three services and two topics, as rcl_action has them.
//!
//! Made from plain services: r2r 0.9's own action server never lets goals expire and leaves cancelled ones at canceling.
//! States and messages are those of the design page "Actions" (design.ros2.org) and of `action_msgs`. One task owns it.

use crate::ros::clock::steady_now;
use crate::ros::services::requests::{Reception, Request, Requests};
use crate::types::Stamp;
use r2r::QosProfile;
use r2r::action_msgs::msg::{GoalInfo, GoalStatus, GoalStatusArray};
use r2r::action_msgs::srv::CancelGoal;
use r2r::builtin_interfaces::msg::Time;
use r2r::unique_identifier_msgs::msg::UUID;
use r2r::vedette_msgs::action::Ask;
use std::time::{Duration, Instant};

/// How long the result of a goal that has ended can be asked for.
const KEPT: Duration = Duration::from_secs(15);

/// The number that a client gave its goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GoalId([u8; 16]);

/// The state of a goal, by the numbers of action_msgs/msg/GoalStatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i8)]
pub enum State {
    /// It waits its turn.
    Accepted = 1,
    /// It is worked on.
    Executing = 2,
    /// It is to end, and has not yet.
    Canceling = 3,
    /// It ended as it should.
    Succeeded = 4,
    /// It was cancelled.
    Canceled = 5,
    /// It ended as it should not.
    Aborted = 6,
}

/// A goal that a client wants.
pub struct GoalRequest {
    /// Its number.
    pub id: GoalId,
    /// What is wanted.
    pub goal: Ask::Goal,
    request: Request<Ask::SendGoal::Service>,
}

/// What a client wants.
pub enum Call {
    /// A goal; it must be accepted or rejected.
    Goal(Box<GoalRequest>),
    /// These goals are to end from now on.
    Cancel(Vec<GoalId>),
}

struct Goal {
    id: GoalId,
    accepted: Stamp,
    state: State,
    /// Once it has ended.
    end: Option<(Ask::Result, Instant)>,
    /// Who waits for the result.
    results: Vec<Request<Ask::GetResult::Service>>,
}

/// The server.
pub struct ActionServer {
    send_goal: Requests<Ask::SendGoal::Service>,
    cancel_goal: Requests<CancelGoal::Service>,
    get_result: Requests<Ask::GetResult::Service>,
    feedback: r2r::Publisher<Ask::FeedbackMessage>,
    status: r2r::Publisher<GoalStatusArray>,
    goals: Vec<Goal>,
}

impl ActionServer {
    /// Offers the action `~/ask`.
    ///
    /// # Errors
    /// When DDS refuses one of its endpoints.
    pub fn new(node: &mut r2r::Node, reception: &mut Reception) -> r2r::Result<Self> {
        Ok(Self {
            send_goal: reception.offer_wordless(node, "~/ask/_action/send_goal")?,
            cancel_goal: reception.offer(node, "~/ask/_action/cancel_goal", |_, _| CancelGoal::Response {
                return_code: CancelGoal::Response::ERROR_REJECTED as i8,
                ..CancelGoal::Response::default()
            })?,
            get_result: reception.offer_wordless(node, "~/ask/_action/get_result")?,
            feedback: node.create_publisher("~/ask/_action/feedback", QosProfile::default())?,
            status: node
                .create_publisher("~/ask/_action/status", QosProfile::default().keep_last(1).transient_local())?,
            goals: Vec::new(),
        })
    }

    /// Waits for what a client wants next. Results are asked for and given here, and what ended long ago is forgotten.
    /// Nothing is lost where the future is dropped.
    pub async fn next(&mut self) -> Call {
        loop {
            tokio::select! {
                Some(mut request) = self.send_goal.next() => {
                    let Ask::SendGoal::Request { goal_id, goal } = request.take_message();
                    let id = GoalId::from(&goal_id);
                    let request = GoalRequest { id, goal, request };
                    if self.position(id).is_none() {
                        return Call::Goal(Box::new(request));
                    }
                    self.reject(request, "a goal of this number is there already");
                }
                Some(request) = self.cancel_goal.next() => {
                    let (goals, response) = self.cancelled_by(&request.message().goal_info);
                    request.respond(response);
                    if !goals.is_empty() {
                        self.publish_status();
                        return Call::Cancel(goals);
                    }
                }
                Some(request) = self.get_result.next() => {
                    match self.position(GoalId::from(&request.message().goal_id)) {
                        None => request.respond(Ask::GetResult::Response::default()),
                        Some(at) => {
                            self.goals[at].results.push(request);
                            self.goals[at].tell_result();
                        }
                    }
                }
                // The streams end with the node, and this task before it.
                else => std::future::pending().await,
            }
            let now = steady_now();
            self.goals.retain(|goal| goal.end.as_ref().is_none_or(|(_, ended)| now.duration_since(*ended) < KEPT));
        }
    }

    /// Takes a goal, which then waits its turn.
    pub fn accept(&mut self, request: GoalRequest, now: Stamp) {
        let GoalRequest { id, request, .. } = request;
        self.goals.push(Goal { id, accepted: now, state: State::Accepted, end: None, results: Vec::new() });
        request.respond(Ask::SendGoal::Response { accepted: true, stamp: time(now) });
        self.publish_status();
    }

    /// Does not take a goal. ROS has no words for a client in that answer, so they come just before it, as the goal's
    /// only feedback. `reason` holds no null character.
    pub fn reject(&self, request: GoalRequest, reason: &str) {
        let GoalRequest { id, request, .. } = request;
        let (feedback, text) = (self.feedback.clone(), format!("rejected: {reason}"));
        let message = Ask::FeedbackMessage { goal_id: id.into(), feedback: Ask::Feedback { text, tokens: 0 } };
        request.respond_after(Ask::SendGoal::Response { accepted: false, stamp: Time::default() }, move || {
            if let Err(error) = feedback.publish(&message) {
                tracing::debug!("the reason of a rejection is not published: {error}");
            }
        });
    }

    /// Marks the goals that a request means as cancelling: all, those accepted until a time, a certain one, or both.
    fn cancelled_by(&mut self, info: &GoalInfo) -> (Vec<GoalId>, CancelGoal::Response) {
        let id = GoalId::from(&info.goal_id);
        let until = Stamp::from_ros(info.stamp.sec, info.stamp.nanosec).unwrap_or_default();
        let (is_any, is_timed) = (id == GoalId([0; 16]), until != Stamp::default());
        let mut response = CancelGoal::Response::default();
        if !is_any && !is_timed {
            match self.position(id).map(|at| self.goals[at].state) {
                None => response.return_code = CancelGoal::Response::ERROR_UNKNOWN_GOAL_ID as i8,
                Some(State::Succeeded | State::Canceled | State::Aborted) => {
                    response.return_code = CancelGoal::Response::ERROR_GOAL_TERMINATED as i8;
                }
                Some(_) => {}
            }
        }
        let mut cancelled = Vec::new();
        for goal in self.goals.iter_mut().filter(|goal| goal.state <= State::Canceling) {
            if goal.id == id || is_timed && goal.accepted <= until || is_any && !is_timed {
                goal.state = State::Canceling;
                cancelled.push(goal.id);
                response.goals_canceling.push(goal.info());
            }
        }
        (cancelled, response)
    }

    /// A goal's turn has come.
    pub fn execute(&mut self, id: GoalId) {
        self.set_state(id, State::Executing);
    }

    /// Whether somebody wants the goal to end.
    pub fn is_canceling(&self, id: GoalId) -> bool {
        self.position(id).is_some_and(|at| self.goals[at].state == State::Canceling)
    }

    /// Whether anybody's subscription to feedback has been found: what is published before is lost to it.
    pub fn is_heard(&self) -> bool {
        self.feedback.get_inter_process_subscription_count().is_ok_and(|subscriptions| subscriptions > 0)
    }

    /// Tells the client about the work.
    pub fn feedback(&self, id: GoalId, feedback: Ask::Feedback) {
        let message = Ask::FeedbackMessage { goal_id: id.into(), feedback };
        if let Err(error) = self.feedback.publish(&message) {
            tracing::debug!("feedback not published: {error}");
        }
    }

    /// A goal has ended, in one of the last three states.
    pub fn end(&mut self, id: GoalId, state: State, result: Ask::Result) {
        let Some(at) = self.position(id) else { return };
        self.goals[at].end = Some((result, steady_now()));
        self.set_state(id, state);
        self.goals[at].tell_result();
    }

    fn set_state(&mut self, id: GoalId, state: State) {
        if let Some(at) = self.position(id) {
            self.goals[at].state = state;
            self.publish_status();
        }
    }

    fn position(&self, id: GoalId) -> Option<usize> {
        self.goals.iter().position(|goal| goal.id == id)
    }

    fn publish_status(&self) {
        let status = |goal: &Goal| GoalStatus { goal_info: goal.info(), status: goal.state as i8 };
        let array = GoalStatusArray { status_list: self.goals.iter().map(status).collect() };
        if let Err(error) = self.status.publish(&array) {
            tracing::debug!("status of goals not published: {error}");
        }
    }
}

impl Goal {
    fn info(&self) -> GoalInfo {
        GoalInfo { goal_id: self.id.into(), stamp: time(self.accepted) }
    }

    fn tell_result(&mut self) {
        if let Some((result, _)) = &self.end {
            for request in self.results.drain(..) {
                request.respond(Ask::GetResult::Response { status: self.state as i8, result: result.clone() });
            }
        }
    }
}

impl From<&UUID> for GoalId {
    fn from(id: &UUID) -> Self {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(&id.uuid).for_each(|(byte, given)| *byte = *given);
        Self(bytes)
    }
}

impl From<GoalId> for UUID {
    fn from(id: GoalId) -> Self {
        Self { uuid: id.0.to_vec() }
    }
}

/// A stamp as a message holds it.
pub fn time(stamp: Stamp) -> Time {
    let (sec, nanosec) = stamp.to_ros();
    Time { sec, nanosec }
}
