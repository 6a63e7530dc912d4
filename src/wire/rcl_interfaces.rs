//! rcl_interfaces: Parameter, as a part of other messages.

use super::cdr::{Reader, Writer};
use super::error::WireError;
use crate::types::ParameterValue;

/// Bytes of a Parameter at the least, alignment apart: an empty name, and a value of nothing.
pub(super) const PARAMETER_LEAST_BYTES: usize = 4 + 1 + 1 + 8 + 8 + 6 * 4;

/// A Parameter.
pub(super) fn write_parameter(writer: &mut Writer<'_>, name: &str, value: &ParameterValue) {
    use ParameterValue as V;
    writer.str(name);
    writer.u8(value.type_number());
    writer.u8(matches!(value, V::Bool(true)).into());
    writer.i64(if let V::Integer(value) = value { *value } else { 0 });
    writer.f64(if let V::Double(value) = value { *value } else { 0.0 });
    writer.str(if let V::String(value) = value { value } else { "" });
    writer.byte_sequence(&[]);
    let flags: &[bool] = if let V::BoolArray(values) = value { values } else { &[] };
    writer.count(flags.len());
    flags.iter().for_each(|flag| writer.u8((*flag).into()));
    let integers: &[i64] = if let V::IntegerArray(values) = value { values } else { &[] };
    writer.count(integers.len());
    integers.iter().for_each(|integer| writer.i64(*integer));
    let numbers: &[f64] = if let V::DoubleArray(values) = value { values } else { &[] };
    writer.count(numbers.len());
    numbers.iter().for_each(|number| writer.f64(*number));
    let texts: &[String] = if let V::StringArray(values) = value { values } else { &[] };
    writer.count(texts.len());
    texts.iter().for_each(|text| writer.str(text));
}

/// A Parameter, with the value of its type; what else stands in the message is passed over.
pub(super) fn read_parameter(reader: &mut Reader<'_>) -> Result<(String, ParameterValue), WireError> {
    let name = reader.str("name")?.to_owned();
    let kind = reader.u8("value.type")?;
    let flag = reader.u8("value.bool_value")? != 0;
    let integer = reader.i64("value.integer_value")?;
    let number = reader.f64("value.double_value")?;
    let text = reader.str("value.string_value")?;
    reader.byte_sequence("value.byte_array_value")?;
    let count = reader.count("value.bool_array_value", 1)?;
    let flags = (0..count).map(|_| Ok(reader.u8("value.bool_array_value")? != 0)).collect::<Result<_, WireError>>()?;
    let count = reader.count("value.integer_array_value", 8)?;
    let integers = (0..count).map(|_| reader.i64("value.integer_array_value")).collect::<Result<_, _>>()?;
    let numbers = reader.f64_sequence("value.double_array_value")?.collect();
    let count = reader.count("value.string_array_value", 4)?;
    let owned = |text: &str| text.to_owned();
    let texts = (0..count).map(|_| reader.str("value.string_array_value").map(owned)).collect::<Result<_, _>>()?;
    let value = match kind {
        1 => ParameterValue::Bool(flag),
        2 => ParameterValue::Integer(integer),
        3 => ParameterValue::Double(number),
        4 => ParameterValue::String(text.to_owned()),
        6 => ParameterValue::BoolArray(flags),
        7 => ParameterValue::IntegerArray(integers),
        8 => ParameterValue::DoubleArray(numbers),
        9 => ParameterValue::StringArray(texts),
        other => {
            return Err(reader.refuse("value.type", other, "1 to 4 or 6 to 9, a type of rcl_interfaces/ParameterType"));
        }
    };
    Ok((name, value))
}
