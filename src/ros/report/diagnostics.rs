//! `/diagnostics`, once a second: which provider runs the model and why, what came, what was lost and why, how old
//! the answers are, and what the plan is.

use super::frames::frames;
use super::health::{Counts, Inference, ReasonCounts};
use super::section::Section;
use super::sessions::{ModelSessions, Sessions};
use crate::infer::{Proof, Refusal};
use crate::ros::intake::graph::{Publishing, Topic, of_pictures};
use crate::ros::lifecycle::{Life, State};
use crate::ros::watch::Silent;
use crate::types::{CameraId, ProposalStatus, Stamp};
use crate::wire::diagnostic_msgs::{Level, Status, encode_diagnostics};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// The type of the message.
pub const TYPE_NAME: &str = "diagnostic_msgs/msg/DiagnosticArray";

/// What has been said before: rates and losses are those since then.
pub struct Diagnostics {
    node: String,
    hardware_id: String,
    before: Counts,
    cdr: Vec<u8>,
}

/// What is known at the moment.
pub struct Now<'a> {
    /// The state of the node.
    pub life: &'a Life,
    /// The counters.
    pub counts: &'a Counts,
    /// How the sessions run.
    pub sessions: &'a Sessions,
    /// The inputs and their publishers.
    pub topics: &'a [(Topic, Publishing)],
    /// Subscribers that get nothing of what the node publishes, and why.
    pub unreached: &'a [String],
    /// Since the last report.
    pub elapsed: Duration,
    /// The silence in which the watchdog says stop, if there is one.
    pub silent: Option<Silent>,
    /// Whether ROS time has begun.
    pub has_time: bool,
    /// The steady clock.
    pub steady: Instant,
    /// The parameter `max_age_ms`.
    pub max_age: Duration,
    /// Parameter `enabled` is false.
    pub is_paused: bool,
}

impl Diagnostics {
    /// For the node `node` on the machine `hardware_id`.
    pub fn new(node: &str, hardware_id: &str) -> Self {
        Self {
            node: node.trim_start_matches('/').to_owned(),
            hardware_id: hardware_id.to_owned(),
            before: Counts::default(),
            cdr: Vec::new(),
        }
    }

    /// A diagnostic_msgs/DiagnosticArray of this moment.
    pub fn report(&mut self, stamp: Stamp, now: &Now<'_>) -> &[u8] {
        let Sessions { detector, prompts, reason } = now.sessions;
        let mut sections = vec![lifecycle(now), inference(detector, now)];
        sections.extend(others("inference", detector));
        sections.extend(others("prompts", prompts));
        if self.before.cameras != now.counts.cameras {
            self.before.frames.clear();
        }
        sections.extend(now.counts.cameras.iter().enumerate().map(|(at, camera)| {
            let of = |counts: &Counts| counts.frames.get(at).cloned().unwrap_or_default();
            frames(camera, &of(&self.before), &of(now.counts), now.elapsed, now.steady)
        }));
        sections.extend([plan(now), topics(now.topics, now.unreached)]);
        if let Some(model) = reason {
            sections.push(reasoning(model, &self.before.reason, &now.counts.reason));
            sections.extend(others("reasoning", model));
        }
        if now.life.state() != State::Active {
            let why = format!("the node is {}", now.life.state().label());
            let is_of_work = |topic: &str| OF_WORK.contains(&topic.split(' ').next().unwrap_or_default());
            let at_work = sections.iter_mut().filter(|section| is_of_work(&section.topic));
            at_work.for_each(|section| (section.level, section.message) = (Level::Stale, why.clone()));
        }
        self.before = now.counts.clone();
        let names: Vec<_> = sections.iter().map(|section| format!("{}: {}", self.node, section.topic)).collect();
        let values: Vec<Vec<_>> = sections
            .iter()
            .map(|section| {
                section.values.iter().map(|(key, value)| (key.as_str(), Cow::from(value.as_str()))).collect()
            })
            .collect();
        let statuses: Vec<Status<'_>> = (sections.iter().zip(&names).zip(&values))
            .map(|((section, name), values)| Status {
                level: section.level,
                name,
                message: &section.message,
                hardware_id: &self.hardware_id,
                values,
            })
            .collect();
        encode_diagnostics(&mut self.cdr, stamp, &statuses);
        &self.cdr
    }
}

/// What says nothing while the node does not work.
const OF_WORK: [&str; 3] = ["frames", "plan", "topics"];

/// The state of the managed node; what it is at, while it is busy; what the last transition failed at.
fn lifecycle(now: &Now<'_>) -> Section {
    let life = now.life;
    let seconds = |since| format!("{:.1}", now.steady.duration_since(since).as_secs_f64());
    let mut section = Section::new("lifecycle");
    section.message = life.state().label().to_owned();
    section.value("state", life.state().label());
    section.value("for_s", seconds(life.since));
    if let Some((step, since)) = &life.step {
        section.raise(Level::Ok, format!("{step}, for {} s", seconds(*since)));
        section.value("step", step);
    }
    if let Some(failure) = &life.failure {
        section.raise(Level::Error, format!("the last transition failed: {failure}"));
        section.value("failure", failure);
    }
    section
}

/// The detector: how it runs, whether it does, and whether it still takes prompts.
fn inference(sessions: &ModelSessions, now: &Now<'_>) -> Section {
    let mut section = main("inference", sessions);
    if sessions.main().is_none() {
        section.raise(Level::Stale, "no model is loaded");
    }
    let Inference { running_since, failed_in_a_row, failure } = &now.counts.inference;
    if *failed_in_a_row > 0 {
        section.raise(Level::Error, format!("it failed on the last {failed_in_a_row} images: {failure}"));
    }
    let at_it = running_since.map(|since| now.steady.duration_since(since)).filter(|at_it| *at_it > now.max_age);
    if let Some(at_it) = at_it {
        section.raise(Level::Error, format!("it has been at one image for {:.1} s", at_it.as_secs_f64()));
    }
    if let Some(words) = &now.counts.prompts_ended {
        section.raise(Level::Warn, format!("it takes no more prompts: {words}"));
    }
    section.value("failed_in_a_row", failed_in_a_row);
    section
}

/// The session that a model is known by.
fn main(topic: &str, sessions: &ModelSessions) -> Section {
    sessions.main().map_or_else(|| Section::new(topic), |proof| running(topic, &sessions.model, proof))
}

/// A status for each session but the main one.
fn others(topic: &str, sessions: &ModelSessions) -> impl Iterator<Item = Section> {
    let of = &sessions.model;
    sessions.others().map(move |(role, proof)| running(format!("{topic} {role}"), &format!("{role} of {of}"), proof))
}

fn running(topic: impl Into<String>, model: &str, proof: &Proof) -> Section {
    let mut section = Section::new(topic);
    let requested: Vec<&str> = proof.requested.iter().map(|provider| provider.name()).collect();
    section.message = format!("{} runs {model}", proof.running);
    if proof.is_fallback() {
        section.raise(Level::Warn, format!("a fallback, {} was asked for first", requested[0]));
    }
    section.value("model", model);
    section.value("provider", proof.running);
    section.value("providers", requested.join(", "));
    match &proof.nodes {
        Some(nodes) => nodes.iter().for_each(|(name, count)| section.value(format!("nodes on {name}"), count)),
        None => section.value("nodes", proof.placement()),
    }
    if let Some(agreement) = &proof.agreement {
        section.value("agreement", agreement);
    }
    for Refusal { provider, reason, cure } in &proof.refused {
        section.value(format!("{provider} refused"), reason);
        section.value(format!("{provider} cure"), cure);
    }
    section
}

/// The language model: how it runs, how long it takes, and what becomes of its answers. What came to nothing since the
/// last report warns; answers that somebody ended are no fault.
fn reasoning(sessions: &ModelSessions, before: &ReasonCounts, now: &ReasonCounts) -> Section {
    let mut section = main("reasoning", sessions);
    if let Some(words) = &now.ended {
        section.raise(Level::Error, format!("nobody answers any more: {words}"));
    }
    section.value("jobs", now.jobs);
    section.value("questions", now.questions);
    if let Some((duration, tokens)) = now.last {
        let seconds = duration.as_secs_f64();
        section.value("last_duration_ms", format!("{:.1}", seconds * 1e3));
        section.value("last_tokens", tokens);
        section.value("tokens_per_s", format!("{:.1}", tokens as f64 / seconds.max(1e-6)));
    }
    section.value("failed", now.failed);
    for (word, count) in &now.finished {
        section.value(format!("answers {word}"), count);
    }
    for (word, count) in &now.proposals {
        section.value(format!("proposals {word}"), count);
    }
    let since = |counts: &BTreeMap<&'static str, u64>, before: &BTreeMap<&'static str, u64>, word: &str| {
        counts.get(word).copied().unwrap_or(0).saturating_sub(before.get(word).copied().unwrap_or(0))
    };
    if now.failed > before.failed {
        section.raise(Level::Warn, format!("failed since the last report: {}", now.last_failure));
    }
    if since(&now.finished, &before.finished, "deadline") > 0 {
        section.raise(Level::Warn, "an answer took longer than reason_deadline_ms");
    }
    for status in [ProposalStatus::Unreadable, ProposalStatus::Truncated].map(ProposalStatus::as_str) {
        let new = since(&now.proposals, &before.proposals, status);
        if new > 0 {
            section.raise(Level::Warn, format!("proposals {status} since the last report: {new}"));
        }
    }
    section
}

/// What a robot is told: the last plan that has left, or the watchdog's stop and why.
fn plan(now: &Now<'_>) -> Section {
    let mut section = Section::new("plan");
    let last_loss = now.counts.last_loss.map(|cause| format!(", images are lost: {cause}")).unwrap_or_default();
    match (now.silent, &now.counts.last) {
        _ if now.is_paused => {
            section.raise(Level::Warn, "stop: paused, parameter enabled is false");
            section.value("decision", "stop");
        }
        (Some(silent), _) => {
            let (seconds, since) = (silent.ns as f64 / 1e9, if silent.after_plan { "" } else { " since the start" });
            let why = format!("no plan from a fresh image for {seconds:.1} s{since}{last_loss}");
            section.raise(Level::Error, format!("stop: {why}"));
            section.value("decision", "stop");
            section.value("source", "watchdog");
            section.value("reason", why);
        }
        (None, _) if !now.has_time => {
            section.raise(Level::Error, "no time: use_sim_time is set and no /clock has come");
        }
        (None, Some(last)) => {
            section.message = format!("{}: {}", last.decision, last.reason);
            section.value("decision", last.decision);
            section.value("source", last.source);
            section.value("reason", &last.reason);
            section.value("detections", last.detections);
            section.value("tracks", last.tracks);
        }
        (None, None) => section.message = format!("no plan yet{last_loss}"),
    }
    section
}

fn topics(topics: &[(Topic, Publishing)], unreached: &[String]) -> Section {
    let mut section = Section::new("topics");
    for (topic, publishing) in topics {
        section.value(&topic.label, &topic.name);
        section.value(format!("{} publishers", topic.label), publishing.publishers);
        for problem in &publishing.problems {
            section.raise(Level::Warn, problem);
        }
    }
    let cameras: BTreeSet<CameraId> = topics.iter().map(|(topic, _)| topic.camera).collect();
    for camera in cameras {
        let of_camera = || topics.iter().filter(move |(topic, _)| topic.camera == camera && topic.input.is_picture());
        if of_camera().all(|(_, publishing)| publishing.publishers == 0 && publishing.problems.is_empty()) {
            let own: Vec<_> = of_camera().cloned().collect();
            section.raise(Level::Warn, format!("nobody publishes {}", of_pictures(&own)));
        }
    }
    for problem in unreached {
        section.raise(Level::Warn, problem);
    }
    section.value("unreached subscribers", unreached.len());
    if section.message.is_empty() {
        section.message = "connected".to_owned();
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{Agreement, Provider};
    use crate::pipeline::Input;
    use crate::ros::clock::steady_now;
    use crate::ros::lifecycle::{Lifecycle, Outcome};
    use crate::ros::report::health::LastFrame;
    use r2r::QosProfile;
    use std::sync::LazyLock;

    static NO_SESSIONS: LazyLock<Sessions> = LazyLock::new(Sessions::default);
    static ACTIVE: LazyLock<Life> = LazyLock::new(|| Lifecycle::after(&["configure", "activate"]).now());

    fn now(counts: &Counts) -> Now<'_> {
        Now {
            life: &ACTIVE,
            counts,
            sessions: &NO_SESSIONS,
            topics: &[],
            unreached: &[],
            elapsed: Duration::from_secs(2),
            silent: None,
            has_time: true,
            steady: steady_now(),
            max_age: Duration::from_millis(500),
            is_paused: false,
        }
    }

    /// Of a model that is one graph on the CPU.
    fn sessions(model: &str) -> ModelSessions {
        let proof = on_cpu();
        let mut sessions = ModelSessions::of(model);
        sessions.see([("model", &proof)], Some(&proof));
        sessions
    }

    fn on_cpu() -> Proof {
        Proof {
            requested: vec![Provider::Cpu],
            running: Provider::Cpu,
            nodes: Some(Vec::new()),
            refused: Vec::new(),
            agreement: None,
            engines: None,
        }
    }

    #[test]
    fn what_the_node_is_at_and_what_has_failed_is_told_and_the_rest_is_stale_meanwhile() {
        let counts = Counts::default();
        let lifecycle = Lifecycle::default();
        lifecycle.begin(lifecycle.asked(1, "").unwrap());
        lifecycle.step("loading the model yolov12n");
        let life = lifecycle.now();
        let section = super::lifecycle(&Now { life: &life, ..now(&counts) });
        assert_eq!(section.level, Level::Ok);
        assert!(section.message.starts_with("configuring; loading the model yolov12n, for "), "{}", section.message);

        lifecycle.end(Outcome::Failure, Some("no model \"x\"".to_owned()));
        let life = lifecycle.now();
        let at = Now { life: &life, ..now(&counts) };
        let section = super::lifecycle(&at);
        assert_eq!(section.level, Level::Error);
        assert_eq!(section.message, "unconfigured; the last transition failed: no model \"x\"");
        let text =
            String::from_utf8_lossy(Diagnostics::new("/vedette", "robot").report(Stamp::from_ns(0), &at)).into_owned();
        assert!(text.contains("the node is unconfigured") && text.contains("robot"), "{text:?}");
        assert!(!text.contains("no plan yet"), "{text:?}");
    }

    #[test]
    fn a_fallback_warns_with_reason_and_cure() {
        let mut proof = Proof {
            requested: vec![Provider::TensorRt, Provider::Cpu],
            running: Provider::Cpu,
            nodes: Some(vec![("CPUExecutionProvider".to_owned(), 372)]),
            refused: vec![Refusal {
                provider: Provider::TensorRt,
                reason: "no libnvinfer".to_owned(),
                cure: "install it".to_owned(),
            }],
            agreement: None,
            engines: None,
        };
        let section = running("inference", "yolov12n", &proof);
        assert_eq!(section.level, Level::Warn);
        assert_eq!(section.message, "cpu runs yolov12n; a fallback, tensorrt was asked for first");
        assert_eq!(section.get("nodes on CPUExecutionProvider"), Some("372"));
        assert_eq!(section.get("tensorrt refused"), Some("no libnvinfer"));
        assert_eq!(section.get("tensorrt cure"), Some("install it"));

        assert_eq!(section.get("agreement"), None);

        proof.requested.remove(0);
        proof.agreement = Some(Agreement::Numbers { of_largest: 0.001 });
        let section = running("inference", "yolov12n", &proof);
        assert_eq!(section.level, Level::Ok);
        assert_eq!(section.get("agreement"), Some("beside the CPU: outputs within 0.1000 % of their largest"));
    }

    #[test]
    fn every_session_has_a_status_of_its_own() {
        let (main, vision) = (on_cpu(), on_cpu());
        let mut sessions = ModelSessions::of("yolov12n");
        sessions.see([("model", &main), ("vision_model", &vision)], Some(&main));
        let others: Vec<Section> = others("inference", &sessions).collect();
        assert_eq!(others.len(), 1);
        assert_eq!(others[0].topic, "inference vision_model");
        assert_eq!(others[0].message, "cpu runs vision_model of yolov12n");
    }

    #[test]
    fn what_came_of_questions_warns_once_where_it_is_a_fault() {
        let smol = sessions("smol");
        let mut now = ReasonCounts { jobs: 3, last: Some((Duration::from_millis(500), 20)), ..ReasonCounts::default() };
        now.finished.insert("cancelled", 1);
        let section = reasoning(&smol, &ReasonCounts::default(), &now);
        assert_eq!((section.level, section.message.as_str()), (Level::Ok, "cpu runs smol"));
        assert_eq!(section.get("tokens_per_s"), Some("40.0"));
        now.finished.insert("deadline", 1);
        now.proposals.insert("truncated", 2);
        let section = reasoning(&smol, &ReasonCounts::default(), &now);
        assert_eq!(section.level, Level::Warn);
        assert!(section.message.ends_with("reason_deadline_ms; proposals truncated since the last report: 2"));
        assert_eq!(reasoning(&smol, &now, &now).level, Level::Ok);
        let ended = ReasonCounts { ended: Some("the thread reason ended in a panic".to_owned()), ..now.clone() };
        let section = reasoning(&smol, &now, &ended);
        assert_eq!(section.level, Level::Error);
        assert!(section.message.ends_with("nobody answers any more: the thread reason ended in a panic"));
    }

    #[test]
    fn silence_is_an_error_and_the_plan_a_stop_whatever_the_last_one_said() {
        let last = LastFrame { decision: "proceed", ..LastFrame::default() };
        let counts = Counts { last: Some(last), last_loss: Some("bad_message"), ..Counts::default() };
        let silent = Silent { ns: 1_250_000_000, after_plan: true, first: false };
        let section = plan(&Now { silent: Some(silent), ..now(&counts) });
        let expected = "stop: no plan from a fresh image for 1.2 s, images are lost: bad_message";
        assert_eq!((section.level, section.message.as_str()), (Level::Error, expected));
        assert_eq!((section.get("source"), section.get("decision")), (Some("watchdog"), Some("stop")));
        let section = plan(&Now { has_time: false, ..now(&counts) });
        assert!(section.level == Level::Error && section.message.contains("/clock"));
        assert_eq!(plan(&now(&counts)).get("decision"), Some("proceed"));
    }

    #[test]
    fn a_model_that_fails_or_hangs_is_an_error_until_it_runs_again() {
        let mut counts = Counts::default();
        let yolo = sessions("yolo");
        let look = |counts: &Counts, later: u64| {
            let steady = steady_now() + Duration::from_millis(later);
            let section = inference(&yolo, &Now { steady, ..now(counts) });
            (section.level, section.message)
        };
        counts.inference.failed(&"the device is gone");
        let message = "cpu runs yolo; it failed on the last 1 images: the device is gone".to_owned();
        assert_eq!(look(&counts, 0), (Level::Error, message));
        counts.inference.succeeded();
        assert_eq!(look(&counts, 0).0, Level::Ok);
        counts.inference.begins(steady_now());
        assert_eq!(look(&counts, 400).0, Level::Ok);
        let (level, message) = look(&counts, 2000);
        assert!(level == Level::Error && message.contains("at one image for 2.0 s"), "{message}");
    }

    #[test]
    fn a_camera_that_nobody_publishes_or_that_does_not_fit_warns() {
        let topic = Topic {
            input: Input::Image,
            camera: CameraId(0),
            label: "image".to_owned(),
            called: "image".to_owned(),
            name: "/camera/image".to_owned(),
            qos: QosProfile::sensor_data(),
        };
        let nobody = topics(&[(topic.clone(), Publishing::default())], &[]);
        assert_eq!((nobody.level, nobody.message.as_str()), (Level::Warn, "nobody publishes /camera/image"));
        let strange = Publishing { publishers: 0, problems: vec!["it is strange".to_owned()] };
        assert_eq!(topics(&[(topic.clone(), strange)], &[]).message, "it is strange");
        let publishing = [(topic, Publishing { publishers: 1, problems: Vec::new() })];
        let connected = topics(&publishing, &[]);
        assert_eq!((connected.level, connected.message.as_str()), (Level::Ok, "connected"));
        let unreached = topics(&publishing, &["/late gets nothing of /vedette/plan".to_owned()]);
        assert_eq!((unreached.level, unreached.message.as_str()), (Level::Warn, "/late gets nothing of /vedette/plan"));
        assert_eq!(unreached.get("unreached subscribers"), Some("1"));
    }
}
