//! `vedette models compile`: the engines of TensorRT ahead of time, so that the node does not build them when it starts.

use crate::cli::outcome::{Outcome, in_words, strictly_refused};
use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};
use vedette::config::Config;
use vedette::config::assembly::{LoadedModel, LoadedReasonModel, load_model, load_reason_model};
use vedette::infer::{Proof, Provider};
use vedette::pipeline::Walk;

/// Build TensorRT's engines for all that the node opens with these parameters: the detector, what its prompts need, the
/// language model. A first build takes minutes for each; engines that are there already are left as they are. Exit code 1
/// when a session that is to run on TensorRT does not.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// What came of one session.
struct Compiled {
    model: String,
    /// Of its graph; empty where the model did not open.
    role: &'static str,
    state: State,
}

enum State {
    /// Built now or before, in this folder.
    Engines { were_there: bool, bytes: u64, folder: String },
    /// TensorRT runs it and keeps nothing: there is no cache.
    NotKept,
    /// It is to run elsewhere.
    NotAsked(String),
    /// TensorRT does not take it, or the model does not open.
    Refused { reason: String, cure: Option<String> },
}

pub fn run(config: &Config, json: bool) -> Result<Outcome> {
    let mut all = Vec::new();
    let mut seconds = Vec::new();
    let reason = Some(&config.reason_model).filter(|name| !name.is_empty());
    let models = [Some((&config.model, Part::Detector)), reason.map(|name| (name, Part::Reason))];
    for (model, part) in models.into_iter().flatten() {
        let progress = progress(model);
        #[expect(clippy::disallowed_methods, reason = "the edge: how long it takes is told")]
        let began = Instant::now();
        match part.opened(config) {
            Ok(sessions) => all.extend(sessions),
            Err(error) => {
                let (reason, cure) = match strictly_refused(&error) {
                    Some((reason, cure)) => (reason, Some(cure)),
                    None => (in_words(&error), None),
                };
                all.push(Compiled { model: model.clone(), role: "", state: State::Refused { reason, cure } });
            }
        }
        seconds.push((model, began.elapsed().as_secs_f64()));
        progress.finish_and_clear();
    }
    let is_refused = all.iter().any(|one| matches!(one.state, State::Refused { .. } | State::NotKept));
    if json {
        let sessions: Vec<Value> = all.iter().map(Compiled::as_json).collect();
        let took: Value = seconds.iter().map(|(model, seconds)| ((*model).clone(), json!(seconds))).collect();
        say!("{}", serde_json::to_string_pretty(&json!({ "sessions": sessions, "opened_s": took }))?);
    } else {
        all.iter().for_each(|one| say!("{}", one.in_words()));
        for (model, seconds) in seconds {
            say!("{model} took {seconds:.1} s to open");
        }
        if all.iter().all(|one| matches!(one.state, State::NotAsked(_))) {
            say!("nothing is compiled: no session is to run on tensorrt");
        }
    }
    Ok(if is_refused { Outcome::Refused } else { Outcome::Done })
}

/// What the node opens.
#[derive(Debug, Clone, Copy)]
enum Part {
    /// With what its prompts need.
    Detector,
    Reason,
}

impl Part {
    fn opened(self, config: &Config) -> Result<Vec<Compiled>> {
        match self {
            Self::Detector => {
                let LoadedModel { name, detector, prompts, prompter } = load_model(config)?;
                // The model that looks at boxes comes to the detector with the prompts.
                let walk = Walk::prompted(config, detector, &name, prompts)?;
                let proofs = walk.proofs().into_iter().chain(prompter.proofs());
                Ok(proofs.map(|(role, proof)| Compiled::of(&name, role, proof)).collect())
            }
            Self::Reason => {
                let Some(LoadedReasonModel { name, model }) = load_reason_model(config)? else { return Ok(Vec::new()) };
                Ok(model.proofs().into_iter().map(|(role, proof)| Compiled::of(&name, role, proof)).collect())
            }
        }
    }
}

impl Compiled {
    fn of(model: &str, role: &'static str, proof: &Proof) -> Self {
        let refusal = proof.refused.iter().find(|refusal| refusal.provider == Provider::TensorRt);
        // What stands behind the CPU is never used.
        let mut used = proof.requested.iter().take_while(|provider| **provider != Provider::Cpu);
        let state = if !used.any(|provider| *provider == Provider::TensorRt) {
            State::NotAsked(proof.requested.iter().map(|one| one.name()).collect::<Vec<_>>().join(", "))
        } else if let Some(engines) = &proof.engines {
            let (bytes, folder) = (engines.bytes(), engines.folder.display().to_string());
            match bytes {
                0 => State::Refused {
                    reason: format!("built, and no engine is in {folder}"),
                    cure: Some("see that its disk has room and that this user may write there".to_owned()),
                },
                bytes => State::Engines { were_there: engines.were_there, bytes, folder },
            }
        } else if let Some(refusal) = refusal {
            State::Refused { reason: refusal.reason.clone(), cure: Some(refusal.cure.clone()) }
        } else if proof.holds(Provider::TensorRt) {
            State::NotKept
        } else {
            let reason = format!("it registered and took no node ({})", proof.placement());
            State::Refused { reason, cure: None }
        };
        Self { model: model.to_owned(), role, state }
    }

    fn in_words(&self) -> String {
        let (model, role) = (&self.model, self.role);
        let of = if role.is_empty() { model.clone() } else { format!("{model} {role}") };
        match &self.state {
            State::Engines { were_there, bytes, folder } => {
                let what = if *were_there { "there " } else { "built " };
                format!("{what} {of}: {:.1} MiB in {folder}", *bytes as f64 / f64::from(1 << 20))
            }
            State::NotKept => format!("FAIL   {of}: built and not kept: there is no engine_cache_dir, and no home"),
            State::NotAsked(providers) => format!("none   {of}: its providers are {providers}"),
            State::Refused { reason, cure } => {
                let cure = cure.as_ref().map_or_else(String::new, |cure| format!("; cure: {cure}"));
                format!("FAIL   {of}: {reason}{cure}")
            }
        }
    }

    fn as_json(&self) -> Value {
        let mut told = json!({ "model": self.model, "role": self.role });
        let more = match &self.state {
            State::Engines { were_there, bytes, folder } => {
                json!({ "state": if *were_there { "there" } else { "built" }, "bytes": bytes, "folder": folder })
            }
            State::NotKept => json!({ "state": "not kept" }),
            State::NotAsked(providers) => json!({ "state": "not asked", "providers": providers }),
            State::Refused { reason, cure } => json!({ "state": "refused", "reason": reason, "cure": cure }),
        };
        if let (Some(told), Value::Object(more)) = (told.as_object_mut(), more) {
            told.extend(more);
        }
        told
    }
}

/// Moves while a person watches; a line where nobody does.
fn progress(model: &str) -> ProgressBar {
    let what = format!("opening {model}; a first engine takes minutes");
    if !stderr().is_terminal() {
        tell!("vedette models compile: {what} ...");
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(what);
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
    let bar = bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use vedette::infer::{KeptEngines, Refusal};

    fn proof(requested: &[Provider], nodes: &[(&str, usize)], refused: Vec<Refusal>) -> Proof {
        Proof {
            requested: requested.to_vec(),
            running: Provider::Cpu,
            nodes: Some(nodes.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()),
            refused,
            agreement: None,
            engines: None,
        }
    }

    #[test]
    fn each_session_says_what_became_of_its_engines() {
        let tensorrt = [("TensorrtExecutionProvider", 9)];
        let cache = tempfile::tempdir().unwrap();
        std::fs::write(cache.path().join("a_sm90.engine"), vec![0; 1 << 20]).unwrap();
        let folder = cache.path().display();
        let kept = |were_there| Some(KeptEngines { folder: cache.path().to_owned(), were_there });
        let told = |proof: &Proof| Compiled::of("yolov12n", "model", proof).in_words();
        let mut built = proof(&Provider::ALL, &tensorrt, Vec::new());
        assert_eq!(
            told(&built),
            "FAIL   yolov12n model: built and not kept: there is no engine_cache_dir, and no home"
        );
        built.engines = kept(false);
        assert_eq!(told(&built), format!("built  yolov12n model: 1.0 MiB in {folder}"));
        built.engines = kept(true);
        assert_eq!(told(&built), format!("there  yolov12n model: 1.0 MiB in {folder}"));
        built.engines = Some(KeptEngines { folder: PathBuf::from("/nowhere"), were_there: false });
        assert!(told(&built).starts_with("FAIL   yolov12n model: built, and no engine is in /nowhere; cure: see that"));
        let refusal =
            Refusal { provider: Provider::TensorRt, reason: "no libnvinfer".into(), cure: "install it".into() };
        let refused = proof(&Provider::ALL, &[("CPUExecutionProvider", 9)], vec![refusal]);
        assert_eq!(told(&refused), "FAIL   yolov12n model: no libnvinfer; cure: install it");
        let elsewhere = proof(&[Provider::Cuda, Provider::Cpu], &[("CPUExecutionProvider", 9)], Vec::new());
        assert_eq!(told(&elsewhere), "none   yolov12n model: its providers are cuda, cpu");
        let behind = proof(&[Provider::Cpu, Provider::TensorRt], &[("CPUExecutionProvider", 9)], Vec::new());
        assert_eq!(told(&behind), "none   yolov12n model: its providers are cpu, tensorrt");
        let passed_over = proof(&Provider::ALL, &[("CPUExecutionProvider", 9)], Vec::new());
        assert!(told(&passed_over).starts_with("FAIL   yolov12n model: it registered and took no node"));
    }
}
