//! The reason thread: from a job on the desk to an answer, told piece by piece, and back to the lane.

use super::desk::Desk;
use crate::pipeline::{Asker, Failure, Reason};
use crate::ros::clock::steady_now;
use crate::ros::intake::inbox::Inbox;
use crate::ros::order::Order;
use crate::ros::report::health::Health;
use crate::ros::report::log::Limiter;
use crate::types::{Answer, AnswerForm, FrameId, Labels, Proposal, Stamp};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// What the one who serves `~/ask` is told.
pub struct Told {
    /// Of the question with this number.
    pub id: u64,
    /// What.
    pub progress: Progress,
}

/// What is told of somebody's question while it is answered.
pub enum Progress {
    /// The model begins to look at this picture.
    Began(Stamp, FrameId),
    /// The next piece of the answer, and how many pieces there are by now.
    Piece(String, u32),
    /// The answer is complete, or will never be.
    Ended(Box<Ended>),
}

/// The end of an answer.
pub struct Ended {
    /// The answer, or why there is none.
    pub answer: Result<Answer, Failure>,
    /// Where one was wanted: the proposal, with the class names behind it, or why the answer is none.
    pub proposal: Option<Result<(Proposal, Labels), Failure>>,
    /// From the start of the work to the first piece.
    pub first_after: Option<Duration>,
    /// From the start of the work to its end.
    pub duration: Duration,
}

/// The thread's own. It ends when the desk is closed.
pub struct Reasoner {
    /// The model.
    pub reason: Reason,
    /// Where jobs come from.
    pub desk: Arc<Desk>,
    /// Where they go back to.
    pub inbox: Arc<Inbox>,
    /// What is counted.
    pub health: Arc<Health>,
    /// Who publishes what is told.
    pub told: UnboundedSender<Told>,
}

impl Reasoner {
    /// Works until the desk is closed.
    pub fn run(mut self) {
        let mut limiter = Limiter::default();
        let desk = Arc::clone(&self.desk);
        while let Some((job, cancel)) = desk.next() {
            let asker = job.asker().cloned();
            self.tell(&asker, || Progress::Began(job.stamp, job.frame_id.clone()));
            let began = steady_now();
            let (mut first_after, mut pieces) = (None, 0);
            let told = &self.told;
            let answer = self.reason.answer(&job, &cancel, &mut |text| {
                first_after.get_or_insert_with(|| steady_now().duration_since(began));
                pieces += 1;
                if let Some(Asker { id, .. }) = &asker {
                    // Nobody listens once the node ends.
                    let _ = told.send(Told { id: *id, progress: Progress::Piece(text.to_owned(), pieces) });
                }
            });
            let duration = steady_now().duration_since(began);
            self.desk.done();
            if let Err(failure) = &answer {
                limiter.warn("reason", format_args!("the reason model did not answer: {}", failure.reason));
            }
            self.health.lock().reason.answered(&answer, asker.is_some(), duration);
            let model = self.reason.model();
            if let Some(sessions) = &mut self.health.sessions().reason {
                sessions.see(model.proofs(), Some(model.proof()));
            }

            let proposal = if job.question.form == AnswerForm::Text {
                self.inbox.put_order(Order::TakenBack(Box::new(job)));
                None
            } else {
                let proposed = self.reason.conclude(job, answer.clone());
                let proposal = proposed.outcome.clone().map(|proposal| (proposal, proposed.labels.clone()));
                self.inbox.put_order(Order::Proposed(Box::new(proposed)));
                Some(proposal)
            };
            self.tell(&asker, || Progress::Ended(Box::new(Ended { answer, proposal, first_after, duration })));
        }
    }

    fn tell(&self, asker: &Option<Asker>, what: impl FnOnce() -> Progress) {
        if let Some(Asker { id, .. }) = asker {
            // Nobody listens once the node ends.
            let _ = self.told.send(Told { id: *id, progress: what() });
        }
    }
}
