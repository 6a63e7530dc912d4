//! The states of a managed node and the ways between them, by the names and numbers of lifecycle_msgs: the machine of
//! rcl_lifecycle (design.ros2.org, "Managed nodes").
//!
//! It knows what may follow what, and nothing of what a transition does. A test holds it to rcl_lifecycle itself, as
//! rclpy drives it: every transition in every state.

use State::{
    Activating, Active, CleaningUp, Configuring, Deactivating, ErrorProcessing, Finalized, Inactive, ShuttingDown,
    Unconfigured,
};

/// A state, by its number in lifecycle_msgs/msg/State. The first four last until somebody asks for another; in the
/// others the node is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// It is there, with its services and parameters, and has no models.
    Unconfigured = 1,
    /// The models are loaded, and it neither takes pictures nor says anything.
    Inactive = 2,
    /// It works.
    Active = 3,
    /// It does nothing any more.
    Finalized = 4,
    /// It loads.
    Configuring = 10,
    /// It lets go of what was loaded.
    CleaningUp = 11,
    /// It becomes finalized.
    ShuttingDown = 12,
    /// It begins to work.
    Activating = 13,
    /// It ceases to work.
    Deactivating = 14,
    /// A transition has failed in a way that it cannot go back from.
    ErrorProcessing = 15,
}

impl State {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Unconfigured,
        Inactive,
        Active,
        Finalized,
        Configuring,
        CleaningUp,
        ShuttingDown,
        Activating,
        Deactivating,
        ErrorProcessing,
    ];

    /// Its number.
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// Its name.
    pub const fn label(self) -> &'static str {
        match self {
            Unconfigured => "unconfigured",
            Inactive => "inactive",
            Active => "active",
            Finalized => "finalized",
            Configuring => "configuring",
            CleaningUp => "cleaningup",
            ShuttingDown => "shuttingdown",
            Activating => "activating",
            Deactivating => "deactivating",
            ErrorProcessing => "errorprocessing",
        }
    }
}

/// A way from one state to another, by its number in lifecycle_msgs/msg/Transition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Its number.
    pub id: u8,
    /// Its name.
    pub label: &'static str,
    /// Where it begins.
    pub from: State,
    /// Where it leads.
    pub to: State,
}

const fn transition(id: u8, label: &'static str, from: State, to: State) -> Transition {
    Transition { id, label, from, to }
}

const SUCCESS: &str = "transition_success";
const FAILURE: &str = "transition_failure";
const ERROR: &str = "transition_error";

/// All transitions, in rcl_lifecycle's order.
pub static GRAPH: [Transition; 25] = [
    transition(1, "configure", Unconfigured, Configuring),
    transition(10, SUCCESS, Configuring, Inactive),
    transition(11, FAILURE, Configuring, Unconfigured),
    transition(12, ERROR, Configuring, ErrorProcessing),
    transition(2, "cleanup", Inactive, CleaningUp),
    transition(20, SUCCESS, CleaningUp, Unconfigured),
    transition(21, FAILURE, CleaningUp, Inactive),
    transition(22, ERROR, CleaningUp, ErrorProcessing),
    transition(3, "activate", Inactive, Activating),
    transition(30, SUCCESS, Activating, Active),
    transition(31, FAILURE, Activating, Inactive),
    transition(32, ERROR, Activating, ErrorProcessing),
    transition(4, "deactivate", Active, Deactivating),
    transition(40, SUCCESS, Deactivating, Inactive),
    transition(41, FAILURE, Deactivating, Active),
    transition(42, ERROR, Deactivating, ErrorProcessing),
    transition(5, "shutdown", Unconfigured, ShuttingDown),
    transition(6, "shutdown", Inactive, ShuttingDown),
    transition(7, "shutdown", Active, ShuttingDown),
    transition(50, SUCCESS, ShuttingDown, Finalized),
    transition(51, FAILURE, ShuttingDown, Finalized),
    transition(52, ERROR, ShuttingDown, ErrorProcessing),
    transition(60, SUCCESS, ErrorProcessing, Unconfigured),
    transition(61, FAILURE, ErrorProcessing, Finalized),
    transition(62, ERROR, ErrorProcessing, Finalized),
];

/// What became of what a transition does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Success,
    /// It is not, and the node is as it was.
    Failure,
    /// It is not, and who knows what is left of it.
    Error,
}

impl Outcome {
    const fn label(self) -> &'static str {
        match self {
            Self::Success => SUCCESS,
            Self::Failure => FAILURE,
            Self::Error => ERROR,
        }
    }
}

/// The state that a node is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine(State);

impl Default for Machine {
    fn default() -> Self {
        Self(Unconfigured)
    }
}

impl Machine {
    /// The state.
    pub const fn state(self) -> State {
        self.0
    }

    /// The transitions that lead on from here, those of the outcomes too while the node is busy.
    pub fn available(self) -> impl Iterator<Item = &'static Transition> {
        GRAPH.iter().filter(move |transition| transition.from == self.0)
    }

    /// The transition that a client asks for: by its label where it gave one, else by its number. `None` where none of that
    /// name leads on from here.
    pub fn asked(self, id: u8, label: &str) -> Option<&'static Transition> {
        let is_it = |transition: &&Transition| {
            if label.is_empty() { transition.id == id } else { transition.label == label }
        };
        // Outcomes are for the node to tell, not for others to ask for.
        self.available().filter(|transition| transition.to > Finalized && transition.from <= Finalized).find(is_it)
    }

    /// Takes the transition, which must begin here.
    pub fn begin(&mut self, transition: &Transition) {
        debug_assert_eq!(self.0, transition.from, "{}", transition.label);
        self.0 = transition.to;
    }

    /// Takes the way out of a busy state; returns which one that was. `None` where the node is not busy.
    pub fn end(&mut self, outcome: Outcome) -> Option<&'static Transition> {
        let way = self.available().find(|transition| transition.label == outcome.label())?;
        self.0 = way.to;
        Some(way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transition_of_the_graph_begins_and_ends_in_known_states_and_has_a_number_of_its_own() {
        for (at, transition) in GRAPH.iter().enumerate() {
            assert!(GRAPH[..at].iter().all(|other| other.id != transition.id), "{transition:?}");
        }
        let busy = State::ALL.into_iter().filter(|state| *state > Finalized);
        for state in busy {
            for outcome in [Outcome::Success, Outcome::Failure, Outcome::Error] {
                assert!(Machine(state).end(outcome).is_some(), "{state:?} {outcome:?}");
            }
        }
    }

    #[test]
    fn a_transition_is_asked_for_by_label_before_number_and_only_where_it_begins() {
        let machine = Machine::default();
        assert_eq!(machine.asked(1, "").unwrap().label, "configure");
        assert_eq!(machine.asked(99, "configure").unwrap().id, 1);
        assert_eq!(machine.asked(1, "shutdown").unwrap().id, 5);
        assert!(machine.asked(3, "").is_none() && machine.asked(1, "activate").is_none());
        assert!(Machine(Configuring).asked(10, "").is_none(), "an outcome is not for others to say");
        assert_eq!(Machine(Finalized).available().count(), 0);
    }

    #[test]
    fn an_error_leads_through_error_processing() {
        let mut machine = Machine::default();
        machine.begin(machine.asked(1, "").unwrap());
        assert_eq!(machine.end(Outcome::Error).unwrap().to, ErrorProcessing);
        assert_eq!(machine.end(Outcome::Success).unwrap().to, Unconfigured);
        assert_eq!(machine.end(Outcome::Success), None);
    }
}
