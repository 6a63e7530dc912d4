//! The spin thread: DDS to inbox, and who publishes what we listen to. It decodes nothing, answers nobody and waits for
//! nothing but DDS, so that a picture is in the inbox as soon as it has come.

use super::clock::{EdgeClock, steady_now};
use super::error::NodeError;
use super::intake::gaps::Gaps;
use super::intake::graph::{Publishing, Topic};
use super::intake::inbox::Arrival;
use super::intake::qos;
use super::intake::silences::{Silence, Silences};
use super::intake::transport::TransportChoice;
use super::report::health::SUPERSEDED;
use super::services::requests::Reception;
use super::shared::Shared;
use crate::config::{Config, ImageTransport};
use crate::pipeline::{Input, Transport};
use crate::spatial::LinkKind;
use crate::types::CameraId;
use crate::wire;
use futures::{FutureExt, Stream, StreamExt};
use std::sync::Arc;
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
        /// How the pictures of each camera travel.
        transports: Vec<ImageTransport>,
        /// Gets the endpoint that DDS refuses, if there is one.
        reply: Sender<Result<(), NodeError>>,
    },
    /// Listen to nothing any more.
    Leave,
    /// Do this with the node, which no other thread has.
    Do(Box<dyn FnOnce(&mut r2r::Node) + Send>),
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
    cameras: Vec<CameraInputs>,
    odom: Subscribed,
    tf: Subscribed,
    silences: Silences,
    /// By which the deadlines were set.
    config: Arc<Config>,
}

/// What is subscribed to of one camera.
struct CameraInputs {
    camera: CameraId,
    /// The pictures by their transports, those that are subscribed to.
    pictures: Vec<(Transport, Subscribed)>,
    camera_info: Subscribed,
    /// camera_info that was published before we came, where it is offered to late subscribers.
    latched: Subscribed,
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
                    SpinOrder::Listen { transports, reply } => {
                        // Who waited for it may be gone.
                        let _ = reply.send(self.listen(&transports));
                    }
                    SpinOrder::Leave => self.leave(),
                    SpinOrder::Do(work) => work(&mut self.node),
                }
            }
            let now = steady_now();
            if self.looked.is_none_or(|looked| now.duration_since(looked) >= GRAPH_PERIOD) {
                self.looked = Some(now);
                self.look_at_graph();
                self.choose_transports();
            }
            self.look_for_silence(now);
        }
    }

    /// Subscribes to the inputs. Of a camera's pictures one transport is subscribed to, and the other one later where the
    /// graph shows that only that is published.
    fn listen(&mut self, transports: &[ImageTransport]) -> Result<(), NodeError> {
        self.leave();
        let cameras = transports.iter().enumerate();
        let cameras: Vec<CameraInputs> =
            cameras.map(|(at, transport)| self.listen_to(CameraId(at), *transport)).collect::<Result<_, _>>()?;
        let robot = CameraId(0);
        let odom = self.subscribe(self.topic_of(robot, Input::Odom))?;
        let tf = self.subscribe(self.topic_of(robot, Input::Tf))?;
        let of_static = self.topic_of(robot, Input::TfStatic);
        if self.static_tf.as_ref().map(|(topic, _)| topic) != of_static.as_ref() {
            self.left.extend(self.static_tf.take());
            self.static_tf = self.subscribe(of_static)?;
        }
        let config = self.shared.config();
        let silences = Silences::new(&config, steady_now());
        self.inputs = Some(Inputs { cameras, odom, tf, silences, config });
        // What the graph says of these topics shows at once.
        self.looked = None;
        Ok(())
    }

    fn listen_to(&mut self, camera: CameraId, transport: ImageTransport) -> Result<CameraInputs, NodeError> {
        let transport = TransportChoice::new(transport);
        let taken = transport.taken();
        let pictures = vec![(taken, self.subscribe(self.topic_of(camera, taken.input()))?)];
        let of_camera = self.topic_of(camera, Input::CameraInfo);
        let latched =
            of_camera.clone().and_then(|topic| Some(Topic { qos: qos::latched_beside(&topic.qos)?, ..topic }));
        let latched = self.subscribe(latched)?;
        let camera_info = self.subscribe(of_camera)?;
        Ok(CameraInputs { camera, pictures, camera_info, latched, transport, gaps: Gaps::default() })
    }

    fn leave(&mut self) {
        let Some(Inputs { cameras, odom, tf, .. }) = self.inputs.take() else { return };
        for CameraInputs { pictures, camera_info, latched, .. } in cameras {
            let pictures = pictures.into_iter().filter_map(|(_, subscribed)| subscribed);
            self.left.extend(pictures.chain([camera_info, latched].into_iter().flatten()));
        }
        self.left.extend([odom, tf].into_iter().flatten());
        self.shared.health.lock().frames.iter_mut().for_each(|frames| frames.silent_since = None);
    }

    /// What is subscribed to for an input; `None` where it is not asked for.
    fn topic_of(&self, camera: CameraId, input: Input) -> Option<Topic> {
        let is_meant = |topic: &Topic| (topic.camera, topic.input) == (camera, input);
        self.shared.topics.lock().iter().find(|(topic, _)| is_meant(topic)).map(|(topic, _)| topic.clone())
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
        let Some(Inputs { cameras, odom, tf, silences, .. }) = &mut self.inputs else { return };
        // camera_info first: it then is there when its picture is taken.
        for of_camera in &mut *cameras {
            for infos in [&mut of_camera.latched, &mut of_camera.camera_info] {
                while let Some(cdr) = next_of(infos) {
                    inbox.put_camera_info(of_camera.camera, cdr);
                }
            }
        }
        while let Some(cdr) = next_of(odom) {
            inbox.put_odom(cdr);
        }
        while let Some(cdr) = next_of(tf) {
            inbox.put_tf(LinkKind::Moving, cdr);
        }
        for CameraInputs { camera, pictures, transport, gaps, .. } in cameras {
            for (came_as, pictures) in pictures {
                while let Some(cdr) = next_of(pictures) {
                    transport.came(*came_as);
                    // Each picture comes once: what comes the other way is passed over.
                    if *came_as != transport.taken() {
                        continue;
                    }
                    let missing = wire::peek_stamp(&cdr).map_or(0, |stamp| gaps.came(stamp));
                    let (ros_time, taken) = (self.shared.clock.now(), steady_now());
                    silences.came(camera.0, taken);
                    let arrival = Arrival { camera: *camera, transport: *came_as, cdr, taken, ros_time };
                    let replaced = inbox.put_image(arrival);
                    let mut counts = self.shared.health.lock();
                    let frames = counts.of(*camera);
                    frames.received += 1;
                    frames.missing += missing;
                    if replaced.is_some() {
                        counts.drop_message(*camera, Input::Image, SUPERSEDED);
                    }
                }
            }
        }
    }

    /// A camera that has sent nothing for too long is named, within the time of one turn of the loop.
    fn look_for_silence(&mut self, now: Instant) {
        let Some(Inputs { silences, config, .. }) = &mut self.inputs else { return };
        let in_force = self.shared.config();
        if !Arc::ptr_eq(config, &in_force) {
            silences.change(&in_force);
            *config = in_force;
        }
        silences.look(now, |camera, silence| {
            let mark = |since| self.shared.health.lock().of(CameraId(camera)).silent_since = since;
            match silence {
                Silence::Begins { since, words } => {
                    mark(Some(since));
                    tracing::warn!("{words}");
                }
                Silence::Ends { words } => {
                    mark(None);
                    tracing::info!("{words}");
                }
            }
        });
    }

    /// Listens to the transport that is there, of each camera. The raw topic stays subscribed to, for its publisher may come
    /// back; the compressed one goes, so that nobody compresses for us.
    fn choose_transports(&mut self) {
        let Some(mut inputs) = self.inputs.take() else { return };
        for of_camera in &mut inputs.cameras {
            self.choose_transport(of_camera);
        }
        self.inputs = Some(inputs);
    }

    fn choose_transport(&mut self, of_camera: &mut CameraInputs) {
        let camera = of_camera.camera;
        let [raw, compressed] =
            Transport::ALL.map(|transport| self.shared.topics.publishers(camera, transport.input()));
        let Some(taken) = of_camera.transport.look(raw, compressed) else { return };
        match taken {
            Transport::Raw => {
                tracing::info!("raw pictures are there, the compressed ones are left");
                let of_compressed =
                    of_camera.pictures.extract_if(.., |(transport, _)| *transport == Transport::Compressed);
                self.left.extend(of_compressed.filter_map(|(_, subscribed)| subscribed));
            }
            Transport::Compressed => match self.subscribe(self.topic_of(camera, taken.input())) {
                Ok(subscribed) => {
                    if raw > 0 {
                        tracing::warn!("raw pictures are published and none come: the compressed ones are taken");
                    } else {
                        tracing::info!("only compressed pictures are published, they are taken");
                    }
                    of_camera.pictures.push((taken, subscribed));
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

/// The next message of a subscription, if one waits.
fn next_of(subscribed: &mut Subscribed) -> Option<Vec<u8>> {
    subscribed.as_mut().and_then(|(_, messages)| messages.next().now_or_never().flatten())
}
