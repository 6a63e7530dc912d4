//! `vedette interface`: what the node has for others, as a page, as JSON, or as a security policy.

mod page;
mod policy;

use super::Outcome;
use super::parameter_args::ParameterArgs;
use anyhow::Result;
use serde_json::{Value, json};
use vedette::config::{Config, Names, NodeName, RemapRule};
use vedette::pipeline::interface::{Callable, Interface, Topic};

/// Print the node's topics, services, actions and parameters, from the declarations in the program.
///
/// Without arguments a page in Markdown, with the names that remappings name: docs/interface.md is that page. With
/// parameters and remappings, those of a node that is started with them.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    parameters: ParameterArgs,
    /// Other names, in ROS's words: `--remap image:=/camera/image`, `--remap __ns:=/front`.
    #[arg(long = "remap", short = 'r', value_name = "FROM:=TO")]
    remaps: Vec<RemapRule>,
    /// Print it as JSON, with full names.
    #[arg(long, conflicts_with = "sros2")]
    json: bool,
    /// Print an SROS2 policy that allows a node with these parameters and names what it does, and no more.
    #[arg(long)]
    sros2: bool,
}

/// Prints it.
pub fn run(args: &Args) -> Result<Outcome> {
    let names = Names::new(NodeName::default(), &args.remaps);
    let config = args.parameters.load_for(names.node())?;
    let interface = Interface::of(&config, &names);
    let text = match (args.json, args.sros2) {
        (true, _) => serde_json::to_string_pretty(&as_json(&interface, &config, &names))?,
        (_, true) => policy::policy(&interface, names.node()),
        _ => page::page(&interface),
    };
    say!("{}", text.trim_end());
    Ok(Outcome::Done)
}

fn as_json(interface: &Interface, config: &Config, names: &Names) -> Value {
    let topic = |topic: &Topic| {
        let qos: Vec<Value> = (topic.qos.iter())
            .map(|qos| json!({"reliable": qos.is_reliable, "transient_local": qos.is_latched, "depth": qos.depth}))
            .collect();
        json!({"called": topic.called, "name": topic.name, "type": topic.type_name, "qos": qos, "when": topic.when})
    };
    let callable = |callable: &Callable| {
        json!({
            "called": callable.called, "name": callable.name, "type": callable.type_name, "purpose": callable.purpose,
        })
    };
    let table = Config::parameters().iter().map(|parameter| {
        let value = config.value(parameter.name).map(|value| value.to_string());
        json!({
            "name": parameter.name, "type": parameter.domain.type_name(), "value": value,
            "allowed": parameter.domain.expected(), "changes": parameter.when.words(), "meaning": parameter.doc.trim(),
        })
    });
    json!({
        "node": names.node().to_string(),
        "inputs": interface.inputs.iter().map(topic).collect::<Vec<_>>(),
        "outputs": interface.outputs.iter().map(topic).collect::<Vec<_>>(),
        "services": interface.services.iter().map(callable).collect::<Vec<_>>(),
        "actions": interface.actions.iter().map(callable).collect::<Vec<_>>(),
        "parameters": table.collect::<Vec<_>>(),
    })
}
