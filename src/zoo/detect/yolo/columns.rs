//! Boxes with scores of all classes, in whatever order their numbers stand: what [`rows`](super::rows) does not read.

use super::boxes::{BoxReader, NoBox};
use super::layout::Layout;
use crate::types::ClassId;
use crate::vision::Candidate;
use crate::zoo::Thresholds;
use crate::zoo::detect::numbers::Float;

/// An output that has its dimensions.
#[derive(Clone, Copy)]
pub(super) struct Table<'a, E> {
    pub values: &'a [E],
    pub layout: Layout,
    pub boxes: usize,
}

/// What the table has beside candidates.
pub(super) struct DecodedTable {
    /// The first good box that is none.
    pub no_box: Option<NoBox>,
    /// The best number that is a score, of all boxes.
    pub best: f32,
    /// The farthest centre from the tensor's corner, in the output's units.
    pub farthest: f32,
}

impl<E: Float> Table<'_, E> {
    fn number(&self, at: usize, place: usize) -> f32 {
        let index = if self.layout.is_turned() { place * self.boxes + at } else { at * self.layout.width + place };
        self.values[index].value()
    }

    /// The place of the first class's score.
    fn first_class(&self) -> usize {
        4 + usize::from(self.layout.has_objectness())
    }

    /// Adds every box whose best class scores enough and is reported. With objectness, a score is the product of two.
    pub fn decode(&self, reader: &BoxReader, thresholds: &Thresholds, candidates: &mut Vec<Candidate>) -> DecodedTable {
        let mut decoded = DecodedTable { no_box: None, best: f32::NEG_INFINITY, farthest: 0.0 };
        let first = self.first_class();
        for at in 0..self.boxes {
            decoded.farthest = decoded.farthest.max(self.number(at, 0).abs()).max(self.number(at, 1).abs());
            let objectness = if self.layout.has_objectness() { self.number(at, 4) } else { f32::NEG_INFINITY };
            decoded.best = decoded.best.max(objectness);
            if self.layout.has_objectness() && objectness < thresholds.score {
                continue;
            }
            let mut best = (0, f32::NEG_INFINITY);
            for class in 0..self.layout.classes {
                let score = self.number(at, first + class);
                if score > best.1 {
                    best = (class, score);
                }
            }
            decoded.best = decoded.best.max(best.1);
            let score = self.score(objectness, best.1);
            let Ok(class) = u16::try_from(best.0).map(ClassId) else { continue };
            if score < thresholds.score || !thresholds.reports(class) {
                continue;
            }
            match reader.read(at, |place| self.number(at, place)) {
                Ok(bbox) => {
                    candidates.push(Candidate { bbox, class, score, source: u32::try_from(at).unwrap_or(u32::MAX) });
                }
                Err(none) => {
                    decoded.no_box.get_or_insert(none);
                }
            }
        }
        decoded
    }

    fn score(&self, objectness: f32, of_class: f32) -> f32 {
        let of_class = of_class.clamp(0.0, 1.0);
        if self.layout.has_objectness() { objectness.clamp(0.0, 1.0) * of_class } else { of_class }
    }

    /// The probabilities of all classes of a box. Nothing for a box that is not there.
    pub fn class_scores(&self, at: usize, scores: &mut [f32]) {
        if at >= self.boxes {
            return;
        }
        let objectness = if self.layout.has_objectness() { self.number(at, 4) } else { 1.0 };
        for (class, score) in scores.iter_mut().take(self.layout.classes).enumerate() {
            *score = self.score(objectness, self.number(at, self.first_class() + class));
        }
    }
}
