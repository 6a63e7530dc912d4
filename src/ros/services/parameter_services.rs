//! The parameter services of the node, as rclcpp nodes offer them: list, get, describe with ranges, and set; and
//! `/parameter_events`.
//!
//! What is set is checked and put in force elsewhere (`parameter_changes`). Made from plain services, since r2r's own parameter
//! handler takes any value for any name.

use super::parameter_changes::{Change, Changed, InForce, Sought, is_read_only};
use super::requests::{Reception, Requests};
use crate::config::{Config, Domain, Parameter, ParameterValue};
use crate::ros::clock::wall_now;
use crate::ros::reason::ask_result::words;
use crate::ros::report::log::Short;
use crate::ros::shared::Shared;
use r2r::QosProfile;
use r2r::builtin_interfaces::msg::Time;
use r2r::rcl_interfaces::msg;
use r2r::rcl_interfaces::srv::{
    DescribeParameters, GetParameterTypes, GetParameters, ListParameters, SetParameters, SetParametersAtomically,
};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

/// Where all nodes tell what has become of their parameters.
const EVENTS: &str = "/parameter_events";

/// What is declared, by name.
type Table = BTreeMap<String, msg::ParameterDescriptor>;

/// Answers the six parameter services.
pub struct ParameterServices {
    node: String,
    shared: Shared,
    events: Events,
    changes: UnboundedSender<Change>,
    changed: UnboundedReceiver<InForce>,
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
        reception: &mut Reception,
        shared: Shared,
        changes: UnboundedSender<Change>,
        changed: UnboundedReceiver<InForce>,
    ) -> r2r::Result<Self> {
        Ok(Self {
            node: node.fully_qualified_name()?,
            shared,
            // rcl's own for this topic.
            events: Events(Mutex::new(node.create_publisher(EVENTS, QosProfile::default().keep_last(1000))?)),
            changes,
            changed,
            list: reception.offer_wordless(node, "~/list_parameters")?,
            get: reception.offer_wordless(node, "~/get_parameters")?,
            get_types: reception.offer_wordless(node, "~/get_parameter_types")?,
            describe: reception.offer_wordless(node, "~/describe_parameters")?,
            set: reception.offer(node, "~/set_parameters", |request: &SetParameters::Request, reason| {
                SetParameters::Response {
                    results: request.parameters.iter().map(|_| not_set(reason.to_owned())).collect(),
                }
            })?,
            set_atomically: reception.offer(node, "~/set_parameters_atomically", |_, reason| {
                SetParametersAtomically::Response { result: not_set(reason.to_owned()) }
            })?,
        })
    }

    /// Answers whoever asks, until the task is ended.
    pub async fn serve(self) {
        let Self { node, shared, events, changes, mut changed, list, get, get_types, describe, .. } = self;
        let (mut set, mut set_atomically) = (self.set, self.set_atomically);
        // The parameters of cameras come and go with these.
        let declared = || declared(&shared.config());
        events.publish(&node, |event| event.new_parameters = shared.config().entries().map(parameter).collect());
        let values = |names: &[String]| -> Vec<msg::ParameterValue> {
            let config = shared.config();
            names.iter().map(|name| config.value(name).map(ros_value).unwrap_or_default()).collect()
        };
        let keep = async {
            while let Some(in_force) = changed.recv().await {
                events.publish(&node, |event| fill(event, &in_force));
            }
        };
        // Each request is whole before the next one, as with rclcpp.
        let sets = async {
            while let Some(request) = set.next().await {
                let mut results = Vec::new();
                for wanted in &request.message().parameters {
                    results.push(changed_by(&changes, std::slice::from_ref(wanted)).await);
                }
                request.respond(SetParameters::Response { results });
            }
        };
        let sets_atomically = async {
            while let Some(request) = set_atomically.next().await {
                let result = changed_by(&changes, &request.message().parameters).await;
                request.respond(SetParametersAtomically::Response { result });
            }
        };
        tokio::join!(
            keep,
            sets,
            sets_atomically,
            list.answer(|request| ListParameters::Response { result: listed(&declared(), request) }),
            get.answer(|request| GetParameters::Response { values: values(&request.names) }),
            get_types.answer(|request| GetParameterTypes::Response {
                types: values(&request.names).into_iter().map(|value| value.type_).collect(),
            }),
            describe
                .answer(|request| DescribeParameters::Response { descriptors: described(&declared(), &request.names) }),
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

fn not_set(reason: String) -> msg::SetParametersResult {
    msg::SetParametersResult { successful: false, reason }
}

fn parameter((name, value): (String, ParameterValue)) -> msg::Parameter {
    msg::Parameter { name, value: ros_value(value) }
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

/// What has changed, come and gone.
fn fill(event: &mut msg::ParameterEvent, InForce { before, now }: &InForce) {
    let is_known = |(name, _): &(String, ParameterValue)| before.value(name).is_some();
    let (changed, new) = before.difference(now).into_iter().partition::<Vec<_>, _>(is_known);
    event.changed_parameters = changed.into_iter().map(parameter).collect();
    event.new_parameters = new.into_iter().map(parameter).collect();
    let is_gone = |(name, _): &(String, ParameterValue)| now.value(name).is_none();
    event.deleted_parameters = before.entries().filter(is_gone).map(parameter).collect();
}

fn declared(config: &Config) -> Table {
    let declared = config.entries().map(|(name, value)| {
        let descriptor = declare(&name, &value, Config::parameter(&name));
        (name, descriptor)
    });
    declared.collect()
}

/// `row` is none for `qos_overrides`.
fn declare(name: &str, value: &ParameterValue, row: Option<&Parameter>) -> msg::ParameterDescriptor {
    let mut descriptor = msg::ParameterDescriptor {
        name: name.to_owned(),
        type_: value.type_number(),
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
    descriptor
}

fn ros_value(value: ParameterValue) -> msg::ParameterValue {
    let mut message = msg::ParameterValue { type_: value.type_number(), ..Default::default() };
    match value {
        ParameterValue::Bool(value) => message.bool_value = value,
        ParameterValue::Integer(value) => message.integer_value = value,
        ParameterValue::Double(value) => message.double_value = value,
        ParameterValue::String(value) => message.string_value = words(&value),
        ParameterValue::BoolArray(values) => message.bool_array_value = values,
        ParameterValue::IntegerArray(values) => message.integer_array_value = values,
        ParameterValue::DoubleArray(values) => message.double_array_value = values,
        ParameterValue::StringArray(values) => {
            message.string_array_value = values.iter().map(|value| words(value)).collect();
        }
    }
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
        0 => return Err(format!("parameter {} cannot be undeclared", Short(name))),
        5 => return Err(format!("{} is a list of bytes, which no parameter here is", Short(name))),
        other => {
            return Err(format!(
                "{} has the type {other}, which rcl_interfaces/ParameterType does not know",
                Short(name)
            ));
        }
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

fn described(declared: &Table, names: &[String]) -> Vec<msg::ParameterDescriptor> {
    let unknown = |name: &String| msg::ParameterDescriptor { name: name.clone(), ..Default::default() };
    names.iter().map(|name| declared.get(name).cloned().unwrap_or_else(|| unknown(name))).collect()
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
