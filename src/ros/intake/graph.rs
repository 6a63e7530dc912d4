//! Who publishes our inputs, and whether DDS will ever connect them with us.

use super::qos::{self, Mismatch};
use crate::pipeline::{Input, video_cure};
use crate::types::CameraId;
use r2r::QosProfile;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One subscribed topic, as asked of the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// What it feeds.
    pub input: Input,
    /// Whose; the first camera's where it is the robot's.
    pub camera: CameraId,
    /// The input as the program calls it: `image`, `front/image`.
    pub label: String,
    /// The name to subscribe to, which rcl resolves to `name`.
    pub called: String,
    /// The resolved name.
    pub name: String,
    /// What we ask for.
    pub qos: QosProfile,
}

/// What the graph says about one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publishing {
    /// Publishers that reach us.
    pub publishers: usize,
    /// Why others do not, in words.
    pub problems: Vec<String>,
}

impl Topic {
    /// Looks who publishes it now.
    pub fn look(&self, node: &r2r::Node) -> Publishing {
        let mut found = Publishing::default();
        // A graph that cannot be asked is one where nobody is seen.
        for publisher in node.get_publishers_info_by_topic(&self.name, false).unwrap_or_default() {
            let namespace = publisher.node_namespace.trim_end_matches('/');
            let who = format!("{namespace}/{} on {}", publisher.node_name, self.name);
            let wanted_type = self.input.type_name();
            if publisher.topic_type != wanted_type {
                let cure = video_cure(&publisher.topic_type).map(|cure| format!(": {cure}")).unwrap_or_default();
                found.problems.push(format!("{who} publishes {}, expected {wanted_type}{cure}", publisher.topic_type));
            } else if let Some(Mismatch { offered, asked, .. }) = qos::mismatch(&publisher.qos_profile, &self.qos) {
                found.problems.push(format!(
                    "{who} does not meet our quality of service: it offers {offered}, we ask for {asked}"
                ));
            } else {
                found.publishers += 1;
            }
        }
        found
    }
}

/// The subscribed topics and what the graph said of them last. The spin thread looks, others read.
#[derive(Debug)]
pub struct Topics(Mutex<Vec<(Topic, Publishing)>>);

impl Topics {
    /// Nobody publishes them yet.
    pub fn new(topics: Vec<Topic>) -> Self {
        Self(Mutex::new(unseen(topics)))
    }

    /// Others take their place.
    pub fn replace(&self, topics: Vec<Topic>) {
        *self.lock() = unseen(topics);
    }

    /// Locks them, for no longer than a copy takes.
    pub fn lock(&self) -> MutexGuard<'_, Vec<(Topic, Publishing)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many publish this input of a camera.
    pub fn publishers(&self, camera: CameraId, input: Input) -> usize {
        let is_meant = |topic: &Topic| (topic.camera, topic.input) == (camera, input);
        self.lock().iter().filter(|(topic, _)| is_meant(topic)).map(|(_, publishing)| publishing.publishers).sum()
    }

    /// The topics of the pictures, in words.
    pub fn of_pictures(&self) -> String {
        of_pictures(&self.lock())
    }
}

fn unseen(topics: Vec<Topic>) -> Vec<(Topic, Publishing)> {
    topics.into_iter().map(|topic| (topic, Publishing::default())).collect()
}

/// The names of the topics that pictures may come on: `/image or /image/compressed`, those of several cameras with commas.
pub fn of_pictures(topics: &[(Topic, Publishing)]) -> String {
    let cameras: BTreeSet<CameraId> = topics.iter().map(|(topic, _)| topic.camera).collect();
    let of_camera = |camera: &CameraId| {
        let is_meant = |topic: &&Topic| topic.camera == *camera && topic.input.is_picture();
        let names: Vec<&str> =
            topics.iter().map(|(topic, _)| topic).filter(is_meant).map(|topic| topic.name.as_str()).collect();
        names.join(" or ")
    };
    cameras.iter().map(of_camera).collect::<Vec<_>>().join(", ")
}
