//! The pictures and annotations of one camera, and what they keep from frame to frame.

use super::annotations::annotate;
use super::frame_view::FrameView;
use super::on_ground;
use crate::types::ImageView;
use crate::vision::draw::{Canvas, Caption, Drawing, GroundLines, Trails};
use crate::wire::foxglove_msgs::{Annotations, Form};

/// Draws the frames of one camera, on pictures or over them. Memory is kept from frame to frame, and what is remembered of earlier frames only while
/// it [follows](Self::follow) them.
#[derive(Debug, Default)]
pub struct Shown {
    trails: Trails,
    ground: GroundLines,
    canvas: Option<Canvas>,
    annotations: Annotations,
}

impl Shown {
    /// Takes the next frame: trails go on.
    pub fn follow(&mut self, view: &FrameView<'_>) {
        self.trails.follow(view.frame.stamp(), view.scene);
    }

    /// Nobody looks: forgets the trails.
    pub fn forget(&mut self) {
        self.trails.clear();
    }

    /// The picture of the frame that was followed last, with everything drawn on it.
    pub fn draw(&mut self, view: &FrameView<'_>, caption: Caption) -> &Canvas {
        on_ground::project(&mut self.ground, view);
        let image: &ImageView<'_> = &view.frame.value().image;
        let Self { trails, ground, canvas, .. } = self;
        let canvas = canvas.get_or_insert_with(|| Canvas::new(image));
        let FrameView { scene, labels, plan, .. } = *view;
        canvas.draw(image, &Drawing { scene, labels, plan, trails, ground, caption });
        canvas
    }

    /// Replaces `out` by the ImageAnnotations of the frame that was followed last.
    pub fn annotate(&mut self, out: &mut Vec<u8>, view: &FrameView<'_>, form: Form) {
        on_ground::project(&mut self.ground, view);
        annotate(&mut self.annotations, view, &self.trails, &self.ground);
        self.annotations.encode(out, view.frame.stamp(), form);
    }
}
