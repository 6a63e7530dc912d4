//! A value that cannot lose or invent the stamp and TF frame of the image it came from.

use super::Stamp;
use std::sync::Arc;

/// The name of a TF frame (`camera_optical_frame`, `base_link`), cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FrameId(Arc<str>);

impl FrameId {
    /// Takes the name as it is; ROS allows any string, the empty one included.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for FrameId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value with the stamp of its source image and the TF frame in which it is expressed.
///
/// There is no way to take a stamp off and none to put another on: a later stage can only [`map`](Self::map) the
/// value or say that its result is [`in another frame`](Self::in_frame).
#[derive(Debug, Clone, PartialEq)]
pub struct Stamped<T> {
    stamp: Stamp,
    frame_id: FrameId,
    value: T,
}

impl<T> Stamped<T> {
    /// At the source: a decoded message gives its header and its content.
    pub fn new(stamp: Stamp, frame_id: FrameId, value: T) -> Self {
        Self { stamp, frame_id, value }
    }

    /// `header.stamp` of the source image.
    pub fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// The TF frame of the value.
    pub fn frame_id(&self) -> &FrameId {
        &self.frame_id
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The same stamp and frame around a borrowed value.
    pub fn as_ref(&self) -> Stamped<&T> {
        Stamped { stamp: self.stamp, frame_id: self.frame_id.clone(), value: &self.value }
    }

    /// The next stage's value, under the same stamp and frame.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Stamped<U> {
        Stamped { stamp: self.stamp, frame_id: self.frame_id, value: f(self.value) }
    }

    /// As [`map`](Self::map), for a stage that can fail.
    ///
    /// # Errors
    /// Whatever `f` returns.
    pub fn try_map<U, E>(self, f: impl FnOnce(T) -> Result<U, E>) -> Result<Stamped<U>, E> {
        Ok(Stamped { stamp: self.stamp, frame_id: self.frame_id, value: f(self.value)? })
    }

    /// Says that the value is expressed in another TF frame; the stamp stays.
    #[must_use]
    pub fn in_frame(self, frame_id: FrameId) -> Self {
        Self { frame_id, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_value_keeps_stamp_and_frame() {
        let image = Stamped::new(Stamp::from_ns(7), FrameId::new("camera"), 2);
        let boxes = image.map(|n| vec![0; n]);
        assert_eq!((boxes.stamp(), boxes.frame_id().as_str()), (Stamp::from_ns(7), "camera"));
    }

    #[test]
    fn a_result_in_another_frame_keeps_the_stamp() {
        let plan = Stamped::new(Stamp::from_ns(7), FrameId::new("camera"), ()).in_frame(FrameId::new("base_link"));
        assert_eq!((plan.stamp(), plan.frame_id().as_str()), (Stamp::from_ns(7), "base_link"));
    }
}
