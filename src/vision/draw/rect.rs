//! Where things lie in a picture.

use std::ops::Range;

/// Beyond this nothing is exact any more, and nothing is drawn.
pub const FAR_PX: f32 = 1e6;

/// A rectangle by its edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    pub left: f32,
    pub top: f32,
    pub right: f32,
    pub bottom: f32,
}

impl Rect {
    /// Each edge so much further out.
    pub fn grown(self, by_px: f32) -> Self {
        Self { left: self.left - by_px, top: self.top - by_px, right: self.right + by_px, bottom: self.bottom + by_px }
    }

    /// Whether two have anything in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    /// Whether all edges are numbers.
    pub fn is_finite(&self) -> bool {
        [self.left, self.top, self.right, self.bottom].iter().all(|edge| edge.is_finite())
    }
}

/// The pixels of a picture's side from the one in which `from` lies to the one before that of `to`.
pub fn span(from: f32, to: f32, side: f32) -> Range<usize> {
    let begin = inside(from, side);
    begin..inside(to, side).max(begin)
}

/// The pixel in which `px` lies, at most `side`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held to 0..=side; `as` makes 0 of NaN")]
pub fn inside(px: f32, side: f32) -> usize {
    px.clamp(0.0, side) as usize
}
