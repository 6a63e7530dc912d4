use super::*;
use crate::types::{BBox, ClassId, ImagePx, PixelFormat, Prompts};
use crate::zoo::ClassMask;
use crate::zoo::prompt::own_classes;
use proptest::prelude::*;

const OWN: [&str; 5] = ["person", "car", "truck", "dog", "hot dog"];

/// A detector that finds the same boxes in every picture, with the scores of all classes or without.
struct Constant {
    labels: Labels,
    proof: Proof,
    boxes: Vec<(BBox<ImagePx>, Vec<f32>)>,
    tells_all: bool,
    asked: Option<Thresholds>,
}

fn best(scores: &[f32]) -> (ClassId, f32) {
    let all = (0..).map(ClassId).zip(scores.iter().copied());
    all.reduce(|best, other| if other.1 > best.1 { other } else { best }).unwrap()
}

impl Detector for Constant {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn input_size(&self) -> Size {
        Size { width_px: 8, height_px: 8 }
    }

    fn detect(&mut self, _: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        self.asked = Some(thresholds.clone());
        out.clear();
        out.extend(self.boxes.iter().map(|(bbox, scores)| {
            let (class, score) = best(scores);
            Detection { bbox: *bbox, class, score, track: None }
        }));
        Ok(())
    }

    fn detect_with_scores(
        &mut self,
        image: &ImageView,
        thresholds: &Thresholds,
        out: &mut Vec<Detection>,
        scores: &mut ClassScores,
    ) -> Result<(), ZooError> {
        scores.start(if self.tells_all { OWN.len() } else { 0 });
        self.boxes.iter().for_each(|(_, row)| scores.next_row().iter_mut().zip(row).for_each(|(to, from)| *to = *from));
        self.detect(image, thresholds, out)
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

fn at(x: f32) -> BBox<ImagePx> {
    BBox::from_corners(x, 0.0, x + 10.0, 10.0).unwrap()
}

/// Around boxes side by side, with these probabilities of the classes.
fn detector(boxes: &[[f32; 5]], matching: Matching) -> Conse {
    let boxes = (0u8..).zip(boxes).map(|(index, scores)| (at(20.0 * f32::from(index)), scores.to_vec())).collect();
    around(boxes, true, matching)
}

fn around(boxes: Vec<(BBox<ImagePx>, Vec<f32>)>, tells_all: bool, matching: Matching) -> Conse {
    let proof = Proof {
        requested: vec![crate::infer::Provider::Cpu],
        running: crate::infer::Provider::Cpu,
        nodes: Some(Vec::new()),
        refused: Vec::new(),
        agreement: None,
        engines: None,
    };
    let inner = Constant { labels: Labels::new(OWN, 0), proof, boxes, tells_all, asked: None };
    Conse::new(Box::new(inner), matching)
}

/// `similarities` as columns: of one prompt with each class.
fn encoded(columns: &[(&str, [f32; 5])]) -> EncodedPrompts {
    let prompts = Prompts::new(columns.iter().map(|(text, _)| text), 3).unwrap();
    let similarities = (0..5).flat_map(|class| columns.iter().map(move |(_, column)| column[class])).collect();
    EncodedPrompts {
        labels: own_classes::labels(&prompts, &Labels::new(OWN, 0)),
        prompts: prompts.len(),
        form: PromptForm::ClassSimilarities { similarities },
    }
}

fn found(detector: &mut Conse, thresholds: &Thresholds) -> Vec<(String, f32)> {
    let data = [0; 192];
    let image = ImageView::new(&data, Size { width_px: 8, height_px: 8 }, 24, PixelFormat::Rgb8).unwrap();
    let mut out = Vec::new();
    detector.detect(&image, thresholds, &mut out).unwrap();
    out.iter().map(|found| (detector.labels().name(found.class).to_owned(), found.score)).collect()
}

fn scores_of(detector: &mut Conse) -> ClassScores {
    let data = [0; 192];
    let image = ImageView::new(&data, Size { width_px: 8, height_px: 8 }, 24, PixelFormat::Rgb8).unwrap();
    let (mut out, mut scores) = (Vec::new(), ClassScores::default());
    detector.detect_with_scores(&image, &Thresholds::default(), &mut out, &mut scores).unwrap();
    scores
}

fn names(detector: &mut Conse) -> Vec<String> {
    found(detector, &Thresholds::default()).into_iter().map(|(name, _)| name).collect()
}

const PEDESTRIAN: (&str, [f32; 5]) = ("pedestrian", [0.77, 0.54, 0.5, 0.45, 0.4]);
const VEHICLE: (&str, [f32; 5]) = ("vehicle", [0.57, 0.91, 0.82, 0.45, 0.4]);
const ANIMAL: (&str, [f32; 5]) = ("animal", [0.52, 0.5, 0.45, 0.87, 0.71]);
const DOG: (&str, [f32; 5]) = ("dog", [0.5, 0.4, 0.4, 1.0, 0.8]);

const PERSON_BOX: [f32; 5] = [0.8, 0.0, 0.0, 0.0, 0.0];
const CAR_BOX: [f32; 5] = [0.0, 0.7, 0.0, 0.0, 0.0];
const VAN_BOX: [f32; 5] = [0.0, 0.5, 0.45, 0.0, 0.0];
const DOG_BOX: [f32; 5] = [0.0, 0.0, 0.0, 0.9, 0.05];
const HOT_DOG_BOX: [f32; 5] = [0.0, 0.0, 0.0, 0.0, 0.6];

#[test]
fn without_prompts_it_is_the_detector_inside() {
    let mut detector = detector(&[PERSON_BOX, CAR_BOX], Matching::default());
    assert_eq!(names(&mut detector), ["person", "car"]);
    assert_eq!(scores_of(&mut detector).row(1), Some(&CAR_BOX[..]));
    assert_eq!(detector.labels().version(), 0);
}

#[test]
fn a_prompt_takes_the_boxes_that_fit_with_their_own_scores_and_the_rest_keeps_its_class() {
    let mut detector = detector(&[PERSON_BOX, CAR_BOX, VAN_BOX, DOG_BOX], Matching::default());
    detector.set_prompts(encoded(&[PEDESTRIAN, VEHICLE])).unwrap();
    let expected = [("pedestrian", 0.8), ("vehicle", 0.7), ("vehicle", 0.5), ("dog", 0.9)];
    assert_eq!(found(&mut detector, &Thresholds::default()), expected.map(|(name, score)| (name.to_owned(), score)));
    let labels: Vec<_> = detector.labels().names().collect();
    assert_eq!(labels, ["pedestrian", "vehicle", "person", "car", "truck", "dog", "hot dog"]);
    assert_eq!(detector.labels().version(), 3);
    assert_eq!(scores_of(&mut detector).row(0), None);
}

#[test]
fn a_prompt_that_names_a_class_takes_that_class_and_no_other() {
    for name in ["dog", "Dogs", "a dog"] {
        let mut detector = detector(&[DOG_BOX, HOT_DOG_BOX, PERSON_BOX], Matching::default());
        detector.set_prompts(encoded(&[(name, DOG.1), ANIMAL])).unwrap();
        assert_eq!(names(&mut detector), [name, "hot dog", "person"]);
        let labels: Vec<_> = detector.labels().names().collect();
        assert_eq!(labels, [name, "animal", "person", "car", "truck", "hot dog"], "no second label for the class");
    }
}

#[test]
fn a_class_that_ends_in_another_ones_name_does_not_pass_for_it() {
    let mut detector = detector(&[HOT_DOG_BOX, DOG_BOX], Matching::default());
    detector.set_prompts(encoded(&[ANIMAL])).unwrap();
    assert_eq!(names(&mut detector), ["hot dog", "animal"]);
    detector.set_prompts(encoded(&[("snack", [0.3, 0.3, 0.3, 0.4, 0.75])])).unwrap();
    assert_eq!(names(&mut detector), ["snack", "dog"]);
}

#[test]
fn prompts_that_are_too_close_to_one_another_leave_a_box_to_its_class() {
    let mut detector = detector(&[CAR_BOX], Matching::default());
    let close = |lead: f32| [VEHICLE, ("conveyance", [0.5, 0.91 - lead, 0.8, 0.4, 0.4])];
    detector.set_prompts(encoded(&close(0.01))).unwrap();
    assert_eq!(names(&mut detector), ["car"]);
    detector.set_prompts(encoded(&close(0.03))).unwrap();
    assert_eq!(names(&mut detector), ["vehicle"]);
}

#[test]
fn a_box_between_classes_is_as_similar_as_their_mean() {
    let van = ("delivery van", [0.4, 0.56, 0.64, 0.3, 0.3]);
    let taken = |scores: [f32; 5]| {
        let mut detector = detector(&[scores], Matching::default());
        detector.set_prompts(encoded(&[van])).unwrap();
        names(&mut detector)[0] == "delivery van"
    };
    assert!(taken([0.0, 0.2, 0.6, 0.0, 0.0]) && taken([0.0, 0.4, 0.5, 0.0, 0.0]));
    assert!(!taken([0.0, 0.6, 0.3, 0.0, 0.0]));
}

#[test]
fn a_detector_with_nothing_but_best_classes_is_matched_by_them() {
    let boxes = vec![(at(0.0), VAN_BOX.to_vec()), (at(20.0), PERSON_BOX.to_vec())];
    let mut detector = around(boxes, false, Matching::default());
    detector.set_prompts(encoded(&[PEDESTRIAN, VEHICLE])).unwrap();
    assert_eq!(names(&mut detector), ["vehicle", "pedestrian"]);
}

#[test]
fn two_classes_of_one_thing_are_one_box_of_the_prompt() {
    let boxes = vec![(at(0.0), CAR_BOX.to_vec()), (at(1.0), vec![0.0, 0.0, 0.6, 0.0, 0.0])];
    let mut detector = around(boxes, true, Matching::default());
    assert_eq!(names(&mut detector).len(), 2);
    detector.set_prompts(encoded(&[VEHICLE])).unwrap();
    assert_eq!(names(&mut detector), ["vehicle"]);
}

#[test]
fn the_class_mask_is_over_the_labels_after_matching() {
    let mut detector = detector(&[PERSON_BOX, CAR_BOX, DOG_BOX], Matching::default());
    detector.set_prompts(encoded(&[PEDESTRIAN])).unwrap();
    let classes = Some(ClassMask::new(detector.labels(), ["pedestrian", "dog"]).unwrap());
    let kept = found(&mut detector, &Thresholds { classes, ..Thresholds::default() });
    assert_eq!(kept.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["pedestrian", "dog"]);
}

#[test]
fn no_prompts_give_the_own_classes_back_under_the_next_version() {
    let mut detector = detector(&[PERSON_BOX], Matching::default());
    detector.set_prompts(encoded(&[PEDESTRIAN])).unwrap();
    detector.set_prompts(EncodedPrompts::none(&Labels::new(OWN, 0), 4)).unwrap();
    assert_eq!(names(&mut detector), ["person"]);
    assert_eq!((detector.labels().version(), detector.labels().len()), (4, 5));
}

#[test]
fn prompts_that_do_not_fit_are_refused_and_the_old_ones_stay() {
    let mut detector = detector(&[PERSON_BOX], Matching::default());
    detector.set_prompts(encoded(&[PEDESTRIAN])).unwrap();
    let with = |form| EncodedPrompts { form, ..encoded(&[VEHICLE]) };
    let short = with(PromptForm::ClassSimilarities { similarities: vec![0.5; 4] });
    let error = detector.set_prompts(short).unwrap_err().to_string();
    assert_eq!(
        error,
        "the prompts are 4 similarities for 1 of 6 labels, family conse expects a finite one for each prompt and each \
         of 5 classes"
    );
    let nan = with(PromptForm::ClassSimilarities { similarities: vec![f32::NAN; 5] });
    assert!(detector.set_prompts(nan).is_err());
    let tokens = with(PromptForm::Tokens { ids: vec![1], mask: vec![1], length: 1 });
    let error = detector.set_prompts(tokens).unwrap_err().to_string();
    assert_eq!(error, "the prompts are tokens, family conse expects class similarities");
    assert_eq!(names(&mut detector), ["pedestrian"]);
}

proptest! {
    #[test]
    fn no_scores_and_no_similarities_panic_or_invent_a_label(
        scores in proptest::collection::vec(proptest::array::uniform5(0.0f32..1.0), 1..20),
        columns in proptest::collection::vec(proptest::array::uniform5(-1.0f32..1.0), 1..6),
    ) {
        let mut detector = detector(&scores, Matching::default());
        let texts: Vec<String> = (0..columns.len()).map(|number| format!("thing {number}")).collect();
        let named: Vec<(&str, [f32; 5])> = texts.iter().map(String::as_str).zip(columns.iter().copied()).collect();
        detector.set_prompts(encoded(&named)).unwrap();
        let before: Vec<f32> = scores.iter().map(|scores| best(scores).1).collect();
        let after = found(&mut detector, &Thresholds::default());
        prop_assert_eq!(after.len(), before.len());
        for (name, score) in after {
            prop_assert!(before.contains(&score));
            prop_assert!(texts.contains(&name) || OWN.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn a_box_is_never_more_similar_than_the_most_similar_of_its_classes(
        scores in proptest::array::uniform5(0.01f32..1.0), similarities in proptest::array::uniform5(0.0f32..0.599),
    ) {
        let mut detector = detector(&[scores], Matching::default());
        detector.set_prompts(encoded(&[("thing", similarities)])).unwrap();
        prop_assert!(names(&mut detector)[0] != "thing");
    }
}
