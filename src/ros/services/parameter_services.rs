//! The parameter services of the node, as rclcpp nodes offer them: list, get, describe with ranges, and set.
//!
//! All parameters are read when the node starts; a set request is answered with that reason, in rclcpp's words for
//! read-only parameters. Made from plain services, since r2r's own parameter handler takes any value for any name.

use super::requests::{Reception, Requests};
use crate::config::{Config, Domain, Parameter, ParameterValue};
use crate::ros::reason::ask_result::words;
use r2r::rcl_interfaces::msg;
use r2r::rcl_interfaces::srv::{
    DescribeParameters, GetParameterTypes, GetParameters, ListParameters, SetParameters, SetParametersAtomically,
};
use std::collections::BTreeMap;

/// One declared parameter in ROS' own types.
struct Declared {
    value: msg::ParameterValue,
    descriptor: msg::ParameterDescriptor,
}

/// So many requests of one service wait. Each is answered in microseconds, so that more than these come at once from nobody
/// who means it; the refusal of services whose answers have no words is an empty answer.
const CAPACITY: usize = 1000;

/// Answers the six parameter services.
pub struct ParameterServices {
    declared: BTreeMap<String, Declared>,
    list: Requests<ListParameters::Service>,
    get: Requests<GetParameters::Service>,
    get_types: Requests<GetParameterTypes::Service>,
    describe: Requests<DescribeParameters::Service>,
    set: Requests<SetParameters::Service>,
    set_atomically: Requests<SetParametersAtomically::Service>,
}

impl ParameterServices {
    /// Offers the services. Nothing changes after the start, so there are no `/parameter_events`.
    ///
    /// # Errors
    /// When DDS refuses a service.
    pub fn new(node: &mut r2r::Node, reception: &mut Reception, config: &Config) -> r2r::Result<Self> {
        let table = |name: &str| Config::parameters().iter().find(|parameter| parameter.name == name);
        let declared = config.entries().map(|(name, value)| {
            let parameter = declare(&name, value, table(&name));
            (name, parameter)
        });
        let declared: BTreeMap<_, _> = declared.collect();
        Ok(Self {
            declared,
            list: reception.offer(node, "~/list_parameters", CAPACITY, |_, _| Default::default())?,
            get: reception.offer(node, "~/get_parameters", CAPACITY, |_, _| Default::default())?,
            get_types: reception.offer(node, "~/get_parameter_types", CAPACITY, |_, _| Default::default())?,
            describe: reception.offer(node, "~/describe_parameters", CAPACITY, |_, _| Default::default())?,
            set: reception.offer(node, "~/set_parameters", CAPACITY, |request: &SetParameters::Request, reason| {
                SetParameters::Response {
                    results: request.parameters.iter().map(|_| not_set(reason.to_owned())).collect(),
                }
            })?,
            set_atomically: reception.offer(node, "~/set_parameters_atomically", CAPACITY, |_, reason| {
                SetParametersAtomically::Response { result: not_set(reason.to_owned()) }
            })?,
        })
    }

    /// Answers whoever asks, until the task is ended.
    pub async fn serve(self) {
        let Self { declared, list, get, get_types, describe, set, set_atomically } = self;
        let declared = &declared;
        let value = |name: &String| declared.get(name).map(|found| found.value.clone()).unwrap_or_default();
        tokio::join!(
            list.answer(|request| ListParameters::Response { result: listed(declared, request) }),
            get.answer(|request| GetParameters::Response { values: request.names.iter().map(value).collect() }),
            get_types.answer(|request| GetParameterTypes::Response {
                types: request.names.iter().map(|name| value(name).type_).collect(),
            }),
            describe.answer(|request| DescribeParameters::Response {
                descriptors: request.names.iter().map(|name| described(declared, name)).collect(),
            }),
            set.answer(|request| SetParameters::Response {
                results: request.parameters.iter().map(|parameter| refused(declared, &parameter.name)).collect(),
            }),
            set_atomically.answer(|request| SetParametersAtomically::Response {
                result: match request.parameters.first() {
                    Some(parameter) => refused(declared, &parameter.name),
                    None => msg::SetParametersResult { successful: true, reason: String::new() },
                },
            }),
        );
    }
}

/// `row` is none for `qos_overrides`.
fn declare(name: &str, value: ParameterValue, row: Option<&Parameter>) -> Declared {
    let value = ros_value(value);
    let mut descriptor = msg::ParameterDescriptor {
        name: name.to_owned(),
        type_: value.type_,
        description: row.map_or("", |row| row.doc).trim().to_owned(),
        read_only: true,
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

fn listed(declared: &BTreeMap<String, Declared>, request: &ListParameters::Request) -> msg::ListParametersResult {
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

fn described(declared: &BTreeMap<String, Declared>, name: &str) -> msg::ParameterDescriptor {
    match declared.get(name) {
        Some(found) => found.descriptor.clone(),
        None => msg::ParameterDescriptor { name: name.to_owned(), ..Default::default() },
    }
}

fn refused(declared: &BTreeMap<String, Declared>, name: &str) -> msg::SetParametersResult {
    let reason = if declared.contains_key(name) {
        format!("parameter '{name}' cannot be set because it is read-only: it is read when the node starts")
    } else {
        // A name that long is none of ours, and is not repeated whole.
        let start: String = name.chars().take(200).collect();
        format!("parameter '{start}' cannot be set because it was not declared")
    };
    not_set(reason)
}

fn not_set(reason: String) -> msg::SetParametersResult {
    msg::SetParametersResult { successful: false, reason }
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
