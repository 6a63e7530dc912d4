//! The names of COCO's classes, for exports of models trained on it that carry no names: YOLOX, RF-DETR.

/// The 80 classes in the order of their category ids.
pub(in crate::zoo) const CLASSES: [&str; 80] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
];

/// How many category ids COCO has given, 0 included.
pub(in crate::zoo) const SLOTS: usize = 91;

/// The category ids that no class has.
const HOLES: [usize; SLOTS - CLASSES.len()] = [0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

/// 80 names, at the places of their category ids.
pub(in crate::zoo) fn at_category_ids(names: impl IntoIterator<Item = Option<String>>) -> Vec<Option<String>> {
    let mut given = names.into_iter();
    (0..SLOTS).map(|slot| if HOLES.contains(&slot) { None } else { given.next().flatten() }).collect()
}

/// The names that a model of so many classes has where nobody says them: COCO's for 80.
pub(in crate::zoo) fn assumed(classes: usize) -> Option<Vec<String>> {
    (classes == CLASSES.len()).then(|| CLASSES.map(str::to_owned).to_vec())
}
