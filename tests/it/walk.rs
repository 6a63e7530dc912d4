//! The walk of one camera, from CDR to CDR, around a detector that always sees the same boxes.

use crate::allocations::allocations_in;
use crate::messages::{
    Discarded, Driven, FRAME_ID, Heard, MODEL, PERIOD_MS, camera_info, image, next_image, nth, odometry, stamp,
    stamped, walk,
};
use std::env;
use std::fs;
use std::process::Command;
use vedette::pipeline::{FrameReport, Output};
use vedette::types::{Decision, Stamp};
use vedette::wire::nav_msgs::decode_path;
use vedette::wire::sensor_msgs::decode_image;
use vedette::wire::vision_msgs::decode_label_info;

fn process(walk: &mut Driven, heard: &mut Heard, stamp: Stamp) -> FrameReport {
    walk.camera_info(&camera_info(stamp)).unwrap();
    walk.image(&image(stamp), heard).unwrap()
}

#[test]
fn the_first_image_gives_the_classes_and_then_its_results_and_the_second_only_its_results() {
    let (mut walk, mut heard) = (walk(), Heard::default());
    let first = process(&mut walk, &mut heard, nth(0));
    assert_eq!((first.stamp, first.detections, first.located), (nth(0), 3, true));
    process(&mut walk, &mut heard, nth(1));
    let order: Vec<_> = heard.messages.iter().map(|(output, stamp, _)| (*output, *stamp)).collect();
    let results = [Output::Detections, Output::Plan, Output::Path];
    let mut expected = vec![(Output::Events, nth(0)), (Output::LabelInfo, nth(0)), (Output::VisionInfo, nth(0))];
    expected.extend(results.map(|output| (output, nth(0))));
    expected.extend(results.map(|output| (output, nth(1))));
    assert_eq!(order, expected);
}

#[test]
fn every_result_has_the_images_stamp_in_its_header_too() {
    let (mut walk, mut heard) = (walk(), Heard { wants_pictures: true, ..Heard::default() });
    process(&mut walk, &mut heard, nth(0));
    let labels = decode_label_info(heard.of(Output::LabelInfo).next().unwrap()).unwrap();
    assert_eq!((labels.header.stamp, labels.header.frame_id.as_str()), (nth(0), FRAME_ID));
    let names: Vec<_> = labels.class_map.iter().map(|class| class.class_name.as_str()).collect();
    assert_eq!(names, ["person", "car", "dog"]);
    let detections = &heard.detections()[0];
    for header in detections.detections.iter().map(|detection| &detection.header).chain([&detections.header]) {
        assert_eq!((header.stamp, header.frame_id.as_str()), (nth(0), FRAME_ID));
    }
    let plan = &heard.plans()[0];
    assert_eq!((plan.header.stamp, plan.header.frame_id.as_str()), (nth(0), "base_link"));
    assert_eq!((plan.model.as_str(), plan.sequence), (MODEL, 1));
    let path = decode_path(heard.of(Output::Path).next().unwrap()).unwrap();
    assert_eq!((path.stamp(), path.frame_id().as_str()), (nth(0), "base_link"));
    let picture = decode_image(heard.of(Output::ImageAnnotated).next().unwrap()).unwrap();
    assert_eq!((picture.header.stamp, picture.header.frame_id), (nth(0), FRAME_ID));
}

#[test]
fn boxes_are_in_pixels_of_the_image_and_become_tracks_in_the_way() {
    let (mut walk, mut heard) = (walk(), Heard::default());
    let reports: Vec<_> = (0..10).map(|number| process(&mut walk, &mut heard, nth(number))).collect();
    let last = &heard.detections()[9].detections;
    let found: Vec<_> = last.iter().map(|d| (d.results[0].class_id.as_str(), d.id.as_str())).collect();
    assert_eq!(found, [("person", "1"), ("dog", "2"), ("car", "3")]);
    let person = last[0].bbox;
    // In the tensor it is centered on (32, 35), 8 pixels lower than in the image.
    assert_eq!((person.center_x_px, person.center_y_px, person.size_x_px, person.size_y_px), (32.0, 27.0, 8.0, 30.0));
    assert_eq!(reports[9].tracks, 3);
    let plan = &heard.plans()[9];
    assert_ne!(plan.decision, Decision::Proceed, "{}", plan.verdict);
    assert!(plan.steps.iter().any(|step| step.class_id == "person"), "{plan:?}");
}

#[test]
fn pictures_are_drawn_only_when_someone_wants_them() {
    for wants_pictures in [false, true] {
        let (mut walk, mut heard) = (walk(), Heard { wants_pictures, ..Heard::default() });
        for number in 0..3 {
            process(&mut walk, &mut heard, nth(number));
        }
        assert_eq!(heard.of(Output::ImageAnnotated).count(), if wants_pictures { 3 } else { 0 });
    }
}

#[test]
fn a_replay_draws_the_same_pictures_markers_and_annotations_again() {
    let shown = || {
        let (mut walk, mut heard) = (walk(), Heard { wants_pictures: true, ..Heard::default() });
        for number in 0..5 {
            process(&mut walk, &mut heard, nth(number));
        }
        heard.messages
    };
    let (first, second) = (shown(), shown());
    for output in Output::ALL.into_iter().filter(|output| output.is_on_demand()) {
        assert_eq!(first.iter().filter(|(known, ..)| *known == output).count(), 5, "{output:?}");
    }
    assert_eq!(first, second);
}

#[test]
fn the_speed_is_that_of_odometry_while_it_is_fresh() {
    let (mut walk, mut heard) = (walk(), Heard::default());
    process(&mut walk, &mut heard, nth(0));
    walk.odom(&odometry(stamp(1080), 0.4)).unwrap();
    for number in 1..=6 {
        process(&mut walk, &mut heard, nth(number));
    }
    let verdicts: Vec<_> = heard.plans().into_iter().map(|plan| plan.verdict).collect();
    let begins = |number: usize, words: &str| assert!(verdicts[number].starts_with(words), "{}", verdicts[number]);
    begins(0, "speed 1.00 m/s assumed");
    begins(1, "speed 0.40 m/s measured 20 ms before the image");
    begins(5, "speed 0.40 m/s measured 420 ms before the image");
    // 520 ms is more than odom_max_age_ms.
    begins(6, "speed 1.00 m/s assumed");
}

#[test]
fn a_jump_back_begins_again_and_goes_on_counting() {
    let (mut walk, mut heard) = (walk(), Heard::default());
    for number in 100..105 {
        process(&mut walk, &mut heard, nth(number));
    }
    for number in 0..5 {
        process(&mut walk, &mut heard, nth(number));
    }
    let ids: Vec<Vec<String>> =
        heard.detections().into_iter().map(|frame| frame.detections.into_iter().map(|d| d.id).collect()).collect();
    assert_eq!(ids[4], ["1", "2", "3"]);
    assert_eq!(ids[5], ["", "", ""], "nothing is known any more");
    assert_eq!(ids[9], ["4", "5", "6"]);
    let sequences: Vec<u64> = heard.plans().iter().map(|plan| plan.sequence).collect();
    assert_eq!(sequences, (1..=10).collect::<Vec<u64>>());
    assert_eq!(heard.of(Output::LabelInfo).count(), 1);
}

/// Frames of a drive with everything that can be given, without the making of the messages.
struct Drive {
    walk: Driven,
    image: Vec<u8>,
    camera_info: Vec<u8>,
    odometry: Vec<u8>,
    discarded: Discarded,
    number: i64,
}

impl Drive {
    fn new() -> Self {
        let mut walk = walk();
        walk.intake().expect_camera_info(true);
        let (image, camera_info, odometry) = (image(nth(0)), camera_info(nth(0)), odometry(nth(0), 0.4));
        Self { walk, image, camera_info, odometry, discarded: Discarded::default(), number: 0 }
    }

    fn frames(&mut self, count: usize) {
        for _ in 0..count {
            let stamp = nth(self.number);
            self.image = next_image(std::mem::take(&mut self.image), stamp);
            for cdr in [&mut self.camera_info, &mut self.odometry] {
                *cdr = stamped(std::mem::take(cdr), stamp);
            }
            self.walk.camera_info(&self.camera_info).unwrap();
            self.walk.odom(&self.odometry).unwrap();
            assert!(self.walk.is_complete(&self.image));
            let report = self.walk.image(&self.image, &mut self.discarded).unwrap();
            assert!(report.located && report.detections == 3);
            self.number += 1;
        }
    }
}

#[test]
fn a_frame_in_steady_state_allocates_nothing() {
    let mut drive = Drive::new();
    drive.frames(100);
    let before = drive.discarded.messages;
    assert_eq!(allocations_in(|| drive.frames(500)), 0);
    assert_eq!(
        drive.discarded.messages - before,
        500 * 6,
        "boxes, plan, path, markers, annotations and picture of each"
    );
    assert_eq!(drive.walk.scene().tracks.len(), 3);
    assert!(drive.walk.scene().tracks.iter().all(|track| track.place.ground().is_some()));
    assert!(!drive.walk.plan().steps.is_empty());
}

/// Set in the process that soaks.
const ALONE: &str = "VEDETTE_TEST_ALONE";

/// Resident memory of this process.
fn resident_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn ten_thousand_frames_leave_resident_memory_where_it_was() {
    if resident_kib().is_none() {
        eprintln!("SKIPPED ten thousand frames: no VmRSS in /proc/self/status");
        return;
    }
    // Other tests take memory beside this one: it runs once more, in a process of its own.
    if env::var_os(ALONE).is_none() {
        let name = "walk::ten_thousand_frames_leave_resident_memory_where_it_was";
        let soak = Command::new(env::current_exe().unwrap()).args(["--exact", name]).env(ALONE, "1").output().unwrap();
        let said = String::from_utf8_lossy(&soak.stdout);
        assert!(soak.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let mut drive = Drive::new();
    drive.frames(1000);
    let before_kib = resident_kib().unwrap();
    drive.frames(10_000);
    let after_kib = resident_kib().unwrap();
    // Room for pages of code and stack that are touched late; a leak of 105 bytes a frame would not fit.
    assert!(after_kib <= before_kib + 1024, "{before_kib} KiB after 1000 frames, {after_kib} KiB after 11000");
    assert_eq!(drive.walk.plan().sequence, 11_000);
    assert_eq!(drive.number * PERIOD_MS, 1_100_000);
}
