//! Places in the picture among words: `car<loc_52><loc_333><loc_932><loc_774>`.
//!
//! Read as the reference's regular expressions do: a phrase is a run of characters without `<` right ahead of at least
//! four places, so that what is left of a broken token is part of the phrase behind it.

use crate::types::{BBox, ImagePx, Region, Size};

/// Whether words stand ahead of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phrases {
    /// Places without words are none.
    Needed,
    /// Words are no part of the answer.
    None,
}

/// Parts of a side.
const BINS: f64 = 1000.0;
const SEPARATOR: &str = "<sep>";
const BEGIN: &str = "<poly>";
const END: &str = "</poly>";

/// Boxes of four places each.
pub(super) fn boxes(text: &str, phrases: Phrases, image: Size) -> Vec<Region> {
    let mut regions = Vec::new();
    each_phrase(text, phrases, &[], |phrase, places| {
        for corners in numbers(places).as_chunks::<4>().0 {
            regions.extend(around(phrase, corners, image));
        }
    });
    regions
}

/// The boxes around outlines: between `<poly>` and `</poly>`, several parts of one with `<sep>` between them.
pub(super) fn outlines(text: &str, phrases: Phrases, image: Size) -> Vec<Region> {
    let mut regions = Vec::new();
    each_phrase(text, phrases, &[SEPARATOR, BEGIN, END], |phrase, places| {
        let inside: Vec<&str> = match places.contains(BEGIN) && places.contains(END) {
            true => places.split(BEGIN).skip(1).filter_map(|part| part.split_once(END)).map(|(part, _)| part).collect(),
            false => vec![places],
        };
        for outline in inside {
            // An odd number at the end of a part is no corner.
            let parts = outline.split(SEPARATOR).map(numbers).map(|part| part.as_chunks::<2>().0.concat());
            let corners: Vec<u64> = parts.flatten().collect();
            regions.extend(around(phrase, &corners, image));
        }
    });
    regions
}

/// The boxes around quadrilaterals of eight places, each behind the letters that it holds.
pub(super) fn quadrilaterals(text: &str, image: Size) -> Vec<Region> {
    let mut regions = Vec::new();
    for line in text.split('\n') {
        let mut start = 0;
        let mut at = 0;
        while let Some(next) = line[at..].chars().next() {
            let (places, end) = run_of(&line[at..], &[], 8);
            if at > start && places == 8 {
                let corners = numbers(&line[at..at + end]);
                regions.extend(around(line[start..at].trim(), &corners, image));
                at += end;
                start = at;
            } else {
                at += next.len_utf8();
            }
        }
    }
    regions
}

/// Calls back with each phrase and the tokens behind it, at least four of them.
fn each_phrase<'a>(text: &'a str, phrases: Phrases, also: &[&str], mut found: impl FnMut(&'a str, &'a str)) {
    let mut rest = text;
    while !rest.is_empty() {
        let words = match phrases {
            Phrases::Needed => rest.find('<').unwrap_or(rest.len()),
            Phrases::None => 0,
        };
        let (tokens, end) = run_of(&rest[words..], also, usize::MAX);
        if tokens >= 4 && (words > 0 || phrases == Phrases::None) {
            if let Some(phrase) = one_line(&rest[..words]) {
                found(phrase, &rest[words..words + end]);
            }
            rest = &rest[words + end..];
        } else {
            // Behind the bracket that ended the words, or the character that began no token.
            let skipped = words + rest[words..].chars().next().map_or(0, char::len_utf8);
            rest = &rest[skipped..];
        }
    }
}

/// A phrase without the white space around it. One that goes over lines is none to the reference.
fn one_line(words: &str) -> Option<&str> {
    let words = words.trim_start();
    (!words.contains('\n')).then(|| words.trim_end())
}

/// How many places, or tokens of `also`, the text begins with, at most `most`; and where they end.
fn run_of(text: &str, also: &[&str], most: usize) -> (usize, usize) {
    let (mut count, mut end) = (0, 0);
    while count < most {
        let rest = &text[end..];
        let token = also.iter().find(|token| rest.starts_with(**token)).map(|token| token.len());
        let Some(length) = token.or_else(|| place(rest).map(|(_, length)| length)) else { break };
        count += 1;
        end += length;
    }
    (count, end)
}

/// The place that a text begins with, and its length.
fn place(text: &str) -> Option<(u64, usize)> {
    let (digits, _) = text.strip_prefix("<loc_")?.split_once('>')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| (digits.parse().unwrap_or(u64::MAX), "<loc_>".len() + digits.len()))
}

/// The numbers of all places of a text.
fn numbers(text: &str) -> Vec<u64> {
    text.match_indices("<loc_").filter_map(|(at, _)| place(&text[at..])).map(|(number, _)| number).collect()
}

/// The smallest box around corners `x, y, x, y, ..`, clipped to the picture; `None` where it has no area there.
fn around(phrase: &str, corners: &[u64], image: Size) -> Option<Region> {
    #[expect(clippy::cast_possible_truncation, reason = "a coordinate of a picture")]
    let along = |offset: usize, side_px: u32| {
        let positions = corners.iter().skip(offset).step_by(2);
        positions
            .map(|number| ((*number as f64 + 0.5) * f64::from(side_px) / BINS) as f32)
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)))
    };
    let ((x_min, x_max), (y_min, y_max)) = (along(0, image.width_px), along(1, image.height_px));
    let bbox = BBox::<ImagePx>::from_corners(x_min, y_min, x_max, y_max)?;
    let bbox = bbox.clipped(image.width_px as f32, image.height_px as f32)?;
    Some(Region { bbox, label: phrase.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const IMAGE: Size = Size { width_px: 100, height_px: 50 };

    #[test]
    fn places_are_the_middles_of_their_parts() {
        let regions = boxes("a cat<loc_0><loc_0><loc_499><loc_999>", Phrases::Needed, IMAGE);
        assert_eq!(regions[0].label, "a cat");
        assert_eq!(regions[0].bbox, BBox::from_corners(0.05, 0.025, 49.95, 49.975).unwrap());
    }

    #[test]
    fn a_box_whose_corners_are_swapped_is_a_box_all_the_same() {
        let swapped = boxes("x<loc_9><loc_8><loc_1><loc_2>", Phrases::Needed, IMAGE);
        assert_eq!(swapped, boxes("x<loc_1><loc_2><loc_9><loc_8>", Phrases::Needed, IMAGE));
        assert!(boxes("x<loc_1000><loc_1><loc_99999999999999999999><loc_2>", Phrases::Needed, IMAGE).is_empty());
    }

    #[test]
    fn parts_of_an_outline_are_in_one_box() {
        let text = "a dog<poly><loc_10><loc_20><loc_30><loc_40><loc_7><sep><loc_900><loc_0><loc_950><loc_10></poly>";
        let [region] = &outlines(text, Phrases::Needed, IMAGE)[..] else { panic!("not one region") };
        assert_eq!(region.bbox, BBox::from_corners(1.05, 0.025, 95.05, 2.025).unwrap());
    }

    proptest! {
        #[test]
        fn no_text_panics(parts in proptest::collection::vec(
            prop_oneof!["<loc_[0-9]{0,4}>", "[<>a-z☕\\n _]{0,4}", Just("<poly>".to_owned()), Just("</poly>".to_owned()), Just("<sep>".to_owned())],
            0..40,
        )) {
            let text = parts.concat();
            for phrases in [Phrases::Needed, Phrases::None] {
                boxes(&text, phrases, IMAGE);
                outlines(&text, phrases, IMAGE);
            }
            for region in quadrilaterals(&text, IMAGE) {
                prop_assert!(region.bbox.x_max() <= 100.0 && region.bbox.y_max() <= 50.0);
            }
        }
    }
}
