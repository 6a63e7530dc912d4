//! The walk's half of the reason lane: when to ask, what has come back, and which proposal stands.

use super::inquiry::{Asker, Inquiry};
use super::job::{Cause, Proposed, ReasonJob};
use super::snapshot::Snapshot;
use super::triggers::{Trigger, Triggers};
use super::view::View;
use crate::config::Config;
use crate::config::assembly::settings;
use crate::pipeline::Moment;
use crate::planning::{Offers, Planner};
use crate::types::{
    AnswerForm, CameraId, Labels, Plan, Proposal, ProposalStatus, Question, Sampling, Scene, Stamped, Track,
};
use crate::wire::vedette_msgs::ProposalRecord;
use crate::world::{Surroundings, Thing};
use std::collections::VecDeque;

/// Jobs on their way out, proposals on their way in.
#[derive(Debug)]
pub(in crate::pipeline) struct Advice {
    /// `None` where there is no language model, or a recording speaks for it.
    asking: Option<Asking>,
    /// What no frame has been held against yet: one for each frame.
    arrived: VecDeque<Proposed>,
    /// What the last frame was held against.
    ruled_on: Option<Proposed>,
    /// The last proposal that was not refused, until it is.
    standing: Option<Proposal>,
}

/// A frame's plan, and what it was held against.
#[derive(Debug)]
pub(in crate::pipeline) struct Advised<'a> {
    pub(in crate::pipeline) plan: Stamped<&'a Plan>,
    /// What arrived for this frame, and what became of it.
    pub(in crate::pipeline) proposal: Option<ProposalRecord<'a>>,
}

#[derive(Debug)]
struct Asking {
    triggers: Triggers,
    prompt: String,
    max_tokens: usize,
    sampling: Sampling,
    /// Somebody's own question, until its job is taken.
    inquiry: Option<(Inquiry, Asker)>,
    /// Made, and not taken yet.
    job: Option<ReasonJob>,
    /// Taken, and not answered yet.
    is_running: bool,
    /// Memory for the next picture.
    spare: Option<Snapshot>,
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
        Self { asking, arrived: VecDeque::new(), ruled_on: None, standing: None }
    }

    /// Other parameters hold for the jobs to come.
    pub(in crate::pipeline) fn change(&mut self, config: &Config) {
        if let Some(Asking { triggers, prompt, max_tokens, sampling, .. }) = &mut self.asking {
            triggers.set(settings::ns_from_ms(config.reason_period_ms), config.reason_on_new_class);
            prompt.clone_from(&config.reason_prompt);
            (*max_tokens, *sampling) = (config.reason_max_tokens, settings::sampling(config));
        }
    }

    /// From now on no job is made.
    pub(in crate::pipeline) fn stop_asking(&mut self) {
        self.asking = None;
    }

    /// Whether the next frame makes a job of this question, before all others.
    pub(in crate::pipeline) fn ask(&mut self, inquiry: Inquiry, asker: Asker) -> bool {
        match &mut self.asking {
            Some(asking) => {
                asking.inquiry = Some((inquiry, asker));
                true
            }
            None => false,
        }
    }

    /// The question with this number is no longer wanted.
    pub(in crate::pipeline) fn withdraw(&mut self, id: u64) {
        let Some(asking) = &mut self.asking else { return };
        asking.inquiry.take_if(|(_, asker)| asker.id == id);
        if let Some(job) = asking.job.take_if(|job| job.asker().is_some_and(|asker| asker.id == id)) {
            asking.spare = Some(job.snapshot);
        }
    }

    /// The stamps began again: what was seen before is no longer true.
    pub(in crate::pipeline) fn reset(&mut self) {
        self.standing = None;
        if let Some(asking) = &mut self.asking {
            asking.triggers.reset();
            if let Some(job) = asking.job.take() {
                asking.spare = Some(job.snapshot);
            }
        }
    }

    pub(in crate::pipeline) fn take_job(&mut self) -> Option<ReasonJob> {
        let asking = self.asking.as_mut()?;
        let job = asking.job.take()?;
        asking.is_running = true;
        if job.asker().is_some() {
            asking.inquiry = None;
        }
        Some(job)
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
            asking.spare = Some(job.snapshot);
        }
    }

    /// One processed frame: its plan, held against the oldest answer that no frame has been held against and against the
    /// proposal that stands; and a job of it, when a trigger is due and none is running.
    pub(in crate::pipeline) fn frame<'a>(
        &'a mut self,
        moment: &Moment<'_>,
        scene: &Scene,
        around: Surroundings<'_>,
        labels: &Labels,
        planner: &'a mut Planner,
    ) -> Advised<'a> {
        if let Some(asking) = &mut self.asking {
            asking.look(moment, &scene.tracks, around.things, labels);
        }
        self.ruled_on = self.arrived.pop_front();
        let arrived = self.ruled_on.as_ref().and_then(|proposed| proposed.outcome.as_ref().ok());
        let offers = Offers { arrived, held: self.standing.as_ref() };
        let planned = planner.plan_with(moment.stamp(), around, labels, moment.motion, offers);
        if planned.held == Some(ProposalStatus::Refused) {
            self.standing = None;
        }
        let is_taken = planned.arrived.is_some_and(|ruling| ruling.status != ProposalStatus::Refused);
        if let Some(proposal) = arrived.filter(|_| is_taken) {
            self.standing = Some(proposal.clone());
        }
        Advised {
            plan: planned.plan,
            proposal: self.ruled_on.as_ref().map(|proposed| proposed.record(planned.arrived)),
        }
    }
}

impl Asking {
    /// Questions of somebody are about the picture of the camera that they name, those that come by time about the first's.
    fn look(&mut self, moment: &Moment<'_>, tracks: &[Track], things: &[Thing], labels: &Labels) {
        let frame = &moment.frame;
        let is_first = moment.camera == CameraId(0);
        let classes = things.iter().filter(|thing| thing.track.is_some()).map(|thing| thing.class);
        let due = self.triggers.due(frame.stamp(), classes, labels.version());
        let due = due.filter(|trigger| is_first || *trigger != Trigger::Period);
        let inquiry = self.inquiry.as_ref().filter(|(inquiry, _)| inquiry.camera() == moment.camera);
        let cause = match (inquiry, due) {
            _ if self.is_running => return,
            (Some((_, asker)), _) => Cause::Asked(asker.clone()),
            (None, Some(trigger)) => Cause::Trigger(trigger),
            (None, None) => return,
        };
        let inquiry = inquiry.map(|(inquiry, _)| inquiry);
        let wants_proposal = inquiry.is_none_or(Inquiry::wants_proposal);
        if wants_proposal {
            self.triggers.served(frame.stamp());
        }
        let spare = self.job.take().map(|job| job.snapshot).or_else(|| self.spare.take());
        let view = View::new(tracks, labels);
        let words = inquiry.and_then(Inquiry::text).unwrap_or(&self.prompt);
        let (text, form) = if wants_proposal {
            (view.question(words), AnswerForm::Proposal(view.in_view()))
        } else {
            (words.to_owned(), AnswerForm::Text)
        };
        let max_tokens = inquiry.and_then(Inquiry::max_tokens).unwrap_or(self.max_tokens);
        self.job = Some(ReasonJob {
            stamp: frame.stamp(),
            frame_id: frame.frame_id().clone(),
            cause,
            snapshot: Snapshot::copied(&frame.value().image, spare),
            labels: labels.clone(),
            question: Question { text, form, max_tokens, sampling: self.sampling },
        });
    }
}
