//! The spin thread: DDS to inbox, and who publishes what we listen to. It decodes nothing, answers nobody and waits for
//! nothing but DDS, so that a picture is in the inbox as soon as it has come.

use super::clock::{EdgeClock, steady_now};
use super::error::NodeError;
use super::intake::gaps::Gaps;
use super::intake::graph::{Publishing, Topic};
use super::intake::inbox::Arrival;
use super::intake::qos;
use super::report::health::SUPERSEDED;
use super::shared::Shared;
use crate::pipeline::Input;
use crate::wire;
use futures::{FutureExt, Stream, StreamExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The longest sleep while nothing comes: how late the end is noticed.
const MAX_WAIT: Duration = Duration::from_millis(50);
/// Between two looks at the graph.
const GRAPH_PERIOD: Duration = Duration::from_millis(200);

type Messages = Box<dyn Stream<Item = Vec<u8>> + Unpin + Send>;

/// All that the spin thread owns.
pub struct Spin {
    /// In the order of [`Input::ALL`].
    messages: [Messages; 3],
    /// camera_info that was published before we came, where it is offered to late subscribers.
    latched: Option<Messages>,
    shared: Shared,
    gaps: Gaps,
    looked: Option<Instant>,
    /// Last, so that all that hangs on the node goes before it.
    node: r2r::Node,
}

impl Spin {
    /// Subscribes to the inputs; nothing is taken before [`until`](Self::until).
    ///
    /// # Errors
    /// The endpoint that DDS refuses.
    pub fn new(mut node: r2r::Node, shared: Shared) -> Result<Self, NodeError> {
        let topics = shared.topics.lock().clone();
        let mut subscribe =
            |(Topic { input, called, qos, .. }, _): &(Topic, Publishing)| -> Result<Messages, NodeError> {
                let stream = node.subscribe_raw(called, input.type_name(), qos.clone());
                Ok(Box::new(stream.map_err(NodeError::endpoint("subscribe to", called))?))
            };
        let [image, camera_info, odom] = &topics;
        let messages = [subscribe(image)?, subscribe(camera_info)?, subscribe(odom)?];
        let latched = match qos::latched_beside(&camera_info.0.qos) {
            Some(qos) => Some(subscribe(&(Topic { qos, ..camera_info.0.clone() }, Publishing::default()))?),
            None => None,
        };
        Ok(Self { messages, latched, gaps: Gaps::default(), looked: None, shared, node })
    }

    /// Works until it is told that the end has come, which it asks at least every [`MAX_WAIT`]. Services are taken
    /// here too, and answered by those who wait for them.
    pub fn until(&mut self, ended: &AtomicBool) {
        while !ended.load(Ordering::Relaxed) {
            self.node.spin_once(MAX_WAIT);
            self.take_messages();
            let now = steady_now();
            if self.looked.is_none_or(|looked| now.duration_since(looked) >= GRAPH_PERIOD) {
                self.looked = Some(now);
                self.look_at_graph();
            }
        }
    }

    fn take_messages(&mut self) {
        let [image, camera_info, odom] = &mut self.messages;
        let inbox = &self.shared.inbox;
        // camera_info first: it then is there when its picture is taken.
        if let Some(latched) = &mut self.latched {
            while let Some(Some(cdr)) = latched.next().now_or_never() {
                inbox.put_camera_info(cdr);
            }
        }
        while let Some(Some(cdr)) = camera_info.next().now_or_never() {
            inbox.put_camera_info(cdr);
        }
        while let Some(Some(cdr)) = odom.next().now_or_never() {
            inbox.put_odom(cdr);
        }
        while let Some(Some(cdr)) = image.next().now_or_never() {
            let missing = wire::peek_stamp(&cdr).map_or(0, |stamp| self.gaps.came(stamp));
            let ros_time = self.shared.clock.now();
            let replaced = inbox.put_image(Arrival { cdr, taken: steady_now(), ros_time });
            let mut counts = self.shared.health.lock();
            counts.received += 1;
            counts.missing += missing;
            if replaced.is_some() {
                counts.drop_message(Input::Image, SUPERSEDED);
            }
        }
    }

    fn look_at_graph(&self) {
        let before = self.shared.topics.lock().clone();
        let found = before.each_ref().map(|(topic, _)| topic.look(&self.node));
        for ((_, before), found) in before.iter().zip(&found) {
            for problem in found.problems.iter().filter(|problem| !before.problems.contains(problem)) {
                tracing::warn!("{problem}");
            }
        }
        for ((_, publishing), found) in self.shared.topics.lock().iter_mut().zip(found) {
            *publishing = found;
        }
    }
}
