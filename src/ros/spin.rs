//! The spin thread: DDS to inbox, and who publishes what we listen to. It decodes nothing, answers nobody and waits for
//! nothing but DDS, so that a picture is in the inbox as soon as it has come.

use super::clock::{EdgeClock, steady_now};
use super::error::NodeError;
use super::intake::gaps::Gaps;
use super::intake::graph::{Publishing, Topic};
use super::intake::inbox::Arrival;
use super::intake::qos;
use super::intake::transport::TransportChoice;
use super::report::health::SUPERSEDED;
use super::shared::Shared;
use crate::config::ImageTransport;
use crate::pipeline::{Input, Transport};
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
    /// The pictures by their transports, those that are subscribed to.
    pictures: Vec<(Transport, Messages)>,
    camera_info: Messages,
    /// camera_info that was published before we came, where it is offered to late subscribers.
    latched: Option<Messages>,
    odom: Messages,
    transport: TransportChoice,
    shared: Shared,
    gaps: Gaps,
    looked: Option<Instant>,
    /// Last, so that all that hangs on the node goes before it.
    node: r2r::Node,
}

impl Spin {
    /// Subscribes to the inputs; nothing is taken before [`until`](Self::until). Of the pictures one transport is
    /// subscribed to, and the other one later where the graph shows that only that is published.
    ///
    /// # Errors
    /// The endpoint that DDS refuses.
    pub fn new(mut node: r2r::Node, shared: Shared, transport: ImageTransport) -> Result<Self, NodeError> {
        let transport = TransportChoice::new(transport);
        let taken = transport.taken();
        let pictures = vec![(taken, subscribe(&mut node, topic_of(&shared, taken.input()))?)];
        let of_camera = topic_of(&shared, Input::CameraInfo);
        let latched =
            of_camera.clone().and_then(|topic| Some(Topic { qos: qos::latched_beside(&topic.qos)?, ..topic }));
        let latched = latched.map(|topic| subscribe(&mut node, Some(topic))).transpose()?;
        let camera_info = subscribe(&mut node, of_camera)?;
        let odom = subscribe(&mut node, topic_of(&shared, Input::Odom))?;
        Ok(Self { pictures, camera_info, latched, odom, transport, gaps: Gaps::default(), looked: None, shared, node })
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
                self.choose_transport();
            }
        }
    }

    fn take_messages(&mut self) {
        let inbox = &self.shared.inbox;
        // camera_info first: it then is there when its picture is taken.
        if let Some(latched) = &mut self.latched {
            while let Some(Some(cdr)) = latched.next().now_or_never() {
                inbox.put_camera_info(cdr);
            }
        }
        while let Some(Some(cdr)) = self.camera_info.next().now_or_never() {
            inbox.put_camera_info(cdr);
        }
        while let Some(Some(cdr)) = self.odom.next().now_or_never() {
            inbox.put_odom(cdr);
        }
        for (transport, pictures) in &mut self.pictures {
            while let Some(Some(cdr)) = pictures.next().now_or_never() {
                self.transport.came(*transport);
                // Each picture comes once: what comes the other way is passed over.
                if *transport != self.transport.taken() {
                    continue;
                }
                let missing = wire::peek_stamp(&cdr).map_or(0, |stamp| self.gaps.came(stamp));
                let ros_time = self.shared.clock.now();
                let arrival = Arrival { transport: *transport, cdr, taken: steady_now(), ros_time };
                let replaced = inbox.put_image(arrival);
                let mut counts = self.shared.health.lock();
                counts.received += 1;
                counts.missing += missing;
                if replaced.is_some() {
                    counts.drop_message(Input::Image, SUPERSEDED);
                }
            }
        }
    }

    /// Listens to the transport that is there. The raw topic stays subscribed to, for its publisher may come back; the
    /// compressed one goes, so that nobody compresses for us.
    fn choose_transport(&mut self) {
        let [raw, compressed] = Transport::ALL.map(|transport| self.shared.topics.publishers(transport.input()));
        let Some(taken) = self.transport.look(raw, compressed) else { return };
        match taken {
            Transport::Raw => {
                tracing::info!("raw pictures are there, the compressed ones are left");
                self.pictures.retain(|(transport, _)| *transport == Transport::Raw);
            }
            Transport::Compressed => match subscribe(&mut self.node, topic_of(&self.shared, taken.input())) {
                Ok(pictures) => {
                    if raw > 0 {
                        tracing::warn!("raw pictures are published and none come: the compressed ones are taken");
                    } else {
                        tracing::info!("only compressed pictures are published, they are taken");
                    }
                    self.pictures.push((taken, pictures));
                }
                Err(error) => tracing::error!("{error}"),
            },
        }
    }

    fn look_at_graph(&self) {
        let before = self.shared.topics.lock().clone();
        let found: Vec<Publishing> = before.iter().map(|(topic, _)| topic.look(&self.node)).collect();
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

/// What is subscribed to for an input; `None` where it is not asked for.
fn topic_of(shared: &Shared, input: Input) -> Option<Topic> {
    shared.topics.lock().iter().find(|(topic, _)| topic.input == input).map(|(topic, _)| topic.clone())
}

/// Subscribes to a topic; nothing ever comes of none.
fn subscribe(node: &mut r2r::Node, topic: Option<Topic>) -> Result<Messages, NodeError> {
    let Some(Topic { input, called, qos, .. }) = topic else { return Ok(Box::new(futures::stream::pending())) };
    let stream = node.subscribe_raw(&called, input.type_name(), qos);
    Ok(Box::new(stream.map_err(NodeError::endpoint("subscribe to", &called))?))
}
