//! The names of output layouts: a manifest's key `layout`, for graphs that can be read in two ways.

use crate::zoo::Family;
use serde::Deserialize;
use std::fmt;

/// How a detector's outputs hold its boxes. `C` is the number of classes, `N` that of boxes, `px` are pixels of the
/// input tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayoutName {
    /// `[1, 4 + C, N]`: centre and size in px, class scores; all overlapping boxes. YOLOv8 to YOLOv13; masks, keypoints
    /// and the like may stand behind the scores.
    Rows,
    /// As `rows`, the last row an angle in radians: oriented boxes.
    OrientedRows,
    /// As `rows`, turned: `[1, N, 4 + C]`.
    Columns,
    /// `[1, N, 4 + C]`: centre and size in `0..=1` of a stretched picture, class scores, no overlaps. RT-DETR of
    /// Ultralytics.
    NormalizedColumns,
    /// `[1, N, 5 + C]`: centre and size in px, objectness, class scores. YOLOv5, YOLOv6, YOLOv7.
    Objectness,
    /// As `objectness`, turned: `[1, 5 + C, N]`.
    ObjectnessRows,
    /// `[1, N, 5 + C]` as the network gives it: offsets in the cells of a grid with strides 8, 16 and 32. YOLOX, which
    /// also takes another input: BGR, `0..=255`, in the corner.
    Yolox,
    /// `[1, N, 6]`: corners in px, score, class. YOLOv10, YOLO26, and exports with NMS inside.
    EndToEnd,
    /// `[1, N, 7]`: centre and size in px, score, class, angle in radians.
    OrientedEndToEnd,
    /// `[1, N, 6]`: centre and size in `0..=1` of a stretched picture, score, class. RT-DETR of Ultralytics.
    NormalizedEndToEnd,
    /// `num_dets`, `det_boxes`, `det_scores`, `det_classes`: EfficientNMS and what is called like it; corners in px.
    NumDets,
    /// `[N, 7]`: picture, corners in px, class, score. YOLOv7 with NMS inside.
    BatchClassScore,
    /// `[N, 7]`: picture, corners in px, score, class. YOLO-NAS, flat.
    BatchScoreClass,
    /// `dets [1, N, 5]` (corners in px, score) and `labels [1, N]`: MMDetection.
    DetsAndLabels,
    /// `[1, N, C]` and `[1, N, 4]`: a logit (sigmoid) for each class, centre and size in `0..=1`.
    Logits,
    /// As `logits`, but the first slot is no class.
    BackgroundFirst,
    /// As `logits`, but the last slot is no class.
    BackgroundLast,
    /// As `background_last`, with softmax over the slots: DETR, YOLOS, Table Transformer.
    SoftmaxBackgroundLast,
    /// `labels`, `boxes`, `scores` for `orig_target_sizes`: RT-DETR, D-FINE, DEIM.
    Decoded,
    /// `[N, 6]` and the number of boxes: class, score, corners in px. PaddleDetection.
    ClassScoreBox,
}

impl LayoutName {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 20] = [
        Self::Rows,
        Self::OrientedRows,
        Self::Columns,
        Self::NormalizedColumns,
        Self::Objectness,
        Self::ObjectnessRows,
        Self::Yolox,
        Self::EndToEnd,
        Self::OrientedEndToEnd,
        Self::NormalizedEndToEnd,
        Self::NumDets,
        Self::BatchClassScore,
        Self::BatchScoreClass,
        Self::DetsAndLabels,
        Self::Logits,
        Self::BackgroundFirst,
        Self::BackgroundLast,
        Self::SoftmaxBackgroundLast,
        Self::Decoded,
        Self::ClassScoreBox,
    ];

    /// The family whose models have it.
    pub const fn family(self) -> Family {
        match self {
            Self::Logits
            | Self::BackgroundFirst
            | Self::BackgroundLast
            | Self::SoftmaxBackgroundLast
            | Self::Decoded
            | Self::ClassScoreBox => Family::Detr,
            _ => Family::Yolo,
        }
    }

    /// The names of a family's layouts, for refusals.
    pub fn of_family(family: Family) -> String {
        let names = Self::ALL.into_iter().filter(|name| name.family() == family).map(|name| name.to_string());
        names.collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for LayoutName {
    /// The word in manifests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rows => "rows",
            Self::OrientedRows => "oriented_rows",
            Self::Columns => "columns",
            Self::NormalizedColumns => "normalized_columns",
            Self::Objectness => "objectness",
            Self::ObjectnessRows => "objectness_rows",
            Self::Yolox => "yolox",
            Self::EndToEnd => "end_to_end",
            Self::OrientedEndToEnd => "oriented_end_to_end",
            Self::NormalizedEndToEnd => "normalized_end_to_end",
            Self::NumDets => "num_dets",
            Self::BatchClassScore => "batch_class_score",
            Self::BatchScoreClass => "batch_score_class",
            Self::DetsAndLabels => "dets_and_labels",
            Self::Logits => "logits",
            Self::BackgroundFirst => "background_first",
            Self::BackgroundLast => "background_last",
            Self::SoftmaxBackgroundLast => "softmax_background_last",
            Self::Decoded => "decoded",
            Self::ClassScoreBox => "class_score_box",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_is_written() {
        for name in LayoutName::ALL {
            let text = format!("layout = \"{name}\"");
            let read: std::collections::BTreeMap<String, LayoutName> = toml::from_str(&text).unwrap();
            assert_eq!(read["layout"], name);
        }
        let names: std::collections::HashSet<_> = LayoutName::ALL.into_iter().collect();
        assert_eq!(names.len(), LayoutName::ALL.len());
        assert!(LayoutName::of_family(Family::Detr).starts_with("logits, background_first"));
    }
}
