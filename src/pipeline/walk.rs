//! One camera's walk: from complete moments to messages, the same bytes live and replayed.

use super::intake::Moment;
use super::loss::FrameError;
use super::perceive::{Bounds, Perceive};
use super::reason::advice::Advice;
use super::reason::{Asker, Inquiry, Proposed, ReasonJob};
use super::said::{FrameReport, Messages, Said, Wanted};
use super::topics::Output;
use crate::config::Config;
use crate::config::assembly::class_choice::{ChosenClasses, ClassChoice, ClassError};
use crate::config::assembly::{PromptsRefused, settings};
use crate::infer::Proof;
use crate::planning::{Planner, PlanningParams};
use crate::tracking::Tracker;
use crate::types::{Detection, ImageView, Labels, Plan, Scene, Stamp};
use crate::vision::{BlindCheck, Canvas};
use crate::wire::{self, HeaderRef, WireError};
use crate::world::World;
use crate::zoo::{Detector, EncodedPrompts, Thresholds, ZooError};
use std::sync::Arc;

/// The walk of one camera. Owned by one thread; asks no clock and no ROS.
pub struct Walk {
    blind_check: BlindCheck,
    perceive: Perceive,
    world: World,
    planner: Planner,
    choice: ClassChoice,
    advice: Advice,
    reset_ns: i64,
    score_threshold: f32,
    model: Arc<str>,
    previous: Option<Stamp>,
    announced: Option<u32>,
    messages: Messages,
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
        let planning = PlanningParams { obstacles: chosen.obstacles, ..settings::planning(config) };
        let tracking = settings::tracking(config);
        let bounds = Bounds {
            published: Thresholds { classes: chosen.published, ..settings::thresholds(config) },
            tracked: chosen.tracked,
            track_low_score: tracking.low_score,
            obstacle_score: settings::obstacle_score(config),
            way_m: config.corridor_length_m,
        };
        Self {
            choice,
            score_threshold: bounds.published.score,
            blind_check: BlindCheck::new(settings::blindness(config)),
            perceive: Perceive::new(detector, bounds, Tracker::new(tracking)),
            world: World::new(),
            planner: Planner::new(planning, Arc::clone(&model)),
            advice: Advice::new(config),
            reset_ns,
            model,
            previous: None,
            announced: None,
            messages: Messages::default(),
            canvas: None,
        }
    }

    /// Forgets what it has seen and begins again at `stop`, as after a pause of any length: tracks, things, the plan and
    /// what was proposed. Labels are announced again; prompts stay. Track ids and the plan's sequence go on.
    pub fn begin_anew(&mut self) {
        self.forget();
        self.previous = None;
        self.announced = None;
    }

    fn forget(&mut self) {
        self.blind_check.reset();
        self.perceive.reset();
        self.world.reset();
        self.planner.reset();
        self.advice.reset();
    }

    /// Looks for other things from the next image on: one call between two images changes labels, class masks and
    /// obstacles together, or nothing. The next image announces the labels with the raised version before its
    /// detections; nothing under the old labels leaves after this. Cheap: the words are encoded already, see
    /// [`Prompter`](crate::config::assembly::Prompter).
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

    /// Replaces `out` by the boxes of a picture that would be published. It belongs to no camera: nothing is said of it,
    /// and the next moment finds everything as it was. To try the model on a picture.
    ///
    /// # Errors
    /// [`ZooError`] as of a frame's.
    pub fn look(&mut self, image: &ImageView, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        self.perceive.look(image, out)
    }

    /// One moment: perceives, plans and encodes. What is said is borrowed until the next frame; nothing is sent here.
    ///
    /// # Errors
    /// [`FrameError`] costs this frame: nothing is said of it, and the next one may do.
    pub fn frame<'a>(&'a mut self, moment: &'a Moment<'_>, wanted: Wanted) -> Result<Said<'a>, FrameError> {
        let Moment { frame, base_frame, motion, .. } = moment;
        let stamp = frame.stamp();
        self.check_order(stamp)?;
        self.blind_check.look(stamp, &frame.value().image)?;
        self.perceive.frame(frame)?;
        self.previous = Some(stamp);
        self.planner.set_base_frame(base_frame);
        let scene = self.perceive.scene();
        let labels = self.perceive.detector().labels();
        self.world.update(&frame.as_ref().map(|_| scene), *motion);
        let things = self.world.things();
        let advised = self.advice.frame(frame, scene, things, labels, *motion, &mut self.planner);
        let plan = advised.plan;

        let header = HeaderRef::from(frame);
        let messages = &mut self.messages;
        messages.clear();
        if self.announced != Some(labels.version()) {
            messages.say(Output::LabelInfo, |cdr| {
                wire::vision_msgs::encode_label_info(cdr, header, labels, self.score_threshold);
            });
            let version = i32::try_from(labels.version()).unwrap_or(i32::MAX);
            messages.say(Output::VisionInfo, |cdr| {
                wire::vision_msgs::encode_vision_info(cdr, header, &self.model, Output::LabelInfo.name(), version);
            });
            self.announced = Some(labels.version());
        }
        messages.say(Output::Detections, |cdr| {
            wire::vision_msgs::encode_detections(cdr, &frame.as_ref().map(|_| scene), labels);
        });
        if let Some(record) = &advised.proposal {
            messages.say(Output::Proposal, |cdr| wire::vedette_msgs::encode_proposal(cdr, header, record));
        }
        messages.say(Output::Plan, |cdr| wire::vedette_msgs::encode_plan(cdr, &plan, labels));
        messages.say(Output::Path, |cdr| {
            wire::nav_msgs::encode_path(cdr, &plan.as_ref().map(|plan| plan.path.as_slice()));
        });
        if wanted.image_annotated {
            let image = &frame.value().image;
            let canvas = self.canvas.get_or_insert_with(|| Canvas::new(image));
            canvas.draw(image, scene, labels, plan.value());
            let view = canvas.view().map_err(WireError::from)?;
            messages.say(Output::ImageAnnotated, |cdr| wire::sensor_msgs::encode_image(cdr, header, &view));
        }
        let report = FrameReport {
            stamp,
            detections: scene.detections.len(),
            tracks: scene.tracks.len(),
            decision: plan.value().decision,
            located: frame.value().camera.is_some(),
            proposal: advised.proposal.map(|record| record.status),
        };
        Ok(Said { report, messages, scene, labels, plan: plan.value(), base_frame })
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

    /// Makes a job of the next image about somebody's own question, before what the triggers ask; a running job is
    /// finished first. A question that was asked before and has no job yet gives way. An answer in words goes back with
    /// [`take_back`](Self::take_back), one that was to be a proposal with [`propose`](Self::propose). False where
    /// nobody is there to be asked.
    pub fn ask(&mut self, inquiry: Inquiry, asker: Asker) -> bool {
        self.advice.ask(inquiry, asker)
    }

    /// The question with this number is no longer wanted. A job that was taken is not touched.
    pub fn withdraw(&mut self, id: u64) {
        self.advice.withdraw(id);
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

    /// As [`proof`](Self::proof), for every session that the detector runs now, by the role of its graph.
    pub fn proofs(&self) -> Vec<(&'static str, &Proof)> {
        self.perceive.detector().proofs()
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
                self.forget();
                Ok(())
            }
            Some(previous) if stamp <= previous => Err(FrameError::OutOfOrder { stamp, previous }),
            _ => Ok(()),
        }
    }
}
