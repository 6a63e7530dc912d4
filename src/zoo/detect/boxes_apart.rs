//! How far the boxes of two detectors, or of one on two providers, are apart.

use crate::infer::BoxDistance;
use crate::types::Detection;

/// Boxes are the same where they have the class and overlap by half.
const SAME_PLACE_IOU: f32 = 0.5;

/// How far `boxes` are from those of the `reference`, best overlap first and each taken once. Counted are those of either
/// with a score of `from_score` or more; what they are the same as may have half of that, so that no score on the brink
/// counts as a box that is missing.
pub fn boxes_apart(reference: &[Detection], boxes: &[Detection], from_score: f32) -> BoxDistance {
    let counts = |one: &Detection| one.score >= from_score;
    let may_be_met = |one: &Detection| one.score >= from_score / 2.0;
    let pairs = reference.iter().enumerate().flat_map(|(at, one)| {
        let same_class = boxes.iter().enumerate().filter(|(_, other)| other.class == one.class);
        same_class.map(move |(other_at, other)| (at, other_at, one, other, one.bbox.iou(&other.bbox)))
    });
    let mut pairs: Vec<_> = pairs
        .filter(|(_, _, one, other, iou)| {
            *iou >= SAME_PLACE_IOU && (counts(one) && may_be_met(other) || counts(other) && may_be_met(one))
        })
        .collect();
    pairs.sort_by(|a, b| b.4.total_cmp(&a.4));
    let (mut taken, mut other_taken) = (vec![false; reference.len()], vec![false; boxes.len()]);
    let mut distance = BoxDistance::NONE;
    for (at, other_at, one, other, iou) in pairs {
        if !taken[at] && !other_taken[other_at] {
            (taken[at], other_taken[other_at]) = (true, true);
            let score = (one.score - other.score).abs();
            distance = distance.and(BoxDistance { compared: 1, unmatched: 0, least_iou: iou, score });
        }
    }
    let alone = |boxes: &[Detection], taken: &[bool]| {
        boxes.iter().zip(taken).filter(|(one, is_taken)| counts(one) && !**is_taken).count()
    };
    distance.unmatched = alone(reference, &taken) + alone(boxes, &other_taken);
    distance
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{BBox, ClassId};

    fn seen(class: u16, x_min: f32, score: f32) -> Detection {
        let bbox = BBox::from_corners(x_min, 0.0, x_min + 10.0, 10.0).unwrap();
        Detection { bbox, class: ClassId(class), score, track: None }
    }

    #[test]
    fn boxes_are_compared_with_those_of_their_class_and_place() {
        let reference = [seen(0, 0.0, 0.9), seen(1, 100.0, 0.5)];
        let same = boxes_apart(&reference, &reference, 0.25);
        assert_eq!(same, BoxDistance { unmatched: 0, least_iou: 1.0, score: 0.0, compared: 2 });
        let moved = boxes_apart(&reference, &[seen(1, 101.0, 0.4), seen(0, 0.0, 0.9)], 0.25);
        assert!((moved.least_iou - 9.0 / 11.0).abs() < 1e-5 && (moved.score - 0.1).abs() < 1e-6, "{moved:?}");
        assert_eq!((moved.compared, moved.unmatched), (2, 0));
    }

    #[test]
    fn a_box_that_the_other_has_not_or_has_under_another_class_counts() {
        let reference = [seen(0, 0.0, 0.9)];
        assert_eq!(boxes_apart(&reference, &[], 0.25).unmatched, 1);
        assert_eq!(boxes_apart(&reference, &[seen(1, 0.0, 0.9)], 0.25).unmatched, 2);
        assert_eq!(boxes_apart(&reference, &[seen(0, 0.0, 0.9), seen(0, 1.0, 0.9)], 0.25).unmatched, 1);
    }

    #[test]
    fn a_score_on_the_brink_is_no_missing_box_and_one_far_below_is_none_at_all() {
        let on_the_brink = boxes_apart(&[seen(0, 0.0, 0.26)], &[seen(0, 0.0, 0.24)], 0.25);
        assert_eq!((on_the_brink.compared, on_the_brink.unmatched), (1, 0));
        let vanished = boxes_apart(&[seen(0, 0.0, 0.26)], &[seen(0, 0.0, 0.10)], 0.25);
        assert_eq!((vanished.compared, vanished.unmatched), (0, 1));
        assert_eq!(boxes_apart(&[seen(0, 0.0, 0.20)], &[], 0.25), BoxDistance::NONE);
    }
}
