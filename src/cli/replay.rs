//! `vedette replay`: bags in, MCAP and report out, no ROS.

use super::Outcome;
use super::ending::{Ending, UntilAsked};
use super::parameter_args::ParameterArgs;
use super::pictures::Pictures;
use super::replay_summary::Summary;
use anyhow::{Context, Result};
use clap::error::ErrorKind;
use indicatif::{ProgressBar, ProgressStyle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::IsTerminal;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Instant;
use vedette::bag::{BagSource, McapSink, OutFile, Source, TopicInfo};
use vedette::config::assembly::{load_model, load_reason_model};
use vedette::config::{CameraName, Names, NodeName, RemapRule};
use vedette::pipeline::{
    FrameError, Input, Intakes, Moment, Outlet, Output, OutputError, Outputs, Pace, Reason, Remark, Said, Walk,
    unused_rules,
};
use vedette::replay::{
    Beside, Footage, Limited, Rate, Repeats, ReplayError, ReplayObserver, ReplayTopics, replay_beside,
};
use vedette::types::{PromptError, Prompts, Stamp};
use vedette::wire::schema::message_definition;

/// Run the node's walk over recorded bags: no ROS, no clock, the same bytes every time.
///
/// Ctrl-C (SIGINT, SIGTERM) finishes the results and prints the report, exit code 130; a second one ends at once.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// rosbag2 folders, `.mcap` or `.db3` files (zstd too); several are merged by log time. Or one folder of pictures,
    /// one picture or one video of JPEGs (AVI).
    #[arg(required = true, value_name = "BAG")]
    bags: Vec<PathBuf>,
    #[command(flatten)]
    parameters: ParameterArgs,
    /// Feed an input from another topic, in ROS's words: `--remap image:=/camera/image`.
    #[arg(long = "remap", short = 'r', value_name = "FROM:=TO")]
    remaps: Vec<RemapRule>,
    /// Pictures per second, of footage that is no bag; default: a video's own, 10 for pictures.
    #[arg(long, value_name = "RATE")]
    fps: Option<Rate>,
    /// The camera's calibration, a YAML file of camera_calibration: the parameter `camera_info_file`.
    #[arg(long, value_name = "FILE")]
    camera_info: Option<PathBuf>,
    /// What to look for, in words: `--prompts "pedestrian; delivery van"`. In place of the parameter `prompts`.
    #[arg(long, value_name = "WORDS", value_parser = parse_prompts)]
    prompts: Option<Prompts>,
    /// Where to write the results; default: `<bag>_vedette.mcap` in the working folder. Earlier results are replaced,
    /// other files are not.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace any file that has the name of the results or of a picture.
    #[arg(long)]
    force: bool,
    /// Write no results: only the report.
    #[arg(long, conflicts_with = "out")]
    discard: bool,
    /// Stop after so many images.
    #[arg(long, value_name = "IMAGES")]
    limit: Option<NonZeroU64>,
    /// Record `~/image_annotated` too.
    #[arg(long, conflicts_with = "discard")]
    annotate: bool,
    /// Record `~/markers` too: what stands around the robot, for 3D views.
    #[arg(long, conflicts_with = "discard")]
    markers: bool,
    /// Record `~/image_annotations` too: what is drawn on the pictures, for viewers that draw it over the image.
    #[arg(long, conflicts_with = "discard")]
    image_annotations: bool,
    /// Draw annotated pictures (JPEG, named by stamp) into this folder.
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
    /// Draw only every so many frames.
    #[arg(long, value_name = "FRAMES", default_value = "10", requires = "pictures")]
    every: NonZeroU64,
    /// Leave out what was changed while the bag was recorded: parameters and prompts stay as they are given here.
    #[arg(long)]
    ignore_events: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[expect(clippy::disallowed_methods, reason = "the edge: how long the replay took is told, and never recorded")]
pub fn run(args: Args) -> Result<Outcome> {
    let mut config = args.parameters.load()?;
    if let Some(prompts) = &args.prompts {
        for hint in prompts.texts().filter_map(Prompts::comma_hint) {
            tracing::warn!("--prompts: {hint}");
        }
        config.prompts = prompts.texts().map(str::to_owned).collect();
    }
    if let Some(file) = &args.camera_info {
        config.camera_info_file.clone_from(file);
    }
    let names = Names::new(NodeName::default(), &args.remaps);
    for rule in unused_rules(&names, &args.remaps, &config.camera_names()) {
        tracing::warn!("{rule}");
    }
    allow_many_files();
    let mut source = open(&args, &names)?;
    let path = args.out.clone().unwrap_or_else(|| default_out(&args.bags[0]));
    if !args.discard {
        refuse_to_replace(&args.bags, &path)?;
        OutFile::check(&path, McapSink::replace(args.force))?;
    }
    let topics = ReplayTopics::choose_for(source.topics(), &names, &config)
        .map_err(|error| with_damage(error, source.as_dyn()))?
        .with_proposals(source.topics(), &names.resolve(Output::Proposal.name()));
    let topics = if args.ignore_events {
        topics
    } else {
        topics.with_events(source.topics(), &names.resolve(Output::Events.name()))
    };
    // Before the model, which may take long, and before the results' file is begun: a topic that cannot be read ends here,
    // and a calibration.
    source.as_dyn_mut().select(&topics.names())?;
    let cameras = config.camera_names();
    let images_of = topics.images();
    let mut intakes = Intakes::open(&config, &images_of)?;
    let is_picture = |topic: &&TopicInfo| images_of.contains(&topic.name.as_str());
    let images = source.topics().iter().filter(is_picture).map(|topic| topic.messages).sum::<Option<u64>>();
    let mut taken = topics.why(source.topics(), &names, &cameras);
    for camera in &cameras {
        let file = config.of_camera(camera).camera_info_file;
        let of_camera = taken.iter_mut().filter(|taken| taken.input == Input::CameraInfo.name_for(camera));
        for taken in of_camera.filter(|_| !file.as_os_str().is_empty()) {
            taken.why = format!("{} serves", file.display());
        }
    }
    source.warn_of_unused(&topics);

    let mut model = load_model(&config)?;
    for (role, proof) in model.proofs() {
        tracing::info!("{role} of {}: {proof}", model.name);
    }
    let mut walk = Walk::prompted(&config, model.detector, &model.name, model.prompts)?;
    let mut reason = match &topics.proposal {
        Some(topic) => {
            tracing::info!("proposals are those of {topic}, no reason model runs");
            None
        }
        None => load_reason_model(&config)?.map(|loaded| {
            for (role, proof) in loaded.model.proofs() {
                tracing::info!("{role} of {}: {proof}", loaded.name);
            }
            Reason::new(loaded.model, &loaded.name)
        }),
    };

    // Before the results' file is begun: nothing of it is left when this fails.
    let pictures = args
        .pictures
        .as_deref()
        .map(|folder| Pictures::create(folder, args.every.get(), args.force, &cameras))
        .transpose()?;
    let ending = Ending::listen()?;
    let mut recording =
        if args.discard { Recording::Discarded } else { Recording::create(&path, &args, &names, &cameras)? };
    if !args.json {
        taken.iter().for_each(|taken| say!("{taken}"));
    }
    let mut watcher = Watcher {
        pictures,
        progress: progress_bar(images.map(|count| count.min(args.limit.map_or(u64::MAX, NonZeroU64::get)))),
        failure: None,
        told: Repeats::default(),
        pace: Pace::new(&config),
    };
    let began = Instant::now();
    let mut source = UntilAsked { source: source.as_dyn_mut(), ending: &ending };
    let mut source = Limited::new(&mut source, &images_of, args.limit);
    let outputs = recording.as_outputs();
    let beside = Beside { reason: reason.as_mut(), prompter: Some(&mut model.prompter) };
    let result = replay_beside(&mut source, &topics, &mut intakes, &mut walk, beside, outputs, &mut watcher);
    let took = began.elapsed();
    watcher.progress.finish_and_clear();
    watcher.tell_untold();
    let result = watcher.failure.take().map_or_else(|| result.map_err(Into::into), Err);
    let report = result.with_context(|| recording.left())?;
    let results = recording.finish()?;

    let interrupted = ending.is_asked();
    // As it is at the end: a provider may have been left on the way.
    let proof = walk.proof().to_string();
    let lost = report.has_loss();
    let summary = Summary {
        report: &report,
        topics: &topics,
        taken: &taken,
        proof: &proof,
        results: results.as_deref(),
        took,
        interrupted,
    };
    summary.print(args.json, watcher.pictures.as_ref())?;
    anyhow::ensure!(
        interrupted || report.processed > 0,
        "no image could be processed: {} were read from {}, {}",
        report.images,
        topics.images().join(", "),
        if lost { "what was lost is named above" } else { "which has none" }
    );
    Ok(match (interrupted, lost) {
        (true, _) => Outcome::Interrupted,
        (false, true) => Outcome::WithLoss,
        (false, false) => Outcome::Done,
    })
}

fn parse_prompts(text: &str) -> Result<Prompts, PromptError> {
    Prompts::parse(text, 1)
}

/// Asks for as many open files as a day of splits has: processes begin with 1024 that they may open.
fn allow_many_files() {
    const FILES: u64 = 65_536;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(FILES, |maximum| maximum.min(FILES));
    if current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::warn!("no more than {current:?} files may be open: {error}");
    }
}

/// What is replayed.
enum Recorded {
    Bags(Box<BagSource>),
    Footage(Box<Footage>),
}

fn open(args: &Args, names: &Names) -> Result<Recorded> {
    let conflict = |message: String| clap::Error::raw(ErrorKind::ArgumentConflict, message);
    let image = names.resolve_input(Input::Image.name());
    for path in &args.bags {
        let Some(footage) = Footage::open(path, &image, args.fps)? else { continue };
        if args.bags.len() > 1 {
            let message = format!("{} is footage of its own, expected nothing beside it\n", path.display());
            return Err(conflict(message).into());
        }
        return Ok(Recorded::Footage(Box::new(footage)));
    }
    let bags = BagSource::open(&args.bags)?;
    if args.fps.is_some() {
        return Err(conflict("--fps is for pictures and videos, a bag has its own stamps\n".to_owned()).into());
    }
    Ok(Recorded::Bags(Box::new(bags)))
}

impl Recorded {
    fn as_dyn(&self) -> &dyn Source {
        match self {
            Self::Bags(bags) => &**bags,
            Self::Footage(footage) => &**footage,
        }
    }

    fn as_dyn_mut(&mut self) -> &mut dyn Source {
        match self {
            Self::Bags(bags) => &mut **bags,
            Self::Footage(footage) => &mut **footage,
        }
    }

    fn topics(&self) -> &[TopicInfo] {
        self.as_dyn().topics()
    }

    /// A bag given in vain, or one whose topics have other names.
    fn warn_of_unused(&self, topics: &ReplayTopics) {
        let Self::Bags(bags) = self else { return };
        for path in bags.without(&topics.names()) {
            tracing::warn!("nothing of {} is used: it has none of the topics that are read", path.display());
        }
    }
}

/// `data/vtest` and `data/vtest.mcap` give `vtest_vedette.mcap`.
fn default_out(bag: &Path) -> PathBuf {
    let stem = bag.file_stem().map_or_else(|| "bag".into(), |stem| stem.to_string_lossy());
    PathBuf::from(format!("{stem}_vedette.mcap"))
}

/// The error with what may have hidden a topic.
fn with_damage(error: ReplayError, bag: &dyn Source) -> anyhow::Error {
    let losses: Vec<String> = bag.losses().iter().map(ToString::to_string).collect();
    let error = anyhow::Error::from(error);
    if losses.is_empty() { error } else { error.context(format!("the bag is damaged ({})", losses.join("; "))) }
}

/// The results must not take the place of a recording: neither a bag's file nor a file in a bag's folder.
fn refuse_to_replace(bags: &[PathBuf], out: &Path) -> Result<()> {
    let Ok(out_real) = out.canonicalize() else { return Ok(()) };
    for bag in bags {
        let is_in_bag = bag.canonicalize().is_ok_and(|bag| out_real.starts_with(bag));
        anyhow::ensure!(!is_in_bag, "--out {} is a file of the bag {}, expected another", out.display(), bag.display());
    }
    Ok(())
}

/// Only for a person who watches.
fn progress_bar(images: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = images.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} images, {per_sec}, {eta} left, {msg}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The file of the results, or nothing.
enum Recording {
    Written { sink: Box<McapSink>, path: PathBuf },
    Discarded,
}

impl Recording {
    fn create(path: &Path, args: &Args, names: &Names, cameras: &[CameraName]) -> Result<Self> {
        let wanted = |output: &Output| match output {
            Output::ImageAnnotated => args.annotate,
            Output::Markers => args.markers,
            Output::ImageAnnotations => args.image_annotations,
            _ => true,
        };
        let outputs: Vec<Output> = Output::ALL.into_iter().filter(wanted).collect();
        let replace = McapSink::replace(args.force);
        let outlets = Output::outlets(&outputs, cameras.len());
        let topic_of = |outlet: Outlet| names.resolve(&outlet.name(cameras));
        let missing = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let sink = McapSink::create(path, replace, &outlets, topic_of, message_definition)?;
        if let Some(folder) = missing {
            tracing::warn!("the folder {} was not there, it is made for the results", folder.display());
        }
        Ok(Self::Written { sink: Box::new(sink), path: path.to_owned() })
    }

    fn as_outputs(&mut self) -> &mut dyn Outputs {
        match self {
            Self::Written { sink, .. } => &mut **sink,
            Self::Discarded => self,
        }
    }

    /// What a replay that failed leaves.
    fn left(&self) -> String {
        match self {
            Self::Written { sink, .. } => {
                format!("the replay ended early, {} holds its results", sink.partial().display())
            }
            Self::Discarded => "the replay ended early".to_owned(),
        }
    }

    /// Gives the file its name.
    fn finish(self) -> Result<Option<PathBuf>> {
        match self {
            Self::Written { sink, path } => {
                sink.finish()?;
                Ok(Some(path))
            }
            Self::Discarded => Ok(None),
        }
    }
}

/// Where discarded results go.
impl Outputs for Recording {
    fn put(&mut self, _: Outlet, _: Stamp, _: &[u8]) -> Result<(), OutputError> {
        Ok(())
    }

    fn wants(&self, outlet: Outlet) -> bool {
        !outlet.output.is_on_demand()
    }
}

/// Draws, shows progress and logs losses, those that repeat once and with their count at the end.
struct Watcher {
    pictures: Option<Pictures>,
    progress: ProgressBar,
    failure: Option<anyhow::Error>,
    told: Repeats,
    pace: Pace,
}

impl Watcher {
    fn tell_untold(&self) {
        for kind in self.told.kinds().iter().filter(|kind| kind.untold() > 0) {
            tracing::warn!("{} lost {} times more: {}", kind.cause, kind.untold(), kind.told[0]);
        }
    }
}

impl ReplayObserver for Watcher {
    fn frame(&mut self, moment: &Moment<'_>, said: &Said<'_>) -> bool {
        self.progress.inc(1);
        self.progress.set_message(said.report().decision.as_str());
        for warning in self.pace.warnings(moment.stamp()) {
            self.progress.suspend(|| tracing::warn!("{warning}"));
        }
        if let Some(pictures) = &mut self.pictures {
            self.failure = pictures.frame(said.camera(), &said.view()).err();
        }
        self.failure.is_none()
    }

    fn lost(&mut self, input: Input, error: &FrameError) {
        let words = error.to_string();
        if self.told.count(input.name(), &words) {
            self.progress.suspend(|| tracing::warn!("{} lost: {words}", input.name()));
        }
    }

    fn remarked(&mut self, remark: &Remark) {
        self.progress.suspend(|| tracing::warn!("{remark}"));
    }
}
