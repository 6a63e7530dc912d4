//! What a model thinks of every class for each box of a picture.

/// One row of probabilities, `0..=1` each, for each box, in the order of the boxes. All rows lie in one list, whose memory
/// the next picture uses again.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassScores {
    classes: usize,
    values: Vec<f32>,
}

impl ClassScores {
    /// Begins anew, with rows for so many classes; 0 where the model tells its best class only.
    pub fn start(&mut self, classes: usize) {
        self.classes = classes;
        self.values.clear();
    }

    /// The next box's row to fill: zeros.
    pub fn next_row(&mut self) -> &mut [f32] {
        let start = self.values.len();
        self.values.resize(start + self.classes, 0.0);
        &mut self.values[start..]
    }

    /// The row of the box at `index`. `None` where there is no such box, and for a model that tells its best class only.
    pub fn row(&self, index: usize) -> Option<&[f32]> {
        self.values.chunks_exact(self.classes.max(1)).nth(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_the_place_of_their_box() {
        let mut scores = ClassScores::default();
        assert_eq!(scores.row(0), None);
        scores.start(2);
        scores.next_row().copy_from_slice(&[0.1, 0.9]);
        scores.next_row()[1] = 0.5;
        assert_eq!((scores.row(0), scores.row(1), scores.row(2)), (Some(&[0.1, 0.9][..]), Some(&[0.0, 0.5][..]), None));
        scores.start(0);
        assert!(scores.next_row().is_empty());
        assert_eq!(scores.row(0), None, "the best class only");
    }
}
