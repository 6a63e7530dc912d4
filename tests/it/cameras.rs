//! What camera drivers and odometries publish: lenses, sizes, regions, files, rectified images, stamps and frames. All of
//! it gives moments with the right camera; what is odd is said once.

use crate::allocations::allocations_in;
use crate::messages::{
    FOCAL_PX, FRAME_ID, Heard, SIZE, camera_info, image, nth, odometry, patched, stamp, stamped, walk_with,
};
use crate::replay::{ALL, CAMERA, Recorded, Recording, Replayed};
use proptest::prelude::*;
use std::borrow::Cow;
use std::path::PathBuf;
use vedette::config::{Config, ImageStamp, Rectified};
use vedette::pipeline::{Input, Intake, Misfit, Remark, Taken};
use vedette::types::{CameraModel, Distortion, Motion, Size, Stamp};
use vedette::wire::HeaderRef;

const TOPIC: &str = "/camera/image";

/// A CameraInfo, field by field.
struct Info {
    size: Size,
    model: &'static str,
    d: Vec<f64>,
    k: [f64; 9],
    p: [f64; 12],
    binning: [u32; 2],
    /// x, y, height, width.
    roi: [u32; 4],
}

fn info() -> Info {
    let (f, x, y) = (FOCAL_PX, 31.5, 23.5);
    Info {
        size: SIZE,
        model: "plumb_bob",
        d: vec![0.0; 5],
        k: [f, 0.0, x, 0.0, f, y, 0.0, 0.0, 1.0],
        p: [0.9 * f, 0.0, x, 0.0, 0.0, 0.9 * f, y, 0.0, 0.0, 0.0, 1.0, 0.0],
        binning: [0, 0],
        roi: [0; 4],
    }
}

impl Info {
    /// In plain CDR, little endian.
    fn at(&self, stamp: Stamp) -> Vec<u8> {
        let mut body = Vec::new();
        let (sec, nanosec) = stamp.to_ros();
        body.extend(sec.to_le_bytes());
        body.extend(nanosec.to_le_bytes());
        let string = |body: &mut Vec<u8>, text: &str| {
            body.extend(u32::try_from(text.len() + 1).unwrap().to_le_bytes());
            body.extend(text.as_bytes());
            body.push(0);
            body.resize(body.len().next_multiple_of(4), 0);
        };
        string(&mut body, FRAME_ID);
        body.extend(self.size.height_px.to_le_bytes());
        body.extend(self.size.width_px.to_le_bytes());
        string(&mut body, self.model);
        body.extend(u32::try_from(self.d.len()).unwrap().to_le_bytes());
        body.resize(body.len().next_multiple_of(8), 0);
        let r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        let numbers = self.d.iter().chain(&self.k).chain(&r).chain(&self.p);
        body.extend(numbers.flat_map(|number| number.to_le_bytes()));
        body.extend(self.binning.iter().chain(&self.roi).flat_map(|number| number.to_le_bytes()));
        body.push(0);
        [&[0, 1, 0, 0][..], &body].concat()
    }
}

fn intake(config: &Config) -> Intake {
    Intake::open(config, TOPIC).unwrap()
}

/// The camera that an image of [`SIZE`] gets beside this camera_info, what does not fit, and what was remarked.
fn joined(intake: &mut Intake, info: &Info) -> (Option<CameraModel>, Option<Misfit>, Vec<Remark>) {
    intake.camera_info(&info.at(nth(0))).unwrap();
    let cdr = image(nth(0));
    let Taken::Moment(moment) = intake.image(Cow::Borrowed(&cdr), None).unwrap() else { panic!("it waits") };
    let (camera, misfit) = (moment.frame.value().camera, moment.misfit);
    (camera, misfit, intake.untold_remarks().to_vec())
}

fn camera_of(info: &Info) -> CameraModel {
    let (camera, misfit, remarks) = joined(&mut intake(&Config::default()), info);
    assert_eq!((misfit, remarks), (None, Vec::new()));
    camera.unwrap()
}

#[test]
fn every_lens_of_real_drivers_has_its_camera() {
    let brown = |d: &[f64]| {
        let mut all = [0.0; 14];
        all[..d.len()].copy_from_slice(d);
        Distortion::Brown(all)
    };
    let eight = [0.03, 0.03, 0.0, 0.0, -0.01, 0.0, 0.0, 0.0];
    let rational = [0.1, 0.02, 0.0, 0.0, 0.001, 0.1, 0.01, 0.001];
    let fisheye = [0.01, 0.002, 0.0, 0.0];
    for (model, d, lens) in [
        ("plumb_bob", &eight[..], brown(&eight)),
        ("rational_polynomial", &rational, brown(&rational)),
        ("equidistant", &fisheye, Distortion::Equidistant(fisheye)),
        ("", &[0.0; 5], Distortion::None),
        ("unknown", &[], Distortion::None),
    ] {
        let camera = camera_of(&Info { model, d: d.to_vec(), ..info() });
        assert_eq!((camera.distortion(), camera.focal_px()), (lens, (FOCAL_PX, FOCAL_PX)), "{model}");
    }
}

#[test]
fn a_camera_info_that_is_none_is_lost_with_its_numbers_and_the_images_go_on() {
    let mut intake = intake(&Config::default());
    for (change, words) in [
        (Info { k: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0], ..info() }, "K[0] is 1 px, expected a focal length"),
        (
            Info { k: [60.0, 0.0, 500.0, 0.0, 60.0, 23.5, 0.0, 0.0, 1.0], ..info() },
            "K[2] is 500 px for a side of 64 px",
        ),
        (Info { model: "omni", d: vec![0.1; 5], ..info() }, "distortion_model \"omni\" is not supported"),
        (Info { d: vec![0.1; 7], ..info() }, "D holds 7 numbers, plumb_bob or rational_polynomial needs 0, 4, 5, 8"),
    ] {
        let error = intake.camera_info(&change.at(nth(0))).unwrap_err();
        assert_eq!(error.cause(), "bad_message");
        assert!(error.to_string().starts_with(&format!("camera_info {words}")), "{error}");
    }
    let cdr = image(nth(0));
    assert!(matches!(intake.image(Cow::Borrowed(&cdr), None).unwrap(), Taken::Moment(_)));
}

#[test]
fn a_camera_info_of_twice_the_size_is_scaled_and_places_all_where_the_right_one_does() {
    let twice = Info {
        size: Size { width_px: 128, height_px: 96 },
        k: [2.0 * FOCAL_PX, 0.0, 63.0, 0.0, 2.0 * FOCAL_PX, 47.0, 0.0, 0.0, 1.0],
        ..info()
    };
    let (camera, misfit, remarks) = joined(&mut intake(&Config::default()), &twice);
    assert_eq!(camera, Some(camera_of(&info())));
    let expected = Misfit { camera: twice.size, image: SIZE, is_scaled: true };
    assert_eq!((misfit, remarks.as_slice()), (Some(expected), &[Remark::Size(expected)][..]));
    assert_eq!(remarks[0].to_string(), "camera_info is for 128x96 px, images have 64x48: it is scaled to them");

    let replayed = |info: &Info| {
        let messages = (0..10).flat_map(|number| {
            [
                Recorded::Message(Input::CameraInfo, info.at(nth(number))),
                Recorded::Message(Input::Image, image(nth(number))),
            ]
        });
        Recording::new(&CAMERA, messages.collect()).replayed()
    };
    let (right, scaled) = (replayed(&info()), replayed(&twice));
    assert!(right.heard.messages == scaled.heard.messages);
    assert_eq!((right.report.remarks.len(), scaled.report.remarks.len()), (0, 1), "said once in ten frames");
    assert!(!scaled.report.has_loss());
}

#[test]
fn a_camera_info_of_another_aspect_is_left_out_and_told_with_both_sizes() {
    let cut = Info { size: Size { width_px: 64, height_px: 36 }, ..info() };
    let (camera, misfit, remarks) = joined(&mut intake(&Config::default()), &cut);
    assert_eq!(camera, None);
    assert!(misfit.is_some_and(|misfit| !misfit.is_scaled));
    let expected = "camera_info is for 64x36 px, images have 64x48: the aspect is another one, it is left out, and nothing \
                    has a place on the ground";
    assert_eq!(remarks[0].to_string(), expected);
}

proptest! {
    /// With numbers like those of cameras among others, so that some of them are one.
    #[test]
    fn any_numbers_are_a_camera_or_a_counted_loss(
        model in prop::sample::select(vec!["plumb_bob", "rational_polynomial", "equidistant", "fisheye", "", "x"]),
        d in prop::collection::vec(prop_oneof![Just(0.0), -1.0f64..1.0, prop::num::f64::ANY], 0..20),
        k in prop::array::uniform9(prop_oneof![10.0f64..100.0, prop::num::f64::ANY]),
        p in prop::array::uniform12(prop_oneof![10.0f64..100.0, prop::num::f64::ANY]),
        (binning, roi) in (prop::array::uniform2(any::<u32>()), prop::array::uniform4(any::<u32>())),
        (is_part, is_rectified) in (any::<bool>(), any::<bool>()),
    ) {
        let (binning, roi) = if is_part { (binning, roi) } else { ([1, 1], [0; 4]) };
        let image_is_rectified = if is_rectified { Rectified::Yes } else { Rectified::No };
        let mut driven = walk_with(&Config { image_is_rectified, ..Config::default() });
        if let Err(error) = driven.camera_info(&Info { model, d, k, p, binning, roi, ..info() }.at(nth(0))) {
            prop_assert_eq!(error.cause(), "bad_message");
        }
        prop_assert!(driven.image(&image(nth(0)), &mut Heard::default()).is_ok());
    }
}

#[test]
fn region_and_binning_make_the_camera_of_the_image_as_published() {
    let part = Info {
        size: Size { width_px: 200, height_px: 300 },
        k: [120.0, 0.0, 80.0, 0.0, 240.0, 130.0, 0.0, 0.0, 1.0],
        binning: [2, 4],
        roi: [10, 20, 192, 128],
        ..info()
    };
    let camera = camera_of(&part);
    assert_eq!((camera.size(), camera.focal_px()), (SIZE, (60.0, 60.0)));
    assert_eq!(camera.principal_point_px(), (35.0, 27.5));
}

#[test]
fn rectified_images_have_the_camera_of_p_by_the_name_of_their_topic_or_by_the_parameter() {
    let barrel = Info { d: vec![-0.2, 0.1, 0.0, 0.0, 0.0], ..info() };
    let camera = |topic: &str, image_is_rectified| {
        let config = Config { image_is_rectified, ..Config::default() };
        let mut intake = Intake::open(&config, topic).unwrap();
        joined(&mut intake, &barrel).0.unwrap()
    };
    let is_of_p = |camera: CameraModel| {
        let (focal, is_ideal) = (camera.focal_px().0, camera.distortion() == Distortion::None);
        assert_eq!(is_ideal, focal == 0.9 * FOCAL_PX, "P goes with no distortion");
        is_ideal
    };
    assert!(is_of_p(camera("/camera/image_rect", Rectified::Auto)));
    assert!(!is_of_p(camera("/camera/image_raw", Rectified::Auto)));
    assert!(!is_of_p(camera("/camera/image_rect", Rectified::No)));
    assert!(is_of_p(camera("/camera/image_raw", Rectified::Yes)));
}

/// A calibration for [`SIZE`] with this focal length, in a file of its own.
fn calibration(folder: &tempfile::TempDir, focal_px: f64) -> PathBuf {
    let path = folder.path().join("camera.yaml");
    let text = format!(
        "image_width: 64\nimage_height: 48\ncamera_name: front\n\
         camera_matrix: {{rows: 3, cols: 3, data: [{focal_px}, 0, 31.5, 0, {focal_px}, 23.5, 0, 0, 1]}}\n\
         distortion_model: plumb_bob\ndistortion_coefficients: {{rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}}\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_calibration_file_serves_where_nobody_publishes_one() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { camera_info_file: calibration(&folder, FOCAL_PX), ..Config::default() };
    let mut driven = walk_with(&config);
    // Somebody may publish it and says nothing: nobody waits.
    driven.intake().expect_camera_info(true);
    let mut heard = Heard::default();
    for number in 0..5 {
        assert!(driven.image(&image(nth(number)), &mut heard).unwrap().located);
    }
    assert_eq!(driven.intake().untold_remarks(), []);
}

#[test]
fn a_calibration_file_outdoes_what_is_published_and_says_so_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { camera_info_file: calibration(&folder, 77.0), ..Config::default() };
    let mut intake = intake(&config);
    let (camera, _, remarks) = joined(&mut intake, &info());
    assert_eq!(camera.unwrap().focal_px(), (77.0, 77.0));
    let words = "camera_info has 60.0000 for K[0] and camera_info_file 77.0000: the file is used";
    assert!(remarks[0].to_string().starts_with(words), "{remarks:?}");
    assert_eq!(joined(&mut intake, &info()).2, []);
    // An uncalibrated driver is the reason why there is a file: it costs nothing.
    let uncalibrated = Info { k: [0.0; 9], p: [0.0; 12], ..info() };
    let (camera, _, remarks) = joined(&mut intake, &uncalibrated);
    assert_eq!(camera.unwrap().focal_px(), (77.0, 77.0));
    assert!(remarks[0].to_string().ends_with("camera_info_file is used instead"));
}

#[test]
fn a_calibration_file_that_is_none_ends_the_start() {
    let config = Config { camera_info_file: "/no/such/camera.yaml".into(), ..Config::default() };
    let error = Intake::open(&config, TOPIC).unwrap_err().to_string();
    assert!(error.starts_with("cannot read camera_info_file /no/such/camera.yaml: "), "{error}");
}

#[test]
fn the_one_camera_info_of_a_bag_hours_before_its_images_serves_them_all() {
    let hours_ago = Stamp::from_ns(1_000_000_000);
    let images = (0..10).map(|n| Recorded::Message(Input::Image, image(stamp(5 * 3_600_000 + n * 100))));
    let latched = std::iter::once(Recorded::Message(Input::CameraInfo, camera_info(hours_ago)));
    let replayed = Recording::new(&CAMERA, latched.chain(images).collect()).replayed();
    assert!(replayed.watched.frames.iter().all(|frame| frame.located) && replayed.report.processed == 10);
}

fn received() -> Config {
    Config { image_stamp: ImageStamp::Received, ..Config::default() }
}

/// Ten images and camera_infos, all stamped by the driver with `of`.
fn stamped_by(of: fn(i64) -> Stamp) -> Recording {
    let pair = |number| {
        // The picture shows its number, which is not its stamp.
        let picture = stamped(image(nth(number)), of(number));
        [Recorded::Message(Input::CameraInfo, info().at(of(number))), Recorded::Message(Input::Image, picture)]
    };
    let mut recording = Recording::new(&CAMERA, (0..10).flat_map(pair).collect());
    recording.log_time = |message| stamp(1_700_000_000_000 + 50 * message);
    recording
}

#[test]
fn images_that_are_all_stamped_0_are_lost_with_the_cause_or_take_the_time_at_which_they_came() {
    let lost = stamped_by(|_| Stamp::from_ns(0)).replayed();
    assert_eq!((lost.report.processed, lost.report.lost.get("image: out_of_order")), (1, Some(&9)));
    assert_eq!(lost.watched.remarks, [Remark::StampZero]);

    let taken = stamped_by(|_| Stamp::from_ns(0)).replayed_with(&received());
    assert_eq!((taken.report.processed, taken.report.has_loss()), (10, false));
    assert_eq!(taken.watched.remarks, []);
    assert!(taken.watched.frames.iter().all(|frame| frame.located), "camera_info has their stamp, 0, too");
    let stamps: Vec<Stamp> = taken.heard.detections().iter().map(|array| array.header.stamp).collect();
    // Each image is the second message of its pair.
    assert_eq!(stamps, (0..10).map(|n| stamp(1_700_000_000_000 + 50 * (2 * n + 2))).collect::<Vec<_>>());
}

#[test]
fn stamps_that_stand_or_count_from_boot_are_named() {
    let stands = stamped_by(|_| nth(0)).replayed();
    let words = stands.report.remarks.join("\n");
    assert!(words.contains("image stamps do not move: the last 5 images are all stamped 1.000000000"), "{words}");
    let boot = stamped_by(nth).replayed();
    assert_eq!(boot.report.processed, 10, "in a replay it costs nothing");
    assert!(
        boot.report.remarks[0].starts_with("image stamps are decades off: 1.000000000 for an image that came at 17")
    );
    assert_eq!(boot.report.remarks.len(), 1);
}

#[test]
fn images_that_are_stamped_0_take_the_newest_camera_info_of_a_driver_that_stamps_it() {
    let pair = |number| {
        let picture = stamped(image(nth(number)), Stamp::from_ns(0));
        [
            Recorded::Message(Input::CameraInfo, info().at(nth(10_000 + number))),
            Recorded::Message(Input::Image, picture),
        ]
    };
    let mut recording = Recording::new(&CAMERA, (0..10).flat_map(pair).collect());
    recording.log_time = |message| stamp(1_700_000_000_000 + 50 * message);
    let replayed = recording.replayed_with(&received());
    assert!(replayed.watched.frames.iter().all(|frame| frame.located) && replayed.report.processed == 10);
}

#[test]
fn a_frame_that_is_not_called_optical_is_told_once() {
    let other = b"camera_link_of_a_cam";
    assert_eq!(other.len(), FRAME_ID.len());
    let of = |number| patched(image(nth(number)), FRAME_ID.as_bytes(), other);
    let images = (0..5).map(|number| Recorded::Message(Input::Image, of(number)));
    let replayed = Recording::new(&[Input::Image], images.collect()).replayed();
    assert_eq!((replayed.report.processed, replayed.report.has_loss()), (5, false));
    let [remark] = &replayed.report.remarks[..] else { panic!("{:?}", replayed.report.remarks) };
    assert!(remark.starts_with("the image's frame_id \"camera_link_of_a_cam\" is not named as an optical frame"));
}

/// An odometry without a twist whose pose is so far along its own heading.
fn pose_only(at: Stamp, forward_m: f64) -> Vec<u8> {
    let place = [1.0, 2.0, 3.0].map(f64::to_le_bytes).concat();
    // The fixture heads 0.5 rad to the left.
    let moved = [1.0 + forward_m * 0.5f64.cos(), 2.0 + forward_m * 0.5f64.sin(), 3.0].map(f64::to_le_bytes).concat();
    patched(odometry(at, 0.0), &place, &moved)
}

#[test]
fn an_odometry_whose_pose_moves_under_a_twist_of_zeros_has_the_poses_speed() {
    let replayed = |speed_mps: f64| {
        let messages = (0..20).flat_map(|number| {
            let odometry = pose_only(nth(number), speed_mps * 0.1 * number as f64);
            let picture = Recorded::Message(Input::Image, image(nth(number)));
            [
                Recorded::Message(Input::Odom, odometry),
                Recorded::Message(Input::CameraInfo, camera_info(nth(number))),
                picture,
            ]
        });
        Recording::new(&ALL, messages.collect()).replayed()
    };
    let verdict = |replayed: &Replayed| replayed.heard.plans().last().unwrap().verdict.clone();
    let (moving, standing) = (replayed(0.8), replayed(0.0));
    assert!(verdict(&moving).contains("speed 0.80 m/s measured"), "{}", verdict(&moving));
    let [remark] = &moving.report.remarks[..] else { panic!("{:?}", moving.report.remarks) };
    assert!(remark.starts_with("odometry has a twist of 0 while its pose moves (0.80 m/s, 0.00 rad/s)"), "{remark}");
    assert!(verdict(&standing).contains("speed 0.00 m/s measured"), "{}", verdict(&standing));
    assert_eq!(standing.report.remarks, [""; 0]);
}

#[test]
fn odometry_of_another_epoch_is_told_and_the_speed_assumed() {
    let pair = |number| {
        let picture = Recorded::Message(Input::Image, image(stamp(1_700_000_000_000 + 100 * number)));
        [Recorded::Message(Input::Odom, odometry(nth(number), 0.4)), picture]
    };
    let mut recording = Recording::new(&[Input::Image, Input::Odom], (0..5).flat_map(pair).collect());
    recording.log_time = |message| stamp(1_700_000_000_000 + 50 * message);
    let replayed = recording.replayed();
    let [remark] = &replayed.report.remarks[..] else { panic!("{:?}", replayed.report.remarks) };
    assert!(remark.starts_with("odometry stamps are decades off: 1.0"), "{remark}");
    let verdict = replayed.heard.plans().last().unwrap().verdict.clone();
    assert!(verdict.contains("assumed"), "{verdict}");
}

#[test]
fn what_is_odd_costs_no_allocation_once_it_was_said() {
    let mut intake = intake(&Config::default());
    let twice = Info { size: Size { width_px: 128, height_px: 96 }, ..info() };
    let mut step = |number: i64, messages: &[Vec<u8>; 3]| {
        allocations_in(|| {
            intake.odom(&messages[0]).unwrap();
            intake.camera_info(&messages[1]).unwrap();
            let Taken::Moment(moment) = intake.image(Cow::Borrowed(&messages[2]), Some(nth(number))).unwrap() else {
                panic!("it waits")
            };
            assert!(moment.misfit.is_some() && matches!(moment.motion, Motion::Measured { .. }));
        })
    };
    let of = |number: i64| {
        let picture = patched(image(nth(number)), FRAME_ID.as_bytes(), b"camera_link_of_a_cam");
        [pose_only(nth(number), 0.1 * number as f64), twice.at(nth(number)), picture]
    };
    for number in 0..20 {
        step(number, &of(number));
    }
    let messages: Vec<_> = (20..40).map(of).collect();
    let counted: usize = (20..40).zip(&messages).map(|(number, messages)| step(number, messages)).sum();
    assert_eq!(counted, 0);
    assert_eq!(intake.untold_remarks().len(), 3);
}

/// The fixture and the encoder above say the same.
#[test]
fn the_camera_info_of_these_tests_is_that_of_the_others() {
    let ours = info().at(nth(0));
    let theirs = camera_info(nth(0));
    let decode = |cdr| vedette::wire::sensor_msgs::decode_camera_info(cdr).unwrap();
    let header = HeaderRef { stamp: nth(0), frame_id: FRAME_ID };
    assert_eq!((decode(&ours).header, decode(&theirs).header), (header, header));
    assert_eq!(decode(&ours).calibration.k, decode(&theirs).calibration.k);
}
