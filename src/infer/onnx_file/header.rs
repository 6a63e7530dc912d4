//! What an ONNX file says of itself: versions, tensors, notes, files of weights. No weights are read.
//!
//! Source: `onnx.proto` (ModelProto, GraphProto, TensorProto), the ONNX documentation, "External Data".

use super::wire::{Broken, Reader, Value};
use crate::infer::{Signature, TensorSpec};
use crate::types::Element;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

/// An ONNX file as far as it can be told without ONNX Runtime, and without reading its weights.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OnnxFile {
    /// The version of the format.
    pub ir_version: u64,
    /// Versions of the operator sets, by domain; that of ONNX itself has the name `ai.onnx`.
    pub opsets: BTreeMap<String, u64>,
    /// What wrote the file, with its version: `pytorch 2.4.0`. May be empty.
    pub producer: String,
    /// Inputs, outputs and notes as the file declares them. ONNX Runtime may know more of the outputs' shapes.
    pub signature: Signature,
    /// Inputs and outputs of a type that we do not pass, `mask uint16`.
    pub other_tensors: Vec<String>,
    /// The names that inputs' open dimensions have, in the order of their shapes.
    pub(in crate::infer) dimension_names: BTreeMap<String, Vec<Option<String>>>,
    /// Files of weights beside it, each with the bytes that it must hold.
    pub(super) external: BTreeMap<String, u64>,
}

impl OnnxFile {
    /// Files of weights beside it, as it names them: relative to its folder.
    pub fn external_files(&self) -> impl Iterator<Item = &str> {
        self.external.keys().map(String::as_str)
    }

    /// The name of an input's open dimension: those of one name have one size.
    pub(in crate::infer) fn dimension_name(&self, input: &str, dimension: usize) -> Option<&str> {
        self.dimension_names.get(input)?.get(dimension)?.as_deref()
    }
}

/// # Errors
/// [`Broken`] where the bytes are no ONNX model.
pub(super) fn read(reader: &mut Reader<impl Read + Seek>) -> Result<OnnxFile, Broken> {
    let mut file = OnnxFile::default();
    let (mut graph, mut version, end) = (Graph::default(), String::new(), reader.length());
    let mut has_graph = false;
    reader.message(end, &mut |reader, field, value| {
        match (field, value) {
            (1, Value::Number(number)) => file.ir_version = number,
            (2, Value::Until(end)) => file.producer = reader.text(end)?,
            (3, Value::Until(end)) => version = reader.text(end)?,
            (7, Value::Until(end)) => {
                has_graph = true;
                graph.read(reader, end, &mut file.external)?;
            }
            (8, Value::Until(end)) => {
                let (domain, number) = read_opset(reader, end)?;
                file.opsets.insert(domain, number);
            }
            (14, Value::Until(end)) => {
                let (key, note) = read_pair(reader, end)?;
                file.signature.metadata.insert(key, note);
            }
            _ => {}
        }
        Ok(())
    })?;
    if !has_graph {
        return Err(Broken::Malformed { what: "the end without a graph", at: end });
    }
    file.producer = format!("{} {version}", file.producer).trim().to_owned();
    graph.inputs.retain(|(name, _)| !graph.initializers.contains(name));
    let named = |(name, declared): &(String, Declared)| (name.clone(), declared.names.clone());
    file.dimension_names = graph.inputs.iter().map(named).collect();
    for (tensors, passed) in [(graph.inputs, &mut file.signature.inputs), (graph.outputs, &mut file.signature.outputs)]
    {
        for (name, Declared { element, shape, .. }) in tensors {
            match element_of(element) {
                Ok(element) => passed.push(TensorSpec { name, element, shape }),
                Err(found) => file.other_tensors.push(format!("{name} {found}")),
            }
        }
    }
    Ok(file)
}

/// Type and shape of a tensor.
#[derive(Default)]
struct Declared {
    element: u64,
    shape: Vec<Option<usize>>,
    names: Vec<Option<String>>,
}

/// What is wanted of a GraphProto.
#[derive(Default)]
struct Graph {
    initializers: BTreeSet<String>,
    inputs: Vec<(String, Declared)>,
    outputs: Vec<(String, Declared)>,
}

impl Graph {
    fn read(
        &mut self,
        reader: &mut Reader<impl Read + Seek>,
        end: u64,
        external: &mut BTreeMap<String, u64>,
    ) -> Result<(), Broken> {
        reader.message(end, &mut |reader, field, value| {
            let Value::Until(end) = value else { return Ok(()) };
            match field {
                1 => read_node(reader, end, external)?,
                5 => self.initializers.extend(read_tensor(reader, end, external)?),
                11 => self.inputs.push(read_value_info(reader, end)?),
                12 => self.outputs.push(read_value_info(reader, end)?),
                // The values and the indices of a sparse one.
                15 => {
                    reader.message(end, &mut |reader, field, value| {
                        if let (1 | 2, Value::Until(end)) = (field, value) {
                            self.initializers.extend(read_tensor(reader, end, external)?);
                        }
                        Ok(())
                    })?;
                }
                _ => {}
            }
            Ok(())
        })
    }
}

/// The tensors and graphs in a node's attributes may have weights elsewhere.
fn read_node(
    reader: &mut Reader<impl Read + Seek>,
    end: u64,
    external: &mut BTreeMap<String, u64>,
) -> Result<(), Broken> {
    reader.message(end, &mut |reader, field, value| {
        let (5, Value::Until(end)) = (field, value) else { return Ok(()) };
        reader.message(end, &mut |reader, field, value| {
            match (field, value) {
                (5 | 10, Value::Until(end)) => {
                    read_tensor(reader, end, external)?;
                }
                (6 | 11, Value::Until(end)) => Graph::default().read(reader, end, external)?,
                _ => {}
            }
            Ok(())
        })
    })
}

/// The name of a TensorProto, and where its data is when that is elsewhere.
fn read_tensor(
    reader: &mut Reader<impl Read + Seek>,
    end: u64,
    external: &mut BTreeMap<String, u64>,
) -> Result<Option<String>, Broken> {
    let mut name = None;
    let mut pairs = BTreeMap::new();
    let mut is_elsewhere = false;
    reader.message(end, &mut |reader, field, value| {
        match (field, value) {
            (8, Value::Until(end)) => name = Some(reader.text(end)?),
            (13, Value::Until(end)) => pairs.extend([read_pair(reader, end)?]),
            (14, Value::Number(location)) => is_elsewhere = location == 1,
            _ => {}
        }
        Ok(())
    })?;
    if let Some(location) = pairs.get("location").filter(|_| is_elsewhere) {
        let number = |key: &str| pairs.get(key).and_then(|text: &String| text.parse::<u64>().ok()).unwrap_or(0);
        let bytes = number("offset").saturating_add(number("length"));
        let known = external.entry(location.clone()).or_default();
        *known = bytes.max(*known);
    }
    Ok(name)
}

fn read_value_info(reader: &mut Reader<impl Read + Seek>, end: u64) -> Result<(String, Declared), Broken> {
    let (mut name, mut declared) = (String::new(), Declared::default());
    reader.keep(size_of::<(String, Declared)>() as u64)?;
    reader.message(end, &mut |reader, field, value| {
        match (field, value) {
            (1, Value::Until(end)) => name = reader.text(end)?,
            (2, Value::Until(end)) => {
                reader.message(end, &mut |reader, field, value| match (field, value) {
                    (1, Value::Until(end)) => read_tensor_type(reader, end, &mut declared),
                    _ => Ok(()),
                })?;
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok((name, declared))
}

fn read_tensor_type(reader: &mut Reader<impl Read + Seek>, end: u64, declared: &mut Declared) -> Result<(), Broken> {
    reader.message(end, &mut |reader, field, value| {
        match (field, value) {
            (1, Value::Number(element)) => declared.element = element,
            (2, Value::Until(end)) => {
                reader.message(end, &mut |reader, field, value| {
                    if let (1, Value::Until(end)) = (field, value) {
                        reader.keep(size_of::<(Option<usize>, Option<String>)>() as u64)?;
                        let (size, name) = read_dimension(reader, end)?;
                        declared.shape.push(size);
                        declared.names.push(name);
                    }
                    Ok(())
                })?;
            }
            _ => {}
        }
        Ok(())
    })
}

/// Its size, `None` where it is open or a value that is none; and its name.
fn read_dimension(reader: &mut Reader<impl Read + Seek>, end: u64) -> Result<(Option<usize>, Option<String>), Broken> {
    let (mut size, mut name) = (None, None);
    reader.message(end, &mut |reader, field, value| {
        match (field, value) {
            // A negative one is written as a number above all others.
            (1, Value::Number(number)) => {
                size = i64::try_from(number).ok().and_then(|number| usize::try_from(number).ok())
            }
            (2, Value::Until(end)) => name = Some(reader.text(end)?).filter(|name| !name.is_empty()),
            _ => {}
        }
        Ok(())
    })?;
    Ok((size, name))
}

/// The type of a number of TensorProto.DataType; its name where it is none that we pass.
fn element_of(number: u64) -> Result<Element, &'static str> {
    Err(match number {
        1 => return Ok(Element::F32),
        2 => return Ok(Element::U8),
        6 => return Ok(Element::I32),
        7 => return Ok(Element::I64),
        9 => return Ok(Element::Bool),
        10 => return Ok(Element::F16),
        0 => "no tensor",
        3 => "int8",
        4 => "uint16",
        5 => "int16",
        8 => "string",
        11 => "float64",
        12 => "uint32",
        13 => "uint64",
        16 => "bfloat16",
        _ => "of a type without a name here",
    })
}

/// The domain of a set of operators, `ai.onnx` for ONNX's own, and its version.
pub(in crate::infer) fn read_opset(reader: &mut Reader<impl Read + Seek>, end: u64) -> Result<(String, u64), Broken> {
    let (mut domain, mut version) = (String::new(), 0);
    reader.message(end, &mut |reader, field, value| {
        match (field, value) {
            (1, Value::Until(end)) => domain = reader.text(end)?,
            (2, Value::Number(number)) => version = number,
            _ => {}
        }
        Ok(())
    })?;
    Ok((if domain.is_empty() { "ai.onnx".to_owned() } else { domain }, version))
}

/// A StringStringEntryProto.
fn read_pair(reader: &mut Reader<impl Read + Seek>, end: u64) -> Result<(String, String), Broken> {
    let (mut key, mut text) = (String::new(), String::new());
    reader.message(end, &mut |reader, field, value| {
        match (field, value) {
            (1, Value::Until(end)) => key = reader.text(end)?,
            (2, Value::Until(end)) => text = reader.text(end)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, text))
}
