//! The interface as a page in Markdown.

use std::fmt::Write;
use vedette::config::{Config, ParameterValue};
use vedette::pipeline::interface::{Callable, Interface, Qos, Topic};
use vedette::types::EventKind;

const HEAD: &str = "\
# The interface at a glance

<!-- Printed by `vedette interface`; a test holds this page to it. After a change: vedette interface > docs/interface.md -->

What the node has for others, by the names that a remapping names: `~/` is the node's own name (`~/plan` is `/vedette/plan`
unless it is renamed), a name without `/` is in the node's namespace. [ros.md](ros.md) says what the messages mean. `vedette
interface --json` prints the same with full names, for any parameters and remappings.
";

const EVENTS: &str = "
## Events

`~/events` tells what changes what the node does and is no message of a camera or a robot. An event holds from the image on
whose stamp it has.

| kind | when |
| --- | --- |
";

/// The whole page.
pub fn page(interface: &Interface) -> String {
    let mut page = HEAD.to_owned();
    topics(&mut page, "Topics in", &interface.inputs);
    topics(&mut page, "Topics out", &interface.outputs);
    callables(&mut page, "Services", "service", &interface.services);
    callables(&mut page, "Actions", "action", &interface.actions);
    page.push_str(EVENTS);
    for kind in EventKind::ALL {
        row(&mut page, &[&code(kind.as_str()), meaning(kind)]);
    }
    page.push_str("\n## Parameters\n\n[parameters.md](parameters.md) says how values are read and which one counts.\n");
    parameters(&mut page);
    page
}

fn topics(page: &mut String, title: &str, topics: &[Topic]) {
    table(page, title, &["name", "type", "quality of service", "when"]);
    for topic in topics {
        let qos: Vec<String> = topic.qos.iter().copied().map(Qos::words).collect();
        row(page, &[&code(&topic.called), topic.type_name, &qos.join("; beside it "), topic.when]);
    }
}

fn callables(page: &mut String, title: &str, kind: &str, callables: &[Callable]) {
    table(page, title, &[kind, "type", "what for"]);
    for callable in callables {
        row(page, &[&code(callable.called), callable.type_name, callable.purpose]);
    }
}

fn parameters(page: &mut String) {
    let defaults = Config::default();
    let mut group = "";
    for parameter in Config::parameters() {
        if parameter.group != group {
            group = parameter.group;
            write(page, format_args!("\n### {group}\n\n"));
            columns(page, &["parameter", "type", "default", "allowed", "changes", "meaning"]);
        }
        let default = match defaults.value(parameter.name) {
            // The form of an empty list that every ROS node reads.
            Some(ParameterValue::StringArray(items)) if items.is_empty() => "[\"\"]".to_owned(),
            value => value.map(|value| value.to_string()).unwrap_or_default(),
        };
        let (type_name, allowed) = (parameter.domain.type_name(), parameter.domain.expected());
        let name = code(parameter.name);
        row(page, &[&name, type_name, &code(&default), &allowed, parameter.when.words(), parameter.doc.trim()]);
    }
}

fn meaning(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Start => "the node has become active and has forgotten what it saw before; holds all parameters",
        EventKind::Parameters => "parameters have changed, prompts among them; holds those that have",
    }
}

fn table(page: &mut String, title: &str, names: &[&str]) {
    write(page, format_args!("\n## {title}\n\n"));
    columns(page, names);
}

fn columns(page: &mut String, names: &[&str]) {
    row(page, names);
    row(page, &vec!["---"; names.len()]);
}

fn row(page: &mut String, cells: &[&str]) {
    write(page, format_args!("| {} |\n", cells.join(" | ")));
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn write(page: &mut String, words: std::fmt::Arguments<'_>) {
    // A string takes all that is written to it.
    let _ = page.write_fmt(words);
}
