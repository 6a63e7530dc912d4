//! What a graph declares about its inputs and outputs, and which shapes agree with it.

use super::{InferError, TensorSpec};
use crate::types::Element;
use ort::session::Session;
use ort::value::{Outlet, TensorElementType};
use std::collections::BTreeMap;

/// The inputs in the order of the graph.
///
/// # Errors
/// [`InferError::Element`] for the first of a type that we do not pass: a run needs every input.
pub(super) fn inputs(session: &Session) -> Result<Vec<TensorSpec>, InferError> {
    session.inputs().iter().map(spec).collect()
}

/// The outputs in the order of the graph, without those of a type that we do not pass: they are not computed, and
/// nobody can read them.
///
/// # Errors
/// [`InferError::Element`] when no output is left.
pub(super) fn outputs(session: &Session) -> Result<Vec<TensorSpec>, InferError> {
    let (mut passed, mut left_out) = (Vec::new(), Vec::new());
    for outlet in session.outputs() {
        match spec(outlet) {
            Ok(spec) => passed.push(spec),
            Err(error) => left_out.push(error),
        }
    }
    if passed.is_empty() && !left_out.is_empty() {
        return Err(left_out.swap_remove(0));
    }
    for reason in left_out {
        tracing::warn!(%reason, "an output is left out");
    }
    Ok(passed)
}

/// The model's own key-value notes.
///
/// # Errors
/// [`InferError::Runtime`] when they cannot be read.
pub(super) fn metadata(session: &Session) -> Result<BTreeMap<String, String>, InferError> {
    let failed = InferError::runtime("read the model's metadata");
    let metadata = session.metadata().map_err(&failed)?;
    let keys = metadata.custom_keys().map_err(&failed)?;
    Ok(keys.into_iter().filter_map(|key| metadata.custom(&key).map(|value| (key, value))).collect())
}

fn spec(outlet: &Outlet) -> Result<TensorSpec, InferError> {
    let name = outlet.name().to_owned();
    let element = match outlet.dtype().tensor_type() {
        Some(TensorElementType::Float32) => Element::F32,
        Some(TensorElementType::Float16) => Element::F16,
        Some(TensorElementType::Int64) => Element::I64,
        Some(TensorElementType::Bool) => Element::Bool,
        Some(TensorElementType::Int32) => Element::I32,
        Some(TensorElementType::Uint8) => Element::U8,
        Some(other) => return Err(InferError::Element { name, found: onnx_name(other) }),
        None => return Err(InferError::Element { name, found: outlet.dtype().to_string() }),
    };
    let shape = outlet.dtype().tensor_shape().map(|shape| shape.iter().map(|&d| usize::try_from(d).ok()).collect());
    Ok(TensorSpec { name, element, shape: shape.unwrap_or_default() })
}

/// As ONNX spells the types that exports have and we do not pass: `uint16`, not `u16`.
fn onnx_name(element: TensorElementType) -> String {
    let name = match element {
        TensorElementType::Int8 => "int8",
        TensorElementType::Int16 => "int16",
        TensorElementType::Uint16 => "uint16",
        TensorElementType::Uint32 => "uint32",
        TensorElementType::Uint64 => "uint64",
        TensorElementType::Float64 => "float64",
        TensorElementType::Bfloat16 => "bfloat16",
        TensorElementType::String => "string",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// Whether a tensor of the shape `given` can stand where `declared` is expected: as many dimensions, and those that
/// are fixed are equal.
pub(super) fn takes(declared: &TensorSpec, given: &[usize]) -> bool {
    let agree = |(declared, given): (&Option<usize>, &usize)| declared.is_none_or(|declared| declared == *given);
    declared.shape.len() == given.len() && declared.shape.iter().zip(given).all(agree)
}

/// As [`takes`], with the error that names both.
///
/// # Errors
/// [`InferError::Shape`].
pub(super) fn check_shape(declared: &TensorSpec, given: &[usize]) -> Result<(), InferError> {
    if takes(declared, given) {
        return Ok(());
    }
    Err(InferError::Shape { input: declared.to_string(), given: given.to_vec() })
}

/// The place of each name in `declared`, with its shape.
///
/// # Errors
/// [`InferError::UnknownInput`] for a name that is not there.
pub(super) fn places<'a>(
    declared: &[TensorSpec],
    shapes: &'a [(String, Vec<usize>)],
) -> Result<Vec<(usize, &'a [usize])>, InferError> {
    let place = |(name, shape): &'a (String, Vec<usize>)| {
        let index = declared.iter().position(|spec| spec.name == *name).ok_or_else(|| {
            let inputs: Vec<_> = declared.iter().map(ToString::to_string).collect();
            InferError::UnknownInput { name: name.clone(), inputs: inputs.join(", ") }
        })?;
        Ok((index, shape.as_slice()))
    };
    shapes.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(shape: &[Option<usize>]) -> TensorSpec {
        TensorSpec { name: "images".to_owned(), element: Element::F32, shape: shape.to_vec() }
    }

    #[test]
    fn an_open_dimension_takes_what_is_given() {
        for given in [[1, 3, 64], [0, 3, 0]] {
            check_shape(&declared(&[None, Some(3), None]), &given).unwrap();
        }
    }

    #[test]
    fn a_shape_that_contradicts_the_graph_is_refused_with_both() {
        for given in [vec![1, 4, 64], vec![1, 0, 64], vec![1, 3], vec![]] {
            let error = check_shape(&declared(&[None, Some(3), Some(64)]), &given).unwrap_err();
            assert_eq!(error.to_string(), format!("input images float32 [?, 3, 64] does not take shape {given:?}"));
        }
    }
}
