//! What the client of a goal of `~/ask` is told at its end: states, words and times of vedette_msgs/action/Ask.

use super::action::{State, time};
use super::reasoner::Ended;
use crate::pipeline::Failure;
use crate::types::{CancelReason, FinishReason, Labels, Proposal, ProposedStep, Region};
use r2r::builtin_interfaces::msg::Duration as DurationMessage;
use r2r::std_msgs::msg::Header;
use r2r::vedette_msgs::action::Ask;
use r2r::vedette_msgs::msg;
use std::time::Duration;

/// Text as r2r takes it: a null character, which a model may well say, would end the string, and it panics.
pub fn words(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// A result without an answer: why, and what was said by then.
pub fn unanswered(finish_reason: &str, message: &str, picture: Option<&Header>, said: &str) -> Ask::Result {
    Ask::Result {
        header: picture.cloned().unwrap_or_default(),
        text: words(said),
        finish_reason: finish_reason.to_owned(),
        message: words(message),
        ..Ask::Result::default()
    }
}

/// How a goal ends whose answer has ended. `picture` is the header of the image that was asked about, `said` what was
/// heard of the answer, `is_canceling` whether somebody wants the goal cancelled.
pub fn result_of(ended: Ended, picture: Option<&Header>, said: &str, is_canceling: bool) -> (State, Ask::Result) {
    let Ended { answer, proposal, first_after, duration } = ended;
    let header = picture.cloned().unwrap_or_default();
    let mut result = match answer {
        Err(Failure { reason, .. }) => unanswered("failed", &reason, picture, said),
        Ok(answer) => Ask::Result {
            text: words(&answer.text),
            regions: answer.regions.iter().map(region).collect(),
            prompt_tokens: count(answer.prompt_tokens),
            tokens: count(answer.tokens),
            finish_reason: answer.finish.as_str().to_owned(),
            message: match answer.finish {
                FinishReason::Cancelled(CancelReason::Deadline) => "reason_deadline_ms is over".to_owned(),
                FinishReason::Cancelled(CancelReason::Shutdown) => "the node ends".to_owned(),
                _ => String::new(),
            },
            ..Ask::Result::default()
        },
    };
    result.time_to_first_token = first_after.map(duration_message).unwrap_or_default();
    result.duration = duration_message(duration);
    let is_complete = ["stop", "length"].contains(&result.finish_reason.as_str());
    let mut state = match result.finish_reason.as_str() {
        _ if is_complete => State::Succeeded,
        // Only a goal that somebody wants cancelled can be.
        "cancelled" if is_canceling => State::Canceled,
        _ => State::Aborted,
    };
    match proposal {
        None => {}
        Some(Ok((proposal, labels))) => {
            result.has_proposal = true;
            result.proposal = proposal_message(&header, proposal, &labels);
        }
        Some(Err(failure)) if is_complete => {
            state = State::Aborted;
            result.message = words(&format!("the answer is no proposal: {}", failure.reason));
        }
        Some(Err(_)) => {}
    }
    result.header = header;
    (state, result)
}

/// As it was read, before the guard has ruled on it: that comes with the next image, in `~/proposal`.
fn proposal_message(header: &Header, proposal: Proposal, labels: &Labels) -> msg::Proposal {
    let step = |step: ProposedStep| msg::ProposedStep {
        action: step.action.as_str().to_owned(),
        track_id: step.track.map(|track| track.to_string()).unwrap_or_default(),
        class_id: step.class.map(|class| words(labels.name(class))).unwrap_or_default(),
        reason: words(&step.reason),
    };
    msg::Proposal {
        header: header.clone(),
        picture_stamp: time(proposal.stamp),
        status: String::new(),
        verdict: String::new(),
        decision: proposal.decision.as_str().to_owned(),
        speed_limit_mps: proposal.speed_limit_mps.unwrap_or(f32::NAN),
        steps: proposal.steps.into_iter().map(step).collect(),
        reason: words(&proposal.reason),
        model: proposal.model.as_ref().to_owned(),
        prompt_version: proposal.prompt_version,
        text: words(&proposal.text),
    }
}

fn region(region: &Region) -> msg::Region {
    let bbox = &region.bbox;
    msg::Region {
        label: words(&region.label),
        x_min: f64::from(bbox.x_min()),
        y_min: f64::from(bbox.y_min()),
        x_max: f64::from(bbox.x_max()),
        y_max: f64::from(bbox.y_max()),
    }
}

fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

fn duration_message(duration: Duration) -> DurationMessage {
    let sec = i32::try_from(duration.as_secs()).unwrap_or(i32::MAX);
    DurationMessage { sec, nanosec: duration.subsec_nanos() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Answer;

    fn end_of(ended: Ended, is_canceling: bool) -> (State, Ask::Result) {
        let header = Header { frame_id: "camera".to_owned(), ..Header::default() };
        result_of(ended, Some(&header), "so f\0r", is_canceling)
    }

    fn ended(finish: FinishReason) -> Ended {
        let text = "so f\0r".to_owned();
        let answer = Answer { text, regions: Vec::new(), prompt_tokens: 9, tokens: 3, finish };
        let (first_after, duration) = (None, Duration::from_millis(1500));
        Ended { answer: Ok(answer), proposal: None, first_after, duration }
    }

    fn failure(reason: &str) -> Failure {
        Failure { status: crate::types::ProposalStatus::Failed, reason: reason.to_owned(), text: String::new() }
    }

    #[test]
    fn the_state_of_a_goal_follows_why_its_answer_ended() {
        let state = |finish, is_canceling| end_of(ended(finish), is_canceling).0;
        assert_eq!(state(FinishReason::Stop, false), State::Succeeded);
        assert_eq!(state(FinishReason::Length, true), State::Succeeded, "it was complete before it could be cancelled");
        assert_eq!(state(FinishReason::Cancelled(CancelReason::Asked), true), State::Canceled);
        assert_eq!(state(FinishReason::Cancelled(CancelReason::Deadline), false), State::Aborted);
        assert_eq!(state(FinishReason::Cancelled(CancelReason::Shutdown), false), State::Aborted);
    }

    #[test]
    fn a_result_names_picture_times_and_reason_and_holds_no_null() {
        let (_, result) = end_of(ended(FinishReason::Cancelled(CancelReason::Deadline)), false);
        assert_eq!((result.text.as_str(), result.header.frame_id.as_str()), ("so f\u{fffd}r", "camera"));
        assert_eq!(
            (result.finish_reason.as_str(), result.message.as_str()),
            ("deadline", "reason_deadline_ms is over")
        );
        assert_eq!((result.duration.sec, result.duration.nanosec), (1, 500_000_000));
    }

    #[test]
    fn what_failed_or_is_no_proposal_aborts_in_words() {
        let failed = Ended { answer: Err(failure("no such tensor")), ..ended(FinishReason::Stop) };
        let (state, result) = end_of(failed, false);
        assert_eq!((state, result.finish_reason.as_str()), (State::Aborted, "failed"));
        assert_eq!((result.message.as_str(), result.text.as_str()), ("no such tensor", "so f\u{fffd}r"));
        let poem = Ended { proposal: Some(Err(failure("roses"))), ..ended(FinishReason::Stop) };
        let (state, result) = end_of(poem, false);
        assert_eq!((state, result.message.as_str()), (State::Aborted, "the answer is no proposal: roses"));
        assert!(!result.has_proposal && result.text == "so f\u{fffd}r");
    }
}
