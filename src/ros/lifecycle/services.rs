//! The services and the topic of a managed node, as every rclcpp LifecycleNode has them.

use super::Lifecycle;
use super::states::{GRAPH, State, Transition};
use crate::ros::clock::wall_now;
use crate::ros::services::requests::{Reception, Request, Requests};
use r2r::QosProfile;
use r2r::lifecycle_msgs::msg;
use r2r::lifecycle_msgs::srv::{ChangeState, GetAvailableStates, GetAvailableTransitions, GetState};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// A client wants another state.
pub struct Asked {
    /// The number of the transition.
    pub id: u8,
    /// Its label, which counts where it is not empty.
    pub label: String,
    request: Request<ChangeState::Service>,
}

impl Asked {
    /// Tells the client whether it has come to that.
    pub fn answer(self, success: bool) {
        self.request.respond(ChangeState::Response { success });
    }
}

/// Answers who asks about the state, and hands on who wants another one.
pub struct LifecycleServices {
    change_state: Requests<ChangeState::Service>,
    get_state: Requests<GetState::Service>,
    available_states: Requests<GetAvailableStates::Service>,
    available_transitions: Requests<GetAvailableTransitions::Service>,
    graph: Requests<GetAvailableTransitions::Service>,
}

impl LifecycleServices {
    /// Offers the services.
    ///
    /// # Errors
    /// When DDS refuses one.
    pub fn new(node: &mut r2r::Node, reception: &mut Reception) -> r2r::Result<Self> {
        Ok(Self {
            change_state: reception.offer_wordless(node, "~/change_state")?,
            get_state: reception.offer_wordless(node, "~/get_state")?,
            available_states: reception.offer_wordless(node, "~/get_available_states")?,
            available_transitions: reception.offer_wordless(node, "~/get_available_transitions")?,
            graph: reception.offer_wordless(node, "~/get_transition_graph")?,
        })
    }

    /// Answers whoever asks, until the task is ended. Changes go to `asked`, whose other end answers them.
    pub async fn serve(self, lifecycle: Arc<Lifecycle>, asked: UnboundedSender<Asked>) {
        let Self { mut change_state, get_state, available_states, available_transitions, graph } = self;
        let changes = async {
            while let Some(request) = change_state.next().await {
                let msg::Transition { id, label } = request.message().transition.clone();
                // Without anybody to tell, the node has ended.
                let _ = asked.send(Asked { id, label, request });
            }
        };
        let transitions = |transitions: Vec<&Transition>| GetAvailableTransitions::Response {
            available_transitions: transitions.into_iter().map(described).collect(),
        };
        tokio::join!(
            changes,
            get_state.answer(|_| GetState::Response { current_state: state(lifecycle.state()) }),
            available_states.answer(|_| GetAvailableStates::Response { available_states: all_states() }),
            available_transitions.answer(|_| transitions(lifecycle.available())),
            graph.answer(|_| transitions(GRAPH.iter().collect())),
        );
    }
}

/// Publishes each step from one state to another on `~/transition_event`.
pub struct Announcer(r2r::Publisher<msg::TransitionEvent>);

impl Announcer {
    /// The topic's private name.
    pub const NAME: &str = "~/transition_event";

    /// Offers the topic, with rcl's own quality of service: reliable, the newest ten.
    ///
    /// # Errors
    /// When DDS refuses it.
    pub fn new(node: &mut r2r::Node) -> r2r::Result<Self> {
        node.create_publisher(Self::NAME, QosProfile::default()).map(Self)
    }

    /// Tells of a transition that has just been taken. All fields are filled, as from Lyrical on; before, rcl leaves the time
    /// and the transition empty.
    pub fn taken(&self, transition: &Transition) {
        let event = msg::TransitionEvent {
            timestamp: wall_now().as_ns().unsigned_abs(),
            transition: msg::Transition { id: transition.id, label: transition.label.to_owned() },
            start_state: state(transition.from),
            goal_state: state(transition.to),
        };
        if let Err(error) = self.0.publish(&event) {
            tracing::debug!("transition event not published: {error}");
        }
    }
}

fn state(state: State) -> msg::State {
    msg::State { id: state.id(), label: state.label().to_owned() }
}

/// The state that rcl has before all others is among them.
fn all_states() -> Vec<msg::State> {
    let unknown = msg::State { id: 0, label: "unknown".to_owned() };
    std::iter::once(unknown).chain(State::ALL.map(state)).collect()
}

fn described(transition: &Transition) -> msg::TransitionDescription {
    msg::TransitionDescription {
        transition: msg::Transition { id: transition.id, label: transition.label.to_owned() },
        start_state: state(transition.from),
        goal_state: state(transition.to),
    }
}
