//! What lies on the ground, in pixels: the strip that must be free, and the way.

/// A point of the picture; may lie outside it. `None` where the camera has none.
pub type PicturePoint = Option<[f32; 2]>;

/// So many points make a row of the strip: a fisheye bends it.
pub const ACROSS: usize = 7;

/// The strip ahead of the robot and its path, projected into one picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroundLines {
    /// Rows across the strip, nearest first.
    pub rows: Vec<GroundRow>,
    /// The path from the robot on.
    pub path: Vec<PicturePoint>,
}

/// One line across the strip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroundRow {
    /// How far ahead of the base frame's origin.
    pub x_m: f64,
    /// Whether it is drawn, with its distance: each five metres.
    pub is_mark: bool,
    /// From left to right.
    pub across: [PicturePoint; ACROSS],
}

impl GroundLines {
    /// Nothing lies there.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.path.clear();
    }
}
