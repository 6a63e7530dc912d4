//! Quality of service: sensor data in (REP-2003), overridable as in rclcpp; reliable out.

use crate::config::{Durability, History, QosOverride, Reliability};
use crate::pipeline::{Input, Output};
use r2r::QosProfile;
use r2r::qos::{DurabilityPolicy, HistoryPolicy, ReliabilityPolicy};

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

/// Why a publisher of this offer and a subscription of this request do not meet, in DDS' rules. `None`: they do.
pub fn mismatch(offered: &QosProfile, requested: &QosProfile) -> Option<&'static str> {
    let best_effort = offered.reliability == ReliabilityPolicy::BestEffort;
    let volatile = offered.durability == DurabilityPolicy::Volatile;
    if best_effort && requested.reliability == ReliabilityPolicy::Reliable {
        Some("it offers best_effort, we ask for reliable")
    } else if volatile && requested.durability == DurabilityPolicy::TransientLocal {
        Some("it offers volatile, we ask for transient_local")
    } else {
        None
    }
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
