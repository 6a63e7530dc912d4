//! One camera's walk: CDR in, CDR out, the same bytes live and replayed.

use super::advice::Advice;
use super::class_choice::{ChosenClasses, ClassChoice, ClassError};
use super::inquiry::Inquiry;
use super::join::{CameraInfoJoin, MotionJoin};
use super::perceive::{Bounds, Perceive};
use super::prompter::PromptsRefused;
use super::reason::{Proposed, ReasonJob};
use super::settings;
use super::topics::{Output, OutputError, Outputs};
use crate::config::Config;
use crate::infer::Proof;
use crate::planning::{Planner, PlanningParams};
use crate::tracking::Tracker;
use crate::types::{Decision, Frame, FrameId, Labels, Plan, ProposalStatus, Scene, Stamp, Stamped};
use crate::vision::Canvas;
use crate::wire::{self, HeaderRef, WireError};
use crate::world::World;
use crate::zoo::{Detector, EncodedPrompts, Thresholds, ZooError};
use nalgebra::Isometry3;
use std::sync::Arc;

/// What a processed frame came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrameReport {
    /// The image's stamp.
    pub stamp: Stamp,
    /// Published boxes.
    pub detections: usize,
    /// Tracks alive.
    pub tracks: usize,
    /// The plan's word.
    pub decision: Decision,
    /// Whether the frame had a camera model of its size, so that its tracks can have places.
    pub located: bool,
    /// What became of the language model's answer that this frame's plan was the first to be held against.
    pub proposal: Option<ProposalStatus>,
}

/// What costs one message, and nothing else: count it, warn at a limited rate, go on.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The bytes are no such message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// No recording and no robot has such a time.
    #[error("image stamped {stamp}, before the epoch, expected a stamp of at least 0")]
    BeforeEpoch {
        /// This image's stamp.
        stamp: Stamp,
    },
    /// The image is not newer than the one before it.
    #[error("image stamped {stamp} is not after the one before it, {previous}")]
    OutOfOrder {
        /// This image's stamp.
        stamp: Stamp,
        /// The last processed image's stamp.
        previous: Stamp,
    },
    /// The model could not run.
    #[error(transparent)]
    Detect(#[from] ZooError),
}

impl FrameError {
    /// A short, stable name of the cause, for counters and reports.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Wire(_) | Self::BeforeEpoch { .. } => "bad_message",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::Detect(_) => "inference_failed",
        }
    }
}

/// Why an image gave no result.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// This image is lost, the next one may do.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Results can no longer leave: the run ends.
    #[error(transparent)]
    Output(#[from] OutputError),
}

impl From<WireError> for WalkError {
    fn from(error: WireError) -> Self {
        FrameError::from(error).into()
    }
}

/// The walk of one camera. Owned by one thread; asks no clock, no ROS, no TF.
pub struct Walk {
    perceive: Perceive,
    world: World,
    planner: Planner,
    choice: ClassChoice,
    advice: Advice,
    camera_infos: CameraInfoJoin,
    motions: MotionJoin,
    base_from_camera: Isometry3<f64>,
    reset_ns: i64,
    score_threshold: f32,
    model: Arc<str>,
    previous: Option<Stamp>,
    frame_id: FrameId,
    announced: Option<u32>,
    cdr: Vec<u8>,
    canvas: Option<Canvas>,
}

impl Walk {
    /// A walk with the parameters of `config` over a detector that is ready to run; `model` is its name.
    ///
    /// # Errors
    /// When `classes` or `obstacle_classes` name a class that the model does not have.
    pub fn new(config: &Config, detector: Box<dyn Detector>, model: &str) -> Result<Self, ClassError> {
        let choice = ClassChoice::new(config, detector.labels().clone());
        let chosen = choice.among(detector.labels(), 0)?;
        Ok(Self::with(config, detector, model, choice, chosen))
    }

    /// As [`new`](Self::new), with prompts from the first frame on, if there are any: `classes` and `obstacle_classes`
    /// may then name prompts too.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`set_prompts`](Self::set_prompts).
    pub fn prompted(
        config: &Config,
        mut detector: Box<dyn Detector>,
        model: &str,
        prompts: Option<EncodedPrompts>,
    ) -> Result<Self, PromptsRefused> {
        let Some(prompts) = prompts else { return Ok(Self::new(config, detector, model)?) };
        let choice = ClassChoice::new(config, detector.labels().clone());
        let chosen = choice.among(&prompts.labels, prompts.prompts)?;
        detector.set_prompts(prompts)?;
        Ok(Self::with(config, detector, model, choice, chosen))
    }

    fn with(
        config: &Config,
        detector: Box<dyn Detector>,
        model: &str,
        choice: ClassChoice,
        chosen: ChosenClasses,
    ) -> Self {
        let model: Arc<str> = Arc::from(model);
        let reset_ns = settings::ns_from_ms(config.stamp_reset_ms);
        let odom_max_age_ns = settings::ns_from_ms(config.odom_max_age_ms);
        let max_age_ns = settings::ns_from_ms(config.max_age_ms);
        let planning = PlanningParams { obstacles: chosen.obstacles, ..settings::planning(config) };
        let tracking = settings::tracking(config);
        let bounds = Bounds {
            published: Thresholds { classes: chosen.published, ..settings::thresholds(config) },
            tracked: chosen.tracked,
            track_low_score: tracking.low_score,
            obstacle_score: settings::obstacle_score(config),
        };
        Self {
            choice,
            score_threshold: bounds.published.score,
            perceive: Perceive::new(detector, bounds, Tracker::new(tracking)),
            world: World::new(),
            planner: Planner::new(planning, Arc::clone(&model)),
            advice: Advice::new(config),
            camera_infos: CameraInfoJoin::new(reset_ns),
            motions: MotionJoin::new(reset_ns, odom_max_age_ns, max_age_ns, config.assumed_speed_mps),
            base_from_camera: settings::mounting(config).base_from_camera(),
            reset_ns,
            model,
            previous: None,
            frame_id: FrameId::new(""),
            announced: None,
            cdr: Vec::new(),
            canvas: None,
        }
    }

    /// Looks for other things from the next image on: one call between two images changes labels, class masks and
    /// obstacles together, or nothing. The next image announces the labels with the raised version before its
    /// detections; nothing under the old labels leaves after this. Cheap: the words are encoded already, see
    /// [`Prompter`](super::Prompter).
    ///
    /// Tracks begin anew, because their classes are of the old set, and with them the plan, at `stop`: it goes on when
    /// the way was found clear for `clear_after_ms` again. A proposal that was held is about the old set and goes too.
    /// What `classes` and `obstacle_classes` mean under prompts: prompts are published whatever `classes` says, which
    /// names the model's own classes beside them; and all prompts are obstacles as soon as `obstacle_classes` names a
    /// class of the model.
    ///
    /// # Errors
    /// [`PromptsRefused`] when one of these parameters names neither a prompt nor a class of the model, and when the
    /// detector does not take the prompts. The old ones stay.
    pub fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), PromptsRefused> {
        let ChosenClasses { published, tracked, obstacles } = self.choice.among(&prompts.labels, prompts.prompts)?;
        self.perceive.set_prompts(prompts, published, tracked)?;
        self.world.reset();
        self.planner.set_obstacles(obstacles);
        self.advice.reset();
        Ok(())
    }

    /// Whether camera_info is published at all; images wait for theirs only then.
    pub fn expect_camera_info(&mut self, expected: bool) {
        self.camera_infos.set_expected(expected);
    }

    /// A sensor_msgs/CameraInfo.
    ///
    /// # Errors
    /// When it is refused; images of its stamp then go on with the model before it, if there was one.
    pub fn camera_info(&mut self, cdr: &[u8]) -> Result<(), FrameError> {
        match wire::sensor_msgs::decode_camera_info(cdr) {
            Ok(info) => {
                self.camera_infos.push(info.header.stamp, info.model);
                Ok(())
            }
            Err(error) => {
                if let Ok(stamp) = wire::peek_stamp(cdr) {
                    self.camera_infos.skip(stamp);
                }
                Err(error.into())
            }
        }
    }

    /// A nav_msgs/Odometry.
    ///
    /// # Errors
    /// When it is refused; the plans then rest on the motion before it, or on the assumed one.
    pub fn odom(&mut self, cdr: &[u8]) -> Result<(), FrameError> {
        let odometry = wire::nav_msgs::decode_odometry(cdr)?;
        self.motions.push(odometry.header.stamp, odometry.twist);
        Ok(())
    }

    /// Whether all that belongs to an image of this stamp has come. An image may be given earlier; it then takes
    /// what there is.
    pub fn is_ready_for(&self, stamp: Stamp) -> bool {
        self.camera_infos.is_ready_for(stamp)
    }

    /// A sensor_msgs/Image: all its results leave through `outputs` before this returns.
    ///
    /// # Errors
    /// [`WalkError::Frame`] when this image is lost, [`WalkError::Output`] when results can no longer leave.
    pub fn image(&mut self, cdr: &[u8], outputs: &mut dyn Outputs) -> Result<FrameReport, WalkError> {
        let decoded = wire::sensor_msgs::decode_image(cdr)?;
        let stamp = decoded.header.stamp;
        self.check_order(stamp)?;
        if self.frame_id.as_str() != decoded.header.frame_id {
            self.frame_id = FrameId::new(decoded.header.frame_id);
        }
        let image = decoded.image;
        // A camera_info for another image size (a binned or cropped stream) would place everything wrongly.
        let camera = self.camera_infos.take(stamp).filter(|camera| camera.size() == image.size());
        let frame = Frame { image, camera, base_from_camera: self.base_from_camera };
        let frame = Stamped::new(stamp, self.frame_id.clone(), frame);
        let motion = self.motions.at(stamp);

        self.perceive.frame(&frame).map_err(FrameError::from)?;
        self.previous = Some(stamp);
        let scene = frame.as_ref().map(|_| self.perceive.scene());
        let located = frame.value().camera.is_some();
        let counts = (scene.value().detections.len(), scene.value().tracks.len());
        let labels = self.perceive.detector().labels();
        self.world.update(&scene, motion);
        let things = self.world.things();
        let planned = self.planner.plan_with(&scene, things, labels, motion, self.advice.offers());
        let plan = planned.plan;
        let decision = plan.value().decision;

        let cdr = &mut self.cdr;
        if self.announced != Some(labels.version()) {
            let header = HeaderRef::from(&frame);
            wire::vision_msgs::encode_label_info(cdr, header, labels, self.score_threshold);
            outputs.put(Output::LabelInfo, stamp, cdr)?;
            let version = i32::try_from(labels.version()).unwrap_or(i32::MAX);
            wire::vision_msgs::encode_vision_info(cdr, header, &self.model, Output::LabelInfo.name(), version);
            outputs.put(Output::VisionInfo, stamp, cdr)?;
            self.announced = Some(labels.version());
        }
        wire::vision_msgs::encode_detections(cdr, &scene, labels);
        outputs.put(Output::Detections, stamp, cdr)?;
        if let Some(arrived) = self.advice.arrived() {
            let record = arrived.record(planned.arrived);
            wire::vedette_msgs::encode_proposal(cdr, HeaderRef::from(&frame), &record);
            outputs.put(Output::Proposal, stamp, cdr)?;
        }
        let proposal = self.advice.settle(planned.arrived.map(|ruling| ruling.status), planned.held);
        wire::vedette_msgs::encode_plan(cdr, &plan, labels);
        outputs.put(Output::Plan, stamp, cdr)?;
        wire::nav_msgs::encode_path(cdr, &plan.map(|plan| plan.path.as_slice()));
        outputs.put(Output::Path, stamp, cdr)?;
        if outputs.wants(Output::ImageAnnotated) {
            let image = &frame.value().image;
            let canvas = self.canvas.get_or_insert_with(|| Canvas::new(image));
            canvas.draw(image, self.perceive.scene(), labels, self.planner.last());
            let view = canvas.view().map_err(WireError::from)?;
            wire::sensor_msgs::encode_image(cdr, HeaderRef::from(&frame), &view);
            outputs.put(Output::ImageAnnotated, stamp, cdr)?;
        }
        self.advice.look(&frame, &self.perceive.scene().tracks, labels);
        Ok(FrameReport { stamp, detections: counts.0, tracks: counts.1, decision, located, proposal })
    }

    /// What a language model is to look at, if a trigger was due at one of the last images and parameter `reason_model`
    /// names a model. Until it comes back through [`propose`](Self::propose), no other is made.
    pub fn take_job(&mut self) -> Option<ReasonJob> {
        self.advice.take_job()
    }

    /// What came of a job, or was recorded. Each image is held against one of them, in the order in which they come.
    pub fn propose(&mut self, proposed: Proposed) {
        self.advice.propose(proposed);
    }

    /// Makes a job of the next image, whatever the other triggers say. False where nobody is there to be asked.
    pub fn request_proposal(&mut self) -> bool {
        self.advice.request()
    }

    /// Makes a job of the next image about somebody's own question, before what the triggers ask; a running job is
    /// finished first. A question that was asked before and has no job yet gives way. An answer in words goes back with
    /// [`take_back`](Self::take_back), one that was to be a proposal with [`propose`](Self::propose). False where
    /// nobody is there to be asked.
    pub fn ask(&mut self, inquiry: Inquiry) -> bool {
        self.advice.ask(inquiry)
    }

    /// The question of [`ask`](Self::ask) is no longer wanted. A job that was taken is not touched.
    pub fn withdraw(&mut self) {
        self.advice.withdraw();
    }

    /// A job that was done and wanted words: no plan is held against them.
    pub fn take_back(&mut self, job: ReasonJob) {
        self.advice.take_back(job);
    }

    /// Makes no more jobs: somebody else says what is proposed.
    pub fn stop_asking(&mut self) {
        self.advice.stop_asking();
    }

    /// Which provider runs the model, by ONNX Runtime's own account.
    pub fn proof(&self) -> &Proof {
        self.perceive.detector().proof()
    }

    /// The class names.
    pub fn labels(&self) -> &Labels {
        self.perceive.detector().labels()
    }

    /// The last frame's boxes and tracks.
    pub fn scene(&self) -> &Scene {
        self.perceive.scene()
    }

    /// The last frame's plan.
    pub fn plan(&self) -> &Plan {
        self.planner.last()
    }

    /// Frames go forward in time. A small step back costs the frame; a large one is a source that began again
    /// (a looped bag, a restarted simulation), and tracks and plans begin again with it.
    fn check_order(&mut self, stamp: Stamp) -> Result<(), FrameError> {
        if stamp < Stamp::from_ns(0) {
            return Err(FrameError::BeforeEpoch { stamp });
        }
        match self.previous {
            Some(previous) if previous.ns_since(stamp) > self.reset_ns => {
                self.perceive.reset();
                self.world.reset();
                self.planner.reset();
                self.advice.reset();
                Ok(())
            }
            Some(previous) if stamp <= previous => Err(FrameError::OutOfOrder { stamp, previous }),
            _ => Ok(()),
        }
    }
}
