//! Each family against its reference: fixtures that `models/parity/` makes with torch and transformers.
//!
//! A family runs through its public interface over a backend that is watched: what it feeds is compared with what the
//! reference feeds, and may be replaced by it before the graph runs, so that what comes behind the graph is compared on
//! the reference's own tensors.

mod bad_input;
mod detr;
mod fixture;
mod watched;

use fixture::{Case, Fixture, Picture};
use vedette::types::Detection;
use vedette::zoo::{Detector, Thresholds};
use watched::{Log, Watched};

/// What a detector makes of a case, all that reaches the case's threshold.
fn detected(detector: &mut dyn Detector, case: &Case, iou: f32) -> Vec<Detection> {
    let thresholds = Thresholds { score: case.threshold(), iou, max_detections: 1000, classes: None };
    let mut out = Vec::new();
    detector.detect(&case.picture.view(), &thresholds, &mut out).unwrap();
    out
}

/// How far ours may be from the reference's detections.
#[derive(Clone, Copy)]
struct Tolerance {
    box_px: f32,
    score: f32,
}

/// On the reference's own tensors.
const SAME_TENSORS: Tolerance = Tolerance { box_px: 0.5, score: 1e-3 };

/// The same detections under the same labels, as many and in the order of their scores; the reference's boxes clipped
/// to the picture, as ours are.
fn assert_detections(fixture: &Fixture, case: &Case, detector: &dyn Detector, found: &[Detection], within: Tolerance) {
    let (boxes, scores) = (fixture.floats(case.tensor("boxes")), fixture.floats(case.tensor("scores")));
    let names = case.texts("text_labels");
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    assert_eq!(found.len(), scores.len(), "{}: {found:?} for {scores:?}", case.name);
    assert!(!found.is_empty(), "{}: nothing to compare", case.name);
    let size = case.picture.size();
    let sides = [size.width_px as f32, size.height_px as f32];
    for (ours, theirs) in found.iter().zip(order) {
        let at = format!("{}, reference {theirs}", case.name);
        assert_eq!(detector.labels().name(ours.class), names[theirs], "{at}");
        assert!((ours.score - scores[theirs]).abs() <= within.score, "{at}: {} for {}", ours.score, scores[theirs]);
        let bbox = [ours.bbox.x_min(), ours.bbox.y_min(), ours.bbox.x_max(), ours.bbox.y_max()];
        for (corner, ours) in bbox.into_iter().enumerate() {
            let wanted = boxes[4 * theirs + corner].clamp(0.0, sides[corner % 2]);
            assert!((ours - wanted).abs() <= within.box_px, "{at}, corner {corner}: {ours} for {wanted}");
        }
    }
}

/// Two lists of numbers, as long and nowhere further apart than `within`; equal infinities are not apart.
fn assert_close(what: &str, ours: &[f32], theirs: &[f32], within: f32) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!(ours == theirs || (ours - theirs).abs() <= within, "{what}, element {at}: {ours} for {theirs}");
    }
}

/// Pixels before normalization, NCHW in our tensor and NHWC in the reference's: within 2/255 everywhere and 0.2/255 in
/// the mean.
fn assert_pixels(what: &str, tensor: &[f32], normalize: [[f32; 3]; 2], reference: &[f32]) {
    let [mean, std] = normalize;
    assert_eq!(tensor.len(), reference.len(), "{what}");
    let plane = reference.len() / 3;
    let (mut largest, mut sum) = (0.0_f32, 0.0_f64);
    for (at, wanted) in reference.iter().enumerate() {
        let (pixel, channel) = (at / 3, at % 3);
        let ours = (tensor[channel * plane + pixel] * std[channel] + mean[channel]) * 255.0;
        let away = (ours - wanted).abs();
        largest = largest.max(away);
        sum += f64::from(away);
    }
    let mean_away = sum / reference.len() as f64;
    assert!(largest <= 2.0 && mean_away <= 0.2, "{what}: {largest} at most, {mean_away} in the mean");
}
