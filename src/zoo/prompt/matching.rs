//! When a prompt takes a box of a detector with fixed classes.

/// When a prompt takes a box; the others keep the class that the detector gave them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matching {
    /// Least similarity of prompt and box, `0..=1`; where boxes are looked at, least probability.
    pub min_similarity: f32,
    /// How far the most similar prompt must be ahead of the next, `0..=1`.
    pub min_lead: f32,
}

impl Default for Matching {
    /// The defaults of the parameters.
    fn default() -> Self {
        Self { min_similarity: 0.6, min_lead: 0.02 }
    }
}
