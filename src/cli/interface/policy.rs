//! The interface as an SROS2 policy (version 0.2.0, the schema of `ros2/sros2`): what the node's enclave may do. DDS denies
//! all else.
//!
//! Names are full ones, so that nothing rests on how a tool expands them. Services are replied to and actions executed; what a
//! parameter makes unnecessary is left out.

use std::collections::BTreeSet;
use std::fmt::Write;
use vedette::config::NodeName;
use vedette::pipeline::interface::{Callable, Interface, Topic};

/// The policy of one enclave, which has the node's full name.
pub fn policy(interface: &Interface, node: &NodeName) -> String {
    let mut rules = String::new();
    let mut rule = |list: &str, item: &str, permission: &str, names: BTreeSet<&str>| {
        // A string takes all that is written to it.
        let _ = writeln!(rules, "          <{list} {permission}=\"ALLOW\">");
        for name in names {
            let _ = writeln!(rules, "            <{item}>{name}</{item}>");
        }
        let _ = writeln!(rules, "          </{list}>");
    };
    rule("topics", "topic", "subscribe", topics(&interface.inputs));
    rule("topics", "topic", "publish", topics(&interface.outputs));
    rule("services", "service", "reply", callables(&interface.services));
    rule("actions", "action", "execute", callables(&interface.actions));
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- Printed by `vedette interface` with its option sros2. -->
<policy version="0.2.0">
  <enclaves>
    <enclave path="{node}">
      <profiles>
        <profile ns="{namespace}" node="{name}">
{rules}        </profile>
      </profiles>
    </enclave>
  </enclaves>
</policy>
"#,
        namespace = node.namespace(),
        name = node.name(),
    )
}

/// Names of ROS hold letters, digits, `_` and `/` alone: nothing in them is to be escaped.
fn topics(topics: &[Topic]) -> BTreeSet<&str> {
    topics.iter().map(|topic| topic.name.as_str()).collect()
}

fn callables(callables: &[Callable]) -> BTreeSet<&str> {
    callables.iter().map(|callable| callable.name.as_str()).collect()
}
