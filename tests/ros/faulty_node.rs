//! A real node whose model has a fault, for the tests of what a node does then. It sees nothing in any picture, so that
//! its plan is `proceed` while all is well.
//!
//! `VEDETTE_FAULT` names the fault, by the number of the picture, from 1: `fail:30` fails on that picture and all later
//! ones, `slow:30:750` takes 750 ms for that one, `panic:30` and `hang:30` do what they say. `ask_panics` is a language
//! model that panics at its first question, `prompts_panic` a text encoder that panics at the first prompts. `load:3000`
//! takes 3000 ms to load, `load_fails` and `load_panics` do what they say. Everything else is as in `vedette node`.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;
use vedette::config::assembly::{OpenEncoder, Prompter};
use vedette::config::{Config, Names, NodeName, RosArgs};
use vedette::infer::{Backend, FakeBackend, InferError, Proof};
use vedette::pipeline::{Intakes, Reason, Walk};
use vedette::ros::{Edge, Parts, RosLog};
use vedette::types::{Answer, Cancel, Detection, ImageView, Labels, Question, Size};
use vedette::zoo::{Detector, Thresholds, VisionLanguageModel, ZooError, constant_detector};

const TENSOR: Size = Size { width_px: 64, height_px: 64 };

enum Fault {
    Fail,
    Slow(Duration),
    Panic,
    Hang,
}

struct FaultyDetector {
    inner: Box<dyn Detector>,
    pictures: u64,
    fault: Option<(u64, Fault)>,
}

impl Detector for FaultyDetector {
    fn labels(&self) -> &Labels {
        self.inner.labels()
    }

    fn input_size(&self) -> Size {
        self.inner.input_size()
    }

    fn detect(&mut self, image: &ImageView, thresholds: &Thresholds, out: &mut Vec<Detection>) -> Result<(), ZooError> {
        self.pictures += 1;
        match &self.fault {
            Some((from, Fault::Fail)) if self.pictures >= *from => {
                out.clear();
                return Err(InferError::Run { reason: "the device is gone".to_owned() }.into());
            }
            Some((at, Fault::Slow(time))) if self.pictures == *at => sleep(*time),
            Some((at, Fault::Panic)) if self.pictures == *at => panic!("by order of the test"),
            Some((at, Fault::Hang)) if self.pictures == *at => sleep(Duration::from_secs(3600)),
            _ => {}
        }
        self.inner.detect(image, thresholds, out)
    }

    fn proof(&self) -> &Proof {
        self.inner.proof()
    }
}

struct PanickingModel(FakeBackend);

impl VisionLanguageModel for PanickingModel {
    fn answer(&mut self, _: &ImageView, _: &Question, _: &Cancel, _: &mut dyn FnMut(&str)) -> Result<Answer, ZooError> {
        panic!("by order of the test")
    }

    fn proof(&self) -> &Proof {
        self.0.proof()
    }
}

fn main() -> Result<()> {
    let edge = Edge::start()?;
    use tracing_subscriber::prelude::*;
    tracing_subscriber::registry().with(tracing_subscriber::filter::LevelFilter::INFO).with(RosLog).init();
    let (_, ros_args) = RosArgs::split(std::env::args_os())?;
    let names = Names::new(NodeName::default(), &ros_args.remaps);
    let config = Config::load(names.node(), &ros_args.parameters)?.config;
    let of_load = names.clone();
    edge.run(&config, &names, Box::new(move |config, step| load(config, &of_load, step).map_err(Into::into)))?;
    Ok(())
}

fn load(config: &Config, names: &Names, step: &dyn Fn(&str)) -> Result<Parts> {
    let named = std::env::var("VEDETTE_FAULT").unwrap_or_default();
    let words: Vec<&str> = named.split(':').collect();
    let number = |at: usize| -> Result<u64> {
        let word = words.get(at).with_context(|| format!("{named:?} is too short"))?;
        word.parse().with_context(|| format!("{word:?} in {named:?}, expected a number"))
    };
    let milliseconds = |at| number(at).map(Duration::from_millis);
    let fault = match words[0] {
        "" | "ask_panics" | "prompts_panic" => None,
        "fail" => Some((number(1)?, Fault::Fail)),
        "slow" => Some((number(1)?, Fault::Slow(milliseconds(2)?))),
        "panic" => Some((number(1)?, Fault::Panic)),
        "hang" => Some((number(1)?, Fault::Hang)),
        "load" => {
            step("loading");
            sleep(milliseconds(1)?);
            None
        }
        "load_fails" => bail!("there is no such model"),
        "load_panics" => panic!("by order of the test"),
        other => bail!("VEDETTE_FAULT is {other:?}, expected one of those above"),
    };
    let inner = constant_detector(TENSOR, &Labels::new(["person"], 0), &[])?;
    let detector = FaultyDetector { inner, pictures: 0, fault };
    let walk = Walk::new(config, Box::new(detector), "faulty")?;
    let model = PanickingModel(FakeBackend::new(Vec::new(), Vec::new(), BTreeMap::new()));
    let reason = (words[0] == "ask_panics").then(|| Reason::new(Box::new(model), "panicking"));
    let prompter = (words[0] == "prompts_panic").then(|| {
        let open: OpenEncoder = Box::new(|| panic!("by order of the test"));
        Prompter::new(walk.labels().clone(), open)
    });
    let intakes = Intakes::of_node(config, names)?;
    Ok(Parts { intakes, walk, prompter, reason })
}
