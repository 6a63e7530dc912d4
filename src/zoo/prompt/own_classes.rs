//! A detector's own classes under prompts: which prompt names one, where the others are among the labels, and boxes that
//! get other labels.

use crate::types::{ClassId, Detection, Labels, Prompts};
use crate::zoo::Thresholds;

/// One of the detector's own classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::zoo) struct OwnClass {
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
pub(in crate::zoo) fn labels(prompts: &Prompts, own: &Labels) -> Labels {
    let is_unnamed = |name: &&str| !prompts.texts().any(|text| names_class(text, name));
    Labels::new(prompts.texts().chain(own.names().filter(is_unnamed)), prompts.version())
}

/// Gives every box its label, and takes those away that have none, are not asked for, or are there already: boxes that
/// came under several classes and have one label now are suppressed once more.
pub(in crate::zoo) fn relabel(
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

/// Whether a prompt is a class's name: the same words but for case, punctuation, an article before them and an English
/// plural ending. `Hot-Dogs` and `a hot dog` name `hot dog`.
pub(in crate::zoo) fn names_class(prompt: &str, class: &str) -> bool {
    let (prompt, class) = (words(prompt), words(class));
    let prompt = match prompt.split_first() {
        Some((first, rest)) if !rest.is_empty() && matches!(first.as_str(), "a" | "an" | "the") => rest,
        _ => &prompt[..],
    };
    let (Some((last, start)), Some((class_last, class_start))) = (prompt.split_last(), class.split_last()) else {
        return false;
    };
    start == class_start && (last == class_last || is_plural(last, class_last))
}

/// Whether a class's name has another class's name at its end: `hot dog` has `dog`, `cargo` has not `go`.
pub(in crate::zoo) fn ends_in(class: &str, other: &str) -> bool {
    let (class, other) = (words(class), words(other));
    !other.is_empty() && class.len() > other.len() && class.ends_with(&other)
}

fn words(text: &str) -> Vec<String> {
    let parts = text.split(|character: char| !character.is_alphanumeric());
    parts.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn is_plural(plural: &str, word: &str) -> bool {
    plural.strip_prefix(word).is_some_and(|ending| matches!(ending, "s" | "es"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_names_a_class_in_its_usual_spellings() {
        for prompt in ["dog", "Dog", "dogs", "a dog", "The  dogs"] {
            assert!(names_class(prompt, "dog"), "{prompt}");
        }
        assert!(names_class("Hot-Dogs", "hot dog") && names_class("buses", "bus") && names_class("a", "A"));
        for prompt in ["hot dog", "dogsled", "doggy", "small dog", "the", "", "..."] {
            assert!(!names_class(prompt, "dog"), "{prompt}");
        }
        assert!(!names_class("dog", "hot dog") && !names_class("dog", ""));
    }

    #[test]
    fn a_name_ends_in_another_by_whole_words() {
        assert!(ends_in("hot dog", "dog") && ends_in("Teddy-Bear", "bear"));
        assert!(
            !ends_in("dog", "dog") && !ends_in("cargo", "go") && !ends_in("dog house", "dog") && !ends_in("dog", "")
        );
    }
}
