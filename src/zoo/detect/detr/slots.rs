//! Which class each of a model's logits stands for.

use super::export::{Export, Form};
use crate::infer::Signature;
use crate::types::{ClassId, Labels};
use crate::zoo::manifest::Document;
use crate::zoo::{Manifest, ZooError};

/// How many category ids COCO has given, 0 included.
const COCO_SLOTS: usize = 91;
/// How many of them have a class.
const COCO_CLASSES: usize = 80;
/// Those that have none.
const COCO_HOLES: [usize; COCO_SLOTS - COCO_CLASSES] = [0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

/// The class of each slot, without holes among the classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slots {
    classes: Vec<Option<ClassId>>,
    labels: Labels,
}

impl Slots {
    /// From the manifest's labels, or else `config.json`.
    ///
    /// # Errors
    /// [`ZooError::Names`] when there are none or not as many as the model has slots; [`ZooError::File`].
    pub fn new(manifest: &Manifest, export: &Export, signature: &Signature) -> Result<Self, ZooError> {
        let names = match (&manifest.labels, manifest.path_of("config")) {
            (Some(labels), _) => labels.iter().map(|name| Some(name.clone()).filter(|name| name != "N/A")).collect(),
            (None, Ok(_)) => Document::read(manifest, "config")?.class_names()?,
            (None, Err(_)) => {
                let reason = "neither a config.json nor the manifest's key labels has them".to_owned();
                return Err(ZooError::Names { reason });
            }
        };
        let slots = match export.form {
            Form::Logits { logits, .. } => signature.outputs[logits].shape.last().copied().flatten(),
            Form::Decoded { .. } => None,
        };
        Self::of(names, slots, export.is_rf_detr())
    }

    fn of(mut names: Vec<Option<String>>, slots: Option<usize>, rf_detr: bool) -> Result<Self, ZooError> {
        if rf_detr && slots == Some(COCO_SLOTS) && names.len() == COCO_CLASSES {
            let mut given = names.into_iter();
            let at = |slot| if COCO_HOLES.contains(&slot) { None } else { given.next().flatten() };
            names = (0..COCO_SLOTS).map(at).collect();
        }
        // RF-DETR has one slot more than its classes need.
        if rf_detr && slots == Some(names.len() + 1) {
            names.push(None);
        }
        if let Some(slots) = slots.filter(|slots| *slots != names.len()) {
            let reason = format!("there are {} for a model with {slots} classes", names.len());
            return Err(ZooError::Names { reason });
        }
        let mut labels = Vec::new();
        let classes = names
            .into_iter()
            .map(|name| {
                let class = u16::try_from(labels.len()).ok().map(ClassId).filter(|_| name.is_some());
                labels.extend(name);
                class
            })
            .collect();
        if labels.is_empty() || u16::try_from(labels.len()).is_err() {
            return Err(ZooError::Names { reason: format!("there are {}, expected 1 to 65535", labels.len()) });
        }
        Ok(Self { classes, labels: Labels::new(labels, 0) })
    }

    /// One for each slot.
    pub fn classes(&self) -> &[Option<ClassId>] {
        &self.classes
    }

    pub fn labels(&self) -> &Labels {
        &self.labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<Option<String>> {
        (0..count).map(|index| Some(format!("thing {index}"))).collect()
    }

    #[test]
    fn cocos_80_names_are_put_at_their_category_ids() {
        let slots = Slots::of(names(80), Some(91), true).unwrap();
        assert_eq!((slots.labels().len(), slots.classes().len()), (80, 91));
        let at = |slot: usize| slots.classes()[slot].map(|class| class.0);
        // By COCO's numbering: 1 person, 13 stop sign (the 12th name), 90 toothbrush.
        assert_eq!([at(0), at(1), at(11), at(12), at(13), at(90)], [None, Some(0), Some(10), None, Some(11), Some(79)]);
    }

    #[test]
    fn a_slot_that_no_class_has_leaves_no_hole_among_the_labels() {
        let named = vec![None, Some("a".to_owned()), None, Some("b".to_owned())];
        let slots = Slots::of(named, Some(4), false).unwrap();
        assert_eq!(slots.classes(), [None, Some(ClassId(0)), None, Some(ClassId(1))]);
        assert_eq!(slots.labels().names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn rf_detr_may_leave_its_last_slot_without_a_name_and_the_others_not() {
        assert_eq!(Slots::of(names(3), Some(4), true).unwrap().classes().len(), 4);
        let error = Slots::of(names(3), Some(4), false).unwrap_err().to_string();
        assert_eq!(error, "class names: there are 3 for a model with 4 classes");
        assert!(Slots::of(names(80), Some(91), false).is_err());
        assert!(Slots::of(vec![None], None, false).is_err());
    }
}
