//! `/diagnostics`, once a second: which provider runs the model and why, what came, what was lost and why, how old
//! the answers are, and what the plan is.

use super::health::{Counts, ReasonCounts, Window};
use crate::infer::{Proof, Refusal};
use crate::ros::intake::graph::{Publishing, Topic};
use crate::types::{ProposalStatus, Stamp};
use crate::wire::diagnostic_msgs::{Level, Status, encode_diagnostics};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// The type of the message.
pub const TYPE_NAME: &str = "diagnostic_msgs/msg/DiagnosticArray";

/// Where to look when pictures are missing between stamps.
const GAPS_HINT: &str = "pictures are missing between stamps: the camera skips them, or DDS loses them; is the Fast DDS \
                         profile with the large shared-memory segment (config/fastdds.xml) set where they are sent?";

/// One status before it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Section {
    level: Level,
    topic: &'static str,
    message: String,
    values: Vec<(String, String)>,
}

impl Section {
    fn new(topic: &'static str) -> Self {
        Self { level: Level::Ok, topic, message: String::new(), values: Vec::new() }
    }

    fn value(&mut self, key: impl Into<String>, value: impl ToString) {
        self.values.push((key.into(), value.to_string()));
    }

    /// Raises the level and says why.
    fn raise(&mut self, level: Level, why: impl AsRef<str>) {
        self.level = self.level.max(level);
        if !self.message.is_empty() {
            self.message.push_str("; ");
        }
        self.message.push_str(why.as_ref());
    }
}

/// What has been said before: rates and losses are those since then.
pub struct Diagnostics {
    node: String,
    model: String,
    proof: Proof,
    /// The language model and how it runs, if there is one.
    reason: Option<(String, Proof)>,
    before: Counts,
    cdr: Vec<u8>,
}

/// What the spin thread knows at the moment.
pub struct Moment<'a> {
    /// The counters.
    pub counts: &'a Counts,
    /// The inputs and their publishers.
    pub topics: &'a [(Topic, Publishing)],
    /// Since the last report.
    pub elapsed: Duration,
    /// How long no fresh picture has come, while the watchdog says stop.
    pub silent: Option<Duration>,
}

impl Diagnostics {
    /// For the node `node`, whose model runs as `proof` says.
    pub fn new(node: &str, model: &str, proof: Proof) -> Self {
        let before = Counts::default();
        let node = node.trim_start_matches('/').to_owned();
        Self { node, model: model.to_owned(), proof, reason: None, before, cdr: Vec::new() }
    }

    /// With a language model, which runs as `proof` says.
    pub fn with_reason(self, model: &str, proof: Proof) -> Self {
        Self { reason: Some((model.to_owned(), proof)), ..self }
    }

    /// A diagnostic_msgs/DiagnosticArray of this moment.
    pub fn report(&mut self, stamp: Stamp, moment: &Moment<'_>) -> &[u8] {
        let mut sections = vec![
            inference("inference", &self.model, &self.proof),
            frames(&self.before, moment),
            plan(moment),
            topics(moment.topics),
        ];
        if let Some((model, proof)) = &self.reason {
            sections.push(reasoning(model, proof, &self.before.reason, &moment.counts.reason));
        }
        self.before = moment.counts.clone();
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
                hardware_id: "",
                values,
            })
            .collect();
        encode_diagnostics(&mut self.cdr, stamp, &statuses);
        &self.cdr
    }
}

fn inference(topic: &'static str, model: &str, proof: &Proof) -> Section {
    let mut section = Section::new(topic);
    let requested: Vec<&str> = proof.requested.iter().map(|provider| provider.name()).collect();
    section.message = format!("{} runs {model}", proof.running);
    if proof.is_fallback() {
        section.raise(Level::Warn, format!("a fallback, {} was asked for first", requested[0]));
    }
    section.value("model", model);
    section.value("provider", proof.running);
    section.value("providers", requested.join(", "));
    for (name, nodes) in &proof.nodes {
        section.value(format!("nodes on {name}"), nodes);
    }
    for Refusal { provider, reason, cure } in &proof.refused {
        section.value(format!("{provider} refused"), reason);
        section.value(format!("{provider} cure"), cure);
    }
    section
}

/// The language model: how it runs, how long it takes, and what becomes of its answers. What came to nothing since the
/// last report warns; answers that somebody ended are no fault.
fn reasoning(model: &str, proof: &Proof, before: &ReasonCounts, now: &ReasonCounts) -> Section {
    let mut section = inference("reasoning", model, proof);
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

fn frames(before: &Counts, moment: &Moment<'_>) -> Section {
    let counts = moment.counts;
    let seconds = moment.elapsed.as_secs_f64().max(1e-3);
    let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / seconds;
    let (rate_in, rate_out) = (rate(counts.received, before.received), rate(counts.processed, before.processed));

    let mut section = Section::new("frames");
    section.message = format!("{rate_in:.1} Hz in, {rate_out:.1} Hz out");
    let lost: Vec<String> =
        counts.faults_since(before).map(|(input, cause, count)| format!("{input} {cause} {count}")).collect();
    if !lost.is_empty() {
        section.raise(Level::Warn, format!("lost since the last report: {}", lost.join(", ")));
    }
    if let Some(blind) = counts.last_blind
        && counts.blind != before.blind
    {
        section.raise(Level::Warn, format!("the camera shows nothing: {blind}"));
    }
    if counts.missing > before.missing {
        section.raise(Level::Warn, GAPS_HINT);
    }
    section.value("received", counts.received);
    section.value("processed", counts.processed);
    section.value("rate_in_hz", format!("{rate_in:.2}"));
    section.value("rate_out_hz", format!("{rate_out:.2}"));
    for ((input, cause), count) in &counts.dropped {
        section.value(format!("dropped {input} {cause}"), count);
    }
    for (cause, count) in &counts.blind {
        section.value(format!("blind {cause}"), count);
    }
    section.value("processed without camera_info", counts.without_camera_info);
    section.value("missing between stamps", counts.missing);
    percentiles(&mut section, "age_ms", &counts.age_ms);
    percentiles(&mut section, "latency_ms", &counts.latency_ms);
    section
}

fn percentiles(section: &mut Section, name: &str, window: &Window) {
    if let Some(values) = window.percentiles() {
        for (percentile, value) in ["p50", "p95", "p99"].into_iter().zip(values) {
            section.value(format!("{name} {percentile}"), format!("{value:.2}"));
        }
    }
}

fn plan(moment: &Moment<'_>) -> Section {
    let mut section = Section::new("plan");
    match (&moment.silent, &moment.counts.last) {
        (Some(silent), _) => {
            section.raise(Level::Error, format!("stop: no fresh image for {:.1} s", silent.as_secs_f64()));
            section.value("decision", "stop");
            section.value("source", "watchdog");
        }
        (None, Some(last)) => {
            section.message = format!("{}: {}", last.decision, last.reason);
            section.value("decision", last.decision);
            section.value("source", last.source);
            section.value("reason", &last.reason);
            section.value("detections", last.detections);
            section.value("tracks", last.tracks);
        }
        (None, None) => section.message = "no image yet".to_owned(),
    }
    section
}

fn topics(topics: &[(Topic, Publishing)]) -> Section {
    let mut section = Section::new("topics");
    for (topic, publishing) in topics {
        let input = topic.input.name();
        section.value(input, &topic.name);
        section.value(format!("{input} publishers"), publishing.publishers);
        for problem in &publishing.problems {
            section.raise(Level::Warn, problem);
        }
        let is_needed = topic.input == crate::pipeline::Input::Image;
        if is_needed && publishing.publishers == 0 && publishing.problems.is_empty() {
            section.raise(Level::Warn, format!("nobody publishes {}", topic.name));
        }
    }
    if section.message.is_empty() {
        section.message = "connected".to_owned();
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::Provider;
    use crate::pipeline::Input;
    use crate::ros::report::health::SUPERSEDED;
    use r2r::QosProfile;

    fn moment(counts: &Counts) -> Moment<'_> {
        Moment { counts, topics: &[], elapsed: Duration::from_secs(2), silent: None }
    }

    fn value<'a>(section: &'a Section, key: &str) -> Option<&'a str> {
        section.values.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_fallback_warns_with_reason_and_cure() {
        let mut proof = Proof {
            requested: vec![Provider::TensorRt, Provider::Cpu],
            running: Provider::Cpu,
            nodes: vec![("CPUExecutionProvider".to_owned(), 372)],
            refused: vec![Refusal {
                provider: Provider::TensorRt,
                reason: "no libnvinfer".to_owned(),
                cure: "install it".to_owned(),
            }],
        };
        let section = inference("inference", "yolov12n", &proof);
        assert_eq!(section.level, Level::Warn);
        assert_eq!(section.message, "cpu runs yolov12n; a fallback, tensorrt was asked for first");
        assert_eq!(value(&section, "nodes on CPUExecutionProvider"), Some("372"));
        assert_eq!(value(&section, "tensorrt refused"), Some("no libnvinfer"));
        assert_eq!(value(&section, "tensorrt cure"), Some("install it"));

        proof.requested.remove(0);
        assert_eq!(inference("inference", "yolov12n", &proof).level, Level::Ok);
    }

    #[test]
    fn losses_warn_once_and_stay_counted() {
        let mut counts = Counts { received: 60, processed: 58, ..Counts::default() };
        counts.drop_message(Input::Image, SUPERSEDED);
        counts.drop_message(Input::Image, "too_old");
        let section = frames(&Counts::default(), &moment(&counts));
        assert_eq!(section.level, Level::Warn);
        assert_eq!(section.message, "30.0 Hz in, 29.0 Hz out; lost since the last report: image too_old 1");
        assert_eq!(value(&section, "dropped image superseded"), Some("1"));

        let later = frames(&counts, &moment(&counts));
        assert_eq!((later.level, value(&later, "dropped image too_old")), (Level::Ok, Some("1")));
    }

    #[test]
    fn gaps_between_stamps_name_the_dds_profile() {
        let counts = Counts { missing: 3, ..Counts::default() };
        let section = frames(&Counts::default(), &moment(&counts));
        assert!(section.level == Level::Warn && section.message.contains("config/fastdds.xml"));
    }

    #[test]
    fn what_came_of_questions_warns_once_where_it_is_a_fault() {
        let proof =
            Proof { requested: vec![Provider::Cpu], running: Provider::Cpu, nodes: Vec::new(), refused: Vec::new() };
        let mut now = ReasonCounts { jobs: 3, last: Some((Duration::from_millis(500), 20)), ..ReasonCounts::default() };
        now.finished.insert("cancelled", 1);
        let section = reasoning("smol", &proof, &ReasonCounts::default(), &now);
        assert_eq!((section.level, section.message.as_str()), (Level::Ok, "cpu runs smol"));
        assert_eq!(value(&section, "tokens_per_s"), Some("40.0"));
        now.finished.insert("deadline", 1);
        now.proposals.insert("truncated", 2);
        let section = reasoning("smol", &proof, &ReasonCounts::default(), &now);
        assert_eq!(section.level, Level::Warn);
        assert!(section.message.ends_with("reason_deadline_ms; proposals truncated since the last report: 2"));
        assert_eq!(reasoning("smol", &proof, &now, &now).level, Level::Ok);
    }

    #[test]
    fn silence_is_an_error_and_the_plan_a_stop() {
        let counts = Counts::default();
        let section = plan(&Moment { silent: Some(Duration::from_millis(1250)), ..moment(&counts) });
        assert_eq!((section.level, section.message.as_str()), (Level::Error, "stop: no fresh image for 1.2 s"));
        assert_eq!(value(&section, "source"), Some("watchdog"));
    }

    #[test]
    fn a_camera_that_nobody_publishes_or_that_does_not_fit_warns() {
        let topic = Topic {
            input: Input::Image,
            called: "image".to_owned(),
            name: "/camera/image".to_owned(),
            qos: QosProfile::sensor_data(),
        };
        let nobody = topics(&[(topic.clone(), Publishing::default())]);
        assert_eq!((nobody.level, nobody.message.as_str()), (Level::Warn, "nobody publishes /camera/image"));
        let strange = Publishing { publishers: 0, problems: vec!["it is strange".to_owned()] };
        assert_eq!(topics(&[(topic.clone(), strange)]).message, "it is strange");
        let connected = topics(&[(topic, Publishing { publishers: 1, problems: Vec::new() })]);
        assert_eq!((connected.level, connected.message.as_str()), (Level::Ok, "connected"));
    }
}
