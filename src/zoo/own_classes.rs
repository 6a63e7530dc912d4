//! A detector's own classes under prompts: which prompt names one, where the others are among the labels, and boxes that
//! get other labels.

pub(super) mod names;

use super::Thresholds;
use crate::types::{ClassId, Detection, Labels, Prompts};
use names::names_class;

/// One of the detector's own classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnClass {
    /// The prompt that names it.
    pub named_by: Option<ClassId>,
    /// Its place among the labels, where no prompt names it.
    pub label: Option<ClassId>,
}

impl OwnClass {
    /// The classes of `own`, in order, under the first `prompts` of `labels`.
    pub fn all(own: &Labels, labels: &Labels, prompts: usize) -> Vec<Self> {
        let texts: Vec<(ClassId, &str)> = labels.classes().zip(labels.names()).take(prompts).collect();
        let named_by = |name: &str| texts.iter().find(|(_, text)| names_class(text, name)).map(|(prompt, _)| *prompt);
        let label = |name: &str| labels.find(name).filter(|label| usize::from(label.0) >= prompts);
        own.names().map(|name| Self { named_by: named_by(name), label: label(name) }).collect()
    }
}

/// The prompts, then the own classes that no prompt names.
pub(super) fn labels(prompts: &Prompts, own: &Labels) -> Labels {
    let is_unnamed = |name: &&str| !prompts.texts().any(|text| names_class(text, name));
    Labels::new(prompts.texts().chain(own.names().filter(is_unnamed)), prompts.version())
}

/// Gives every box its label, and takes those away that have none, are not asked for, or are there already: boxes that
/// came under several classes and have one label now are suppressed once more.
pub(super) fn relabel(
    out: &mut Vec<Detection>,
    thresholds: &Thresholds,
    mut label_of: impl FnMut(usize, &Detection) -> Option<ClassId>,
) {
    let mut kept = 0;
    for index in 0..out.len() {
        let mut detection = out[index];
        let label = label_of(index, &detection);
        let Some(class) = label.filter(|class| thresholds.reports(*class)) else { continue };
        detection.class = class;
        let covers = |better: &Detection| better.class == class && better.bbox.iou(&detection.bbox) > thresholds.iou;
        if !out[..kept].iter().any(covers) {
            out[kept] = detection;
            kept += 1;
        }
    }
    out.truncate(kept);
}
