//! What of the real footage, and of what weather, dirt and faults make of it, is called blind.

mod degrade;
mod table;

use crate::allocations::allocations_in;
use degrade::Picture;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use vedette::bag::{BagSource, Source};
use vedette::config::Names;
use vedette::replay::ReplayTopics;
use vedette::types::{ImageView, PixelFormat, Size, Stamp};
use vedette::vision::{Blind, BlindCheck, BlindParams, Sight};
use vedette::wire::sensor_msgs::decode_image;

fn in_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Shows every frame of the footage, with its number, in order. The set-up makes the bag; a test fails without it.
fn each_frame(mut look: impl FnMut(usize, Stamp, &ImageView<'_>)) {
    let mut bag = BagSource::open(&[in_project("data/vtest")]).unwrap_or_else(|error| panic!("{error}: `make setup`"));
    let topic = ReplayTopics::choose(bag.topics(), &Names::default()).unwrap().cameras.remove(0).image;
    bag.select(&[&topic]).unwrap();
    let mut number = 0;
    while let Some(message) = bag.next_message().unwrap() {
        let decoded = decode_image(message.cdr).unwrap();
        look(number, decoded.header.stamp, &decoded.image);
        number += 1;
    }
    assert_eq!(number, 795);
}

/// Every 24th frame.
fn some_frames() -> &'static [Picture] {
    static FRAMES: OnceLock<Vec<Picture>> = OnceLock::new();
    FRAMES.get_or_init(|| {
        let mut frames = Vec::new();
        each_frame(|number, _, image| {
            if number % 24 == 0 {
                frames.push(Picture::of(image));
            }
        });
        frames
    })
}

fn nth(number: usize) -> Stamp {
    Stamp::from_ns(i64::try_from(number).unwrap() * 100_000_000)
}

/// What a camera at 10 Hz is told of these pictures.
fn causes<'a>(pictures: impl IntoIterator<Item = &'a Picture>) -> Vec<Option<&'static str>> {
    let mut check = BlindCheck::new(BlindParams::default());
    let looks = pictures.into_iter().enumerate();
    looks.map(|(number, picture)| check.look(nth(number), &picture.view()).err().map(|blind| blind.cause())).collect()
}

/// Every sixth of [`some_frames`], changed.
fn causes_of(change: impl Fn(&Picture) -> Picture) -> Vec<Option<&'static str>> {
    let changed: Vec<Picture> = some_frames().iter().step_by(6).map(change).collect();
    causes(&changed)
}

#[test]
fn no_frame_of_the_footage_is_blind_by_a_wide_margin() {
    let params = BlindParams::default();
    let mut check = BlindCheck::new(params);
    let mut measuring = BlindCheck::new(params);
    let mut sights: Vec<Sight> = Vec::new();
    each_frame(|number, stamp, image| {
        check.look(stamp, image).unwrap_or_else(|blind| panic!("frame {number}: {blind}"));
        sights.push(measuring.measure(image));
    });
    for sight in sights {
        assert!(sight.bright_end >= 40 * params.dark_luma, "{sight:?}");
        assert!(sight.dark_end <= params.bright_luma / 10, "{sight:?}");
        assert!(sight.contrast >= 30.0 * params.min_contrast, "{sight:?}");
        assert!(sight.sharpness.unwrap() >= 4.0 * params.min_sharpness, "{sight:?}");
    }
}

#[test]
fn pictures_of_near_things_are_not_blind() {
    for name in ["astronaut.png", "chelsea.png", "coffee.png"] {
        let picture = image::open(in_project("tests/data/parity/pictures").join(name)).unwrap().into_rgb8();
        let size = Size { width_px: picture.width(), height_px: picture.height() };
        let view = ImageView::new(&picture, size, 3 * size.width_px, PixelFormat::Rgb8).unwrap();
        assert_eq!(BlindCheck::new(BlindParams::default()).look(nth(0), &view), Ok(()), "{name}");
    }
}

#[test]
fn no_part_of_the_footage_is_blind_not_even_the_bare_ground() {
    for frame in some_frames().iter().step_by(6) {
        let view = frame.view();
        for (left, top) in (0..8_usize).flat_map(|column| (0..8_usize).map(move |row| (96 * column, 72 * row))) {
            let data = &view.data()[(top * 768 + left) * 3..];
            let padded = [data, &[0; 3 * 768]].concat();
            let part = ImageView::new(&padded, Size { width_px: 96, height_px: 72 }, 3 * 768, PixelFormat::Bgr8);
            let looked = BlindCheck::new(BlindParams::default()).look(nth(0), &part.unwrap());
            assert_eq!(looked, Ok(()), "from {left}, {top} on");
        }
    }
}

#[test]
fn the_footage_blacked_out_overexposed_or_covered_is_blind_in_every_frame() {
    let all = |cause| vec![Some(cause); 6];
    assert_eq!(causes_of(|picture| picture.filled(0.0)), all("dark"));
    assert_eq!(causes_of(|picture| picture.darkened(1.0 / 60.0, 1.0)), all("dark"));
    assert_eq!(causes_of(|picture| picture.filled(255.0)), all("bright"));
    assert_eq!(causes_of(|picture| picture.filled(128.0)), all("flat"));
    assert_eq!(causes_of(|picture| picture.covered([30.0, 120.0], 5.0)), all("flat"));
    assert_eq!(causes_of(|picture| picture.veiled(0.01)), all("flat"));
    assert_eq!(causes_of(|picture| picture.blurred(30.0, 2.0)), all("blurred"));
    assert_eq!(causes_of(|picture| picture.smaller(24)), all("too_small"));
}

#[test]
fn the_footage_at_night_and_in_fog_is_not_blind() {
    let seen = vec![None; 6];
    for (share, noise) in [(1.0 / 4.0, 4.0), (1.0 / 8.0, 2.0), (1.0 / 16.0, 1.0)] {
        assert_eq!(causes_of(|picture| picture.darkened(share, noise)), seen, "night, {share}");
    }
    assert_eq!(causes_of(|picture| picture.lamplit(0.1, 2.0)), seen);
    for visibility_m in [200.0, 100.0, 50.0, 35.0] {
        assert_eq!(causes_of(|picture| picture.in_fog(visibility_m)), seen, "fog, {visibility_m} m");
    }
    assert_eq!(causes_of(|picture| picture.veiled(0.05)), seen);
    assert_eq!(causes_of(|picture| picture.in_a_turn(61)), seen);
}

#[test]
fn the_footage_frozen_at_a_frame_is_blind_after_the_limit_and_sees_again_with_the_next_one() {
    let frames = some_frames();
    let stuck = std::iter::repeat_n(&frames[3], 12);
    let found = causes(frames[..3].iter().chain(stuck).chain(&frames[4..6]));
    assert_eq!(found, [vec![None; 9], vec![Some("frozen"); 6], vec![None; 2]].concat());
}

#[test]
fn looking_allocates_nothing_and_neither_does_a_frozen_camera() {
    let frames = some_frames();
    let mut check = BlindCheck::new(BlindParams::default());
    let mut frozen = 0;
    let allocations = allocations_in(|| {
        for number in 0..60 {
            let frame = &frames[number.min(20)];
            frozen += usize::from(matches!(check.look(nth(number), &frame.view()), Err(Blind::Frozen { .. })));
        }
    });
    assert_eq!((allocations, frozen), (0, 34));
}
