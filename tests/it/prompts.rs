//! Prompts in the walk: switched between two images, and on the footage with the trained models.

use crate::allocations::allocations_in;
use crate::messages::{Discarded, Driven, Heard, MODEL, camera_info, constant, image, nth};
use crate::onnx_runtime::runtime_or_skip;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use vedette::bag::BagSource;
use vedette::bag::Source;
use vedette::config::assembly::{LoadedModel, load_model};
use vedette::config::{Config, Names, ProviderName};
use vedette::pipeline::{Output, Walk};
use vedette::replay::ReplayTopics;
use vedette::types::{Decision, Labels};
use vedette::wire::vision_msgs::decode_label_info;
use vedette::zoo::prompt::Matching;
use vedette::zoo::{Conse, EncodedPrompts, PromptForm};

const OWN: [&str; 3] = ["person", "car", "dog"];

fn own() -> Labels {
    Labels::new(OWN, 0)
}

/// A walk that sees a person, a car and a dog in every picture, and takes prompts.
fn walk(config: &Config) -> Driven {
    let detector = Box::new(Conse::new(constant(), Matching::default()));
    Driven::new(config, Walk::new(config, detector, MODEL).unwrap())
}

/// One prompt that takes the class at `class`, under this version; the others keep their classes.
fn prompt(text: &str, class: usize, version: u32) -> EncodedPrompts {
    let similarities = (0..OWN.len()).map(|own| if own == class { 0.9 } else { 0.1 }).collect();
    let labels = Labels::new([text].into_iter().chain(OWN), version);
    EncodedPrompts { labels, prompts: 1, form: PromptForm::ClassSimilarities { similarities } }
}

fn process(walk: &mut Driven, heard: &mut Heard, number: i64) {
    walk.camera_info(&camera_info(nth(number))).unwrap();
    walk.image(&image(nth(number)), heard).unwrap();
}

fn names_of(heard: &Heard) -> Vec<Vec<String>> {
    let class_ids = |d: &vedette::wire::vision_msgs::Detection2D| d.results[0].class_id.clone();
    heard.detections().iter().map(|frame| frame.detections.iter().map(class_ids).collect()).collect()
}

/// VisionInfo ends in its version.
fn version_of(vision_info: &[u8]) -> i32 {
    i32::from_le_bytes(*vision_info.last_chunk().unwrap())
}

#[test]
fn the_first_image_under_new_prompts_announces_them_and_begins_tracks_and_plan_anew() {
    let (mut walk, mut heard) = (walk(&Config::default()), Heard::default());
    (0..30).for_each(|number| process(&mut walk, &mut heard, number));
    walk.set_prompts(prompt("pedestrian", 0, 1)).unwrap();
    assert_eq!((walk.labels().version(), walk.scene().tracks.len()), (1, 0));
    let before = heard.messages.len();
    (30..35).for_each(|number| process(&mut walk, &mut heard, number));
    let order: Vec<_> = heard.messages[before..before + 4].iter().map(|(output, at, _)| (*output, *at)).collect();
    let announced = [Output::Events, Output::LabelInfo, Output::VisionInfo, Output::Detections];
    assert_eq!(order, announced.map(|output| (output, nth(30))));
    let versions: Vec<_> = heard.of(Output::VisionInfo).map(version_of).collect();
    assert_eq!(versions, [0, 1]);
    let names = names_of(&heard);
    assert_eq!(
        (&names[29][..], &names[30][..]),
        (&["person", "dog", "car"].map(String::from)[..], &["pedestrian", "dog", "car"].map(String::from)[..])
    );
    let ids: Vec<_> = heard.detections()[34].detections.iter().map(|d| d.id.clone()).collect();
    assert_eq!(ids, ["4", "5", "6"], "new tracks, and no number twice");
    let plans = heard.plans();
    assert!(plans[..30].iter().all(|plan| plan.prompt_version == 0));
    assert!(plans[30..].iter().all(|plan| plan.prompt_version == 1 && plan.decision == Decision::Stop));
    assert!(plans[34].steps.iter().any(|step| step.class_id == "pedestrian"), "{:?}", plans[34]);
}

#[test]
fn a_refused_set_leaves_everything_as_it_was() {
    let (mut walk, mut heard) = (walk(&Config::default()), Heard::default());
    walk.set_prompts(prompt("pedestrian", 0, 1)).unwrap();
    (0..5).for_each(|number| process(&mut walk, &mut heard, number));
    let short = PromptForm::ClassSimilarities { similarities: vec![0.5; 2] };
    assert!(walk.set_prompts(EncodedPrompts { form: short, ..prompt("van", 1, 2) }).is_err());
    process(&mut walk, &mut heard, 5);
    assert_eq!(names_of(&heard)[5], ["pedestrian", "dog", "car"]);
    assert_eq!(heard.of(Output::LabelInfo).count(), 1);
    assert_eq!(heard.detections()[5].detections[0].id, "1", "tracks go on");
}

#[test]
fn prompts_that_leave_a_parameter_without_its_name_are_refused_by_parameter() {
    let config = Config { obstacle_classes: vec!["pedestrian".into()], ..Config::default() };
    let detector = || Box::new(Conse::new(constant(), Matching::default()));
    let mut walk = Walk::prompted(&config, detector(), MODEL, Some(prompt("pedestrian", 0, 1))).unwrap();
    let error = walk.set_prompts(prompt("worker", 0, 2)).unwrap_err().to_string();
    assert_eq!(error, "parameter obstacle_classes: the model has no class \"pedestrian\"");
    assert!(walk.set_prompts(EncodedPrompts::none(&own(), 2)).is_err());
    assert_eq!(walk.labels().version(), 1);
    assert!(Walk::new(&config, detector(), MODEL).is_err(), "without prompts nobody knows a pedestrian");
}

#[test]
fn a_person_under_another_name_is_still_in_the_way() {
    let config =
        Config { obstacle_classes: vec!["person".into()], classes: vec!["person".into()], ..Config::default() };
    let (mut walk, mut heard) = (walk(&config), Heard::default());
    (0..5).for_each(|number| process(&mut walk, &mut heard, number));
    walk.set_prompts(prompt("pedestrian", 0, 1)).unwrap();
    (5..30).for_each(|number| process(&mut walk, &mut heard, number));
    assert_eq!(
        (&names_of(&heard)[4][..], &names_of(&heard)[29][..]),
        (&["person".to_owned()][..], &["pedestrian".to_owned()][..])
    );
    let plans = heard.plans();
    let about = |plan: usize| {
        let classes = plans[plan].steps.iter().map(|step| step.class_id.clone());
        classes.filter(|class| !class.is_empty()).collect::<Vec<_>>()
    };
    assert_eq!((about(4), about(29)), (vec!["person".to_owned()], vec!["pedestrian".to_owned()]));
}

#[test]
fn a_frame_under_prompts_allocates_nothing() {
    let (mut walk, mut discarded) = (walk(&Config::default()), Discarded::default());
    walk.set_prompts(prompt("pedestrian", 0, 1)).unwrap();
    let frames: Vec<_> = (0..120).map(|number| image(nth(number))).collect();
    let mut run = |frames: &[Vec<u8>]| {
        for cdr in frames {
            walk.image(cdr, &mut discarded).unwrap();
        }
    };
    run(&frames[..60]);
    assert_eq!(allocations_in(|| run(&frames[60..])), 0);
}

/// What happens between two images.
#[derive(Debug, Clone)]
enum Between {
    Nothing,
    Prompt(usize, usize),
    Clear,
    Refused,
}

const TEXTS: [&str; 3] = ["pedestrian", "vehicle", "pet"];

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        4 => Just(Between::Nothing),
        2 => (0..3usize, 0..3usize).prop_map(|(text, class)| Between::Prompt(text, class)),
        1 => Just(Between::Clear),
        1 => Just(Between::Refused),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_array_and_no_plan_has_mixed_or_stale_labels(events in proptest::collection::vec(between(), 1..40)) {
        let (mut walk, mut heard) = (walk(&Config::default()), Heard::default());
        let (mut version, mut current, mut expected) = (0, OWN.map(str::to_owned), Vec::new());
        for (number, event) in (0..).zip(&events) {
            match *event {
                Between::Nothing => {}
                Between::Prompt(text, class) => {
                    version += 1;
                    walk.set_prompts(prompt(TEXTS[text], class, version)).unwrap();
                    current = OWN.map(str::to_owned);
                    current[class] = TEXTS[text].to_owned();
                }
                Between::Clear => {
                    version += 1;
                    walk.set_prompts(EncodedPrompts::none(&own(), version)).unwrap();
                    current = OWN.map(str::to_owned);
                }
                Between::Refused => {
                    let form = PromptForm::Caption { ids: vec![1], spans: Vec::new() };
                    let refused = EncodedPrompts { form, ..prompt("van", 0, 99) };
                    let is_refused = walk.set_prompts(refused).is_err();
                    prop_assert!(is_refused);
                }
            }
            process(&mut walk, &mut heard, number);
            let [person, car, dog] = current.clone();
            expected.push(vec![person, dog, car]);
        }
        prop_assert_eq!(names_of(&heard), expected);

        // As a subscriber reads it: the labels hold from the stamp under which they are announced.
        let (mut labels, mut announced, mut highest_id) = (BTreeSet::new(), -1, 0);
        let mut ids_of_version = BTreeMap::new();
        for (output, stamp, cdr) in &heard.messages {
            match output {
                Output::LabelInfo => {
                    let info = decode_label_info(cdr).unwrap();
                    prop_assert_eq!(info.header.stamp, *stamp);
                    labels = info.class_map.into_iter().map(|class| class.class_name).collect();
                }
                Output::VisionInfo => {
                    prop_assert!(version_of(cdr) > announced);
                    announced = version_of(cdr);
                }
                Output::Detections => {
                    for detection in vedette::wire::vision_msgs::decode_detections(cdr).unwrap().detections {
                        prop_assert!(labels.contains(&detection.results[0].class_id));
                        if let Ok(id) = detection.id.parse::<u64>() {
                            highest_id = highest_id.max(id);
                            prop_assert_eq!(*ids_of_version.entry(id).or_insert(announced), announced);
                        }
                    }
                }
                Output::Plan => {
                    let plan = vedette::wire::vedette_msgs::decode_plan(cdr).unwrap();
                    prop_assert_eq!(i64::from(plan.prompt_version), i64::from(announced));
                    prop_assert!(plan.steps.iter().all(|step| labels.contains(&step.class_id) || step.class_id.is_empty()));
                }
                _ => {}
            }
        }
        prop_assert_eq!(i64::from(announced), i64::from(version));
    }
}

/// Every 24th image of the footage.
fn footage() -> &'static [Vec<u8>] {
    static IMAGES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let mut bag =
            BagSource::open(&[in_project("data/vtest")]).unwrap_or_else(|error| panic!("{error}: `make setup`"));
        let topic = ReplayTopics::choose(bag.topics(), &Names::default()).unwrap().cameras.remove(0).image;
        bag.select(&[&topic]).unwrap();
        let (mut images, mut number) = (Vec::new(), 0);
        while let Some(message) = bag.next_message().unwrap() {
            if number % 24 == 0 {
                images.push(message.cdr.to_vec());
            }
            number += 1;
        }
        images
    })
}

fn in_project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// YOLOv12n and MiniLM as the replay loads them; the set-up brings both, so these tests fail without them.
fn loaded(prompts: &[&str]) -> (LoadedModel, Config) {
    let config = Config {
        model_dirs: vec![in_project("models")],
        providers: vec![ProviderName::Cpu],
        intra_op_threads: 2,
        prompts: prompts.iter().map(|&text| text.to_owned()).collect(),
        ..Config::default()
    };
    (load_model(&config).unwrap_or_else(|error| panic!("{error}")), config)
}

fn seen(prompts: &[&str]) -> Heard {
    let (LoadedModel { name, detector, prompts, .. }, config) = loaded(prompts);
    let mut walk = Driven::new(&config, Walk::prompted(&config, detector, &name, prompts).unwrap());
    let mut heard = Heard::default();
    for cdr in footage() {
        walk.image(cdr, &mut heard).unwrap();
    }
    heard
}

/// Without prompts, once for all tests.
fn seen_without_prompts() -> &'static Heard {
    static HEARD: OnceLock<Heard> = OnceLock::new();
    HEARD.get_or_init(|| seen(&[]))
}

/// How often a box that is `own` without prompts is `label` with them, by the same place in the same frame. Boxes that
/// were suppressed because another one answers the same prompt are left out.
fn renamed(prompted: &Heard) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for (before, after) in seen_without_prompts().detections().iter().zip(prompted.detections()) {
        for detection in after.detections {
            let own = before
                .detections
                .iter()
                .find(|own| own.bbox == detection.bbox && own.results[0].score == detection.results[0].score);
            let own = own.unwrap_or_else(|| panic!("a box of nowhere: {detection:?}"));
            let names = (own.results[0].class_id.clone(), detection.results[0].class_id.clone());
            *counts.entry(names).or_default() += 1;
        }
    }
    counts
}

fn is_vehicle(name: &str) -> bool {
    ["bicycle", "car", "motorcycle", "bus", "truck"].contains(&name)
}

#[test]
fn persons_are_pedestrians_cars_and_vans_are_vehicles_and_nothing_else_is_a_dog() {
    if runtime_or_skip("pedestrian; vehicle; dog").is_none() {
        return;
    }
    let heard = seen(&["pedestrian", "vehicle", "dog"]);
    let counts = renamed(&heard);
    assert!(counts[&("person".to_owned(), "pedestrian".to_owned())] > 100, "{counts:?}");
    let vehicles: usize = counts.iter().filter(|((_, label), _)| label == "vehicle").map(|(_, count)| count).sum();
    assert!(vehicles > 10, "{counts:?}");
    for (own, label) in counts.keys() {
        assert_eq!(own == "person", label == "pedestrian", "{own} is {label}: {counts:?}");
        assert_eq!(is_vehicle(own), label == "vehicle", "{own} is {label}: {counts:?}");
        assert_eq!(own == "dog", label == "dog", "{own} is {label}: {counts:?}");
    }
    // YOLOv12n itself sees a dog in a few frames, with scores just above the threshold. No prompt adds to that.
    for frame in heard.detections() {
        let dogs = frame.detections.iter().filter(|detection| detection.results[0].class_id == "dog");
        assert!(dogs.clone().all(|dog| dog.results[0].score < 0.3 && dog.id.is_empty()), "{frame:?}");
    }
}

#[test]
fn beside_a_delivery_van_no_car_is_a_pedestrian_and_the_same_bytes_come_twice() {
    if runtime_or_skip("pedestrian; delivery van").is_none() {
        return;
    }
    let heard = seen(&["pedestrian", "delivery van"]);
    let counts = renamed(&heard);
    for ((own, label), count) in &counts {
        assert_eq!(own == "person", label == "pedestrian", "{own} is {label} {count} times: {counts:?}");
        assert!(label != "delivery van" || is_vehicle(own), "{own} is {label} {count} times: {counts:?}");
    }
    assert!(heard.messages == seen(&["pedestrian", "delivery van"]).messages);
}

#[test]
fn prompts_come_late_and_go_again_on_the_same_walk() {
    if runtime_or_skip("late prompts").is_none() {
        return;
    }
    let (LoadedModel { name, detector, prompts, mut prompter }, config) = loaded(&[]);
    assert_eq!(prompts, None);
    let mut walk = Driven::new(&config, Walk::new(&config, detector, &name).unwrap());
    let names = |walk: &mut Driven, frame: usize| {
        let mut heard = Heard::default();
        walk.image(&footage()[frame], &mut heard).unwrap();
        names_of(&heard).remove(0).into_iter().collect::<BTreeSet<String>>()
    };
    assert!(names(&mut walk, 10).contains("person"));
    assert!(prompter.encode(["a\u{7}b"]).is_err());
    walk.set_prompts(prompter.encode(["pedestrian"]).unwrap()).unwrap();
    let prompted = names(&mut walk, 11);
    assert!(prompted.contains("pedestrian") && !prompted.contains("person"), "{prompted:?}");
    walk.set_prompts(prompter.encode([""; 0]).unwrap()).unwrap();
    assert!(names(&mut walk, 12).contains("person"));
    assert_eq!(walk.labels().version(), 2);
}

#[test]
fn a_text_model_that_is_not_there_is_named_with_the_parameter() {
    if runtime_or_skip("no text model").is_none() {
        return;
    }
    let config = Config {
        model_dirs: vec![in_project("models")],
        providers: vec![ProviderName::Cpu],
        prompts: vec!["pedestrian".into()],
        text_model: "minilm-l12".into(),
        ..Config::default()
    };
    let error = load_model(&config).err().unwrap().to_string();
    assert!(
        error.starts_with("parameter prompts: the prompts need a text encoder: no model \"minilm-l12\": "),
        "{error}"
    );
    let config = Config { text_model: "yolov12n".into(), ..config };
    let error = load_model(&config).err().unwrap().to_string();
    assert!(error.ends_with("model yolov12n: family yolo is for detect, expected a model for embed"), "{error}");
    let config = Config { prompts: vec!["dog".into(), "Dog".into()], ..config };
    assert_eq!(load_model(&config).err().unwrap().to_string(), "parameter prompts: prompts 1 and 2 are both \"Dog\"");
}
