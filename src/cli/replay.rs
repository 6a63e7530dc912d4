//! `vedette replay`: bags in, MCAP and report out, no ROS.

use super::Outcome;
use super::ending::{Ending, UntilAsked};
use super::parameter_args::ParameterArgs;
use super::pictures::Pictures;
use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::io::IsTerminal;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vedette::bag::{BagSource, McapSink, OutFile, Source};
use vedette::config::assembly::{load_model, load_reason_model};
use vedette::config::{Names, NodeName, RemapRule};
use vedette::pipeline::{FrameError, Input, Intake, Moment, Output, OutputError, Outputs, Reason, Said, Walk};
use vedette::replay::{Limited, ReplayError, ReplayObserver, ReplayReport, ReplayTopics, replay_reasoning};
use vedette::types::{PromptError, Prompts, Stamp};
use vedette::wire::schema::message_definition;

/// Run the node's walk over recorded bags: no ROS, no clock, the same bytes every time.
///
/// Ctrl-C (SIGINT, SIGTERM) finishes the results and prints the report, exit code 130; a second one ends at once.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// rosbag2 folders, `.mcap` or `.db3` files (zstd too); several are merged by log time.
    #[arg(required = true, value_name = "BAG")]
    bags: Vec<PathBuf>,
    #[command(flatten)]
    parameters: ParameterArgs,
    /// Feed an input from another topic, in ROS's words: `--remap image:=/camera/image`.
    #[arg(long = "remap", short = 'r', value_name = "FROM:=TO")]
    remaps: Vec<RemapRule>,
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
    /// Draw annotated pictures (JPEG, named by stamp) into this folder.
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,
    /// Draw only every so many frames.
    #[arg(long, value_name = "FRAMES", default_value = "10", requires = "pictures")]
    every: NonZeroU64,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[expect(clippy::disallowed_methods, reason = "the edge: how long the replay took is told, and never recorded")]
pub fn run(args: Args) -> Result<Outcome> {
    let mut config = args.parameters.load()?;
    if let Some(prompts) = &args.prompts {
        config.prompts = prompts.texts().map(str::to_owned).collect();
    }
    let names = Names::new(NodeName::default(), &args.remaps);
    let mut bag = BagSource::open(&args.bags)?;
    let path = args.out.clone().unwrap_or_else(|| default_out(&args.bags[0]));
    if !args.discard {
        refuse_to_replace(&args.bags, &path)?;
        OutFile::check(&path, McapSink::replace(args.force))?;
    }
    let topics = ReplayTopics::choose_by(bag.topics(), &names, config.image_transport)
        .map_err(|error| with_damage(error, &bag))?
        .with_proposals(bag.topics(), &names.resolve(Output::Proposal.name()));
    let images = bag.topics().iter().find(|topic| topic.name == topics.image).and_then(|topic| topic.messages);

    let model = load_model(&config)?;
    tracing::info!("{}", model.detector.proof());
    let proof = model.detector.proof().to_string();
    let mut walk = Walk::prompted(&config, model.detector, &model.name, model.prompts)?;
    let mut intake = Intake::new(&config);
    let mut reason = match &topics.proposal {
        Some(topic) => {
            tracing::info!("proposals are those of {topic}, no reason model runs");
            None
        }
        None => load_reason_model(&config)?.map(|loaded| Reason::new(loaded.model, &loaded.name)),
    };

    // Before the results' file is begun: nothing of it is left when this fails.
    let pictures =
        args.pictures.as_deref().map(|folder| Pictures::create(folder, args.every.get(), args.force)).transpose()?;
    let ending = Ending::listen()?;
    let mut recording = if args.discard { Recording::Discarded } else { Recording::create(&path, &args, &names)? };
    let mut watcher = Watcher {
        pictures,
        progress: progress_bar(images.map(|count| count.min(args.limit.map_or(u64::MAX, NonZeroU64::get)))),
        failure: None,
    };
    let began = Instant::now();
    let mut source = UntilAsked { source: &mut bag, ending: &ending };
    let mut source = Limited::new(&mut source, &topics.image, args.limit);
    let outputs = recording.as_outputs();
    let result = replay_reasoning(&mut source, &topics, &mut intake, &mut walk, reason.as_mut(), outputs, &mut watcher);
    let took = began.elapsed();
    watcher.progress.finish_and_clear();
    let result = watcher.failure.take().map_or_else(|| result.map_err(Into::into), Err);
    let report = result.with_context(|| recording.left())?;
    let results = recording.finish()?;

    let interrupted = ending.is_asked();
    let lost = report.has_loss();
    let summary =
        Summary { report: &report, topics: &topics, proof: &proof, results: results.as_deref(), took, interrupted };
    summary.print(args.json, watcher.pictures.as_ref())?;
    Ok(match (interrupted, lost) {
        (true, _) => Outcome::Interrupted,
        (false, true) => Outcome::WithLoss,
        (false, false) => Outcome::Done,
    })
}

fn parse_prompts(text: &str) -> Result<Prompts, PromptError> {
    Prompts::parse(text, 1)
}

/// `data/vtest` and `data/vtest.mcap` give `vtest_vedette.mcap`.
fn default_out(bag: &Path) -> PathBuf {
    let stem = bag.file_stem().map_or_else(|| "bag".into(), |stem| stem.to_string_lossy());
    PathBuf::from(format!("{stem}_vedette.mcap"))
}

/// The error with what may have hidden a topic.
fn with_damage(error: ReplayError, bag: &BagSource) -> anyhow::Error {
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
    fn create(path: &Path, args: &Args, names: &Names) -> Result<Self> {
        let wanted = |output: &Output| *output != Output::ImageAnnotated || args.annotate;
        let outputs: Vec<Output> = Output::ALL.into_iter().filter(wanted).collect();
        let replace = McapSink::replace(args.force);
        let topic_of = |output: Output| names.resolve(output.name());
        let sink = McapSink::create(path, replace, &outputs, topic_of, message_definition)?;
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
    fn put(&mut self, _: Output, _: Stamp, _: &[u8]) -> Result<(), OutputError> {
        Ok(())
    }

    fn wants(&self, output: Output) -> bool {
        output != Output::ImageAnnotated
    }
}

/// Draws, shows progress and logs losses.
struct Watcher {
    pictures: Option<Pictures>,
    progress: ProgressBar,
    failure: Option<anyhow::Error>,
}

impl ReplayObserver for Watcher {
    fn frame(&mut self, moment: &Moment<'_>, said: &Said<'_>) -> bool {
        self.progress.inc(1);
        self.progress.set_message(said.report().decision.as_str());
        if let Some(pictures) = &mut self.pictures {
            self.failure = pictures.frame(moment, said).err();
        }
        self.failure.is_none()
    }

    fn lost(&mut self, input: Input, error: &FrameError) {
        let warn = || tracing::warn!("{} lost: {error}", input.name());
        self.progress.suspend(warn);
    }
}

/// What is said at the end.
struct Summary<'a> {
    report: &'a ReplayReport,
    topics: &'a ReplayTopics,
    proof: &'a str,
    results: Option<&'a Path>,
    took: Duration,
    interrupted: bool,
}

impl Summary<'_> {
    fn print(&self, as_json: bool, pictures: Option<&Pictures>) -> Result<()> {
        let Self { report, topics, proof, results, took, interrupted } = self;
        let frames_per_s = report.processed as f64 / took.as_secs_f64().max(1e-9);
        let span_s = report.span.map_or(0.0, |(first, last)| last.seconds_since(first));
        if as_json {
            let summary = json!({
                "interrupted": interrupted,
                "images": report.images,
                "processed": report.processed,
                "lost": report.lost,
                "blind": report.blind,
                "source_losses": report.source_losses,
                "detections": report.detections,
                "decisions": report.decisions,
                "proposals": report.proposals,
                "first_stamp_ns": report.span.map(|(first, _)| first.as_ns()),
                "last_stamp_ns": report.span.map(|(_, last)| last.as_ns()),
                "topics": { "image": topics.image, "camera_info": topics.camera_info, "odom": topics.odom, "proposal": topics.proposal },
                "proof": proof,
                "results": results,
                "pictures": pictures.map(Pictures::written),
                "seconds": took.as_secs_f64(),
                "frames_per_s": frames_per_s,
            });
            println!("{}", serde_json::to_string(&summary)?);
            return Ok(());
        }
        if *interrupted {
            println!("interrupted by a signal, what follows goes as far as the replay went");
        }
        println!("images      {} of {} processed, {span_s:.1} s of footage", report.processed, report.images);
        println!("speed       {frames_per_s:.1} frames/s, {:.1} s", took.as_secs_f64());
        println!("provider    {proof}");
        println!("detections  {}", report.detections);
        let decisions: Vec<String> =
            report.decisions.iter().map(|(decision, frames)| format!("{decision} {frames}")).collect();
        println!("decisions   {}", decisions.join(", "));
        if !report.proposals.is_empty() {
            let proposals: Vec<String> =
                report.proposals.iter().map(|(status, answers)| format!("{status} {answers}")).collect();
            println!("proposals   {}", proposals.join(", "));
        }
        for (cause, count) in &report.lost {
            println!("lost        {count} x {cause}");
        }
        for (cause, count) in &report.blind {
            println!("blind       {count} x {cause}");
        }
        for loss in &report.source_losses {
            println!("lost        {loss}");
        }
        if let Some(pictures) = pictures {
            println!("pictures    {}", pictures.written());
        }
        if let Some(results) = results {
            println!("results     {}", results.display());
        }
        Ok(())
    }
}
