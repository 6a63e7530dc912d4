//! What an exporter writes into a YOLO model's metadata, apart from the class names.
//!
//! Ultralytics writes `description`, `task`, `stride`, `imgsz`, `end2end`, `args` and, for poses, `kpt_shape`, each as
//! Python's `str`; YOLOv5 `stride` and `names`; YOLOX nothing. Source: Ultralytics' and YOLOv5's documentation of their
//! exports.

use crate::infer::Signature;

/// The notes that tell a layout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Notes {
    /// `detect`, `segment`, `pose`, `obb`, ...
    pub task: Option<String>,
    /// Whether NMS is inside or not needed, where the model says it.
    pub is_end_to_end: Option<bool>,
    /// Whether it is Ultralytics' RT-DETR.
    pub is_rt_detr: bool,
    /// Numbers of a box's keypoints together.
    pub keypoint_numbers: Option<usize>,
    pub has_stride: bool,
}

impl Notes {
    pub fn of(signature: &Signature) -> Self {
        let note = |key: &str| signature.metadata.get(key).map(|text| text.trim().to_lowercase());
        let names_rt_detr = |key: &str| {
            note(key).is_some_and(|text| {
                // What it is trained on, and in which folder, says nothing about it.
                let kind = text.split(" trained on ").next().unwrap_or_default();
                let kind = kind.rsplit(['/', '\\']).next().unwrap_or_default();
                kind.replace('-', "").contains("rtdetr")
            })
        };
        let has_nms = note("args").is_some_and(|args| {
            let args: String = args.chars().filter(|letter| !matches!(letter, ' ' | '\'' | '"')).collect();
            args.contains("nms:true")
        });
        let end_to_end = match note("end2end").as_deref() {
            Some("true" | "1") => Some(true),
            Some("false" | "0") => Some(false),
            _ => None,
        };
        Self {
            task: note("task").filter(|task| !task.is_empty()),
            is_end_to_end: if has_nms { Some(true) } else { end_to_end },
            is_rt_detr: ["head", "description", "model"].into_iter().any(names_rt_detr),
            keypoint_numbers: note("kpt_shape").and_then(|text| product(&text)),
            has_stride: signature.metadata.contains_key("stride"),
        }
    }
}

/// `[17, 3]` is 51.
fn product(text: &str) -> Option<usize> {
    let inner = text.trim_start_matches(['[', '(']).trim_end_matches([']', ')']);
    inner.split(',').try_fold(1_usize, |product, side| product.checked_mul(side.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(metadata: &[(&str, &str)]) -> Notes {
        let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Notes::of(&Signature { metadata: metadata.collect(), ..Signature::default() })
    }

    #[test]
    fn ultralytics_notes_are_read_as_python_writes_them() {
        let pose = notes(&[("task", "pose"), ("kpt_shape", "[17, 3]"), ("stride", "32"), ("end2end", "False")]);
        assert_eq!((pose.task.as_deref(), pose.keypoint_numbers), (Some("pose"), Some(51)));
        assert_eq!((pose.is_end_to_end, pose.has_stride, pose.is_rt_detr), (Some(false), true, false));
        assert_eq!(notes(&[("args", "{'batch': 1, 'nms': True}")]).is_end_to_end, Some(true));
        assert_eq!(notes(&[("args", "{'batch': 1, 'nms': False}")]).is_end_to_end, None);
        assert!(notes(&[("description", "Ultralytics rtdetr-l model")]).is_rt_detr);
        assert!(notes(&[("head", "RTDETRDecoder")]).is_rt_detr);
        assert!(notes(&[("model", "/data/runs/rtdetr-l.pt")]).is_rt_detr);
        assert!(!notes(&[("description", "Ultralytics YOLO11n model trained on /data/rtdetr/ds.yaml")]).is_rt_detr);
        assert!(!notes(&[("model", "/data/rtdetr/yolo11n.pt")]).is_rt_detr);
        assert_eq!(notes(&[("kpt_shape", "(many)"), ("end2end", "maybe")]), Notes::default());
        assert_eq!(notes(&[]), Notes::default());
    }
}
