//! Boxes that the model has chosen itself: each with one score and one class.

use super::boxes::BoxReader;
use super::layout::Layout;
use super::plausible;
use crate::types::{ClassId, TensorData};
use crate::vision::Candidate;
use crate::zoo::detect::numbers::Float;
use crate::zoo::{LayoutName, Thresholds, ZooError};

/// Puts finished boxes among the candidates.
pub(super) struct Finished<'a> {
    pub layout: Layout,
    pub reader: &'a BoxReader,
    pub thresholds: &'a Thresholds,
    /// The name of the output with the classes.
    pub output: &'a str,
    /// The name of the output with the boxes.
    pub boxes: &'a str,
}

/// Where in a row what stands.
struct Places {
    corners: usize,
    score: usize,
    class: usize,
    /// The number of the picture.
    picture: Option<usize>,
}

impl Finished<'_> {
    fn places(&self) -> Places {
        match self.layout.name {
            LayoutName::BatchClassScore => Places { corners: 1, score: 6, class: 5, picture: Some(0) },
            LayoutName::BatchScoreClass => Places { corners: 1, score: 5, class: 6, picture: Some(0) },
            _ => Places { corners: 0, score: 4, class: 5, picture: None },
        }
    }

    /// Rows of one tensor. The best score comes back.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn rows<E: Float>(&self, values: &[E], candidates: &mut Vec<Candidate>) -> Result<f32, ZooError> {
        let Places { corners, score, class, picture } = self.places();
        let mut best = f32::NEG_INFINITY;
        for (at, row) in values.chunks_exact(self.layout.width.max(1)).enumerate() {
            // One picture goes in: rows of others are padding.
            if picture.is_some_and(|place| row[place].value() != 0.0) {
                continue;
            }
            let score = row[score].value();
            if is_padding(score, Class::Float(row[class].value())) {
                continue;
            }
            best = best.max(score);
            self.add(at, score, || Class::Float(row[class].value()), |place| row[corners + place].value(), candidates)?;
        }
        Ok(best)
    }

    /// The first `count` boxes of tensors of boxes, scores and classes: `[N, stride]`, `[N]`, `[N]`. The best score
    /// comes back.
    ///
    /// # Errors
    /// As [`Self::add`].
    pub fn tensors<E: Float, S: Float>(
        &self,
        count: usize,
        (boxes, stride): (&[E], usize),
        scores: impl Fn(usize) -> S,
        classes: TensorData,
        candidates: &mut Vec<Candidate>,
    ) -> Result<f32, ZooError> {
        let mut best = f32::NEG_INFINITY;
        for at in 0..count {
            let score = scores(at).value();
            let class = || match classes {
                TensorData::I64(values) => Class::Whole(values[at]),
                TensorData::I32(values) => Class::Whole(i64::from(values[at])),
                TensorData::F32(values) => Class::Float(values[at]),
                TensorData::F16(values) => Class::Float(values[at].to_f32()),
                TensorData::Bool(_) | TensorData::U8(_) => Class::Whole(-1),
            };
            if is_padding(score, class()) {
                continue;
            }
            best = best.max(score);
            self.add(at, score, class, |place| boxes[at * stride + place].value(), candidates)?;
        }
        Ok(best)
    }

    /// # Errors
    /// [`ZooError::NoSuchClass`] and [`ZooError::NoSuchBox`] for a good box without a class or a size that can be;
    /// [`ZooError::NotThatLayout`] when its class is no whole number.
    fn add(
        &self,
        at: usize,
        score: f32,
        class: impl Fn() -> Class,
        number: impl Fn(usize) -> f32,
        candidates: &mut Vec<Candidate>,
    ) -> Result<(), ZooError> {
        if score < self.thresholds.score {
            return Ok(());
        }
        let class = self.class(at, class())?;
        if !self.thresholds.reports(class) {
            return Ok(());
        }
        let bbox = self.reader.read(at, &number).map_err(|none| {
            // A centre and a size in 0..1, read as corners.
            let is_normalized = (0..4).all(|place| (0.0..=1.0).contains(&number(place)));
            if is_normalized { plausible::in_the_first_pixel(self.layout, self.boxes) } else { none.of(self.boxes) }
        })?;
        let source = u32::try_from(at).unwrap_or(u32::MAX);
        candidates.push(Candidate { bbox, class, score: score.clamp(0.0, 1.0), source });
        Ok(())
    }

    fn class(&self, at: usize, found: Class) -> Result<ClassId, ZooError> {
        let classes = self.layout.classes;
        let number = match found {
            Class::Whole(number) => usize::try_from(number).ok(),
            Class::Float(number) if (number - number.round()).abs() > 0.01 => {
                return Err(ZooError::NotThatLayout {
                    output: self.output.to_owned(),
                    layout: self.layout.name,
                    reason: format!("box {at} has class {number}, expected a whole number{}", self.other_order()),
                });
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "inside the range")]
            Class::Float(number) => (0.0..=65535.0).contains(&number.round()).then(|| number.round() as usize),
        };
        let class = number.filter(|number| *number < classes).and_then(|number| u16::try_from(number).ok());
        class.map(ClassId).ok_or_else(|| ZooError::NoSuchClass {
            output: self.output.to_owned(),
            at,
            found: match found {
                Class::Whole(number) => number.to_string(),
                Class::Float(number) => number.to_string(),
            },
            classes,
        })
    }

    fn other_order(&self) -> String {
        let other = match self.layout.name {
            LayoutName::BatchClassScore => LayoutName::BatchScoreClass,
            LayoutName::BatchScoreClass => LayoutName::BatchClassScore,
            _ => return String::new(),
        };
        format!("; the manifest's layout = \"{other}\" reads score and class the other way round")
    }
}

/// Whether a place is empty: -1 stands for no class, and the score is none either.
fn is_padding(score: f32, class: Class) -> bool {
    score <= 0.0 && matches!(class, Class::Whole(-1) | Class::Float(-1.0))
}

/// A class as the output has it.
#[derive(Clone, Copy)]
enum Class {
    Whole(i64),
    Float(f32),
}
