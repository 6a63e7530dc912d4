//! The walk of all cameras: from complete moments to messages, the same bytes live and replayed.

use super::events::Events;
use super::intake::Moment;
use super::loss::FrameError;
use super::perceive::{Bounds, Eye, Perceive};
use super::reason::advice::Advice;
use super::reason::{Asker, Inquiry, Proposed, ReasonJob};
use super::said::{FrameReport, Messages, Said, Wanted};
use super::shown::{FrameView, Strip, WorldMarkers};
use super::topics::Output;
use crate::config::Config;
use crate::config::assembly::class_choice::{ChosenClasses, ClassChoice, ClassError};
use crate::config::assembly::{PromptsRefused, settings};
use crate::infer::Proof;
use crate::planning::{Planner, PlanningParams};
use crate::types::{CameraId, Detection, FrameId, ImageView, Labels, Plan, Scene, Stamp};
use crate::vision::draw::Caption;
use crate::wire::{self, HeaderRef, WireError};
use crate::world::World;
use crate::zoo::{Detector, EncodedPrompts, Thresholds, ZooError};
use std::sync::Arc;

/// How much longer than a fresh frame its markers live: a node that went silent shows nothing any more.
const MARKERS_OUTLIVE_NS: i64 = 500_000_000;

/// The walk of a node's cameras: one model, one world, one plan. Owned by one thread; asks no clock and no ROS.
pub struct Walk {
    config: Config,
    events: Events,
    perceive: Perceive,
    /// By camera.
    eyes: Vec<Eye>,
    /// Whose frame was the last.
    last: CameraId,
    world: World,
    planner: Planner,
    choice: ClassChoice,
    /// So many of the labels are prompts.
    prompts: usize,
    advice: Advice,
    reset_ns: i64,
    score_threshold: f32,
    model: Arc<str>,
    announced: Option<u32>,
    messages: Messages,
    markers: WorldMarkers,
}

/// Why a frame is not processed, and is no loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedOver {
    /// Parameter `enabled` is false.
    Paused,
    /// It came sooner than parameter `max_rate_hz` wants it.
    TooSoon,
}

impl PassedOver {
    /// A short, stable name, for counters and reports.
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::TooSoon => "passed_over",
        }
    }
}

/// What is known of a frame before it is processed.
#[derive(Debug)]
pub struct Entered<'a> {
    /// The events that it is the first to be governed by, as messages of [`Output::Events`].
    pub events: &'a [Vec<u8>],
    /// Why it is not to be processed, if it is not.
    pub passed_over: Option<PassedOver>,
}

impl Walk {
    /// A walk with the parameters of `config` over a detector that is ready to run; `model` is its name.
    ///
    /// # Errors
    /// When `classes` or `obstacle_classes` name a class that the model does not have.
    pub fn new(config: &Config, detector: Box<dyn Detector>, model: &str) -> Result<Self, ClassError> {
        let choice = ClassChoice::new(config, detector.labels().clone());
        let chosen = choice.among(detector.labels(), 0)?;
        Ok(Self::with(config, detector, model, choice, 0, chosen))
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
        let count = prompts.prompts;
        let chosen = choice.among(&prompts.labels, count)?;
        detector.set_prompts(prompts)?;
        Ok(Self::with(config, detector, model, choice, count, chosen))
    }

    fn with(
        config: &Config,
        detector: Box<dyn Detector>,
        model: &str,
        choice: ClassChoice,
        prompts: usize,
        chosen: ChosenClasses,
    ) -> Self {
        let model: Arc<str> = Arc::from(model);
        let Settings { bounds, planning } = Settings::new(config, chosen);
        let eyes = Eye::of_all(config);
        Self {
            events: Events::new(config.entries()),
            choice,
            prompts,
            score_threshold: bounds.published.score,
            perceive: Perceive::new(detector, bounds),
            world: World::of(eyes.len(), settings::ns_from_ms(config.max_age_ms)),
            eyes,
            last: CameraId(0),
            planner: Planner::new(planning, Arc::clone(&model)),
            advice: Advice::new(config),
            reset_ns: settings::ns_from_ms(config.stamp_reset_ms),
            model,
            announced: None,
            messages: Messages::default(),
            markers: WorldMarkers::default(),
            config: config.clone(),
        }
    }

    /// Forgets what it has seen and begins again at `stop`, as after a pause of any length: tracks, things, the plan and
    /// what was proposed. Labels are announced again; prompts stay. Track ids and the plan's sequence go on.
    pub fn begin_anew(&mut self) {
        self.forget();
        self.announced = None;
        self.events.start(self.config.entries());
    }

    fn forget(&mut self) {
        for eye in &mut self.eyes {
            eye.forget();
            eye.previous = None;
        }
        self.world.reset();
        self.planner.reset();
        self.advice.reset();
    }

    /// Other parameters hold from the next image on: all of them, or nothing changes. Those that hold from the load on
    /// ([`When::Inactive`](crate::config::When::Inactive)) are taken as they are and have no effect. Where `prompts` differ,
    /// they come encoded, see [`Prompter`](crate::config::assembly::Prompter): that is what takes time, this is cheap.
    ///
    /// The change is an event: see [`enter`](Self::enter). Tracks, things, what is held and proposals stay, with one
    /// exception. Under other prompts the classes of the tracks are of the old set; they begin anew, and with them the plan,
    /// at `stop`: it goes on when the way was found clear for `clear_after_ms` again. A proposal that was held is about the
    /// old set and goes too. The next image announces the labels with the raised version before its detections; nothing
    /// under the old labels leaves after this. What `classes` and `obstacle_classes` mean under prompts: prompts are
    /// published whatever `classes` says, which names the model's own classes beside them; and all prompts are obstacles as
    /// soon as `obstacle_classes` names a class of the model.
    ///
    /// # Errors
    /// [`PromptsRefused`] when `classes` or `obstacle_classes` names neither a prompt nor a class of the model, and when the
    /// detector does not take the prompts. Everything then stays.
    pub fn change(&mut self, config: &Config, prompts: Option<EncodedPrompts>) -> Result<(), PromptsRefused> {
        let choice = self.choice.changed(config);
        let (labels, count) = match &prompts {
            Some(prompts) => (&prompts.labels, prompts.prompts),
            None => (self.labels(), self.prompts),
        };
        let Settings { bounds, planning } = Settings::new(config, choice.among(labels, count)?);
        if let Some(prompts) = prompts {
            self.perceive.set_prompts(prompts)?;
            self.eyes.iter_mut().for_each(Eye::forget_classes);
            self.world.reset();
            self.planner.reset();
            self.advice.reset();
        }
        if self.score_threshold != bounds.published.score {
            // It is part of what is announced.
            self.announced = None;
        }
        (self.score_threshold, self.choice, self.prompts) = (bounds.published.score, choice, count);
        self.perceive.change(bounds, settings::matching(config));
        self.eyes.iter_mut().for_each(|eye| eye.change(config));
        self.world.set_max_age(settings::ns_from_ms(config.max_age_ms));
        self.planner.set_params(planning);
        self.advice.change(config);
        self.reset_ns = settings::ns_from_ms(config.stamp_reset_ms);
        self.events.changed(self.config.difference(config));
        self.config.clone_from(config);
        Ok(())
    }

    /// As [`change`](Self::change), with nothing but the parameter `prompts`.
    ///
    /// # Errors
    /// As [`change`](Self::change).
    pub fn set_prompts(&mut self, prompts: EncodedPrompts) -> Result<(), PromptsRefused> {
        let texts = prompts.labels.names().take(prompts.prompts).map(str::to_owned).collect();
        self.change(&Config { prompts: texts, ..self.config.clone() }, Some(prompts))
    }

    /// The parameters in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A frame of this camera, stamp and frame_id comes, those of a camera in the order of their stamps: what is to be said
    /// of it whatever becomes of it, and whether [`frame`](Self::frame) is to have it, by the parameters `enabled` and
    /// `max_rate_hz`. Nothing is allocated while nothing changes.
    pub fn enter(&mut self, camera: CameraId, stamp: Stamp, frame_id: &FrameId) -> Entered<'_> {
        let admits = |eye: &mut Eye| eye.admits(stamp);
        let passed_over = if !self.config.enabled {
            Some(PassedOver::Paused)
        } else {
            (!self.eyes.get_mut(camera.0).is_none_or(admits)).then_some(PassedOver::TooSoon)
        };
        Entered { events: self.events.say(HeaderRef { stamp, frame_id: frame_id.as_str() }), passed_over }
    }

    /// Whether an event waits for a frame.
    pub fn has_events(&self) -> bool {
        self.events.are_due()
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
        let Moment { camera, frame, base_frame, motion, .. } = moment;
        let (camera, stamp) = (*camera, frame.stamp());
        self.check_order(camera, stamp)?;
        let eye = &mut self.eyes[camera.0];
        eye.look(stamp, &frame.value().image)?;
        self.perceive.frame(eye, frame)?;
        eye.previous = Some(stamp);
        self.last = camera;
        self.planner.set_base_frame(base_frame);
        let labels = self.perceive.detector().labels();
        self.world.update(camera, &frame.as_ref().map(|_| &eye.scene), *motion);
        self.world.name(camera, &mut eye.scene);
        let Eye { scene, shown, .. } = eye;
        let scene = &*scene;
        let advised = self.advice.frame(moment, scene, self.world.around(), labels, &mut self.planner);
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
        let (strip, plan) = (Strip::of(&self.config), plan.value());
        let view = FrameView { frame, scene, labels, things: self.world.things(), plan, base_frame, strip };
        if wanted.markers {
            let lifetime_ns = settings::ns_from_ms(self.config.max_age_ms).saturating_add(MARKERS_OUTLIVE_NS);
            messages.say(Output::Markers, |cdr| self.markers.encode(cdr, &view, lifetime_ns));
        } else {
            self.markers.forget();
        }
        if wanted.image_annotated || wanted.image_annotations.is_some() {
            shown.follow(&view);
        } else {
            shown.forget();
        }
        if let Some(form) = wanted.image_annotations {
            messages.say(Output::ImageAnnotations, |cdr| shown.annotate(cdr, &view, form));
        }
        if wanted.image_annotated {
            let caption = wanted.age_ns.map_or(Caption::Stamp(stamp), Caption::Age);
            let picture = shown.draw(&view, caption).view().map_err(WireError::from)?;
            messages.say(Output::ImageAnnotated, |cdr| wire::sensor_msgs::encode_image(cdr, header, &picture));
        }
        let report = FrameReport {
            stamp,
            detections: scene.detections.len(),
            tracks: scene.tracks.len(),
            decision: plan.decision,
            located: frame.value().camera.is_some(),
            proposal: advised.proposal.map(|record| record.status),
        };
        Ok(Said { camera, report, messages, view })
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
        &self.eyes[self.last.0].scene
    }

    /// The last frame's plan.
    pub fn plan(&self) -> &Plan {
        self.planner.last()
    }

    /// The frames of a camera go forward in time. A small step back costs the frame; a large one is a source that began again
    /// (a looped bag, a restarted simulation), and tracks and plans begin again with it, those of all cameras.
    fn check_order(&mut self, camera: CameraId, stamp: Stamp) -> Result<(), FrameError> {
        if stamp < Stamp::from_ns(0) {
            return Err(FrameError::BeforeEpoch { stamp });
        }
        if camera.0 >= self.eyes.len() {
            return Err(FrameError::NoCamera { camera, cameras: self.eyes.len() });
        }
        let newest = self.eyes.iter().filter_map(|eye| eye.previous).max();
        if newest.is_some_and(|newest| newest.ns_since(stamp) > self.reset_ns) {
            self.forget();
        }
        match self.eyes[camera.0].previous {
            Some(previous) if stamp <= previous => Err(FrameError::OutOfOrder { stamp, previous }),
            _ => Ok(()),
        }
    }
}

/// What the rooms take of the parameters, for a choice of classes.
struct Settings {
    bounds: Bounds,
    planning: PlanningParams,
}

impl Settings {
    fn new(config: &Config, chosen: ChosenClasses) -> Self {
        let bounds = Bounds {
            published: Thresholds { classes: chosen.published, ..settings::thresholds(config) },
            tracked: chosen.tracked,
            track_low_score: settings::tracking(config).low_score,
            obstacle_score: settings::obstacle_score(config),
            way_m: config.corridor_length_m,
        };
        Self { bounds, planning: PlanningParams { obstacles: chosen.obstacles, ..settings::planning(config) } }
    }
}
