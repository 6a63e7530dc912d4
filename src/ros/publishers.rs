//! The walk's messages as publishers: prepared once, fed with CDR from any thread.

use super::intake::qos;
use crate::config::{CameraName, Names, QosOverrides};
use crate::pipeline::{Outlet, Output, STOP, Wanted};
use crate::types::CameraId;
use crate::wire;
use crate::wire::foxglove_msgs::Form;
use r2r::WrappedTypesupport;

/// Why a message did not leave.
#[derive(Debug, thiserror::Error)]
#[error("DDS does not take a message for {topic}: {source}")]
pub struct NotPublished {
    /// By its private name.
    pub topic: &'static str,
    /// Why.
    pub source: r2r::Error,
}

/// Where the messages leave that are of no single camera.
pub trait Publish: Send {
    /// Hands on one message; `cdr` is valid until the call returns.
    ///
    /// # Errors
    /// When DDS does not take it.
    fn publish(&self, output: Output, cdr: &[u8]) -> Result<(), NotPublished>;

    /// Says whether the robot is not to move.
    ///
    /// # Errors
    /// As [`publish`](Self::publish).
    fn publish_stop(&self, is_stop: bool) -> Result<(), NotPublished>;
}

/// The node's publishers. Cheap to clone, one clone for each thread; r2r's publishers are handles that may be used from
/// any of them.
#[derive(Clone)]
pub struct Publishers {
    by_outlet: Vec<Publisher>,
    stop: r2r::PublisherUntyped,
    annotations_form: Form,
}

/// One of them, by the name under which it was made.
#[derive(Clone)]
struct Publisher {
    outlet: Outlet,
    name: String,
    handle: r2r::PublisherUntyped,
}

impl Publishers {
    /// Makes one publisher for each output, one for each camera where it is of a camera; `overrides` are by the full names
    /// that the outputs have as `names` says.
    ///
    /// # Errors
    /// The name that DDS refused, and why.
    pub fn new(
        node: &mut r2r::Node,
        cameras: &[CameraName],
        names: &Names,
        overrides: &QosOverrides,
    ) -> Result<Self, (String, r2r::Error)> {
        let qos = qos::edge_publisher(overrides.publishers.get(&names.resolve(STOP)));
        let stop = node.create_publisher_untyped(STOP, wire::BOOL, qos).map_err(|error| (STOP.to_owned(), error))?;
        let none = Self { by_outlet: Vec::new(), stop, annotations_form: annotations_form() };
        none.for_cameras(node, cameras, names, overrides)
    }

    /// Those of other cameras: the publishers that serve them too stay, those of cameras that are none any more end.
    ///
    /// # Errors
    /// As [`Publishers::new`].
    pub fn for_cameras(
        &self,
        node: &mut r2r::Node,
        cameras: &[CameraName],
        names: &Names,
        overrides: &QosOverrides,
    ) -> Result<Self, (String, r2r::Error)> {
        let publisher = |outlet: Outlet| {
            let (name, output) = (outlet.name(cameras), outlet.output);
            let handle = match self.by_outlet.iter().find(|known| known.name == name) {
                Some(known) => known.handle.clone(),
                None => {
                    let qos = qos::publisher(output, overrides.publishers.get(&names.resolve(&name)));
                    let made = node.create_publisher_untyped(&name, output.type_name(), qos);
                    made.map_err(|error| (name.clone(), error))?
                }
            };
            Ok(Publisher { outlet, name, handle })
        };
        let outlets = Output::outlets(&Output::ALL, cameras.len()).into_iter();
        let by_outlet: Vec<Publisher> = outlets.map(publisher).collect::<Result<_, _>>()?;
        for gone in self.by_outlet.iter().filter(|known| by_outlet.iter().all(|one| one.name != known.name)) {
            node.destroy_publisher_untyped(gone.handle.clone());
        }
        Ok(Self { by_outlet, stop: self.stop.clone(), annotations_form: self.annotations_form })
    }

    /// Hands on one message; `cdr` is valid until the call returns.
    ///
    /// # Errors
    /// When DDS does not take it.
    pub fn send(&self, outlet: Outlet, cdr: &[u8]) -> Result<(), NotPublished> {
        let Some(publisher) = self.get(outlet) else { return Ok(()) };
        publisher.publish_raw(cdr).map_err(|source| NotPublished { topic: outlet.output.name(), source })
    }

    /// What is to be made of a camera's frame of this age, for those who subscribe now.
    pub fn wanted(&self, camera: CameraId, age_ns: i64) -> Wanted {
        let wants = |output: Output| self.wants(output.of(camera));
        Wanted {
            image_annotated: wants(Output::ImageAnnotated),
            markers: wants(Output::Markers),
            image_annotations: wants(Output::ImageAnnotations).then_some(self.annotations_form),
            age_ns: Some(age_ns),
        }
    }

    /// Whether anyone gets this output. What is for people is made only while someone subscribes; all else is always
    /// published.
    fn wants(&self, outlet: Outlet) -> bool {
        !outlet.output.is_on_demand()
            || self.get(outlet).and_then(|publisher| publisher.get_inter_process_subscription_count().ok()) > Some(0)
    }

    fn get(&self, outlet: Outlet) -> Option<&r2r::PublisherUntyped> {
        self.by_outlet.iter().find(|publisher| publisher.outlet == outlet).map(|publisher| &publisher.handle)
    }
}

/// The form of the package foxglove_msgs with which the node is built: what the others in its installation read.
fn annotations_form() -> Form {
    /// The header and the counts of three empty sequences.
    const PLAIN_BYTES: usize = 4 + 3 * 4;
    let empty = r2r::foxglove_msgs::msg::ImageAnnotations::default().to_serialized_bytes();
    if empty.is_ok_and(|bytes| bytes.len() <= PLAIN_BYTES) { Form::Plain } else { Form::WithMetadata }
}

impl Publish for Publishers {
    fn publish(&self, output: Output, cdr: &[u8]) -> Result<(), NotPublished> {
        self.send(output.of(CameraId(0)), cdr)
    }

    fn publish_stop(&self, is_stop: bool) -> Result<(), NotPublished> {
        let published = self.stop.publish_raw(&wire::bool_message(is_stop));
        published.map_err(|source| NotPublished { topic: STOP, source })
    }
}
