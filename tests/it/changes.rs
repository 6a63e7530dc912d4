//! Parameters that change while a walk runs: what they do, and that a replay of what was recorded does the same.

use crate::messages::{Driven, Heard, MODEL, camera_info, constant, image, nth};
use crate::tape::Tape;
use ParameterValue::{Bool, Double, Integer, String as Text, StringArray};
use proptest::prelude::*;
use std::collections::BTreeMap;
use vedette::config::assembly::{LoadError, Prompter};
use vedette::config::{Config, Names, ParameterValue};
use vedette::pipeline::{Output, PassedOver, Walk};
use vedette::replay::{Beside, ReplayReport, ReplayTopics, replay_beside};
use vedette::types::{CameraId, Decision, EventKind, Labels, Prompts, Stamp};
use vedette::wire::vedette_msgs::{EventMessage, decode_event};
use vedette::zoo::prompt::Matching;
use vedette::zoo::{Conse, EncodedPrompts, PromptEncoder, PromptForm, ZooError};

const EVENTS: &str = "/vedette/events";
const OWN: [&str; 3] = ["person", "car", "dog"];

fn own() -> Labels {
    Labels::new(OWN, 0)
}

fn walk(config: &Config) -> Driven {
    let detector = Box::new(Conse::new(constant(), Matching::default()));
    Driven::new(config, Walk::new(config, detector, MODEL).unwrap())
}

/// Each prompt takes the class of its own number.
struct InOrder;

impl PromptEncoder for InOrder {
    fn encode(&mut self, prompts: &Prompts) -> Result<EncodedPrompts, ZooError> {
        let row = |prompt: usize| (0..OWN.len()).map(move |class| if class == prompt { 0.9 } else { 0.1 });
        let similarities = (0..prompts.len()).flat_map(row).collect();
        let labels = Labels::new(prompts.texts().chain(OWN), prompts.version());
        Ok(EncodedPrompts { labels, prompts: prompts.len(), form: PromptForm::ClassSimilarities { similarities } })
    }
}

fn prompter() -> Prompter {
    Prompter::new(own(), Box::new(|| -> Result<Box<dyn PromptEncoder>, LoadError> { Ok(Box::new(InOrder)) }))
}

fn named(name: &str, value: ParameterValue) -> (String, ParameterValue) {
    (name.to_owned(), value)
}

fn texts(words: &[&str]) -> ParameterValue {
    StringArray(words.iter().map(|&word| word.to_owned()).collect())
}

/// As the node does it: checked, encoded where it is about prompts, and put in force.
fn change(walk: &mut Driven, prompter: &mut Prompter, changes: &[(String, ParameterValue)]) -> Result<(), String> {
    let config = walk.walk.config().changed(changes, true).map_err(|error| error.to_string())?;
    let prompts = (config.prompts != walk.walk.config().prompts).then(|| prompter.encode(&config.prompts).unwrap());
    let changed = walk.walk.change(&config, prompts).map_err(|error| error.to_string());
    if changed.is_ok() {
        walk.intakes.change(&config);
    }
    changed
}

fn process(walk: &mut Driven, heard: &mut Heard, number: i64) {
    walk.camera_info(&camera_info(nth(number))).unwrap();
    walk.image(&image(nth(number)), heard).unwrap();
}

fn events(heard: &Heard) -> Vec<EventMessage> {
    heard.of(Output::Events).map(|cdr| decode_event(cdr).unwrap()).collect()
}

fn recorded(heard: &Heard, output: Output) -> Vec<(Stamp, Vec<u8>)> {
    let of_output = heard.messages.iter().filter(|(of, ..)| *of == output);
    of_output.map(|(_, stamp, cdr)| (*stamp, cdr.clone())).collect()
}

fn replayed(frames: i64, said: &[(Stamp, Vec<u8>)], config: &Config) -> (ReplayReport, Heard) {
    let mut tape = Tape::new(frames, EVENTS, Output::Events, said);
    let topics = ReplayTopics::choose(&tape.topics, &Names::default()).unwrap().with_events(&tape.topics, EVENTS);
    let (mut walk, mut heard, mut prompter) = (walk(config), Heard::default(), prompter());
    let beside = Beside { reason: None, prompter: Some(&mut prompter) };
    let Driven { intakes, walk } = &mut walk;
    let report = replay_beside(&mut tape, &topics, intakes, walk, beside, &mut heard, &mut ()).unwrap();
    (report, heard)
}

const FRAMES: i64 = 60;

/// Five changes of parameters and five of prompts.
fn script() -> BTreeMap<i64, Vec<Vec<(String, ParameterValue)>>> {
    BTreeMap::from([
        (3, vec![vec![named("score_threshold", Double(0.6)), named("max_detections", Integer(2))]]),
        (7, vec![vec![named("prompts", texts(&["pedestrian"]))]]),
        (12, vec![vec![named("corridor_width_m", Double(4.0))], vec![named("prompts", texts(&["walker", "van"]))]]),
        (20, vec![vec![named("prompts", texts(&[])), named("clear_after_ms", Integer(300))]]),
        (29, vec![vec![named("track_max_unseen_ms", Integer(500)), named("max_speed_mps", Double(1.0))]]),
        (30, vec![vec![named("prompts", texts(&["nobody"]))], vec![named("prompts", texts(&["somebody"]))]]),
        (41, vec![vec![named("classes", texts(&["car"])), named("obstacle_classes", texts(&["person"]))]]),
    ])
}

#[test]
fn a_recording_across_changes_replays_to_the_same_bytes() {
    let (mut live, mut heard, mut prompter) = (walk(&Config::default()), Heard::default(), prompter());
    for number in 0..FRAMES {
        for changes in script().get(&number).into_iter().flatten() {
            change(&mut live, &mut prompter, changes).unwrap();
        }
        process(&mut live, &mut heard, number);
    }
    let said = events(&heard);
    assert_eq!(said.iter().map(|event| event.version).collect::<Vec<_>>(), (0..10).collect::<Vec<u32>>());
    assert_eq!((said[0].kind, said[0].parameters.len()), (EventKind::Start, Config::default().entries().count()));
    assert_eq!((said[1].kind, said[1].header.stamp), (EventKind::Parameters, nth(3)));
    assert_eq!(said[1].parameters, [named("score_threshold", Double(0.6)), named("max_detections", Integer(2))]);

    let (report, again) = replayed(FRAMES, &recorded(&heard, Output::Events), &Config::default());
    assert!(!report.has_loss(), "{:?}", report.lost);
    for output in [Output::Events, Output::LabelInfo, Output::Detections, Output::Plan, Output::Path] {
        assert!(recorded(&again, output) == recorded(&heard, output), "{output:?}");
    }
    let (_, otherwise) = replayed(FRAMES, &[], &Config::default());
    assert!(recorded(&otherwise, Output::Plan) != recorded(&heard, Output::Plan), "the changes do something");
}

#[test]
fn a_pause_is_replayed_and_is_no_loss() {
    let heard = {
        let (mut live, mut heard, mut prompter) = (walk(&Config::default()), Heard::default(), prompter());
        (0..10).for_each(|number| process(&mut live, &mut heard, number));
        change(&mut live, &mut prompter, &[named("enabled", Bool(false))]).unwrap();
        // What the edge does with an image in a pause.
        let frame_id = vedette::types::FrameId::new(crate::messages::FRAME_ID);
        for number in 10..20 {
            let entered = live.walk.enter(CameraId(0), nth(number), &frame_id);
            let events = entered.events.iter().map(|cdr| (Output::Events, nth(number), cdr.to_vec()));
            heard.messages.extend(events);
            assert_eq!(entered.passed_over, Some(PassedOver::Paused));
        }
        change(&mut live, &mut prompter, &[named("enabled", Bool(true))]).unwrap();
        (20..30).for_each(|number| process(&mut live, &mut heard, number));
        heard
    };
    let (report, again) = replayed(30, &recorded(&heard, Output::Events), &Config::default());
    assert!(!report.has_loss() && report.passed_over == BTreeMap::from([("paused", 10)]), "{report:?}");
    assert!(again.messages == heard.messages);
}

#[test]
fn a_walk_that_begins_anew_does_so_in_a_replay() {
    let (mut live, mut heard, mut prompter) = (walk(&Config::default()), Heard::default(), prompter());
    (0..30).for_each(|number| process(&mut live, &mut heard, number));
    assert!(heard.plans().last().unwrap().decision != Decision::Stop);
    // Deactivated, changed meanwhile, activated.
    change(&mut live, &mut prompter, &[named("score_threshold", Double(0.7))]).unwrap();
    live.walk.begin_anew();
    (30..60).for_each(|number| process(&mut live, &mut heard, number));
    assert_eq!(heard.plans()[30].decision, Decision::Stop);
    assert_eq!(events(&heard).last().unwrap().kind, EventKind::Start);
    let (_, again) = replayed(60, &recorded(&heard, Output::Events), &Config::default());
    assert!(again.messages == heard.messages);
}

#[test]
fn what_cannot_be_applied_is_told_by_name_and_is_a_loss() {
    let mut heard = Heard::default();
    process(&mut walk(&Config::default()), &mut heard, 0);
    let first = events(&heard).remove(0);
    let encoded = |event: &EventMessage| {
        let mut cdr = Vec::new();
        let header = vedette::wire::HeaderRef { stamp: event.header.stamp, frame_id: event.header.frame_id.as_str() };
        vedette::wire::vedette_msgs::encode_event(&mut cdr, header, event.version, event.kind, &event.parameters);
        (event.header.stamp, cdr)
    };
    let at = |number: i64, version, kind, parameters| {
        let header = vedette::wire::Header { stamp: nth(number), ..first.header.clone() };
        encoded(&EventMessage { header, version, kind, parameters })
    };
    let said = [
        encoded(&first),
        at(2, 1, EventKind::Parameters, vec![named("no_such", Bool(true))]),
        at(3, 2, EventKind::Start, vec![named("model", Text("other".to_owned()))]),
        at(4, 3, EventKind::Parameters, vec![named("score_threshold", Double(0.65))]),
        (nth(5), b"garbage".to_vec()),
    ];
    let (report, again) = replayed(10, &said, &Config { iou_threshold: 0.5, ..Config::default() });
    let lost = BTreeMap::from([("event: bad_message".to_owned(), 1), ("event: not_applied".to_owned(), 2)]);
    assert_eq!(report.lost, lost);
    let told = report.reasons.kinds().iter().flat_map(|kind| kind.told.clone()).collect::<Vec<_>>().join("\n");
    assert!(told.contains("event 1: there is no parameter no_such") && told.contains("'model'"), "{told}");
    assert_eq!(report.remarks, ["recorded with other parameters than these: iou_threshold 0.45"]);
    assert_eq!(events(&again).last().unwrap().parameters, [named("score_threshold", Double(0.65))]);
}

#[test]
fn an_event_whose_image_is_not_in_the_recording_is_applied_behind_it() {
    let (mut live, mut heard, mut prompter) = (walk(&Config::default()), Heard::default(), prompter());
    for number in 0..5 {
        process(&mut live, &mut heard, number);
    }
    change(&mut live, &mut prompter, &[named("score_threshold", Double(0.7))]).unwrap();
    process(&mut live, &mut heard, 5);
    let mut said = recorded(&heard, Output::Events);
    // Under the stamp of an image that was not recorded, half a period before the one it is logged with.
    let mut event = decode_event(&said[1].1).unwrap();
    event.header.stamp = Stamp::from_ns(nth(5).as_ns() - 1);
    let header = vedette::wire::HeaderRef { stamp: event.header.stamp, frame_id: event.header.frame_id.as_str() };
    vedette::wire::vedette_msgs::encode_event(&mut said[1].1, header, 1, event.kind, &event.parameters);
    let mut tape = Tape::new(40, EVENTS, Output::Events, &said).logged_every_ms(100);
    let topics = ReplayTopics::choose(&tape.topics, &Names::default()).unwrap().with_events(&tape.topics, EVENTS);
    let (mut again, mut replayed) = (walk(&Config::default()), Heard::default());
    let Driven { intakes, walk } = &mut again;
    let report = replay_beside(&mut tape, &topics, intakes, walk, Beside::default(), &mut replayed, &mut ()).unwrap();
    let changed = events(&replayed).remove(1);
    assert!(report.lost.is_empty() && changed.header.stamp > nth(5), "{changed:?}");
}

#[test]
fn a_refused_change_leaves_all_as_it_was() {
    let (mut changed, mut heard, mut prompter) = (walk(&Config::default()), Heard::default(), prompter());
    let (mut untouched, mut expected) = (walk(&Config::default()), Heard::default());
    for number in 0..40 {
        if number % 3 == 0 {
            let refused = [named("score_threshold", Double(0.9)), named("classes", texts(&["unicorn"]))];
            let error = change(&mut changed, &mut prompter, &refused).unwrap_err();
            assert!(error.contains("no class \"unicorn\""), "{error}");
        }
        process(&mut changed, &mut heard, number);
        process(&mut untouched, &mut expected, number);
    }
    assert!(heard.messages == expected.messages);
}

/// A change that any walk takes.
fn any_change() -> impl Strategy<Value = (String, ParameterValue)> {
    let number =
        |name: &'static str, range: std::ops::Range<f64>| range.prop_map(move |value| named(name, Double(value)));
    prop_oneof![
        number("score_threshold", 0.0..1.0),
        number("iou_threshold", 0.0..1.0),
        number("corridor_width_m", 0.2..6.0),
        number("stop_margin_m", 0.0..2.0),
        number("max_speed_mps", 1.0..3.0),
        number("deceleration_mps2", 0.5..3.0),
        number("prompt_min_similarity", 0.0..1.0),
        (1..6i64).prop_map(|value| named("max_detections", Integer(value))),
        (0..800i64).prop_map(|value| named("clear_after_ms", Integer(value))),
        (300..2000i64).prop_map(|value| named("track_max_unseen_ms", Integer(value))),
        (0..3usize).prop_map(|class| named("classes", texts(&OWN[..class]))),
        (0..3usize).prop_map(|class| named("obstacle_classes", texts(&OWN[..class]))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn after_a_while_a_changed_walk_is_one_that_began_so(
        changes in proptest::collection::vec(proptest::collection::vec(any_change(), 1..4), 1..8),
    ) {
        // With room to spare a word may be held for ever, or not, by what was before.
        let config = Config { distance_hysteresis_m: 0.0, ..Config::default() };
        let (mut changed, mut prompter) = (walk(&config), prompter());
        let mut number = 0;
        for change_of in &changes {
            process(&mut changed, &mut Heard::default(), number);
            number += 1;
            let _ = change(&mut changed, &mut prompter, change_of);
        }
        let config = changed.walk.config().clone();
        let mut fresh = walk(&config);
        let mut heard = [Heard::default(), Heard::default()];
        // Nobody has a track of the other's past: both begin at the same place.
        for past in 0..number {
            process(&mut fresh, &mut Heard::default(), past);
        }
        for number in number..number + 60 {
            process(&mut changed, &mut heard[0], number);
            process(&mut fresh, &mut heard[1], number);
        }
        let [now, expected] = heard;
        let paths = |heard: &Heard| recorded(heard, Output::Path).split_off(30);
        prop_assert!(paths(&now) == paths(&expected));
        // The numbers of tracks go on counting.
        let boxes = |heard: &Heard| {
            let frames = heard.detections().split_off(30).into_iter();
            frames.map(|frame| frame.detections.into_iter().map(|found| (found.bbox, found.results)).collect::<Vec<_>>())
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(boxes(&now), boxes(&expected));
        let orders = |heard: &Heard| {
            let plans = heard.plans().split_off(30).into_iter();
            plans.map(|plan| (plan.decision, plan.speed_limit_mps, plan.valid_for_ns)).collect::<Vec<_>>()
        };
        prop_assert_eq!(orders(&now), orders(&expected));
    }
}
