//! The walk's messages as publishers: prepared once, fed with CDR from any thread.

use super::intake::qos;
use crate::config::{Names, QosOverrides};
use crate::pipeline::Output;

/// Why a message did not leave.
#[derive(Debug, thiserror::Error)]
#[error("DDS does not take a message for {}: {source}", output.name())]
pub struct NotPublished {
    /// Which output.
    pub output: Output,
    /// Why.
    pub source: r2r::Error,
}

/// Where the walk's messages leave.
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
    /// In the order of [`Output::ALL`].
    by_output: Vec<(Output, r2r::PublisherUntyped)>,
}

impl Publishers {
    /// Makes one publisher for each output; `overrides` are by the full names that the outputs have as `names` says.
    ///
    /// # Errors
    /// The output that DDS refused, and why.
    pub fn new(node: &mut r2r::Node, names: &Names, overrides: &QosOverrides) -> Result<Self, (Output, r2r::Error)> {
        let by_output = Output::ALL
            .into_iter()
            .map(|output| {
                let qos = qos::publisher(output, overrides.publishers.get(&names.resolve(output.name())));
                node.create_publisher_untyped(output.name(), output.type_name(), qos)
                    .map(|publisher| (output, publisher))
                    .map_err(|error| (output, error))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { by_output })
    }

    /// Whether anyone gets this output. Pictures are drawn only while someone subscribes; all else is always published.
    pub fn wants(&self, output: Output) -> bool {
        output != Output::ImageAnnotated
            || self.get(output).and_then(|publisher| publisher.get_inter_process_subscription_count().ok()) > Some(0)
    }

    fn get(&self, output: Output) -> Option<&r2r::PublisherUntyped> {
        self.by_output.iter().find(|(known, _)| *known == output).map(|(_, publisher)| publisher)
    }
}

impl Publish for Publishers {
    fn publish(&self, output: Output, cdr: &[u8]) -> Result<(), NotPublished> {
        let Some(publisher) = self.get(output) else { return Ok(()) };
        publisher.publish_raw(cdr).map_err(|source| NotPublished { output, source })
    }
}
