//! Several cameras in one walk: one model, one world, one plan.

use crate::messages::{Driven, MODEL, camera_info, constant, image, nth, patched, stamp};
use crate::tape::Tape;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use vedette::config::{Config, Names, NodeName, ParameterSource};
use vedette::pipeline::{FrameError, Intake, Outlet, Output, OutputError, Outputs, PassedOver, Taken, Walk, Wanted};
use vedette::replay::{ReplayReport, ReplayTopics, replay};
use vedette::types::{CameraId, Decision, Stamp};
use vedette::wire::vedette_msgs::{PlanMessage, decode_plan};
use vedette::wire::vision_msgs::{Detection2DArray, decode_detections};

const FRONT: CameraId = CameraId(0);
const REAR: CameraId = CameraId(1);

fn config(overrides: &[&str]) -> Config {
    let all = ["cameras:=[front, rear]"].iter().chain(overrides);
    let sources: Vec<_> = all.map(|text| ParameterSource::Override(text.parse().unwrap())).collect();
    Config::load(&NodeName::default(), &sources).unwrap().config
}

type Messages = Vec<(Stamp, Vec<u8>)>;

/// What is said, by outlet.
#[derive(Default, Debug, PartialEq)]
struct Said(BTreeMap<(&'static str, usize), Messages>);

impl Outputs for Said {
    fn put(&mut self, outlet: Outlet, stamp: Stamp, cdr: &[u8]) -> Result<(), OutputError> {
        let key = (outlet.output.name(), outlet.camera.0);
        self.0.entry(key).or_default().push((stamp, cdr.to_vec()));
        Ok(())
    }

    fn wants(&self, outlet: Outlet) -> bool {
        !outlet.output.is_on_demand()
    }
}

impl Said {
    fn of(&self, output: Output, camera: CameraId) -> Vec<&[u8]> {
        let all = self.0.get(&(output.name(), output.of(camera).camera.0));
        all.into_iter().flatten().map(|(_, cdr)| cdr.as_slice()).collect()
    }

    fn detections(&self, camera: CameraId) -> Vec<Detection2DArray> {
        self.of(Output::Detections, camera).into_iter().map(|cdr| decode_detections(cdr).unwrap()).collect()
    }

    fn plans(&self) -> Vec<PlanMessage> {
        self.of(Output::Plan, FRONT).into_iter().map(|cdr| decode_plan(cdr).unwrap()).collect()
    }

    /// The numbers of the tracks in a camera's last picture.
    fn ids(&self, camera: CameraId) -> BTreeSet<String> {
        let last = self.detections(camera).pop().unwrap();
        last.detections.into_iter().map(|detection| detection.id).filter(|id| !id.is_empty()).collect()
    }
}

struct Robot {
    driven: Driven,
    said: Said,
}

impl Robot {
    fn new(overrides: &[&str]) -> Self {
        let config = config(overrides);
        let walk = Walk::new(&config, constant(), MODEL).unwrap();
        Self { driven: Driven::new(&config, walk), said: Said::default() }
    }

    /// A picture of a camera with its camera_info. The walk sees a person, a dog and a car in each.
    fn see(&mut self, camera: CameraId, at: Stamp) -> Result<(), FrameError> {
        let Driven { intakes, walk } = &mut self.driven;
        let intake = intakes.of(camera);
        intake.camera_info(&camera_info(at)).unwrap();
        let picture = image(at);
        let Taken::Moment(moment) = intake.image(Cow::Borrowed(&picture), None)? else { panic!("it waits") };
        let entered = walk.enter(camera, at, moment.frame.frame_id());
        if entered.passed_over == Some(PassedOver::TooSoon) {
            return Ok(());
        }
        let said = walk.frame(&moment, Wanted::by(&self.said, camera))?;
        assert_eq!(said.camera(), camera);
        said.hand_to(&mut self.said).unwrap();
        Ok(())
    }

    /// Frames of both cameras in turn, the rear one half a period behind the front.
    fn drive(&mut self, frames: std::ops::Range<i64>) {
        for number in frames {
            self.see(FRONT, nth(number)).unwrap();
            self.see(REAR, Stamp::from_ns(nth(number).as_ns() + 50_000_000)).unwrap();
        }
    }
}

#[test]
fn what_two_cameras_see_at_one_place_is_one_thing_under_one_number_in_both() {
    let mut robot = Robot::new(&[]);
    robot.drive(0..12);
    let Robot { said, .. } = &robot;
    assert_eq!((said.detections(FRONT).len(), said.detections(REAR).len(), said.plans().len()), (12, 12, 24));
    assert!(said.detections(REAR).iter().all(|seen| seen.detections.len() == 3), "each camera's own boxes");
    assert_eq!(said.ids(FRONT).len(), 3);
    assert_eq!(said.ids(FRONT), said.ids(REAR));
    let plans = said.plans();
    let verdict = &plans.last().unwrap().verdict;
    assert!(verdict.contains("of 3 things"), "{verdict}");
    let stamps: Vec<Stamp> = plans.iter().map(|plan| plan.header.stamp).collect();
    assert!(stamps.is_sorted() && stamps.len() == 24, "a plan for each picture of any camera");
}

#[test]
fn what_two_cameras_see_at_different_places_are_different_things_with_different_numbers() {
    let mut robot = Robot::new(&["rear.mount_yaw_rad:=3.1416"]);
    robot.drive(0..12);
    let Robot { said, .. } = &robot;
    assert!(said.ids(FRONT).is_disjoint(&said.ids(REAR)), "{:?} {:?}", said.ids(FRONT), said.ids(REAR));
    let plan = said.plans().pop().unwrap();
    assert!(plan.verdict.contains("of 6 things"), "{}", plan.verdict);
    assert!(!plan.verdict.contains("none of the way ahead"), "the front camera looks there: {}", plan.verdict);
}

#[test]
fn the_world_of_one_camera_is_that_of_two_of_which_one_sees_nothing_new() {
    let plan = |robot: &Robot| {
        let PlanMessage { steps, decision, .. } = robot.said.plans().pop().unwrap();
        (decision, steps.len())
    };
    let (mut both, mut one) = (Robot::new(&[]), Robot::new(&["rear.camera_required:=false"]));
    both.drive(0..12);
    (0..24).for_each(|half| one.see(FRONT, Stamp::from_ns(nth(0).as_ns() + half * 50_000_000)).unwrap());
    assert_eq!(plan(&both), plan(&one));
}

#[test]
fn a_camera_that_stops_is_a_stop_with_its_name_and_one_that_is_not_required_is_none() {
    let words = "no image younger than 500 ms of camera rear";
    for (overrides, is_stop) in [(&[][..], true), (&["rear.camera_required:=false"], false)] {
        let mut robot = Robot::new(overrides);
        robot.drive(0..12);
        for number in 12..30 {
            robot.see(FRONT, nth(number)).unwrap();
        }
        // The last one of the rear is of the frame 11 and a half.
        let lost: Vec<bool> = robot.said.plans()[24..].iter().map(|plan| plan.verdict.contains(words)).collect();
        let expected: Vec<bool> = (12..30).map(|number| is_stop && number * 100 - 1150 > 500).collect();
        assert_eq!(lost, expected);
        let last = robot.said.plans().pop().unwrap();
        assert_eq!(last.steps.iter().any(|step| step.reason == words && step.action == Decision::Stop), is_stop);
        assert!(!is_stop || last.decision == Decision::Stop);
        if is_stop {
            robot.drive(30..45);
            let back = robot.said.plans().pop().unwrap();
            assert!(!back.verdict.contains(words), "it is there again: {}", back.verdict);
        }
    }
}

#[test]
fn a_camera_that_never_came_is_a_loss_too() {
    let mut robot = Robot::new(&[]);
    robot.see(FRONT, nth(0)).unwrap();
    let plan = robot.said.plans().pop().unwrap();
    assert!(plan.decision == Decision::Stop && plan.verdict.contains("camera rear"), "{}", plan.verdict);
}

#[test]
fn a_camera_whose_pictures_come_late_tells_of_the_past_and_costs_the_others_nothing() {
    let mut robot = Robot::new(&[]);
    for number in 0..12 {
        robot.see(FRONT, nth(number)).unwrap();
        // 80 ms behind the front's, and later.
        robot.see(REAR, Stamp::from_ns(nth(number).as_ns() - 80_000_000)).unwrap();
    }
    assert_eq!(robot.said.ids(FRONT), robot.said.ids(REAR));
    assert!(robot.said.plans().pop().unwrap().verdict.contains("of 3 things"));
    let error = robot.see(REAR, nth(5)).unwrap_err();
    assert_eq!(error.cause(), "out_of_order", "a camera's own pictures have an order");
    let mut third = Intake::open(&config(&[]), "/third/image").unwrap().of_camera(CameraId(2));
    let picture = image(nth(20));
    let Taken::Moment(moment) = third.image(Cow::Borrowed(&picture), None).unwrap() else { panic!("it waits") };
    let error = robot.driven.frame(&moment, Wanted::default()).unwrap_err().to_string();
    assert_eq!(error, "image of the camera number 2, expected one below 2");
}

#[test]
fn one_camera_that_begins_again_begins_all_anew() {
    let mut robot = Robot::new(&[]);
    (0..12).for_each(|number| robot.drive(100 + number..101 + number));
    robot.drive(0..12);
    assert_eq!(robot.said.plans().len(), 48, "nothing of the second run is lost");
    assert_eq!(robot.said.ids(FRONT), robot.said.ids(REAR));
}

#[test]
fn each_camera_has_its_own_rate() {
    let mut robot = Robot::new(&["rear.max_rate_hz:=5.0"]);
    robot.drive(0..20);
    let counts = [FRONT, REAR].map(|camera| robot.said.detections(camera).len());
    assert_eq!(counts, [20, 10]);
}

const TOPICS: [(&str, &str); 4] = [
    ("/front/image", "sensor_msgs/msg/Image"),
    ("/front/camera_info", "sensor_msgs/msg/CameraInfo"),
    ("/rear/image", "sensor_msgs/msg/Image"),
    ("/rear/camera_info", "sensor_msgs/msg/CameraInfo"),
];

fn replayed(messages: Vec<(&'static str, Vec<u8>)>, overrides: &[&str]) -> (ReplayReport, Said) {
    let config = config(overrides);
    let mut tape = Tape::of(&TOPICS, messages);
    let topics = ReplayTopics::choose_for(&tape.topics, &Names::default(), &config).unwrap();
    let walk = Walk::new(&config, constant(), MODEL).unwrap();
    let Driven { mut intakes, mut walk } = Driven::new(&config, walk);
    let mut said = Said::default();
    let report = replay(&mut tape, &topics, &mut intakes, &mut walk, &mut said, &mut ()).unwrap();
    (report, said)
}

/// Both cameras; the rear one's camera_info comes behind its picture, and behind the front's next one.
fn recording() -> Vec<(&'static str, Vec<u8>)> {
    let mut messages = Vec::new();
    for number in 0..20 {
        let (front, rear) = (nth(number), Stamp::from_ns(nth(number).as_ns() + 20_000_000));
        messages.push(("/rear/image", image(rear)));
        messages.push(("/front/camera_info", camera_info(front)));
        messages.push(("/front/image", image(front)));
        messages.push(("/rear/camera_info", camera_info(rear)));
    }
    messages
}

#[test]
fn a_replay_of_two_cameras_gives_the_same_twice_and_none_waits_for_the_other() {
    let (report, said) = replayed(recording(), &[]);
    assert_eq!((report.images, report.processed, report.has_loss()), (40, 40, false));
    assert_eq!(said, replayed(recording(), &[]).1);
    let stamps: Vec<i64> = said.plans().iter().map(|plan| plan.header.stamp.as_ns() / 1_000_000).collect();
    assert_eq!(stamps[..4], [1000, 1020, 1100, 1120], "the front goes first while the rear waits for its camera_info");
    let mut live = Robot::new(&[]);
    for number in 0..20 {
        live.see(FRONT, nth(number)).unwrap();
        live.see(REAR, stamp(1020 + number * 100)).unwrap();
    }
    for output in [Output::Detections, Output::Plan, Output::Path] {
        for camera in [FRONT, REAR] {
            assert_eq!(live.said.of(output, camera), said.of(output, camera), "{}", output.name());
        }
    }
}

#[test]
fn a_named_camera_without_pictures_is_named_with_the_topics_that_there_are() {
    let topics = Tape::of(&TOPICS[..2], Vec::new()).topics;
    let error = ReplayTopics::choose_for(&topics, &Names::default(), &config(&[])).unwrap_err().to_string();
    assert_eq!(
        error,
        "no topic /rear/image (sensor_msgs/msg/Image) in the bag for rear/image, it has /front/image \
         (sensor_msgs/msg/Image), /front/camera_info (sensor_msgs/msg/CameraInfo)"
    );
}

#[test]
fn a_camera_info_that_is_none_costs_its_own_camera_its_places_and_the_other_one_nothing() {
    let mut messages = recording();
    for (topic, cdr) in messages.iter_mut().filter(|(topic, _)| *topic == "/rear/camera_info") {
        *cdr = patched(std::mem::take(cdr), &60.0f64.to_le_bytes(), &f64::NAN.to_le_bytes());
        assert_eq!(*topic, "/rear/camera_info");
    }
    let (report, said) = replayed(messages, &[]);
    assert_eq!(report.lost.keys().collect::<Vec<_>>(), ["camera_info: bad_message"]);
    assert_eq!((said.detections(FRONT).len(), said.detections(REAR).len()), (20, 20));
}
