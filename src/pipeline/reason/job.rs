//! The slow lane: a language model looks at a picture now and then and proposes a plan. Perceive never waits for it.
//!
//! The seam between the two lanes, for whoever drives a [`Walk`](crate::pipeline::Walk):
//!
//! 1. After [`Walk::frame`](crate::pipeline::Walk::frame), [`Walk::take_job`](crate::pipeline::Walk::take_job) gives a [`ReasonJob`] when a
//!    trigger was due at that frame: a period of stamps, a class that came into view, a question of
//!    somebody's own ([`Walk::ask`](crate::pipeline::Walk::ask)). A job owns all that it needs, the picture included.
//! 2. [`Reason::run`] turns the job into a [`Proposed`]: a proposal, or why there is none. Live that happens in a thread
//!    of its own, with a [`Cancel`] that the edge holds (deadline, shutdown, a newer request); in a replay it happens
//!    inline, and only the limit of tokens ends it.
//! 3. Before the next image, [`Walk::propose`](crate::pipeline::Walk::propose) takes it back. The next frame's plan is held
//!    against it, `~/proposal` says what the guard ruled, and while it is fresh so are the plans behind that.
//!
//! A question that wants words is answered with [`Reason::answer`], and its job goes back with
//! [`Walk::take_back`](crate::pipeline::Walk::take_back).
//!
//! One job at a time: from `take_job` to `propose` no other is made, and a trigger that comes meanwhile waits, so that
//! the next job has the newest picture. A job that nobody takes is replaced by the next one. Whoever wants a running job
//! to give way to a newer one cancels it as [`Superseded`](crate::types::CancelReason::Superseded) and proposes what
//! comes back.
//!
//! What is late, cut short, unreadable or failed is an event with its own [`ProposalStatus`], no error: the plan is
//! then that of the rules. Timing is no part of any of this; tokens and the finish reason are there for diagnostics.
//!
//! A replay of a bag that holds `~/proposal` needs no model: [`Proposed::recorded`] gives back what was proposed, at the
//! frame of its stamp, and the guard rules on it as it did before.

use super::inquiry::Asker;
use super::snapshot::Snapshot;
use super::triggers::Trigger;
use crate::language::{LanguageError, ProposalForm, ProposalOrigin};
use crate::planning::Ruling;
use crate::types::{
    Answer, AnswerForm, Cancel, CancelReason, ClassId, FinishReason, FrameId, Labels, Proposal, ProposalStatus,
    ProposedStep, Question, Stamp,
};
use crate::wire::vedette_msgs::{ProposalMessage, ProposalRecord};
use crate::zoo::VisionLanguageModel;
use std::fmt::Display;
use std::sync::Arc;

/// Why a job was made.
#[derive(Debug, Clone)]
pub enum Cause {
    /// By itself.
    Trigger(Trigger),
    /// Somebody asked a question of their own.
    Asked(Asker),
}

/// One question about one picture, on its own: all that an answer needs, and who is to have it.
#[derive(Debug, Clone)]
pub struct ReasonJob {
    /// The picture's stamp.
    pub stamp: Stamp,
    /// The camera's optical frame.
    pub frame_id: FrameId,
    /// Why it is asked.
    pub cause: Cause,
    /// The pixels.
    pub snapshot: Snapshot,
    /// The classes of what is in view, with the version of the prompts behind them.
    pub labels: Labels,
    /// What is asked; its form names what is in view.
    pub question: Question,
}

impl ReasonJob {
    /// Who is to have the answer; `None` where a trigger asked.
    pub fn asker(&self) -> Option<&Asker> {
        match &self.cause {
            Cause::Asked(asker) => Some(asker),
            Cause::Trigger(_) => None,
        }
    }
}

/// Why there is no proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// One of the statuses that are no ruling.
    pub status: ProposalStatus,
    /// In words.
    pub reason: String,
    /// What the model had said by then.
    pub text: String,
}

/// What came of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposed {
    /// The stamp of the picture.
    pub picture_stamp: Stamp,
    /// Name of the language model.
    pub model: Arc<str>,
    /// The classes that it was told.
    pub labels: Labels,
    /// The proposal, which the guard has not seen yet.
    pub outcome: Result<Proposal, Failure>,
    /// Tokens of the answer; 0 where the model did not run here.
    pub tokens: usize,
    /// Why the answer ended; `None` where the model failed or did not run here.
    pub finish: Option<FinishReason>,
    /// The job's picture, whose memory the next job uses.
    pub(in crate::pipeline) spare: Option<Snapshot>,
}

/// The language model of the reason lane. One thread owns it.
pub struct Reason {
    model: Box<dyn VisionLanguageModel>,
    name: Arc<str>,
}

impl Reason {
    /// Around a model that is ready to run; `name` is its manifest's.
    pub fn new(model: Box<dyn VisionLanguageModel>, name: &str) -> Self {
        Self { model, name: Arc::from(name) }
    }

    /// The model's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The model, for questions that want no proposal.
    pub fn model(&mut self) -> &mut dyn VisionLanguageModel {
        &mut *self.model
    }

    /// Asks the model for a proposal: [`answer`](Self::answer) and [`conclude`](Self::conclude).
    pub fn run(&mut self, job: ReasonJob, cancel: &Cancel, on_text: &mut dyn FnMut(&str)) -> Proposed {
        let answer = self.answer(&job, cancel, on_text);
        self.conclude(job, answer)
    }

    /// Asks the model. `on_text` gets each new piece of the answer, `cancel` is looked at between two tokens; an answer
    /// that was cut short is no failure yet.
    ///
    /// # Errors
    /// Why there is no answer, as [`ProposalStatus::Failed`].
    pub fn answer(
        &mut self,
        job: &ReasonJob,
        cancel: &Cancel,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<Answer, Failure> {
        let failed = |error: &dyn Display| Failure {
            status: ProposalStatus::Failed,
            reason: error.to_string(),
            text: String::new(),
        };
        let view = job.snapshot.view().map_err(|error| failed(&error))?;
        self.model.answer(&view, &job.question, cancel, on_text).map_err(|error| failed(&error))
    }

    /// Reads an answer to a job that wanted a proposal. Whatever is wrong is in the outcome.
    pub fn conclude(&self, job: ReasonJob, answer: Result<Answer, Failure>) -> Proposed {
        let (tokens, finish) = answer.as_ref().map_or((0, None), |answer| (answer.tokens, Some(answer.finish)));
        let outcome = answer.and_then(|answer| self.read(&job, answer.text, answer.finish, tokens));
        Proposed {
            picture_stamp: job.stamp,
            model: Arc::clone(&self.name),
            labels: job.labels,
            outcome,
            tokens,
            finish,
            spare: Some(job.snapshot),
        }
    }

    /// An answer that ended by itself or at the limit of tokens may be a whole proposal; one that was ended is none.
    fn read(&self, job: &ReasonJob, text: String, finish: FinishReason, tokens: usize) -> Result<Proposal, Failure> {
        if let FinishReason::Cancelled(reason) = finish {
            let status = match reason {
                CancelReason::Deadline => ProposalStatus::Late,
                _ => ProposalStatus::Cancelled,
            };
            return Err(Failure { status, reason: format!("{} after {tokens} tokens", reason.as_str()), text });
        }
        let AnswerForm::Proposal(in_view) = &job.question.form else {
            let reason = "the question wanted words, expected one for a proposal".to_owned();
            return Err(Failure { status: ProposalStatus::Unreadable, reason, text });
        };
        let origin = ProposalOrigin { stamp: job.stamp, labels: &job.labels, model: Arc::clone(&self.name) };
        ProposalForm::new(in_view).parse(&text, &origin).map_err(|error| {
            let is_cut = finish == FinishReason::Length || matches!(error, LanguageError::Cut { .. });
            let status = if is_cut { ProposalStatus::Truncated } else { ProposalStatus::Unreadable };
            Failure { status, reason: error.to_string(), text }
        })
    }
}

impl Proposed {
    /// What a recorded message says was proposed, to be held against the plan of the frame with the message's stamp.
    /// `labels` are those in force at that frame.
    pub fn recorded(message: ProposalMessage, labels: &Labels) -> Self {
        let is_current = message.prompt_version == labels.version();
        // Under other prompts the guard refuses it: the names need only survive.
        let names = || message.steps.iter().map(|step| step.class_id.as_str()).filter(|name| !name.is_empty());
        let labels = if is_current { labels.clone() } else { Labels::new(names(), message.prompt_version) };
        let unknown = ClassId(u16::MAX);
        let class = |name: &str| (!name.is_empty()).then(|| labels.find(name).unwrap_or(unknown));
        let model: Arc<str> = Arc::from(message.model);
        let outcome = match message.decision {
            Some(decision) => Ok(Proposal {
                stamp: message.picture_stamp,
                decision,
                speed_limit_mps: message.speed_limit_mps,
                steps: message
                    .steps
                    .into_iter()
                    .map(|step| ProposedStep {
                        action: step.action,
                        track: step.track,
                        class: class(&step.class_id),
                        reason: step.reason,
                    })
                    .collect(),
                reason: message.reason,
                model: Arc::clone(&model),
                prompt_version: message.prompt_version,
                text: message.text,
            }),
            None => Err(Failure { status: message.status, reason: message.verdict, text: message.text }),
        };
        let picture_stamp = message.picture_stamp;
        Self { picture_stamp, model, labels, outcome, tokens: 0, finish: None, spare: None }
    }

    /// The answer as it came.
    pub fn text(&self) -> &str {
        match &self.outcome {
            Ok(proposal) => &proposal.text,
            Err(failure) => &failure.text,
        }
    }

    /// The message's content. A proposal that no guard has ruled on counts as refused.
    pub(in crate::pipeline) fn record<'a>(&'a self, ruling: Option<Ruling<'a>>) -> ProposalRecord<'a> {
        let (status, verdict) = match (&self.outcome, ruling) {
            (Err(failure), _) => (failure.status, failure.reason.as_str()),
            (Ok(_), Some(ruling)) => (ruling.status, ruling.verdict),
            (Ok(_), None) => (ProposalStatus::Refused, ""),
        };
        ProposalRecord {
            picture_stamp: self.picture_stamp,
            status,
            verdict,
            proposal: self.outcome.as_ref().ok(),
            model: &self.model,
            labels: &self.labels,
            text: self.text(),
        }
    }
}
