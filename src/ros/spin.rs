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
use super::services::requests::Reception;
use super::shared::Shared;
use crate::config::ImageTransport;
use crate::pipeline::{Input, Transport};
use crate::spatial::LinkKind;
use crate::wire;
use futures::{FutureExt, Stream, StreamExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

/// The longest sleep while nothing comes: how late an order or the end is noticed.
const MAX_WAIT: Duration = Duration::from_millis(20);
/// Between two looks at the graph.
const GRAPH_PERIOD: Duration = Duration::from_millis(200);

type Messages = Box<dyn Stream<Item = Vec<u8>> + Unpin + Send>;

/// What the other threads want of this one.
pub enum SpinOrder {
    /// Subscribe to the inputs, as the topics now are.
    Listen {
        /// How the pictures travel.
        transport: ImageTransport,
        /// Gets the endpoint that DDS refuses, if there is one.
        reply: Sender<Result<(), NodeError>>,
    },
    /// Listen to nothing any more.
    Leave,
}

/// All that the spin thread owns.
pub struct Spin {
    orders: Receiver<SpinOrder>,
    reception: Reception,
    /// While the node is active.
    inputs: Option<Inputs>,
    /// From the first activation on, whatever the state: what does not move is told once.
    static_tf: Subscribed,
    /// Subscriptions that nobody listens to. r2r ends one only when a message comes for it, so they are kept until then, and
    /// serve again where the node becomes active before: a silent topic has one, however often that happens.
    left: Vec<(Topic, Messages)>,
    shared: Shared,
    looked: Option<Instant>,
    /// Last, so that all that hangs on the node goes before it.
    node: r2r::Node,
}

/// What is subscribed to.
struct Inputs {
    /// The pictures by their transports, those that are subscribed to.
    pictures: Vec<(Transport, Subscribed)>,
    camera_info: Subscribed,
    /// camera_info that was published before we came, where it is offered to late subscribers.
    latched: Subscribed,
    odom: Subscribed,
    tf: Subscribed,
    transport: TransportChoice,
    gaps: Gaps,
}

/// A subscription, or none where the input is not asked for.
type Subscribed = Option<(Topic, Messages)>;

impl Spin {
    /// Listens to nothing yet.
    pub fn new(node: r2r::Node, reception: Reception, shared: Shared, orders: Receiver<SpinOrder>) -> Self {
        Self { orders, reception, inputs: None, static_tf: None, left: Vec::new(), shared, looked: None, node }
    }

    /// Works until it is told that the end has come, which it asks at least every [`MAX_WAIT`]. Services are taken
    /// here too, and answered by those who wait for them.
    pub fn until(&mut self, ended: &AtomicBool) {
        while !ended.load(Ordering::Relaxed) {
            self.node.spin_once(MAX_WAIT);
            self.reception.take();
            self.take_messages();
            while let Ok(order) = self.orders.try_recv() {
                match order {
                    SpinOrder::Listen { transport, reply } => {
                        // Who waited for it may be gone.
                        let _ = reply.send(self.listen(transport));
                    }
                    SpinOrder::Leave => self.leave(),
                }
            }
            let now = steady_now();
            if self.looked.is_none_or(|looked| now.duration_since(looked) >= GRAPH_PERIOD) {
                self.looked = Some(now);
                self.look_at_graph();
                self.choose_transport();
            }
        }
    }

    /// Subscribes to the inputs. Of the pictures one transport is subscribed to, and the other one later where the graph
    /// shows that only that is published.
    fn listen(&mut self, transport: ImageTransport) -> Result<(), NodeError> {
        self.leave();
        let transport = TransportChoice::new(transport);
        let taken = transport.taken();
        let pictures = vec![(taken, self.subscribe(self.topic_of(taken.input()))?)];
        let of_camera = self.topic_of(Input::CameraInfo);
        let latched =
            of_camera.clone().and_then(|topic| Some(Topic { qos: qos::latched_beside(&topic.qos)?, ..topic }));
        let latched = self.subscribe(latched)?;
        let camera_info = self.subscribe(of_camera)?;
        let odom = self.subscribe(self.topic_of(Input::Odom))?;
        let tf = self.subscribe(self.topic_of(Input::Tf))?;
        let of_static = self.topic_of(Input::TfStatic);
        if self.static_tf.as_ref().map(|(topic, _)| topic) != of_static.as_ref() {
            self.left.extend(self.static_tf.take());
            self.static_tf = self.subscribe(of_static)?;
        }
        self.inputs = Some(Inputs { pictures, camera_info, latched, odom, tf, transport, gaps: Gaps::default() });
        // What the graph says of these topics shows at once.
        self.looked = None;
        Ok(())
    }

    fn leave(&mut self) {
        let Some(Inputs { pictures, camera_info, latched, odom, tf, .. }) = self.inputs.take() else { return };
        let pictures = pictures.into_iter().filter_map(|(_, subscribed)| subscribed);
        self.left.extend(pictures.chain([camera_info, latched, odom, tf].into_iter().flatten()));
    }

    /// What is subscribed to for an input; `None` where it is not asked for.
    fn topic_of(&self, input: Input) -> Option<Topic> {
        self.shared.topics.lock().iter().find(|(topic, _)| topic.input == input).map(|(topic, _)| topic.clone())
    }

    fn subscribe(&mut self, topic: Option<Topic>) -> Result<Subscribed, NodeError> {
        let Some(topic) = topic else { return Ok(None) };
        if let Some(at) = self.left.iter().position(|(left, _)| *left == topic) {
            let (topic, mut messages) = self.left.swap_remove(at);
            // What came meanwhile was for nobody.
            while let Some(Some(_)) = messages.next().now_or_never() {}
            return Ok(Some((topic, messages)));
        }
        let messages = self.node.subscribe_raw(&topic.called, topic.input.type_name(), topic.qos.clone());
        let messages = messages.map_err(NodeError::endpoint("subscribe to", &topic.called))?;
        Ok(Some((topic, Box::new(messages))))
    }

    fn take_messages(&mut self) {
        self.left.retain_mut(|(_, messages)| messages.next().now_or_never().is_none());
        let inbox = &self.shared.inbox;
        while let Some(cdr) = next_of(&mut self.static_tf) {
            inbox.put_tf(LinkKind::Static, cdr);
        }
        let Some(Inputs { pictures, camera_info, latched, odom, tf, transport, gaps }) = &mut self.inputs else {
            return;
        };
        // camera_info first: it then is there when its picture is taken.
        while let Some(cdr) = next_of(latched) {
            inbox.put_camera_info(cdr);
        }
        while let Some(cdr) = next_of(camera_info) {
            inbox.put_camera_info(cdr);
        }
        while let Some(cdr) = next_of(odom) {
            inbox.put_odom(cdr);
        }
        while let Some(cdr) = next_of(tf) {
            inbox.put_tf(LinkKind::Moving, cdr);
        }
        for (came_as, pictures) in pictures {
            while let Some(cdr) = next_of(pictures) {
                transport.came(*came_as);
                // Each picture comes once: what comes the other way is passed over.
                if *came_as != transport.taken() {
                    continue;
                }
                let missing = wire::peek_stamp(&cdr).map_or(0, |stamp| gaps.came(stamp));
                let ros_time = self.shared.clock.now();
                let arrival = Arrival { transport: *came_as, cdr, taken: steady_now(), ros_time };
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
        let Some(inputs) = &mut self.inputs else { return };
        let Some(taken) = inputs.transport.look(raw, compressed) else { return };
        match taken {
            Transport::Raw => {
                tracing::info!("raw pictures are there, the compressed ones are left");
                let of_compressed =
                    inputs.pictures.extract_if(.., |(transport, _)| *transport == Transport::Compressed);
                self.left.extend(of_compressed.filter_map(|(_, subscribed)| subscribed));
            }
            Transport::Compressed => {
                let subscribed = self.subscribe(self.topic_of(taken.input()));
                match (subscribed, &mut self.inputs) {
                    (Ok(subscribed), Some(inputs)) => {
                        if raw > 0 {
                            tracing::warn!("raw pictures are published and none come: the compressed ones are taken");
                        } else {
                            tracing::info!("only compressed pictures are published, they are taken");
                        }
                        inputs.pictures.push((taken, subscribed));
                    }
                    (Err(error), _) => tracing::error!("{error}"),
                    (Ok(_), None) => {}
                }
            }
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

/// The next message of a subscription, if one waits.
fn next_of(subscribed: &mut Subscribed) -> Option<Vec<u8>> {
    subscribed.as_mut().and_then(|(_, messages)| messages.next().now_or_never().flatten())
}
