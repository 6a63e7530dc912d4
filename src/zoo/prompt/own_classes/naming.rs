//! When a text is the name of a class.

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
