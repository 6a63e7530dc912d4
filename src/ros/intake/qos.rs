//! Quality of service: sensor data in (REP-2003), overridable as in rclcpp; reliable out.

use crate::config::{Durability, History, QosOverride, Reliability};
use crate::pipeline::{Input, Output};
use r2r::QosProfile;
use r2r::qos::{DurabilityPolicy, HistoryPolicy, LivelinessPolicy, ReliabilityPolicy};
use std::time::Duration;

/// A subscription: best effort, volatile, the newest five, unless an override says otherwise. Those of tf are what tf2's
/// own listeners ask for: nothing is left out, and what does not move is told to whoever comes late.
pub fn subscription(input: Input, overrides: Option<&QosOverride>) -> QosProfile {
    let qos = match input {
        Input::Tf => QosProfile::default().reliable().keep_last(100),
        Input::TfStatic => QosProfile::default().reliable().transient_local().keep_last(100),
        _ => QosProfile::sensor_data(),
    };
    overridden(qos, overrides)
}

fn overridden(mut qos: QosProfile, overrides: Option<&QosOverride>) -> QosProfile {
    let Some(QosOverride { reliability, durability, history, depth }) = overrides else { return qos };
    if let Some(reliability) = reliability {
        qos.reliability = match reliability {
            Reliability::Reliable => ReliabilityPolicy::Reliable,
            Reliability::BestEffort => ReliabilityPolicy::BestEffort,
            Reliability::SystemDefault => ReliabilityPolicy::SystemDefault,
        };
    }
    if let Some(durability) = durability {
        qos.durability = match durability {
            Durability::TransientLocal => DurabilityPolicy::TransientLocal,
            Durability::Volatile => DurabilityPolicy::Volatile,
            Durability::SystemDefault => DurabilityPolicy::SystemDefault,
        };
    }
    if let Some(history) = history {
        qos.history = match history {
            History::KeepLast => HistoryPolicy::KeepLast,
            History::KeepAll => HistoryPolicy::KeepAll,
            History::SystemDefault => HistoryPolicy::SystemDefault,
        };
    }
    if let Some(depth) = depth {
        qos.depth = *depth;
    }
    qos
}

/// The subscription that is made beside one of camera_info: reliable and transient local, which alone is given what was
/// published before it came. A driver that says its camera_info once is heard so; one that publishes it with every image
/// meets the other subscription, and where it meets both, the same message twice changes nothing. `None` where the one
/// subscription asks for it already.
pub fn latched_beside(subscription: &QosProfile) -> Option<QosProfile> {
    let is_latched = subscription.durability == DurabilityPolicy::TransientLocal
        && subscription.reliability == ReliabilityPolicy::Reliable;
    (!is_latched).then(|| QosProfile::default().reliable().transient_local().keep_last(1))
}

/// A publisher: reliable, the newest ten; a latched output keeps its last messages for late subscribers. An override may
/// say otherwise.
pub fn publisher(output: Output, overrides: Option<&QosOverride>) -> QosProfile {
    let qos = QosProfile::default();
    let qos = match output.latched() {
        0 => qos,
        depth => qos.keep_last(depth).transient_local(),
    };
    overridden(qos, overrides)
}

/// As [`publisher`], for what the edge says itself.
pub fn edge_publisher(overrides: Option<&QosOverride>) -> QosProfile {
    overridden(QosProfile::default(), overrides)
}

/// A policy in which less is offered than is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Its name, as that of a parameter `qos_overrides`.
    pub policy: &'static str,
    pub offered: String,
    pub asked: String,
}

/// Why a publisher of this offer and a subscription that asks for this do not meet: the first such policy, by DDS's rules.
/// `None`: they do.
pub fn mismatch(offered: &QosProfile, asked: &QosProfile) -> Option<Mismatch> {
    let of = |policy, offered: String, asked: String| Some(Mismatch { policy, offered, asked });
    let named = |policy, offered: &str, asked: &str| of(policy, offered.to_owned(), asked.to_owned());
    let is_best_effort = offered.reliability == ReliabilityPolicy::BestEffort;
    let is_volatile = offered.durability == DurabilityPolicy::Volatile;
    let is_automatic = offered.liveliness == LivelinessPolicy::Automatic;
    if is_best_effort && asked.reliability == ReliabilityPolicy::Reliable {
        named("reliability", "best_effort", "reliable")
    } else if is_volatile && asked.durability == DurabilityPolicy::TransientLocal {
        named("durability", "volatile", "transient_local")
    } else if is_automatic && asked.liveliness == LivelinessPolicy::ManualByTopic {
        named("liveliness", "automatic", "manual_by_topic")
    } else if period(offered.deadline) > period(asked.deadline) {
        of("deadline", in_words(offered.deadline), in_words(asked.deadline))
    } else if period(offered.liveliness_lease_duration) > period(asked.liveliness_lease_duration) {
        let [offered, asked] = [offered, asked].map(|qos| in_words(qos.liveliness_lease_duration));
        of("liveliness_lease_duration", offered, asked)
    } else {
        None
    }
}

/// A period that is not set is without end.
fn period(period: Duration) -> Duration {
    if period.is_zero() { WITHOUT_END } else { period.min(WITHOUT_END) }
}

/// rmw's own longest time, which stands for none.
const WITHOUT_END: Duration = Duration::from_secs(9_223_372_036);

fn in_words(of: Duration) -> String {
    if period(of) >= WITHOUT_END { "infinite".to_owned() } else { format!("{} ms", of.as_millis()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_changes_what_it_names_and_nothing_else() {
        let overrides = QosOverride { reliability: Some(Reliability::Reliable), depth: Some(1), ..Default::default() };
        let expected = QosProfile::sensor_data().reliable().keep_last(1);
        assert_eq!(subscription(Input::Image, Some(&overrides)), expected);
        assert_eq!(subscription(Input::Image, None), QosProfile::sensor_data());
    }

    #[test]
    fn tf_is_asked_for_as_tf2_asks_for_it() {
        assert_eq!(subscription(Input::Tf, None), QosProfile::default().keep_last(100));
        let of_static = subscription(Input::TfStatic, None);
        assert_eq!(mismatch(&QosProfile::default().transient_local(), &of_static), None);
        assert!(mismatch(&QosProfile::default(), &of_static).is_some(), "a static transform that nobody keeps");
    }

    #[test]
    fn a_latched_camera_info_is_asked_for_where_the_subscription_does_not() {
        let beside = latched_beside(&QosProfile::sensor_data()).unwrap();
        assert_eq!(mismatch(&QosProfile::default().transient_local(), &beside), None);
        assert!(mismatch(&QosProfile::default(), &beside).is_some(), "who latches nothing is heard by the other one");
        assert_eq!(latched_beside(&QosProfile::default().reliable().transient_local()), None);
    }

    #[test]
    fn what_is_announced_once_is_latched() {
        assert_eq!(publisher(Output::LabelInfo, None).durability, DurabilityPolicy::TransientLocal);
        assert_eq!(publisher(Output::Plan, None), QosProfile::default());
        let for_late = QosOverride { durability: Some(Durability::TransientLocal), ..Default::default() };
        assert_eq!(publisher(Output::Plan, Some(&for_late)), QosProfile::default().transient_local());
    }

    #[test]
    fn a_best_effort_camera_does_not_meet_a_reliable_subscription() {
        let camera = QosProfile::sensor_data();
        assert!(mismatch(&camera, &QosProfile::sensor_data().reliable()).is_some());
        assert!(mismatch(&camera, &QosProfile::sensor_data().transient_local()).is_some());
        assert_eq!(mismatch(&QosProfile::default(), &camera), None);
    }
}
