//! The colors of what is drawn: one for each class, the same in every picture, and those of the decisions.

use crate::types::{ClassId, Decision};

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// Behind letters on a picture, and around lines.
pub const SHADE: Rgb = [12, 14, 18];
/// Letters on [`SHADE`].
pub const WHITE: Rgb = [255; 3];
/// Letters that matter less.
pub const DIM: Rgb = [176, 182, 190];
/// The way that the robot is to take.
pub const PATH: Rgb = [235, 248, 255];

/// A bright color for each class; neighbours in the list are far apart in hue.
///
/// Evenly light to the eye (Oklch): hues go round by the golden angle, lightness and chroma change a little after each
/// turn, so that the classes of a usual set differ.
pub fn class_color(class: ClassId) -> Rgb {
    const GOLDEN_ANGLE: f32 = 2.399_963_2;
    /// The hue of the first class: a clear blue, which few things have.
    const FIRST: f32 = 4.1;
    let number = f32::from(class.0);
    let hue = FIRST + number * GOLDEN_ANGLE;
    let turn = f32::from(class.0 / 12 % 3);
    rgb_of_oklch(0.78 - 0.05 * turn, 0.155 - 0.02 * turn, hue)
}

/// Green goes, amber is careful, red stops, blue is of the air.
pub const fn decision_color(decision: Decision) -> Rgb {
    match decision {
        Decision::Proceed => [38, 176, 96],
        Decision::Slow | Decision::Yield | Decision::Avoid => [246, 178, 28],
        Decision::Stop => [226, 48, 52],
        Decision::Hover | Decision::Land | Decision::Return => [52, 120, 230],
    }
}

/// Nearly black or white, whichever reads better on `background`.
pub fn ink_on([red, green, blue]: Rgb) -> Rgb {
    let luma = 299 * u32::from(red) + 587 * u32::from(green) + 114 * u32::from(blue);
    if luma > 112_000 { SHADE } else { WHITE }
}

/// Oklch to sRGB (Ottosson 2020); what lies outside is cut.
fn rgb_of_oklch(lightness: f32, chroma: f32, hue: f32) -> Rgb {
    let (a, b) = (chroma * hue.cos(), chroma * hue.sin());
    let l = (lightness + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let m = (lightness - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let s = (lightness - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_38 * s,
        -0.004_196_086 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
    .map(|linear| {
        let curved = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
        byte_of(curved)
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates to 0..=255")]
fn byte_of(share: f32) -> u8 {
    (share * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_eighty_classes_have_colors_of_their_own() {
        let mut colors: Vec<Rgb> = (0..80).map(|class| class_color(ClassId(class))).collect();
        colors.sort_unstable();
        colors.dedup();
        assert_eq!(colors.len(), 80);
    }

    #[test]
    fn every_class_reads_in_dark_letters_and_stop_in_white_ones() {
        assert!((0..2000).all(|class| ink_on(class_color(ClassId(class))) == SHADE));
        assert_eq!(ink_on(decision_color(Decision::Stop)), WHITE);
        assert_eq!(ink_on(decision_color(Decision::Slow)), SHADE);
    }
}
