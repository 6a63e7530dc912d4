//! What a box must be to be reported.

use crate::types::{ClassId, Labels};

/// The bounds between a model's raw boxes and detections.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// Lowest score that is reported, `0..=1`. Default: 0.25.
    pub score: f32,
    /// Highest IoU at which two boxes of one class both stay, `0..=1`. Default: 0.7. End-to-end models do not use it.
    pub iou: f32,
    /// Most boxes of a picture, the best ones. Default: 300.
    pub max_detections: usize,
    /// The classes that are reported; `None` is all. A box belongs to its best class even where that one is not
    /// reported: a truck does not become a car because only cars are asked for.
    pub classes: Option<ClassMask>,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { score: 0.25, iou: 0.7, max_detections: 300, classes: None }
    }
}

impl Thresholds {
    /// The same for all classes, for whoever chooses among them later.
    pub(in crate::zoo) fn of_all_classes(&self) -> Self {
        let Self { score, iou, max_detections, classes: _ } = *self;
        Self { score, iou, max_detections, classes: None }
    }

    /// Whether boxes of `class` are reported.
    pub fn reports(&self, class: ClassId) -> bool {
        self.classes.as_ref().is_none_or(|mask| mask.contains(class))
    }
}

/// A set of a model's classes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMask {
    members: Vec<bool>,
}

/// A class that the model does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the model has no class {name:?}{nearest}")]
pub struct UnknownClass {
    /// The name as found.
    pub name: String,
    /// `, did you mean "person"?`, or empty.
    pub nearest: String,
}

impl UnknownClass {
    /// For a name that is none of `labels`.
    pub fn new(name: &str, labels: &Labels) -> Self {
        Self { name: name.to_owned(), nearest: crate::zoo::manifest::keys::did_you_mean(name, labels.names()) }
    }
}

impl ClassMask {
    /// These classes.
    pub fn of(labels: &Labels, classes: impl IntoIterator<Item = ClassId>) -> Self {
        let mut members = vec![false; labels.len()];
        for class in classes {
            if let Some(member) = members.get_mut(usize::from(class.0)) {
                *member = true;
            }
        }
        Self { members }
    }

    /// The classes of these names.
    ///
    /// # Errors
    /// [`UnknownClass`] with the nearest name that the model has.
    pub fn new<'a>(labels: &Labels, names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownClass> {
        let found = names.into_iter().map(|name| labels.find(name).ok_or_else(|| UnknownClass::new(name, labels)));
        Ok(Self::of(labels, found.collect::<Result<Vec<_>, _>>()?))
    }

    /// The classes that are in this set or in another one.
    pub fn or(mut self, other: &Self) -> Self {
        self.members.resize(self.members.len().max(other.members.len()), false);
        for (member, of_other) in self.members.iter_mut().zip(&other.members) {
            *member |= of_other;
        }
        self
    }

    /// Whether a class is in the set.
    pub fn contains(&self, class: ClassId) -> bool {
        self.members.get(usize::from(class.0)).copied().unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_holds_the_named_classes_only() {
        let labels = Labels::new(["person", "bicycle", "car"], 0);
        let mask = ClassMask::new(&labels, ["car", "person"]).unwrap();
        let members: Vec<_> = (0..4).map(|class| mask.contains(ClassId(class))).collect();
        assert_eq!(members, [true, false, true, false]);
        let both = mask.or(&ClassMask::of(&labels, [ClassId(1), ClassId(2)]));
        assert!((0..3).all(|class| both.contains(ClassId(class))));
    }

    #[test]
    fn an_unknown_class_is_refused_with_the_nearest() {
        let labels = Labels::new(["person", "bicycle", "car"], 0);
        let error = ClassMask::new(&labels, ["persn"]).unwrap_err();
        assert_eq!(error.to_string(), "the model has no class \"persn\", did you mean \"person\"?");
        assert_eq!(ClassMask::new(&labels, ["zebra"]).unwrap_err().nearest, "");
    }
}
