//! The standard `qos_overrides.<topic>.subscription.*` and `qos_overrides.<topic>.publisher.*` parameters.
//!
//! As in rclcpp the topic is a full name after remapping (`/camera/image`), and the policies are those that a
//! camera topic needs: reliability, durability, history, depth. rclcpp's other policies are known and not applied: they give a
//! warning.

use super::domain::{Domain, Refusal};
use super::error::nearest;
use super::field::{Field, choices};
use crate::types::ParameterValue;
use std::collections::BTreeMap;

choices! {
    /// Whether lost messages are sent again.
    pub enum Reliability {
        /// They are.
        Reliable = "reliable",
        /// They are not: what sensor data wants.
        BestEffort = "best_effort",
        /// As the middleware is configured.
        SystemDefault = "system_default",
    }
}

choices! {
    /// Whether a late subscriber gets what was published before.
    pub enum Durability {
        /// It does, if the publisher offers it.
        TransientLocal = "transient_local",
        /// It does not.
        Volatile = "volatile",
        /// As the middleware is configured.
        SystemDefault = "system_default",
    }
}

choices! {
    /// Which messages wait in the middleware's queue.
    pub enum History {
        /// The newest `depth`.
        KeepLast = "keep_last",
        /// All, up to the middleware's limits.
        KeepAll = "keep_all",
        /// As the middleware is configured.
        SystemDefault = "system_default",
    }
}

/// The overrides of one subscription or one publisher; what is none keeps the node's own choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QosOverride {
    /// Reliability.
    pub reliability: Option<Reliability>,
    /// Durability.
    pub durability: Option<Durability>,
    /// History.
    pub history: Option<History>,
    /// Messages in the queue, 1 to 10000.
    pub depth: Option<usize>,
}

/// All overrides, by full topic name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QosOverrides {
    /// What subscriptions ask for.
    pub subscriptions: BTreeMap<String, QosOverride>,
    /// What publishers offer.
    pub publishers: BTreeMap<String, QosOverride>,
}

/// The first part of every such key.
pub(super) const PREFIX: &str = "qos_overrides.";

/// rclcpp's policies beyond the four that are applied here.
const NOT_APPLIED: [&str; 5] =
    ["avoid_ros_namespace_conventions", "deadline", "lifespan", "liveliness", "liveliness_lease_duration"];

/// The policies that are applied.
struct Policy {
    name: &'static str,
    domain: Domain,
    get: fn(&QosOverride) -> Option<ParameterValue>,
    set: fn(&mut QosOverride, &ParameterValue),
}

const POLICIES: [Policy; 4] = [
    Policy {
        name: "reliability",
        domain: Domain::OneOf(Reliability::NAMES),
        get: |qos| qos.reliability.map(|value| value.to_value()),
        set: |qos, value| qos.reliability = Field::from_value(value),
    },
    Policy {
        name: "durability",
        domain: Domain::OneOf(Durability::NAMES),
        get: |qos| qos.durability.map(|value| value.to_value()),
        set: |qos, value| qos.durability = Field::from_value(value),
    },
    Policy {
        name: "history",
        domain: Domain::OneOf(History::NAMES),
        get: |qos| qos.history.map(|value| value.to_value()),
        set: |qos, value| qos.history = Field::from_value(value),
    },
    Policy {
        name: "depth",
        domain: Domain::Integers { min: 1, max: 10_000 },
        get: |qos| qos.depth.map(|value| value.to_value()),
        set: |qos, value| qos.depth = Field::from_value(value),
    },
];

/// What became of one key below `qos_overrides.`.
pub(super) enum Outcome {
    /// The policy is set.
    Applied,
    /// rclcpp knows the key, this node leaves it alone.
    NotApplied,
    /// No such policy or entity; the nearest key that there is.
    Unknown {
        /// A whole key.
        nearest: String,
    },
    /// A known policy with a bad value, and what it may be.
    Refused(Refusal, String),
}

/// Sets the policy that a key names (the part after `qos_overrides.`).
pub(super) fn apply(overrides: &mut QosOverrides, rest: &str, value: &ParameterValue) -> Outcome {
    // Topic names hold no dots, so the last two parts are the entity and the policy.
    let mut parts = rest.rsplitn(3, '.');
    let (policy, entity, topic) = match (parts.next(), parts.next(), parts.next()) {
        (Some(policy), Some(entity), Some(topic)) if topic.starts_with('/') => (policy, entity, topic),
        _ => return Outcome::Unknown { nearest: format!("{PREFIX}/<topic>.subscription.reliability") },
    };
    let of_entity = match entity {
        "subscription" => Some(&mut overrides.subscriptions),
        "publisher" => Some(&mut overrides.publishers),
        _ => None,
    };
    // rclcpp's names of entities with an id of their own.
    let has_id = entity.starts_with("subscription_") || entity.starts_with("publisher_");
    let known_entity = of_entity.is_some() || has_id;
    let names = POLICIES.iter().map(|policy| policy.name).chain(NOT_APPLIED);
    if !known_entity || !names.clone().any(|name| name == policy) {
        let nearest = nearest(policy, names).unwrap_or("reliability");
        let entity = if known_entity { entity } else { "subscription" };
        return Outcome::Unknown { nearest: format!("{PREFIX}{topic}.{entity}.{nearest}") };
    }
    match of_entity.zip(POLICIES.iter().find(|known| known.name == policy)) {
        None => Outcome::NotApplied,
        Some((of_entity, policy)) => match policy.domain.check(value) {
            Err(refusal) => Outcome::Refused(refusal, policy.domain.expected()),
            Ok(value) => {
                (policy.set)(of_entity.entry(topic.to_owned()).or_default(), &value);
                Outcome::Applied
            }
        },
    }
}

/// Every policy that is set, as parameters.
pub(super) fn entries(overrides: &QosOverrides) -> impl Iterator<Item = (String, ParameterValue)> {
    let entities = [("subscription", &overrides.subscriptions), ("publisher", &overrides.publishers)];
    entities.into_iter().flat_map(|(entity, topics)| {
        topics.iter().flat_map(move |(topic, qos)| {
            POLICIES.iter().filter_map(move |policy| {
                Some((format!("{PREFIX}{topic}.{entity}.{}", policy.name), (policy.get)(qos)?))
            })
        })
    })
}
