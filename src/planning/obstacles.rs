//! What counts as an obstacle.

use crate::types::{ClassId, Place};
use std::collections::BTreeSet;

/// Classes of COCO that do not move by themselves, or only in the air. Where one of them is not seen to stand on the
/// ground, it hangs or lies on something, or something nearer hides its foot; either way it will not come.
const STILL: [&str; 66] = [
    "airplane",
    "apple",
    "backpack",
    "banana",
    "baseball bat",
    "baseball glove",
    "bed",
    "bench",
    "bird",
    "book",
    "bottle",
    "bowl",
    "broccoli",
    "cake",
    "carrot",
    "cell phone",
    "chair",
    "clock",
    "couch",
    "cup",
    "dining table",
    "donut",
    "fire hydrant",
    "fork",
    "frisbee",
    "hair drier",
    "handbag",
    "hot dog",
    "keyboard",
    "kite",
    "knife",
    "laptop",
    "microwave",
    "mouse",
    "orange",
    "oven",
    "parking meter",
    "pizza",
    "potted plant",
    "refrigerator",
    "remote",
    "sandwich",
    "scissors",
    "sink",
    "skateboard",
    "skis",
    "snowboard",
    "spoon",
    "sports ball",
    "stop sign",
    "suitcase",
    "surfboard",
    "teddy bear",
    "tennis racket",
    "tie",
    "toaster",
    "toilet",
    "toothbrush",
    "traffic light",
    "tv",
    "tvmonitor",
    "umbrella",
    "vase",
    "wine glass",
    "sofa",
    "diningtable",
];

/// The classes that count, and where. Everything that counts and stands on the ground counts; where its place is not
/// known it may be low and near, and counts too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Obstacles {
    /// These classes and no other; `None`, the default, is all.
    pub classes: Option<BTreeSet<ClassId>>,
    /// Those that do not count where they are raised ([`Place::Raised`]): a screen on a wall, a cup on a table.
    pub still: BTreeSet<ClassId>,
}

impl Obstacles {
    /// Whether things of this name are known not to move by themselves. A name that is not known may be anything.
    pub fn is_still(name: &str) -> bool {
        STILL.contains(&name)
    }

    /// Whether things of this class are looked at.
    pub(super) fn include(&self, class: ClassId) -> bool {
        self.classes.as_ref().is_none_or(|classes| classes.contains(&class))
    }

    /// Whether a thing of this class can be passed over because of where it is.
    pub(super) fn pass_over(&self, class: ClassId, place: &Place) -> bool {
        *place == Place::Raised && self.still.contains(&class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_by_itself_and_what_nobody_knows_is_not_still() {
        let movers = [
            "person",
            "bicycle",
            "car",
            "motorcycle",
            "bus",
            "train",
            "truck",
            "boat",
            "cat",
            "dog",
            "horse",
            "sheep",
            "cow",
            "elephant",
            "bear",
            "zebra",
            "giraffe",
            "pedestrian",
            "forklift",
            "",
        ];
        assert!(movers.iter().all(|name| !Obstacles::is_still(name)));
        assert!(["tv", "cup", "traffic light", "chair"].iter().all(|name| Obstacles::is_still(name)));
    }
}
