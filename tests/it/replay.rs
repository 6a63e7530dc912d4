//! Replay from recorded messages to recorded results: joins, losses, ends, the same bytes twice.

use crate::messages::{
    Driven, FOCAL_PX, Heard, SIZE, camera_info, camera_info_of, camera_info_with_nan, image, image_with, nth, odometry,
    pixels, walk, walk_with,
};
use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::path::Path;
use vedette::bag::{BagSource, Loss, McapSink, Source, SourceError, TopicInfo};
use vedette::config::{Config, Names, NodeName};
use vedette::pipeline::{FrameError, FrameReport, Input, Moment, Outlet, Output, Outputs, Remark, Said, Transport};
use vedette::replay::{CameraTopics, Limited, ReplayError, ReplayObserver, ReplayReport, ReplayTopics, replay};
use vedette::types::{RawMessage, Stamp};
use vedette::wire::schema::message_definition;

const TOPICS: [(Input, &str); 5] = [
    (Input::Image, "/camera/image"),
    (Input::CameraInfo, "/camera/camera_info"),
    (Input::Odom, "/odom"),
    (Input::Tf, "/tf"),
    (Input::TfStatic, "/tf_static"),
];

fn topic_of(input: Input) -> &'static str {
    TOPICS.iter().find(|(known, _)| *known == input).unwrap().1
}

/// What a place of a recording holds.
pub enum Recorded {
    Message(Input, Vec<u8>),
    Damage,
}

/// A recording in memory, in the order in which it was logged.
pub struct Recording {
    /// Of a message, by its place from 1.
    pub log_time: fn(i64) -> Stamp,
    topics: Vec<TopicInfo>,
    recorded: Vec<Recorded>,
    selected: Vec<String>,
    next: usize,
    losses: Vec<Loss>,
}

impl Recording {
    pub fn new(inputs: &[Input], recorded: Vec<Recorded>) -> Self {
        let topic = |input: &Input| TopicInfo {
            name: topic_of(*input).into(),
            type_name: input.type_name().into(),
            messages: None,
        };
        let topics: Vec<_> = inputs.iter().map(topic).collect();
        let selected = topics.iter().map(|topic| topic.name.clone()).collect();
        Self { log_time: Stamp::from_ns, topics, recorded, selected, next: 0, losses: Vec::new() }
    }

    pub fn replayed(self) -> Replayed {
        self.replayed_with(&Config::default())
    }

    /// With other parameters.
    pub fn replayed_with(mut self, config: &Config) -> Replayed {
        let topics = ReplayTopics::choose(&self.topics, &Names::default()).unwrap();
        Replayed::by(walk_with(config), Watched::default(), &mut self, &topics)
    }
}

impl Source for Recording {
    fn topics(&self) -> &[TopicInfo] {
        &self.topics
    }

    fn select(&mut self, topics: &[&str]) -> Result<(), SourceError> {
        self.selected = topics.iter().map(|&topic| topic.to_owned()).collect();
        self.next = 0;
        Ok(())
    }

    fn next_message(&mut self) -> Result<Option<RawMessage<'_>>, SourceError> {
        while let Some(recorded) = self.recorded.get(self.next) {
            self.next += 1;
            match recorded {
                Recorded::Message(input, cdr) if self.selected.iter().any(|topic| topic == topic_of(*input)) => {
                    let log_time = (self.log_time)(i64::try_from(self.next).unwrap());
                    return Ok(Some(RawMessage { topic: topic_of(*input), log_time, cdr }));
                }
                Recorded::Message(..) => {}
                Recorded::Damage => {
                    let (path, reason) = ("memory.mcap".into(), "a chunk that does not decompress".to_owned());
                    return Err(SourceError::Corrupt { path, offset: 7, reason });
                }
            }
        }
        Ok(None)
    }

    fn losses(&self) -> Vec<Loss> {
        self.losses.clone()
    }
}

#[derive(Default)]
pub struct Watched {
    pub frames: Vec<FrameReport>,
    lost: Vec<(Input, String)>,
    pub remarks: Vec<Remark>,
    end_after: Option<usize>,
}

impl ReplayObserver for Watched {
    fn frame(&mut self, moment: &Moment<'_>, said: &Said<'_>) -> bool {
        let report = *said.report();
        assert_eq!(moment.stamp(), report.stamp, "the picture that the results came from");
        assert_eq!(said.plan().decision, report.decision);
        self.frames.push(report);
        self.end_after != Some(self.frames.len())
    }

    fn lost(&mut self, input: Input, error: &FrameError) {
        self.lost.push((input, error.to_string()));
    }

    fn remarked(&mut self, remark: &Remark) {
        self.remarks.push(remark.clone());
    }
}

fn replay_all(
    source: &mut dyn Source,
    topics: &ReplayTopics,
    outputs: &mut dyn Outputs,
    observer: &mut dyn ReplayObserver,
) -> Result<ReplayReport, ReplayError> {
    let Driven { mut intakes, mut walk } = walk();
    replay(source, topics, &mut intakes, &mut walk, outputs, observer)
}

pub struct Replayed {
    pub report: ReplayReport,
    pub heard: Heard,
    pub watched: Watched,
}

impl Replayed {
    fn of(source: &mut dyn Source, topics: &ReplayTopics) -> Self {
        Self::watched_by(Watched::default(), source, topics)
    }

    fn watched_by(watched: Watched, source: &mut dyn Source, topics: &ReplayTopics) -> Self {
        Self::by(walk(), watched, source, topics)
    }

    fn by(driven: Driven, mut watched: Watched, source: &mut dyn Source, topics: &ReplayTopics) -> Self {
        let (mut heard, Driven { mut intakes, mut walk }) = (Heard::default(), driven);
        let report = replay(source, topics, &mut intakes, &mut walk, &mut heard, &mut watched).unwrap();
        assert_eq!(report.processed, watched.frames.len() as u64);
        assert_eq!(report.lost.values().sum::<u64>(), watched.lost.len() as u64);
        Self { report, heard, watched }
    }

    fn located(&self) -> Vec<bool> {
        self.watched.frames.iter().map(|frame| frame.located).collect()
    }
}

fn image_of(number: i64) -> Recorded {
    Recorded::Message(Input::Image, image(nth(number)))
}

/// Each image's camera is a little longer than the one before it, so that a model of another image shows in the plan.
fn info_of(number: i64) -> Recorded {
    Recorded::Message(Input::CameraInfo, camera_info_of(nth(number), SIZE, FOCAL_PX + number as f64))
}

fn odom_of(number: i64) -> Recorded {
    Recorded::Message(Input::Odom, odometry(nth(number), 0.4))
}

pub const ALL: [Input; 3] = [Input::CameraInfo, Input::Image, Input::Odom];
pub const CAMERA: [Input; 2] = [Input::CameraInfo, Input::Image];

fn drive(frames: i64) -> Recording {
    Recording::new(&ALL, (0..frames).flat_map(|number| [odom_of(number), info_of(number), image_of(number)]).collect())
}

fn same(a: &Replayed, b: &Replayed) -> bool {
    a.heard.messages == b.heard.messages && a.report == b.report && a.watched.frames == b.watched.frames
}

#[test]
fn the_report_tells_what_became_of_the_messages() {
    let Replayed { report, heard, .. } = drive(10).replayed();
    assert_eq!((report.images, report.processed, report.detections), (10, 10, 30));
    assert_eq!(report.span, Some((nth(0), nth(9))));
    assert_eq!(report.decisions.values().sum::<u64>(), 10);
    let mut decisions = BTreeMap::new();
    for plan in heard.plans() {
        *decisions.entry(plan.decision.as_str()).or_insert(0) += 1;
    }
    assert_eq!(report.decisions, decisions);
    assert!(!report.has_loss());
}

#[test]
fn images_and_camera_infos_in_either_order_give_the_same_results() {
    let pairs = |image_first: fn(i64) -> bool| {
        let pair = move |number| {
            let (image, info) = (image_of(number), info_of(number));
            if image_first(number) { [image, info] } else { [info, image] }
        };
        Recording::new(&CAMERA, (0..20).flat_map(pair).collect()).replayed()
    };
    let info_first = pairs(|_| false);
    assert_eq!(info_first.located(), [true; 20]);
    assert!(same(&info_first, &pairs(|_| true)));
    assert!(same(&info_first, &pairs(|number| number % 3 == 0)));
    // A model of another image would have shown.
    let constant =
        (0..20).flat_map(|number| [Recorded::Message(Input::CameraInfo, camera_info(nth(number))), image_of(number)]);
    let constant = Recording::new(&CAMERA, constant.collect()).replayed();
    assert!(constant.heard.messages != info_first.heard.messages);
}

#[test]
fn a_recording_that_begins_again_is_joined_in_either_order_too() {
    let numbers = || (100..105).chain(0..5);
    let info_first = Recording::new(&CAMERA, numbers().flat_map(|n| [info_of(n), image_of(n)]).collect()).replayed();
    let image_first = Recording::new(&CAMERA, numbers().flat_map(|n| [image_of(n), info_of(n)]).collect()).replayed();
    assert_eq!(info_first.located(), [true; 10]);
    assert_eq!(image_first.located(), [true; 10]);
    assert!(same(&info_first, &image_first));
}

#[test]
fn a_latched_camera_info_serves_all_images() {
    let latched = || std::iter::once(Recorded::Message(Input::CameraInfo, camera_info(Stamp::from_ns(0))));
    let latched = Recording::new(&CAMERA, latched().chain((0..10).map(image_of)).collect()).replayed();
    assert_eq!(latched.located(), [true; 10]);
    let stamped =
        (0..10).flat_map(|n| [Recorded::Message(Input::CameraInfo, camera_info(nth(n))), image_of(n)]).collect();
    assert!(same(&latched, &Recording::new(&CAMERA, stamped).replayed()));
}

#[test]
fn without_camera_info_there_are_boxes_and_no_places() {
    let images = || (0..10).map(image_of).collect();
    let no_topic = Recording::new(&[Input::Image], images()).replayed();
    let empty_topic = Recording::new(&CAMERA, images()).replayed();
    assert_eq!((no_topic.report.processed, no_topic.report.detections), (10, 30));
    assert_eq!(no_topic.located(), [false; 10]);
    assert!(!no_topic.report.has_loss());
    assert!(same(&no_topic, &empty_topic), "an image that waits in vain is not lost");
}

#[test]
fn topics_that_were_not_chosen_are_not_read() {
    let topics = ReplayTopics {
        cameras: vec![CameraTopics {
            image: topic_of(Input::Image).into(),
            transport: Transport::Raw,
            camera_info: None,
        }],
        odom: None,
        tf: None,
        tf_static: None,
        proposal: None,
        events: None,
    };
    let only_images = Replayed::of(&mut drive(10), &topics);
    assert!(same(&only_images, &Recording::new(&[Input::Image], (0..10).map(image_of).collect()).replayed()));
}

#[test]
fn losses_are_counted_by_cause_and_the_rest_goes_on() {
    let recorded = [
        odom_of(0),
        info_of(0),
        image_of(0),
        Recorded::Message(Input::Image, b"garbage".to_vec()),
        Recorded::Message(Input::Image, Vec::new()),
        image_of(0),
        Recorded::Message(Input::CameraInfo, camera_info_with_nan(nth(1))),
        Recorded::Message(Input::Odom, odometry(nth(1), f64::INFINITY)),
        image_of(1),
        info_of(2),
        image_of(2),
    ];
    let replayed = Recording::new(&ALL, recorded.into()).replayed();
    let expected = [
        ("camera_info: bad_message", 1),
        ("image: bad_message", 2),
        ("image: out_of_order", 1),
        ("odom: bad_message", 1),
    ];
    let expected: BTreeMap<String, u64> = expected.map(|(cause, count)| (cause.to_owned(), count)).into();
    assert_eq!(replayed.report.lost, expected);
    assert_eq!((replayed.report.images, replayed.report.processed), (6, 3));
    assert!(replayed.report.has_loss());
    let inputs: Vec<Input> = replayed.watched.lost.iter().map(|(input, _)| *input).collect();
    assert_eq!(inputs, [Input::Image, Input::Image, Input::Image, Input::CameraInfo, Input::Odom]);
}

#[test]
fn images_that_show_nothing_are_lost_and_told_by_what_they_are() {
    let black = |number| Recorded::Message(Input::Image, image_with(nth(number), &[0; 3 * 64 * 48], SIZE));
    let still = |number| Recorded::Message(Input::Image, image_with(nth(number), &pixels(nth(3)), SIZE));
    let recorded = (0..12).map(|number| match number {
        0 | 1 => black(number),
        2 => image_of(number),
        _ => still(number),
    });
    let replayed = Recording::new(&[Input::Image], recorded.collect()).replayed();
    assert_eq!(replayed.report.lost, BTreeMap::from([("image: blind".to_owned(), 5)]));
    // The picture of 3 is old from 9 on: 500 ms and more have gone.
    assert_eq!(replayed.report.blind, BTreeMap::from([("dark", 2), ("frozen", 3)]));
    let stamps: Vec<Stamp> = replayed.heard.plans().iter().map(|plan| plan.header.stamp).collect();
    assert_eq!(stamps, (2..9).map(nth).collect::<Vec<_>>());
    let last = &replayed.watched.lost.last().unwrap().1;
    let words = "blind: the picture is frozen: nothing new for 800 ms, expected a new picture within 500 ms";
    assert_eq!(last, words);
}

#[test]
fn a_limited_source_ends_after_so_many_images() {
    let topics = ReplayTopics::choose(&drive(10).topics, &Names::default()).unwrap();
    let limited = |recording: &mut Recording, limit| {
        Replayed::of(&mut Limited::new(recording, &topics.images(), NonZeroU64::new(limit)), &topics)
    };
    assert!(same(&limited(&mut drive(10), 3), &drive(3).replayed()));
    assert!(same(&limited(&mut drive(10), 0), &drive(10).replayed()), "no limit");
    assert!(same(&limited(&mut drive(10), 99), &drive(10).replayed()));
}

#[test]
fn the_last_image_of_a_limited_source_has_its_camera_info() {
    let image_first = (0..10).flat_map(|number| [odom_of(number), image_of(number), info_of(number)]).collect();
    let mut recording = Recording::new(&ALL, image_first);
    let topics = ReplayTopics::choose(&recording.topics, &Names::default()).unwrap();
    let first = Replayed::of(&mut Limited::new(&mut recording, &topics.images(), NonZeroU64::new(1)), &topics);
    assert_eq!(first.located(), [true]);
    assert!(same(&first, &drive(1).replayed()));
}

#[test]
fn a_limited_source_stays_at_its_end() {
    let mut recording = drive(10);
    let images = [topic_of(Input::Image)];
    let mut limited = Limited::new(&mut recording, &images, NonZeroU64::new(2));
    let mut messages = 0;
    while limited.next_message().unwrap().is_some() {
        messages += 1;
    }
    assert_eq!(messages, 2 * 3 + 2, "odometry and camera_info up to the third image");
    assert!(limited.next_message().unwrap().is_none());
}

#[test]
fn an_observer_ends_the_replay() {
    let mut recording = drive(10);
    let topics = ReplayTopics::choose(&recording.topics, &Names::default()).unwrap();
    let watched = Watched { end_after: Some(4), ..Watched::default() };
    let ended = Replayed::watched_by(watched, &mut recording, &topics);
    assert_eq!((ended.report.images, ended.report.processed), (4, 4));
    assert!(same(&ended, &drive(4).replayed()));
}

#[test]
fn damage_in_the_source_is_passed_over_and_told() {
    let mut damaged = drive(10);
    damaged.recorded.insert(15, Recorded::Damage);
    let damaged = damaged.replayed();
    assert!(damaged.report.has_loss() && damaged.report.lost.is_empty());
    assert_eq!(damaged.report.source_losses, ["memory.mcap: at byte 7: a chunk that does not decompress"]);
    assert!(damaged.heard.messages == drive(10).replayed().heard.messages);
}

#[test]
fn what_the_files_had_lost_is_told() {
    let mut cut = drive(10);
    cut.losses.push(Loss::Fewer { path: "bag".into(), expected: 40, found: 30 });
    let cut = cut.replayed();
    assert!(cut.report.has_loss());
    assert_eq!(cut.report.source_losses, ["bag: metadata.yaml counts 40 messages, the files hold 30"]);
    assert_eq!(cut.report.processed, 10);
}

#[test]
fn a_source_that_gives_nothing_but_damage_ends_with_an_error() {
    let recorded = (0..2000).map(|_| Recorded::Damage).collect();
    let mut recording = Recording::new(&CAMERA, recorded);
    let topics = ReplayTopics::choose(&recording.topics, &Names::default()).unwrap();
    let error = replay_all(&mut recording, &topics, &mut Heard::default(), &mut ()).unwrap_err();
    assert_eq!(error.to_string(), "memory.mcap: at byte 7: a chunk that does not decompress");
}

fn create(path: &Path) -> McapSink {
    let node = NodeName::default();
    let topic_of = |outlet: Outlet| node.expand(outlet.output.name());
    McapSink::create(path, McapSink::replace(false), &Output::outlets(&Output::ALL, 1), topic_of, message_definition)
        .unwrap()
}

fn replay_into(mut sink: McapSink) {
    let mut recording = drive(20);
    let topics = ReplayTopics::choose(&recording.topics, &Names::default()).unwrap();
    let report = replay_all(&mut recording, &topics, &mut sink, &mut ()).unwrap();
    assert_eq!(report.processed, 20);
    sink.finish().unwrap();
}

#[test]
fn two_replays_write_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = ["first.mcap", "second.mcap"].map(|name| {
        let path = folder.path().join(name);
        replay_into(create(&path));
        std::fs::read(path).unwrap()
    });
    assert!(first.len() > 1000);
    assert!(first == second);
}

#[test]
fn a_recording_of_results_reads_back_in_order_under_the_images_stamps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.mcap");
    replay_into(create(&path));
    let mut bag = BagSource::open(&[path]).unwrap();
    let listed: BTreeMap<String, String> =
        bag.topics().iter().map(|topic| (topic.name.clone(), topic.type_name.clone())).collect();
    let node = NodeName::default();
    let expected = Output::ALL.map(|output| (node.expand(output.name()), output.type_name().to_owned()));
    assert_eq!(listed, BTreeMap::from(expected));

    let mut heard = Heard { wants_pictures: true, ..Heard::default() };
    let mut recording = drive(20);
    let topics = ReplayTopics::choose(&recording.topics, &Names::default()).unwrap();
    replay_all(&mut recording, &topics, &mut heard, &mut ()).unwrap();
    assert_eq!(heard.messages.len(), 3 + 20 * 6);
    for (index, (output, stamp, cdr)) in heard.messages.iter().enumerate() {
        let topic = node.expand(output.name());
        let message = bag.next_message().unwrap().unwrap();
        assert!(message == RawMessage { topic: &topic, log_time: *stamp, cdr }, "message {index}, {topic} at {stamp}");
    }
    assert!(bag.next_message().unwrap().is_none());
    assert!(bag.losses().is_empty());
}
