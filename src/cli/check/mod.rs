//! `vedette check`: what this machine can run, and why not.

mod finding;
mod looks;
mod machine;
mod providers;

use super::check_picture::Still;
use super::node;
use super::parameter_args::ParameterArgs;
use super::{Outcome, in_words};
use anyhow::Result;
use finding::{Finding, begin};
use looks::looks;
use serde_json::{Value, json};
use std::env;
use std::path::{Path, PathBuf};
use vedette::config::assembly::{LoadError, LoadedModel, load_camera, load_model, load_reason_model, model_folders};
use vedette::config::{Config, Rectified};
use vedette::infer::{Proof, Provider, Runtime};
use vedette::pipeline::Walk;
use vedette::types::{Detection, Size};
use vedette::zoo::{self, Manifest};

/// Say what this machine can run: ONNX Runtime, ROS, and everything that the node opens with these parameters, each
/// session with the proof of its provider. Exit code 1 when the node could not start.
///
/// It takes as long as the node takes to start: minutes where TensorRT builds engines. A line `note` names something that
/// keeps a provider from running, not the node.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A PNG or JPEG file to try the detector on, in place of a picture of nothing.
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
    #[command(flatten)]
    parameters: ParameterArgs,
    /// Open the detector on each provider by itself too: how long it takes there, and how far its boxes are from the
    /// CPU's. Exit code 1 when no GPU provider runs it.
    #[arg(long)]
    gpu: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let findings = match args.parameters.load() {
        Ok(config) => {
            let mut findings = vec![machine(), runtime()];
            findings.extend(machine::findings());
            findings.extend(camera(&config));
            findings.extend(perception(&config, args.picture.as_deref()));
            findings.extend(reasoning(&config));
            if args.gpu {
                findings.extend(providers::findings(&config, args.picture.as_deref()));
            }
            findings.push(ros());
            findings
        }
        Err(error) => vec![machine(), runtime(), Finding::bad("parameters", in_words(&error)), ros()],
    };
    if args.json {
        let all: Vec<Value> = findings
            .iter()
            .map(|f| json!({ "subject": f.subject, "ok": f.is_good, "text": f.text, "cure": f.cure, "details": f.details }))
            .collect();
        say!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        let width = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or_default();
        for finding in &findings {
            let cure = finding.cure.as_ref().map_or_else(String::new, |cure| format!("; cure: {cure}"));
            say!("{} {:<width$} {}{cure}", finding.state(), finding.subject, finding.text);
        }
    }
    Ok(if findings.iter().all(|finding| finding.is_good) { Outcome::Done } else { Outcome::Refused })
}

fn machine() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text =
        format!("{} {}, {cores} cores, vedette {}", env::consts::OS, env::consts::ARCH, env!("CARGO_PKG_VERSION"));
    Finding::good("machine", text, json!({ "os": env::consts::OS, "arch": env::consts::ARCH, "cores": cores }))
}

fn runtime() -> Finding {
    match Runtime::load(None) {
        Ok(runtime) => {
            let providers: Vec<&str> = runtime.built_in_providers().into_iter().map(Provider::name).collect();
            let text =
                format!("{} at {}, built with {}", runtime.version(), runtime.path().display(), providers.join(", "));
            let details = json!({ "version": runtime.version(), "path": runtime.path(), "providers": providers });
            Finding::good("onnxruntime", text, details)
        }
        Err(error) => Finding::bad("onnxruntime", error.to_string()),
    }
}

/// The files of the model that a parameter names, against its manifest; the manifest too, where there is one.
fn model_files(parameter: &'static str, model: &str, config: &Config) -> (Option<Manifest>, Finding) {
    begin(&format!("comparing the files of {model} with their manifest"));
    let manifest = match zoo::find(&model_folders(config), model) {
        Ok(manifest) => manifest,
        Err(error) => return (None, Finding::bad(parameter, error.to_string())),
    };
    let finding = match manifest.verify() {
        Ok(integrity) => {
            let Manifest { name, family, license, folder, .. } = &manifest;
            let text = format!("{name} ({family}), files {integrity}, license {}", license.name);
            Finding::good(parameter, text, json!({ "name": name, "folder": folder }))
        }
        Err(error) => Finding::bad(parameter, error.to_string()),
    };
    (Some(manifest), finding)
}

/// Opens the detector and what its prompts need as the node would, asks ONNX Runtime where its nodes are, and tries the
/// parameters that depend on the model, and the whole of it on a picture.
fn perception(config: &Config, picture: Option<&Path>) -> Vec<Finding> {
    let (manifest, files) = model_files("model", &config.model, config);
    let mut findings = vec![files];
    // A family that takes prompts brings its own encoder.
    if !config.prompts.is_empty() && manifest.is_some_and(|manifest| !manifest.family.takes_prompts()) {
        findings.push(model_files("text_model", &config.text_model, config).1);
    }
    let and_prompts = if config.prompts.is_empty() { "" } else { " and encoding the prompts" };
    begin(&format!("opening {}{and_prompts}", config.model));
    let LoadedModel { name, detector, prompts, prompter } = match load_model(config) {
        Ok(model) => model,
        Err(error) => {
            let subject = if matches!(error, LoadError::Prompts(_)) { "prompts" } else { "providers" };
            let reason = in_words(&error.into());
            // What was found of the files already is not said in full again.
            let is_told = |found: &&Finding| !found.is_good && reason.contains(&found.text);
            let told = findings.iter().find(is_told).map(|found| format!("not opened: see {}", found.subject));
            findings.push(Finding::bad(subject, told.unwrap_or(reason)));
            return findings;
        }
    };
    let own = detector.proof().clone();
    let words = prompts.as_ref().map(|prompts| {
        let words: Vec<&str> = prompts.labels.names().take(prompts.prompts).collect();
        let text = format!("{} encoded: {}", words.len(), words.join("; "));
        Finding::good("prompts", text, json!({ "prompts": words }))
    });
    match Walk::prompted(config, detector, &name, prompts) {
        Ok(mut walk) => {
            findings.extend(proven("providers", walk.proofs().into_iter().chain(prompter.proofs())));
            begin("looking at a picture");
            let tried = tried(&mut walk, picture).unwrap_or_else(|error| Finding::bad("picture", in_words(&error)));
            findings.push(tried);
        }
        Err(error) => {
            findings.extend(proven("providers", [(ITSELF, &own)]));
            findings.push(Finding::bad("parameters", in_words(&error.into())));
        }
    }
    findings.extend(words);
    findings
}

/// Reads the camera's calibration, where a file has it.
fn camera(config: &Config) -> Option<Finding> {
    const SUBJECT: &str = "camera_info_file";
    let is_rectified = config.image_is_rectified == Rectified::Yes;
    let camera = match load_camera(config, is_rectified) {
        Ok(camera) => camera?,
        Err(error) => return Some(Finding::bad(SUBJECT, error.to_string())),
    };
    let ((fx_px, fy_px), size) = (camera.focal_px(), camera.size());
    let path = config.camera_info_file.display();
    let text = format!("{path}: {size} px, focal length {fx_px:.1} x {fy_px:.1} px");
    Some(Finding::good(SUBJECT, text, json!({ "width_px": size.width_px, "height_px": size.height_px })))
}

/// How often the picture is looked at. The median is told.
const LOOKS: usize = 5;

/// How many boxes are named; JSON has all.
const NAMED_BOXES: usize = 5;

/// What the detector makes of a picture, and how long it takes, with pixels, model and boxes.
fn tried(walk: &mut Walk, picture: Option<&Path>) -> Result<Finding> {
    let still = picture.map_or_else(|| Ok(Still::of_nothing()), Still::read)?;
    let mut boxes = Vec::new();
    let took_ms = looks(walk, &still, LOOKS, &mut boxes)?;
    let median_ms = took_ms.get(LOOKS / 2).copied().unwrap_or_default();
    let name = |detection: &Detection| walk.labels().name(detection.class).to_owned();
    let named: Vec<String> = boxes.iter().map(|found| format!("{} {:.2}", name(found), found.score)).collect();
    let named = match named.len() {
        0 => "no boxes".to_owned(),
        1 => format!("1 box: {}", named.join("")),
        count if count <= NAMED_BOXES => format!("{count} boxes: {}", named.join(", ")),
        count => format!("{count} boxes: {}, ...", named.get(..NAMED_BOXES).unwrap_or_default().join(", ")),
    };
    let what = picture.map_or_else(|| "a picture of nothing".to_owned(), |path| path.display().to_string());
    let text = format!("{what} ({}) in {median_ms:.2} ms: {named}", still.size());
    let found = boxes.iter().map(|found| {
        let bbox = &found.bbox;
        let bbox_px = [bbox.x_min(), bbox.y_min(), bbox.x_max(), bbox.y_max()];
        json!({ "class": name(found), "score": found.score, "bbox_px": bbox_px })
    });
    let Size { width_px, height_px } = still.size();
    let details = json!({
        "file": picture,
        "size": [width_px, height_px],
        "median_ms": median_ms,
        "boxes": found.collect::<Vec<_>>(),
    });
    Ok(Finding::good("picture", text, details))
}

/// Opens the language model, where there is to be one.
fn reasoning(config: &Config) -> Vec<Finding> {
    if config.reason_model.is_empty() {
        return Vec::new();
    }
    let (_, files) = model_files("reason_model", &config.reason_model, config);
    begin(&format!("opening {}", config.reason_model));
    let mut findings = vec![files];
    match load_reason_model(config) {
        Ok(None) => {}
        Ok(Some(loaded)) => findings.extend(proven("reasoning", loaded.model.proofs())),
        Err(error) => findings.push(Finding::bad("reasoning", in_words(&error.into()))),
    }
    findings
}

/// The role of a model that is one graph.
const ITSELF: &str = "model";

/// Where the nodes of each session are: `subject` for a model that is one graph, else `subject/role`.
fn proven<'a>(
    subject: &'static str,
    sessions: impl IntoIterator<Item = (&'static str, &'a Proof)>,
) -> impl Iterator<Item = Finding> {
    sessions.into_iter().map(move |(role, proof)| {
        let subject = if role == ITSELF { subject.to_owned() } else { format!("{subject}/{role}") };
        let refused: Vec<Value> = proof
            .refused
            .iter()
            .map(|r| json!({ "provider": r.provider.name(), "reason": r.reason, "cure": r.cure }))
            .collect();
        let nodes: Option<Vec<Value>> = proof
            .nodes
            .as_ref()
            .map(|nodes| nodes.iter().map(|(name, count)| json!({ "provider": name, "nodes": count })).collect());
        let details = json!({
            "running": proof.running.name(),
            "fallback": proof.is_fallback(),
            "nodes": nodes,
            "agreement": proof.agreement,
            "refused": refused,
        });
        Finding::good(subject, proof.to_string(), details)
    })
}

fn ros() -> Finding {
    let program = node::program();
    let distro = env::var("ROS_DISTRO").ok().filter(|_| node::ros_is_sourced());
    let text = match (&program, &distro) {
        (Ok(_), Some(distro)) => format!("node built, {distro} sourced"),
        (Ok(_), None) => "node built, no ROS environment sourced (only `vedette node` needs one)".to_owned(),
        (Err(missing), _) => missing.to_string(),
    };
    Finding::good("ros", text, json!({ "node": program.is_ok(), "distro": distro }))
}
