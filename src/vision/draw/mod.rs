//! A picture for people: what the walk came to, drawn on a copy of the image.
//!
//! Enters: an image and a [`Drawing`]: boxes with names, scores and track numbers; [`Trails`] of where they came from; the
//! corridor and the path as they lie on the ground of the picture ([`GroundLines`]); the plan's word and reason. Leaves:
//! an rgb8 picture in a [`Canvas`]. Where the ground lies in the picture is left to `spatial`.
//!
//! Lines are smooth and letters those of Inter (`font/`).

mod blend;
mod canvas;
mod ground_lines;
mod lettering;
mod palette;
mod rect;
mod strokes;
mod surface;
mod trails;

#[cfg(test)]
mod tests;

pub use canvas::{Canvas, Caption, Drawing, Measures};
pub use ground_lines::{ACROSS, GroundLines, GroundRow, PicturePoint};
pub use palette::{Rgb, class_color, decision_color};
pub use trails::Trails;
