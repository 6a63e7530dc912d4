use super::*;
use crate::types::PixelFormat;
use proptest::prelude::*;

const SIZE: Size = Size { width_px: 320, height_px: 240 };

/// Random numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 32) % u64::from(limit)).unwrap()
    }

    /// Normal, or near it, with this standard deviation.
    fn noise(&mut self, deviation: f64) -> f64 {
        let sum: u32 = (0..12).map(|_| self.below(1000)).sum();
        deviation * (f64::from(sum) / 1000.0 - 6.0)
    }
}

/// A grey picture of `luma` with sensor noise.
fn picture(deviation: f64, seed: u64, luma: impl Fn(u32, u32) -> f64) -> Vec<u8> {
    let mut random = Random(seed);
    let pixels = (0..SIZE.height_px).flat_map(|y| (0..SIZE.width_px).map(move |x| (x, y)));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as a sensor does")]
    pixels.map(|(x, y)| (luma(x, y) + random.noise(deviation)).round() as u8).collect()
}

/// Luma 20 to 219: boxes of many sizes, one over the other.
fn scene() -> impl Fn(u32, u32) -> f64 {
    let mut random = Random(7);
    let mut luma = vec![90.0; (SIZE.width_px * SIZE.height_px) as usize];
    for _ in 0..120 {
        let (left, top) = (random.below(SIZE.width_px), random.below(SIZE.height_px));
        let (width, height) = (4 + random.below(60), 4 + random.below(60));
        let shade = f64::from(20 + random.below(200));
        for y in top..SIZE.height_px.min(top + height) {
            for x in left..SIZE.width_px.min(left + width) {
                luma[(y * SIZE.width_px + x) as usize] = shade;
            }
        }
    }
    move |x, y| luma[(y * SIZE.width_px + x) as usize]
}

/// The scene through a lens that spreads each point over about `2 * radius` pixels.
fn blurred(radius: usize) -> impl Fn(u32, u32) -> f64 {
    let sharp = scene();
    let (width, height) = (SIZE.width_px as usize, SIZE.height_px as usize);
    let mut luma: Vec<f64> = picture(0.0, 1, sharp).into_iter().map(f64::from).collect();
    let mean = |values: &dyn Fn(usize) -> f64, at: usize, length: usize| {
        let window = at.saturating_sub(radius)..=(at + radius).min(length - 1);
        let count = window.clone().count();
        window.map(values).sum::<f64>() / count as f64
    };
    for _ in 0..3 {
        let rows = luma.clone();
        for (at, value) in luma.iter_mut().enumerate() {
            *value = mean(&|x| rows[at / width * width + x], at % width, width);
        }
        let columns = luma.clone();
        for (at, value) in luma.iter_mut().enumerate() {
            *value = mean(&|y| columns[y * width + at % width], at / width, height);
        }
    }
    move |x, y| luma[(y * SIZE.width_px + x) as usize]
}

fn view(data: &[u8], size: Size) -> ImageView<'_> {
    ImageView::new(data, size, size.width_px, PixelFormat::Mono8).unwrap()
}

fn ms(ms: i64) -> Stamp {
    Stamp::from_ns(ms * 1_000_000)
}

fn cause_with(params: BlindParams, data: &[u8]) -> Option<&'static str> {
    BlindCheck::new(params).look(ms(0), &view(data, SIZE)).err().map(|blind| blind.cause())
}

/// With the defaults.
fn cause(data: &[u8]) -> Option<&'static str> {
    cause_with(BlindParams::default(), data)
}

#[test]
fn a_scene_with_the_noise_of_a_sensor_is_seen() {
    for deviation in [0.0, 2.0, 10.0] {
        assert_eq!(cause(&picture(deviation, 1, scene())), None);
    }
}

#[test]
fn a_picture_of_fewer_pixels_than_the_limit_is_too_small() {
    let textured = picture(2.0, 1, scene());
    let look = |width_px, height_px| {
        let mut check = BlindCheck::new(BlindParams::default());
        check.look(ms(0), &view(&textured, Size { width_px, height_px })).err()
    };
    for (width_px, height_px) in [(1, 1), (47, 200), (200, 47)] {
        let size = Size { width_px, height_px };
        assert_eq!(look(width_px, height_px), Some(Blind::TooSmall { size, min_side_px: 48 }));
    }
    assert_eq!(look(48, 48), None);
    let words = "the picture is too small: 1x1 px, expected sides of at least 48 px";
    assert_eq!(look(1, 1).unwrap().to_string(), words);
}

#[test]
fn a_black_picture_is_dark_with_the_noise_of_a_sensor_too() {
    for deviation in [0.0, 0.5, 2.0] {
        assert_eq!(cause(&picture(deviation, 1, |_, _| 0.0)), Some("dark"));
    }
    // A line of text burnt into the picture.
    let text = |x, y| if y < 8 && x < 90 && x % 3 == 0 { 255.0 } else { 0.0 };
    assert_eq!(cause(&picture(1.0, 1, text)), Some("dark"));
}

#[test]
fn a_white_picture_is_bright() {
    assert_eq!(cause(&picture(0.0, 1, |_, _| 255.0)), Some("bright"));
    assert_eq!(cause(&picture(1.0, 1, |_, _| 254.0)), Some("bright"));
}

#[test]
fn a_covered_lens_is_flat_however_strong_the_noise_is() {
    for deviation in [0.0, 1.0, 4.0, 10.0, 20.0, 30.0] {
        for level in [16.0, 60.0, 130.0] {
            for seed in 1..=20 {
                let found = cause(&picture(deviation, seed, |_, _| level));
                assert_eq!(found, Some("flat"), "level {level}, noise {deviation}, seed {seed}");
            }
        }
    }
}

#[test]
fn a_glow_through_a_hand_on_the_lens_is_flat() {
    let glow = |x: u32, y: u32| {
        let (x, y) = (f64::from(x) / 320.0 - 0.3, f64::from(y) / 240.0 - 0.6);
        110.0 - 80.0 * x.hypot(y)
    };
    for deviation in [0.0, 3.0, 10.0] {
        assert_eq!(cause(&picture(deviation, 3, glow)), Some("flat"));
    }
}

#[test]
fn night_is_seen_while_its_picture_rises_above_the_noise() {
    let scene = scene();
    for (share, deviation) in [(1.0 / 4.0, 4.0), (1.0 / 10.0, 3.0), (1.0 / 20.0, 1.0)] {
        assert_eq!(cause(&picture(deviation, 1, |x, y| share * scene(x, y))), None);
    }
    assert_eq!(cause(&picture(1.0, 1, |x, y| scene(x, y) / 100.0)), Some("dark"));
}

#[test]
fn fog_is_seen_while_something_shows_through() {
    let scene = scene();
    let fog = |share: f64| picture(2.0, 1, |x, y| 190.0 + share * (scene(x, y) - 190.0));
    assert_eq!(cause(&fog(0.2)), None);
    assert_eq!(cause(&fog(0.05)), None);
    assert_eq!(cause(&fog(0.005)), Some("flat"));
}

#[test]
fn a_smeared_lens_is_blurred_and_one_out_of_focus_is_not() {
    assert_eq!(cause(&picture(2.0, 1, blurred(2))), None);
    assert_eq!(cause(&picture(2.0, 1, blurred(14))), Some("blurred"));
}

#[test]
fn the_same_bytes_are_frozen_once_they_have_come_for_longer_than_the_limit() {
    let mut check = BlindCheck::new(BlindParams::default());
    let (before, stuck, after) = (picture(2.0, 1, scene()), picture(2.0, 2, scene()), picture(2.0, 3, scene()));
    check.look(ms(900), &view(&before, SIZE)).unwrap();
    for number in 0..=5 {
        check.look(ms(1000 + 100 * number), &view(&stuck, SIZE)).unwrap();
    }
    let blind = check.look(ms(1600), &view(&stuck, SIZE)).unwrap_err();
    assert_eq!(blind, Blind::Frozen { found_ms: 600, limit_ms: 500 });
    let words = "the picture is frozen: nothing new for 600 ms, expected a new picture within 500 ms";
    assert_eq!(blind.to_string(), words);
    check.look(ms(1700), &view(&after, SIZE)).unwrap();
    check.look(ms(1800), &view(&after, SIZE)).unwrap();
}

#[test]
fn a_few_pictures_in_turn_are_frozen_too() {
    let mut check = BlindCheck::new(BlindParams::default());
    let pictures = [1, 2, 3, 4].map(|seed| picture(2.0, seed, scene()));
    let found = (0..20).map(|number: u8| {
        let image = view(&pictures[usize::from(number % 4)], SIZE);
        check.look(ms(100 * i64::from(number)), &image).is_ok()
    });
    assert_eq!(found.collect::<Vec<_>>(), [vec![true; 9], vec![false; 11]].concat());
}

#[test]
fn after_a_reset_the_same_bytes_are_new() {
    let mut check = BlindCheck::new(BlindParams::default());
    let data = picture(2.0, 1, scene());
    check.look(ms(0), &view(&data, SIZE)).unwrap();
    check.look(ms(1000), &view(&data, SIZE)).unwrap_err();
    check.reset();
    check.look(ms(1100), &view(&data, SIZE)).unwrap();
}

#[test]
fn every_cause_can_be_switched_off() {
    let off = BlindParams {
        min_side_px: 1,
        dark_luma: 0,
        bright_luma: 255,
        min_contrast: 0.0,
        min_sharpness: 0.0,
        frozen_ms: 0,
    };
    for level in [0.0, 130.0, 255.0] {
        let data = picture(0.0, 1, |_, _| level);
        let mut check = BlindCheck::new(off);
        for second in 0..5 {
            check.look(ms(1000 * second), &view(&data, SIZE)).unwrap();
            check.look(ms(1000 * second + 1), &view(&data, Size { width_px: 1, height_px: 1 })).unwrap();
        }
    }
    assert_eq!(cause_with(off, &picture(2.0, 1, blurred(14))), None);
}

proptest! {
    #[test]
    fn no_picture_of_any_size_and_format_panics_or_gives_a_number_that_is_none(
        // At least one pixel of the widest format.
        data in proptest::collection::vec(any::<u8>(), 8..40_000),
        width_px in 1_u32..300,
        format in 0_usize..PixelFormat::ALL.len(),
        stamps in proptest::collection::vec(any::<i64>(), 1..4),
    ) {
        let format = PixelFormat::ALL[format];
        let bytes = u32::try_from(format.bytes_per_pixel()).unwrap();
        let width_px = width_px.min(u32::try_from(data.len()).unwrap() / bytes);
        let rows = u32::try_from(data.len()).unwrap() / (width_px * bytes);
        let height_px = rows.min(ImageView::MAX_SIDE_PX);
        let size = Size { width_px, height_px };
        // A second plane has at most twice the bytes of the first and half a row.
        let data = data.repeat(4);
        let image = ImageView::new(&data, size, width_px * bytes, format).unwrap();
        let mut check = BlindCheck::new(BlindParams::default());
        for ns in stamps {
            let _ = check.look(Stamp::from_ns(ns), &image);
        }
        let Sight { dark_end, bright_end, contrast, sharpness } = check.measure(&image);
        prop_assert!(dark_end <= bright_end);
        prop_assert!((0.0..=256.0).contains(&contrast));
        prop_assert!(sharpness.is_none_or(|sharpness| sharpness.is_finite() && sharpness >= 0.0));
    }
}
