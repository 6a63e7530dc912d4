//! Which layout the outputs of a graph have.
//!
//! The names of the outputs tell it where an exporter gives them a meaning (`num_dets`, `dets`). One output of three
//! dimensions is told by its shape, the number of classes and the model's own notes; which of several readings is left is
//! a question of how many boxes a network of this size gives: one or three for each cell of its grids, or a list.

use super::grids::Grids;
use super::layout::{FAMILY, Layout, in_words, least_width};
use super::no_detector;
use super::notes::Notes;
use crate::infer::{Signature, TensorSpec};
use crate::types::{Element, Size};
use crate::zoo::detect::graph::{Hints, NamesFrom, coco};
use crate::zoo::detect::queries::tensors;
use crate::zoo::{LayoutName, ZooError};

/// A layout and the places of the outputs that have it, in the order of the layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub layout: Layout,
    pub outputs: Vec<usize>,
    /// What was assumed, and what is not read.
    pub notes: Vec<String>,
}

/// Nobody names the classes.
pub(super) const UNNAMED: &str = "neither the model's metadata nor the manifest's key labels has them";

/// The names that EfficientNMS's four outputs have: number, boxes, scores, classes. The second is MMYOLO's, the others
/// YOLO-NAS's.
const COUNTED: [[&str; 4]; 4] = [
    ["num_dets", "det_boxes", "det_scores", "det_classes"],
    ["num_dets", "boxes", "scores", "labels"],
    ["num_predictions", "pred_boxes", "pred_scores", "pred_classes"],
    ["graph2_num_predictions", "graph2_pred_boxes", "graph2_pred_scores", "graph2_pred_classes"],
];

/// The layout of a graph for pictures of `size`; `named` is how many names there are, and who says them.
///
/// # Errors
/// [`ZooError::Outputs`] with the outputs and the layouts that the family knows; [`ZooError::TwoReadings`];
/// [`ZooError::Names`] when the outputs have another number of classes.
pub(super) fn layout_of(
    signature: &Signature,
    hints: &Hints,
    named: Option<(usize, NamesFrom)>,
    size: Size,
) -> Result<Found, ZooError> {
    let classes = named.map(|(count, _)| count);
    let graph = Graph { signature, notes: Notes::of(signature), classes, grids: Grids { size } };
    let mut found = match hints.layout {
        Some(name) => graph.said(name)?,
        None => graph.told(named.map(|(_, from)| from))?,
    };
    found.notes.extend(graph.unread(&found));
    Ok(found)
}

#[derive(Clone)]
struct Graph<'a> {
    signature: &'a Signature,
    notes: Notes,
    classes: Option<usize>,
    grids: Grids,
}

/// One output of boxes: `[1, outer, inner]`.
#[derive(Clone, Copy)]
struct Table {
    place: usize,
    outer: Option<usize>,
    inner: Option<usize>,
}

impl Graph<'_> {
    /// The layout that somebody says.
    fn said(&self, name: LayoutName) -> Result<Found, ZooError> {
        let found = match name {
            LayoutName::NumDets => self.counted().or_else(|| self.uncounted()),
            LayoutName::DetsAndLabels => self.dets_and_labels(),
            LayoutName::BatchClassScore | LayoutName::BatchScoreClass => self.batch(Some(name)),
            _ => self.tables().into_iter().find_map(|table| self.fitting(name, table, true)),
        };
        found.ok_or_else(|| {
            let layout = Layout::new(name, self.classes.unwrap_or(0));
            let expected = match (name, self.classes) {
                (LayoutName::NumDets, _) => COUNTED[0].join(", "),
                (LayoutName::DetsAndLabels, _) => "dets [1, N, 5] and labels [1, N] of integers".to_owned(),
                (_, Some(classes)) => format!("{} of float32 or float16 for {classes} classes", layout.shape_text()),
                (_, None) => format!("{}, in three dimensions", in_words(name)),
            };
            self.refused(format!("for layout {name}: {expected}"))
        })
    }

    /// The layout that the graph tells; `from` says the names.
    fn told(&self, from: Option<NamesFrom>) -> Result<Found, ZooError> {
        if let Some(expected) = no_detector::by_its_task(self.notes.task.as_deref()) {
            return Err(self.refused(expected));
        }
        if self.signature.outputs.iter().any(|spec| spec.name.contains("selected_indices")) {
            return Err(self
                .refused("the boxes themselves, not the indices of NonMaxSuppression: export without NMS".to_owned()));
        }
        if let Some(found) = self.counted().or_else(|| self.dets_and_labels()) {
            return Ok(found);
        }
        if let Some(found) = self.batch(None) {
            return if self.may_classify(&found) { Err(self.rows_or_classes(&found)) } else { Ok(found) };
        }
        if let Some(expected) = no_detector::by_its_outputs(self.signature, self.grids.size) {
            return Err(self.refused(expected));
        }
        for table in self.tables() {
            let readings = self.readings(table);
            match readings[..] {
                [] => {}
                [name] => {
                    if let Some(found) = self.fitting(name, table, false) {
                        return Ok(found);
                    }
                }
                _ if self.classes.is_none() => return Err(ZooError::Names { reason: UNNAMED.to_owned() }),
                _ => {
                    let words = readings.iter().map(|name| format!("{name} ({})", in_words(*name)));
                    return Err(ZooError::TwoReadings {
                        found: tensors(&self.signature.outputs),
                        readings: words.collect::<Vec<_>>().join(" or "),
                    });
                }
            }
        }
        if self.classes.is_none() && !self.tables().is_empty() {
            return Err(ZooError::Names { reason: UNNAMED.to_owned() });
        }
        Err(self.miscounted(from).unwrap_or_else(|| self.refused(self.expected())))
    }

    /// The refusal of outputs that could be read with another number of names.
    fn miscounted(&self, from: Option<NamesFrom>) -> Option<ZooError> {
        let (count, from) = (self.classes?, from?);
        let unnamed = Self { classes: None, ..self.clone() };
        self.tables().into_iter().find_map(|table| {
            let found = unnamed.readings(table).into_iter().filter_map(|name| unnamed.fitting(name, table, false));
            let classes = found.map(|found| found.layout).filter(|layout| layout.has_class_scores());
            let readings: Vec<_> = classes.map(|layout| format!("{} as {}", layout.classes, layout.name)).collect();
            let output = tensors(&self.signature.outputs[table.place..=table.place]);
            let reason = format!(
                "there are {count}, {from}; {output} has scores of {}: one name for each is expected",
                readings.join(" or ")
            );
            (!readings.is_empty()).then_some(ZooError::Names { reason })
        })
    }

    fn expected(&self) -> String {
        let classes = self.classes.map_or("C class scores".to_owned(), |classes| format!("{classes} class scores"));
        let wide = |ahead: usize| self.classes.map_or(format!("{ahead} + C"), |classes| (ahead + classes).to_string());
        format!(
            "one output of float32 or float16: [1, {rows}, N] (box and {classes} in rows), [1, N, {objectness}] (with \
             objectness), [1, N, 6] (end to end); or num_dets, det_boxes, det_scores, det_classes; or [N, 7]. Heads of \
             several scales need the export's own decoding (YOLOv7: --grid)",
            rows = wide(4),
            objectness = wide(5),
        )
    }

    fn refused(&self, expected: String) -> ZooError {
        ZooError::Outputs { family: FAMILY, found: tensors(&self.signature.outputs), expected }
    }

    /// All outputs that may hold boxes.
    fn tables(&self) -> Vec<Table> {
        let outputs = self.signature.outputs.iter().enumerate();
        outputs
            .filter(|(_, spec)| is_float(spec))
            .filter_map(|(place, spec)| match spec.shape[..] {
                [None | Some(1), outer, inner] => Some(Table { place, outer, inner }),
                _ => None,
            })
            .collect()
    }

    /// The readings of a table that are left when all that is known has spoken.
    fn readings(&self, table: Table) -> Vec<LayoutName> {
        let oriented = self.notes.task.as_deref() == Some("obb");
        let mut readings: Vec<LayoutName> = if oriented {
            vec![LayoutName::OrientedRows, LayoutName::OrientedEndToEnd]
        } else if self.notes.is_rt_detr {
            vec![LayoutName::NormalizedColumns, LayoutName::NormalizedEndToEnd]
        } else {
            vec![
                LayoutName::Rows,
                LayoutName::ObjectnessRows,
                LayoutName::Columns,
                LayoutName::Objectness,
                LayoutName::EndToEnd,
            ]
        };
        readings.retain(|name| self.fitting(*name, table, false).is_some());
        readings.retain(|name| {
            let boxes = if Layout::new(*name, 0).is_turned() { table.inner } else { table.outer };
            let is_said = self.notes.is_end_to_end == Some(true) && !Layout::new(*name, 0).has_class_scores();
            is_said || self.grids.can_hold(*name, boxes)
        });
        let is_finished = |name: &LayoutName| !Layout::new(*name, 0).has_class_scores();
        // What the model says of itself.
        match self.notes.is_end_to_end {
            Some(true) if readings.iter().any(is_finished) => readings.retain(is_finished),
            Some(false) => readings.retain(|name| !is_finished(name)),
            _ => {}
        }
        if self.notes.task.is_some() {
            // Models whose exporter writes a task have no objectness.
            readings.retain(|name| !Layout::new(*name, 0).has_objectness());
        }
        // How many boxes there are: those of a grid, or a list.
        if readings.len() > 1 {
            let fits = |name: &LayoutName| {
                let boxes = if Layout::new(*name, 0).is_turned() { table.inner } else { table.outer };
                boxes.is_none_or(|boxes| self.grids.is_grid(boxes) != is_finished(name) || Grids::is_list(boxes))
            };
            if readings.iter().any(fits) && !self.notes.is_rt_detr {
                readings.retain(fits);
            }
        }
        if let Some(objectness) = readings.iter_mut().find(|name| **name == LayoutName::Objectness) {
            match table.outer.map(|boxes| self.grids.is_usual(boxes)) {
                Some(true) if self.is_yolox(table) => *objectness = LayoutName::Yolox,
                None if self.is_yolox(table) => readings.push(LayoutName::Yolox),
                _ => {}
            }
        }
        readings
    }

    /// YOLOX's exports say nothing of themselves; YOLOv6's give their boxes in pixels as `outputs`, YOLOv5's a `stride`.
    fn is_yolox(&self, table: Table) -> bool {
        self.signature.outputs[table.place].name != "outputs" && !self.notes.has_stride
    }

    /// A layout for a table, when their sizes agree. Somebody who says it may leave numbers behind the scores unread.
    fn fitting(&self, name: LayoutName, table: Table, said: bool) -> Option<Found> {
        let turned = Layout::new(name, 0).is_turned();
        let (width, boxes) = if turned { (table.outer?, table.inner) } else { (table.inner?, table.outer) };
        let has_scores = Layout::new(name, 0).has_class_scores();
        let behind = self.behind(name, width);
        let mut notes = Vec::new();
        let classes = match (has_scores, self.classes) {
            (true, Some(classes)) => classes,
            (true, None) => {
                let classes =
                    width.checked_sub(least_width(name, 0) + behind.unwrap_or(0)).filter(|count| *count > 0)?;
                // Without names, rows are told from columns by which side is the longer one.
                if !said && boxes.is_some_and(|boxes| boxes < width) {
                    return None;
                }
                classes
            }
            (false, Some(classes)) => classes,
            (false, None) => 0,
        };
        let least = least_width(name, classes);
        let fits = match behind {
            Some(behind) => width == least + behind || (said && width >= least),
            None => width >= least,
        };
        let is_short = boxes.is_some_and(|boxes| boxes > 0 && boxes < width);
        let fits = fits && !(said && has_scores && width > least && is_short);
        if !fits || (has_scores && !said && self.is_unlikely(name, classes)) {
            return None;
        }
        if name == LayoutName::Yolox && !said {
            notes.push(
                "one box with objectness for each cell: taken for YOLOX's before its grid is added; layout = \"objectness\" \
                 where an export adds it"
                    .to_owned(),
            );
        }
        if width > least {
            let task = self.notes.task.as_deref().unwrap_or("detect");
            notes.push(format!(
                "{} of {width} numbers of each box are read: {} are left for later",
                least,
                match task {
                    "segment" => "its mask's",
                    "pose" => "its keypoints'",
                    _ => "those behind its scores",
                }
            ));
        }
        if matches!(name, LayoutName::OrientedRows | LayoutName::OrientedEndToEnd) {
            notes.push("oriented boxes are reported as the upright boxes around them".to_owned());
        }
        Some(Found { layout: Layout { name, classes, width }, outputs: vec![table.place], notes })
    }

    /// Without names nothing tells `5 + C` from `4 + C`, but 80 classes are COCO's.
    fn is_unlikely(&self, name: LayoutName, classes: usize) -> bool {
        let width = classes + least_width(name, 0);
        let is_coco = |ahead: usize| width == ahead + coco::CLASSES.len();
        self.classes.is_none()
            && match name {
                LayoutName::ObjectnessRows => true,
                LayoutName::Objectness => is_coco(4),
                LayoutName::Columns => is_coco(5),
                _ => false,
            }
    }

    /// How many numbers stand behind the scores of a box of `width` numbers; `None` for any number.
    fn behind(&self, name: LayoutName, width: usize) -> Option<usize> {
        // The angle has its place in the layout.
        if matches!(name, LayoutName::OrientedRows | LayoutName::OrientedEndToEnd) {
            return Some(0);
        }
        let protos = self.signature.outputs.iter().find_map(|spec| match spec.shape[..] {
            [_, Some(masks), _, _] if is_float(spec) => Some(masks),
            _ => None,
        });
        match (self.notes.task.as_deref(), protos) {
            (Some("segment"), Some(masks)) => Some(masks),
            // Nobody says that there are masks: they have a fourth of the picture's sides, and each box their numbers.
            (None, Some(_)) => {
                let masks = self.signature.outputs.iter().find_map(|spec| self.masks(spec)).unwrap_or(0);
                let is_behind = match self.classes {
                    Some(classes) => width == least_width(name, classes) + masks,
                    None => width > least_width(name, 0) + masks,
                };
                Some(if is_behind { masks } else { 0 })
            }
            (Some("segment"), None) => Some(32),
            (Some("pose"), _) => self.notes.keypoint_numbers,
            _ => Some(0),
        }
    }

    /// How many masks an output holds of which those of all boxes are made.
    fn masks(&self, spec: &TensorSpec) -> Option<usize> {
        let Size { width_px, height_px } = self.grids.size;
        let is_fourth = |side: Option<usize>, whole: u32| side.is_none_or(|side| side == whole.div_ceil(4) as usize);
        match spec.shape[..] {
            [_, Some(masks), height, width] if is_float(spec) => {
                (is_fourth(height, height_px) && is_fourth(width, width_px)).then_some(masks)
            }
            _ => None,
        }
    }

    fn place(&self, name: &str, is_right: impl Fn(&TensorSpec) -> bool) -> Option<usize> {
        self.signature.output(name).filter(|place| is_right(&self.signature.outputs[*place]))
    }

    fn counted(&self) -> Option<Found> {
        COUNTED.iter().find_map(|[number, boxes, scores, of_classes]| {
            let is_number = |spec: &TensorSpec| is_integer(spec) && spec.shape.len() <= 2;
            let is_boxes = |spec: &TensorSpec| is_float(spec) && matches!(spec.shape[..], [_, _, None | Some(4)]);
            let is_classes = |spec: &TensorSpec| (is_integer(spec) || is_float(spec)) && spec.shape.len() == 2;
            let outputs = vec![
                self.place(number, is_number)?,
                self.place(boxes, is_boxes)?,
                self.place(scores, |spec| is_float(spec) && spec.shape.len() == 2)?,
                self.place(of_classes, is_classes)?,
            ];
            let classes = self.classes.unwrap_or(0);
            Some(Found { layout: Layout::new(LayoutName::NumDets, classes), outputs, notes: Vec::new() })
        })
    }

    /// Boxes, scores and classes without a number of boxes: all of them, where somebody says it.
    fn uncounted(&self) -> Option<Found> {
        let outputs = vec![
            self.place("boxes", |spec| is_float(spec) && matches!(spec.shape[..], [_, _, None | Some(4)]))?,
            self.place("scores", |spec| is_float(spec) && spec.shape.len() == 2)?,
            self.place("labels", |spec| (is_integer(spec) || is_float(spec)) && spec.shape.len() == 2)?,
        ];
        let layout = Layout::new(LayoutName::NumDets, self.classes.unwrap_or(0));
        Some(Found { layout, outputs, notes: Vec::new() })
    }

    fn dets_and_labels(&self) -> Option<Found> {
        let is_dets = |spec: &TensorSpec| is_float(spec) && matches!(spec.shape[..], [_, _, Some(5)]);
        let is_labels = |spec: &TensorSpec| is_integer(spec) && spec.shape.len() == 2;
        let outputs = vec![self.place("dets", is_dets)?, self.place("labels", is_labels)?];
        let classes = self.classes.unwrap_or(0);
        let note = "MMDetection's exports do not say how pixels are prepared: in the corner, RGB, mean and std of ImageNet \
                    are taken; RTMDet wants input.colors = \"bgr\", MMDetection's YOLOX colors = \"bgr\" and range = 255";
        let layout = Layout::new(LayoutName::DetsAndLabels, classes);
        Some(Found { layout, outputs, notes: vec![note.to_owned()] })
    }

    /// `[N, 7]`.
    fn batch(&self, said: Option<LayoutName>) -> Option<Found> {
        let is_seven = |spec: &TensorSpec| is_float(spec) && matches!(spec.shape[..], [_, Some(7)]);
        let place = self.signature.outputs.iter().position(is_seven)?;
        let is_flat = self.signature.outputs[place].name.contains("flat_predictions");
        let name = if is_flat { LayoutName::BatchScoreClass } else { LayoutName::BatchClassScore };
        let classes = self.classes.unwrap_or(0);
        let layout = Layout::new(said.unwrap_or(name), classes);
        Some(Found { layout, outputs: vec![place], notes: Vec::new() })
    }

    /// Whether `[N, 7]` may as well be the scores of seven classes of the whole picture: N is 1 or the batch's, and
    /// there are seven names or none.
    fn may_classify(&self, found: &Found) -> bool {
        let outer = found.outputs.first().and_then(|place| self.signature.outputs[*place].shape[0]);
        let is_batch_open = self.signature.inputs.iter().any(|spec| spec.shape.len() == 4 && spec.shape[0].is_none());
        let is_one_picture = outer.map_or(is_batch_open, |outer| outer == 1);
        is_one_picture && self.classes.is_none_or(|classes| classes == 7)
    }

    fn rows_or_classes(&self, found: &Found) -> ZooError {
        let name = found.layout.name;
        ZooError::TwoReadings {
            found: tensors(&self.signature.outputs),
            readings: format!("{name} ({}) or the scores of seven classes, which is no detector's", in_words(name)),
        }
    }

    /// Outputs that nobody looks at.
    fn unread(&self, found: &Found) -> Option<String> {
        let rest = self.signature.outputs.iter().enumerate().filter(|(place, _)| !found.outputs.contains(place));
        let names: Vec<&str> = rest.map(|(_, spec)| spec.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("not read: {}", names.join(", ")))
    }
}

fn is_float(spec: &TensorSpec) -> bool {
    matches!(spec.element, Element::F32 | Element::F16)
}

fn is_integer(spec: &TensorSpec) -> bool {
    matches!(spec.element, Element::I64 | Element::I32)
}
