//! Which labels are published, which are obstacles and which are tracked, by the parameters that name classes.
//!
//! `classes` and `prompt_unmatched` are about what is published and nothing else: what `obstacle_classes` names is
//! tracked and planned with, published or not.
//!
//! Without prompts, `classes` and `obstacle_classes` name classes of the model. A set of prompts changes the labels, not
//! the parameters, and must not make the robot see or mind less by surprise:
//!
//! - A name is known if it is a prompt or one of the model's own classes, whether that class still has a label or not.
//!   An unknown name refuses the prompts.
//! - Prompts are always published: whoever asks for them wants to see them. `classes` names the model's own classes that
//!   are published beside them; with `prompt_unmatched: drop` none is.
//! - Prompts take boxes of the model's classes. So as soon as `obstacle_classes` names one of those, every prompt is an
//!   obstacle: no box ceases to be one by its new name. A list of nothing but words that the model does not know is
//!   taken at its word.
//!
//! Where `obstacle_classes` is empty, everything is an obstacle, with one exception: the model's own classes that are
//! known not to move by themselves do not count where they hang or lie on something ([`Obstacles::still`]).

use crate::config::{Config, Unmatched};
use crate::planning::Obstacles;
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
    published: Vec<String>,
    keeps_unmatched: bool,
    obstacles: Vec<String>,
    own: Labels,
}

/// What they come to for one set of labels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ChosenClasses {
    /// `None`: all.
    pub(crate) published: Option<ClassMask>,
    /// Published or an obstacle; `None`: all.
    pub(crate) tracked: Option<ClassMask>,
    pub(crate) obstacles: Obstacles,
}

impl ClassChoice {
    /// `own` are the detector's labels before it has prompts.
    pub(crate) fn new(config: &Config, own: Labels) -> Self {
        let keeps_unmatched = config.prompt_unmatched == Unmatched::Keep;
        let (published, obstacles) = (config.classes.clone(), config.obstacle_classes.clone());
        Self { published, keeps_unmatched, obstacles, own }
    }

    /// The two parameters as they are in `config`.
    pub(crate) fn changed(&self, config: &Config) -> Self {
        Self::new(config, self.own.clone())
    }

    /// For labels of which the first `prompts` are prompts.
    pub(crate) fn among(&self, labels: &Labels, prompts: usize) -> Result<ChosenClasses, ClassError> {
        let named = self.named("classes", &self.published, labels)?;
        let obstacles = self.named("obstacle_classes", &self.obstacles, labels)?;
        let all_prompts = || labels.classes().take(prompts);
        let names_own = self.obstacles.iter().any(|name| self.own.find(name).is_some());
        let classes = obstacles.map(|mut named| {
            named.extend(all_prompts().filter(|_| names_own));
            named
        });
        let named = if prompts > 0 && !self.keeps_unmatched { Some(BTreeSet::new()) } else { named };
        let published = named.map(|named| ClassMask::of(labels, named.into_iter().chain(all_prompts())));
        let tracked = published
            .as_ref()
            .zip(classes.as_ref())
            .map(|(published, obstacles)| ClassMask::of(labels, obstacles.iter().copied()).or(published));
        let stays = |class: &ClassId| classes.is_none() && Obstacles::is_still(labels.name(*class));
        let still = labels.classes().skip(prompts).filter(stays).collect();
        Ok(ChosenClasses { published, tracked, obstacles: Obstacles { classes, still } })
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

    /// What is published, what is an obstacle and what is tracked, by name; `all` for all.
    fn chosen(classes: &[&str], obstacles: &[&str], labels: &Labels, prompts: usize) -> Result<[String; 3], String> {
        chosen_with(&Config::default(), classes, obstacles, labels, prompts)
    }

    fn chosen_with(
        config: &Config,
        classes: &[&str],
        obstacles: &[&str],
        labels: &Labels,
        prompts: usize,
    ) -> Result<[String; 3], String> {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let config = Config { classes: list(classes), obstacle_classes: list(obstacles), ..config.clone() };
        let choice = ClassChoice::new(&config, own());
        let ChosenClasses { published, tracked, obstacles } =
            choice.among(labels, prompts).map_err(|error| error.to_string())?;
        let among = |contains: &dyn Fn(ClassId) -> bool| {
            let names = labels.classes().filter(|class| contains(*class)).map(|class| labels.name(class));
            names.collect::<Vec<_>>().join(" ")
        };
        let [published, tracked] =
            [published, tracked].map(|mask| mask.map_or("all".to_owned(), |mask| among(&|class| mask.contains(class))));
        let obstacles = obstacles.classes.map_or("all".to_owned(), |set| among(&|class| set.contains(&class)));
        Ok([published, obstacles, tracked])
    }

    #[test]
    fn without_prompts_the_parameters_name_classes_of_the_model() {
        assert_eq!(chosen(&[], &[], &own(), 0).unwrap(), ["all", "all", "all"]);
        assert_eq!(chosen(&["dog", "person"], &["car"], &own(), 0).unwrap(), ["person dog", "car", "person car dog"]);
    }

    #[test]
    fn what_is_not_published_is_still_an_obstacle() {
        assert_eq!(chosen(&["dog"], &["person"], &own(), 0).unwrap(), ["dog", "person", "person dog"]);
        assert_eq!(chosen(&["dog"], &[], &own(), 0).unwrap(), ["dog", "all", "all"]);
    }

    #[test]
    fn a_box_that_answers_no_prompt_is_dropped_from_what_is_published_only() {
        let config = Config { prompt_unmatched: Unmatched::Drop, ..Config::default() };
        let labels = Labels::new(["van", "person", "car", "dog"], 1);
        let chosen = |classes: &[&str], obstacles: &[&str], labels: &Labels, prompts| {
            chosen_with(&config, classes, obstacles, labels, prompts).unwrap()
        };
        assert_eq!(chosen(&[], &[], &labels, 1), ["van", "all", "all"]);
        assert_eq!(chosen(&["dog"], &["person"], &labels, 1), ["van", "van person", "van person"]);
        assert_eq!(chosen(&["dog"], &[], &own(), 0), ["dog", "all", "all"], "without prompts there is nothing to drop");
    }

    #[test]
    fn what_does_not_move_is_known_by_name_where_nobody_named_the_obstacles() {
        let labels = Labels::new(["cup", "tv", "clock", "person", "gizmo"], 1);
        let still = |obstacles: &[&str]| {
            let obstacle_classes = obstacles.iter().map(|name| (*name).to_owned()).collect();
            let config = Config { obstacle_classes, ..Config::default() };
            let own = Labels::new(["cup", "tv", "clock", "person", "gizmo"], 0);
            let chosen = ClassChoice::new(&config, own).among(&labels, 1).unwrap();
            chosen.obstacles.still.into_iter().map(|class| labels.name(class).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(still(&[]), ["tv", "clock"], "a prompt may be anything");
        assert_eq!(still(&["tv", "person"]), [""; 0], "named, so it counts wherever it is");
    }

    #[test]
    fn a_class_that_the_model_does_not_have_is_refused_by_parameter() {
        let error = chosen(&[], &["persn"], &own(), 0).unwrap_err();
        assert_eq!(error, r#"parameter obstacle_classes: the model has no class "persn", did you mean "person"?"#);
    }

    #[test]
    fn prompts_are_published_beside_the_classes_that_are_named() {
        let labels = Labels::new(["pedestrian", "person", "car", "dog"], 1);
        assert_eq!(chosen(&["dog"], &[], &labels, 1).unwrap(), ["pedestrian dog", "all", "all"]);
    }

    #[test]
    fn a_person_that_is_called_pedestrian_stays_an_obstacle() {
        let labels = Labels::new(["pedestrian", "van", "person", "car", "dog"], 1);
        assert_eq!(chosen(&[], &["person"], &labels, 2).unwrap()[1], "pedestrian van person");
        assert_eq!(chosen(&[], &["van", "car"], &labels, 2).unwrap()[1], "pedestrian van car");
        assert_eq!(chosen(&[], &["van"], &labels, 2).unwrap()[1], "van", "no class of the model: taken at its word");
        let person_too = Labels::new(["pedestrian", "person", "car", "dog"], 2);
        let [_, obstacles, _] = chosen(&[], &["person"], &person_too, 2).unwrap();
        assert_eq!(obstacles, "pedestrian person", "one prompt may take what another one names");
    }

    #[test]
    fn a_class_without_a_label_of_its_own_is_known_all_the_same() {
        let dropped = Labels::new(["pedestrian"], 1);
        assert_eq!(chosen(&["person"], &["person", "car"], &dropped, 1).unwrap(), ["pedestrian"; 3]);
        assert!(chosen(&["van"], &[], &dropped, 1).is_err());
    }
}
