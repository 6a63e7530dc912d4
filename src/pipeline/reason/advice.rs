//! The walk's half of the reason lane: when to ask, what has come back, and which proposal holds.

use super::inquiry::Inquiry;
use super::job::{Proposed, ReasonJob};
use super::snapshot::Picture;
use super::triggers::{Trigger, Triggers};
use super::view::View;
use crate::config::Config;
use crate::config::assembly::settings;
use crate::planning::Offers;
use crate::types::{AnswerForm, Frame, Labels, Proposal, ProposalStatus, Question, Sampling, Stamped, Track};
use std::collections::VecDeque;

/// Jobs on their way out, proposals on their way in.
#[derive(Debug)]
pub(in crate::pipeline) struct Advice {
    /// `None` where there is no language model, or a recording speaks for it.
    asking: Option<Asking>,
    /// What no frame has been held against yet: one for each frame.
    arrived: VecDeque<Proposed>,
    /// The last proposal that was not refused, until it is.
    held: Option<Proposal>,
}

#[derive(Debug)]
struct Asking {
    triggers: Triggers,
    prompt: String,
    max_tokens: usize,
    sampling: Sampling,
    /// Somebody's own question, until its job is taken.
    inquiry: Option<Inquiry>,
    /// Made, and not taken yet.
    job: Option<ReasonJob>,
    /// Taken, and not answered yet.
    is_running: bool,
    /// Memory for the next picture.
    spare: Option<Picture>,
}

impl Advice {
    /// Asks only when the parameter `reason_model` names a model.
    pub(in crate::pipeline) fn new(config: &Config) -> Self {
        let asking = (!config.reason_model.is_empty()).then(|| Asking {
            triggers: Triggers::new(settings::ns_from_ms(config.reason_period_ms), config.reason_on_new_class),
            prompt: config.reason_prompt.clone(),
            max_tokens: config.reason_max_tokens,
            sampling: settings::sampling(config),
            inquiry: None,
            job: None,
            is_running: false,
            spare: None,
        });
        Self { asking, arrived: VecDeque::new(), held: None }
    }

    /// From now on no job is made.
    pub(in crate::pipeline) fn stop_asking(&mut self) {
        self.asking = None;
    }

    /// Whether the next frame makes a job, whatever the other triggers say.
    pub(in crate::pipeline) fn request(&mut self) -> bool {
        match &mut self.asking {
            Some(asking) => {
                asking.triggers.request();
                true
            }
            None => false,
        }
    }

    /// Whether the next frame makes a job of this question, before all others.
    pub(in crate::pipeline) fn ask(&mut self, inquiry: Inquiry) -> bool {
        match &mut self.asking {
            Some(asking) => {
                asking.inquiry = Some(inquiry);
                true
            }
            None => false,
        }
    }

    /// The question is no longer wanted.
    pub(in crate::pipeline) fn withdraw(&mut self) {
        let Some(asking) = &mut self.asking else { return };
        asking.inquiry = None;
        if let Some(job) = asking.job.take_if(|job| job.trigger == Trigger::Question) {
            asking.spare = Some(job.picture);
        }
    }

    /// The stamps began again: what was seen before is no longer true.
    pub(in crate::pipeline) fn reset(&mut self) {
        self.held = None;
        if let Some(asking) = &mut self.asking {
            asking.triggers.reset();
            if let Some(job) = asking.job.take() {
                asking.spare = Some(job.picture);
            }
        }
    }

    pub(in crate::pipeline) fn take_job(&mut self) -> Option<ReasonJob> {
        let asking = self.asking.as_mut()?;
        let job = asking.job.take();
        asking.is_running |= job.is_some();
        if job.as_ref().is_some_and(|job| job.trigger == Trigger::Question) {
            asking.inquiry = None;
        }
        job
    }

    pub(in crate::pipeline) fn propose(&mut self, mut proposed: Proposed) {
        let spare = proposed.spare.take();
        if let (Some(asking), Some(spare)) = (&mut self.asking, spare) {
            asking.is_running = false;
            asking.spare = Some(spare);
        }
        self.arrived.push_back(proposed);
    }

    /// A job is done that wanted words.
    pub(in crate::pipeline) fn take_back(&mut self, job: ReasonJob) {
        if let Some(asking) = &mut self.asking {
            asking.is_running = false;
            asking.spare = Some(job.picture);
        }
    }

    /// What is to be told with the next frame.
    pub(in crate::pipeline) fn arrived(&self) -> Option<&Proposed> {
        self.arrived.front()
    }

    /// What the next plan is to be held against.
    pub(in crate::pipeline) fn offers(&self) -> Offers<'_> {
        let arrived = self.arrived().and_then(|proposed| proposed.outcome.as_ref().ok());
        Offers { arrived, held: self.held.as_ref() }
    }

    /// The rulings of the frame are out: what holds on, and what became of the one that arrived.
    pub(in crate::pipeline) fn settle(
        &mut self,
        arrived: Option<ProposalStatus>,
        held: Option<ProposalStatus>,
    ) -> Option<ProposalStatus> {
        if held == Some(ProposalStatus::Refused) {
            self.held = None;
        }
        match self.arrived.pop_front()?.outcome {
            Err(failure) => Some(failure.status),
            Ok(proposal) => {
                if arrived.is_some_and(|status| status != ProposalStatus::Refused) {
                    self.held = Some(proposal);
                }
                arrived
            }
        }
    }

    /// One processed frame: makes a job of it when a trigger is due and none is running.
    pub(in crate::pipeline) fn look(&mut self, frame: &Stamped<Frame<'_>>, tracks: &[Track], labels: &Labels) {
        let Some(asking) = &mut self.asking else { return };
        let due = asking.triggers.due(frame.stamp(), tracks, labels.version());
        let inquiry = asking.inquiry.as_ref();
        let due = if inquiry.is_some() { Some(Trigger::Question) } else { due };
        let Some(trigger) = due.filter(|_| !asking.is_running) else { return };
        let wants_proposal = inquiry.is_none_or(Inquiry::wants_proposal);
        if wants_proposal {
            asking.triggers.served(frame.stamp());
        }
        let spare = asking.job.take().map(|job| job.picture).or_else(|| asking.spare.take());
        let view = View::new(tracks, labels);
        let words = inquiry.and_then(Inquiry::text).unwrap_or(&asking.prompt);
        let (text, form) = if wants_proposal {
            (view.question(words), AnswerForm::Proposal(view.in_view()))
        } else {
            (words.to_owned(), AnswerForm::Text)
        };
        let max_tokens = inquiry.and_then(Inquiry::max_tokens).unwrap_or(asking.max_tokens);
        asking.job = Some(ReasonJob {
            stamp: frame.stamp(),
            frame_id: frame.frame_id().clone(),
            trigger,
            picture: Picture::copied(&frame.value().image, spare),
            labels: labels.clone(),
            question: Question { text, form, max_tokens, sampling: asking.sampling },
        });
    }
}
