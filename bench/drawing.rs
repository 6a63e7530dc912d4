//! A picture for people of a busy street: twenty boxes with names and trails, corridor, path and banner.

use std::f32::consts::TAU;
use std::sync::Arc;
use vedette::pipeline::{FrameView, Shown, Strip};
use vedette::spatial::Mounting;
use vedette::types::{
    BBox, CameraModel, Cause, ClassId, Decision, Detection, Frame, FrameId, ImageView, Labels, PixelFormat, Place,
    Plan, PlanSource, PlanStep, Pose2, Scene, Size, Stamp, Stamped, Track, TrackId,
};
use vedette::vision::draw::{Canvas, Caption};

const BOXES: u16 = 20;
/// From frame to frame.
const PERIOD_NS: i64 = 33_333_333;

/// Draws the street at one frame after the other.
pub struct Street<'a> {
    image: ImageView<'a>,
    camera: CameraModel,
    labels: Labels,
    plan: Plan,
    shown: Shown,
    number: i64,
}

impl<'a> Street<'a> {
    /// Over a picture in bgr8.
    pub fn new(pixels: &'a [u8], size: Size) -> Self {
        let image = ImageView::new(pixels, size, size.width_px * 3, PixelFormat::Bgr8).expect("a whole frame");
        let (width, height) = (f64::from(size.width_px), f64::from(size.height_px));
        let k = [0.8 * width, 0.0, width / 2.0, 0.0, 0.8 * width, height / 2.0, 0.0, 0.0, 1.0];
        let camera = CameraModel::new(size, &k, "plumb_bob", [-0.1, 0.01, 0.0, 0.0, 0.0]).expect("a camera");
        let pose = |x_m: f64| Pose2 { x_m, y_m: 0.0, yaw_rad: 0.0 };
        let reason = "person #12 at 4.2 m, coming nearer at 1.1 m/s, stopping distance 2.3 m".to_owned();
        let plan = Plan {
            sequence: 1,
            decision: Decision::Slow,
            speed_limit_mps: Some(0.8),
            steps: vec![PlanStep {
                action: Decision::Slow,
                track: None,
                class: None,
                pose: pose(4.2),
                cause: Cause::default(),
                reason,
            }],
            path: (0..16).map(|step| pose(0.25 * f64::from(step))).collect(),
            valid_for_ns: 0,
            source: PlanSource::Rules,
            model: Arc::from("bench"),
            prompt_version: 0,
            verdict: String::new(),
        };
        let labels = Labels::new(["person", "bicycle", "car", "delivery van"], 0);
        Self { image, camera, labels, plan, shown: Shown::default(), number: 0 }
    }

    /// One frame: everybody walks on.
    pub fn frame(&mut self) -> &Canvas {
        self.number += 1;
        let Size { width_px, height_px } = self.image.size();
        let (width, height) = (width_px as f32, height_px as f32);
        let mut scene = Scene::default();
        for nth in 0..BOXES {
            let turn = (self.number as f32 / 300.0 + f32::from(nth) / f32::from(BOXES)) * TAU;
            let tall = height * (0.12 + 0.02 * f32::from(nth % 10));
            let (x, y) = (width * (0.5 + 0.42 * turn.cos()), height * (0.5 + 0.15 * turn.sin()));
            let bbox = BBox::from_center(x, y, tall * 0.45, tall).expect("finite");
            let (class, id, seen) = (ClassId(nth % 4), TrackId(u64::from(nth) + 1), nth % 7 != 6);
            if seen {
                scene.detections.push(Detection { bbox, class, score: 0.87, track: Some(id) });
            }
            let (velocity_px_s, place) = ((0.0, 0.0), Place::Unknown);
            scene.tracks.push(Track { id, bbox, velocity_px_s, class, score: 0.87, seen, unseen_ns: 0, place });
        }
        let mounting = Mounting { z_m: 1.2, pitch_rad: 0.15, ..Mounting::default() };
        let frame =
            Frame { image: self.image, camera: Some(self.camera), base_from_camera: mounting.base_from_camera() };
        let stamp = Stamp::from_ns(self.number * PERIOD_NS);
        let frame = Stamped::new(stamp, FrameId::new("camera"), frame);
        let view = FrameView {
            frame: &frame,
            scene: &scene,
            labels: &self.labels,
            things: &[],
            plan: &self.plan,
            base_frame: &FrameId::new("base_link"),
            strip: Strip { half_width_m: 0.6, rear_m: 0.5, length_m: 20.0 },
        };
        self.shown.follow(&view);
        self.shown.draw(&view, Caption::Stamp(stamp))
    }
}
