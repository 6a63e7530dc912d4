//! What the walk says of one frame: its messages, handed back to the edge, which checks their age and sends them.

use super::shown::FrameView;
use super::topics::{Output, OutputError, Outputs};
use crate::types::{CameraId, Decision, FrameId, Labels, Plan, ProposalStatus, Scene, Stamp};
use crate::wire::foxglove_msgs::Form;

/// What a processed frame came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameReport {
    /// The image's stamp.
    pub stamp: Stamp,
    /// Published boxes.
    pub detections: usize,
    /// Tracks alive.
    pub tracks: usize,
    /// The plan's word.
    pub decision: Decision,
    /// Whether the frame had a camera model of its size, so that its tracks can have places.
    pub located: bool,
    /// What became of the language model's answer that this frame's plan was the first to be held against.
    pub proposal: Option<ProposalStatus>,
}

/// Which outputs somebody wants that are made only then. The others are always made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// [`Output::ImageAnnotated`].
    pub image_annotated: bool,
    /// [`Output::Markers`].
    pub markers: bool,
    /// [`Output::ImageAnnotations`], and in which form those who listen read them.
    pub image_annotations: Option<Form>,
    /// How old the image is on its way in, where the edge has a clock: pictures say it in place of their stamp.
    pub age_ns: Option<i64>,
}

impl Wanted {
    /// What these outputs ask for of a camera.
    pub fn by(outputs: &dyn Outputs, camera: CameraId) -> Self {
        let wants = |output: Output| outputs.wants(output.of(camera));
        Self {
            image_annotated: wants(Output::ImageAnnotated),
            markers: wants(Output::Markers),
            image_annotations: wants(Output::ImageAnnotations).then(Form::default),
            age_ns: None,
        }
    }
}

/// All that was said of one frame. Borrowed from the walk until the next one.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    pub(super) camera: CameraId,
    pub(super) report: FrameReport,
    pub(super) messages: &'a Messages,
    pub(super) view: FrameView<'a>,
}

impl<'a> Said<'a> {
    /// The camera whose frame it is.
    pub fn camera(&self) -> CameraId {
        self.camera
    }

    /// The image's stamp: that of every message.
    pub fn stamp(&self) -> Stamp {
        self.report.stamp
    }

    /// What the frame came to.
    pub fn report(&self) -> &FrameReport {
        &self.report
    }

    /// The messages in CDR, in the order in which they are to leave.
    pub fn messages(&self) -> impl Iterator<Item = (Output, &'a [u8])> + use<'a> {
        let messages = self.messages;
        messages.order.iter().map(|&output| (output, messages.buffer(output)))
    }

    /// All that the frame came to, to be shown to people.
    pub fn view(&self) -> FrameView<'a> {
        self.view
    }

    /// Boxes and tracks.
    pub fn scene(&self) -> &'a Scene {
        self.view.scene
    }

    /// The names of their classes.
    pub fn labels(&self) -> &'a Labels {
        self.view.labels
    }

    /// The plan.
    pub fn plan(&self) -> &'a Plan {
        self.view.plan
    }

    /// The frame of the plan.
    pub fn base_frame(&self) -> &'a FrameId {
        self.view.base_frame
    }

    /// Hands every message on.
    ///
    /// # Errors
    /// The first message that is not taken; those behind it are not handed on.
    pub fn hand_to(&self, outputs: &mut dyn Outputs) -> Result<(), OutputError> {
        self.messages().try_for_each(|(output, cdr)| outputs.put(output.of(self.camera), self.stamp(), cdr))
    }
}

/// The messages of a frame, in memory that serves every frame.
#[derive(Debug, Default)]
pub(super) struct Messages {
    order: Vec<Output>,
    /// In the order of [`Output::ALL`].
    buffers: [Vec<u8>; Output::ALL.len()],
}

impl Messages {
    /// Begins a frame.
    pub(super) fn clear(&mut self) {
        self.order.clear();
    }

    /// Adds a message: `encode` replaces what the buffer holds.
    pub(super) fn say(&mut self, output: Output, encode: impl FnOnce(&mut Vec<u8>)) {
        self.order.push(output);
        encode(&mut self.buffers[output as usize]);
    }

    fn buffer(&self, output: Output) -> &[u8] {
        &self.buffers[output as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_leave_in_the_order_in_which_they_were_said_and_a_frame_begins_with_none() {
        let mut messages = Messages::default();
        for (number, output) in Output::ALL.into_iter().enumerate() {
            assert_eq!(output as usize, number, "buffers are in the order of the outputs");
            messages.say(output, |cdr| {
                cdr.clear();
                cdr.push(u8::try_from(number).unwrap());
            });
        }
        assert_eq!(messages.order, Output::ALL);
        assert!(Output::ALL.into_iter().all(|output| messages.buffer(output) == [output as u8]));
        messages.clear();
        assert!(messages.order.is_empty());
    }
}
