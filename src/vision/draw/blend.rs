//! A color laid over pixels.

use super::palette::Rgb;

/// So many pixels are mixed at a time where one share holds for all.
const TILE: usize = 16;

/// A share of one in 255ths.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates to 0..=255")]
pub fn byte(share: f32) -> u8 {
    (share * 255.0 + 0.5) as u8
}

/// Lays `share` 255ths of a color over a pixel.
pub fn over(pixel: &mut Rgb, color: Rgb, share: u8) {
    if share > 0 {
        let part = parts(color, share);
        for (below, part) in pixel.iter_mut().zip(part) {
            *below = mixed(*below, 255 - u16::from(share), part);
        }
    }
}

/// The same share of a color, to be laid over many pixels.
pub struct Wash {
    color: Rgb,
    share: u8,
    /// What it gives to each byte of so many pixels.
    tile: [u16; 3 * TILE],
}

impl Wash {
    /// `opacity` is the share, `0..=1`.
    pub fn new(color: Rgb, opacity: f32) -> Self {
        let share = byte(opacity);
        let part = parts(color, share);
        Self { color, share, tile: std::array::from_fn(|nth| part[nth % 3]) }
    }

    /// Lays it over each of these pixels.
    pub fn over(&self, pixels: &mut [Rgb]) {
        match self.share {
            0 => {}
            u8::MAX => pixels.fill(self.color),
            share => {
                let rest = 255 - u16::from(share);
                let (tiles, last) = pixels.as_flattened_mut().as_chunks_mut::<{ 3 * TILE }>();
                for tile in tiles {
                    for (below, part) in tile.iter_mut().zip(self.tile) {
                        *below = mixed(*below, rest, part);
                    }
                }
                for (below, part) in last.iter_mut().zip(self.tile) {
                    *below = mixed(*below, rest, part);
                }
            }
        }
    }
}

/// What a color gives to the mixture, and half of the divisor, so that it is rounded.
fn parts(color: Rgb, share: u8) -> [u16; 3] {
    color.map(|channel| u16::from(channel) * u16::from(share) + 127)
}

/// `(below * rest + part) / 255`, where `part` is at most `(255 - rest) * 255 + 127`.
fn mixed(below: u8, rest: u16, part: u16) -> u8 {
    let sum = u16::from(below) * rest + part;
    ((sum + 1 + (sum >> 8)) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixture_is_rounded_as_a_division_rounds_it() {
        for share in 0..=255u8 {
            for (below, above) in [(0, 0), (0, 255), (255, 0), (255, 255), (17, 201), (128, 127)] {
                let mut pixel = [below; 3];
                over(&mut pixel, [above; 3], share);
                let (rest, share) = (255 - u32::from(share), u32::from(share));
                let expected = (u32::from(below) * rest + u32::from(above) * share + 127) / 255;
                assert_eq!(u32::from(pixel[0]), expected, "{share}/255 of {above} over {below}");
            }
        }
    }

    #[test]
    fn many_pixels_are_mixed_as_each_alone() {
        let picture: Vec<Rgb> = (0..100u8).map(|n| [n, 2 * n, 255 - n]).collect();
        for share in [0u8, 1, 128, 254, 255] {
            let wash = Wash::new([9, 120, 250], f32::from(share) / 255.0);
            for count in [0, 1, 15, 16, 17, 100] {
                let (mut all, mut each) = (picture[..count].to_vec(), picture[..count].to_vec());
                wash.over(&mut all);
                each.iter_mut().for_each(|pixel| over(pixel, [9, 120, 250], share));
                assert_eq!(all, each);
            }
        }
    }
}
