//! The lane that runs on every frame: picture to boxes, boxes to tracks, tracks to places.

mod eye;
mod max_rate;

pub(super) use eye::Eye;

use crate::spatial::place_of;
use crate::types::{Detection, Frame, Glimpse, ImageView, Place, Scene, Stamped};
use crate::zoo::prompt::Matching;
use crate::zoo::{ClassMask, Detector, EncodedPrompts, Thresholds, ZooError};

/// The fewest boxes of a picture that are looked at, whatever is published: as many as detectors with queries give.
const MOST_LOOKED_AT: usize = 300;
/// The overlap above which two boxes of one class are one thing, for tracking and planning: what is published may be told
/// apart less, and people who stand before one another are two.
const LEAST_IOU: f32 = 0.45;
/// A scene is full when so much of the most is reached: the rest may have been suppressed once more under prompts, or lie
/// outside the picture.
const FULL_PART: f64 = 0.75;

/// Which boxes are looked at, and which of them are published.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// What is published: the lowest score, the most boxes, the classes; and the overlap for all boxes.
    pub published: Thresholds,
    /// The classes that are tracked, published ones among them; `None` is all.
    pub tracked: Option<ClassMask>,
    /// The lowest score that may continue a track.
    pub track_low_score: f32,
    /// From this score on a box is planned with at once, whatever the tracker makes of it.
    pub obstacle_score: f32,
    /// How far ahead of the robot the camera must look, in metres.
    pub way_m: f64,
}

impl Bounds {
    /// What the detector must tell of.
    fn asked_for(&self) -> Thresholds {
        let Thresholds { score, iou, max_detections, .. } = self.published;
        Thresholds {
            score: score.min(self.track_low_score).min(self.obstacle_score),
            iou: iou.max(LEAST_IOU),
            max_detections: max_detections.max(MOST_LOOKED_AT),
            classes: None,
        }
    }
}

/// Owns the detector; what it keeps of a camera is in its [`Eye`].
pub struct Perceive {
    detector: Box<dyn Detector>,
    bounds: Bounds,
    /// What the detector is asked for: everything, down to the lowest score and up to the greatest number that publishing,
    /// tracking or planning needs. Classes are for later: what is left out here must be known to be left out.
    thresholds: Thresholds,
    /// All boxes of the frame that are tracked, best score first.
    seen: Vec<Detection>,
}

impl Perceive {
    /// Publishing has no say in what is tracked and planned with.
    pub fn new(detector: Box<dyn Detector>, bounds: Bounds) -> Self {
        let thresholds = bounds.asked_for();
        Self { detector, bounds, thresholds, seen: Vec::new() }
    }

    /// Other parameters hold from the next frame on.
    pub fn change(&mut self, bounds: Bounds, matching: Matching) {
        (self.thresholds, self.bounds) = (bounds.asked_for(), bounds);
        self.detector.set_matching(matching);
    }

    /// The detector.
    pub fn detector(&self) -> &dyn Detector {
        &*self.detector
    }

    /// Looks for other things from the next frame on. The masks of the old set hold until [`change`](Self::change) gives others.
    ///
    /// # Errors
    /// When the detector does not take the prompts; everything then stays as it is.
    pub fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), ZooError> {
        self.detector.set_prompts(prompts)
    }

    /// Replaces `out` by the boxes of a picture that would be published. It is of no frame: tracks and scene stay as they
    /// are.
    ///
    /// # Errors
    /// When the detector could not run.
    pub fn look(&mut self, image: &ImageView, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        self.detector.detect(image, &self.bounds.published, out)
    }

    /// Turns one frame into the scene of its eye. Frames of one eye must come in the order of their stamps.
    ///
    /// # Errors
    /// When the detector could not run; tracks stay as they were.
    pub fn frame(&mut self, eye: &mut Eye, frame: &Stamped<Frame<'_>>) -> Result<(), ZooError> {
        let Frame { image, camera, base_from_camera } = frame.value();
        let is_turned_away = camera.is_some_and(|camera| !eye.sees_way(camera, base_from_camera, self.bounds.way_m));
        let Eye { tracker, scene, .. } = eye;
        scene.is_turned_away = is_turned_away;
        let Scene { detections, only_tracked, tracks, glimpses, is_full, .. } = scene;
        let Bounds { published, tracked, obstacle_score, .. } = &self.bounds;
        detections.clear();
        only_tracked.clear();
        glimpses.clear();
        self.detector.detect(image, &self.thresholds, &mut self.seen)?;
        let is_sure = |detection: &Detection| detection.score >= *obstacle_score;
        let many = self.thresholds.max_detections as f64 * FULL_PART;
        *is_full = self.seen.len() as f64 >= many && self.seen.last().is_some_and(is_sure);
        self.seen.retain(|detection| tracked.as_ref().is_none_or(|tracked| tracked.contains(detection.class)));
        tracker.update(frame.stamp(), &mut self.seen, tracks);
        let place = |bbox| camera.as_ref().map_or(Place::Unknown, |camera| place_of(camera, base_from_camera, bbox));
        for detection in &self.seen {
            let is_wanted = detection.score >= published.score && published.reports(detection.class);
            // Where the detector has suppressed as much already, there is nothing to look for.
            let is_published = is_wanted
                && detections.len() < published.max_detections
                && (self.thresholds.iou <= published.iou || is_apart(detection, detections, published.iou));
            if is_published { &mut *detections } else { &mut *only_tracked }.push(*detection);
            // A track that is still called something else by its vote does not speak for the box.
            let track = detection.track.and_then(|id| tracks.binary_search_by_key(&id, |track| track.id).ok());
            let speaks_for_it = track.is_some_and(|track| tracks[track].class == detection.class);
            if !speaks_for_it && is_sure(detection) {
                glimpses.push(Glimpse { class: detection.class, place: place(&detection.bbox) });
            }
        }
        for track in tracks {
            track.place = place(&track.bbox);
        }
        Ok(())
    }
}

/// Whether no better box of its class overlaps it by more than `iou`.
fn is_apart(detection: &Detection, better: &[Detection], iou: f32) -> bool {
    better.iter().all(|other| other.class != detection.class || other.bbox.iou(&detection.bbox) <= iou)
}
