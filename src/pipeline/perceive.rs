//! The lane that runs on every frame: picture to boxes, boxes to tracks, tracks to places.

use crate::spatial::place_on_ground;
use crate::tracking::Tracker;
use crate::types::{Frame, Scene, Stamped};
use crate::zoo::{ClassMask, Detector, EncodedPrompts, Thresholds, ZooError};

/// Owns the detector and the tracker; reuses one [`Scene`] for all frames.
pub struct Perceive {
    detector: Box<dyn Detector>,
    /// The detector's score threshold is the lower of what is published and what a track may still take.
    thresholds: Thresholds,
    publish_score: f32,
    tracker: Tracker,
    scene: Scene,
}

impl Perceive {
    /// `thresholds.score` is the lowest score to publish; tracks also hold on to boxes down to
    /// `track_low_score`, which are then left out of the scene's detections.
    pub fn new(
        detector: Box<dyn Detector>,
        mut thresholds: Thresholds,
        track_low_score: f32,
        tracker: Tracker,
    ) -> Self {
        let publish_score = thresholds.score;
        thresholds.score = publish_score.min(track_low_score);
        Self { detector, thresholds, publish_score, tracker, scene: Scene::default() }
    }

    /// The detector.
    pub fn detector(&self) -> &dyn Detector {
        &*self.detector
    }

    /// Looks for other things from the next frame on, and reports only those `classes` of them, `None` all. Tracks begin
    /// anew: their classes are of the old set.
    ///
    /// # Errors
    /// When the detector does not take the prompts; everything then stays as it is.
    pub fn set_prompts(&mut self, prompts: EncodedPrompts, classes: Option<ClassMask>) -> Result<(), ZooError> {
        self.detector.set_prompts(prompts)?;
        self.thresholds.classes = classes;
        self.tracker.reset();
        self.scene.detections.clear();
        self.scene.tracks.clear();
        Ok(())
    }

    /// Forgets all tracks: the stamps began again. Track ids go on counting.
    pub fn reset(&mut self) {
        self.tracker.reset();
    }

    /// Turns one frame into the [`scene`](Self::scene). Frames must come in the order of their stamps.
    ///
    /// # Errors
    /// When the detector could not run; tracks stay as they were.
    pub fn frame(&mut self, frame: &Stamped<Frame<'_>>) -> Result<(), ZooError> {
        let Frame { image, camera, base_from_camera } = frame.value();
        let Scene { detections, tracks } = &mut self.scene;
        detections.clear();
        self.detector.detect(image, &self.thresholds, detections)?;
        self.tracker.update(frame.stamp(), detections, tracks);
        detections.retain(|detection| detection.score >= self.publish_score);
        place_on_ground(tracks, camera.as_ref(), base_from_camera);
        Ok(())
    }

    /// The last frame's scene.
    pub fn scene(&self) -> &Scene {
        &self.scene
    }
}
