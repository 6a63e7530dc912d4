//! A picture enters as bytes and becomes numbers in the graph.
//!
//! The input keeps its name and shape and takes bytes. Behind it stand a cast and the steps that were done outside before;
//! whatever read the input reads what they give.

use super::nodes::{Survey, with_inputs};
use super::write::{self, Change};
use crate::types::ChannelStep;
use std::ops::Range;

/// TensorProto.DataType.
const FLOAT: u64 = 1;
const UINT8: u64 = 2;
const FLOAT16: u64 = 10;

/// # Errors
/// Why the input cannot take bytes.
pub(super) fn changes(
    survey: &Survey,
    input: &str,
    steps: &[ChannelStep],
    mut read: impl FnMut(Range<u64>) -> Result<Vec<u8>, String>,
) -> Result<Vec<Change>, String> {
    let graph = &survey.graph;
    let declared = graph.inputs.get(input).ok_or_else(|| format!("there is no input {input}"))?;
    if ![FLOAT, FLOAT16].contains(&declared.element) || declared.element_at.end != declared.element_at.start + 1 {
        return Err(format!("the input {input} holds no floats of 32 or 16 bits"));
    }
    if graph.opset < 7 {
        return Err(format!("operator set {} does not spread numbers over a picture", graph.opset));
    }
    if graph.initializers.contains_key(input) || graph.outputs.contains_key(input) {
        return Err(format!("the input {input} is a weight or an output too"));
    }
    if graph.nodes.iter().any(|node| node.captured.contains(input)) {
        return Err(format!("the input {input} is read by a graph in the graph"));
    }
    let first = graph.nodes.first().ok_or("the graph has no nodes")?;

    let mut tensor = input.to_owned();
    let (mut nodes, mut weights, mut made) = (Vec::new(), Vec::new(), 0);
    let mut node = |operator: &str, inputs: &[&str], attribute: Option<u64>| {
        made += 1;
        let name = graph.new_name(&format!("numbers_{made}"));
        write::bytes(&mut nodes, 1, &written(operator, inputs, &name, attribute));
        name
    };
    tensor = node("Cast", &[&tensor], Some(FLOAT));
    for step in steps.iter().filter(|step| !step.is_nothing()) {
        let numbers = graph.new_name(&format!("{}_of_{tensor}", step.operator()));
        write::bytes(&mut weights, 5, &three(&numbers, step.numbers()));
        tensor = node(step.operator(), &[&tensor, &numbers], None);
    }
    if declared.element == FLOAT16 {
        tensor = node("Cast", &[&tensor], Some(FLOAT16));
    }

    let mut changes = vec![
        Change { at: declared.element_at.clone(), bytes: vec![u8::try_from(UINT8).unwrap_or_default()] },
        Change { at: first.field_at..first.field_at, bytes: nodes },
        Change { at: survey.graph_payload.end..survey.graph_payload.end, bytes: weights },
    ];
    for node in graph.nodes.iter().filter(|node| node.inputs.iter().any(|one| one == input)) {
        let old = read(node.payload.clone())?;
        let mut bytes = Vec::new();
        write::bytes(&mut bytes, 1, &with_inputs(&old, |_, name| (name == input).then_some(&tensor))?);
        changes.push(Change { at: node.field_at..node.payload.end, bytes });
    }
    Ok(changes)
}

/// A NodeProto of ONNX itself; the attribute is `to`.
fn written(operator: &str, inputs: &[&str], output: &str, to: Option<u64>) -> Vec<u8> {
    let mut node = Vec::new();
    for input in inputs {
        write::bytes(&mut node, 1, input.as_bytes());
    }
    write::bytes(&mut node, 2, output.as_bytes());
    write::bytes(&mut node, 3, output.as_bytes());
    write::bytes(&mut node, 4, operator.as_bytes());
    if let Some(to) = to {
        let mut attribute = Vec::new();
        write::bytes(&mut attribute, 1, b"to");
        write::number(&mut attribute, 3, to);
        // AttributeProto.AttributeType.INT
        write::number(&mut attribute, 20, 2);
        write::bytes(&mut node, 5, &attribute);
    }
    node
}

/// A TensorProto `[3, 1, 1]`: a number for each channel, wherever the channels are in front of rows and columns.
fn three(name: &str, numbers: [f32; 3]) -> Vec<u8> {
    let mut tensor = Vec::new();
    for side in [3, 1, 1] {
        write::number(&mut tensor, 1, side);
    }
    write::number(&mut tensor, 2, FLOAT);
    write::bytes(&mut tensor, 8, name.as_bytes());
    write::bytes(&mut tensor, 9, &numbers.map(f32::to_le_bytes).concat());
    tensor
}
