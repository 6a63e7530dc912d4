//! The nodes of a graph and where they stand in its file. No weights are read.
//!
//! Source: `onnx.proto` (ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto).

use super::write;
use crate::infer::onnx_file::header::read_opset;
use crate::infer::onnx_file::wire::{Broken, Reader, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read, Seek};
use std::ops::Range;

/// The number of ModelProto's field `graph`.
pub(super) const GRAPH: u64 = 7;

/// A model's graph.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Where the field of the graph begins, and the bytes that it holds.
    pub graph_at: u64,
    pub graph_payload: Range<u64>,
    pub graph: Graph,
}

/// What a walk over nodes must know.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The version of ONNX's own operators.
    pub opset: u64,
    pub nodes: Vec<Node>,
    /// What the inputs hold.
    pub inputs: BTreeMap<String, InputElement>,
    /// The shapes of the weights.
    pub initializers: BTreeMap<String, Vec<u64>>,
    /// How many dimensions each output has by its declaration.
    pub outputs: BTreeMap<String, usize>,
}

/// The elements of an input by TensorProto.DataType, 0 where it tells none, and the bytes that say so.
#[derive(Debug, Default, Clone)]
pub(super) struct InputElement {
    pub element: u64,
    pub element_at: Range<u64>,
}

/// A node.
#[derive(Debug, Default, Clone)]
pub(super) struct Node {
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub operator: String,
    /// Empty and `ai.onnx` are ONNX's own.
    pub domain: String,
    /// Tensors of the graph that graphs in its attributes may read.
    pub captured: BTreeSet<String>,
    /// The shape of the tensor in its attributes, where it has one.
    pub constant: Option<Vec<u64>>,
    /// Where its field begins, and the bytes that it holds.
    pub field_at: u64,
    pub payload: Range<u64>,
}

impl Survey {
    /// # Errors
    /// [`Broken`] where the bytes are no model.
    pub fn of(reader: &mut Reader<impl Read + Seek>) -> Result<Self, Broken> {
        let mut survey = Self::default();
        reader.message(reader.length(), &mut |reader, field, value| {
            match (field, value) {
                // Protobuf would merge the two.
                (GRAPH, Value::Until(_)) if !survey.graph_payload.is_empty() => {
                    return Err(Broken::Malformed { what: "a second graph", at: reader.field_at() });
                }
                (GRAPH, Value::Until(end)) => {
                    (survey.graph_at, survey.graph_payload) = (reader.field_at(), reader.at()..end);
                    survey.graph.read(reader, end)?;
                }
                (8, Value::Until(end)) => {
                    let (domain, version) = read_opset(reader, end)?;
                    if is_own(&domain) {
                        survey.graph.opset = version;
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(survey)
    }
}

fn is_own(domain: &str) -> bool {
    matches!(domain, "" | "ai.onnx")
}

impl Graph {
    fn read(&mut self, reader: &mut Reader<impl Read + Seek>, end: u64) -> Result<(), Broken> {
        reader.message(end, &mut |reader, field, value| {
            let Value::Until(end) = value else { return Ok(()) };
            match field {
                1 => self.nodes.push(Node::read(reader, end)?),
                5 => {
                    let (name, shape) = tensor(reader, end)?;
                    self.initializers.insert(name, shape);
                }
                11 => {
                    let (name, element) = input(reader, end)?;
                    self.inputs.insert(name, element);
                }
                12 => {
                    let (name, dimensions) = output(reader, end)?;
                    self.outputs.insert(name, dimensions);
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// The node that gives a tensor, and which of its outputs that is.
    pub fn source(&self, tensor: &str) -> Option<(usize, usize)> {
        let output = |node: &Node| node.outputs.iter().position(|output| output == tensor);
        self.nodes.iter().enumerate().find_map(|(index, node)| Some((index, output(node)?)))
    }

    /// How many inputs a tensor stands at.
    pub fn uses(&self, tensor: &str) -> usize {
        let of_node = |node: &Node| {
            let direct = node.inputs.iter().filter(|input| *input == tensor).count();
            direct + usize::from(node.captured.contains(tensor))
        };
        self.nodes.iter().map(of_node).sum()
    }

    /// A name that nothing has.
    pub fn new_name(&self, like: &str) -> String {
        let is_taken = |name: &String| {
            self.initializers.contains_key(name)
                || self.outputs.contains_key(name)
                || self.inputs.contains_key(name)
                || self.uses(name) > 0
                || self.nodes.iter().any(|node| node.outputs.contains(name))
        };
        let mut name = format!("vedette/{like}");
        while is_taken(&name) {
            name.push('_');
        }
        name
    }
}

impl Node {
    /// The operator, where it is of ONNX itself.
    pub fn own(&self) -> Option<&str> {
        is_own(&self.domain).then_some(&self.operator)
    }

    fn read(reader: &mut Reader<impl Read + Seek>, end: u64) -> Result<Self, Broken> {
        let mut node = Self { field_at: reader.field_at(), payload: reader.at()..end, ..Self::default() };
        reader.keep(size_of::<Self>() as u64)?;
        reader.message(end, &mut |reader, field, value| {
            let Value::Until(end) = value else { return Ok(()) };
            match field {
                1 => node.inputs.push(reader.text(end)?),
                2 => node.outputs.push(reader.text(end)?),
                4 => node.operator = reader.text(end)?,
                5 => node.read_attribute(reader, end)?,
                7 => node.domain = reader.text(end)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(node)
    }

    fn read_attribute(&mut self, reader: &mut Reader<impl Read + Seek>, end: u64) -> Result<(), Broken> {
        reader.message(end, &mut |reader, field, value| {
            match (field, value) {
                (5, Value::Until(end)) => self.constant = Some(tensor(reader, end)?.1),
                (6 | 11, Value::Until(end)) => {
                    let mut inner = Graph::default();
                    inner.read(reader, end)?;
                    for node in inner.nodes {
                        self.captured.extend(node.inputs);
                        self.captured.extend(node.captured);
                    }
                    // An outer tensor may be an inner graph's output as it is.
                    self.captured.extend(inner.outputs.into_keys());
                }
                _ => {}
            }
            Ok(())
        })
    }
}

/// The name and the shape of a TensorProto.
fn tensor(reader: &mut Reader<impl Read + Seek>, end: u64) -> Result<(String, Vec<u64>), Broken> {
    let (mut name, mut shape) = (String::new(), Vec::new());
    reader.message(end, &mut |reader, field, value| {
        match (field, value) {
            (1, Value::Number(size)) => {
                reader.keep(size_of::<u64>() as u64)?;
                shape.push(size);
            }
            (1, Value::Until(end)) => {
                while reader.at() < end {
                    reader.keep(size_of::<u64>() as u64)?;
                    shape.push(reader.varint(end)?);
                }
            }
            (8, Value::Until(end)) => name = reader.text(end)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, shape))
}

/// A NodeProto with other names at the inputs that `rename` gives one, by place and name.
pub(super) fn with_inputs<'a>(
    node: &[u8],
    mut rename: impl FnMut(usize, &str) -> Option<&'a String>,
) -> Result<Vec<u8>, String> {
    let (mut out, mut place) = (Vec::new(), 0);
    let mut reader = Reader::new(Cursor::new(node), node.len() as u64);
    let read = reader.message(node.len() as u64, &mut |reader, field, value| {
        let bounds = [reader.field_at(), reader.next_at()].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        let mut renamed = None;
        if let (1, Value::Until(end)) = (field, value) {
            renamed = rename(place, &reader.text(end)?);
            place += 1;
        }
        match renamed {
            Some(name) => write::bytes(&mut out, 1, name.as_bytes()),
            None => out.extend_from_slice(node.get(bounds[0]..bounds[1]).unwrap_or_default()),
        }
        Ok(())
    });
    read.map_err(|broken| broken.to_string())?;
    Ok(out)
}

/// The name of a ValueInfoProto, and the elements of its tensor.
fn input(reader: &mut Reader<impl Read + Seek>, end: u64) -> Result<(String, InputElement), Broken> {
    let (mut name, mut element) = (String::new(), InputElement::default());
    reader.message(end, &mut |reader, field, value| {
        match (field, value) {
            (1, Value::Until(end)) => name = reader.text(end)?,
            (2, Value::Until(end)) => reader.message(end, &mut |reader, field, value| match (field, value) {
                (1, Value::Until(end)) => reader.message(end, &mut |reader, field, value| {
                    if let (1, Value::Number(number)) = (field, value) {
                        // Behind the field's own byte.
                        element = InputElement { element: number, element_at: reader.field_at() + 1..reader.next_at() };
                    }
                    Ok(())
                }),
                _ => Ok(()),
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, element))
}

/// The name of a ValueInfoProto, and its number of dimensions; 0 where it tells none.
fn output(reader: &mut Reader<impl Read + Seek>, end: u64) -> Result<(String, usize), Broken> {
    let (mut name, mut dimensions) = (String::new(), 0);
    reader.message(end, &mut |reader, field, value| {
        match (field, value) {
            (1, Value::Until(end)) => name = reader.text(end)?,
            (2, Value::Until(end)) => dimensions = type_dimensions(reader, end, &TENSOR_TYPE_SHAPE_DIM)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, dimensions))
}

/// The fields that lead from a TypeProto to its dimensions.
const TENSOR_TYPE_SHAPE_DIM: [u64; 3] = [1, 2, 1];

/// How many messages are at the end of a path of fields.
fn type_dimensions(reader: &mut Reader<impl Read + Seek>, end: u64, path: &[u64]) -> Result<usize, Broken> {
    let Some((wanted, rest)) = path.split_first() else { return Ok(1) };
    let mut count = 0;
    reader.message(end, &mut |reader, field, value| {
        if let Value::Until(end) = value
            && field == *wanted
        {
            count += type_dimensions(reader, end, rest)?;
        }
        Ok(())
    })?;
    Ok(count)
}
