//! Letters on pictures: Inter, drawn once for each size and kept.

use super::palette::Rgb;
use super::surface::Surface;
use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont, point};
use std::collections::HashMap;

const INTER: &[u8] = include_bytes!("font/Inter-SemiBold.ttf");
/// Stands for what does not fit.
const ELLIPSIS: char = '…';
/// Letters begin at so many places within a pixel: that keeps their distances even.
const PARTS: u8 = 4;
/// More letters than this are forgotten all at once: labels in a script of thousands.
const MOST_GLYPHS: usize = 4096;

/// Draws text; letters that the font does not have are empty boxes. Once every letter of every size was there, nothing is allocated.
#[derive(Debug)]
pub struct Lettering {
    font: FontRef<'static>,
    glyphs: HashMap<(GlyphId, u32, u8), Shape>,
    /// What is drawn of a text.
    fitted: Vec<GlyphId>,
}

/// A letter as its coverage, and where it lies from the begin of the letter on the base line.
#[derive(Debug, Clone, Default)]
struct Shape {
    cover: Vec<u8>,
    width: usize,
    left: i64,
    top: i64,
}

impl Lettering {
    /// The font that is part of the program.
    pub fn new() -> Self {
        let font = FontRef::try_from_slice(INTER).expect("the font that is part of the program is one");
        Self { font, glyphs: HashMap::new(), fitted: Vec::new() }
    }

    /// What makes the font's em `em` pixels large.
    fn scale(&self, em: f32) -> PxScale {
        PxScale::from(em * self.font.height_unscaled() / self.font.units_per_em().unwrap_or(2048.0))
    }

    /// Above the base line, of capitals and figures, in pixels.
    pub fn cap_height(em: f32) -> f32 {
        // Inter's capitals are 1490 of 2048 units.
        em * 0.7275
    }

    /// How wide a text is.
    pub fn width(&self, em: f32, text: &str) -> f32 {
        let font = self.font.as_scaled(self.scale(em));
        text.chars().map(|letter| font.h_advance(self.font.glyph_id(letter))).sum()
    }

    /// Draws a text from `(x, base line)` on; what does not fit into `room` pixels ends in `…`, and is left out where even
    /// that does not fit. Returns the width of what is drawn.
    pub fn draw(
        &mut self,
        surface: &mut Surface,
        (x, base): (f32, f32),
        em: f32,
        room: f32,
        color: Rgb,
        text: &str,
    ) -> f32 {
        let width = self.fit(em, room, text);
        let scale = self.scale(em);
        let mut at = x;
        for index in 0..self.fitted.len() {
            let glyph = self.fitted[index];
            let whole = at.floor();
            let part = small((at - whole) * f32::from(PARTS)).min(PARTS - 1);
            if self.glyphs.len() > MOST_GLYPHS {
                self.glyphs.clear();
            }
            let shape = self
                .glyphs
                .entry((glyph, em.to_bits(), part))
                .or_insert_with(|| Shape::of(&self.font, glyph, scale, f32::from(part) / f32::from(PARTS)));
            let corner = (pixel(whole).saturating_add(shape.left), pixel(base.round()).saturating_add(shape.top));
            surface.stamp(&shape.cover, shape.width, corner, color);
            at += self.font.as_scaled(scale).h_advance(glyph);
        }
        width
    }

    /// Takes as much of a text as fits, and says how wide that is.
    fn fit(&mut self, em: f32, room: f32, text: &str) -> f32 {
        let scale = self.scale(em);
        let ellipsis = self.font.glyph_id(ELLIPSIS);
        let end = self.font.as_scaled(scale).h_advance(ellipsis);
        self.fitted.clear();
        // As far as a text fits with an ellipsis behind it.
        let (mut width, mut kept, mut kept_width) = (0.0, 0, 0.0);
        for letter in text.chars() {
            let glyph = self.font.glyph_id(letter);
            width += self.font.as_scaled(scale).h_advance(glyph);
            if width > room {
                self.fitted.truncate(kept);
                if end > room {
                    return 0.0;
                }
                self.fitted.push(ellipsis);
                return kept_width + end;
            }
            self.fitted.push(glyph);
            if width + end <= room && !letter.is_whitespace() {
                (kept, kept_width) = (self.fitted.len(), width);
            }
        }
        width
    }

    /// Forgets the letters of other sizes.
    pub fn clear(&mut self) {
        self.glyphs.clear();
    }
}

impl Shape {
    fn of(font: &FontRef<'_>, glyph: GlyphId, scale: PxScale, part: f32) -> Self {
        let Some(outline) = font.outline_glyph(glyph.with_scale_and_position(scale, point(part, 0.0))) else {
            return Self::default();
        };
        let bounds = outline.px_bounds();
        let (width, height) = (count(bounds.width()), count(bounds.height()));
        let mut cover = vec![0; width * height];
        outline.draw(|x, y, share| {
            if let Some(pixel) = cover.get_mut(y as usize * width + x as usize) {
                *pixel = byte(share);
            }
        });
        Self { cover, width, left: pixel(bounds.min.x), top: pixel(bounds.min.y) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole already; `as` saturates")]
fn pixel(px: f32) -> i64 {
    px as i64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole already, of a letter's size")]
fn count(px: f32) -> usize {
    px as usize
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below PARTS")]
fn small(part: f32) -> u8 {
    part as u8
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates to 0..=255")]
fn byte(share: f32) -> u8 {
    (share * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Size;

    fn drawn(text: &str, em: f32, room: f32) -> (Surface, f32) {
        let mut surface = Surface::new();
        surface.resize(Size { width_px: 300, height_px: 40 });
        let width = Lettering::new().draw(&mut surface, (4.0, 30.0), em, room, [255; 3], text);
        (surface, width)
    }

    fn right_end(surface: &mut Surface) -> usize {
        (0..40).filter_map(|row| surface.row_mut(row).iter().rposition(|pixel| pixel[0] > 20)).max().unwrap_or(0)
    }

    #[test]
    fn a_text_is_as_wide_as_it_says_and_smooth() {
        let (mut surface, width) = drawn("person 0.87 #12", 16.0, 300.0);
        assert_eq!(width, Lettering::new().width(16.0, "person 0.87 #12"));
        let end = right_end(&mut surface) as f32;
        assert!((end - 4.0 - width).abs() < 3.0, "ends at {end}, {width} wide");
        assert!(surface.pixels().iter().any(|byte| (40..200).contains(byte)));
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis_within_the_room() {
        let lettering = Lettering::new();
        for room in [20.0, 60.0, 61.0, 62.5, 90.0] {
            let (mut surface, width) = drawn("person #12 at 1.8 m", 16.0, room);
            assert!(width <= room && width > 0.0, "{width} in {room}");
            assert!(right_end(&mut surface) as f32 <= 5.0 + room);
            assert!(width >= lettering.width(16.0, "…"));
        }
        assert_eq!(drawn("person", 16.0, 3.0).1, 0.0);
        assert_eq!(drawn("person", 16.0, 3.0).0.pixels().iter().max(), Some(&0));
    }

    #[test]
    fn every_letter_of_latin_greek_and_cyrillic_is_there_and_others_show_a_sign() {
        let lettering = Lettering::new();
        for letter in "Fußgänger łódź Πεζός пешеход – “…” 3 m/s °".chars().filter(|c| !c.is_whitespace())
        {
            assert!(lettering.font.glyph_id(letter).0 != 0, "{letter}");
        }
        let (other, _) = drawn("歩", 16.0, 300.0);
        assert!(other.pixels().iter().any(|byte| *byte > 128), "an empty box");
    }

    #[test]
    fn letters_are_drawn_once() {
        let mut lettering = Lettering::new();
        let mut surface = Surface::new();
        surface.resize(Size { width_px: 300, height_px: 40 });
        lettering.draw(&mut surface, (4.0, 30.0), 16.0, 300.0, [255; 3], "aaaa");
        let known = lettering.glyphs.len();
        assert!(known <= usize::from(PARTS));
        lettering.draw(&mut surface, (4.0, 30.0), 16.0, 300.0, [255; 3], "aaaa");
        assert_eq!(lettering.glyphs.len(), known);
    }
}
