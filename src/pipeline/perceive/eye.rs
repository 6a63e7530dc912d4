//! What the walk keeps of one camera from frame to frame.

use super::max_rate::Rate;
use crate::config::assembly::settings;
use crate::config::{CameraName, Config};
use crate::pipeline::loss::FrameError;
use crate::pipeline::shown::Shown;
use crate::spatial::sees_ahead;
use crate::tracking::Tracker;
use crate::types::{CameraModel, ImageView, Scene, Stamp};
use crate::vision::BlindCheck;
use nalgebra::Isometry3;

/// One camera's part of the walk.
pub(in crate::pipeline) struct Eye {
    pub(in crate::pipeline) tracker: Tracker,
    /// Of its last frame.
    pub(in crate::pipeline) scene: Scene,
    /// The stamp of its last frame that was processed.
    pub(in crate::pipeline) previous: Option<Stamp>,
    /// What is drawn of it, while somebody looks.
    pub(in crate::pipeline) shown: Shown,
    name: CameraName,
    rate: Rate,
    max_rate_hz: f64,
    blind_check: BlindCheck,
    view: Option<View>,
}

/// A camera with its place, and whether it sees so many metres of the way ahead.
struct View {
    camera: CameraModel,
    base_from_camera: Isometry3<f64>,
    way_m: f64,
    sees: bool,
}

impl Eye {
    /// One for each camera.
    pub(in crate::pipeline) fn of_all(config: &Config) -> Vec<Self> {
        let names = config.camera_names();
        let step = names.len() as u64;
        let eye = |(first, name): (u64, CameraName)| {
            let own = config.of_camera(&name);
            let mut rate = Rate::default();
            rate.set(own.max_rate_hz);
            Self {
                tracker: Tracker::numbering(settings::tracking(&own), first, step),
                scene: Scene::default(),
                previous: None,
                shown: Shown::default(),
                name,
                rate,
                max_rate_hz: own.max_rate_hz,
                blind_check: BlindCheck::new(settings::blindness(&own)),
                view: None,
            }
        };
        (1..).zip(names).map(eye).collect()
    }

    /// Other parameters hold from the next frame on; tracks stay.
    pub(in crate::pipeline) fn change(&mut self, config: &Config) {
        let own = config.of_camera(&self.name);
        self.tracker.set_params(settings::tracking(&own));
        self.blind_check.set_params(settings::blindness(&own));
        if self.max_rate_hz != own.max_rate_hz {
            self.max_rate_hz = own.max_rate_hz;
            self.rate.set(own.max_rate_hz);
        }
    }

    /// Forgets what it has seen. Track ids go on counting.
    pub(in crate::pipeline) fn forget(&mut self) {
        self.rate.reset();
        self.blind_check.reset();
        self.tracker.reset();
    }

    /// The tracks mean something else from now on.
    pub(in crate::pipeline) fn forget_classes(&mut self) {
        self.tracker.reset();
        let Scene { detections, only_tracked, tracks, glimpses, is_full, .. } = &mut self.scene;
        detections.clear();
        only_tracked.clear();
        tracks.clear();
        glimpses.clear();
        *is_full = false;
    }

    /// Whether the frame with this stamp is to be processed, by parameter `max_rate_hz`.
    pub(in crate::pipeline) fn admits(&mut self, stamp: Stamp) -> bool {
        self.rate.admits(stamp)
    }

    /// Whether the picture shows anything.
    pub(in crate::pipeline) fn look(&mut self, stamp: Stamp, image: &ImageView) -> Result<(), FrameError> {
        Ok(self.blind_check.look(stamp, image)?)
    }

    /// Whether it looks where the robot goes; reckoned anew only when the camera, its place or the way is another one.
    pub(in crate::pipeline) fn sees_way(
        &mut self,
        camera: CameraModel,
        base_from_camera: &Isometry3<f64>,
        way_m: f64,
    ) -> bool {
        match &self.view {
            Some(view)
                if view.camera == camera && view.base_from_camera == *base_from_camera && view.way_m == way_m =>
            {
                view.sees
            }
            _ => {
                let sees = sees_ahead(&camera, base_from_camera, way_m);
                self.view = Some(View { camera, base_from_camera: *base_from_camera, way_m, sees });
                sees
            }
        }
    }
}
