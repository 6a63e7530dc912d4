//! What the node counts and measures about itself, for diagnostics. Written by its threads, read once a second.

use super::sessions::Sessions;
use crate::config::CameraName;
use crate::pipeline::{Blind, Failure, FrameReport, Input, Misfit, PassedOver};
use crate::types::{Answer, CameraId, Plan};
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The counters of one node and how its sessions run, behind locks that nobody holds for longer than a few additions.
#[derive(Debug, Default)]
pub struct Health {
    counts: Mutex<Counts>,
    sessions: Mutex<Sessions>,
}

impl Health {
    /// Of a node with these cameras, of which nothing has been seen.
    pub fn of(cameras: Vec<CameraName>) -> Self {
        let counts = Counts { cameras, ..Counts::default() };
        Self { counts: Mutex::new(counts), sessions: Mutex::default() }
    }

    /// Locks the counters.
    pub fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks what is known of the sessions.
    pub fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All counts are since the start.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// The cameras of the models that are loaded, or were last.
    pub cameras: Vec<CameraName>,
    /// By camera.
    pub frames: Vec<FrameCounts>,
    /// Why a picture was lost, the last one since the newest plan.
    pub last_loss: Option<&'static str>,
    /// How the model does.
    pub inference: Inference,
    /// The last frame whose results have left.
    pub last: Option<LastFrame>,
    /// What the language model did.
    pub reason: ReasonCounts,
    /// Why there are no more prompts, once their thread has ended.
    pub prompts_ended: Option<String>,
}

/// What became of one camera's messages; of the first camera's also the robot's.
#[derive(Debug, Clone, Default)]
pub struct FrameCounts {
    /// Pictures taken from DDS.
    pub received: u64,
    /// Pictures that never came, by the gaps between stamps.
    pub missing: u64,
    /// Pictures whose results have left.
    pub processed: u64,
    /// Processed pictures without a camera model: boxes only, no places.
    pub without_camera_info: u64,
    /// Messages that were lost, by the input's name and the cause.
    pub dropped: BTreeMap<(&'static str, &'static str), u64>,
    /// Pictures that were not processed, as the parameters want it, by cause.
    pub passed_over: BTreeMap<&'static str, u64>,
    /// Pictures that showed nothing, which are among the dropped ones, by cause.
    pub blind: BTreeMap<&'static str, u64>,
    /// The last of them.
    pub last_blind: Option<Blind>,
    /// Age of the source image when its results were out, in ROS time.
    pub age_ms: Window,
    /// From DDS to results out, on the steady clock.
    pub latency_ms: Window,
    /// A camera_info that was not of the size of the newest image.
    pub misfit: Option<Misfit>,
    /// Whether tf says where the camera of the newest image is; else the mounting parameters.
    pub is_placed_by_tf: Option<bool>,
    /// Why tf did not say it of an image, the last time.
    pub no_transform: String,
    /// Since when no picture has come, where that is longer than the camera's deadline.
    pub silent_since: Option<Instant>,
}

/// How the model does on the newest pictures.
#[derive(Debug, Clone, Default)]
pub struct Inference {
    /// Since when it has been at one picture, while it is.
    pub running_since: Option<Instant>,
    /// So many pictures in a row it failed on, up to the newest.
    pub failed_in_a_row: u64,
    /// Why, the last time.
    pub failure: String,
}

impl Inference {
    /// A picture is given to it.
    pub fn begins(&mut self, now: Instant) {
        self.running_since = Some(now);
    }

    /// It has done its work on the picture.
    pub fn succeeded(&mut self) {
        self.running_since = None;
        self.failed_in_a_row = 0;
    }

    /// It has not.
    pub fn failed(&mut self, reason: &impl Display) {
        self.running_since = None;
        self.failed_in_a_row += 1;
        self.failure.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.failure, "{reason}");
    }

    /// The picture was refused before its turn.
    pub fn skipped(&mut self) {
        self.running_since = None;
    }
}

/// What the reason lane did, since the start.
#[derive(Debug, Clone, Default)]
pub struct ReasonCounts {
    /// Jobs that the model had.
    pub jobs: u64,
    /// Those of them that were somebody's own questions.
    pub questions: u64,
    /// Jobs that the model failed at.
    pub failed: u64,
    /// Why it failed last.
    pub last_failure: String,
    /// Why answers ended, by their words.
    pub finished: BTreeMap<&'static str, u64>,
    /// What became of proposals, by the words of their statuses.
    pub proposals: BTreeMap<&'static str, u64>,
    /// How long the last answer took, and how many tokens it has.
    pub last: Option<(Duration, usize)>,
    /// Why nobody answers any more, once the thread has ended.
    pub ended: Option<String>,
}

impl ReasonCounts {
    /// A job is done.
    pub fn answered(&mut self, answer: &Result<Answer, Failure>, is_question: bool, duration: Duration) {
        self.jobs += 1;
        self.questions += u64::from(is_question);
        match answer {
            Ok(answer) => {
                *self.finished.entry(answer.finish.as_str()).or_default() += 1;
                self.last = Some((duration, answer.tokens));
            }
            Err(failure) => {
                self.failed += 1;
                self.last_failure.clone_from(&failure.reason);
            }
        }
    }
}

/// The last processed frame in short.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LastFrame {
    /// The plan's word.
    pub decision: &'static str,
    /// Who made it.
    pub source: &'static str,
    /// Why, in one line.
    pub reason: String,
    /// Published boxes.
    pub detections: usize,
    /// Tracks alive.
    pub tracks: usize,
}

impl Counts {
    /// Those of one camera.
    pub fn of(&mut self, camera: CameraId) -> &mut FrameCounts {
        let count = self.frames.len().max(camera.0 + 1);
        self.frames.resize_with(count, FrameCounts::default);
        &mut self.frames[camera.0]
    }

    /// A message was lost.
    pub fn drop_message(&mut self, camera: CameraId, input: Input, cause: &'static str) {
        *self.of(camera).dropped.entry((input.name(), cause)).or_default() += 1;
        if input == Input::Image && cause != SUPERSEDED {
            self.last_loss = Some(cause);
        }
    }

    /// Models and threads are new: what was wrong with those before them is over. Counts go on, but for those of other
    /// cameras.
    pub fn renew(&mut self, cameras: Vec<CameraName>) {
        if self.cameras != cameras {
            self.frames.clear();
            self.cameras = cameras;
        }
        self.inference = Inference::default();
        self.prompts_ended = None;
        self.reason.ended = None;
    }

    /// A frame's results are ready and have not left.
    pub fn withheld(&mut self, report: &FrameReport) {
        // What was ruled on a proposal leaves at any age.
        if let Some(status) = report.proposal {
            *self.reason.proposals.entry(status.as_str()).or_default() += 1;
        }
    }

    /// A frame's results are out.
    pub fn processed(&mut self, camera: CameraId, report: &FrameReport, plan: &Plan, age_ms: f32, latency_ms: f32) {
        self.withheld(report);
        self.last_loss = None;
        let frames = self.of(camera);
        frames.processed += 1;
        frames.without_camera_info += u64::from(!report.located);
        frames.age_ms.push(age_ms);
        frames.latency_ms.push(latency_ms);
        let last = self.last.get_or_insert_default();
        last.decision = report.decision.as_str();
        last.source = plan.source.as_str();
        last.reason.clear();
        last.reason.push_str(plan.reason());
        (last.detections, last.tracks) = (report.detections, report.tracks);
    }
}

impl FrameCounts {
    /// A picture was not processed, as the parameters want it.
    pub fn pass_over(&mut self, passed_over: PassedOver) {
        *self.passed_over.entry(passed_over.cause()).or_default() += 1;
    }

    /// A picture, dropped as `blind`, showed nothing.
    pub fn saw_nothing(&mut self, blind: Blind) {
        *self.blind.entry(blind.cause()).or_default() += 1;
        self.last_blind = Some(blind);
    }

    /// What was lost since `before`, by input and cause; a picture that a newer one replaced is no fault but the
    /// newest-wins rule at work.
    pub fn faults_since<'a>(
        &'a self,
        before: &'a Self,
    ) -> impl Iterator<Item = (&'static str, &'static str, u64)> + 'a {
        self.dropped.iter().filter_map(|(key, count)| {
            let new = count - before.dropped.get(key).copied().unwrap_or(0);
            (new > 0 && key.1 != SUPERSEDED).then_some((key.0, key.1, new))
        })
    }
}

/// The cause of a picture that a newer one replaced before the lane took it.
pub const SUPERSEDED: &str = "superseded";

/// The last values of a measurement.
#[derive(Debug, Clone)]
pub struct Window {
    values: [f32; Self::LENGTH],
    filled: usize,
    next: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self { values: [0.0; Self::LENGTH], filled: 0, next: 0 }
    }
}

impl Window {
    /// Values kept: ten seconds at 30 Hz.
    pub const LENGTH: usize = 300;

    /// Adds a value; the oldest goes.
    pub fn push(&mut self, value: f32) {
        self.values[self.next] = value;
        self.next = (self.next + 1) % Self::LENGTH;
        self.filled = (self.filled + 1).min(Self::LENGTH);
    }

    /// p50, p95 and p99 (nearest rank). `None` before the first value.
    pub fn percentiles(&self) -> Option<[f32; 3]> {
        let mut sorted = self.values[..self.filled].to_vec();
        sorted.sort_by(f32::total_cmp);
        // The nearest rank of p in 1..=n is ceil(p * n / 100).
        let at = |percent: usize| sorted.get((percent * sorted.len()).div_ceil(100).checked_sub(1)?).copied();
        Some([at(50)?, at(95)?, at(99)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks_of_the_last_values() {
        let mut window = Window::default();
        assert_eq!(window.percentiles(), None);
        window.push(7.0);
        assert_eq!(window.percentiles(), Some([7.0; 3]));
        for value in 0..1000u16 {
            window.push(f32::from(value));
        }
        assert_eq!(window.percentiles(), Some([849.0, 984.0, 996.0]));
    }

    #[test]
    fn failures_are_counted_from_the_last_success_on() {
        let mut inference = Inference::default();
        inference.begins(crate::ros::clock::steady_now());
        inference.failed(&"no such device");
        inference.skipped();
        inference.failed(&"still none");
        assert_eq!((inference.failed_in_a_row, inference.failure.as_str()), (2, "still none"));
        inference.succeeded();
        assert_eq!((inference.failed_in_a_row, inference.running_since), (0, None));
    }

    #[test]
    fn a_superseded_picture_is_no_fault_and_old_faults_are_not_told_again() {
        let (mut counts, camera) = (Counts::default(), CameraId(0));
        counts.drop_message(camera, Input::Image, "too_old");
        let before = counts.clone();
        counts.drop_message(camera, Input::Image, SUPERSEDED);
        counts.drop_message(camera, Input::CameraInfo, "bad_message");
        let faults: Vec<_> = counts.frames[0].faults_since(&before.frames[0]).collect();
        assert_eq!(faults, [("camera_info", "bad_message", 1)]);
    }
}
