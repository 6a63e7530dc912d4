//! The walk's messages as publishers: prepared once, fed with CDR from any thread.

use super::intake::qos;
use crate::pipeline::{Output, Wanted};
use crate::wire::foxglove_msgs::Form;
use r2r::WrappedTypesupport;

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
    annotations_form: Form,
}

impl Publishers {
    /// Makes one publisher for each output.
    ///
    /// # Errors
    /// The output that DDS refused, and why.
    pub fn new(node: &mut r2r::Node) -> Result<Self, (Output, r2r::Error)> {
        let by_output = Output::ALL
            .into_iter()
            .map(|output| {
                node.create_publisher_untyped(output.name(), output.type_name(), qos::publisher(output))
                    .map(|publisher| (output, publisher))
                    .map_err(|error| (output, error))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { by_output, annotations_form: annotations_form() })
    }

    /// What is to be made of a frame of this age, for those who subscribe now.
    pub fn wanted(&self, age_ns: i64) -> Wanted {
        Wanted {
            image_annotated: self.wants(Output::ImageAnnotated),
            markers: self.wants(Output::Markers),
            image_annotations: self.wants(Output::ImageAnnotations).then_some(self.annotations_form),
            age_ns: Some(age_ns),
        }
    }

    /// Whether anyone gets this output. What is for people is made only while someone subscribes; all else is always
    /// published.
    fn wants(&self, output: Output) -> bool {
        !output.is_on_demand()
            || self.get(output).and_then(|publisher| publisher.get_inter_process_subscription_count().ok()) > Some(0)
    }

    fn get(&self, output: Output) -> Option<&r2r::PublisherUntyped> {
        self.by_output.iter().find(|(known, _)| *known == output).map(|(_, publisher)| publisher)
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
        let Some(publisher) = self.get(output) else { return Ok(()) };
        publisher.publish_raw(cdr).map_err(|source| NotPublished { output, source })
    }
}
