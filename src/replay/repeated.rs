//! What repeats is told once, with its count: sixty equal lines tell no more than one.

use std::collections::BTreeMap;
use std::fmt;

/// What was told: the same words once, words that differ in their numbers alone up to so often.
const MOST_TOLD: usize = 3;

/// Kinds that are kept apart, so that a recording made of nonsense does not fill the memory.
const MOST_KINDS: usize = 100;

/// Things that are told in words, those of one kind together: the same cause, and words that differ in their numbers
/// alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repeats {
    kinds: Vec<Repeated>,
    by_key: BTreeMap<String, usize>,
}

/// One kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// What it is about: `image: bad_message`.
    pub cause: String,
    /// The first words of it, no two of them equal; never empty.
    pub told: Vec<String>,
    /// How many there are in all.
    pub count: u64,
    /// How many had words that are among those told.
    shown: u64,
}

impl Repeats {
    /// Counts one thing. True when its words tell something new.
    pub fn count(&mut self, cause: &str, words: &str) -> bool {
        let key = format!("{cause}: {}", kind_of(words));
        let place = match self.by_key.get(&key) {
            Some(place) => *place,
            None if self.kinds.len() < MOST_KINDS => {
                self.by_key.insert(key, self.kinds.len());
                self.kinds.push(Repeated { cause: cause.to_owned(), told: Vec::new(), count: 0, shown: 0 });
                self.kinds.len() - 1
            }
            None => MOST_KINDS - 1,
        };
        let kind = &mut self.kinds[place];
        kind.count += 1;
        let is_told = kind.told.iter().any(|told| told == words);
        let tells = !is_told && kind.told.len() < MOST_TOLD;
        if tells {
            kind.told.push(words.to_owned());
        }
        kind.shown += u64::from(tells);
        tells
    }

    /// The kinds in the order in which they came.
    pub fn kinds(&self) -> &[Repeated] {
        &self.kinds
    }
}

impl Repeated {
    /// How many were counted and not told.
    pub fn untold(&self) -> u64 {
        self.count - self.shown
    }

    /// What was told, line by line, the last one with how many there were beyond it.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.told.clone();
        if let (Some(last), untold @ 1..) = (lines.last_mut(), self.untold()) {
            *last = format!("{last} (and {untold} more like that)");
        }
        lines
    }
}

/// The [lines](Repeated::lines) in one.
impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("; "))
    }
}

/// The words with each one that has a digit in it replaced: stamps, offsets, sizes and checksums go, names stay.
fn kind_of(words: &str) -> String {
    let mut kind = String::with_capacity(words.len());
    for piece in words.split_inclusive(|character: char| !character.is_alphanumeric()) {
        let word = piece.trim_end_matches(|character: char| !character.is_alphanumeric());
        if word.contains(|character: char| character.is_ascii_digit()) {
            kind.push('#');
            kind.push_str(&piece[word.len()..]);
        } else {
            kind.push_str(piece);
        }
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_words_are_told_once_and_counted() {
        let mut repeats = Repeats::default();
        let told = (0..60).filter(|_| repeats.count("image: bad_message", "no such encoding")).count();
        assert_eq!(told, 1);
        let [kind] = repeats.kinds() else { panic!("{repeats:?}") };
        assert_eq!((kind.cause.as_str(), kind.count, kind.untold()), ("image: bad_message", 60, 59));
        assert_eq!(kind.to_string(), "no such encoding (and 59 more like that)");
    }

    #[test]
    fn words_that_differ_in_numbers_alone_are_one_kind() {
        let mut repeats = Repeats::default();
        let words = |number| format!("image stamped {number}.25 is not after the one before it, crc {number:08x}");
        let told: Vec<bool> = (0..60).map(|number| repeats.count("image", &words(number))).collect();
        assert_eq!(told.iter().filter(|told| **told).count(), MOST_TOLD);
        assert!(told[..3] == [true; 3]);
        assert!(repeats.count("image", "something else") && repeats.count("odom", "something else"));
        assert_eq!(repeats.kinds().iter().map(Repeated::untold).collect::<Vec<_>>(), [57, 0, 0]);
    }

    #[test]
    fn a_recording_of_nonsense_has_so_many_kinds_and_no_more() {
        let mut repeats = Repeats::default();
        for (first, second) in ('a'..='z').flat_map(|first| ('a'..='z').map(move |second| (first, second))) {
            repeats.count("image", &format!("no encoding {first}{second}"));
        }
        assert_eq!(repeats.kinds().len(), MOST_KINDS);
        assert_eq!(repeats.kinds().iter().map(|kind| kind.count).sum::<u64>(), 26 * 26);
    }
}
