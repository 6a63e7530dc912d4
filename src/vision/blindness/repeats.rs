//! Pictures that come again.

use crate::types::{ImageView, Size, Stamp};

/// As many pictures as a driver may have buffers: one that is stuck may give them in turn.
const REMEMBERED: usize = 8;

/// A picture that was seen.
#[derive(Clone, Copy)]
struct Print {
    size: Size,
    points: u32,
    /// Of all pixels. None until a second picture has the same points: reading each picture whole would cost more than
    /// all the rest of the check.
    whole: Option<u32>,
}

/// The last pictures, by their CRC-32, and when the last new one came.
#[derive(Default)]
pub(super) struct Repeats {
    prints: [Option<Print>; REMEMBERED],
    oldest: usize,
    new_at: Option<Stamp>,
}

impl Repeats {
    /// How long, by the stamps, there was nothing new up to this picture; 0 when it is new. `luma`: its points.
    ///
    /// A picture is new when its points differ from those of the last eight, or else any of its pixels from theirs. The
    /// first one whose points come again is taken for a repeat, since the pixels before it are not known any more.
    /// Bytes between the rows do not count.
    pub fn unchanged_ns(&mut self, stamp: Stamp, luma: &[u8], image: &ImageView<'_>) -> i64 {
        let print = Print { size: image.size(), points: crc32fast::hash(luma), whole: None };
        if !self.repeats(print, image) || self.new_at.is_none_or(|new_at| new_at > stamp) {
            self.new_at = Some(stamp);
        }
        self.new_at.map_or(0, |new_at| stamp.ns_since(new_at))
    }

    fn repeats(&mut self, print: Print, image: &ImageView<'_>) -> bool {
        let mut whole = None;
        let mut alike =
            self.prints.iter_mut().flatten().filter(|seen| (seen.size, seen.points) == (print.size, print.points));
        let repeats = alike.any(|seen| {
            let whole = *whole.get_or_insert_with(|| whole_of(image));
            *seen.whole.get_or_insert(whole) == whole
        });
        if !repeats {
            self.prints[self.oldest] = Some(Print { whole, ..print });
            self.oldest = (self.oldest + 1) % REMEMBERED;
        }
        repeats
    }
}

fn whole_of(image: &ImageView<'_>) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    image.plane_rows().for_each(|row| crc.update(row));
    crc.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::PixelFormat;

    const SIZE: Size = Size { width_px: 2, height_px: 2 };

    /// Looks at pictures of 2 x 2 bytes whose points are their first byte, 100 ns apart.
    fn unchanged_ns(pictures: &[[u8; 4]]) -> Vec<i64> {
        let mut repeats = Repeats::default();
        let at = |number: usize| Stamp::from_ns(i64::try_from(number).unwrap() * 100);
        let look = |(number, data): (usize, &[u8; 4])| {
            let image = ImageView::new(data, SIZE, 2, PixelFormat::Mono8).unwrap();
            repeats.unchanged_ns(at(number), &data[..1], &image)
        };
        pictures.iter().enumerate().map(look).collect()
    }

    #[test]
    fn the_time_without_anything_new_grows_until_a_new_picture_comes() {
        let (a, b) = ([1, 2, 3, 4], [9, 2, 3, 4]);
        assert_eq!(unchanged_ns(&[a, a, a, b, b]), [0, 100, 200, 0, 100]);
    }

    #[test]
    fn pictures_in_turn_are_nothing_new() {
        let (a, b, c) = ([1, 0, 0, 0], [2, 0, 0, 0], [3, 0, 0, 0]);
        assert_eq!(unchanged_ns(&[a, b, c, a, b, c, a]), [0, 0, 0, 100, 200, 300, 400]);
    }

    #[test]
    fn a_pixel_between_the_points_is_new_from_the_second_repeat_on() {
        let still = |pixel| [1, 2, 3, pixel];
        assert_eq!(unchanged_ns(&[still(0), still(1), still(2), still(3), still(3)]), [0, 100, 0, 0, 100]);
    }

    #[test]
    fn the_ninth_picture_pushes_the_first_out() {
        let pictures: Vec<[u8; 4]> = (0..9).map(|number| [number, 0, 0, 0]).collect();
        let repeated = [&pictures[..], &[pictures[0], pictures[8]]].concat();
        assert_eq!(unchanged_ns(&repeated)[9..], [0, 100]);
    }

    #[test]
    fn bytes_between_the_rows_make_no_picture_new() {
        let mut repeats = Repeats::default();
        for (number, padding) in (0..5).zip([7, 8, 9, 10, 11]) {
            let data = [1, 2, padding, 3, 4, padding];
            let image = ImageView::new(&data, SIZE, 3, PixelFormat::Mono8).unwrap();
            assert_eq!(repeats.unchanged_ns(Stamp::from_ns(number), &data[..1], &image), number);
        }
    }

    #[test]
    fn a_step_back_in_time_begins_again() {
        let mut repeats = Repeats::default();
        let image = ImageView::new(&[0; 4], SIZE, 2, PixelFormat::Mono8).unwrap();
        let found = [500, 600, 100, 300].map(|ns| repeats.unchanged_ns(Stamp::from_ns(ns), &[0], &image));
        assert_eq!(found, [0, 100, 0, 200]);
    }
}
