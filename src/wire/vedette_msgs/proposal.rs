//! Proposal: what a language model would do, and what the guard made of it. Its fields are documented in
//! `definitions/vedette_msgs/Proposal.msg`.

use super::super::builtin_interfaces::{read_time, write_time};
use super::super::cdr::{Reader, Writer};
use super::super::error::WireError;
use super::super::std_msgs::{Header, HeaderRef, read_header, write_header};
use super::{EXPECTED_DECISIONS, decision_of, read_decision, read_track, write_track};
use crate::types::{Decision, Labels, Proposal, ProposalStatus, Stamp, TrackId};

/// The type name of [`encode_proposal`] and [`decode_proposal`].
pub const PROPOSAL: &str = "vedette_msgs/msg/Proposal";

/// Bytes of a ProposedStep at the least: strings empty.
const STEP_LEAST_BYTES: usize = 4 * 4;

/// What a Proposal message says besides its header.
#[derive(Debug, Clone, Copy)]
pub struct ProposalRecord<'a> {
    /// The stamp of the picture that the model saw.
    pub picture_stamp: Stamp,
    /// What became of the answer.
    pub status: ProposalStatus,
    /// Why, in words.
    pub verdict: &'a str,
    /// What was proposed, where the answer could be read.
    pub proposal: Option<&'a Proposal>,
    /// Name of the language model.
    pub model: &'a str,
    /// The classes of the picture, with the version of the prompts behind them.
    pub labels: &'a Labels,
    /// The answer as it came.
    pub text: &'a str,
}

/// A Proposal. No track, no class and no decision are the empty string.
pub fn encode_proposal(out: &mut Vec<u8>, header: HeaderRef<'_>, record: &ProposalRecord<'_>) {
    let ProposalRecord { proposal, labels, .. } = *record;
    let mut writer = Writer::new(out);
    write_header(&mut writer, header);
    write_time(&mut writer, record.picture_stamp);
    writer.str(record.status.as_str());
    writer.str(record.verdict);
    writer.str(proposal.map_or("", |proposal| proposal.decision.as_str()));
    writer.f32(proposal.and_then(|proposal| proposal.speed_limit_mps).unwrap_or(f32::NAN));
    let steps = proposal.map_or(&[][..], |proposal| &proposal.steps);
    writer.count(steps.len());
    for step in steps {
        writer.str(step.action.as_str());
        write_track(&mut writer, step.track);
        writer.str(step.class.map_or("", |class| labels.name(class)));
        writer.str(&step.reason);
    }
    writer.str(proposal.map_or("", |proposal| &proposal.reason));
    writer.str(record.model);
    writer.u32(labels.version());
    writer.str(record.text);
}

/// A Proposal as decoded, with classes by name.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalMessage {
    /// Of the image whose plan it was first held against.
    pub header: Header,
    /// The stamp of the picture that the model saw.
    pub picture_stamp: Stamp,
    /// What became of the answer.
    pub status: ProposalStatus,
    /// Why, in words.
    pub verdict: String,
    /// The word; `None` exactly where the guard had nothing to rule on.
    pub decision: Option<Decision>,
    /// No faster than this; `None` (NaN on the wire) is no limit. Any number: the guard checks it.
    pub speed_limit_mps: Option<f32>,
    /// What to do about what.
    pub steps: Vec<ProposedStepMessage>,
    /// Why, in the model's words.
    pub reason: String,
    /// Name of the language model.
    pub model: String,
    /// Version of the prompts behind the classes.
    pub prompt_version: u32,
    /// The answer as it came.
    pub text: String,
}

/// A ProposedStep as decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposedStepMessage {
    /// What to do.
    pub action: Decision,
    /// About which track.
    pub track: Option<TrackId>,
    /// Name of that track's class, empty when it is about none.
    pub class_id: String,
    /// Why.
    pub reason: String,
}

/// A Proposal.
///
/// # Errors
/// [`WireError::Value`] for a status, decision, action or track id that is none, and for a decision without a ruling or
/// a ruling without a decision; any other for bytes that are no Proposal.
pub fn decode_proposal(cdr: &[u8]) -> Result<ProposalMessage, WireError> {
    let mut reader = Reader::new(cdr, PROPOSAL)?;
    let header = read_header(&mut reader)?.into();
    let picture_stamp = read_time(&mut reader, "picture_stamp")?;
    let status = read_status(&mut reader)?;
    let verdict = reader.str("verdict")?.to_owned();
    let word = reader.str("decision")?;
    let decision = decision_of(word);
    match (status.is_ruling(), decision) {
        (true, None) => return Err(reader.refuse("decision", word, EXPECTED_DECISIONS)),
        (false, _) if !word.is_empty() => {
            return Err(reader.refuse("decision", word, "nothing where the guard had nothing to rule on"));
        }
        _ => {}
    }
    let limit = reader.f32("speed_limit_mps")?;
    let count = reader.count("steps", STEP_LEAST_BYTES)?;
    let mut steps = Vec::with_capacity(count);
    for index in 0..count {
        steps.push(read_step(&mut reader).map_err(|error| error.inside(format_args!("steps[{index}]")))?);
    }
    Ok(ProposalMessage {
        header,
        picture_stamp,
        status,
        verdict,
        decision,
        speed_limit_mps: (!limit.is_nan()).then_some(limit),
        steps,
        reason: reader.str("reason")?.to_owned(),
        model: reader.str("model")?.to_owned(),
        prompt_version: reader.u32("prompt_version")?,
        text: reader.str("text")?.to_owned(),
    })
}

fn read_step(reader: &mut Reader<'_>) -> Result<ProposedStepMessage, WireError> {
    Ok(ProposedStepMessage {
        action: read_decision(reader, "action")?,
        track: read_track(reader)?,
        class_id: reader.str("class_id")?.to_owned(),
        reason: reader.str("reason")?.to_owned(),
    })
}

fn read_status(reader: &mut Reader<'_>) -> Result<ProposalStatus, WireError> {
    const EXPECTED: &str = "taken, changed, overruled, refused, unreadable, truncated, late, cancelled or failed";
    let word = reader.str("status")?;
    let status = ProposalStatus::ALL.into_iter().find(|known| known.as_str() == word);
    status.ok_or_else(|| reader.refuse("status", word, EXPECTED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ClassId, FrameId, ProposedStep};
    use crate::wire::big_endian::swapped;
    use proptest::prelude::*;
    use std::sync::Arc;

    const LE: &[u8] = include_bytes!("../../../tests/data/cdr/proposal.le.cdr");
    const BE: &[u8] = include_bytes!("../../../tests/data/cdr/proposal.be.cdr");
    const TRUNCATED_LE: &[u8] = include_bytes!("../../../tests/data/cdr/proposal_truncated.le.cdr");

    const HEADER: HeaderRef<'_> =
        HeaderRef { stamp: Stamp::from_ns(1_700_000_000_100_000_000), frame_id: "camera_optical_frame" };
    const PICTURE: Stamp = Stamp::from_ns(1_699_999_999_600_000_000);

    fn labels(version: u32) -> Labels {
        Labels::new(["person", "bicycle", "car"], version)
    }

    fn car_backs_out() -> Proposal {
        let step =
            |action, track, class, reason: &str| ProposedStep { action, track, class, reason: reason.to_owned() };
        Proposal {
            stamp: PICTURE,
            decision: Decision::Yield,
            speed_limit_mps: Some(1.25),
            steps: vec![
                step(Decision::Yield, Some(TrackId(7)), Some(ClassId(2)), "it backs out"),
                step(Decision::Slow, None, None, "wet floor"),
            ],
            reason: "a car backs out".to_owned(),
            model: Arc::from("smolvlm"),
            prompt_version: 3,
            text: r#"{"decision":"yield"}"#.to_owned(),
        }
    }

    fn record<'a>(
        proposal: &'a Proposal,
        status: ProposalStatus,
        verdict: &'a str,
        of: &'a Labels,
    ) -> ProposalRecord<'a> {
        ProposalRecord {
            picture_stamp: proposal.stamp,
            status,
            verdict,
            proposal: status.is_ruling().then_some(proposal),
            model: &proposal.model,
            labels: of,
            text: &proposal.text,
        }
    }

    /// What a record should decode to.
    fn message(record: &ProposalRecord<'_>) -> ProposalMessage {
        let step = |step: &ProposedStep| ProposedStepMessage {
            action: step.action,
            track: step.track,
            class_id: step.class.map_or(String::new(), |class| record.labels.name(class).to_owned()),
            reason: step.reason.clone(),
        };
        ProposalMessage {
            header: Header { stamp: HEADER.stamp, frame_id: FrameId::new(HEADER.frame_id) },
            picture_stamp: record.picture_stamp,
            status: record.status,
            verdict: record.verdict.to_owned(),
            decision: record.proposal.map(|proposal| proposal.decision),
            speed_limit_mps: record.proposal.and_then(|proposal| proposal.speed_limit_mps),
            steps: record.proposal.map_or(Vec::new(), |proposal| proposal.steps.iter().map(step).collect()),
            reason: record.proposal.map_or(String::new(), |proposal| proposal.reason.clone()),
            model: record.model.to_owned(),
            prompt_version: record.labels.version(),
            text: record.text.to_owned(),
        }
    }

    #[test]
    fn proposals_have_the_bytes_and_the_values_of_rosbags() {
        let (proposal, labels) = (car_backs_out(), labels(3));
        let record = record(&proposal, ProposalStatus::Changed, "the rules allow 0.75 m/s", &labels);
        let mut out = Vec::new();
        encode_proposal(&mut out, HEADER, &record);
        assert_eq!(out, LE);
        for cdr in [LE, BE] {
            assert_eq!(decode_proposal(cdr).unwrap(), message(&record));
        }
    }

    #[test]
    fn an_answer_without_a_proposal_keeps_its_text() {
        let proposal = Proposal { text: r#"{"decision":"yi"#.to_owned(), ..car_backs_out() };
        let labels = labels(0);
        let record = record(&proposal, ProposalStatus::Truncated, "256 tokens", &labels);
        let mut out = Vec::new();
        encode_proposal(&mut out, HEADER, &record);
        assert_eq!(out, TRUNCATED_LE);
        let decoded = decode_proposal(&out).unwrap();
        assert_eq!(decoded, message(&record));
        assert_eq!((decoded.decision, decoded.text.as_str()), (None, r#"{"decision":"yi"#));
    }

    #[test]
    fn a_status_that_is_none_is_refused() {
        let mut cdr = LE.to_vec();
        let at = cdr.windows(8).position(|window| window == b"changed\0").unwrap();
        cdr[at] = b'C';
        let error = decode_proposal(&cdr).unwrap_err().to_string();
        let expected = format!("vedette_msgs/msg/Proposal status at byte {at}: Changed, expected taken, changed,");
        assert!(error.starts_with(&expected), "{error}");
    }

    #[test]
    fn a_ruling_without_a_decision_and_a_decision_without_a_ruling_are_refused() {
        let (proposal, labels) = (car_backs_out(), labels(3));
        let mut out = Vec::new();
        for status in ProposalStatus::ALL {
            let wrong = (!status.is_ruling()).then_some(&proposal);
            let record = ProposalRecord { proposal: wrong, ..record(&proposal, status, "", &labels) };
            encode_proposal(&mut out, HEADER, &record);
            let error = decode_proposal(&out).unwrap_err().to_string();
            assert!(error.contains(" decision at byte "), "{error}");
        }
    }

    fn any_step() -> impl Strategy<Value = ProposedStep> {
        let decision = prop::sample::select(Decision::ALL.to_vec());
        (decision, any::<Option<u64>>(), prop::option::of(0u16..5), ".{0,9}").prop_map(
            |(action, track, class, reason)| ProposedStep {
                action,
                track: track.map(TrackId),
                class: class.map(ClassId),
                reason,
            },
        )
    }

    proptest! {
        #[test]
        fn a_proposal_survives_the_round_trip_in_both_endians(
            decision in prop::sample::select(Decision::ALL.to_vec()),
            status in prop::sample::select(ProposalStatus::ALL.to_vec()),
            speed_limit_mps in prop::option::of(prop_oneof![0f32..50.0, Just(f32::INFINITY), Just(-1.0)]),
            steps in prop::collection::vec(any_step(), 0..5),
            (reason, model, text, verdict, prompt_version) in (".{0,9}", ".{0,9}", ".{0,9}", ".{0,9}", any::<u32>()),
        ) {
            let proposal = Proposal {
                stamp: PICTURE, decision, speed_limit_mps, steps, reason, model: model.into(), prompt_version, text,
            };
            let labels = labels(prompt_version);
            let record = record(&proposal, status, &verdict, &labels);
            let mut out = Vec::new();
            encode_proposal(&mut out, HEADER, &record);
            for cdr in [swapped(PROPOSAL, &out), out] {
                prop_assert_eq!(decode_proposal(&cdr).unwrap(), message(&record));
            }
        }
    }
}
