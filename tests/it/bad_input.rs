//! What is wrong with a message costs that message and nothing else: all that the walk says later is byte for byte
//! what it would have said without it.

use crate::messages::{
    Driven, FOCAL_PX, Heard, camera_info, camera_info_of, camera_info_with_nan, image, image_with, nth, odometry,
    patched, size_bytes, stamp, stamped, walk,
};
use proptest::prelude::*;
use vedette::pipeline::{FrameError, FrameReport, Output};
use vedette::types::{Size, Stamp};

/// Ten frames with camera_info; `between` is done after the fifth.
fn drive(between: impl FnOnce(&mut Driven, &mut Heard)) -> Heard {
    let (mut walk, mut heard) = (walk(), Heard::default());
    let frames = |walk: &mut Driven, heard: &mut Heard, numbers: std::ops::Range<i64>| {
        for number in numbers {
            walk.camera_info(&camera_info(nth(number))).unwrap();
            walk.image(&image(nth(number)), heard).unwrap();
        }
    };
    frames(&mut walk, &mut heard, 0..5);
    between(&mut walk, &mut heard);
    frames(&mut walk, &mut heard, 5..10);
    heard
}

/// Gives a bad image between two good ones; returns what is said about it.
fn cost_of(bad: &[u8], cause: &str) -> String {
    let mut said = String::new();
    let heard = drive(|walk, heard| {
        let error = walk.image(bad, heard).unwrap_err();
        assert_eq!(error.cause(), cause);
        said = error.to_string();
    });
    assert!(heard.messages == drive(|_, _| ()).messages, "after: {said}");
    said
}

/// The stamp of a bad image that lies where a good one could.
fn after_the_fifth() -> Stamp {
    stamp(nth(4).as_ns() / 1_000_000 + 50)
}

#[test]
fn an_image_with_less_data_than_rows_costs_only_itself() {
    let bytes = 3 * 64 * 48_u32;
    let short = patched(image(after_the_fifth()), &bytes.to_le_bytes(), &(bytes - 1).to_le_bytes());
    assert_eq!(cost_of(&short, "bad_message"), "image data holds 9215 bytes, step 192 x height 48 needs 9216");
}

#[test]
fn an_image_cut_off_at_any_byte_costs_only_itself() {
    let whole = image(after_the_fifth());
    let heard = drive(|walk, heard| {
        for length in 0..whole.len() {
            let error = walk.image(&whole[..length], heard).unwrap_err();
            assert!(matches!(error, FrameError::Wire(_)), "{length} bytes: {error}");
        }
    });
    assert!(heard.messages == drive(|_, _| ()).messages);
}

#[test]
fn an_image_without_size_costs_only_itself() {
    for (height_px, width_px) in [(0, 64), (48, 0), (0, 0)] {
        let bad = patched(image(after_the_fifth()), &size_bytes(48, 64), &size_bytes(height_px, width_px));
        assert!(cost_of(&bad, "bad_message").starts_with(&format!("image size {width_px}x{height_px} px")));
    }
}

#[test]
fn an_image_with_a_huge_size_costs_only_itself() {
    for (height_px, width_px) in [(u32::MAX, u32::MAX), (32_769, 64), (48, 32_769)] {
        let bad = patched(image(after_the_fifth()), &size_bytes(48, 64), &size_bytes(height_px, width_px));
        assert!(cost_of(&bad, "bad_message").starts_with(&format!("image size {width_px}x{height_px} px")));
    }
}

#[test]
fn an_image_with_an_unknown_encoding_costs_only_itself() {
    let bad = patched(image(after_the_fifth()), b"rgb8", b"yuv2");
    assert!(cost_of(&bad, "bad_message").starts_with("image encoding \"yuv2\" is not supported"));
}

#[test]
fn an_image_from_before_the_epoch_costs_only_itself() {
    let said = cost_of(&image(Stamp::from_ns(-1)), "bad_message");
    assert_eq!(said, "image stamped -1.999999999, before the epoch, expected a stamp of at least 0");
}

#[test]
fn an_image_that_is_not_newer_costs_only_itself() {
    // Again the last one, and one from 200 ms before it.
    for number in [4, 2] {
        let said = cost_of(&image(nth(number)), "out_of_order");
        assert_eq!(said, format!("image stamped {} is not after the one before it, {}", nth(number), nth(4)));
    }
}

#[test]
fn an_image_that_shows_nothing_costs_only_itself_and_says_why() {
    let said = |luma: u8, width_px, height_px| {
        let pixels = vec![luma; (3 * width_px * height_px) as usize];
        cost_of(&image_with(after_the_fifth(), &pixels, Size { width_px, height_px }), "blind")
    };
    let expected = "blind: the picture is too small: 1x1 px, expected sides of at least 48 px";
    assert_eq!(said(90, 1, 1), expected);
    let expected = "blind: the picture is dark: 99 of 100 points have a luma of at most 0 of 255, expected 6 or more";
    assert_eq!(said(0, 64, 48), expected);
    assert!(said(255, 64, 48).starts_with("blind: the picture is overexposed"));
    let expected = "blind: the picture is flat: its contrast without noise is 0.00, expected at least 0.40";
    assert_eq!(said(128, 64, 48), expected);
}

#[test]
fn an_image_with_an_impossible_time_costs_only_itself() {
    let mut bad = image(after_the_fifth());
    bad[8..12].copy_from_slice(&1_000_000_000_u32.to_le_bytes());
    assert!(cost_of(&bad, "bad_message").contains("nanoseconds must be below 1000000000"));
}

#[test]
fn a_message_of_another_type_costs_only_itself() {
    cost_of(&odometry(after_the_fifth(), 0.4), "bad_message");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn garbage_costs_only_itself(garbage in prop::collection::vec(any::<u8>(), 0..300), with_stamp in any::<bool>()) {
        // With a good beginning, the garbage is looked at more closely.
        let good = if with_stamp { image(after_the_fifth())[..40].to_vec() } else { Vec::new() };
        let garbage = [good, garbage].concat();
        let heard = drive(|walk, heard| {
            assert_eq!(walk.camera_info(&garbage).unwrap_err().cause(), "bad_message");
            assert_eq!(walk.odom(&garbage).unwrap_err().cause(), "bad_message");
            assert!(matches!(walk.image(&garbage, heard), Err(FrameError::Wire(_))));
        });
        prop_assert!(heard.messages == drive(|_, _| ()).messages);
    }
}

/// Five frames, each after `info`; and their reports.
fn drive_after(info: impl Fn(&mut Driven, i64)) -> (Heard, Vec<FrameReport>) {
    let (mut walk, mut heard) = (walk(), Heard::default());
    walk.intake().expect_camera_info(true);
    let reports = (0..5).map(|number| {
        info(&mut walk, number);
        assert!(number > 0 || walk.is_complete(&image(nth(number))), "nothing is gained by waiting");
        walk.image(&image(nth(number)), &mut heard).unwrap()
    });
    let reports = reports.collect();
    (heard, reports)
}

fn good(walk: &mut Driven, number: i64) {
    walk.camera_info(&camera_info(nth(number))).unwrap();
}

#[test]
fn frames_of_a_camera_info_with_nan_go_on_with_the_model_before_it() {
    let (heard, reports) = drive_after(|walk, number| {
        if number < 2 {
            good(walk, number);
        } else {
            let error = walk.camera_info(&camera_info_with_nan(nth(number))).unwrap_err();
            assert_eq!(error.to_string(), "camera_info K[0] is NaN, expected a finite number");
        }
    });
    assert!(reports.iter().all(|report| report.located));
    assert!(heard.messages == drive_after(good).0.messages);
}

#[test]
fn frames_of_a_camera_info_with_nan_and_none_before_it_have_boxes_without_places() {
    let (heard, reports) = drive_after(|walk, number| {
        walk.camera_info(&camera_info_with_nan(nth(number))).unwrap_err();
    });
    has_boxes_without_places(&heard, &reports);
}

#[test]
fn a_camera_info_for_another_aspect_places_nothing() {
    let other = Size { width_px: 128, height_px: 72 };
    let (heard, reports) = drive_after(|walk, number| {
        walk.camera_info(&camera_info_of(nth(number), other, FOCAL_PX)).unwrap();
    });
    has_boxes_without_places(&heard, &reports);
}

fn has_boxes_without_places(heard: &Heard, reports: &[FrameReport]) {
    assert!(reports.iter().all(|report| !report.located && report.detections == 3));
    let verdict = &heard.plans()[4].verdict;
    assert!(verdict.contains("boxes only: nothing has a place on the ground"), "{verdict}");
    let placed = drive_after(good).0;
    assert!(heard.of(Output::Detections).eq(placed.of(Output::Detections)), "boxes need no camera_info");
    assert!(!heard.of(Output::Plan).eq(placed.of(Output::Plan)), "plans do");
}

#[test]
fn odometry_with_nan_leaves_the_speed_as_it_was() {
    let speed_after = |bad: bool| {
        let (mut walk, mut heard) = (walk(), Heard::default());
        walk.odom(&odometry(nth(0), 0.4)).unwrap();
        if bad {
            assert_eq!(walk.odom(&odometry(nth(1), f64::NAN)).unwrap_err().cause(), "bad_message");
        }
        walk.image(&stamped(image(nth(0)), nth(1)), &mut heard).unwrap();
        heard.plans()[0].verdict.clone()
    };
    assert!(speed_after(true).starts_with("speed 0.40 m/s measured 100 ms before the image"));
    assert_eq!(speed_after(true), speed_after(false));
}
