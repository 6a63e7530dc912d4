//! Non-maximum suppression: of boxes that cover one another, the best stays.

use crate::types::{BBox, ClassId, TensorPx};
use std::cmp::Ordering;

/// A box as a model's output decodes, before NMS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// In pixels of the tensor.
    pub bbox: BBox<TensorPx>,
    /// What it is.
    pub class: ClassId,
    /// The model's confidence, `0..=1`.
    pub score: f32,
    /// Its place in the model's output, by which more can be read of it.
    pub source: u32,
}

/// Greedy NMS within each class, in place: walks from the best score down, drops a box whose IoU with a kept box of
/// its class is above `iou_threshold`, and stops at `max` kept boxes.
///
/// Leaves the kept boxes best first; equal scores are ordered by class, by corners, then by source, so that the
/// result does not depend on the order of the candidates. A score that is NaN drops its box. Allocates nothing.
pub fn suppress(candidates: &mut Vec<Candidate>, iou_threshold: f32, max: usize) {
    candidates.retain(|candidate| !candidate.score.is_nan());
    candidates.sort_unstable_by(best_first);
    let mut kept = 0;
    for index in 0..candidates.len() {
        if kept == max {
            break;
        }
        let candidate = candidates[index];
        let covered = candidates[..kept]
            .iter()
            .any(|better| better.class == candidate.class && better.bbox.iou(&candidate.bbox) > iou_threshold);
        if !covered {
            candidates[kept] = candidate;
            kept += 1;
        }
    }
    candidates.truncate(kept);
}

fn best_first(a: &Candidate, b: &Candidate) -> Ordering {
    let corners = |bbox: &BBox<TensorPx>| [bbox.x_min(), bbox.y_min(), bbox.x_max(), bbox.y_max()];
    b.score.total_cmp(&a.score).then_with(|| a.class.cmp(&b.class)).then_with(|| {
        let pairs = corners(&a.bbox).into_iter().zip(corners(&b.bbox));
        pairs.map(|(a, b)| a.total_cmp(&b)).find(|order| order.is_ne()).unwrap_or_else(|| a.source.cmp(&b.source))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(x: f32, class: u16, score: f32) -> Candidate {
        Candidate { bbox: BBox::from_corners(x, 0.0, x + 10.0, 10.0).unwrap(), class: ClassId(class), score, source: 0 }
    }

    fn suppressed(mut candidates: Vec<Candidate>, iou_threshold: f32, max: usize) -> Vec<Candidate> {
        suppress(&mut candidates, iou_threshold, max);
        candidates
    }

    #[test]
    fn the_best_of_overlapping_boxes_stays() {
        let kept = suppressed(vec![candidate(1.0, 0, 0.5), candidate(0.0, 0, 0.9), candidate(40.0, 0, 0.6)], 0.7, 300);
        assert_eq!(kept, [candidate(0.0, 0, 0.9), candidate(40.0, 0, 0.6)]);
    }

    #[test]
    fn classes_do_not_suppress_each_other() {
        assert_eq!(suppressed(vec![candidate(0.0, 0, 0.9), candidate(0.0, 1, 0.8)], 0.7, 300).len(), 2);
    }

    #[test]
    fn an_overlap_of_exactly_the_threshold_stays() {
        // 5 of 15 columns shared.
        let boxes = vec![candidate(0.0, 0, 0.9), candidate(5.0, 0, 0.8)];
        assert_eq!(suppressed(boxes.clone(), 1.0 / 3.0, 300).len(), 2);
        assert_eq!(suppressed(boxes, 0.333, 300).len(), 1);
    }

    #[test]
    fn a_suppressed_box_suppresses_nothing() {
        let chain = vec![candidate(0.0, 0, 0.9), candidate(3.0, 0, 0.8), candidate(6.0, 0, 0.7)];
        assert_eq!(suppressed(chain, 0.4, 300), [candidate(0.0, 0, 0.9), candidate(6.0, 0, 0.7)]);
    }

    #[test]
    fn no_more_than_max_stay_and_they_are_the_best() {
        let row = (0u8..10).map(|i| candidate(f32::from(i) * 20.0, 0, f32::from(i) / 10.0)).collect();
        assert_eq!(suppressed(row, 0.7, 2), [candidate(180.0, 0, 0.9), candidate(160.0, 0, 0.8)]);
        assert_eq!(suppressed(vec![candidate(0.0, 0, 0.9)], 0.7, 0), []);
    }

    #[test]
    fn a_nan_score_drops_its_box() {
        assert_eq!(suppressed(vec![candidate(0.0, 0, f32::NAN), candidate(1.0, 0, 0.2)], 0.7, 300).len(), 1);
    }

    fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
        let one = (0.0f32..60.0, 0.0f32..60.0, 1.0f32..30.0, 1.0f32..30.0, 0u16..3, 0u8..20).prop_map(
            |(x, y, w, h, class, score)| Candidate {
                bbox: BBox::from_corners(x, y, x + w, y + h).unwrap(),
                class: ClassId(class),
                score: f32::from(score) / 20.0,
                source: 0,
            },
        );
        proptest::collection::vec(one, 0..60)
    }

    proptest! {
        #[test]
        fn nms_is_idempotent(candidates in any_candidates(), iou in 0.1f32..0.9, max in 1usize..50) {
            let once = suppressed(candidates, iou, max);
            prop_assert_eq!(suppressed(once.clone(), iou, max), once);
        }

        #[test]
        fn the_order_of_candidates_does_not_matter(candidates in any_candidates(), iou in 0.1f32..0.9) {
            let mut reversed = candidates.clone();
            reversed.reverse();
            prop_assert_eq!(suppressed(candidates, iou, 300), suppressed(reversed, iou, 300));
        }

        #[test]
        fn what_was_dropped_overlaps_a_better_box_of_its_class(candidates in any_candidates(), iou in 0.1f32..0.9) {
            let kept = suppressed(candidates.clone(), iou, usize::MAX);
            for dropped in candidates.iter().filter(|candidate| !kept.contains(candidate)) {
                prop_assert!(kept.iter().any(|better| better.class == dropped.class
                    && better.score >= dropped.score
                    && better.bbox.iou(&dropped.bbox) > iou));
            }
        }
    }
}
