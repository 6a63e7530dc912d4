//! Whether numbers can be what a layout promises. A wrong reading would find nothing, or nonsense, and say nothing.
//!
//! Only what no sound model can give is refused, so that an empty scene is none of it: a probability may miss `0..=1` by
//! rounding, but not by half; a good box is larger than one pixel, and lies in the picture.

use super::grids::Grids;
use super::layout::Layout;
use crate::types::Size;
use crate::vision::Candidate;
use crate::zoo::{LayoutName, ZooError};

/// What a score may be, rounding and quantization included.
const SCORES: std::ops::RangeInclusive<f32> = -0.5..=2.0;

/// The score of a box that is no padding.
const GOOD: f32 = 0.1;

/// Checks a layout's best score, and all its good boxes.
///
/// # Errors
/// [`ZooError::NotThatLayout`] with what was found and the likely cause.
pub(super) fn check(
    layout: Layout,
    output: &str,
    tensor: Size,
    best: f32,
    candidates: &[Candidate],
) -> Result<(), ZooError> {
    let refused = |reason: String| ZooError::NotThatLayout { output: output.to_owned(), layout: layout.name, reason };
    // Without any box there is no best score.
    if best.is_finite() && !SCORES.contains(&best) {
        return Err(refused(format!(
            "their best score is {best}, expected 0 to 1: logits (export with the sigmoid), or another layout"
        )));
    }
    // What a low threshold lets through may be padding.
    let mut good = candidates.iter().filter(|found| found.score >= GOOD && found.bbox.area() > 0.0).peekable();
    if good.peek().is_none() {
        return Ok(());
    }
    if layout.is_normalized() {
        let (width, height) = (2.0 * tensor.width_px as f32, 2.0 * tensor.height_px as f32);
        if good.all(|found| found.bbox.x_max() > width || found.bbox.y_max() > height) {
            let reason = "all boxes lie outside the picture: they are in pixels, not 0..1".to_owned();
            return Err(refused(format!("{reason}{}", sibling(layout.name))));
        }
    } else if is_large(tensor) && good.all(|found| found.bbox.x_max() <= 1.0 && found.bbox.y_max() <= 1.0) {
        return Err(in_the_first_pixel(layout, output));
    }
    Ok(())
}

/// Whether a picture of this size shows things that are larger than a pixel.
fn is_large(size: Size) -> bool {
    size.width_px > 16 && size.height_px > 16
}

/// The refusal of boxes in 0..1 where pixels were promised.
pub(super) fn in_the_first_pixel(layout: Layout, output: &str) -> ZooError {
    let reason = "all boxes lie in the first pixel: they are in 0..1, not in pixels".to_owned();
    let reason = format!("{reason}{}", sibling(layout.name));
    ZooError::NotThatLayout { output: output.to_owned(), layout: layout.name, reason }
}

/// Checks that a graph which left the number of its boxes open has not given three for each cell, which have objectness,
/// where none was taken.
///
/// # Errors
/// [`ZooError::NotThatLayout`].
pub(super) fn check_count(layout: Layout, output: &str, tensor: Size, boxes: usize) -> Result<(), ZooError> {
    let has_none = matches!(layout.name, LayoutName::Rows | LayoutName::Columns);
    if !has_none || !(Grids { size: tensor }).is_only_three_a_cell(boxes) {
        return Ok(());
    }
    Err(ZooError::NotThatLayout {
        output: output.to_owned(),
        layout: layout.name,
        reason: format!(
            "{boxes} boxes are three for each cell, and such have objectness: it would be {} classes, there are {} names",
            layout.classes.saturating_sub(1),
            layout.classes
        ),
    })
}

/// Checks that boxes whose grid is still to be added are small offsets.
///
/// # Errors
/// [`ZooError::NotThatLayout`].
pub(super) fn check_grid(layout: Layout, output: &str, tensor: Size, farthest: f32) -> Result<(), ZooError> {
    let limit = tensor.width_px.max(tensor.height_px) as f32 / 4.0;
    if layout.name != LayoutName::Yolox || farthest <= limit {
        return Ok(());
    }
    Err(ZooError::NotThatLayout {
        output: output.to_owned(),
        layout: layout.name,
        reason: format!(
            "a centre is {farthest}, expected an offset in a cell: the boxes are in pixels already (the manifest's layout \
             = \"objectness\"), or columns of {} classes",
            layout.classes + 1
        ),
    })
}

fn sibling(name: LayoutName) -> String {
    let other = match name {
        LayoutName::Columns => LayoutName::NormalizedColumns,
        LayoutName::NormalizedColumns => LayoutName::Columns,
        LayoutName::EndToEnd => LayoutName::NormalizedEndToEnd,
        LayoutName::NormalizedEndToEnd => LayoutName::EndToEnd,
        LayoutName::Objectness => LayoutName::Yolox,
        _ => return String::new(),
    };
    format!(" (the manifest's layout = \"{other}\"?)")
}
