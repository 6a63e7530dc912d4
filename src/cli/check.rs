//! `vedette check`: what this machine can run, and why not.

use super::parameters::ParameterArgs;
use super::{Outcome, in_words};
use anyhow::Result;
use serde_json::{Value, json};
use std::env;
use vedette::config::Config;
use vedette::config::assembly::{LoadError, load_model};
use vedette::infer::{Provider, Runtime};
use vedette::pipeline::Walk;
use vedette::zoo;

/// Say what this machine can run: ONNX Runtime, providers with proof, the model, ROS. Exit code 1 when the node could
/// not start with these parameters.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    parameters: ParameterArgs,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One line of the answer.
struct Finding {
    subject: &'static str,
    is_good: bool,
    text: String,
    details: Value,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let findings = match args.parameters.load() {
        Ok(config) => {
            let mut findings = vec![machine(), runtime(), model_files("model", &config.model, &config)];
            if !config.prompts.is_empty() {
                findings.push(model_files("text_model", &config.text_model, &config));
            }
            findings.extend(session(&config));
            findings.push(ros());
            findings
        }
        Err(error) => vec![machine(), runtime(), bad("parameters", in_words(&error)), ros()],
    };
    if args.json {
        let all: Vec<Value> = findings
            .iter()
            .map(|f| json!({ "subject": f.subject, "ok": f.is_good, "text": f.text, "details": f.details }))
            .collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        for Finding { subject, is_good, text, .. } in &findings {
            println!("{} {subject:<12} {text}", if *is_good { "ok  " } else { "FAIL" });
        }
    }
    Ok(if findings.iter().all(|finding| finding.is_good) { Outcome::Done } else { Outcome::Refused })
}

fn good(subject: &'static str, text: String, details: Value) -> Finding {
    Finding { subject, is_good: true, text, details }
}

fn bad(subject: &'static str, text: String) -> Finding {
    Finding { subject, is_good: false, text, details: Value::Null }
}

fn machine() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let text =
        format!("{} {}, {cores} cores, vedette {}", env::consts::OS, env::consts::ARCH, env!("CARGO_PKG_VERSION"));
    good("machine", text, json!({ "os": env::consts::OS, "arch": env::consts::ARCH, "cores": cores }))
}

fn runtime() -> Finding {
    match Runtime::load(None) {
        Ok(runtime) => {
            let providers: Vec<&str> = runtime.built_in_providers().into_iter().map(Provider::name).collect();
            let text =
                format!("{} at {}, built with {}", runtime.version(), runtime.path().display(), providers.join(", "));
            let details = json!({ "version": runtime.version(), "path": runtime.path(), "providers": providers });
            good("onnxruntime", text, details)
        }
        Err(error) => bad("onnxruntime", error.to_string()),
    }
}

fn model_files(subject: &'static str, model: &str, config: &Config) -> Finding {
    let checked = zoo::find(&config.model_dirs, model).and_then(|manifest| {
        let integrity = manifest.verify()?;
        Ok((manifest, integrity))
    });
    match checked {
        Ok((manifest, integrity)) => {
            let text = format!(
                "{} ({}), files {integrity}, license {}",
                manifest.name, manifest.family, manifest.license.name
            );
            good(subject, text, json!({ "name": manifest.name, "folder": manifest.folder }))
        }
        Err(error) => bad(subject, error.to_string()),
    }
}

/// Opens the model as the node would, asks ONNX Runtime where its nodes are, and tries the parameters that depend on
/// the model.
fn session(config: &Config) -> Vec<Finding> {
    match load_model(config) {
        Ok(model) => {
            let proof = model.detector.proof();
            let refused: Vec<Value> = proof
                .refused
                .iter()
                .map(|r| json!({ "provider": r.provider.name(), "reason": r.reason, "cure": r.cure }))
                .collect();
            let details = json!({
                "running": proof.running.name(),
                "fallback": proof.is_fallback(),
                "nodes": proof.nodes.iter().map(|(name, count)| json!({ "provider": name, "nodes": count })).collect::<Vec<_>>(),
                "refused": refused,
            });
            let mut findings = vec![good("providers", proof.to_string(), details)];
            if let Some(prompts) = &model.prompts {
                let words: Vec<&str> = prompts.labels.names().take(prompts.prompts).collect();
                let text = format!("{} encoded: {}", words.len(), words.join("; "));
                findings.push(good("prompts", text, json!({ "prompts": words })));
            }
            if let Err(error) = Walk::prompted(config, model.detector, &model.name, model.prompts) {
                findings.push(bad("parameters", in_words(&error.into())));
            }
            findings
        }
        Err(error) => {
            let subject = if matches!(error, LoadError::Prompts(_)) { "prompts" } else { "providers" };
            vec![bad(subject, in_words(&error.into()))]
        }
    }
}

fn ros() -> Finding {
    let is_built_in = cfg!(feature = "ros");
    let distro = env::var("ROS_DISTRO").ok();
    let text = match (is_built_in, &distro) {
        (true, Some(distro)) => format!("node built in, {distro} sourced"),
        (true, None) => "node built in, no ROS environment sourced (needed by `vedette node`)".to_owned(),
        (false, _) => "node not built in (`make build` builds it); replay, check and models work".to_owned(),
    };
    good("ros", text, json!({ "node": is_built_in, "distro": distro }))
}
