//! Offline: a bag through the walk, message by message in log-time order, no clock and no ROS.

use super::changes::{Changes, NotApplied};
use super::error::ReplayError;
use super::recorded::RecordedProposals;
use super::repeated::{Repeated, Repeats};
use super::report::{ReplayObserver, ReplayReport};
use super::topic_choice::ReplayTopics;
use crate::bag::{Loss, MAX_DAMAGES, Source};
use crate::config::assembly::Prompter;
use crate::pipeline::{
    Entered, FrameError, Input, Intakes, Moment, Output, Outputs, Reason, Taken, Transport, Walk, Wanted,
};
use crate::spatial::LinkKind;
use crate::types::{CameraId, Cancel, RawMessage};
use crate::wire;
use std::borrow::Cow;

/// What works beside the walk.
#[derive(Default)]
pub struct Beside<'a> {
    /// Answers the walk's questions.
    pub reason: Option<&'a mut Reason>,
    /// Encodes prompts that a recording changes.
    pub prompter: Option<&'a mut Prompter>,
}

/// Runs the walk over all messages of `source`, and nothing beside it: as [`replay_beside`] with nothing.
///
/// # Errors
/// As [`replay_beside`].
pub fn replay(
    source: &mut dyn Source,
    topics: &ReplayTopics,
    intakes: &mut Intakes,
    walk: &mut Walk,
    outputs: &mut dyn Outputs,
    observer: &mut dyn ReplayObserver,
) -> Result<ReplayReport, ReplayError> {
    replay_beside(source, topics, intakes, walk, Beside::default(), outputs, observer)
}

/// Runs the walk over all messages of `source`.
///
/// The language model answers the walk's questions between two images, however long that takes. Where the bag has proposals
/// ([`ReplayTopics::with_proposals`]), those are given at the images of their stamps instead and nobody is asked,
/// whether there is a model or not: the same plans come out as when they were recorded. Where it has events
/// ([`ReplayTopics::with_events`]), what was changed while it was made changes again, at the same images.
///
/// An image whose camera_info or transforms have not come yet waits in its intake until they come, the next image of its
/// camera comes or the bag ends; those of other cameras do not wait for it.
///
/// # Errors
/// When the bag can no longer be read or results no longer be written; what is lost on the way is counted instead.
pub fn replay_beside(
    source: &mut dyn Source,
    topics: &ReplayTopics,
    intakes: &mut Intakes,
    walk: &mut Walk,
    Beside { reason, mut prompter }: Beside<'_>,
    outputs: &mut dyn Outputs,
    observer: &mut dyn ReplayObserver,
) -> Result<ReplayReport, ReplayError> {
    let mut report = ReplayReport::default();
    let adviser = match &topics.proposal {
        Some(topic) => {
            let recorded = RecordedProposals::read(source, topic)?;
            if recorded.broken() > 0 {
                report.lost.insert("proposal: bad_message".to_owned(), recorded.broken());
            }
            walk.stop_asking();
            Adviser::Recorded(recorded)
        }
        None => reason.map_or(Adviser::Nobody, Adviser::Model),
    };
    let mut changes = match &topics.events {
        Some(topic) => Changes::read(source, topic)?,
        None => Changes::default(),
    };
    if changes.broken() > 0 {
        report.lost.insert("event: bad_message".to_owned(), changes.broken());
    }
    source.select(&topics.names())?;
    for ((_, intake), of_camera) in intakes.iter_mut().zip(&topics.cameras) {
        intake.expect_camera_info(of_camera.camera_info.is_some());
    }
    intakes.expect_tf(topics.tf.is_some() || topics.tf_static.is_some());
    let mut run = Run { walk, adviser, outputs, observer, report, goes_on: true };
    let (mut damages, mut damage) = (0, Repeats::default());
    while run.goes_on {
        let message = match source.next_message() {
            Ok(Some(message)) => message,
            Ok(None) => break,
            // The source goes on behind the damage; one that finds nothing else is no source.
            Err(error) if damages < MAX_DAMAGES => {
                damages += 1;
                damage.count("source", &error.to_string());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        for (camera, input) in topics.inputs(message.topic) {
            match input {
                Input::Image | Input::CompressedImage => {
                    run.report.images += 1;
                    let waited = intakes.of(camera).go_without();
                    run.moment(waited)?;
                    if run.goes_on {
                        run.change(&mut changes, camera, intakes, prompter.as_deref_mut(), &message);
                        let transport = if input == Input::Image { Transport::Raw } else { Transport::Compressed };
                        let cdr = Cow::Borrowed(message.cdr);
                        let taken = intakes.of(camera).picture(transport, cdr, Some(message.log_time));
                        run.taken(taken)?;
                    }
                }
                Input::CameraInfo => {
                    run.side(input, intakes.of(camera).camera_info(message.cdr));
                    run.taken(intakes.of(camera).complete())?;
                }
                Input::Odom => run.side(input, intakes.odom(message.cdr)),
                Input::Tf | Input::TfStatic => {
                    let kind = if input == Input::Tf { LinkKind::Moving } else { LinkKind::Static };
                    run.side(input, intakes.tf(kind, message.cdr));
                    for (_, intake) in intakes.iter_mut() {
                        if run.goes_on {
                            run.taken(intake.complete())?;
                        }
                    }
                }
            }
        }
        run.remark(intakes);
    }
    for (_, intake) in intakes.iter_mut() {
        if run.goes_on {
            run.moment(intake.go_without())?;
        }
    }
    run.remark(intakes);
    let mut report = run.report;
    report.source_losses.extend(damage.kinds().iter().flat_map(Repeated::lines));
    report.source_losses.extend(source.losses().iter().map(Loss::to_string));
    Ok(report)
}

/// Who proposes.
enum Adviser<'a> {
    Recorded(RecordedProposals),
    Model(&'a mut Reason),
    Nobody,
}

struct Run<'a> {
    walk: &'a mut Walk,
    adviser: Adviser<'a>,
    outputs: &'a mut dyn Outputs,
    observer: &'a mut dyn ReplayObserver,
    report: ReplayReport,
    goes_on: bool,
}

impl Run<'_> {
    fn taken(&mut self, taken: Result<Taken<'_>, FrameError>) -> Result<(), ReplayError> {
        self.moment(taken.map(|taken| match taken {
            Taken::Moment(moment) => Some(moment),
            Taken::Waits { .. } | Taken::Nothing => None,
        }))
    }

    fn moment(&mut self, moment: Result<Option<Moment<'_>>, FrameError>) -> Result<(), ReplayError> {
        match moment {
            Ok(None) => Ok(()),
            Ok(Some(moment)) => self.frame(&moment),
            Err(error) => {
                self.lose(Input::Image, &error);
                Ok(())
            }
        }
    }

    fn frame(&mut self, moment: &Moment<'_>) -> Result<(), ReplayError> {
        if let Adviser::Recorded(recorded) = &mut self.adviser {
            for proposed in recorded.take(moment.stamp(), moment.frame.frame_id(), self.walk.labels()) {
                self.walk.propose(proposed);
            }
        }
        let stamp = moment.stamp();
        let Entered { events, passed_over } = self.walk.enter(moment.camera, stamp, moment.frame.frame_id());
        for cdr in events {
            self.outputs.put(Output::Events.of(moment.camera), stamp, cdr)?;
        }
        if let Some(passed_over) = passed_over {
            *self.report.passed_over.entry(passed_over.cause()).or_default() += 1;
            return Ok(());
        }
        match self.walk.frame(moment, Wanted::by(self.outputs, moment.camera)) {
            Ok(said) => {
                said.hand_to(self.outputs)?;
                self.report.processed(said.report());
                self.goes_on = self.observer.frame(moment, &said);
            }
            Err(error) => self.lose(Input::Image, &error),
        }
        if self.goes_on {
            self.reason();
        }
        Ok(())
    }

    /// Before an image is taken: what was changed when the recording was made.
    fn change(
        &mut self,
        changes: &mut Changes,
        camera: CameraId,
        intakes: &mut Intakes,
        prompter: Option<&mut Prompter>,
        image: &RawMessage<'_>,
    ) {
        let stamp = intakes.of(camera).stamp_of(image.cdr, Some(image.log_time));
        let (Some(stamp), Ok(frame_id)) = (stamp, wire::peek_frame_id(image.cdr)) else { return };
        let remarks = &mut self.report.remarks;
        let note = |words: String| {
            tracing::warn!("{words}");
            remarks.push(words);
        };
        let at = (stamp, frame_id, image.log_time);
        for NotApplied(words) in changes.before(at, intakes, self.walk, prompter, note) {
            tracing::warn!("not changed as in the recording: {words}");
            self.report.not_applied(&words);
        }
    }

    /// Inline: the answer is there before the next image, which it could be live too.
    fn reason(&mut self) {
        if let Adviser::Model(reason) = &mut self.adviser
            && let Some(job) = self.walk.take_job()
        {
            self.walk.propose(reason.run(job, &Cancel::new(), &mut |_| ()));
        }
    }

    fn side(&mut self, input: Input, result: Result<(), FrameError>) {
        if let Err(error) = result {
            self.lose(input, &error);
        }
    }

    fn remark(&mut self, intakes: &mut Intakes) {
        for (_, intake) in intakes.iter_mut() {
            for remark in intake.untold_remarks() {
                self.report.remarks.push(remark.to_string());
                self.observer.remarked(remark);
            }
        }
    }

    fn lose(&mut self, input: Input, error: &FrameError) {
        self.report.lost(input, error);
        self.observer.lost(input, error);
    }
}
