//! The walk's messages as publishers: prepared once, fed with CDR from any thread.

use super::intake::qos;
use crate::config::{CameraName, Names, QosOverrides};
use crate::pipeline::{Outlet, Output};
use crate::types::CameraId;

/// Why a message did not leave.
#[derive(Debug, thiserror::Error)]
#[error("DDS does not take a message for {}: {source}", output.name())]
pub struct NotPublished {
    /// Which output.
    pub output: Output,
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
}

/// The node's publishers. Cheap to clone, one clone for each thread; r2r's publishers are handles that may be used from
/// any of them.
#[derive(Clone)]
pub struct Publishers {
    by_outlet: Vec<(Outlet, r2r::PublisherUntyped)>,
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
        let by_outlet = Output::outlets(&Output::ALL, cameras.len())
            .into_iter()
            .map(|outlet| {
                let (name, output) = (outlet.name(cameras), outlet.output);
                let qos = qos::publisher(output, overrides.publishers.get(&names.resolve(&name)));
                node.create_publisher_untyped(&name, output.type_name(), qos)
                    .map(|publisher| (outlet, publisher))
                    .map_err(|error| (name, error))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { by_outlet })
    }

    /// Hands on one message; `cdr` is valid until the call returns.
    ///
    /// # Errors
    /// When DDS does not take it.
    pub fn send(&self, outlet: Outlet, cdr: &[u8]) -> Result<(), NotPublished> {
        let Some(publisher) = self.get(outlet) else { return Ok(()) };
        publisher.publish_raw(cdr).map_err(|source| NotPublished { output: outlet.output, source })
    }

    /// Whether anyone gets this output. Pictures are drawn only while someone subscribes; all else is always published.
    pub fn wants(&self, outlet: Outlet) -> bool {
        outlet.output != Output::ImageAnnotated
            || self.get(outlet).and_then(|publisher| publisher.get_inter_process_subscription_count().ok()) > Some(0)
    }

    fn get(&self, outlet: Outlet) -> Option<&r2r::PublisherUntyped> {
        self.by_outlet.iter().find(|(known, _)| *known == outlet).map(|(_, publisher)| publisher)
    }
}

impl Publish for Publishers {
    fn publish(&self, output: Output, cdr: &[u8]) -> Result<(), NotPublished> {
        self.send(output.of(CameraId(0)), cdr)
    }
}
