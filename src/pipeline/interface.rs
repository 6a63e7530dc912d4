//! What the node has for others: topics, services and actions, by their names, types and quality of service.
//!
//! The walk's own topics come from [`Input`] and [`Output`]; the tables here hold what the edge has beside them. A
//! running node is held to all of it by `tests/ros/test_graph.py`.

use super::topics::{Input, Output, STOP, inputs};
use crate::config::{Config, Durability, Names, QosOverride, Reliability};

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// What the program calls it, which a remapping names: `image`, `~/plan`, `/diagnostics`.
    pub called: String,
    /// The full name after remapping.
    pub name: String,
    /// The message type, `package/msg/Type`.
    pub type_name: &'static str,
    /// What is offered or asked for; two where there are two subscriptions.
    pub qos: Vec<Qos>,
    /// When messages come, or what they are for.
    pub when: &'static str,
}

/// A service or an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Callable {
    /// What the program calls it: `~/set_prompts`.
    pub called: &'static str,
    /// The full name.
    pub name: String,
    /// The type, `package/srv/Type` or `package/action/Type`.
    pub type_name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
}

/// The quality of service of one end of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qos {
    /// Whether lost messages are sent again.
    pub is_reliable: bool,
    /// Whether late subscribers get what was published before (transient local).
    pub is_latched: bool,
    /// How many messages are kept.
    pub depth: usize,
}

impl Qos {
    const fn new(is_reliable: bool, is_latched: bool, depth: usize) -> Self {
        Self { is_reliable, is_latched, depth }
    }

    fn overridden(self, overrides: Option<&QosOverride>) -> Self {
        let Some(QosOverride { reliability, durability, depth, .. }) = overrides else { return self };
        Self {
            is_reliable: reliability.map_or(self.is_reliable, |reliability| reliability == Reliability::Reliable),
            is_latched: durability.map_or(self.is_latched, |durability| durability == Durability::TransientLocal),
            depth: depth.unwrap_or(self.depth),
        }
    }

    /// `reliable, transient local, keep last 1`.
    pub fn words(self) -> String {
        let reliability = if self.is_reliable { "reliable" } else { "best effort" };
        let durability = if self.is_latched { "transient local" } else { "volatile" };
        format!("{reliability}, {durability}, keep last {}", self.depth)
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// What the node listens to.
    pub inputs: Vec<Topic>,
    /// What it publishes.
    pub outputs: Vec<Topic>,
    /// What it serves.
    pub services: Vec<Callable>,
    /// What it does on request.
    pub actions: Vec<Callable>,
}

impl Interface {
    /// Of a node with these parameters and names.
    pub fn of(config: &Config, names: &Names) -> Self {
        let cameras = config.camera_names();
        let of_walk = inputs(config, names).into_iter().map(|(_, camera, input)| {
            let called = input.name_for(&camera);
            let name = names.resolve_input(&called);
            let first = subscription(input).overridden(config.qos_overrides.subscriptions.get(&name));
            let beside = (input == Input::CameraInfo).then_some(LATCHED).filter(|latched| *latched != first);
            let qos = [Some(first), beside].into_iter().flatten().collect();
            Topic { called, name, type_name: input.type_name(), qos, when: what_for(input) }
        });
        let clock = config.use_sim_time.then(|| of_edge(&CLOCK, names));
        let said = Output::outlets(&Output::ALL, cameras.len()).into_iter().map(|outlet| {
            let (called, output) = (outlet.name(&cameras), outlet.output);
            let name = names.resolve(&called);
            let qos = publisher(output).overridden(config.qos_overrides.publishers.get(&name));
            Topic { called, name, type_name: output.type_name(), qos: vec![qos], when: when(output) }
        });
        let has_bond = config.bond_heartbeat_period_ms > 0;
        let beside = EDGE_OUTPUTS.iter().filter(|(called, ..)| has_bond || *called != BOND);
        let callable = |row: &EdgeCallable, name: String| {
            let (called, type_name, purpose) = *row;
            Callable { called, name, type_name, purpose }
        };
        // A rule renames an action only part by part.
        let (services, actions) = (SERVICES.iter(), ACTIONS.iter());
        Self {
            inputs: of_walk.chain(clock).collect(),
            outputs: said.chain(beside.map(|row| of_edge(row, names))).collect(),
            services: services.map(|row| callable(row, names.resolve(row.0))).collect(),
            actions: actions.map(|row| callable(row, names.node().expand(row.0))).collect(),
        }
    }
}

type EdgeCallable = (&'static str, &'static str, &'static str);
type EdgeTopic = (&'static str, &'static str, Qos, &'static str);

fn of_edge((called, type_name, qos, when): &EdgeTopic, names: &Names) -> Topic {
    Topic { called: (*called).to_owned(), name: names.resolve(called), type_name, qos: vec![*qos], when }
}

const SENSOR_DATA: Qos = Qos::new(false, false, 5);
const RELIABLE: Qos = Qos::new(true, false, 10);
const LATCHED: Qos = Qos::new(true, true, 1);

const fn subscription(input: Input) -> Qos {
    match input {
        Input::Tf => Qos::new(true, false, 100),
        Input::TfStatic => Qos::new(true, true, 100),
        _ => SENSOR_DATA,
    }
}

const fn publisher(output: Output) -> Qos {
    match output.latched() {
        0 => RELIABLE,
        depth => Qos::new(true, true, depth),
    }
}

fn what_for(input: Input) -> &'static str {
    match input {
        Input::Image => "the camera's pictures",
        Input::CompressedImage => "in place of `image`: jpeg, png or webp; see the parameter `image_transport`",
        Input::CameraInfo => "the camera's calibration, without which nothing has a place on the ground",
        Input::Odom => "the robot's speed, in place of `assumed_speed_mps`",
        Input::Tf => "where the robot's frames are that move",
        Input::TfStatic => "where the camera is on the robot, in place of the parameters `mount_*`",
    }
}

fn when(output: Output) -> &'static str {
    match output.name() {
        "~/events" => {
            "before the first image that a change of parameters or prompts governs, and when the node becomes active"
        }
        "~/label_info" | "~/vision_info" => "before the first detections, and before the first ones of other prompts",
        "~/proposal" => "for each answer of the language model",
        "~/plan" | "~/path" => "for each processed image, and from the watchdog",
        "~/image_annotated" | "~/markers" | "~/image_annotations" => {
            "for each processed image while somebody subscribes"
        }
        _ => "for each processed image",
    }
}

const CLOCK: EdgeTopic =
    ("/clock", "rosgraph_msgs/msg/Clock", Qos::new(false, false, 1), "with `use_sim_time`: the time");

const BOND: &str = "bond";

/// What the edge publishes beside the walk.
const EDGE_OUTPUTS: [EdgeTopic; 6] = [
    (
        STOP,
        "std_msgs/msg/Bool",
        RELIABLE,
        "with each plan, and ten times a second or more while the node is active: whether the robot is not to move",
    ),
    ("~/transition_event", "lifecycle_msgs/msg/TransitionEvent", RELIABLE, "at each change of state"),
    (
        BOND,
        "bond/msg/Status",
        Qos::new(true, false, 100),
        "while the node is active, every `bond_heartbeat_period_ms`; where the package bond is",
    ),
    (
        "/parameter_events",
        "rcl_interfaces/msg/ParameterEvent",
        Qos::new(true, false, 1000),
        "at the start, and when parameters have changed",
    ),
    ("/diagnostics", "diagnostic_msgs/msg/DiagnosticArray", RELIABLE, "once a second"),
    ("/rosout", "rcl_interfaces/msg/Log", Qos::new(true, true, 1000), "for each line of the log"),
];

/// What the node serves: as a lifecycle node, as every rclcpp node, and its own.
const SERVICES: [EdgeCallable; 14] = [
    ("~/set_prompts", "vedette_msgs/srv/SetPrompts", "look for other things from the next image on"),
    ("~/change_state", "lifecycle_msgs/srv/ChangeState", "configure, activate, deactivate, cleanup, shutdown"),
    ("~/get_state", "lifecycle_msgs/srv/GetState", "the state"),
    ("~/get_available_states", "lifecycle_msgs/srv/GetAvailableStates", "all states"),
    ("~/get_available_transitions", "lifecycle_msgs/srv/GetAvailableTransitions", "what can be asked for now"),
    ("~/get_transition_graph", "lifecycle_msgs/srv/GetAvailableTransitions", "all transitions"),
    ("~/list_parameters", "rcl_interfaces/srv/ListParameters", "the names of the parameters"),
    ("~/get_parameters", "rcl_interfaces/srv/GetParameters", "their values"),
    ("~/get_parameter_types", "rcl_interfaces/srv/GetParameterTypes", "their types"),
    ("~/describe_parameters", "rcl_interfaces/srv/DescribeParameters", "their meanings and ranges"),
    ("~/set_parameters", "rcl_interfaces/srv/SetParameters", "other values, one by one"),
    ("~/set_parameters_atomically", "rcl_interfaces/srv/SetParametersAtomically", "other values, all or none"),
    ("~/get_logger_levels", "rcl_interfaces/srv/GetLoggerLevels", "what is logged; from Iron on"),
    ("~/set_logger_levels", "rcl_interfaces/srv/SetLoggerLevels", "log more or less; from Iron on"),
];

/// What it does on request.
const ACTIONS: [EdgeCallable; 1] = [(
    "~/ask",
    "vedette_msgs/action/Ask",
    "a question about the next image to the language model, the answer streamed",
)];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NodeName, RemapRule};

    #[test]
    fn the_names_are_those_after_remapping() {
        let rules: Vec<RemapRule> = ["__ns:=/left", "image:=/camera/image_raw", "/tf:=tf", "~/plan:=/robot/plan"]
            .map(|rule| rule.parse().unwrap())
            .into();
        let names = Names::new(NodeName::default(), &rules);
        let interface = Interface::of(&Config::default(), &names);
        let inputs: Vec<&str> = interface.inputs.iter().map(|topic| topic.name.as_str()).collect();
        let expected = ["/camera/image_raw", "/camera/image_raw/compressed", "/camera/camera_info", "/left/odom"];
        assert_eq!(inputs[..4], expected);
        assert!(inputs.contains(&"/left/tf") && !inputs.contains(&"/clock"));
        let of = |called: &str| interface.outputs.iter().find(|topic| topic.called == called).unwrap().name.clone();
        assert_eq!([of("~/plan"), of("~/path"), of("bond")], ["/robot/plan", "/left/vedette/path", "/left/bond"]);
        assert!(interface.services.iter().all(|service| service.name.starts_with("/left/vedette/")));
    }

    #[test]
    fn parameters_say_what_is_there_at_all() {
        let of = |config: &Config| Interface::of(config, &Names::default());
        let without_bond = of(&Config { bond_heartbeat_period_ms: 0, ..Config::default() });
        assert!(without_bond.outputs.iter().all(|topic| topic.called != BOND));
        let simulated = of(&Config { use_sim_time: true, ..Config::default() });
        assert_eq!(simulated.inputs.last().map(|topic| topic.called.as_str()), Some("/clock"));
        let raw = of(&Config { image_transport: crate::config::ImageTransport::Raw, ..Config::default() });
        assert!(raw.inputs.iter().all(|topic| topic.called != "image/compressed"));
    }

    #[test]
    fn an_override_shows() {
        let mut config = Config::default();
        let reliable = QosOverride { reliability: Some(Reliability::Reliable), ..Default::default() };
        config.qos_overrides.subscriptions.insert("/image".to_owned(), reliable);
        let interface = Interface::of(&config, &Names::default());
        assert_eq!(interface.inputs[0].qos[0].words(), "reliable, volatile, keep last 5");
    }
}
