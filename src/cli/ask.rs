//! `vedette ask`: one question about one picture, without ROS.

use super::Outcome;
use super::check_picture::Still;
use super::parameter_args::ParameterArgs;
use super::printed::harmless;
use anyhow::{Context, Result};
use clap::error::ErrorKind;
use serde_json::json;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use vedette::config::assembly::load_reason_model;
use vedette::types::{Answer, AnswerForm, Cancel, CancelReason, FinishReason, Question, Sampling};

/// Ask a vision-language model about a picture. The answer comes as it is made; Ctrl-C ends it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A PNG or JPEG file.
    #[arg(value_name = "IMAGE")]
    image: PathBuf,
    /// What to ask; for Florence-2 a task such as `<OD>`.
    #[arg(value_name = "QUESTION")]
    question: String,
    /// Name of the model, or the path of its folder; default: the parameter `reason_model`.
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Most tokens of the answer; default: the parameter `reason_max_tokens`.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    /// 0 takes the most likely token each time; default: the parameter `reason_temperature`.
    #[arg(long, value_name = "T", value_parser = temperature)]
    temperature: Option<f32>,
    /// Draw from the likeliest tokens whose probabilities reach this; default: the parameter `reason_top_p`.
    #[arg(long, value_name = "P", value_parser = top_p)]
    top_p: Option<f32>,
    /// Where the random numbers begin; default: the parameter `reason_seed`.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// Print one JSON object at the end and nothing before.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    parameters: ParameterArgs,
}

pub fn run(args: &Args) -> Result<Outcome> {
    let mut config = args.parameters.load()?;
    if let Some(model) = &args.model {
        config.reason_model.clone_from(model);
    }
    let picture = Still::read(&args.image)?;
    let Some(mut loaded) = load_reason_model(&config)? else {
        let message = "no model: expected --model NAME, or the parameter reason_model";
        return Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, message).into());
    };
    let question = Question {
        text: args.question.clone(),
        form: AnswerForm::Text,
        max_tokens: args.max_tokens.map_or(config.reason_max_tokens, |tokens| tokens as usize),
        sampling: args.sampling(&config),
    };
    let mut stdout = io::stdout();
    let is_watched = stdout.is_terminal();
    let (cancel, mut written) = (Cancel::new(), Ok(()));
    let mut say = |piece: &str| {
        if args.json || written.is_err() {
            return;
        }
        let piece = if is_watched { harmless(piece) } else { piece.to_owned() };
        written = stdout.write_all(piece.as_bytes()).and_then(|()| stdout.flush());
        if written.is_err() {
            cancel.cancel(CancelReason::Asked);
        }
    };
    #[expect(clippy::disallowed_methods, reason = "the edge: how long the answer took is told")]
    let began = Instant::now();
    let answer = loaded
        .model
        .answer(&picture.view()?, &question, &cancel, &mut say)
        .with_context(|| format!("model {}", loaded.name))?;
    let took = began.elapsed();
    written.context("cannot write the answer")?;
    if args.json {
        say!("{}", report(&loaded.name, &answer, took));
    } else {
        print_end(&answer);
    }
    Ok(Outcome::Done)
}

impl Args {
    #[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is what is wanted")]
    fn sampling(&self, config: &vedette::config::Config) -> Sampling {
        let temperature = self.temperature.unwrap_or(config.reason_temperature as f32);
        if temperature == 0.0 {
            return Sampling::Greedy;
        }
        let top_p = self.top_p.unwrap_or(config.reason_top_p as f32);
        Sampling::Random { temperature, top_p, seed: self.seed.unwrap_or(config.reason_seed.unsigned_abs()) }
    }
}

fn temperature(text: &str) -> Result<f32, String> {
    number(text, |value| (0.0..=10.0).contains(&value), "a number in 0..=10")
}

fn top_p(text: &str) -> Result<f32, String> {
    number(text, |value| (0.01..=1.0).contains(&value), "a number in 0.01..=1")
}

fn number(text: &str, is_in_range: impl Fn(f32) -> bool, expected: &str) -> Result<f32, String> {
    text.parse().ok().filter(|value| is_in_range(*value)).ok_or_else(|| format!("expected {expected}"))
}

fn report(model: &str, answer: &Answer, took: Duration) -> serde_json::Value {
    let regions = answer.regions.iter().map(|region| {
        let bbox = &region.bbox;
        json!({ "label": region.label, "bbox_px": [bbox.x_min(), bbox.y_min(), bbox.x_max(), bbox.y_max()] })
    });
    json!({
        "model": model,
        "text": answer.text,
        "regions": regions.collect::<Vec<_>>(),
        "prompt_tokens": answer.prompt_tokens,
        "tokens": answer.tokens,
        "finish": answer.finish.as_str(),
        "seconds": took.as_secs_f64(),
    })
}

/// Behind the streamed text: the places, and whether it was cut.
fn print_end(answer: &Answer) {
    say!("");
    for region in &answer.regions {
        let bbox = &region.bbox;
        let (left, top, right, bottom) = (bbox.x_min(), bbox.y_min(), bbox.x_max(), bbox.y_max());
        say!("{left:.1} {top:.1} {right:.1} {bottom:.1} {}", region.label);
    }
    if answer.finish == FinishReason::Length {
        tracing::warn!("the answer was cut after {} tokens: --max-tokens, or the model's context", answer.tokens);
    }
}
