//! Which labels are reported and which are obstacles, by the parameters that name classes.
//!
//! Without prompts, `classes` and `obstacle_classes` name classes of the model. A set of prompts changes the labels, not
//! the parameters, and must not make the robot see or mind less by surprise:
//!
//! - A name is known if it is a prompt or one of the model's own classes, whether that class still has a label or not.
//!   An unknown name refuses the prompts.
//! - Prompts are always reported: whoever asks for them wants to see them. `classes` names the model's own classes that
//!   are reported beside them.
//! - Prompts take boxes of the model's classes. So as soon as `obstacle_classes` names one of those that is no prompt
//!   itself, every prompt is an obstacle: no box ceases to be one by its new name. A list of nothing but prompts is
//!   taken at its word.

use crate::config::Config;
use crate::types::{ClassId, Labels};
use crate::zoo::{ClassMask, UnknownClass};
use std::collections::BTreeSet;

/// A parameter that names a class which the model does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parameter {key}: {source}")]
pub struct ClassError {
    /// `classes` or `obstacle_classes`.
    pub key: &'static str,
    /// The name, and the nearest one.
    #[source]
    pub source: UnknownClass,
}

/// The two parameters, with the classes that the model has without prompts.
#[derive(Debug, Clone)]
pub(crate) struct ClassChoice {
    reported: Vec<String>,
    obstacles: Vec<String>,
    own: Labels,
}

/// What they come to for one set of labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChosenClasses {
    /// `None`: all.
    pub(crate) reported: Option<ClassMask>,
    /// `None`: all.
    pub(crate) obstacles: Option<BTreeSet<ClassId>>,
}

impl ClassChoice {
    /// `own` are the detector's labels before it has prompts.
    pub(crate) fn new(config: &Config, own: Labels) -> Self {
        Self { reported: config.classes.clone(), obstacles: config.obstacle_classes.clone(), own }
    }

    /// For labels of which the first `prompts` are prompts.
    pub(crate) fn among(&self, labels: &Labels, prompts: usize) -> Result<ChosenClasses, ClassError> {
        let reported = self.named("classes", &self.reported, labels)?;
        let obstacles = self.named("obstacle_classes", &self.obstacles, labels)?;
        let all_prompts = || labels.classes().take(prompts);
        let names_own = self.obstacles.iter().any(|name| !labels.names().take(prompts).any(|text| text == name));
        Ok(ChosenClasses {
            reported: reported.map(|named| ClassMask::of(labels, named.into_iter().chain(all_prompts()))),
            obstacles: obstacles.map(|mut named| {
                named.extend(all_prompts().filter(|_| names_own));
                named
            }),
        })
    }

    /// The labels of a list of names; `None`, all of them, for an empty one.
    fn named(
        &self,
        key: &'static str,
        names: &[String],
        labels: &Labels,
    ) -> Result<Option<BTreeSet<ClassId>>, ClassError> {
        if names.is_empty() {
            return Ok(None);
        }
        let known = |name: &String| match labels.find(name) {
            None if self.own.find(name).is_none() => Err(UnknownClass::new(name, labels)),
            label => Ok(label),
        };
        let labels = names.iter().filter_map(|name| known(name).transpose()).collect::<Result<_, _>>();
        labels.map(Some).map_err(|source| ClassError { key, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Labels {
        Labels::new(["person", "car", "dog"], 0)
    }

    /// What is reported and what is an obstacle, by name; `all` for all.
    fn chosen(classes: &[&str], obstacles: &[&str], labels: &Labels, prompts: usize) -> Result<[String; 2], String> {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let config = Config { classes: list(classes), obstacle_classes: list(obstacles), ..Config::default() };
        let choice = ClassChoice::new(&config, own());
        let ChosenClasses { reported, obstacles } = choice.among(labels, prompts).map_err(|error| error.to_string())?;
        let among = |contains: &dyn Fn(ClassId) -> bool| {
            let names = labels.classes().filter(|class| contains(*class)).map(|class| labels.name(class));
            names.collect::<Vec<_>>().join(" ")
        };
        let reported = reported.map_or("all".to_owned(), |mask| among(&|class| mask.contains(class)));
        let obstacles = obstacles.map_or("all".to_owned(), |set| among(&|class| set.contains(&class)));
        Ok([reported, obstacles])
    }

    #[test]
    fn without_prompts_the_parameters_name_classes_of_the_model() {
        assert_eq!(chosen(&[], &[], &own(), 0).unwrap(), ["all", "all"]);
        assert_eq!(chosen(&["dog", "person"], &["car"], &own(), 0).unwrap(), ["person dog", "car"]);
    }

    #[test]
    fn a_class_that_the_model_does_not_have_is_refused_by_parameter() {
        let error = chosen(&[], &["persn"], &own(), 0).unwrap_err();
        assert_eq!(error, r#"parameter obstacle_classes: the model has no class "persn", did you mean "person"?"#);
    }

    #[test]
    fn prompts_are_reported_beside_the_classes_that_are_named() {
        let labels = Labels::new(["pedestrian", "person", "car", "dog"], 1);
        assert_eq!(chosen(&["dog"], &[], &labels, 1).unwrap(), ["pedestrian dog", "all"]);
    }

    #[test]
    fn a_person_that_is_called_pedestrian_stays_an_obstacle() {
        let labels = Labels::new(["pedestrian", "van", "person", "car", "dog"], 1);
        assert_eq!(chosen(&[], &["person"], &labels, 2).unwrap()[1], "pedestrian van person");
        assert_eq!(chosen(&[], &["van", "car"], &labels, 2).unwrap()[1], "pedestrian van car");
        assert_eq!(chosen(&[], &["van"], &labels, 2).unwrap()[1], "van", "only prompts: taken at its word");
    }

    #[test]
    fn a_class_without_a_label_of_its_own_is_known_all_the_same() {
        let dropped = Labels::new(["pedestrian"], 1);
        assert_eq!(chosen(&["person"], &["person", "car"], &dropped, 1).unwrap(), ["pedestrian", "pedestrian"]);
        assert!(chosen(&["van"], &[], &dropped, 1).is_err());
    }
}
