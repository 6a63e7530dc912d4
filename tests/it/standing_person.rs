//! Whatever is set, as long as it is accepted: a plan never says `proceed` to a robot with somebody right ahead of it.
//!
//! Random are the parameters of what is published, detected, tracked and held, and the prompts. Not random are those that
//! say how the robot moves: brakes of a racing car are enough for 2 m. `obstacle_classes` is empty or has the person in
//! it: a list without is the user's own word that people do not count.

use crate::messages::{Driven, Heard, MODEL, camera_info, image, odometry, stamp};
use proptest::prelude::*;
use vedette::config::{Config, NodeName, ParameterSource};
use vedette::infer::Proof;
use vedette::pipeline::Walk;
use vedette::types::{BBox, ClassId, Decision, Detection, ImageView, Labels, Size};
use vedette::vision::Candidate;
use vedette::wire::vedette_msgs::PlanMessage;
use vedette::zoo::prompt::Matching;
use vedette::zoo::{Conse, Detector, EncodedPrompts, PromptForm, Thresholds, ZooError, constant_detector};

const OWN: [&str; 4] = ["person", "car", "dog", "cup"];
const SPEED_MPS: f64 = 1.0;

/// Sees a person 2 m ahead of a camera at 0.6 m with 0.9, in every picture, and as many cups on a shelf with more: by
/// themselves they are no reason to be careful.
fn detector(others: usize) -> Box<dyn Detector> {
    let candidate = |corners: [f32; 4], class, score| {
        let [x_min, y_min, x_max, y_max] = corners;
        let bbox = BBox::from_corners(x_min, y_min, x_max, y_max).unwrap();
        Candidate { bbox, class: ClassId(class), score, source: 0 }
    };
    let mut candidates = vec![candidate([28.0, 20.0, 36.0, 50.0], 0, 0.9)];
    candidates.extend((0..others).map(|n| {
        let (x, y) = (4.0 + (n % 36) as f32 * 1.5, 9.0 + (n / 36) as f32 * 2.0);
        candidate([x, y, x + 1.0, y + 1.0], 3, 0.95)
    }));
    constant_detector(Size { width_px: 64, height_px: 64 }, &Labels::new(OWN, 0), &candidates).unwrap()
}

/// One prompt that takes the boxes of one class.
fn prompt((text, class): (&str, usize)) -> EncodedPrompts {
    let similarities = (0..OWN.len()).map(|own| if own == class { 0.9 } else { 0.1 }).collect();
    let own = OWN.into_iter().filter(|name| *name != text);
    let labels = Labels::new([text].into_iter().chain(own), 1);
    EncodedPrompts { labels, prompts: 1, form: PromptForm::ClassSimilarities { similarities } }
}

/// The configuration, where it is accepted.
fn accepted(settings: &[(&str, String)]) -> Option<Config> {
    let fixed = [("mount_z_m", "0.6".to_owned())];
    let sources = fixed
        .iter()
        .chain(settings)
        .map(|(key, value)| ParameterSource::Override(format!("{key}:={value}").parse().unwrap()));
    let sources: Vec<_> = sources.collect();
    Config::load(&NodeName::default(), &sources).ok().map(|loaded| loaded.config)
}

#[derive(Debug)]
struct Drive {
    prompted: Option<(&'static str, usize)>,
    others: usize,
    has_camera_info: bool,
    period_ms: i64,
}

impl Drive {
    fn plans(&self, config: &Config) -> Vec<PlanMessage> {
        let detector = Box::new(Conse::new(detector(self.others), Matching::default()));
        let prompts = self.prompted.map(prompt);
        let mut walk = Driven::new(config, Walk::prompted(config, detector, MODEL, prompts).unwrap());
        let mut heard = Heard::default();
        for number in 0..8 {
            let at = stamp(1000 + number * self.period_ms);
            walk.odom(&odometry(at, SPEED_MPS)).unwrap();
            if self.has_camera_info {
                walk.camera_info(&camera_info(at)).unwrap();
            }
            walk.image(&image(at), &mut heard).unwrap();
        }
        heard.plans()
    }
}

/// Names of classes as a parameter; all that is there is at least tried.
fn names(with_person: bool) -> impl Strategy<Value = String> {
    let others = prop::sample::subsequence(OWN[1..].to_vec(), 0..=3);
    (others, any::<bool>()).prop_map(move |(mut names, has_person)| {
        if has_person || (with_person && !names.is_empty()) {
            names.push("person");
        }
        format!("[{}]", if names.is_empty() { "''".to_owned() } else { names.join(", ") })
    })
}

fn share() -> impl Strategy<Value = f64> {
    prop_oneof![6 => 0.0f64..=1.0, 1 => Just(0.0), 1 => Just(1.0)]
}

/// The four scores that must be in order, mostly in order.
fn scores() -> impl Strategy<Value = [f64; 4]> {
    let sorted = prop::array::uniform4(0.011f64..=0.8).prop_map(|mut scores| {
        scores.sort_by(f64::total_cmp);
        scores
    });
    prop_oneof![9 => sorted, 1 => prop::array::uniform4(share())]
}

fn settings() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let published = (names(false), names(true), share(), share(), 1usize..20, scores(), share());
    let times = (1i64..2000, 1usize..=100, 0i64..3000, 1i64..3000, 50i64..3000, 1i64..2000);
    let planning = (0.0f64..3.0, 0.0f64..10.0, 0.1f64..5.0, any::<bool>(), share(), any::<bool>());
    (published, times, planning).prop_map(|(published, times, planning)| {
        let (classes, obstacles, score, iou, most, [low, high, new, sure], min_iou) = published;
        let (max_unseen, confirm, clear_after, valid_for, max_age, odom_max_age) = times;
        let (hysteresis, unplaced_speed, width, drops, similarity, sets_valid_for) = planning;
        let mut settings = vec![
            ("classes", classes),
            ("obstacle_classes", obstacles),
            ("score_threshold", format!("{score:?}")),
            ("iou_threshold", format!("{iou:?}")),
            ("max_detections", most.to_string()),
            ("track_low_score", format!("{low:?}")),
            ("track_high_score", format!("{high:?}")),
            ("track_new_score", format!("{new:?}")),
            ("obstacle_score", format!("{sure:?}")),
            ("track_min_iou", format!("{min_iou:?}")),
            ("track_max_unseen_ms", max_unseen.to_string()),
            ("track_confirm_frames", confirm.to_string()),
            ("clear_after_ms", clear_after.to_string()),
            ("max_age_ms", max_age.to_string()),
            ("odom_max_age_ms", odom_max_age.to_string()),
            ("distance_hysteresis_m", format!("{hysteresis:?}")),
            ("unplaced_speed_mps", format!("{unplaced_speed:?}")),
            ("corridor_width_m", format!("{width:?}")),
            ("prompt_unmatched", if drops { "drop" } else { "keep" }.to_owned()),
            ("prompt_min_similarity", format!("{similarity:?}")),
        ];
        if sets_valid_for {
            settings.push(("plan_valid_for_ms", valid_for.to_string()));
        }
        settings
    })
}

fn drives() -> impl Strategy<Value = Drive> {
    // Of one class, named or not; a prompt for another one must not hide the person either.
    let prompts = [("pedestrian", 0), ("person", 0), ("vehicle", 1), ("a dog", 2)];
    let others = prop_oneof![Just(0usize), 0usize..60, 290usize..330];
    (prop::option::of(prop::sample::select(prompts.to_vec())), others, any::<bool>(), 5i64..700).prop_map(
        |(prompted, others, has_camera_info, period_ms)| Drive { prompted, others, has_camera_info, period_ms },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nobody_who_stands_ahead_is_hidden_by_a_parameter(settings in settings(), drive in drives()) {
        let Some(config) = accepted(&settings) else { return Err(TestCaseError::reject("not accepted")) };
        for (number, plan) in drive.plans(&config).iter().enumerate() {
            prop_assert!(plan.decision != Decision::Proceed, "frame {}: {:?}", number, plan);
        }
    }
}

#[test]
fn with_the_defaults_the_person_is_placed_and_the_reason() {
    let drive = Drive { prompted: None, others: 0, has_camera_info: true, period_ms: 100 };
    let plans = drive.plans(&accepted(&[]).unwrap());
    let about: Vec<_> = plans[7].steps.iter().filter(|step| step.class_id == "person").collect();
    assert!(about.len() == 1 && (1.9..2.1).contains(&about[0].pose.x_m), "{:?}", plans[7]);
}

#[test]
fn classes_that_are_not_published_are_planned_with() {
    let drive = Drive { prompted: None, others: 0, has_camera_info: true, period_ms: 100 };
    let config = accepted(&[("classes", "[dog]".into()), ("obstacle_classes", "[person]".into())]).unwrap();
    let plans = drive.plans(&config);
    assert!(plans[7].steps.iter().any(|step| step.class_id == "person" && step.track.is_some()), "{:?}", plans[7]);
}

#[test]
fn a_picture_with_more_sure_boxes_than_are_looked_at_is_no_free_way() {
    let config = accepted(&[("max_detections", "1".into()), ("clear_after_ms", "0".into())]).unwrap();
    let plans = |others| Drive { prompted: None, others, has_camera_info: true, period_ms: 100 }.plans(&config);
    let few = &plans(200)[3];
    assert!(few.steps.iter().any(|step| step.class_id == "person"), "what is published is another matter: {few:?}");
    let full = &plans(310)[3];
    assert_eq!((full.decision, full.steps[0].reason.as_str()), (Decision::Slow, "more is in view than is looked at"));
}

#[test]
fn cups_on_a_shelf_alone_let_the_robot_go_and_the_person_does_not() {
    let config = accepted(&[("clear_after_ms", "0".into())]).unwrap();
    let alone = Config { obstacle_classes: vec!["dog".into()], ..config.clone() };
    let drive = Drive { prompted: None, others: 40, has_camera_info: true, period_ms: 100 };
    assert_eq!(drive.plans(&alone)[3].decision, Decision::Proceed, "nobody asked about people");
    let plan = &drive.plans(&config)[3];
    assert!(plan.decision == Decision::Slow && plan.verdict.contains("40 off the ground"), "{plan:?}");
    assert!(plan.steps.iter().all(|step| step.class_id == "person"), "{plan:?}");
}

/// Sees what one of two detectors sees, in turn by the pictures.
struct InTurn {
    detectors: Vec<Box<dyn Detector>>,
    turn: Vec<usize>,
    picture: usize,
}

impl Detector for InTurn {
    fn labels(&self) -> &Labels {
        self.detectors[0].labels()
    }

    fn input_size(&self) -> Size {
        self.detectors[0].input_size()
    }

    fn detect(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        let detector = self.turn[self.picture % self.turn.len()];
        self.picture += 1;
        self.detectors[detector].detect(image, thresholds, out)
    }

    fn proof(&self) -> &Proof {
        self.detectors[0].proof()
    }
}

fn sees(boxes: &[([f32; 4], u16, f32)]) -> Box<dyn Detector> {
    let candidate = |&([x_min, y_min, x_max, y_max], class, score): &([f32; 4], u16, f32)| {
        let bbox = BBox::from_corners(x_min, y_min, x_max, y_max).unwrap();
        Candidate { bbox, class: ClassId(class), score, source: 0 }
    };
    let candidates: Vec<Candidate> = boxes.iter().map(candidate).collect();
    constant_detector(Size { width_px: 64, height_px: 64 }, &Labels::new(OWN, 0), &candidates).unwrap()
}

fn plans_of(config: &Config, detector: Box<dyn Detector>, frames: i64) -> Vec<PlanMessage> {
    let mut walk = Driven::new(config, Walk::new(config, detector, MODEL).unwrap());
    let mut heard = Heard::default();
    for number in 0..frames {
        let at = stamp(1000 + number * 100);
        walk.odom(&odometry(at, SPEED_MPS)).unwrap();
        walk.camera_info(&camera_info(at)).unwrap();
        walk.image(&image(at), &mut heard).unwrap();
    }
    heard.plans()
}

#[test]
fn a_person_whose_track_is_still_called_a_dog_counts_at_once() {
    let person = [28.0, 20.0, 36.0, 50.0];
    let config = accepted(&[("obstacle_classes", "[person]".into()), ("clear_after_ms", "0".into())]).unwrap();
    // Long a dog, then a person; and a person in every third picture only.
    for turn in [[vec![0; 30], vec![1; 10]].concat(), vec![0, 0, 1]] {
        let detectors = vec![sees(&[(person, 2, 0.9)]), sees(&[(person, 0, 0.9)])];
        let is_person: Vec<bool> = (0..40).map(|picture| turn[picture % turn.len()] == 1).collect();
        let plans = plans_of(&config, Box::new(InTurn { detectors, turn, picture: 0 }), 40);
        for (plan, _) in plans.iter().zip(is_person).filter(|(_, is_person)| *is_person) {
            assert_ne!(plan.decision, Decision::Proceed, "{plan:?}");
        }
    }
}

#[test]
fn one_person_before_another_one_is_hidden_by_no_overlap() {
    let two = [([30.0, 30.0, 34.0, 37.0], 0, 0.95), ([28.0, 20.0, 36.0, 50.0], 0, 0.9)];
    let config = accepted(&[("iou_threshold", "0.0".into()), ("clear_after_ms", "0".into())]).unwrap();
    let plans = plans_of(&config, sees(&two), 10);
    assert!(plans.iter().all(|plan| plan.decision != Decision::Proceed), "{:?}", plans[9]);
}

#[test]
fn a_camera_that_looks_elsewhere_is_no_reason_to_proceed() {
    for turned in [("mount_yaw_rad", "3.14"), ("mount_pitch_rad", "-1.57"), ("mount_x_m", "100.0")] {
        let config = accepted(&[(turned.0, turned.1.into()), ("clear_after_ms", "0".into())]).unwrap();
        for plan in plans_of(&config, sees(&[]), 5) {
            assert_ne!(plan.decision, Decision::Proceed, "{turned:?}");
            assert!(plan.verdict.contains("the camera sees none of the way ahead"), "{}", plan.verdict);
        }
    }
}
