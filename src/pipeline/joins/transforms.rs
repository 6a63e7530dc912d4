//! The transforms of one robot, from the messages of `/tf` and `/tf_static`, shared by the intakes of all its cameras.

use crate::pipeline::loss::FrameError;
use crate::spatial::{LinkKind, TransformBuffer};
use crate::wire::tf2_msgs::decode_tf_message;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle, cheap to clone; all clones are of one buffer.
#[derive(Debug, Clone)]
pub struct Transforms(Arc<Mutex<TransformBuffer>>);

impl Transforms {
    /// Knows no frame. A link whose stamps jump back by more than `reset_ns` is one that began again.
    pub fn new(reset_ns: i64) -> Self {
        Self(Arc::new(Mutex::new(TransformBuffer::new(reset_ns))))
    }

    /// A tf2_msgs/TFMessage, of `/tf` or of `/tf_static`.
    ///
    /// # Errors
    /// The first transform of the message that is refused; all others of it are taken.
    pub fn take(&self, kind: LinkKind, cdr: &[u8]) -> Result<(), FrameError> {
        let mut refused = None;
        let mut buffer = self.lock();
        for transform in decode_tf_message(cdr)? {
            let taken = transform.map_err(FrameError::from).and_then(|transform| {
                let (header, child) = (transform.header, transform.child_frame_id);
                Ok(buffer.insert(kind, header.stamp, header.frame_id, child, transform.parent_from_child)?)
            });
            refused = refused.or(taken.err());
        }
        refused.map_or(Ok(()), Err)
    }

    /// A poisoned lock only means that another thread ended in a panic, which is told elsewhere.
    pub(super) fn lock(&self) -> MutexGuard<'_, TransformBuffer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
