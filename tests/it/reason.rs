//! The reason lane around a language model that follows a script: jobs, what comes back, and replays that need no model.

use crate::allocations::allocations_in;
use crate::messages::{
    Discarded, Driven, FRAME_ID, Heard, PERIOD_MS, SIZE, camera_info, image, next_image, nth, pixels, stamped,
    walk_with,
};
use crate::tape::Tape;
use std::collections::{BTreeMap, VecDeque};
use vedette::config::{Config, Names};
use vedette::infer::Proof;
use vedette::pipeline::{Asker, Cause, Inquiry, Output, Proposed, Reason, ReasonJob, Trigger};
use vedette::replay::{Beside, ReplayReport, ReplayTopics, replay_beside};
use vedette::types::{
    Answer, AnswerForm, Cancel, CancelReason, Decision, FinishReason, ImageView, Labels, PixelFormat, PlanSource,
    ProposalStatus, Question, Stamp, TrackId,
};
use vedette::zoo::{VisionLanguageModel, ZooError};

const PROPOSAL: &str = "/vedette/proposal";
const VLM: &str = "scripted";

fn config() -> Config {
    Config { reason_model: VLM.to_owned(), reason_period_ms: 300, reason_on_new_class: false, ..Config::default() }
}

/// One answer of a script.
#[derive(Clone, Copy)]
enum Line {
    Says(&'static str, FinishReason),
    Fails,
}

const AHEAD: Line = Line::Says(
    r#"{"decision":"slow","speed_limit_mps":0.2,"steps":[{"track":1,"class":"person","action":"yield","reason":"it crosses"}],"reason":"a person ahead"}"#,
    FinishReason::Stop,
);
const FAST: Line =
    Line::Says(r#"{"decision":"slow","speed_limit_mps":9.5,"steps":[],"reason":"hurry"}"#, FinishReason::Stop);
const FREE: Line =
    Line::Says(r#"{"decision":"proceed","speed_limit_mps":null,"steps":[],"reason":""}"#, FinishReason::Stop);
const LAND: Line =
    Line::Says(r#"{"decision":"land","speed_limit_mps":null,"steps":[],"reason":"tired"}"#, FinishReason::Stop);
const CUT: Line = Line::Says(r#"{"decision":"slow","speed"#, FinishReason::Length);
const POEM: Line = Line::Says("Roses are red", FinishReason::Stop);
const LATE: Line = Line::Says(r#"{"decision""#, FinishReason::Cancelled(CancelReason::Deadline));
const GIVES_WAY: Line = Line::Says("", FinishReason::Cancelled(CancelReason::Superseded));

/// The rules say stop for the first second, slow from then on.
const SCRIPT: [Line; 11] = [AHEAD, AHEAD, FREE, LAND, AHEAD, FAST, CUT, POEM, LATE, Line::Fails, GIVES_WAY];

struct Scripted {
    lines: VecDeque<Line>,
    proof: Proof,
}

impl VisionLanguageModel for Scripted {
    fn answer(
        &mut self,
        image: &ImageView,
        question: &Question,
        _: &Cancel,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Answer, ZooError> {
        assert_eq!(image.size(), SIZE);
        assert!(question.form == AnswerForm::Text || question.text.starts_with("What should the robot do next"));
        match self.lines.pop_front().expect("no more questions than lines") {
            Line::Says(text, finish) => {
                on_text(text);
                let text = text.to_owned();
                Ok(Answer { text, regions: Vec::new(), prompt_tokens: 100, tokens: 20, finish })
            }
            Line::Fails => Err(ZooError::NoPrompts),
        }
    }

    fn proof(&self) -> &Proof {
        &self.proof
    }
}

fn reason(lines: &[Line]) -> Reason {
    let proof = crate::messages::walk().proof().clone();
    Reason::new(Box::new(Scripted { lines: lines.iter().copied().collect(), proof }), VLM)
}

fn answered(job: ReasonJob, line: Line) -> Proposed {
    reason(&[line]).run(job, &Cancel::new(), &mut |_| ())
}

fn trigger_of(job: &ReasonJob) -> Option<Trigger> {
    match job.cause {
        Cause::Trigger(trigger) => Some(trigger),
        Cause::Asked(_) => None,
    }
}

fn asker_of(job: &ReasonJob) -> Option<u64> {
    job.asker().map(|asker| asker.id)
}

fn process(walk: &mut Driven, heard: &mut Heard, stamp: Stamp) -> Option<ProposalStatus> {
    walk.camera_info(&camera_info(stamp)).unwrap();
    walk.image(&image(stamp), heard).unwrap().proposal
}

#[test]
fn a_job_has_all_that_an_answer_needs() {
    let (mut walk, mut heard) = (walk_with(&config()), Heard::default());
    process(&mut walk, &mut heard, nth(0));
    let first = walk.take_job().unwrap();
    assert_eq!((first.stamp, trigger_of(&first)), (nth(0), Some(Trigger::Period)));
    assert_eq!(first.question.text, "What should the robot do next, and why? In view: nothing.");
    walk.propose(answered(first, POEM));
    for number in 1..=3 {
        assert!(walk.take_job().is_none());
        process(&mut walk, &mut heard, nth(number));
    }
    let job = walk.take_job().unwrap();
    assert_eq!((job.stamp, job.frame_id.as_str(), job.labels.version()), (nth(3), FRAME_ID, 0));
    let pixels = pixels(nth(3));
    let picture = ImageView::new(&pixels, SIZE, 3 * SIZE.width_px, PixelFormat::Rgb8).unwrap();
    assert_eq!(job.snapshot.view().unwrap(), picture);
    let AnswerForm::Proposal(in_view) = &job.question.form else { panic!("{:?}", job.question) };
    let names: Vec<(u64, &str)> = in_view.tracks.iter().map(|(id, name)| (id.0, &**name)).collect();
    assert_eq!(names, [(1, "person"), (2, "dog"), (3, "car")]);
    assert!(
        job.question.text.contains("In view: person 1, 3.3 m ahead, 0.0 m right; car 3, 4.8 m ahead"),
        "{}",
        job.question.text
    );
    assert_eq!(job.question.max_tokens, 512);
}

#[test]
fn without_a_reason_model_nobody_is_asked() {
    let (mut walk, mut heard) = (walk_with(&Config::default()), Heard::default());
    for number in 0..40 {
        assert_eq!(process(&mut walk, &mut heard, nth(number)), None);
        assert!(walk.take_job().is_none());
    }
    assert_eq!(heard.of(Output::Proposal).count(), 0);
}

#[test]
fn a_job_that_nobody_takes_is_replaced_and_one_that_runs_is_not() {
    let (mut walk, mut heard) = (walk_with(&config()), Heard::default());
    for number in 0..8 {
        process(&mut walk, &mut heard, nth(number));
    }
    let job = walk.take_job().unwrap();
    assert_eq!(job.stamp, nth(6), "the jobs of the images 0 and 3 were never started");
    for number in 8..20 {
        process(&mut walk, &mut heard, nth(number));
        assert!(walk.take_job().is_none(), "one is running");
    }
    walk.propose(answered(job, AHEAD));
    assert_eq!(process(&mut walk, &mut heard, nth(20)), Some(ProposalStatus::Taken));
    assert_eq!(walk.take_job().unwrap().stamp, nth(20), "the trigger has waited for the newest image");
}

#[test]
fn a_new_class_and_a_question_are_asked_about_at_once() {
    let config = Config { reason_period_ms: 0, reason_on_new_class: true, ..config() };
    let (mut walk, mut heard) = (walk_with(&config), Heard::default());
    let mut jobs = Vec::new();
    for number in 0..10 {
        if number == 6 {
            ask(&mut walk, 7, "", true, 0);
        }
        process(&mut walk, &mut heard, nth(number));
        if let Some(job) = walk.take_job() {
            jobs.push((number, trigger_of(&job), asker_of(&job)));
            walk.propose(answered(job, POEM));
        }
    }
    let person = walk.labels().find("person").unwrap();
    // The tracks are confirmed by their second box.
    assert_eq!(jobs, [(1, Some(Trigger::NewClass(person)), None), (6, None, Some(7))]);
}

fn ask(walk: &mut Driven, id: u64, text: &str, wants_proposal: bool, max_tokens: u32) {
    let asker = Asker { id, cancel: Cancel::new() };
    assert!(walk.ask(Inquiry::new(text, wants_proposal, max_tokens).unwrap(), asker));
}

#[test]
fn somebodys_question_is_about_the_next_image_and_its_words_are_no_proposal() {
    let config = Config { reason_period_ms: 0, ..config() };
    let (mut walk, mut heard) = (walk_with(&config), Heard::default());
    process(&mut walk, &mut heard, nth(0));
    ask(&mut walk, 1, "<OD>", false, 7);
    assert!(walk.take_job().is_none());
    process(&mut walk, &mut heard, nth(1));
    process(&mut walk, &mut heard, nth(2));
    let job = walk.take_job().unwrap();
    assert_eq!((job.stamp, asker_of(&job)), (nth(2), Some(1)), "the newest image until it is taken");
    let Question { text, form, max_tokens, .. } = &job.question;
    assert_eq!((text.as_str(), form, *max_tokens), ("<OD>", &AnswerForm::Text, 7));
    let answer = reason(&[POEM]).answer(&job, &Cancel::new(), &mut |_| ()).unwrap();
    assert_eq!(answer.text, "Roses are red");
    ask(&mut walk, 2, "", true, 0);
    process(&mut walk, &mut heard, nth(3));
    assert!(walk.take_job().is_none(), "one job at a time");
    walk.take_back(job);
    assert_eq!(process(&mut walk, &mut heard, nth(4)), None);
    let job = walk.take_job().unwrap();
    assert!(job.question.text.starts_with("What should the robot do next, and why? In view: person"));
    assert!(matches!(job.question.form, AnswerForm::Proposal(_)) && job.question.max_tokens == 512);
    walk.propose(answered(job, FREE));
    assert!(process(&mut walk, &mut heard, nth(5)).is_some());
    assert!(walk.take_job().is_none());
}

#[test]
fn a_question_comes_before_the_period_and_a_withdrawn_one_leaves_it() {
    let (mut walk, mut heard) = (walk_with(&config()), Heard::default());
    ask(&mut walk, 3, "Who is there?", false, 0);
    process(&mut walk, &mut heard, nth(0));
    let job = walk.take_job().unwrap();
    assert_eq!(asker_of(&job), Some(3));
    walk.take_back(job);
    process(&mut walk, &mut heard, nth(1));
    let job = walk.take_job().unwrap();
    assert_eq!(trigger_of(&job), Some(Trigger::Period), "words are no proposal: that is still due");
    walk.propose(answered(job, FREE));
    ask(&mut walk, 3, "Who is there?", false, 0);
    process(&mut walk, &mut heard, nth(2));
    walk.withdraw(4);
    process(&mut walk, &mut heard, nth(3));
    walk.withdraw(3);
    assert!(walk.take_job().is_none());
    ask(&mut walk, 4, "Who is there?", false, 0);
    walk.withdraw(3);
    process(&mut walk, &mut heard, nth(4));
    assert_eq!(asker_of(&walk.take_job().unwrap()), Some(4), "another question was withdrawn");
    let mut nobody = walk_with(&Config::default());
    let asker = Asker { id: 5, cancel: Cancel::new() };
    assert!(!nobody.ask(Inquiry::new("Who is there?", false, 0).unwrap(), asker));
}

#[test]
fn a_proposal_holds_until_it_is_too_old_and_is_told_once() {
    let config = Config { reason_period_ms: 0, proposal_max_age_ms: 1000, ..config() };
    let (mut walk, mut heard) = (walk_with(&config), Heard::default());
    (0..20).for_each(|number| assert_eq!(process(&mut walk, &mut heard, nth(number)), None));
    ask(&mut walk, 1, "", true, 0);
    process(&mut walk, &mut heard, nth(20));
    let job = walk.take_job().unwrap();
    walk.propose(answered(job, AHEAD));
    assert_eq!(process(&mut walk, &mut heard, nth(21)), Some(ProposalStatus::Taken));
    (22..35).for_each(|number| assert_eq!(process(&mut walk, &mut heard, nth(number)), None));

    let plans = heard.plans();
    let by_model: Vec<usize> = (0..35).filter(|&number| plans[number].source == PlanSource::Model).collect();
    assert_eq!(by_model, (21..=30).collect::<Vec<_>>());
    let taken = &plans[21];
    assert_eq!((taken.model.as_str(), taken.decision, taken.speed_limit_mps), (VLM, Decision::Slow, Some(0.2)));
    assert_eq!(taken.steps[0].reason, "scripted: a person ahead");
    let crossing = taken.steps.iter().find(|step| step.reason == "scripted: it crosses").unwrap();
    assert_eq!((crossing.action, crossing.track), (Decision::Yield, Some(TrackId(1))));
    assert!(plans[31].verdict.contains("refused, at most 1000 ms are allowed, it is 1100 ms old"));
    assert!(plans.iter().zip(1..).all(|(plan, sequence)| plan.sequence == sequence));

    let [told] = heard.proposals().try_into().unwrap();
    assert_eq!((told.header.stamp, told.header.frame_id.as_str()), (nth(21), FRAME_ID));
    assert_eq!((told.picture_stamp, told.status, told.model.as_str()), (nth(20), ProposalStatus::Taken, VLM));
    let Line::Says(text, _) = AHEAD else { unreachable!() };
    assert_eq!(told.text, text);
    let order: Vec<Output> =
        heard.messages.iter().filter(|(_, stamp, _)| *stamp == nth(21)).map(|(output, ..)| *output).collect();
    assert_eq!(order, [Output::Detections, Output::Proposal, Output::Plan, Output::Path]);
}

#[test]
fn a_jump_back_ends_the_proposal_that_held() {
    let (mut walk, mut heard) = (walk_with(&Config { proposal_max_age_ms: 600_000, ..config() }), Heard::default());
    for number in 100..120 {
        process(&mut walk, &mut heard, nth(number));
    }
    let job = walk.take_job().unwrap();
    walk.propose(answered(job, FAST));
    ask(&mut walk, 1, "", true, 0);
    assert_eq!(process(&mut walk, &mut heard, nth(120)), Some(ProposalStatus::Changed));
    let job = walk.take_job().unwrap();
    assert_eq!(process(&mut walk, &mut heard, nth(0)), None);
    assert_eq!(heard.plans().last().unwrap().source, PlanSource::Rules);
    walk.propose(answered(job, FAST));
    assert_eq!(process(&mut walk, &mut heard, nth(1)), Some(ProposalStatus::Refused), "its picture is later");
    assert_eq!(walk.take_job().unwrap().stamp, nth(1));
}

#[test]
fn a_frame_under_a_proposal_allocates_nothing() {
    let config = Config { reason_period_ms: 0, proposal_max_age_ms: 600_000, ..config() };
    let (mut walk, mut heard) = (walk_with(&config), Heard::default());
    for number in 0..20 {
        process(&mut walk, &mut heard, nth(number));
    }
    ask(&mut walk, 1, "", true, 0);
    process(&mut walk, &mut heard, nth(20));
    let job = walk.take_job().unwrap();
    walk.propose(answered(job, AHEAD));
    let (mut picture, mut info) = (image(nth(0)), camera_info(nth(0)));
    let mut discarded = Discarded::default();
    let mut frames = |numbers: std::ops::Range<i64>| {
        for number in numbers {
            picture = next_image(std::mem::take(&mut picture), nth(number));
            info = stamped(std::mem::take(&mut info), nth(number));
            walk.camera_info(&info).unwrap();
            walk.image(&picture, &mut discarded).unwrap();
            assert_eq!(walk.plan().source, PlanSource::Model);
        }
    };
    frames(21..121);
    assert_eq!(allocations_in(|| frames(121..621)), 0);
}

/// A recording with these proposals.
fn tape(frames: i64, proposals: &[(Stamp, Vec<u8>)]) -> Tape {
    Tape::new(frames, PROPOSAL, Output::Proposal, proposals)
}

/// Replays it.
trait Replayed {
    fn replayed(self, walk: &mut Driven, reason: Option<&mut Reason>) -> (ReplayReport, Heard);
}

impl Replayed for Tape {
    fn replayed(mut self, walk: &mut Driven, reason: Option<&mut Reason>) -> (ReplayReport, Heard) {
        let mut heard = Heard::default();
        let topics =
            ReplayTopics::choose(&self.topics, &Names::default()).unwrap().with_proposals(&self.topics, PROPOSAL);
        let report = replay_beside(
            &mut self,
            &topics,
            &mut walk.intakes,
            &mut walk.walk,
            Beside { reason, prompter: None },
            &mut heard,
            &mut (),
        )
        .unwrap();
        (report, heard)
    }
}

const FRAMES: i64 = 33;

fn proposals_of(heard: &Heard) -> Vec<(Stamp, Vec<u8>)> {
    let proposals = heard.messages.iter().filter(|(output, ..)| *output == Output::Proposal);
    proposals.map(|(_, stamp, cdr)| (*stamp, cdr.clone())).collect()
}

#[test]
fn a_replay_asks_inline_and_counts_what_came_of_it() {
    let (report, heard) = tape(FRAMES, &[]).replayed(&mut walk_with(&config()), Some(&mut reason(&SCRIPT)));
    let statuses: Vec<_> = heard.proposals().iter().map(|told| told.status.as_str()).collect();
    let expected = [
        "unreadable",
        "overruled",
        "overruled",
        "refused",
        "taken",
        "changed",
        "truncated",
        "unreadable",
        "late",
        "failed",
        "cancelled",
    ];
    assert_eq!(statuses, expected);
    let mut counts = BTreeMap::new();
    expected.into_iter().for_each(|status| *counts.entry(status).or_insert(0) += 1);
    assert_eq!(report.proposals, counts);
    assert!(!report.has_loss(), "events are no losses");
    let verdicts: Vec<_> = heard.proposals().into_iter().map(|told| told.verdict).collect();
    assert_eq!(verdicts[8], "deadline after 20 tokens");
    assert_eq!(verdicts[9], ZooError::NoPrompts.to_string());
    assert_eq!(verdicts[10], "superseded after 20 tokens");
    let applied: Vec<_> = heard.proposals().iter().map(|told| told.header.stamp.ns_since(told.picture_stamp)).collect();
    assert_eq!(applied, [PERIOD_MS * 1_000_000; 11], "at the frame behind its picture");
}

#[test]
fn a_replay_of_recorded_proposals_gives_the_same_bytes_without_a_model() {
    let (first_report, first) = tape(FRAMES, &[]).replayed(&mut walk_with(&config()), Some(&mut reason(&SCRIPT)));
    let recorded = proposals_of(&first);
    assert_eq!(recorded.len(), SCRIPT.len());
    // Without a model, with its parameter alone, and with one that would panic if it were asked.
    for (config, mut reason) in [(Config::default(), None), (config(), None), (config(), Some(reason(&[])))] {
        let (report, second) = tape(FRAMES, &recorded).replayed(&mut walk_with(&config), reason.as_mut());
        assert!(second.results() == first.results());
        assert_eq!(report, first_report);
    }
    let (_, without) = tape(FRAMES, &[]).replayed(&mut walk_with(&Config::default()), None);
    assert_ne!(without.plans(), first.plans(), "proposals show in the plans");
}

#[test]
fn a_recorded_message_that_is_no_proposal_is_counted_and_the_rest_serves() {
    let (_, first) = tape(FRAMES, &[]).replayed(&mut walk_with(&config()), Some(&mut reason(&SCRIPT)));
    let mut recorded = proposals_of(&first);
    recorded.push((nth(5), b"garbage".to_vec()));
    let (report, second) = tape(FRAMES, &recorded).replayed(&mut walk_with(&Config::default()), None);
    assert_eq!(report.lost, BTreeMap::from([("proposal: bad_message".to_owned(), 1)]));
    assert!(second.results() == first.results());
}

#[test]
fn topics_without_proposals_replay_as_ever() {
    let tape = tape(10, &[]);
    let topics = ReplayTopics::choose(&tape.topics, &Names::default()).unwrap().with_proposals(&tape.topics, PROPOSAL);
    assert_eq!(topics.proposal, None, "the topic is there and has no messages");
    let (report, _) = tape.replayed(&mut walk_with(&config()), None);
    assert_eq!((report.processed, report.proposals.len()), (10, 0));
}

#[test]
fn a_recorded_proposal_under_other_prompts_keeps_its_names_and_is_refused() {
    let (_, first) = tape(FRAMES, &[]).replayed(&mut walk_with(&config()), Some(&mut reason(&SCRIPT)));
    let mut message = first.proposals().swap_remove(4);
    message.prompt_version = 3;
    message.steps[0].class_id = "pedestrian".to_owned();
    let proposed = Proposed::recorded(message, &Labels::new(["person", "car", "dog"], 0));
    let mut walk = walk_with(&Config::default());
    let mut heard = Heard::default();
    process(&mut walk, &mut heard, nth(13));
    walk.propose(proposed);
    assert_eq!(process(&mut walk, &mut heard, nth(14)), Some(ProposalStatus::Refused));
    let told = &heard.proposals()[0];
    assert_eq!((told.steps[0].class_id.as_str(), told.prompt_version), ("pedestrian", 3));
    assert_eq!(told.verdict, "it was made under prompts of version 3, now they have version 0");
}
