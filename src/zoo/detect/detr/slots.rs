//! Which class each of a model's logits stands for.

use crate::types::{ClassId, Labels};
use crate::zoo::detect::graph::{NamesFrom, coco};
use crate::zoo::{LayoutName, ZooError};

/// Class names by slot: a slot without one is no class.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Names {
    pub names: Vec<Option<String>>,
    pub from: NamesFrom,
    /// Whether each stands at the number of its slot, as `id2label` has them.
    pub by_slot: bool,
}

/// The class of each slot, without holes among the classes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slots {
    classes: Vec<Option<ClassId>>,
    labels: Labels,
    /// How the slots stand: one of the layouts with logits, or for outputs without slots what they have.
    pub layout: LayoutName,
    pub names_from: NamesFrom,
}

/// What is known of a model's slots beside the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// How many there are; none for outputs that name a class.
    pub slots: Option<usize>,
    /// Whether they are RF-DETR's.
    pub rf_detr: bool,
    /// The layout that somebody says.
    pub said: Option<LayoutName>,
    /// The layout of outputs that name a class.
    pub of_form: LayoutName,
}

impl Slots {
    /// Puts names to slots.
    ///
    /// # Errors
    /// [`ZooError::Names`] when there are none or not as many as the model has slots; [`ZooError::TwoReadings`] when it
    /// has more slots than names and nobody says where the others are.
    pub fn of(names: Option<Names>, known: Known) -> Result<Self, ZooError> {
        let Known { slots, rf_detr, said, of_form } = known;
        let assumed = || {
            let classes = slots.map(|slots| if slots == coco::SLOTS { coco::CLASSES.len() } else { slots })?;
            let names = coco::assumed(classes)?.into_iter().map(Some).collect();
            Some(Names { names, from: NamesFrom::Coco, by_slot: false })
        };
        let Some(Names { mut names, from, by_slot }) = names.or_else(assumed) else {
            let reason = "neither a config.json nor the manifest's key labels has them".to_owned();
            return Err(ZooError::Names { reason });
        };
        let Some(slots) = slots else { return Self::with(names, of_form, from) };
        let count = names.len();
        let is_coco = count == coco::CLASSES.len();
        let mut layout = said.unwrap_or(LayoutName::Logits);
        if said.is_none() {
            let softmax = !rf_detr && slots == names.len() + 1;
            if is_coco && (slots == coco::SLOTS || (slots == coco::SLOTS + 1 && !rf_detr)) {
                names = coco::at_category_ids(names);
                if slots > coco::SLOTS {
                    layout = LayoutName::SoftmaxBackgroundLast;
                }
            } else if softmax {
                layout = LayoutName::SoftmaxBackgroundLast;
            } else if rf_detr && slots > names.len() {
                if !by_slot {
                    let count = names.len();
                    return Err(ZooError::TwoReadings {
                        found: format!("logits of {slots} slots for {count} names"),
                        readings:
                            "background_first (the names belong to slots 1 and up) or background_last (to slots 0 and \
                                   up)"
                            .to_owned(),
                    });
                }
                layout = LayoutName::BackgroundLast;
            }
        }
        match layout {
            LayoutName::BackgroundFirst if slots > names.len() => {
                names.insert(0, None);
                names.resize(slots, None);
            }
            LayoutName::BackgroundLast if slots > names.len() => names.resize(slots, None),
            LayoutName::SoftmaxBackgroundLast if slots == names.len() + 1 => names.push(None),
            _ => {}
        }
        if slots != names.len() {
            let reason = format!("there are {count}, {from}, for a model with {slots} classes");
            return Err(ZooError::Names { reason });
        }
        Self::with(names, layout, from)
    }

    fn with(names: Vec<Option<String>>, layout: LayoutName, names_from: NamesFrom) -> Result<Self, ZooError> {
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
        Ok(Self { classes, labels: Labels::new(labels, 0), layout, names_from })
    }

    /// One for each slot.
    pub fn classes(&self) -> &[Option<ClassId>] {
        &self.classes
    }

    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Whether the slots of a query share one probability.
    pub fn is_softmax(&self) -> bool {
        self.layout == LayoutName::SoftmaxBackgroundLast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        count: usize,
        slots: usize,
        rf_detr: bool,
        by_slot: bool,
        said: Option<LayoutName>,
    ) -> Result<Slots, ZooError> {
        let names = (0..count).map(|index| Some(format!("thing {index}"))).collect();
        let names = Some(Names { names, from: NamesFrom::Given, by_slot }).filter(|_| count > 0);
        Slots::of(names, Known { slots: Some(slots), rf_detr, said, of_form: LayoutName::Logits })
    }

    fn places(slots: &Slots) -> Vec<Option<u16>> {
        slots.classes().iter().map(|class| class.map(|class| class.0)).collect()
    }

    #[test]
    fn cocos_80_names_are_put_at_their_category_ids() {
        for (slots, rf_detr, layout) in [
            (91, true, LayoutName::Logits),
            (91, false, LayoutName::Logits),
            (92, false, LayoutName::SoftmaxBackgroundLast),
        ] {
            let put = of(80, slots, rf_detr, false, None).unwrap();
            assert_eq!((put.labels().len(), put.classes().len(), put.layout), (80, slots, layout));
            let at = |slot: usize| put.classes()[slot].map(|class| class.0);
            // By COCO's numbering: 1 person, 13 stop sign (the 12th name), 90 toothbrush.
            let found = [at(0), at(1), at(11), at(12), at(13), at(90)];
            assert_eq!(found, [None, Some(0), Some(10), None, Some(11), Some(79)]);
        }
    }

    #[test]
    fn slots_of_coco_are_named_by_coco_where_nobody_names_them() {
        let slots = of(0, 91, true, false, None).unwrap();
        assert_eq!((slots.labels().name(ClassId(0)), slots.names_from), ("person", NamesFrom::Coco));
        assert_eq!(of(0, 80, false, false, None).unwrap().labels().name(ClassId(79)), "toothbrush");
        let error = of(0, 3, false, false, None).unwrap_err().to_string();
        assert_eq!(error, "class names: neither a config.json nor the manifest's key labels has them");
    }

    #[test]
    fn a_slot_that_no_class_has_leaves_no_hole_among_the_labels() {
        let names = vec![None, Some("a".to_owned()), None, Some("b".to_owned())];
        let names = Some(Names { names, from: NamesFrom::Given, by_slot: true });
        let known = Known { slots: Some(4), rf_detr: false, said: None, of_form: LayoutName::Logits };
        let slots = Slots::of(names, known).unwrap();
        assert_eq!(slots.classes(), [None, Some(ClassId(0)), None, Some(ClassId(1))]);
        assert_eq!(slots.labels().names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_slot_more_than_names_is_the_background_of_softmax_but_rf_detrs_must_be_said() {
        let softmax = of(3, 4, false, false, None).unwrap();
        assert_eq!((softmax.is_softmax(), places(&softmax)), (true, vec![Some(0), Some(1), Some(2), None]));
        let error = of(3, 4, true, false, None).unwrap_err().to_string();
        assert_eq!(
            error,
            "model gives [logits of 4 slots for 3 names], which may be background_first (the names belong to slots 1 and \
             up) or background_last (to slots 0 and up): say which in the manifest, layout = \"...\""
        );
        let first = of(3, 4, true, false, Some(LayoutName::BackgroundFirst)).unwrap();
        assert_eq!(places(&first), [None, Some(0), Some(1), Some(2)]);
        let last = of(3, 4, true, false, Some(LayoutName::BackgroundLast)).unwrap();
        assert_eq!(places(&last), [Some(0), Some(1), Some(2), None]);
        assert!(!first.is_softmax() && !last.is_softmax());
        // A config.json numbers its slots itself.
        assert_eq!(places(&of(3, 4, true, true, None).unwrap()), places(&last));
    }

    #[test]
    fn a_fine_tune_that_kept_91_slots_uses_the_first_of_them() {
        let kept = of(2, 91, true, false, Some(LayoutName::BackgroundFirst)).unwrap();
        assert_eq!(
            (kept.classes().len(), kept.classes()[1], kept.classes()[2]),
            (91, Some(ClassId(0)), Some(ClassId(1)))
        );
        assert!(kept.classes()[0].is_none() && kept.classes()[3..].iter().all(Option::is_none));
        assert!(of(2, 91, false, false, None).is_err());
        assert!(of(4, 3, true, false, None).is_err());
        assert!(of(4, 3, true, false, Some(LayoutName::BackgroundLast)).is_err());
    }
}
