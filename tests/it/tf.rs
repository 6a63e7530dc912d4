//! The camera's place by tf, from messages to moments and plans.

use crate::allocations::allocations_in;
use crate::messages::{LEVEL, OPTICAL, camera_info, image, next_image, nth, stamp, tf, walk};
use crate::replay::{Recorded, Recording};
use nalgebra::{Point3, Vector3};
use std::borrow::Cow;
use vedette::config::{Config, MountingBy};
use vedette::pipeline::{Input, Intake, Moment, Taken, Transforms};
use vedette::spatial::LinkKind;
use vedette::types::{CameraId, Stamp};

const MS: i64 = 1_000_000;

fn intake(config: &Config) -> Intake {
    let mut intake = Intake::open(config, "/camera/image").unwrap();
    intake.expect_tf(true);
    intake
}

/// A mast that drives up by 1 m in each second, with a camera on it that looks ahead.
fn mast(stamp: Stamp) -> Vec<u8> {
    let height_m = stamp.seconds_since(nth(0)) + 1.0;
    tf(stamp, "base_link", "mast", [0.25, 0.0, height_m], LEVEL)
}

fn on_mast() -> Vec<u8> {
    tf(Stamp::from_ns(0), "/mast", "camera_optical_frame", [0.0; 3], OPTICAL)
}

fn height_m(moment: &Moment<'_>) -> f64 {
    moment.frame.value().base_from_camera.translation.z
}

fn after(stamp: Stamp, ms: i64) -> Stamp {
    Stamp::from_ns(stamp.as_ns() + ms * MS)
}

#[test]
fn an_image_waits_for_the_mast_and_is_placed_where_that_was_at_its_stamp() {
    let mut intake = intake(&Config::default());
    intake.tf(LinkKind::Static, &on_mast()).unwrap();
    intake.tf(LinkKind::Moving, &mast(after(nth(0), -30))).unwrap();
    let picture = image(nth(0));
    let waits = intake.image(Cow::Borrowed(&picture), None).unwrap();
    assert!(matches!(waits, Taken::Waits { missing: Input::Tf, .. }), "{waits:?}");
    assert!(matches!(intake.complete().unwrap(), Taken::Waits { .. }));
    intake.tf(LinkKind::Moving, &mast(after(nth(0), 10))).unwrap();
    let Taken::Moment(moment) = intake.complete().unwrap() else { panic!("it is complete") };
    assert!((height_m(&moment) - 1.0).abs() < 1e-9, "{moment:?}");
    assert!(moment.is_placed_by_tf);
    assert_eq!(moment.base_frame.as_str(), "base_link");
    let base_from_camera = moment.frame.value().base_from_camera;
    let ahead = base_from_camera * Point3::new(0.0, 0.0, 2.0);
    assert!((ahead.coords - Vector3::new(2.25, 0.0, 1.0)).norm() < 1e-9, "optical z looks ahead");
}

#[test]
fn an_image_that_goes_without_its_transform_is_lost_by_name() {
    let mut intake = intake(&Config::default());
    intake.tf(LinkKind::Static, &on_mast()).unwrap();
    intake.tf(LinkKind::Moving, &mast(nth(0))).unwrap();
    let picture = image(nth(1));
    assert!(matches!(intake.image(Cow::Borrowed(&picture), None).unwrap(), Taken::Waits { .. }));
    let error = intake.go_without_input(Input::Tf).unwrap_err();
    assert_eq!(error.cause(), "no_transform");
    let expected = "no transform from \"camera_optical_frame\" to \"base_link\" at 1.100000000: \"mast\" in \"base_link\" \
                    has the one stamp 1.000000000, 0.100 s before";
    assert!(error.to_string().starts_with(expected), "{error}");
    assert!(matches!(intake.complete().unwrap(), Taken::Nothing));
}

#[test]
fn an_image_may_wait_for_its_camera_info_and_then_for_tf() {
    let mut intake = intake(&Config::default());
    intake.expect_camera_info(true);
    intake.tf(LinkKind::Static, &on_mast()).unwrap();
    intake.tf(LinkKind::Moving, &mast(after(nth(0), -30))).unwrap();
    let picture = image(nth(0));
    let missing = |taken: Taken<'_>| match taken {
        Taken::Waits { missing, .. } => Some(missing),
        Taken::Moment(_) | Taken::Nothing => None,
    };
    assert_eq!(missing(intake.image(Cow::Borrowed(&picture), None).unwrap()), Some(Input::CameraInfo));
    assert_eq!(missing(intake.go_without_input(Input::CameraInfo).unwrap()), Some(Input::Tf));
    intake.tf(LinkKind::Moving, &mast(nth(0))).unwrap();
    assert!(matches!(intake.complete().unwrap(), Taken::Moment(moment) if moment.frame.value().camera.is_none()));
}

#[test]
fn one_buffer_serves_the_intakes_of_several_cameras() {
    let transforms = Transforms::new(1_000_000_000);
    let [mut front, mut rear] = [(); 2].map(|()| intake(&Config::default()).with_transforms(&transforms));
    front.tf(LinkKind::Static, &on_mast()).unwrap();
    transforms.take(LinkKind::Moving, &mast(nth(0))).unwrap();
    let picture = image(nth(0));
    for intake in [&mut front, &mut rear] {
        let taken = intake.image(Cow::Borrowed(&picture), None).unwrap();
        assert!(matches!(taken, Taken::Moment(moment) if moment.is_placed_by_tf));
    }
}

#[test]
fn a_transform_that_is_none_is_lost_with_its_name_and_the_others_of_its_message_count() {
    let mut intake = intake(&Config::default());
    let refused = |intake: &mut Intake, cdr: &[u8]| {
        let error = intake.tf(LinkKind::Moving, cdr).unwrap_err();
        (error.cause(), error.to_string())
    };
    let (cause, words) = refused(&mut intake, &tf(nth(0), "mast", "/mast", [0.0; 3], LEVEL));
    assert_eq!(
        (cause, words.as_str()),
        ("bad_transform", "a transform of \"mast\" to itself, expected another parent")
    );
    let (cause, words) = refused(&mut intake, &tf(nth(0), "base_link", "mast", [0.0; 3], [0.0; 4]));
    assert_eq!(cause, "bad_message");
    assert!(words.ends_with("[0.0, 0.0, 0.0, 0.0], expected a quaternion x, y, z, w of length 1"), "{words}");
}

/// Static transforms, then image by image what moves: before the image, or behind it.
fn recording(images: i64, is_behind: bool) -> Recording {
    let mut recorded = vec![Recorded::Message(Input::TfStatic, on_mast())];
    recorded.push(Recorded::Message(Input::Tf, mast(after(nth(0), -20))));
    for number in 0..images {
        recorded.push(Recorded::Message(Input::CameraInfo, camera_info(nth(number))));
        let moving = Recorded::Message(Input::Tf, mast(after(nth(number), 20)));
        let picture = Recorded::Message(Input::Image, image(nth(number)));
        recorded.extend(if is_behind { [picture, moving] } else { [moving, picture] });
    }
    Recording::new(&[Input::Image, Input::CameraInfo, Input::Tf, Input::TfStatic], recorded)
}

#[test]
fn a_replay_gives_the_same_whether_tf_comes_before_its_image_or_behind_it() {
    let [before, behind] = [false, true].map(|is_behind| recording(5, is_behind).replayed());
    assert!(before.report.lost.is_empty() && before.report.processed == 5, "{:?}", before.report);
    assert_eq!(before.heard.messages, behind.heard.messages);
    let of_parameters = Config { mounting: MountingBy::Parameters, ..Config::default() };
    assert_ne!(before.heard.messages, recording(5, false).replayed_with(&of_parameters).heard.messages);
}

#[test]
fn plans_are_in_the_frame_on_the_ground_where_tf_has_it() {
    let mut recorded = vec![
        Recorded::Message(Input::TfStatic, tf(nth(0), "base_footprint", "base_link", [0.0, 0.0, 0.25], LEVEL)),
        Recorded::Message(Input::TfStatic, tf(nth(0), "base_link", "camera_optical_frame", [0.0, 0.0, 1.0], OPTICAL)),
    ];
    recorded.extend((0..3).flat_map(|number| {
        [(Input::CameraInfo, camera_info(nth(number))), (Input::Image, image(nth(number)))]
            .map(|(input, cdr)| Recorded::Message(input, cdr))
    }));
    let recording = Recording::new(&[Input::Image, Input::CameraInfo, Input::TfStatic], recorded);
    let replayed = recording.replayed();
    let frames: Vec<_> = replayed.heard.plans().iter().map(|plan| plan.header.frame_id.to_string()).collect();
    assert_eq!(frames, ["base_footprint"; 3]);
    assert_eq!(replayed.report.remarks, [""; 0]);
}

#[test]
fn images_whose_transforms_never_come_are_counted_losses_and_the_first_ones_of_a_strange_frame_are_said() {
    let lost = |recorded: Vec<Recorded>, config: &Config| {
        Recording::new(&[Input::Image, Input::Tf], recorded).replayed_with(config)
    };
    let images = |first: Vec<u8>| {
        let mut recorded = vec![Recorded::Message(Input::Tf, first)];
        recorded.extend((1..5).map(|number| Recorded::Message(Input::Image, image(nth(number)))));
        recorded
    };
    let to_camera = tf(nth(0), "base_link", "camera_optical_frame", [0.0, 0.0, 1.0], OPTICAL);
    let replayed = lost(images(to_camera), &Config::default());
    assert_eq!(replayed.report.lost.get("image: no_transform"), Some(&4), "{:?}", replayed.report.lost);

    let elsewhere = tf(nth(0), "odom", "base_link", [0.0; 3], LEVEL);
    let replayed = lost(images(elsewhere.clone()), &Config::default());
    assert_eq!(replayed.report.processed, 4);
    let [remark] = &replayed.report.remarks[..] else { panic!("{:?}", replayed.report.remarks) };
    assert!(remark.contains("there is no frame \"camera_optical_frame\"; frames: base_link (in odom"), "{remark}");
    let strict = Config { mounting: MountingBy::Tf, ..Config::default() };
    assert_eq!(lost(images(elsewhere), &strict).report.lost.get("image: no_transform"), Some(&4));
}

#[test]
fn transforms_and_lookups_allocate_nothing_once_the_cache_is_full() {
    let mut intake = intake(&Config::default());
    intake.tf(LinkKind::Static, &on_mast()).unwrap();
    let mut picture = image(nth(0));
    let mut step = |number: i64| {
        let at = stamp(100 * number + 1000);
        picture = next_image(std::mem::take(&mut picture), at);
        let moving = mast(at);
        allocations_in(|| {
            intake.tf(LinkKind::Moving, &moving).unwrap();
            let taken = intake.image(Cow::Borrowed(&picture), None).unwrap();
            assert!(matches!(taken, Taken::Moment(moment) if moment.is_placed_by_tf));
        })
    };
    for number in 0..200 {
        step(number);
    }
    assert_eq!((200..300).map(step).sum::<usize>(), 0);
}

#[test]
fn a_walk_without_tf_is_placed_by_the_parameters() {
    let mut walk = walk();
    let picture = image(nth(0));
    let Taken::Moment(moment) = walk.intakes.of(CameraId(0)).image(Cow::Borrowed(&picture), None).unwrap() else {
        panic!("it waits")
    };
    assert!(!moment.is_placed_by_tf);
    assert_eq!((height_m(&moment), moment.base_frame.as_str()), (Config::default().mount_z_m, "base_link"));
}
