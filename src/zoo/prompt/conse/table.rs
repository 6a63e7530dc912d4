//! From what a detector thinks of a box to the prompt that it answers.

use crate::types::{ClassId, Labels};
use crate::zoo::ZooError;
use crate::zoo::prompt::matching::Matching;
use crate::zoo::prompt::own_classes::{OwnClass, ends_in, names_class};

/// How many of a box's classes are weighed.
pub const TOP_CLASSES: usize = 5;

pub(super) const FAMILY: &str = "conse";

/// What a box is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The label of a prompt.
    Prompt(ClassId),
    /// No prompt: the label of the detector's own class, if there is one.
    Own(Option<ClassId>),
}

/// The detector's classes against the prompts of one set.
#[derive(Debug)]
pub(super) struct MatchTable {
    classes: Vec<OwnClass>,
    prompts: usize,
    /// `classes x prompts`, after the rules.
    similarities: Vec<f32>,
    /// Of one box with every prompt, reused.
    of_box: Vec<f32>,
}

impl MatchTable {
    /// `similarities` are the cosines of the names of `own` with the first `prompts` of `labels`, row after row.
    pub(super) fn new(
        own: &Labels,
        labels: &Labels,
        prompts: usize,
        mut similarities: Vec<f32>,
    ) -> Result<Self, ZooError> {
        let is_whole = similarities.len() == own.len() * prompts && (1..=labels.len()).contains(&prompts);
        if !is_whole || similarities.iter().any(|similarity| !similarity.is_finite()) {
            return Err(ZooError::Prompts {
                family: FAMILY,
                found: format!("{} similarities for {prompts} of {} labels", similarities.len(), labels.len()),
                expected: format!("a finite one for each prompt and each of {} classes", own.len()),
            });
        }
        let names: Vec<&str> = own.names().collect();
        let texts: Vec<&str> = labels.names().take(prompts).collect();
        let classes = OwnClass::all(own, labels, prompts);

        let raw = similarities.clone();
        for (class, row) in similarities.chunks_exact_mut(prompts).enumerate() {
            for (inside, inside_row) in raw.chunks_exact(prompts).enumerate() {
                if ends_in(names[class], names[inside]) {
                    for (similarity, of_inside) in row.iter_mut().zip(inside_row) {
                        *similarity = if *of_inside >= *similarity { 0.0 } else { *similarity };
                    }
                }
            }
            for (similarity, text) in row.iter_mut().zip(&texts) {
                if names.iter().any(|name| names_class(text, name)) {
                    *similarity = -1.0;
                }
            }
        }
        Ok(Self { classes, prompts, similarities, of_box: vec![0.0; prompts] })
    }

    /// What a box of class `best` is called, by the probabilities of all classes where there are such.
    pub(super) fn answer(&mut self, best: ClassId, scores: Option<&[f32]>, matching: &Matching) -> Answer {
        let Some(&OwnClass { named_by, label }) = self.classes.get(usize::from(best.0)) else {
            return Answer::Own(None);
        };
        if let Some(prompt) = named_by {
            return Answer::Prompt(prompt);
        }
        self.weigh(usize::from(best.0), scores);
        let (mut first, mut second) = ((ClassId(0), f32::NEG_INFINITY), f32::NEG_INFINITY);
        for (prompt, &similarity) in (0..).map(ClassId).zip(&self.of_box) {
            if similarity > first.1 {
                (first, second) = ((prompt, similarity), first.1);
            } else {
                second = second.max(similarity);
            }
        }
        let is_taken = first.1 >= matching.min_similarity && first.1 - second >= matching.min_lead;
        if is_taken { Answer::Prompt(first.0) } else { Answer::Own(label) }
    }

    /// Fills `of_box` with the weighted mean of the best classes' rows.
    fn weigh(&mut self, best: usize, scores: Option<&[f32]>) {
        let mut top = [(best, 1.0); TOP_CLASSES];
        let mut len = 1;
        if let Some(scores) = scores.filter(|scores| scores.len() == self.classes.len()) {
            len = best_of(scores, &mut top);
        }
        let total: f32 = top[..len].iter().map(|(_, score)| score).sum();
        self.of_box.fill(0.0);
        for &(class, score) in &top[..len] {
            let row = &self.similarities[class * self.prompts..][..self.prompts];
            for (sum, similarity) in self.of_box.iter_mut().zip(row) {
                *sum += score / total * similarity;
            }
        }
    }
}

/// The classes with the highest scores above 0, best first, the first of equals before the others. Leaves `top` as it
/// is, of length 1, where there are none.
fn best_of(scores: &[f32], top: &mut [(usize, f32); TOP_CLASSES]) -> usize {
    let mut len = 0;
    for (class, &score) in scores.iter().enumerate().filter(|(_, score)| **score > 0.0) {
        let place = top[..len].iter().position(|(_, other)| score > *other).unwrap_or(len);
        if place < TOP_CLASSES {
            len = (len + 1).min(TOP_CLASSES);
            top[place..len].rotate_right(1);
            top[place] = (class, score);
        }
    }
    len.max(1)
}
