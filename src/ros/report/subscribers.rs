//! Who subscribes to what this node publishes and will never get it, because the two differ in quality of service or in the
//! type. DDS does not connect such ends and says nothing at the subscriber's.
//!
//! All topics of the node are looked at, as the graph has them, four times a second. What is found stands in diagnostics
//! for as long as it is so, and in the log when it begins.

use super::endpoints::{Endpoint, GraphObserver};
use crate::config::NodeName;
use crate::ros::intake::qos::{Mismatch, mismatch};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(250);

/// The subscribers that nothing reaches, in words. Cheap to clone; one task looks, others read.
#[derive(Debug, Clone, Default)]
pub struct Unreached(Arc<Mutex<Vec<String>>>);

impl Unreached {
    /// As of the last look.
    pub fn now(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn put(&self, problems: Vec<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = problems;
    }
}

/// Looks until its task is ended.
pub struct Subscribers {
    node: NodeName,
    observer: GraphObserver,
    unreached: Unreached,
}

impl Subscribers {
    /// Of this node. None, and a warning, where rcl does not let it look.
    pub fn of(node: &NodeName, unreached: Unreached) -> Option<Self> {
        match GraphObserver::beside(node) {
            Ok(observer) => Some(Self { node: node.clone(), observer, unreached }),
            Err(why) => {
                tracing::warn!("subscribers whose quality of service does not fit ours will not be named: {why}");
                None
            }
        }
    }

    /// Looks.
    pub async fn run(mut self) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let problems = self.look();
            let before = self.unreached.now();
            for problem in problems.iter().filter(|problem| !before.contains(problem)) {
                tracing::warn!("{problem}");
            }
            self.unreached.put(problems);
        }
    }

    fn look(&mut self) -> Vec<String> {
        let own = self.node.to_string();
        let mut problems = Vec::new();
        for topic in self.observer.published_by(&self.node) {
            let publishers = self.observer.publishers(&topic);
            let Some(offered) = publishers.into_iter().find(|publisher| publisher.node == own) else { continue };
            let subscriptions = self.observer.subscriptions(&topic);
            let unmet = subscriptions.iter().filter_map(|asked| unmet(&topic, &offered, asked));
            // One node may have several that ask the same.
            unmet.for_each(|problem| {
                if !problems.contains(&problem) {
                    problems.push(problem)
                }
            });
        }
        problems
    }
}

/// Why a subscription gets nothing of what is published, and the cure. `None`: it does.
fn unmet(topic: &str, offered: &Endpoint, asked: &Endpoint) -> Option<String> {
    let Endpoint { node, type_name, .. } = asked;
    if *type_name != offered.type_name {
        return Some(format!("{node} subscribes to {topic} as {type_name}, it is {}", offered.type_name));
    }
    let Mismatch { policy, offered, asked } = mismatch(&offered.qos, &asked.qos)?;
    let parameter = |end: &str, value: &str| format!("qos_overrides.{topic}.{end}.{policy}:={value}");
    let cure = format!("let it ask for {offered}, as by its parameter {}", parameter("subscription", &offered));
    let ours = match policy {
        "reliability" | "durability" => format!(", or start this node with {}", parameter("publisher", &asked)),
        _ => String::new(),
    };
    Some(format!("{node} gets nothing of {topic}: it asks for {policy} {asked}, we offer {offered}; {cure}{ours}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use r2r::QosProfile;

    fn end(node: &str, qos: QosProfile) -> Endpoint {
        Endpoint { node: node.to_owned(), type_name: "vedette_msgs/msg/Plan".to_owned(), qos }
    }

    #[test]
    fn a_subscriber_that_asks_for_more_than_is_offered_is_named_with_both_and_the_cure() {
        let offered = end("/vedette", QosProfile::default());
        let late = end("/late", QosProfile::default().transient_local());
        assert_eq!(
            unmet("/vedette/plan", &offered, &late).unwrap(),
            "/late gets nothing of /vedette/plan: it asks for durability transient_local, we offer volatile; let it ask for \
             volatile, as by its parameter qos_overrides./vedette/plan.subscription.durability:=volatile, or start this node \
             with qos_overrides./vedette/plan.publisher.durability:=transient_local"
        );
        let best_effort = end("/vedette", QosProfile::default().best_effort());
        assert!(unmet("/t", &best_effort, &end("/r", QosProfile::default())).unwrap().contains("reliability reliable"));
    }

    #[test]
    fn a_subscriber_that_asks_for_the_same_or_less_is_not_named() {
        let latched = end("/vedette", QosProfile::default().transient_local());
        let asked = [
            QosProfile::default(),
            QosProfile::default().transient_local(),
            QosProfile::sensor_data(),
            QosProfile::default().deadline(Duration::from_secs(9_223_372_036)),
        ];
        for qos in asked {
            assert_eq!(unmet("/t", &latched, &end("/someone", qos)), None);
        }
    }

    #[test]
    fn a_deadline_that_nobody_keeps_is_named() {
        let offered = end("/vedette", QosProfile::default());
        let asked = end("/hasty", QosProfile::default().deadline(Duration::from_millis(50)));
        let words = unmet("/t", &offered, &asked).unwrap();
        assert!(words.contains("it asks for deadline 50 ms, we offer infinite"), "{words}");
    }

    #[test]
    fn a_subscriber_of_another_type_is_named() {
        let offered = end("/vedette", QosProfile::default());
        let strange = Endpoint { type_name: "std_msgs/msg/String".to_owned(), ..offered.clone() };
        let words = unmet("/t", &offered, &Endpoint { node: "/strange".to_owned(), ..strange });
        assert_eq!(
            words.as_deref(),
            Some("/strange subscribes to /t as std_msgs/msg/String, it is vedette_msgs/msg/Plan")
        );
    }
}
