//! Boxes in columns, scores in rows: the layout of most YOLO models, and the largest of all outputs, read with vector
//! instructions.

use super::boxes::{BoxReader, NoBox};
use crate::types::ClassId;
use crate::vision::Candidate;
use crate::zoo::Thresholds;
use crate::zoo::detect::numbers::{Float, doubt, magnitude};
use half::f16;

/// Boxes whose class scores are searched together: a tile of 80 classes fits the second cache level.
const TILE: usize = 256;
/// Rows of scores that are searched together.
const ROWS: usize = 4;

/// An output's element as a score.
pub(super) trait Score: Float {
    /// Orders as the scores do, in as few instructions as possible.
    type Key: Copy + PartialOrd;

    /// Below the key of every score.
    const LOWEST: Self::Key;

    fn key(self) -> Self::Key;

    /// The score of a key.
    fn score(key: Self::Key) -> f32;

    /// Raises the keys of `best` to those of some rows of as many scores. False when a score may be none; true when all
    /// are numbers.
    fn raise(best: &mut [Self::Key], rows: [&[Self]; ROWS]) -> bool;
}

impl Score for f32 {
    type Key = Self;

    const LOWEST: Self = Self::NEG_INFINITY;

    fn key(self) -> Self {
        self
    }

    fn score(key: Self) -> f32 {
        key
    }

    fn raise(best: &mut [Self], [a, b, c, d]: [&[Self]; ROWS]) -> bool {
        // Not a max function: this form is one vector instruction.
        let higher = |one: Self, other: Self| if one > other { one } else { other };
        let mut doubts = 0;
        for ((((best, &a), &b), &c), &d) in best.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *best = higher(higher(higher(a, b), higher(c, d)), *best);
            // One sum for four: it is finite unless one of them is not, or they are far beyond all scores.
            doubts |= doubt((a + b) + (c + d));
        }
        doubts == 0
    }
}

impl Score for f16 {
    /// The bits of floats that are not negative order as integers do: no conversion is needed to find the best score.
    type Key = i16;

    const LOWEST: i16 = i16::MIN;

    fn key(self) -> i16 {
        self.to_bits().cast_signed()
    }

    fn score(key: i16) -> f32 {
        Self::from_bits(key.cast_unsigned()).to_f32()
    }

    fn raise(best: &mut [i16], [a, b, c, d]: [&[Self]; ROWS]) -> bool {
        let mut largest = 0;
        for ((((best, &a), &b), &c), &d) in best.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *best = a.key().max(b.key()).max(c.key().max(d.key())).max(*best);
            let magnitudes = magnitude(a).max(magnitude(b)).max(magnitude(c).max(magnitude(d)));
            largest = magnitudes.max(largest);
        }
        largest < magnitude(Self::INFINITY)
    }
}

/// What the rows have beside candidates.
pub(super) struct DecodedRows {
    /// False when a number may be none.
    pub are_numbers: bool,
    /// The first good box that is none.
    pub no_box: Option<NoBox>,
    /// The best score of all boxes.
    pub best: f32,
}

/// Two passes for each tile of boxes: the best score of each box over all class rows, a loop that compiles to vector
/// instructions; then, for the few boxes that reach the threshold, the class that has it. False when a number may be
/// none; true when all are numbers. A good box of a negative size is given back: it is none.
///
/// `values` are the rows of the box, of `classes` scores, and those behind them that the box's form needs.
pub(super) fn decode_rows<E: Score>(
    values: &[E],
    (classes, boxes): (usize, usize),
    reader: &BoxReader,
    thresholds: &Thresholds,
    candidates: &mut Vec<Candidate>,
) -> DecodedRows {
    let (corners, rest) = values.split_at(4 * boxes);
    let (scores, behind) = rest.split_at(classes * boxes);
    let mut are_numbers = E::are_numbers(corners) && E::are_numbers(behind);
    let mut no_box = None;
    let mut highest = f32::NEG_INFINITY;
    let mut tile = [E::LOWEST; TILE];
    for start in (0..boxes).step_by(TILE) {
        let len = TILE.min(boxes - start);
        let best = &mut tile[..len];
        best.fill(E::LOWEST);
        for rows in scores.chunks(ROWS * boxes) {
            let last = rows.len() / boxes - 1;
            // Where fewer are left, the last one again, which changes nothing.
            let row = |index: usize| &rows[index.min(last) * boxes + start..][..len];
            are_numbers &= E::raise(best, [row(0), row(1), row(2), row(3)]);
        }
        for (at, &key) in (start..).zip(best.iter()) {
            let score = E::score(key);
            highest = if score > highest { score } else { highest };
            if key == E::LOWEST || score < thresholds.score {
                continue;
            }
            let class = scores.chunks_exact(boxes).position(|row| row[at].key() == key);
            let Some(class) = class.and_then(|class| u16::try_from(class).ok()).map(ClassId) else { continue };
            if !thresholds.reports(class) {
                continue;
            }
            match reader.read(at, |place| values[place * boxes + at].value()) {
                Ok(bbox) => {
                    let (score, source) = (score.clamp(0.0, 1.0), u32::try_from(at).unwrap_or(u32::MAX));
                    candidates.push(Candidate { bbox, class, score, source });
                }
                Err(none) => {
                    no_box.get_or_insert(none);
                }
            }
        }
    }
    DecodedRows { are_numbers, no_box, best: highest }
}
