//! A parameter's value, and how an unquoted scalar of a parameter file gets its type.
//!
//! The types are those of rcl_interfaces/ParameterValue without byte arrays, which no file can hold. A scalar is
//! typed as rcl_yaml_param_parser types it, which is neither YAML 1.1 nor 1.2: booleans are
//! `true`, `yes`, `on`, `y` and their opposites in three spellings each, integers are C's (`0x1f`, `017` is 15),
//! numbers are C's or `.inf` and `.nan`, and `~` and `null` are strings.

use crate::types::ParameterValue;

/// The type of a scalar that stands without quotes in a file or on a command line.
pub(super) fn from_plain(text: &str) -> ParameterValue {
    if let Some(value) = bool_from(text) {
        return ParameterValue::Bool(value);
    }
    if let Some(value) = integer_from(text) {
        return ParameterValue::Integer(value);
    }
    double_from(text).map_or_else(|| ParameterValue::String(text.to_owned()), ParameterValue::Double)
}

/// One list from its items.
///
/// # Errors
/// The first item whose type differs from that of the items before it; ROS knows no mixed lists.
pub(super) fn from_items(items: Vec<ParameterValue>) -> Result<ParameterValue, MixedList> {
    let mut items = items.into_iter();
    let mut list = match items.next() {
        None => return Ok(ParameterValue::StringArray(Vec::new())),
        Some(ParameterValue::Bool(value)) => ParameterValue::BoolArray(vec![value]),
        Some(ParameterValue::Integer(value)) => ParameterValue::IntegerArray(vec![value]),
        Some(ParameterValue::Double(value)) => ParameterValue::DoubleArray(vec![value]),
        Some(ParameterValue::String(value)) => ParameterValue::StringArray(vec![value]),
        Some(nested) => return Err(MixedList { list: "list", item: nested.type_name() }),
    };
    for item in items {
        match (&mut list, item) {
            (ParameterValue::BoolArray(values), ParameterValue::Bool(value)) => values.push(value),
            (ParameterValue::IntegerArray(values), ParameterValue::Integer(value)) => values.push(value),
            (ParameterValue::DoubleArray(values), ParameterValue::Double(value)) => values.push(value),
            (ParameterValue::StringArray(values), ParameterValue::String(value)) => values.push(value),
            (list, item) => return Err(MixedList { list: list.type_name(), item: item.type_name() }),
        }
    }
    Ok(list)
}

/// A list whose items differ in type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MixedList {
    /// The type of the list so far.
    pub list: &'static str,
    /// The type of the item that does not fit.
    pub item: &'static str,
}

fn bool_from(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => None,
    }
}

/// What C's `strtol` with base 0 takes whole: a sign, then `0x…`, an octal `0…` or decimal digits.
fn integer_from(text: &str) -> Option<i64> {
    let (sign, unsigned) = split_sign(text);
    let (radix, digits) = match unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None if unsigned.len() > 1 && unsigned.starts_with('0') => (8, unsigned),
        None => (10, unsigned),
    };
    // A second sign is none of Rust's business here: from_str_radix sees exactly one.
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

/// What C's `strtod` takes whole, but for hexadecimal numbers; a number beyond f64 is text, as for rcl. (A number too
/// small for f64 is text for rcl and zero here.)
fn double_from(text: &str) -> Option<f64> {
    let (_, unsigned) = split_sign(text);
    match unsigned {
        ".nan" | ".NaN" | ".NAN" if unsigned == text => return Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" => return Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY }),
        _ => {}
    }
    let value: f64 = text.parse().ok()?;
    let overflowed = value.is_infinite() && unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    (!overflowed).then_some(value)
}

fn split_sign(text: &str) -> (&str, &str) {
    match text.as_bytes().first() {
        Some(b'+' | b'-') => text.split_at(1),
        _ => ("", text),
    }
}

#[cfg(test)]
mod tests {
    use super::{from_items, from_plain};
    use crate::types::ParameterValue::{self, Bool, Double, Integer};

    /// Every line was read by rcl_yaml_param_parser of ROS 2 Jazzy; the values are what it said.
    #[test]
    fn plain_scalars_have_the_types_that_rcl_gives_them() {
        for (text, value) in [
            ("1", Integer(1)),
            ("+5", Integer(5)),
            ("-0x1F", Integer(-31)),
            ("0x1F", Integer(31)),
            ("017", Integer(15)),
            ("08", Double(8.0)),
            ("1.0", Double(1.0)),
            ("1.", Double(1.0)),
            (".5", Double(0.5)),
            ("1e3", Double(1000.0)),
            ("inf", Double(f64::INFINITY)),
            ("-.inf", Double(f64::NEG_INFINITY)),
            ("9223372036854775808", Double(9_223_372_036_854_775_808.0)),
            ("y", Bool(true)),
            ("On", Bool(true)),
            ("NO", Bool(false)),
        ] {
            assert_eq!(from_plain(text), value, "{text}");
        }
        for text in ["1_000", "0o17", "0b11", "1e999", "~", "null", "12:30:00", "--5", "0x-5", "+", "", "yEs"] {
            assert_eq!(from_plain(text), ParameterValue::String(text.to_owned()), "{text}");
        }
        assert!(matches!(from_plain(".nan"), Double(value) if value.is_nan()));
    }

    #[test]
    fn a_list_of_integers_and_numbers_is_mixed() {
        let mixed = from_items(vec![Integer(1), Double(2.0)]).unwrap_err();
        assert_eq!((mixed.list, mixed.item), ("integer[]", "double"));
    }
}
