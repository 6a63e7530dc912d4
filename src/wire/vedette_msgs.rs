//! vedette_msgs: Plan, Proposal and Event, this project's own messages. Plan's fields are documented in
//! `definitions/vedette_msgs/Plan.msg`.

mod event;
mod proposal;

pub use event::{EVENT, EventMessage, decode_event, encode_event};
pub use proposal::{PROPOSAL, ProposalMessage, ProposalRecord, ProposedStepMessage, decode_proposal, encode_proposal};

use super::builtin_interfaces::{read_duration_ns, write_duration_ns};
use super::cdr::{Reader, Writer};
use super::error::WireError;
use super::geometry_msgs::{POSE_STAMPED_LEAST_BYTES, read_pose_stamped, write_pose_stamped};
use super::nav_msgs::{read_path, write_path};
use super::std_msgs::{Header, HeaderRef, read_header, write_header};
use crate::types::{Cause, Decision, Labels, Plan, PlanSource, PlanStep, Pose2, Rule, Stamped, TrackId, Until};

/// The type name of [`encode_plan`] and [`decode_plan`].
pub const PLAN: &str = "vedette_msgs/msg/Plan";

/// Bytes of a PlanStep at the least: strings empty.
const STEP_LEAST_BYTES: usize = 3 * 4 + POSE_STAMPED_LEAST_BYTES + CAUSE_LEAST_BYTES + 4;
const CAUSE_LEAST_BYTES: usize = 2 * 4 + 5 * 4;

const EXPECTED_DECISIONS: &str = "proceed, slow, stop, avoid, yield, hover, land or return";
const SOURCES: [PlanSource; 3] = [PlanSource::Rules, PlanSource::Model, PlanSource::Watchdog];

/// A Plan. The path and the poses of the steps have the plan's header; no track and no class are the empty string.
pub fn encode_plan(out: &mut Vec<u8>, stamped: &Stamped<&Plan>, labels: &Labels) {
    let header = HeaderRef::from(stamped);
    let plan = stamped.value();
    let mut writer = Writer::new(out);
    write_header(&mut writer, header);
    writer.u64(plan.sequence);
    writer.str(plan.decision.as_str());
    writer.f32(plan.speed_limit_mps.unwrap_or(f32::NAN));
    writer.count(plan.steps.len());
    for step in &plan.steps {
        write_step(&mut writer, header, step, labels);
    }
    write_path(&mut writer, header, &plan.path);
    write_duration_ns(&mut writer, plan.valid_for_ns);
    writer.str(plan.source.as_str());
    writer.str(&plan.model);
    writer.u32(plan.prompt_version);
    writer.str(&plan.verdict);
}

fn write_step(writer: &mut Writer<'_>, header: HeaderRef<'_>, step: &PlanStep, labels: &Labels) {
    writer.str(step.action.as_str());
    write_track(writer, step.track);
    writer.str(step.class.map_or("", |class| labels.name(class)));
    write_pose_stamped(writer, header, &step.pose);
    write_cause(writer, &step.cause);
    writer.str(&step.reason);
}

fn write_cause(writer: &mut Writer<'_>, cause: &Cause) {
    let Cause { rule, gap_m, approach_mps, time_to_contact_s, limit_mps, until } = *cause;
    writer.str(rule.as_str());
    for number in [gap_m, approach_mps, time_to_contact_s, limit_mps] {
        writer.f32(shortened(number));
    }
    writer.str(until.as_str());
    writer.f32(shortened(until.left_s()));
}

/// NaN for what is not there.
#[expect(clippy::cast_possible_truncation, reason = "the loss of digits is less than any measure's")]
fn shortened(number: Option<f64>) -> f32 {
    number.map_or(f32::NAN, |number| number as f32)
}

fn write_track(writer: &mut Writer<'_>, track: Option<TrackId>) {
    match track {
        Some(track) => writer.decimal(track.0),
        None => writer.str(""),
    }
}

/// A Plan as decoded: like [`Plan`], with the header, and with classes by name.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanMessage {
    /// The stamp of the image behind it, and the planning frame.
    pub header: Header,
    /// Counts the plans of a run from 1.
    pub sequence: u64,
    /// The word.
    pub decision: Decision,
    /// No faster than this; `None` (NaN on the wire) is no limit.
    pub speed_limit_mps: Option<f32>,
    /// What to do about what, nearest first.
    pub steps: Vec<PlanStepMessage>,
    /// Where to go.
    pub path: Vec<Pose2>,
    /// How long after its stamp the plan may be acted on, in nanoseconds.
    pub valid_for_ns: i64,
    /// Who made it.
    pub source: PlanSource,
    /// Name of the model whose boxes it rests on.
    pub model: String,
    /// Version of the prompts behind the classes.
    pub prompt_version: u32,
    /// The checks that it passed, in words.
    pub verdict: String,
}

/// A PlanStep as decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanStepMessage {
    /// What to do.
    pub action: Decision,
    /// The track that it is about.
    pub track: Option<TrackId>,
    /// Name of that track's class, empty when it is about none.
    pub class_id: String,
    /// Where, in the planning frame.
    pub pose: Pose2,
    /// Why, for programs, as exact as the message has it.
    pub cause: Cause,
    /// Why.
    pub reason: String,
}

/// A Plan.
///
/// # Errors
/// [`WireError::Value`] for a decision, action, source or track id that is none, any other for bytes that are no Plan.
pub fn decode_plan(cdr: &[u8]) -> Result<PlanMessage, WireError> {
    let mut reader = Reader::new(cdr, PLAN)?;
    let header = read_header(&mut reader)?.into();
    let sequence = reader.u64("sequence")?;
    let decision = read_decision(&mut reader, "decision")?;
    let limit = reader.f32("speed_limit_mps")?;
    let count = reader.count("steps", STEP_LEAST_BYTES)?;
    let mut steps = Vec::with_capacity(count);
    for index in 0..count {
        steps.push(read_step(&mut reader).map_err(|error| error.inside(format_args!("steps[{index}]")))?);
    }
    let (_, path) = read_path(&mut reader).map_err(|error| error.inside("path"))?;
    Ok(PlanMessage {
        header,
        sequence,
        decision,
        speed_limit_mps: (!limit.is_nan()).then_some(limit),
        steps,
        path,
        valid_for_ns: read_duration_ns(&mut reader, "valid_for")?,
        source: read_source(&mut reader)?,
        model: reader.str("model")?.to_owned(),
        prompt_version: reader.u32("prompt_version")?,
        verdict: reader.str("verdict")?.to_owned(),
    })
}

fn read_step(reader: &mut Reader<'_>) -> Result<PlanStepMessage, WireError> {
    Ok(PlanStepMessage {
        action: read_decision(reader, "action")?,
        track: read_track(reader)?,
        class_id: reader.str("class_id")?.to_owned(),
        pose: read_pose_stamped(reader).map_err(|error| error.inside("pose"))?,
        cause: read_cause(reader)?,
        reason: reader.str("reason")?.to_owned(),
    })
}

fn read_cause(reader: &mut Reader<'_>) -> Result<Cause, WireError> {
    let word = reader.str("rule")?;
    let rule = Rule::ALL.into_iter().find(|rule| rule.as_str() == word);
    let rule = rule.ok_or_else(|| reader.refuse("rule", word, "one of PlanStep's rules"))?;
    let mut number = |field| reader.f32(field).map(|number| Some(f64::from(number)).filter(|number| !number.is_nan()));
    let (gap_m, approach_mps) = (number("gap_m")?, number("approach_mps")?);
    let (time_to_contact_s, limit_mps) = (number("time_to_contact_s")?, number("limit_mps")?);
    let word = reader.str("goes_on_when")?;
    let left_s = f64::from(reader.f32("goes_on_after_s")?);
    let until = Until::from_words(word, left_s);
    let until = until.ok_or_else(|| reader.refuse("goes_on_when", word, "one of PlanStep's words"))?;
    Ok(Cause { rule, gap_m, approach_mps, time_to_contact_s, limit_mps, until })
}

fn read_decision(reader: &mut Reader<'_>, field: &str) -> Result<Decision, WireError> {
    let word = reader.str(field)?;
    decision_of(word).ok_or_else(|| reader.refuse(field, word, EXPECTED_DECISIONS))
}

fn decision_of(word: &str) -> Option<Decision> {
    Decision::ALL.into_iter().find(|known| known.as_str() == word)
}

fn read_source(reader: &mut Reader<'_>) -> Result<PlanSource, WireError> {
    let word = reader.str("source")?;
    let source = SOURCES.into_iter().find(|known| known.as_str() == word);
    source.ok_or_else(|| reader.refuse("source", word, "rules, model or watchdog"))
}

fn read_track(reader: &mut Reader<'_>) -> Result<Option<TrackId>, WireError> {
    match reader.str("track_id")? {
        "" => Ok(None),
        id => match id.parse() {
            Ok(number) => Ok(Some(TrackId(number))),
            Err(_) => Err(reader.refuse("track_id", id, "a track's number or nothing")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ClassId, FrameId, Stamp};
    use crate::wire::big_endian::swapped;
    use proptest::prelude::*;

    const PLAN_LE: &[u8] = include_bytes!("../../tests/data/cdr/plan.le.cdr");
    const PLAN_BE: &[u8] = include_bytes!("../../tests/data/cdr/plan.be.cdr");
    const PLAN_FREE_LE: &[u8] = include_bytes!("../../tests/data/cdr/plan_free.le.cdr");

    fn stamped<T>(value: T) -> Stamped<T> {
        Stamped::new(Stamp::from_ns(1_700_000_000_100_000_000), FrameId::new("base_link"), value)
    }

    fn labels() -> Labels {
        Labels::new(["person", "bicycle", "car"], 0)
    }

    fn slow() -> Plan {
        Plan {
            sequence: 42,
            decision: Decision::Slow,
            speed_limit_mps: Some(0.75),
            steps: vec![
                PlanStep {
                    action: Decision::Slow,
                    track: Some(TrackId(7)),
                    class: Some(ClassId(2)),
                    pose: Pose2 { x_m: 4.5, y_m: -0.5, yaw_rad: 0.0 },
                    cause: Cause {
                        rule: Rule::InTheWay,
                        gap_m: Some(4.25),
                        approach_mps: Some(0.5),
                        time_to_contact_s: Some(2.5),
                        limit_mps: Some(0.75),
                        until: Until::Clear,
                    },
                    reason: "car 4.5 m ahead".to_owned(),
                },
                PlanStep {
                    action: Decision::Stop,
                    track: None,
                    class: None,
                    pose: Pose2 { x_m: 3.0, y_m: 0.0, yaw_rad: 0.5 },
                    cause: Cause {
                        rule: Rule::Held,
                        limit_mps: Some(0.0),
                        until: Until::Time { left_s: 0.25 },
                        ..Cause::default()
                    },
                    reason: "halt here".to_owned(),
                },
            ],
            path: vec![Pose2 { x_m: 0.0, y_m: 0.0, yaw_rad: 0.0 }, Pose2 { x_m: 1.5, y_m: 0.25, yaw_rad: 0.5 }],
            valid_for_ns: 1_500_000_000,
            source: PlanSource::Rules,
            model: "yolov12n".into(),
            prompt_version: 3,
            verdict: "speed 1.2 m/s from odom".to_owned(),
        }
    }

    fn free() -> Plan {
        Plan {
            sequence: 1,
            decision: Decision::Proceed,
            speed_limit_mps: None,
            steps: vec![],
            path: vec![],
            valid_for_ns: 200_000_000,
            source: PlanSource::Watchdog,
            model: "".into(),
            prompt_version: 0,
            verdict: String::new(),
        }
    }

    /// What a plan should decode to.
    fn message(plan: &Plan, labels: &Labels) -> PlanMessage {
        let step = |step: &PlanStep| PlanStepMessage {
            action: step.action,
            track: step.track,
            class_id: step.class.map_or(String::new(), |class| labels.name(class).to_owned()),
            pose: step.pose,
            cause: step.cause,
            reason: step.reason.clone(),
        };
        PlanMessage {
            header: HeaderRef::from(&stamped(())).into(),
            sequence: plan.sequence,
            decision: plan.decision,
            speed_limit_mps: plan.speed_limit_mps,
            steps: plan.steps.iter().map(step).collect(),
            path: plan.path.clone(),
            valid_for_ns: plan.valid_for_ns,
            source: plan.source,
            model: plan.model.to_string(),
            prompt_version: plan.prompt_version,
            verdict: plan.verdict.clone(),
        }
    }

    #[test]
    fn plans_encode_to_the_bytes_of_rosbags() {
        let mut out = Vec::new();
        encode_plan(&mut out, &stamped(&slow()), &labels());
        assert_eq!(out, PLAN_LE);
        encode_plan(&mut out, &stamped(&free()), &labels());
        assert_eq!(out, PLAN_FREE_LE);
    }

    #[test]
    fn plans_of_rosbags_decode_to_their_values_in_both_endians() {
        for cdr in [PLAN_LE, PLAN_BE] {
            assert_eq!(decode_plan(cdr).unwrap(), message(&slow(), &labels()));
        }
        assert_eq!(decode_plan(PLAN_FREE_LE).unwrap(), message(&free(), &labels()));
    }

    #[test]
    fn a_word_that_is_no_decision_is_refused() {
        let mut cdr = PLAN_LE.to_vec();
        let at = cdr.windows(5).position(|window| window == b"stop\0").unwrap();
        cdr[at] = b'S';
        let expected = format!(
            "vedette_msgs/msg/Plan steps[1].action at byte {at}: Stop, expected proceed, slow, stop, avoid, yield, \
             hover, land or return"
        );
        assert_eq!(decode_plan(&cdr).unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_track_id_that_is_no_number_is_refused() {
        let mut cdr = PLAN_LE.to_vec();
        let at = cdr.windows(2).position(|window| window == b"7\0").unwrap();
        cdr[at] = b'x';
        let error = decode_plan(&cdr).unwrap_err().to_string();
        let expected = format!("steps[0].track_id at byte {at}: x, expected a track's number or nothing");
        assert!(error.ends_with(&expected), "{error}");
    }

    /// Numbers that an `f32` holds.
    fn any_cause() -> impl Strategy<Value = Cause> {
        let number = || prop::option::of((-1e3f32..1e3).prop_map(f64::from));
        let until = prop_oneof![
            Just(Until::Now),
            Just(Until::Clear),
            Just(Until::Room),
            (0f32..9.0).prop_map(|left_s| Until::Time { left_s: left_s.into() }),
            Just(Until::Sight),
            Just(Until::Ahead),
            Just(Until::Proposal),
        ];
        (0usize..Rule::ALL.len(), [number(), number(), number(), number()], until).prop_map(|(rule, numbers, until)| {
            let [gap_m, approach_mps, time_to_contact_s, limit_mps] = numbers;
            Cause { rule: Rule::ALL[rule], gap_m, approach_mps, time_to_contact_s, limit_mps, until }
        })
    }

    fn any_step() -> impl Strategy<Value = PlanStep> {
        let place = (-1e3..1e3, -1e3..1e3);
        let fields = (0usize..8, any::<Option<u64>>(), prop::option::of(0u16..5), place, any_cause(), ".{0,9}");
        fields.prop_map(|(action, track, class, (x_m, y_m), cause, reason)| PlanStep {
            action: Decision::ALL[action],
            track: track.map(TrackId),
            class: class.map(ClassId),
            pose: Pose2 { x_m, y_m, yaw_rad: 0.0 },
            cause,
            reason,
        })
    }

    proptest! {
        #[test]
        fn a_plan_survives_the_round_trip_in_both_endians(
            (sequence, decision, source) in (any::<u64>(), 0usize..8, 0usize..3),
            speed_limit_mps in prop::option::of(0f32..50.0),
            steps in prop::collection::vec(any_step(), 0..5),
            path in prop::collection::vec((-1e3..1e3, -1e3..1e3), 0..5),
            valid_for_ns in 0i64..i64::from(i32::MAX) * 1_000_000_000,
            (model, verdict, prompt_version) in (".{0,9}", ".{0,9}", any::<u32>()),
        ) {
            let plan = Plan {
                sequence,
                decision: Decision::ALL[decision],
                speed_limit_mps,
                steps,
                path: path.into_iter().map(|(x_m, y_m)| Pose2 { x_m, y_m, yaw_rad: 0.0 }).collect(),
                valid_for_ns,
                source: SOURCES[source],
                model: model.into(),
                prompt_version,
                verdict,
            };
            let mut out = Vec::new();
            encode_plan(&mut out, &stamped(&plan), &labels());
            for cdr in [swapped(PLAN, &out), out] {
                prop_assert_eq!(decode_plan(&cdr).unwrap(), message(&plan, &labels()));
            }
        }
    }
}
