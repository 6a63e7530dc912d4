//! The parameter services of the node, as rclcpp nodes offer them: list, get, describe with ranges, and set; and
//! `/parameter_events`.
//!
//! What is set is checked and put in force elsewhere (`parameter_changes`). Made from plain services, since r2r's own parameter
//! handler takes any value for any name.

use super::parameter_changes::{Change, Changed, Sought, is_read_only};
use crate::config::{Config, Domain, Parameter, ParameterValue};
use crate::ros::clock::wall_now;
use crate::ros::reason::ask_result::words;
use futures::{Stream, StreamExt};
use r2r::QosProfile;
use r2r::builtin_interfaces::msg::Time;
use r2r::rcl_interfaces::msg;
use r2r::rcl_interfaces::srv::{
    DescribeParameters, GetParameterTypes, GetParameters, ListParameters, SetParameters, SetParametersAtomically,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

/// Where all nodes tell what has become of their parameters.
const EVENTS: &str = "/parameter_events";

/// One declared parameter in ROS' own types.
#[derive(Clone)]
struct Declared {
    value: msg::ParameterValue,
    descriptor: msg::ParameterDescriptor,
}

type Table = BTreeMap<String, Declared>;

/// The requests of one service.
pub type Requests<S> = Box<dyn Stream<Item = r2r::ServiceRequest<S>> + Unpin + Send>;

/// Answers the six parameter services.
pub struct ParameterServices {
    node: String,
    declared: Arc<Mutex<Table>>,
    events: Events,
    changes: UnboundedSender<Change>,
    changed: UnboundedReceiver<Vec<(String, ParameterValue)>>,
    list: Requests<ListParameters::Service>,
    get: Requests<GetParameters::Service>,
    get_types: Requests<GetParameterTypes::Service>,
    describe: Requests<DescribeParameters::Service>,
    set: Requests<SetParameters::Service>,
    set_atomically: Requests<SetParametersAtomically::Service>,
}

impl ParameterServices {
    /// Offers the services. What is set goes to `changes`; what has changed comes from `changed`.
    ///
    /// # Errors
    /// When DDS refuses a service.
    pub fn new(
        node: &mut r2r::Node,
        config: &Config,
        changes: UnboundedSender<Change>,
        changed: UnboundedReceiver<Vec<(String, ParameterValue)>>,
    ) -> r2r::Result<Self> {
        let table = |name: &str| Config::parameters().iter().find(|parameter| parameter.name == name);
        let declared = config.entries().map(|(name, value)| {
            let parameter = declare(&name, value, table(&name));
            (name, parameter)
        });
        Ok(Self {
            node: node.fully_qualified_name()?,
            declared: Arc::new(Mutex::new(declared.collect())),
            // rcl's own for this topic.
            events: Events(Mutex::new(node.create_publisher(EVENTS, QosProfile::default().keep_last(1000))?)),
            changes,
            changed,
            list: requests(node, "~/list_parameters")?,
            get: requests(node, "~/get_parameters")?,
            get_types: requests(node, "~/get_parameter_types")?,
            describe: requests(node, "~/describe_parameters")?,
            set: requests(node, "~/set_parameters")?,
            set_atomically: requests(node, "~/set_parameters_atomically")?,
        })
    }

    /// Answers whoever asks, until the task is ended.
    pub async fn serve(self) {
        let Self { node, declared, events, changes, mut changed, list, get, get_types, describe, .. } = self;
        let (mut set, mut set_atomically) = (self.set, self.set_atomically);
        let declared = &declared;
        let table = || declared.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<_> = table().iter().map(|(name, declared)| parameter(name, declared.value.clone())).collect();
        events.publish(&node, |event| event.new_parameters = new);
        let value = |name: &String| table().get(name).map(|found| found.value.clone()).unwrap_or_default();
        let keep = async {
            while let Some(difference) = changed.recv().await {
                let difference: Vec<_> = difference.into_iter().map(|(name, value)| (name, ros_value(value))).collect();
                for (name, value) in &difference {
                    if let Some(declared) = table().get_mut(name) {
                        declared.value.clone_from(value);
                    }
                }
                let changed = difference.into_iter().map(|(name, value)| parameter(&name, value)).collect();
                events.publish(&node, |event| event.changed_parameters = changed);
            }
        };
        // Each request is whole before the next one, as with rclcpp.
        let sets = async {
            while let Some(request) = set.next().await {
                let mut results = Vec::new();
                for wanted in &request.message.parameters {
                    results.push(changed_by(&changes, std::slice::from_ref(wanted)).await);
                }
                respond(request, SetParameters::Response { results });
            }
        };
        let sets_atomically = async {
            while let Some(request) = set_atomically.next().await {
                let result = changed_by(&changes, &request.message.parameters).await;
                respond(request, SetParametersAtomically::Response { result });
            }
        };
        tokio::join!(
            keep,
            sets,
            sets_atomically,
            answer(list, |request| ListParameters::Response { result: listed(&table(), &request) }),
            answer(get, |request| GetParameters::Response { values: request.names.iter().map(value).collect() }),
            answer(get_types, |request| GetParameterTypes::Response {
                types: request.names.iter().map(|name| value(name).type_).collect(),
            }),
            answer(describe, |request| DescribeParameters::Response {
                descriptors: request.names.into_iter().map(|name| described(&table(), name)).collect(),
            }),
        );
    }
}

/// Asks for a change, and waits for what becomes of it.
async fn changed_by(changes: &UnboundedSender<Change>, wanted: &[msg::Parameter]) -> msg::SetParametersResult {
    let sought: Result<_, String> =
        wanted.iter().map(|parameter| Ok((parameter.name.clone(), own_value(parameter)?))).collect();
    let changed = match sought {
        Ok(sought) => {
            let (reply, changed) = oneshot::channel();
            // Where nobody takes it the reply is dropped.
            let _ = changes.send(Change { sought: Sought::Parameters(sought), reply });
            changed.await.unwrap_or_else(|_| Changed::refused("the node ends"))
        }
        Err(why) => Changed::refused(why),
    };
    let reason = changed.refused.as_deref().map(words).unwrap_or_default();
    msg::SetParametersResult { successful: changed.refused.is_none(), reason }
}

fn parameter(name: &str, value: msg::ParameterValue) -> msg::Parameter {
    msg::Parameter { name: name.to_owned(), value }
}

/// What all nodes are told of this one's parameters.
struct Events(Mutex<r2r::Publisher<msg::ParameterEvent>>);

impl Events {
    fn publish(&self, node: &str, fill: impl FnOnce(&mut msg::ParameterEvent)) {
        let (sec, nanosec) = wall_now().to_ros();
        let stamp = Time { sec, nanosec };
        let mut event = msg::ParameterEvent { stamp, node: node.to_owned(), ..Default::default() };
        fill(&mut event);
        if let Err(error) = self.0.lock().unwrap_or_else(PoisonError::into_inner).publish(&event) {
            tracing::debug!("parameter event not published: {error}");
        }
    }
}

fn respond<S: r2r::WrappedServiceTypeSupport + 'static>(request: r2r::ServiceRequest<S>, response: S::Response) {
    // A caller that went away before its answer is its own affair.
    if let Err(error) = request.respond(response) {
        tracing::debug!("parameter request not answered: {error}");
    }
}

/// Offers a service.
///
/// # Errors
/// When DDS refuses it.
pub fn requests<S: r2r::WrappedServiceTypeSupport + 'static>(
    node: &mut r2r::Node,
    name: &str,
) -> r2r::Result<Requests<S>> {
    Ok(Box::new(node.create_service::<S>(name, QosProfile::services_default())?))
}

/// Answers every request, until the task is ended.
pub async fn answer<S: r2r::WrappedServiceTypeSupport + 'static>(
    mut requests: Requests<S>,
    answer: impl Fn(S::Request) -> S::Response,
) where
    S::Request: Clone,
{
    while let Some(request) = requests.next().await {
        let response = answer(request.message.clone());
        respond(request, response);
    }
}

/// `row` is none for `qos_overrides`.
fn declare(name: &str, value: ParameterValue, row: Option<&Parameter>) -> Declared {
    let value = ros_value(value);
    let mut descriptor = msg::ParameterDescriptor {
        name: name.to_owned(),
        type_: value.type_,
        description: row.map_or("", |row| row.doc).trim().to_owned(),
        read_only: is_read_only(row.map(|row| row.when)),
        ..Default::default()
    };
    match row.map(|row| row.domain) {
        Some(Domain::Integers { min, max }) => {
            descriptor.integer_range = vec![msg::IntegerRange { from_value: min, to_value: max, step: 0 }];
        }
        Some(Domain::Numbers { min, max }) => {
            descriptor.floating_point_range =
                vec![msg::FloatingPointRange { from_value: min, to_value: max, step: 0.0 }];
        }
        Some(domain) => descriptor.additional_constraints = domain.expected(),
        None => {}
    }
    Declared { value, descriptor }
}

fn ros_value(value: ParameterValue) -> msg::ParameterValue {
    let mut message = msg::ParameterValue::default();
    // Types by the constants of rcl_interfaces/msg/ParameterType.
    message.type_ = match value {
        ParameterValue::Bool(value) => {
            message.bool_value = value;
            1
        }
        ParameterValue::Integer(value) => {
            message.integer_value = value;
            2
        }
        ParameterValue::Double(value) => {
            message.double_value = value;
            3
        }
        ParameterValue::String(value) => {
            message.string_value = words(&value);
            4
        }
        ParameterValue::BoolArray(values) => {
            message.bool_array_value = values;
            6
        }
        ParameterValue::IntegerArray(values) => {
            message.integer_array_value = values;
            7
        }
        ParameterValue::DoubleArray(values) => {
            message.double_array_value = values;
            8
        }
        ParameterValue::StringArray(values) => {
            message.string_array_value = values.iter().map(|value| words(value)).collect();
            9
        }
    };
    message
}

/// The value that a client wants.
fn own_value(parameter: &msg::Parameter) -> Result<ParameterValue, String> {
    let msg::Parameter { name, value } = parameter;
    Ok(match value.type_ {
        1 => ParameterValue::Bool(value.bool_value),
        2 => ParameterValue::Integer(value.integer_value),
        3 => ParameterValue::Double(value.double_value),
        4 => ParameterValue::String(value.string_value.clone()),
        6 => ParameterValue::BoolArray(value.bool_array_value.clone()),
        7 => ParameterValue::IntegerArray(value.integer_array_value.clone()),
        8 => ParameterValue::DoubleArray(value.double_array_value.clone()),
        9 => ParameterValue::StringArray(value.string_array_value.clone()),
        0 => return Err(format!("parameter '{name}' cannot be undeclared")),
        5 => return Err(format!("{name} is a list of bytes, which no parameter here is")),
        other => return Err(format!("{name} has the type {other}, which rcl_interfaces/ParameterType does not know")),
    })
}

fn listed(declared: &Table, request: &ListParameters::Request) -> msg::ListParametersResult {
    let names = names_below(declared.keys(), &request.prefixes, request.depth);
    let mut prefixes: Vec<String> = names.iter().filter_map(|name| Some(name.rsplit_once('.')?.0.to_owned())).collect();
    prefixes.dedup();
    msg::ListParametersResult { names, prefixes }
}

/// The names at or below one of `prefixes` (all, when there is none) with at most `depth` parts below it; a depth of
/// 0 is no limit.
fn names_below<'a>(names: impl Iterator<Item = &'a String>, prefixes: &[String], depth: u64) -> Vec<String> {
    let shallow = |rest: &str| depth == 0 || rest.split('.').count() as u64 <= depth;
    let wanted = |name: &str| {
        prefixes.is_empty() && shallow(name)
            || prefixes.iter().any(|prefix| match name.strip_prefix(prefix.as_str()) {
                Some("") => true,
                Some(rest) => rest.strip_prefix('.').is_some_and(shallow),
                None => false,
            })
    };
    names.filter(|name| wanted(name)).cloned().collect()
}

fn described(declared: &Table, name: String) -> msg::ParameterDescriptor {
    match declared.get(&name) {
        Some(found) => found.descriptor.clone(),
        None => msg::ParameterDescriptor { name, ..Default::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(prefixes: &[&str], depth: u64) -> Vec<String> {
        let names = ["camera.pitch_rad", "camera.x_m", "max_age_ms"].map(str::to_owned);
        let prefixes: Vec<String> = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
        names_below(names.iter(), &prefixes, depth)
    }

    #[test]
    fn names_are_listed_by_prefix_and_depth_as_in_rclcpp() {
        assert_eq!(below(&[], 0).len(), 3);
        assert_eq!(below(&[], 1), ["max_age_ms"]);
        assert_eq!(below(&["camera"], 0), ["camera.pitch_rad", "camera.x_m"]);
        assert_eq!(below(&["camera"], 1), ["camera.pitch_rad", "camera.x_m"]);
        assert_eq!(below(&["max_age_ms"], 1), ["max_age_ms"]);
        assert!(below(&["cam"], 0).is_empty());
    }
}
